// SPDX-License-Identifier: Apache-2.0
//
// catalogs: each a fleet of its own, with its own CA; nothing of one shows in another.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Catalog } from '../api/api';
import { call, read } from '../api/client';
import { catalogs, loadCatalogs } from '../core/catalogs';
import { catalog as present, homeHref, loadSession, may } from '../core/session';
import { Ago } from '../core/time';
import { t } from '../i18n/i18n';
import { Done, Says } from '../parts/says';

const KEPT = [
  { name: 'telemetry', hours: (c: Catalog) => c.telemetryHours },
  { name: 'minutes', hours: (c: Catalog) => c.minuteHours },
  { name: 'rollups', hours: (c: Catalog) => c.rollupHours },
  { name: 'journal', hours: (c: Catalog) => c.journalHours },
] as const;

// How long readings, their sums and the journal of a catalog are kept, and when an alert is a new one.
function Keep({ catalog, onDone }: { catalog: Catalog; onDone: (text: string) => void }) {
  const [error, setError] = useState<unknown>(null);
  const form = useRef<HTMLFormElement>(null);
  async function submit(e: Event) {
    e.preventDefault();
    const number = (name: string) => Number(new FormData(form.current!).get(name));
    try {
      const path = { catalog: catalog.name };
      const { tag } = await read('GET /catalogs/{catalog}', { path });
      await call('PATCH /catalogs/{catalog}', {
        path, ifMatch: tag, body: {
          telemetryHours: number('telemetry'), minuteHours: number('minutes'), rollupHours: number('rollups'), journalHours: number('journal'),
          alertCalmSeconds: Math.round(number('calm') * 60),
        },
      });
      setError(null);
      onDone(t('catalogs.kept', { name: catalog.name }));
    } catch (failure) {
      setError(failure);
    }
  }
  return (
    <form class="form pad divided" ref={form} onSubmit={submit}>
      <Says error={error} />
      <div class="pair">
        {KEPT.map(k => (
          <div class="field" key={k.name}>
            <label for={`keep-${k.name}`}>{t(`keep.${k.name}`)}</label>
            <input class="input num" id={`keep-${k.name}`} name={k.name} type="number" min={1} max={87600} required defaultValue={String(k.hours(catalog))} aria-describedby={`keep-${k.name}-help`} />
            <small id={`keep-${k.name}-help`}>{t(`keep.${k.name}Help`)}</small>
          </div>
        ))}
      </div>
      <p class="dim">{t('keep.how')}</p>
      <div class="field"><label for="calm">{t('catalogs.calm')}</label><input class="input num" id="calm" name="calm" type="number" min={0} max={1440} step="any" required defaultValue={String(catalog.alertCalmSeconds / 60)} /><small>{t('catalogs.calmHow')}</small></div>
      <div class="actions"><button class="btn" type="submit">{t('catalogs.keep', { name: catalog.name })}</button></div>
    </form>
  );
}

function New({ onDone }: { onDone: (text: string) => void }) {
  const [error, setError] = useState<unknown>(null);
  const input = useRef<HTMLInputElement>(null);
  async function submit(e: Event) {
    e.preventDefault();
    const name = input.current!.value.trim();
    try {
      await call('POST /catalogs', { body: { name } });
      input.current!.value = '';
      setError(null);
      await loadSession(); // the session lists the catalogs one may see
      onDone(t('catalogs.made', { name }));
    } catch (failure) {
      setError(failure);
    }
  }
  return (
    <section class="card" aria-labelledby="new-catalog">
      <header><h2 id="new-catalog">{t('catalogs.new')}</h2></header>
      <form class="form pad" onSubmit={submit}>
        <Says error={error} />
        <div class="field">
          <label for="catalog-name">{t('account.name')}</label>
          <input class="input" id="catalog-name" ref={input} required maxLength={50} autocomplete="off" spellcheck={false} aria-describedby="catalog-help" />
          <small id="catalog-help">{t('catalogs.help')}</small>
        </div>
        <div class="actions"><button class="btn p" type="submit">{t('catalogs.make')}</button></div>
      </form>
    </section>
  );
}

export function Catalogs() {
  const [error, setError] = useState<unknown>(null);
  const [done, setDone] = useState('');
  const load = () => loadCatalogs().then(() => setError(null), setError);
  useEffect(() => void load(), []);
  const tell = (text: string) => {
    setDone(text);
    void load();
  };
  const all = catalogs.value;
  const here = all?.find(c => c.name === present.value);
  return (
    <>
      <section class="card c8" aria-labelledby="catalogs">
        <header><h2 id="catalogs">{t('catalogs.title')}</h2><span class="sub">{t('catalogs.sub')}</span></header>
        {error || done ? <div class="pad"><Says error={error} retry={() => void load()} />{error ? null : <Done text={done} />}</div> : null}
        <div class="scrolls" tabIndex={0} role="group" aria-labelledby="catalogs">
          <table>
            <thead><tr><th scope="col">{t('account.name')}</th><th scope="col" class="r">{t('nav.devices')}</th>{KEPT.map(k => <th key={k.name} scope="col" class="r">{t(`keep.${k.name}For`)}</th>)}<th scope="col">{t('users.since')}</th></tr></thead>
            <tbody>{all?.map(c => (
              <tr key={c.name}>
                <th scope="row" class="cell"><a class="link" href={homeHref(c.name)}>{c.name}</a></th>
                <td class="r num">{t('number', { n: c.devices })}</td>
                {KEPT.map(k => <td key={k.name} class="r num">{t('catalogs.hours', { n: k.hours(c) })}</td>)}
                <td><Ago t={c.createdAt} /></td>
              </tr>
            ))}</tbody>
          </table>
        </div>
        {all && !all.length ? <p class="empty">{t('catalogs.none')}</p> : null}
        {here && may('catalog:write') ? <Keep key={here.name} catalog={here} onDone={tell} /> : null}
      </section>
      <div class="c4 stack">{may('catalog:write') ? <New onDone={tell} /> : null}</div>
    </>
  );
}
