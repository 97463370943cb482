// SPDX-License-Identifier: Apache-2.0
//
// find: "/" finds a device, a page or a command.
//
//   text --> pages, catalogs, commands by their words  ·  devices by prefix, from the server
//
// A combobox: the focus stays in the field, arrows choose, Enter goes.

import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { call } from '../api/client';
import { setTheme } from '../core/prefs';
import { go, place } from '../core/router';
import { catalog, devicesHref, homeHref, hrefOf, may, session, signOut } from '../core/session';
import { t } from '../i18n/i18n';
import { announce } from './announce';
import { Dialog } from './dialog';
import { CopyIcon, DevicesIcon, MoonIcon, SearchIcon, SettingsIcon, SunIcon, SystemIcon } from './icons';
import { Keys, keysShown } from './key-sheet';
import { Glyph, stateWord } from './state';

export const finding = signal(false);
const WAIT_MS = 120;
const MOST = 6;

interface Hit {
  id: string;
  group: string;
  label: string;
  hint?: string;
  icon?: ComponentChildren;
  keys?: string;
  run: () => void;
}

export interface Place {
  label: string;
  href: string;
  keys: string;
  icon: ComponentChildren;
}

export function FindButton() {
  return (
    <button type="button" class="findbtn" aria-keyshortcuts="/" onClick={() => (finding.value = true)}>
      <SearchIcon /><span>{t('find.hint')}</span><kbd aria-hidden="true">/</kbd>
    </button>
  );
}

// What a page shows, asked for over REST. A filter in the address is the API's own.
const CALLS: [RegExp, string][] = [
  [/^\/$/, '/catalogs/{c}/overview'], [/^(\/devices(?:\/[0-9a-f]{32})?)/, '/catalogs/{c}$1'], [/^(\/audit)/, '/catalogs/{c}$1'],
  [/^(\/products)/, '/catalogs/{c}$1'], [/^\/settings\/(users|tokens|catalogs)/, '/$1'],
];
const PAGE_ONLY = ['cols', 'view', 'by', 'chain', 'from'];

function asCall(): string | null {
  const rest = place.value.path.replace(/^\/c\/[^/]+/, '') || '/';
  const [at, to] = CALLS.find(([pattern]) => pattern.test(rest)) ?? [];
  if (!at || !to) return null;
  const query = new URLSearchParams(place.value.query);
  PAGE_ONLY.forEach(name => query.delete(name));
  const path = to.replace('$1', at.exec(rest)?.[1] ?? '').replace('{c}', encodeURIComponent(catalog.value));
  return `curl -H "Authorization: Bearer $ORRERY_TOKEN" '${window.location.origin}/api/v1${path}${query.size ? '?' + query : ''}'`;
}

function commands(places: Place[]): Hit[] {
  const pages = places.map(p => ({ id: 'p' + p.href, group: t('find.pages'), label: p.label, icon: p.icon, keys: p.keys, run: () => go(p.href) }));
  const others = (session.value?.catalogs ?? []).filter(c => c !== catalog.value)
    .map(c => ({ id: 'c' + c, group: t('find.catalogs'), label: t('find.switch', { name: c }), run: () => go(homeHref(c)) }));
  const group = t('find.commands');
  const settings = <SettingsIcon />;
  const rest: Hit[] = [
    ...(may('users:read') ? [{ id: 'users', group, label: t('users.title'), icon: settings, run: () => go(hrefOf('/settings/users')) }] : []),
    ...(may('tokens:write') ? [{ id: 'tokens', group, label: t('tokens.title'), icon: settings, run: () => go(hrefOf('/settings/tokens')) }] : []),
    ...(asCall() ? [{ id: 'curl', group, label: t('find.curl'), icon: <CopyIcon />, run: () => copied(asCall()!) }] : []),
    { id: 'link', group, label: t('find.link'), icon: <CopyIcon />, run: () => copied(window.location.href) },
    { id: 'light', group, label: t('find.light'), icon: <SunIcon />, run: () => setTheme('light') },
    { id: 'dark', group, label: t('find.dark'), icon: <MoonIcon />, run: () => setTheme('dark') },
    { id: 'system', group, label: t('find.system'), icon: <SystemIcon />, run: () => setTheme('system') },
    { id: 'keys', group, label: t('keys.title'), keys: '?', run: () => (keysShown.value = true) },
    { id: 'out', group, label: t('action.signOut'), run: () => void signOut() },
  ];
  return [...pages, ...others, ...rest];
}

