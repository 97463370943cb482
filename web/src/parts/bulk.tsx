// SPDX-License-Identifier: Apache-2.0
//
// bulk: one change to many devices: what it will touch is shown before, the button says how many.
//
//   choice of rows or query --preview--> counts, exclusions --confirm with the number--> job

import { useEffect, useRef, useState } from 'preact/hooks';
import type { ChangePart, ChangePreview, DeviceChanges, Job, Permission } from '../api/api';
import { Problem, call } from '../api/client';
import type { Selection } from '../core/selection';
import { filterBody, type Filter } from '../core/filter';
import { groupName, groups, loadInventory } from '../core/inventory';
import { catalog, may } from '../core/session';
import { named, t, type Key } from '../i18n/i18n';
import { Dialog } from './dialog';
import { Says } from './says';
import { stateWord } from './state';

const PREVIEW_MS = 300;
const MOST_PARTS = 5;
const LOUD_MINUTES = [15, 60, 240, 1440];

export type Action = DeviceChanges['action'];

interface Kind {
  action: Action;
  needs: Permission;
  ready: (c: DeviceChanges) => boolean;
  grave?: boolean; // cannot be undone by the same hand: typed
}

const KINDS: Kind[] = [
  { action: 'move', needs: 'devices:write', ready: c => c.group !== undefined },
  { action: 'tag', needs: 'devices:write', ready: c => Object.keys(c.tags ?? {}).length > 0 },
  { action: 'untag', needs: 'devices:write', ready: c => Boolean(c.names?.length) },
  { action: 'loglevel', needs: 'devices:write', ready: c => Boolean(c.minutes) },
  { action: 'quarantine', needs: 'trust:write', ready: c => Boolean(c.reason?.trim()) },
  { action: 'release', needs: 'trust:write', ready: () => true },
  { action: 'reattest', needs: 'trust:write', ready: () => true },
  { action: 'unclaim', needs: 'devices:claim', ready: () => true, grave: true },
  { action: 'retire', needs: 'devices:write', ready: () => true, grave: true },
];

export const offered = () => KINDS.filter(k => may(k.needs));

// What is meant: the rows, or the query and how many it had when it was looked at.
export const aim = (selection: Selection, filter: Filter): Pick<DeviceChanges, 'ids' | 'filter'> =>
  (selection.all.value ? { filter: filterBody(filter) } : { ids: [...selection.ids.value] });

// The answer names the largest parts only; the rest is what they leave of the whole.
function Parts({ title, parts, total, word = p => p.label ?? '' }: { title: string; parts: ChangePart[]; total: number; word?: (p: ChangePart) => string }) {
  if (!parts.length) return null;
  const rest = total - parts.slice(0, MOST_PARTS).reduce((n, p) => n + p.n, 0);
  return (
    <div>
      <h3>{title}</h3>
      <ul>
        {parts.slice(0, MOST_PARTS).map(p => <li key={p.label}><bdi class="cut">{word(p) || t('devices.hasNone')}</bdi><span class="num dim">{t('number', { n: p.n })}</span></li>)}
        {rest > 0 ? <li class="dim"><span>{t('bulk.others')}</span><span class="num">{t('number', { n: rest })}</span></li> : null}
      </ul>
    </div>
  );
}

export function Radius({ p }: { p: ChangePreview }) {
  return (
    <div class="radius">
      <p><b class="num">{t('bulk.touches', { n: p.total })}</b> <span class="dim">{p.seconds >= 1 ? t('bulk.takes', { n: Math.ceil(p.seconds) }) : t('bulk.quick')} {p.reversible ? t('bulk.reversible') : t('bulk.irreversible')}</span></p>
      <div class="parts">
        <Parts title={t('param.product')} parts={p.byProduct} total={p.total} />
        <Parts title={t('param.site')} parts={p.bySite} total={p.total} />
        <Parts title={t('param.state')} parts={p.byState} total={p.total} word={x => stateWord(x.label ?? '')} />
      </div>
      {p.excluded.length ? <ul class="excluded">{p.excluded.map(x => <li key={x.reason}><b class="num">{t('number', { n: x.n })}</b> <bdi>{x.reason}</bdi></li>)}</ul> : null}
    </div>
  );
}

function Fields({ kind, change, onChange }: { kind: Kind; change: DeviceChanges; onChange: (c: Partial<DeviceChanges>) => void }) {
  const [name, setName] = useState('');
  const [value, setValue] = useState('');
  const tag = (n: string, v: string) => {
    setName(n);
    setValue(v);
    onChange({ tags: n.trim() && v ? { [n.trim()]: v } : {} });
  };
  const text = (e: Event) => (e.target as HTMLInputElement).value;
  switch (kind.action) {
    case 'move': return (
      <div class="field"><label for="bulk-group">{t('bulk.group')}</label>
        <select class="input" id="bulk-group" value={change.group ?? ''} onChange={e => onChange({ group: text(e) === '-' ? null : text(e) || undefined })}>
          <option value="">{t('bulk.pickGroup')}</option>
          {groups.value?.map(g => <option key={g.id} value={g.id}>{groupName(g)}</option>)}
          <option value="-">{t('bulk.noGroup')}</option>
        </select>
      </div>
    );
    case 'tag': return (
      <div class="two">
        <div class="field"><label for="bulk-name">{t('bulk.tagName')}</label><input class="input" id="bulk-name" maxLength={64} value={name} onInput={e => tag(text(e), value)} /></div>
        <div class="field"><label for="bulk-value">{t('bulk.tagValue')}</label><input class="input" id="bulk-value" maxLength={256} value={value} onInput={e => tag(name, text(e))} /></div>
      </div>
    );
    case 'untag': return (
      <div class="field"><label for="bulk-names">{t('bulk.tagNames')}</label>
        <input class="input" id="bulk-names" maxLength={400} onInput={e => onChange({ names: text(e).split(',').map(n => n.trim()).filter(Boolean) })} /><small>{t('bulk.tagNamesHow')}</small></div>
    );
    case 'loglevel': return (
      <div class="field"><label for="bulk-minutes">{t('bulk.minutes')}</label>
        <select class="input" id="bulk-minutes" onChange={e => onChange({ level: 'debug', minutes: Number(text(e)) || undefined })}>
          <option value="" />
          {LOUD_MINUTES.map(m => <option key={m} value={m}>{t(`alerts.span.${m}` as Key)}</option>)}
        </select>
      </div>
    );
    case 'quarantine': return (
      <div class="field"><label for="bulk-reason">{t('bulk.reason')}</label><input class="input" id="bulk-reason" maxLength={200} onInput={e => onChange({ reason: text(e) })} /><small>{t('bulk.reasonHow')}</small></div>
    );
    default: return null;
  }
}

