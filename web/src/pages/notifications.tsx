// SPDX-License-Identifier: Apache-2.0
//
// notifications: who is told of alerts, whether that works, and what did not arrive.
//
//   routes --test--> a delivery that is asked for until it has ended      dead letters --replay--> queued

import { useEffect, useRef, useState } from 'preact/hooks';
import type { AlertSeverity, NotificationDelivery, NotificationRoute, NotificationRouteChange, NotificationRouteMade } from '../api/api';
import { call } from '../api/client';
import { place, setQuery } from '../core/router';
import { catalog, hrefOf, may } from '../core/session';
import { Ago } from '../core/time';
import { t, type Key } from '../i18n/i18n';
import { CopyButton } from '../parts/copy';
import { Dialog } from '../parts/dialog';
import { Says } from '../parts/says';
import { Seg } from '../parts/seg';
import { Glyph } from '../parts/state';

const ROUTES = '/catalogs/{catalog}/notification-routes';
const DELIVERIES = '/catalogs/{catalog}/notification-deliveries';
const REFRESH_MS = 5000;
const ASK_MS = 500;
const SEVERITIES: AlertSeverity[] = ['low', 'medium', 'high', 'critical'];
const SOURCES = ['rule', 'threat', 'system'];

type Kind = NotificationRoute['kind'];
const KINDS: Kind[] = ['webhook', 'email', 'alertmanager'];
const GLYPHS = { ok: 'healthy', failing: 'atRisk', dead: 'quarantined', off: 'offline', untried: 'unknown' } as const;

const kindWord = (k: Kind) => t(`notify.kind.${k}` as Key);
const text = (data: FormData, name: string) => String(data.get(name) ?? '').trim();
const target = (r: NotificationRoute) => r.url ?? r.mail?.to.join(', ') ?? '';

// ---------------------------------------------------------------- a route as a form

function MailFields({ of }: { of?: NotificationRoute | undefined }) {
  const m = of?.mail;
  return (
    <>
      <div class="two">
        <div class="field"><label for="n-server">{t('notify.server')}</label><input class="input" id="n-server" name="server" required maxLength={253} defaultValue={m?.server ?? ''} placeholder="smtp.example.org" autocomplete="off" /></div>
        <div class="field"><label for="n-port">{t('notify.port')}</label><input class="input" id="n-port" name="port" type="number" required min={1} max={65535} defaultValue={String(m?.port ?? 587)} /></div>
      </div>
      <div class="field"><label for="n-security">{t('notify.security')}</label>
        <select class="input" id="n-security" name="security">{(['starttls', 'tls', 'none'] as const).map(s => <option key={s} value={s} selected={s === (m?.security ?? 'starttls')}>{t(`notify.security.${s}` as Key)}</option>)}</select></div>
      <div class="two even">
        <div class="field"><label for="n-user">{t('notify.user')}</label><input class="input" id="n-user" name="user" maxLength={200} defaultValue={m?.user ?? ''} autocomplete="off" /></div>
        <div class="field"><label for="n-secret">{t('notify.password')}</label><input class="input" id="n-secret" name="secret" type="password" maxLength={500} placeholder={of?.hasSecret ? t('notify.kept') : ''} autocomplete="new-password" /></div>
      </div>
      <div class="field"><label for="n-from">{t('notify.from')}</label><input class="input" id="n-from" name="from" type="email" required defaultValue={m?.from ?? ''} autocomplete="off" /></div>
      <div class="field"><label for="n-to">{t('notify.to')}</label><input class="input" id="n-to" name="to" type="email" multiple required defaultValue={m?.to.join(', ') ?? ''} autocomplete="off" /></div>
    </>
  );
}

function UrlFields({ kind, of }: { kind: Kind; of?: NotificationRoute | undefined }) {
  return (
    <>
      <div class="field"><label for="n-url">{t('notify.url')}</label><input class="input" id="n-url" name="url" type="url" required maxLength={1000} defaultValue={of?.url ?? ''} placeholder={kind === 'webhook' ? 'https://hooks.example.org/orrery' : 'https://alertmanager.example.org:9093'} autocomplete="off" /></div>
      {kind === 'webhook' ? <p class="dim">{t('notify.signed')}</p>
        : <div class="field"><label for="n-secret">{t('notify.token')}</label><input class="input" id="n-secret" name="secret" type="password" maxLength={500} placeholder={of?.hasSecret ? t('notify.kept') : ''} autocomplete="new-password" /></div>}
    </>
  );
}

