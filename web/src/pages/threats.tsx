// SPDX-License-Identifier: Apache-2.0
//
// threats: what the server takes for a threat here, from which number on, and what it saw lately.
//
//   GET threats + its tag, edits on top --save--> PUT, what is not as usual      ?code=T18 shows that one
//
// Edits are kept apart from what was read: who saves over somebody else's change reads theirs and has still his own.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Alert, Threat, ThreatLimit, Threats as Settings } from '../api/api';
import { Problem, call, read } from '../api/client';
import { SEVERITY_GLYPH } from '../core/alerts';
import { subscribe } from '../core/live';
import { place } from '../core/router';
import { catalog, hrefOf, may } from '../core/session';
import { wear } from '../core/sheet';
import { changeOf, faultAt, flaws, keyOf, type Edits } from '../core/threats';
import { Ago } from '../core/time';
import { named, t } from '../i18n/i18n';
import { Done, Says } from '../parts/says';
import { Glyph } from '../parts/state';
import css from '../style/threats.page.css';

wear(css);

const ROUTE = '/catalogs/{catalog}/threats';
const LATELY = '-168h';
const LATELY_MOST = 200;

interface Draft {
  edits: Edits;
  faults: Record<string, string>;
  can: boolean;
  set: (key: string, value: string | null) => void;
}

// ---------------------------------------------------------------- one signal

function Limit({ threat, limit: l, draft }: { threat: Threat; limit: ThreatLimit; draft: Draft }) {
  const key = keyOf(threat, l.name), value = draft.edits[key] ?? String(l.value), bad = draft.faults[key];
  return (
    <div class="field">
      <label for={key}>{named(`threats.limit.${l.name}`, l.name)}</label>
      <input class="input num" id={key} inputMode="numeric" autocomplete="off" value={value} disabled={!draft.can} aria-invalid={Boolean(bad)} aria-describedby={`${key}.of`}
        onInput={e => draft.set(key, e.currentTarget.value === String(l.value) ? null : e.currentTarget.value)} />
      <small id={`${key}.of`} class={bad ? 'bad' : ''}>{bad || t('threats.of', { least: l.least, most: l.most, usual: l.usual })}</small>
    </div>
  );
}

function Networks({ now, draft }: { now: Settings; draft: Draft }) {
  const bad = draft.faults.networks, kept = now.networks.join('\n');
  return (
    <div class="field networks">
      <label for="networks">{t('threats.networks')}</label>
      <textarea class="input mono" id="networks" rows={Math.min(6, Math.max(2, now.networks.length + 1))} spellcheck={false} placeholder={'10.0.0.0/8\n2001:db8::/32'} disabled={!draft.can} value={draft.edits.networks ?? kept}
        aria-invalid={Boolean(bad)} aria-describedby="networks.of" onInput={e => draft.set('networks', e.currentTarget.value === kept ? null : e.currentTarget.value)} />
      <small id="networks.of" class={bad ? 'bad' : ''}>{bad || t('threats.networksHow')}</small>
    </div>
  );
}

// What it was raised for in the last days; a number stands for whoever shows it now.
function Lately({ code, alerts }: { code: string; alerts: Alert[] | null }) {
  const mine = alerts?.filter(a => a.code === code) ?? [];
  const open = mine.filter(a => !a.resolvedAt);
  if (!alerts) return <span class="skeleton" />;
  if (!mine.length) return <span class="dim">{t('threats.notLately')}</span>;
  const last = mine.map(a => a.lastAt).sort().at(-1)!;
  const devices = open.reduce((sum, a) => sum + a.devices, 0);
  const href = `${hrefOf('/alerts')}?code=${code}${open.length ? '' : '&status=resolved'}`;
  const words = !open.length ? t('threats.ended', { n: mine.length }) : devices ? t('threats.shown', { n: devices }) : t('threats.open', { n: open.length });
  return <><a class="link" href={href}>{words}</a> <span class="dim">{t('threats.last')} <Ago t={last} /></span></>;
}

function Signal({ threat, now, alerts, draft, here }: { threat: Threat; now: Settings; alerts: Alert[] | null; draft: Draft; here: boolean }) {
  const row = useRef<HTMLFieldSetElement>(null);
  const on = keyOf(threat, 'enabled'), enabled = (draft.edits[on] ?? String(threat.enabled)) === 'true';
  useEffect(() => void (here && row.current?.scrollIntoView({ block: 'center' })), [here]);
  return (
    <fieldset class={'threat' + (here ? ' here' : '') + (enabled ? '' : ' off')} ref={row} aria-label={threat.name}>
      <div class="what">
        <h3><Glyph state={SEVERITY_GLYPH[threat.severity]} size={14} /> {threat.name} <span class="tag">{threat.code}</span></h3>
        <p>{threat.what}</p>
        <p class="lately"><b>{t(`severity.${threat.severity}`)}</b> · <Lately code={threat.code} alerts={alerts} /></p>
      </div>
      <div class="limits">
        {threat.limits.map(l => <Limit key={l.name} threat={threat} limit={l} draft={draft} />)}
        {threat.code === 'T11' ? <Networks now={now} draft={draft} /> : null}
      </div>
      <label class="tick"><input type="checkbox" checked={enabled} disabled={!draft.can} aria-label={t('threats.watchFor', { name: threat.name })}
        onChange={e => draft.set(on, e.currentTarget.checked === threat.enabled ? null : String(e.currentTarget.checked))} />{t('threats.on')}</label>
    </fieldset>
  );
}