const whatItDoes: Record<Action, Key> = {
  move: 'bulk.doMove', tag: 'bulk.doTag', untag: 'bulk.doUntag', loglevel: 'bulk.doLoglevel', quarantine: 'bulk.doQuarantine', release: 'bulk.doRelease', reattest: 'bulk.doReattest', unclaim: 'bulk.doUnclaim', retire: 'bulk.doRetire',
};

export function BulkDialog({ action, target, count, onClose, onJob }: {
  action: Action; target: Pick<DeviceChanges, 'ids' | 'filter'>; count: number; onClose: () => void; onJob: (j: Job) => void;
}) {
  const kind = KINDS.find(k => k.action === action)!;
  const [change, setChange] = useState<DeviceChanges>({ action, ...target });
  const [preview, setPreview] = useState<ChangePreview | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const key = useRef(crypto.randomUUID());
  const ready = kind.ready(change);
  const path = { catalog: catalog.value };

  async function look(stop?: AbortSignal) {
    try {
      setPreview(await call('POST /catalogs/{catalog}/device-changes/preview', { path, body: change, ...(stop ? { signal: stop } : {}) }));
      setError(null);
    } catch (e) {
      if (!stop?.aborted) setError(e);
    }
  }
  useEffect(() => {
    if (action === 'move') void loadInventory(catalog.value).catch(setError);
  }, []);
  useEffect(() => {
    if (!ready) return setPreview(null);
    const stop = new AbortController();
    const timer = setTimeout(() => void look(stop.signal), PREVIEW_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [change]);

  async function submit(e: Event) {
    e.preventDefault();
    if (!preview || busy) return;
    setBusy(true);
    try {
      onJob(await call('POST /catalogs/{catalog}/device-changes', { path, body: { ...change, expect: preview.total }, key: key.current }));
      onClose();
    } catch (failure) {
      setError(failure);
      key.current = crypto.randomUUID();
      if (failure instanceof Problem && failure.status === 409) await look().then(() => setError(failure)); // the number of now
    }
    setBusy(false);
  }

  const n = preview?.total ?? 0;
  const sure = !kind.grave || typed === catalog.value;
  const grave = kind.grave || action === 'quarantine';
  return (
    <Dialog label={t(whatItDoes[action])} class="wide" onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <h2>{t(whatItDoes[action])}</h2>
        <p class="dim">{named(`bulk.why.${action}`, '')} {target.filter ? t('bulk.ofQuery', { n: count }) : t('bulk.ofRows', { n: count })}</p>
        <Fields kind={kind} change={change} onChange={c => setChange({ ...change, ...c })} />
        <Says error={error} retry={() => void look()} />
        {preview ? <Radius p={preview} /> : ready && !error ? <p class="dim" aria-busy="true">{t('bulk.counting')}</p> : null}
        {kind.grave && preview ? <div class="field"><label for="bulk-sure">{t('bulk.typeCatalog', { name: catalog.value })}</label><input class="input" id="bulk-sure" autocomplete="off" value={typed} onInput={e => setTyped((e.target as HTMLInputElement).value)} /></div> : null}
        <div class="actions end">
          <button type="button" class="btn" onClick={onClose}>{t('action.cancel')}</button>
          <button type="submit" class={'btn ' + (grave ? 'd' : 'p')} disabled={!preview || !n || !sure || busy}>{preview ? t(`bulk.go.${action}` as Key, { n }) : t(`bulk.${action}` as Key)}</button>
        </div>
      </form>
    </Dialog>
  );
}

export function BulkBar({ selection, total, onAction }: { selection: Selection; total: number; onAction: (a: Action) => void }) {
  if (!selection.any) return null;
  const n = selection.all.value ? total : selection.ids.value.size;
  return (
    <div class="bulkbar" role="region" aria-label={t('bulk.bar')}>
      <b class="num" role="status">{t('bulk.chosen', { n })}</b>
      {selection.all.value ? null : <button type="button" class="btn ghost sm" onClick={() => selection.takeAll()}>{t('bulk.takeAll', { n: total })}</button>}
      <span class="grow" />
      {offered().map(k => <button key={k.action} type="button" class={'btn sm' + (k.grave ? ' d' : '')} onClick={() => onAction(k.action)}>{t(`bulk.${k.action}` as Key)}</button>)}
      <button type="button" class="btn ghost sm" onClick={() => selection.clear()}>{t('bulk.clear')}</button>
    </div>
  );
}