function WhatFields({ of }: { of?: NotificationRoute | undefined }) {
  return (
    <>
      <div class="two even">
        <div class="field"><label for="n-severity">{t('notify.minSeverity')}</label>
          <select class="input" id="n-severity" name="minSeverity">{SEVERITIES.map(s => <option key={s} value={s} selected={s === (of?.minSeverity ?? 'medium')}>{t(`severity.${s}` as Key)}</option>)}</select></div>
        <div class="field"><label for="n-late">{t('notify.late')}</label><input class="input" id="n-late" name="late" type="number" min={1} max={1440} placeholder={t('notify.atOnce')} defaultValue={of?.escalateAfterMinutes ? String(of.escalateAfterMinutes) : ''} /></div>
      </div>
      <fieldset class="scopes field"><legend>{t('notify.sources')}</legend>
        {SOURCES.map(s => <label key={s} class="tick"><input type="checkbox" name="source" value={s} defaultChecked={!of?.sources.length || of.sources.includes(s)} />{t(`notify.source.${s}` as Key)}</label>)}</fieldset>
      <label class="tick"><input type="checkbox" name="enabled" defaultChecked={of?.enabled ?? true} />{t('notify.enabled')}</label>
    </>
  );
}

function read(d: FormData, kind: Kind): NotificationRouteChange {
  const sources = d.getAll('source').map(String), secret = text(d, 'secret'), late = Number(text(d, 'late'));
  const body: NotificationRouteChange = {
    name: text(d, 'name'), minSeverity: text(d, 'minSeverity') as AlertSeverity, sources: sources.length === SOURCES.length ? [] : sources,
    escalateAfterMinutes: late || null, enabled: d.has('enabled'),
  };
  if (secret) body.secret = secret;
  if (kind !== 'email') body.url = text(d, 'url');
  else {
    body.mail = {
      server: text(d, 'server'), port: Number(text(d, 'port')), security: text(d, 'security') as 'starttls' | 'tls' | 'none', user: text(d, 'user') || null,
      from: text(d, 'from'), to: text(d, 'to').split(/[,\s]+/).filter(Boolean),
    };
  }
  return body;
}

