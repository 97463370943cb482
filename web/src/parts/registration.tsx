// SPDX-License-Identifier: Apache-2.0
//
// registration: a door that stands open for a while: the one command to copy, and who knocks.
//
//   form --POST--> code, shown once --device runs the command--> arrival | claimed device

import { useEffect, useState } from 'preact/hooks';
import type { Arrival, RegistrationWindow, RegistrationWindowOpened } from '../api/api';
import { call } from '../api/client';
import { isLive, subscribe, type Frame } from '../core/live';
import { catalog, devicesHref } from '../core/session';
import { Ago, now, toMs } from '../core/time';
import { t } from '../i18n/i18n';
import { Command } from './copy';
import { Says } from './says';

const POLL_MS = 2000; // while nobody tells
const TOLD_MS = 250; // many come at once
const UNTOLD_MS = 15_000;
const MINUTES = [10, 30, 60, 240, 1440];
const WINDOWS = '/catalogs/{catalog}/registration-windows';
const ARRIVALS = '/catalogs/{catalog}/arrivals';

// A snapshot means that something may have been missed.
const concerns = (f: Frame) => f.snapshot !== undefined || ((f.items ?? []) as { kind: string }[]).some(e => e.kind === 'arrival' || e.kind === 'device');

function WindowRow({ w, onClose }: { w: RegistrationWindow; onClose: () => void }) {
  const left = Math.max(0, Math.ceil(((toMs(w.closesAt) ?? 0) - now.value) / 60_000));
  return (
    <tr>
      <td><bdi>{w.label || t('claim.windowOf', { id: w.id })}</bdi>{w.codeHint ? <span class="mono dimmer"> {w.codeHint}-…</span> : null}</td>
      <td class="num">{t('claim.windowCount', { claimed: w.claimed, arrived: w.arrived, most: w.most })}</td>
      <td>{w.open ? t('claim.windowLeft', { n: left }) : <span class="dim">{t('claim.windowClosed')}</span>}</td>
      <td>{w.open ? <button type="button" class="btn sm" onClick={onClose}>{t('claim.windowClose')}</button> : null}</td>
    </tr>
  );
}

function ArrivalRow({ a, group, onDone, onError }: { a: Arrival; group: string; onDone: () => void; onError: (e: unknown) => void }) {
  const path = { catalog: catalog.value, fingerprint: a.fingerprint };
  const take = () => call(`POST ${ARRIVALS}/{fingerprint}/claim`, { path, body: group ? { group } : {} }).then(onDone, onError);
  const drop = () => call(`DELETE ${ARRIVALS}/{fingerprint}`, { path }).then(onDone, onError);
  return (
    <tr>
      <td class="mono">{a.id.slice(0, 16)}…<br /><span class="dimmer">{a.remote}</span></td>
      <td><bdi>{a.agent ?? '–'}</bdi></td>
      <td><Ago t={a.lastAt} /></td>
      <td><span class="actions"><button type="button" class="btn sm p" onClick={() => void take()}>{t('claim.take')}</button><button type="button" class="btn sm ghost" onClick={() => void drop()}>{t('claim.dismiss')}</button></span></td>
    </tr>
  );
}

// Who is at the door now. That somebody came, or was let in, is told; how often one knocks, and that
// a colleague closed a window, is not.
function useDoor() {
  const [windows, setWindows] = useState<RegistrationWindow[]>([]);
  const [arrivals, setArrivals] = useState<Arrival[]>([]);
  const [error, setError] = useState<unknown>(null);
  const path = { catalog: catalog.value };
  async function look() {
    try {
      const [w, a] = await Promise.all([call(`GET ${WINDOWS}`, { path }), call(`GET ${ARRIVALS}`, { path })]);
      setWindows(w.items);
      setArrivals(a.items);
      setError(null);
    } catch (e) {
      setError(e);
    }
  }
  useEffect(() => {
    let due = 0;
    const soon = () => (due ||= window.setTimeout(() => {
      due = 0;
      void look();
    }, TOLD_MS));
    let asked = Date.now();
    const timer = setInterval(() => {
      if (document.hidden || (isLive(path.catalog) && Date.now() - asked < UNTOLD_MS)) return;
      asked = Date.now();
      void look();
    }, POLL_MS);
    const away = subscribe({ name: 'events', frame: f => concerns(f) && soon() });
    void look();
    return () => {
      clearInterval(timer);
      clearTimeout(due);
      away();
    };
  }, [path.catalog]);
  return { windows, arrivals, error, look, setError };
}

