// SPDX-License-Identifier: Apache-2.0
//
// tokens: one's own API tokens: shown once when made, never more than one's role.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Permission, Token, TokenMade } from '../api/api';
import { call } from '../api/client';
import { session } from '../core/session';
import { Ago } from '../core/time';
import { t } from '../i18n/i18n';
import { CopyButton } from '../parts/copy';
import { Says } from '../parts/says';

const DAYS = [7, 30, 90, 365];

function Secret({ token }: { token: string }) {
  return (
    <div class="secret" role="status">
      <b>{t('tokens.once')}</b>
      <code>{token}</code>
      <div class="actions"><CopyButton text={token} label={t('tokens.copy')} /></div>
    </div>
  );
}

function NewToken({ onMade }: { onMade: (made: TokenMade) => void }) {
  const [error, setError] = useState<unknown>(null);
  const [days, setDays] = useState(30);
  const form = useRef<HTMLFormElement>(null);
  const scopes = session.value!.permissions;

  async function submit(e: Event) {
    e.preventDefault();
    const data = new FormData(form.current!);
    setError(null);
    try {
      onMade(await call('POST /tokens', { body: { name: String(data.get('name')), scopes: data.getAll('scope') as Permission[], expiresInDays: days } }));
      form.current!.reset();
      setDays(30);
    } catch (failure) {
      setError(failure);
    }
  }

  return (
    <form class="form" ref={form} onSubmit={submit}>
      <Says error={error} />
      <div class="two">
        <div class="field">
          <label for="token-name">{t('tokens.name')}</label>
          <input class="input" id="token-name" name="name" required maxLength={80} autocomplete="off" />
        </div>
        <div class="field">
          <label for="token-days">{t('tokens.lasts')}</label>
          <select class="input" id="token-days" value={days} onChange={e => setDays(Number((e.target as HTMLSelectElement).value))}>{DAYS.map(n => <option key={n} value={n}>{t('tokens.days', { n })}</option>)}</select>
        </div>
      </div>
      <fieldset class="scopes field">
        <legend>{t('tokens.scopes')}</legend>
        {scopes.map(s => <label key={s} class="tick"><input type="checkbox" name="scope" value={s} defaultChecked={s.endsWith(':read')} /><span class="mono">{s}</span></label>)}
      </fieldset>
      <div class="actions"><button class="btn p" type="submit">{t('tokens.make')}</button></div>
    </form>
  );
}

function TokenRow({ token, onDrop }: { token: Token; onDrop: () => void }) {
  const [sure, setSure] = useState(false);
  return (
    <tr>
      <td>{token.name}<br /><span class="mono">{token.prefix}…</span></td>
      <td class="dim">{t('tokens.scopeCount', { n: token.scopes.length })}</td>
      <td><Ago t={token.usedAt} never={t('tokens.unused')} /></td>
      <td><Ago t={token.expiresAt} /></td>
      <td>{sure ? <button type="button" class="btn sm d" onClick={onDrop} onBlur={() => setSure(false)}>{t('tokens.sure')}</button>
        : <button type="button" class="btn sm ghost" aria-label={t('tokens.dropNamed', { name: token.name })} onClick={() => setSure(true)}>{t('tokens.drop')}</button>}</td>
    </tr>
  );
}

export function Tokens() {
  const [tokens, setTokens] = useState<Token[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [secret, setSecret] = useState('');
  async function load() {
    try {
      setTokens((await call('GET /tokens', { query: { limit: 200 } })).items);
      setError(null);
    } catch (failure) {
      setError(failure);
    }
  }
  async function remove(id: string) {
    try {
      await call('DELETE /tokens/{id}', { path: { id } });
      await load();
    } catch (failure) {
      setError(failure);
    }
  }
  useEffect(() => void load(), []);
  return (
    <section class="card c8" aria-labelledby="tokens">
      <header><h2 id="tokens">{t('tokens.title')}</h2><span class="sub">{t('tokens.sub')}</span></header>
      {error ? <div class="pad"><Says error={error} retry={() => void load()} /></div> : null}
      {tokens?.length ? (
        <div class="scrolls" tabIndex={0} role="group" aria-labelledby="tokens">
          <table class="tokens">
            <thead><tr><th scope="col">{t('tokens.name')}</th><th scope="col">{t('tokens.scopes')}</th><th scope="col">{t('tokens.used')}</th><th scope="col">{t('tokens.expires')}</th><th scope="col"><span class="only-read">{t('tokens.drop')}</span></th></tr></thead>
            <tbody>{tokens.map(k => <TokenRow key={k.id} token={k} onDrop={() => void remove(k.id)} />)}</tbody>
          </table>
        </div>
      ) : tokens ? <p class="empty">{t('tokens.none')}</p> : null}
      <div class="pad form divided">
        {secret ? <Secret token={secret} /> : null}
        <NewToken onMade={made => {
          setSecret(made.token);
          void load();
        }} />
      </div>
    </section>
  );
}