function RouteForm({ of, onClose, onDone }: { of?: NotificationRoute | undefined; onClose: () => void; onDone: (made: NotificationRouteMade) => void }) {
  const [kind, setKind] = useState<Kind>(of?.kind ?? 'webhook');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  async function submit(e: Event) {
    e.preventDefault();
    setBusy(true);
    const body = read(new FormData(e.target as HTMLFormElement), kind), path = { catalog: catalog.value };
    try {
      onDone(of ? await call(`PATCH ${ROUTES}/{id}`, { path: { ...path, id: of.id }, body, ifMatch: of.version }) : await call(`POST ${ROUTES}`, { path, body: { ...body, name: body.name!, kind } }));
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }
  const title = of ? t('notify.edit', { name: of.name }) : t('notify.new');
  return (
    <Dialog label={title} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <h2>{title}</h2>
        {of ? null : <Seg label={t('notify.kind')} choices={KINDS.map(k => ({ value: k, label: kindWord(k) }))} value={kind} onPick={setKind} />}
        <div class="field"><label for="n-name">{t('notify.name')}</label><input class="input" id="n-name" name="name" dir="auto" required maxLength={80} defaultValue={of?.name ?? ''} autocomplete="off" autofocus /></div>
        {kind === 'email' ? <MailFields of={of} /> : <UrlFields key={kind} kind={kind} of={of} />}
        <WhatFields of={of} />
        <Says error={error} />
        <div class="actions end"><button type="button" class="btn" onClick={onClose}>{t('action.cancel')}</button><button type="submit" class="btn p" disabled={busy}>{of ? t('action.save') : t('notify.add')}</button></div>
      </form>
    </Dialog>
  );
}

// ---------------------------------------------------------------- routes

// Sends it, then asks until it has ended; whoever leaves the page stops asking.
function useTest(id: string): [NotificationDelivery | null, unknown, () => void] {
  const [last, setLast] = useState<NotificationDelivery | null>(null);
  const [error, setError] = useState<unknown>(null);
  const alive = useRef(true);
  useEffect(() => () => void (alive.current = false), []);
  async function run() {
    const path = { catalog: catalog.value };
    setError(null);
    try {
      let d = await call(`POST ${ROUTES}/{id}/test`, { path: { ...path, id } });
      while (alive.current && !d.endedAt) {
        setLast(d);
        await new Promise(done => setTimeout(done, ASK_MS));
        d = await call(`GET ${DELIVERIES}/{id}`, { path: { ...path, id: d.id } });
      }
      if (alive.current) setLast(d);
    } catch (failure) {
      if (alive.current) setError(failure);
    }
  }
  return [last, error, () => void run()];
}

function Health({ r }: { r: NotificationRoute }) {
  const h = r.health;
  return (
    <>
      <span class="nowrap"><Glyph state={GLYPHS[h.state]} /> {t(`notify.health.${h.state}` as Key)}{h.failures ? <span class="dim"> {t('notify.failures', { n: h.failures })}</span> : null}</span>
      {h.error ? <span class="dim block">{h.error}</span> : null}
      {h.waiting ? <span class="dim block">{t('notify.waiting', { n: h.waiting })}</span> : null}
    </>
  );
}

function Wants({ r }: { r: NotificationRoute }) {
  return (
    <>
      {t('notify.andUp', { severity: t(`severity.${r.minSeverity}` as Key) })}
      {r.sources.length ? <span class="dim block">{r.sources.map(s => (SOURCES.includes(s) ? t(`notify.source.${s}` as Key) : s)).join(', ')}</span> : null}
      {r.escalateAfterMinutes ? <span class="dim block">{t('notify.after', { n: r.escalateAfterMinutes })}</span> : null}
    </>
  );
}

function RouteRow({ r, edit, onEdit, onDrop }: { r: NotificationRoute; edit: boolean; onEdit: () => void; onDrop: () => void }) {
  const [tested, error, test] = useTest(r.id);
  const [sure, setSure] = useState(false);
  return (
    <>
      <tr>
        <td><bdi>{r.name}</bdi> <span class="tag">{kindWord(r.kind)}</span><span class="dim block cut">{target(r)}</span></td>
        <td><Wants r={r} /></td>
        <td><Health r={r} /></td>
        <td><Ago t={r.health.deliveredAt} never={t('notify.never')} /></td>
        <td>
          {edit ? <span class="actions nowrap">
            <button type="button" class="btn sm" aria-label={t('notify.testNamed', { name: r.name })} disabled={!!tested && !tested.endedAt} onClick={test}>{t('notify.test')}</button>
            <button type="button" class="btn sm ghost" aria-label={t('notify.edit', { name: r.name })} onClick={onEdit}>{t('action.edit')}</button>
            {sure ? <button type="button" class="btn sm d" onClick={onDrop} onBlur={() => setSure(false)}>{t('notify.sure')}</button>
              : <button type="button" class="btn sm ghost" aria-label={t('notify.drop', { name: r.name })} onClick={() => setSure(true)}>{t('action.delete')}</button>}
          </span> : null}
        </td>
      </tr>
      {tested || error ? (
        <tr><td colSpan={5}><Says error={error} />{tested ? <span class="dim" role="status">{tested.endedAt ? t(tested.state === 'sent' ? 'notify.tested' : 'notify.notTested', { result: tested.result ?? '', ms: tested.tookMs ?? 0 }) : t('notify.testing')}</span> : null}</td></tr>
      ) : null}
    </>
  );
}

function Routes({ list, edit, onEdit, onDrop }: { list: NotificationRoute[]; edit: boolean; onEdit: (r: NotificationRoute) => void; onDrop: (r: NotificationRoute) => void }) {
  return (
    <div class="scrolls" tabIndex={0} role="group" aria-labelledby="routes">
      <table>
        <thead><tr><th scope="col">{t('notify.name')}</th><th scope="col">{t('notify.wants')}</th><th scope="col">{t('notify.health')}</th><th scope="col">{t('notify.delivered')}</th><th scope="col"><span class="only-read">{t('action.edit')}</span></th></tr></thead>
        <tbody>{list.map(r => <RouteRow key={r.id} r={r} edit={edit} onEdit={() => onEdit(r)} onDrop={() => onDrop(r)} />)}</tbody>
      </table>
    </div>
  );
}

// ---------------------------------------------------------------- deliveries

function DeliveryRow({ d, edit, onReplay }: { d: NotificationDelivery; edit: boolean; onReplay: () => void }) {
  return (
    <tr>
      <td><Ago t={d.createdAt} /></td>
      <td><bdi>{d.route.name}</bdi></td>
      <td>{d.alert ? <a href={hrefOf(`/alerts/${d.alert.id}`)}><bdi>{d.alert.title}</bdi></a> : null} <span class="tag">{t(`notify.change.${d.change}` as Key)}</span></td>
      <td>{t(`notify.state.${d.state}` as Key)}{d.result ? <span class="dim block">{d.result}</span> : null}</td>
      <td>{edit && d.state === 'dead' ? <button type="button" class="btn sm" aria-label={t('notify.replayNamed', { id: d.id })} onClick={onReplay}>{t('notify.replay')}</button> : null}</td>
    </tr>
  );
}

function Deliveries({ edit }: { edit: boolean }) {
  const all = place.value.query.get('show') === 'all';
  const [list, setList] = useState<NotificationDelivery[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const name = catalog.value;
  const load = () => call(`GET ${DELIVERIES}`, { path: { catalog: name }, query: { limit: 50, state: all ? null : 'dead' } }).then(page => setList(page.items)).then(() => setError(null));
  const replay = (id: string) => call(`POST ${DELIVERIES}/{id}/replay`, { path: { catalog: name, id } }).then(load).catch(setError);
  useEffect(() => {
    void load().catch(setError);
    const timer = setInterval(() => void (document.hidden || load().catch(() => {})), REFRESH_MS);
    return () => clearInterval(timer);
  }, [name, all]);
  return (
    <section class="card c12" aria-labelledby="deliveries">
      <header><h2 id="deliveries">{t('notify.deliveries')}</h2><span class="grow" />
        <Seg label={t('notify.show')} choices={[{ value: 'dead', label: t('notify.show.dead') }, { value: 'all', label: t('notify.show.all') }]} value={all ? 'all' : 'dead'} onPick={v => setQuery({ show: v === 'all' ? 'all' : null })} /></header>
      {error ? <div class="pad"><Says error={error} retry={() => void load().catch(setError)} /></div> : null}
      {list?.length ? (
        <div class="scrolls" tabIndex={0} role="group" aria-labelledby="deliveries">
          <table>
            <thead><tr><th scope="col">{t('notify.made')}</th><th scope="col">{t('notify.route')}</th><th scope="col">{t('notify.alert')}</th><th scope="col">{t('notify.result')}</th><th scope="col"><span class="only-read">{t('notify.replay')}</span></th></tr></thead>
            <tbody>{list.map(d => <DeliveryRow key={d.id} d={d} edit={edit} onReplay={() => void replay(d.id)} />)}</tbody>
          </table>
        </div>
      ) : list ? <p class="empty">{all ? t('notify.noneYet') : t('notify.noneDead')}</p> : null}
    </section>
  );
}

// ---------------------------------------------------------------- the page

export function Notifications() {
  const [list, setList] = useState<NotificationRoute[] | null>(null);
  const [editing, setEditing] = useState<{ of?: NotificationRoute } | null>(null);
  const [secret, setSecret] = useState('');
  const [error, setError] = useState<unknown>(null);
  const edit = may('catalog:write');
  const name = catalog.value;
  const load = () => call(`GET ${ROUTES}`, { path: { catalog: name } }).then(page => setList(page.items)).then(() => setError(null));
  const drop = (r: NotificationRoute) => call(`DELETE ${ROUTES}/{id}`, { path: { catalog: name, id: r.id } }).then(load).catch(setError);
  useEffect(() => {
    void load().catch(setError);
    const timer = setInterval(() => void (document.hidden || load().catch(() => {})), REFRESH_MS);
    return () => clearInterval(timer);
  }, [name]);
  return (
    <>
      <section class="card c12" aria-labelledby="routes">
        <header><h2 id="routes">{t('notify.title')}</h2><span class="sub">{t('notify.sub')}</span><span class="grow" />{edit ? <button type="button" class="btn sm p" onClick={() => setEditing({})}>{t('notify.new')}</button> : null}</header>
        {error ? <div class="pad"><Says error={error} retry={() => void load().catch(setError)} /></div> : null}
        {secret ? <div class="pad"><div class="secret" role="status"><b>{t('notify.once')}</b><code>{secret}</code><div class="actions"><CopyButton text={secret} label={t('notify.copy')} /></div></div></div> : null}
        {list?.length ? <Routes list={list} edit={edit} onEdit={of => setEditing({ of })} onDrop={r => void drop(r)} />
          : list ? <div class="empty"><b>{t('notify.none')}</b><p>{t('notify.noneHow')}</p></div> : null}
      </section>
      <Deliveries edit={edit} />
      {editing ? <RouteForm of={editing.of} onClose={() => setEditing(null)} onDone={made => {
        setSecret(made.secret ?? '');
        setEditing(null);
        void load().catch(setError);
      }} /> : null}
    </>
  );
}