// ---------------------------------------------------------------- all of them

function useAlerts(name: string): [Alert[] | null, boolean] {
  const [alerts, setAlerts] = useState<Alert[] | null>(null);
  const [more, setMore] = useState(false);
  useEffect(() => {
    let alive = true;
    const load = () => call('GET /catalogs/{catalog}/alerts', { path: { catalog: name }, query: { source: 'threat', from: LATELY, limit: LATELY_MOST } })
      .then(page => { if (alive) { setAlerts(page.items); setMore(Boolean(page.next)); } }, () => {});
    void load();
    const stop = subscribe({ name: 'alerts', frame: () => void load() });
    return () => { alive = false; stop(); };
  }, [name]);
  return [alerts, more];
}

function SaveBar({ draft, changes, busy, unusual, onDrop, onUsual }: { draft: Draft; changes: number; busy: boolean; unusual: boolean; onDrop: () => void; onUsual: () => void }) {
  if (!draft.can) return <p class="pad dim">{t('threats.readOnly')}</p>;
  return (
    <div class="savebar actions">
      <span class="dim" role="status">{changes ? t('threats.changes', { n: changes }) : ''}</span><span class="grow" />
      {unusual ? <button type="button" class="btn ghost" onClick={onUsual}>{t('threats.usual')}</button> : null}
      <button type="button" class="btn" disabled={!changes} onClick={onDrop}>{t('threats.discard')}</button>
      <button type="submit" class="btn p" disabled={!changes || busy}>{t('action.save')}</button>
    </div>
  );
}

export function Threats() {
  const [now, setNow] = useState<{ value: Settings; tag: string } | null>(null);
  const [edits, setEdits] = useState<Edits>({});
  const [faults, setFaults] = useState<Record<string, string>>({});
  const [error, setError] = useState<unknown>(null);
  const [done, setDone] = useState('');
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const name = catalog.value, path = { catalog: name };
  const [alerts, more] = useAlerts(name);
  const load = () => read(`GET ${ROUTE}`, { path }).then(got => { setNow(got); setError(null); }, setError);
  useEffect(() => { setNow(null); setEdits({}); setFaults({}); void load(); }, [name]);
  // Whoever is told of a mistake is taken to it.
  useEffect(() => form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus(), [faults]);

  const set = (key: string, value: string | null) => {
    setDone('');
    setEdits(({ [key]: _, ...rest }) => (value === null ? rest : { ...rest, [key]: value }));
  };
  const usual = () => setEdits(Object.fromEntries(now!.value.items.flatMap(one => [
    ...one.limits.filter(l => l.value !== l.usual).map(l => [keyOf(one, l.name), String(l.usual)]), ...(one.enabled ? [] : [[keyOf(one, 'enabled'), 'true']]),
  ])));

  async function save(e: Event) {
    e.preventDefault();
    const bad = flaws(now!.value, edits);
    setFaults(bad);
    if (Object.keys(bad).length) return;
    setBusy(true);
    try {
      await call(`PUT ${ROUTE}`, { path, ifMatch: now!.tag, body: changeOf(now!.value, edits) });
      await load();
      setEdits({});
      setDone(t('threats.saved'));
    } catch (failure) {
      const at = failure instanceof Problem ? faultAt(failure.message) : null;
      if (at) setFaults({ [at.key]: at.text });
      setError(at ? null : failure);
    }
    setBusy(false);
  }

  const draft: Draft = { edits, faults, can: may('catalog:write'), set };
  const unusual = Boolean(now?.value.items.some(one => !one.enabled || one.limits.some(l => l.value !== l.usual)));
  return (
    <section class="card c12" aria-labelledby="threats">
      <header><h2 id="threats">{t('threats.title')}</h2><span class="sub">{t('threats.sub')}</span></header>
      {error || done ? <div class="pad"><Says error={error} retry={() => void load()} />{error ? null : <Done text={done} />}</div> : null}
      {now ? (
        <form noValidate ref={form} onSubmit={e => void save(e)}>
          {now.value.items.map(one => <Signal key={one.code} threat={one} now={now.value} alerts={alerts} draft={draft} here={place.value.query.get('code') === one.code} />)}
          {more ? <p class="pad dim">{t('threats.newest', { n: LATELY_MOST })}</p> : null}
          <SaveBar draft={draft} changes={Object.keys(edits).length} busy={busy} unusual={unusual} onDrop={() => { setEdits({}); setFaults({}); }} onUsual={usual} />
        </form>
      ) : error ? null : <div class="pad"><span class="skeleton" /></div>}
    </section>
  );
}