export function Registration({ group, site }: { group: string; site: string }) {
  const { windows, arrivals, error, look, setError } = useDoor();
  const [made, setMade] = useState<RegistrationWindowOpened | null>(null);
  const [failed, setFailed] = useState<unknown>(null);

  async function open(e: Event) {
    e.preventDefault();
    const data = new FormData(e.target as HTMLFormElement);
    const body = {
      minutes: Number(data.get('minutes')), most: Number(data.get('most')), label: String(data.get('label') ?? '').trim(), code: data.has('code'),
      ...(group ? { group } : {}), ...(site ? { tags: { site } } : {}),
    };
    try {
      setMade(await call(`POST ${WINDOWS}`, { path: { catalog: catalog.value }, body }));
      setFailed(null);
      await look();
    } catch (failure) {
      setFailed(failure);
    }
  }
  const close = (w: RegistrationWindow) => call(`POST ${WINDOWS}/{id}/close`, { path: { catalog: catalog.value, id: w.id } }).then(look, setError);

  return (
    <>
      <form class="form" onSubmit={open}>
        <div class="three">
          <div class="field"><label for="window-label">{t('claim.windowLabel')}</label><input class="input" id="window-label" name="label" maxLength={80} autocomplete="off" /></div>
          <div class="field"><label for="window-minutes">{t('claim.windowMinutes')}</label><select class="input" id="window-minutes" name="minutes">{MINUTES.map(n => <option key={n} value={n}>{t('claim.minutes', { n })}</option>)}</select></div>
          <div class="field"><label for="window-most">{t('claim.windowMost')}</label><input class="input" id="window-most" name="most" type="number" min="1" max="100000" defaultValue="10" required /></div>
        </div>
        <label class="tick"><input type="checkbox" name="code" defaultChecked />{t('claim.windowCode')}</label>
        <Says error={failed} />
        <div class="actions"><button class="btn p" type="submit">{t('claim.windowOpen')}</button></div>
      </form>
      {made?.command ? (
        <div class="secret" role="status">
          <b>{made.code ? t('claim.commandOnce') : t('claim.command')}</b>
          <Command text={made.command} />
          {made.notice ? <p class="risk">{made.notice}</p> : null}
        </div>
      ) : null}
      {error ? <Says error={error} retry={() => void look()} /> : null}
      {windows.length ? (
        <div class="scrolls" tabIndex={0} role="group" aria-label={t('claim.windows')}>
          <table><thead><tr><th scope="col">{t('claim.window')}</th><th scope="col">{t('claim.windowDone')}</th><th scope="col">{t('claim.windowUntil')}</th><th scope="col"><span class="only-read">{t('claim.windowClose')}</span></th></tr></thead>
            <tbody>{windows.slice(0, 10).map(w => <WindowRow key={w.id} w={w} onClose={() => void close(w)} />)}</tbody></table>
        </div>
      ) : null}
      <h3>{t('claim.arrivals')}</h3>
      {arrivals.length ? (
        <div class="scrolls" tabIndex={0} role="group" aria-label={t('claim.arrivals')}>
          <table><thead><tr><th scope="col">{t('claim.device')}</th><th scope="col">{t('claim.agent')}</th><th scope="col">{t('claim.lastKnock')}</th><th scope="col"><span class="only-read">{t('claim.take')}</span></th></tr></thead>
            <tbody>{arrivals.map(a => <ArrivalRow key={a.fingerprint} a={a} group={group} onDone={() => void look()} onError={setError} />)}</tbody></table>
        </div>
      ) : <p class="dim">{windows.some(w => w.open) ? t('claim.waiting') : t('claim.noArrivals')} <a class="link" href={devicesHref() + '?sort=-created'}>{t('claim.newest')}</a></p>}
    </>
  );
}
