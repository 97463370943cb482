// SPDX-License-Identifier: Apache-2.0
//
// users: who may sign in, in which role, and what each role may do.
//
//   make --> signs in once with the given password, chooses their own --> disabled | dropped
//
// The server has the last word: it keeps the last owner, and lets only an owner touch an owner.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Role, RoleMeaning, User, UserPage } from '../api/api';
import { call, read } from '../api/client';
import { may, session } from '../core/session';
import { Ago } from '../core/time';
import { listed, t } from '../i18n/i18n';
import { Dialog } from '../parts/dialog';
import { CrossIcon, TickIcon } from '../parts/icons';
import { Done, Says } from '../parts/says';
import { PASSWORD_MIN } from './password';

function RoleTable({ roles }: { roles: RoleMeaning[] }) {
  const all = [...new Set(roles.flatMap(r => r.permissions))];
  return (
    <section class="card c12" aria-labelledby="roles">
      <header><h2 id="roles">{t('roles.title')}</h2><span class="sub">{t('roles.sub')}</span></header>
      <div class="scrolls" tabIndex={0} role="group" aria-labelledby="roles">
        <table class="roles">
          <thead><tr><th scope="col">{t('roles.may')}</th>{roles.map(r => <th key={r.role} scope="col">{t(`role.${r.role}`)}</th>)}</tr></thead>
          <tbody>{all.map(p => (
            <tr key={p}><th scope="row">{t(`may.${p}`)} <span class="mono dimmer">{p}</span></th>{roles.map(r => (
              <td key={r.role}>{r.permissions.includes(p) ? <span class="yes"><TickIcon /><span class="only-read">{t('word.yes')}</span></span> : <span class="dimmer">–<span class="only-read">{t('word.no')}</span></span>}</td>
            ))}</tr>
          ))}</tbody>
        </table>
      </div>
    </section>
  );
}

function RoleField({ roles, value }: { roles: RoleMeaning[]; value: Role }) {
  const mine = session.value!.account.role;
  const choices = roles.map(r => r.role).filter(r => r !== 'owner' || mine === 'owner');
  return (
    <div class="field">
      <label for="user-role">{t('account.role')}</label>
      <select class="input" id="user-role" name="role" defaultValue={value}>{choices.map(r => <option key={r} value={r} selected={r === value}>{t(`role.${r}`)}</option>)}</select>
    </div>
  );
}

function CatalogField({ value }: { value: string | null }) {
  return (
    <div class="field">
      <label for="user-catalog">{t('users.catalog')}</label>
      <select class="input" id="user-catalog" name="catalog">
        <option value="" selected={value === null}>{t('users.every')}</option>
        {session.value!.catalogs.map(c => <option key={c} value={c} selected={c === value}>{c}</option>)}
      </select>
    </div>
  );
}

function PasswordField({ required }: { required: boolean }) {
  return (
    <div class="field">
      <label for="user-password">{t(required ? 'users.password' : 'users.newPassword')}</label>
      <input class="input" id="user-password" name="password" type="password" autocomplete="new-password" minLength={PASSWORD_MIN} required={required} aria-describedby="user-password-help" />
      <small id="user-password-help">{t(required ? 'users.passwordHelp' : 'users.newPasswordHelp', { n: PASSWORD_MIN })}</small>
    </div>
  );
}

async function save(user: User | null, form: HTMLFormElement): Promise<void> {
  const data = new FormData(form);
  const text = (name: string) => String(data.get(name) ?? '');
  const role = text('role') as Role;
  const catalog = data.has('catalog') ? { catalog: text('catalog') || null } : {};
  if (!user) {
    await call('POST /users', { body: { name: text('name'), role, password: text('password'), ...catalog } });
  } else {
    const password = text('password') ? { password: text('password') } : {};
    const path = { id: user.id };
    const { tag } = await read('GET /users/{id}', { path });
    await call('PATCH /users/{id}', { path, ifMatch: tag, body: { role, disabled: data.has('disabled'), ...password, ...catalog } });
  }
}