const copied = (text: string) => void navigator.clipboard.writeText(text).then(() => announce(t('action.copied'), { now: true }));

async function devices(q: string, signal: AbortSignal): Promise<Hit[]> {
  const page = await call('GET /catalogs/{catalog}/devices', { path: { catalog: catalog.value }, query: { q, limit: MOST }, signal });
  const group = t('nav.devices');
  const found: Hit[] = page.items.map(d => ({
    id: 'd' + d.id, group, label: d.name ?? t('device.unnamed'), hint: `${d.id.slice(0, 8)} · ${stateWord(d.state)}`,
    icon: <Glyph state={d.state} />, run: () => go(devicesHref(d.id)),
  }));
  const all = { id: 'all', group, label: t('find.all', { q }), icon: <DevicesIcon />, run: () => go(`${devicesHref()}?q=${encodeURIComponent(q)}`) };
  return page.items.length ? [...found, all] : [];
}

function useDevices(q: string): Hit[] {
  const [hits, setHits] = useState<Hit[]>([]);
  useEffect(() => {
    if (!q || !may('devices:read') || !catalog.value) return setHits([]);
    const stop = new AbortController();
    const timer = setTimeout(() => devices(q, stop.signal).then(setHits, () => setHits([])), WAIT_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [q]);
  return hits;
}

function Option({ hit, active, onRun, onPoint }: { hit: Hit; active: boolean; onRun: () => void; onPoint: () => void }) {
  return (
    <div id={'find-' + hit.id} role="option" aria-selected={active} onClick={onRun} onPointerMove={onPoint}>
      <span class="icon">{hit.icon}</span><span class="cut">{hit.label}</span>
      {hit.hint ? <small class="mono dimmer">{hit.hint}</small> : null}
      {hit.keys ? <Keys keys={hit.keys} /> : null}
    </div>
  );
}

export function Find({ entries }: { entries: Place[] }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const q = text.trim();
  const words = q.toLowerCase();
  const hits = [...useDevices(q), ...commands(entries).filter(c => !words || c.label.toLowerCase().includes(words))];
  const active = Math.min(at, hits.length - 1);
  const close = () => (finding.value = false);
  const run = (hit?: Hit) => {
    if (!hit) return;
    close();
    hit.run();
  };
  useEffect(() => list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' }), [active]);
  const key = (e: KeyboardEvent) => {
    const to: Record<string, number> = { ArrowDown: (active + 1) % hits.length, ArrowUp: (active - 1 + hits.length) % hits.length };
    if (e.key === 'Enter') run(hits[active]);
    else if (e.key in to) setAt(to[e.key]!);
    else return;
    e.preventDefault();
  };
  const groups = [...new Set(hits.map(h => h.group))];
  return (
    <Dialog label={t('find.label')} class="find" onClose={close}>
      <label class="field-of">
        <SearchIcon />
        <input type="text" role="combobox" aria-label={t('find.label')} aria-expanded="true" aria-controls="find-list" aria-autocomplete="list"
          aria-activedescendant={hits[active] ? 'find-' + hits[active]!.id : undefined} placeholder={t('find.hint')} value={text} maxLength={80}
          spellcheck={false} autocomplete="off" autofocus onKeyDown={key} onInput={e => { setText((e.target as HTMLInputElement).value); setAt(0); }} />
        <kbd aria-hidden="true">Esc</kbd>
      </label>
      <div id="find-list" class="hits" role="listbox" aria-label={t('find.results')} ref={list}>
        {groups.map(g => (
          <div key={g} role="group" aria-label={g}>
            <h3 aria-hidden="true">{g}</h3>
            {hits.map((h, i) => (h.group === g ? <Option key={h.id} hit={h} active={i === active} onRun={() => run(h)} onPoint={() => setAt(i)} /> : null))}
          </div>
        ))}
      </div>
      {hits.length ? null : <p class="empty" role="status">{t('find.none')}</p>}
    </Dialog>
  );
}