function UserForm({ user, roles, onDone, onClose }: { user: User | null; roles: RoleMeaning[]; onDone: (what: string) => void; onClose: () => void }) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const wide = (session.value!.catalogs.length > 1 || user?.catalog === null || !user);
  async function submit(e: Event) {
    e.preventDefault();
    setBusy(true);
    try {
      await save(user, form.current!);
      onDone(t(user ? 'users.changed' : 'users.made', { name: user?.name ?? String(new FormData(form.current!).get('name')) }));
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }
  const title = user ? t('users.changeNamed', { name: user.name }) : t('users.new');
  return (
    <Dialog label={title} onClose={onClose}>
      <header><h2>{title}</h2><button type="button" class="btn ghost sm" aria-label={t('action.close')} onClick={onClose}><CrossIcon /></button></header>
      <form class="form pad" ref={form} onSubmit={submit}>
        <Says error={error} />
        {user ? null : <div class="field"><label for="user-name">{t('account.name')}</label><input class="input" id="user-name" name="name" required maxLength={80} autocomplete="off" spellcheck={false} autofocus /></div>}
        <RoleField roles={roles} value={user?.role ?? 'viewer'} />
        {wide ? <CatalogField value={user ? user.catalog : (session.value!.catalogs[0] ?? null)} /> : null}
        <PasswordField required={!user} />
        {user ? <label class="tick"><input type="checkbox" name="disabled" defaultChecked={user.disabled} />{t('users.disable')}</label> : null}
        <div class="actions"><button class="btn p" type="submit" disabled={busy}>{t(user ? 'users.save' : 'users.make')}</button><button class="btn" type="button" onClick={onClose}>{t('action.cancel')}</button></div>
      </form>
    </Dialog>
  );
}

function Status({ user }: { user: User }) {
  if (user.disabled) return <span class="tag">{t('users.disabled')}</span>;
  return user.mustChangePassword ? <span class="dim">{t('users.invited')}</span> : <span class="dim">{t('users.active')}</span>;
}

function UserRow({ user, onEdit, onDrop }: { user: User; onEdit: () => void; onDrop: () => void }) {
  const [sure, setSure] = useState(false);
  const self = user.id === session.value!.account.id;
  return (
    <tr>
      <th scope="row" class="cell">{user.name}{self ? <span class="dimmer"> · {t('users.you')}</span> : null}</th>
      <td>{t(`role.${user.role}`)}</td>
      <td class="dim">{user.catalog ?? t('users.every')}</td>
      <td><Status user={user} /></td>
      <td><Ago t={user.createdAt} /></td>
      {may('users:write') ? <td class="r nowrap">
        <button type="button" class="btn sm ghost" aria-label={t('users.changeNamed', { name: user.name })} onClick={onEdit}>{t('users.change')}</button>
        {self ? null : sure ? <button type="button" class="btn sm d" onClick={onDrop} onBlur={() => setSure(false)}>{t('users.sure')}</button>
          : <button type="button" class="btn sm ghost" aria-label={t('users.dropNamed', { name: user.name })} onClick={() => setSure(true)}>{t('users.drop')}</button>}
      </td> : null}
    </tr>
  );
}

export function Users() {
  const [page, setPage] = useState<UserPage | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [done, setDone] = useState('');
  const [editing, setEditing] = useState<User | null | 'new'>(null);
  const change = may('users:write');
  const load = async () => {
    try {
      setPage(await call('GET /users', { query: { limit: 200 } }));
      setError(null);
    } catch (failure) {
      setError(failure);
    }
  };
  const drop = async (user: User) => {
    try {
      const path = { id: user.id };
      const { tag } = await read('GET /users/{id}', { path });
      await call('DELETE /users/{id}', { path, ifMatch: tag });
      setDone(t('users.dropped', { name: user.name }));
      await load();
    } catch (failure) {
      setError(failure);
    }
  };
  useEffect(() => void load(), []);
  const users = page?.items;
  const roles = page?.roles ?? [];
  const managers = roles.filter(r => r.permissions.includes('users:write')).map(r => t(`role.${r.role}`));
  const columns = [t('account.name'), t('account.role'), t('users.catalog'), t('users.status'), t('users.since')];
  return (
    <>
      <section class="card c12" aria-labelledby="users">
        <header><h2 id="users">{t('users.title')}</h2>{users ? <span class="sub num">{t('users.count', { n: users.length })}</span> : null}<span class="grow" />
          {change ? <button type="button" class="btn p sm" onClick={() => setEditing('new')}>{t('users.new')}</button> : managers.length ? <span class="sub">{t('users.readOnly', { roles: listed(managers) })}</span> : null}</header>
        {error || done ? <div class="pad"><Says error={error} retry={() => void load()} />{error ? null : <Done text={done} />}</div> : null}
        {users ? (
          <div class="scrolls" tabIndex={0} role="group" aria-labelledby="users">
            <table class="users">
              <thead><tr>{columns.map(c => <th key={c} scope="col">{c}</th>)}{change ? <th scope="col"><span class="only-read">{t('users.change')}</span></th> : null}</tr></thead>
              <tbody>{users.map(u => <UserRow key={u.id} user={u} onEdit={() => setEditing(u)} onDrop={() => void drop(u)} />)}</tbody>
            </table>
          </div>
        ) : error ? null : <div class="pad"><span class="skeleton" /></div>}
      </section>
      {roles.length ? <RoleTable roles={roles} /> : null}
      {editing ? <UserForm user={editing === 'new' ? null : editing} roles={roles} onClose={() => setEditing(null)} onDone={what => {
        setEditing(null);
        setDone(what);
        void load();
      }} /> : null}
    </>
  );
}
