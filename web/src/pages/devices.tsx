// SPDX-License-Identifier: Apache-2.0
//
// devices: which devices match, and how they are, live.
//
//   ?q&state --> Fleet --> rows in sight --subscribe--> values in place

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { DeviceState } from '../api/api';
import { Fleet, type Row } from '../core/fleet';
import { renew, subscribe } from '../core/live';
import { foremost, label, write } from '../core/metrics';
import { shortcuts } from '../core/prefs';
import { go, place, setQuery } from '../core/router';
import { catalog, devicesHref as href } from '../core/session';
import { Ago } from '../core/time';
import { t } from '../i18n/i18n';
import { SearchIcon } from '../parts/icons';
import { Says } from '../parts/says';
import { Page } from '../parts/shell';
import { Glyph, STATES, StateMark, stateClass, stateWord } from '../parts/state';
import { VirtualRows } from '../parts/virtual';

const REFRESH_MS = 10_000;
const COLUMNS = ['state', 'name', 'why', 'seen', 'readings', 'os', 'tags'] as const;
const READINGS = 3;
const typing = (e: KeyboardEvent) => e.target instanceof HTMLInputElement || e.target instanceof HTMLSelectElement;

// Phones get two lines a row.
function useRowHeight(): number {
  const narrow = window.matchMedia('(max-width: 820px)');
  const coarse = window.matchMedia('(pointer: coarse)');
  const height = () => (narrow.matches ? 64 : coarse.matches ? 44 : 40);
  const [h, setH] = useState(height);
  useEffect(() => {
    const change = () => setH(height());
    narrow.addEventListener('change', change);
    return () => narrow.removeEventListener('change', change);
  }, []);
  return h;
}

function Census({ fleet, state }: { fleet: Fleet; state: string }) {
  const counts = fleet.counts.value;
  const total = counts ? STATES.reduce((n, s) => n + (counts[s] ?? 0), 0) : 0;
  let x = 0;
  const bars = STATES.slice().reverse().map(s => {
    const width = total ? ((counts?.[s] ?? 0) / total) * 1000 : 0;
    const bar = width ? <rect key={s} x={x} width={Math.max(width - 3, 3)} height="6" class={'f-' + stateClass(s)} /> : null;
    x += width;
    return bar;
  });
  return (
    <section class="card c12 census" aria-label={t('devices.census')}>
      <ul class="tiles">
        <Tile label={t('devices.all')} n={counts ? total : null} value="" here={!state} />
        {STATES.slice().reverse().map(s => <Tile key={s} state={s} label={stateWord(s)} n={counts ? (counts[s] ?? 0) : null} value={s} here={state === s} />)}
      </ul>
      <svg class="bar" viewBox="0 0 1000 6" preserveAspectRatio="none" aria-hidden="true"><rect width="1000" height="6" class="f-track" />{bars}</svg>
    </section>
  );
}

function Tile({ state, label, n, value, here }: { state?: DeviceState; label: string; n: number | null; value: string; here: boolean }) {
  return (
    <li>
      <button type="button" aria-pressed={here} onClick={() => setQuery({ state: here ? null : value || null })}>
        <span class={state ? 'st ' + stateClass(state) : 'dim'}>{state ? <Glyph state={state} /> : null}{label}</span>
        <b class="num fades">{n === null ? '–' : t('number', { n })}</b>
      </button>
    </li>
  );
}

function Tags({ tags }: { tags: Record<string, unknown> }) {
  const all = Object.entries(tags);
  if (!all.length) return null;
  const [k, v] = all.find(([name]) => name === 'site') ?? all[0]!;
  return <><span class="tag cut" title={`${k}: ${String(v)}`}>{String(v)}</span>{all.length > 1 ? <span class="dimmer num" title={all.map(p => p.join(': ')).join(', ')}>+{all.length - 1}</span> : null}</>;
}

function Readings({ row }: { row: Row }) {
  return <>{foremost(Object.keys(row.m), READINGS).map(name => (
    <span key={name} class="reading" title={name}><span class="dimmer cut">{label(name)}</span> <b class="num fades">{write(name, row.m[name])}</b></span>
  ))}</>;
}

function DeviceRow({ fleet, id, index, active, onActive }: { fleet: Fleet; id: string; index: number; active: boolean; onActive: (i: number) => void }) {
  const r = fleet.rows.get(id)!.value;
  return (
    <div class={'row' + (r.state === 'healthy' ? ' calm' : '')} role="row" aria-rowindex={index + 2} tabIndex={active ? 0 : -1} data-index={index} data-id={id}
      aria-label={`${r.name ?? r.id}, ${stateWord(r.state)}`}
      onFocus={() => onActive(index)} onClick={e => open(e, id)}>
      <div role="gridcell" class="k-state"><StateMark state={r.state} /></div>
      <div role="gridcell" class="k-name">
        <a href={href(id)} tabIndex={-1} class="cut">{r.name ?? t('device.unnamed')}</a>
        <span class="mono dimmer">{id.slice(0, 8)}</span>
      </div>
      <div role="gridcell" class="k-why cut dim" title={r.stateReason ?? ''}>{r.stateReason ?? ''}</div>
      <div role="gridcell" class="k-seen"><Ago t={r.seenMs} never={t('device.never')} /></div>
      <div role="gridcell" class="k-readings"><Readings row={r} /></div>
      <div role="gridcell" class="k-os cut dim" title={r.osVersion ?? ''}>{r.osVersion ?? '–'}</div>
      <div role="gridcell" class="k-tags"><Tags tags={r.tags} /></div>
    </div>
  );
}

// A click opens the device, unless it ends a text selection or wants a new tab.
function open(e: MouseEvent, id: string): void {
  if ((e.target as Element).closest('a') || e.metaKey || e.ctrlKey || window.getSelection()?.toString()) return;
  go(href(id));
}

function Grid({ fleet }: { fleet: Fleet }) {
  const grid = useRef<HTMLDivElement>(null);
  const inside = useRef({ pointer: false, focus: false, scrolled: false });
  const visible = useRef<string[]>([]);
  const [active, setActive] = useState(0);
  const rowHeight = useRowHeight();
  const ids = fleet.order.value;

  const thaw = () => {
    const i = inside.current;
    fleet.frozen = i.pointer || i.focus || i.scrolled;
    if (!fleet.frozen) fleet.adopt();
  };
  const set = (change: Partial<typeof inside.current>) => {
    Object.assign(inside.current, change);
    thaw();
  };

  useEffect(() => subscribe({ name: 'devices', ids: () => visible.current, frame: f => fleet.frame(f) }), [fleet]);

  function focusRow(index: number) {
    const to = Math.max(0, Math.min(ids.length - 1, index));
    setActive(to);
    requestAnimationFrame(() => {
      const row = grid.current?.querySelector<HTMLElement>(`[data-index="${to}"]`);
      row?.focus({ preventScroll: true });
      row?.scrollIntoView({ block: 'nearest' });
    });
  }

  useEffect(() => {
    const keys = (e: KeyboardEvent) => {
      if (!shortcuts.value || typing(e) || e.ctrlKey || e.metaKey || e.altKey) return;
      if (e.key !== 'j' && e.key !== 'k') return;
      const focused = grid.current?.contains(document.activeElement);
      e.preventDefault();
      focusRow(focused ? active + (e.key === 'j' ? 1 : -1) : active);
    };
    document.addEventListener('keydown', keys);
    return () => document.removeEventListener('keydown', keys);
  });

  function move(e: KeyboardEvent) {
    const steps: Record<string, number> = { ArrowDown: active + 1, ArrowUp: active - 1, Home: 0, End: ids.length - 1, PageDown: active + 10, PageUp: active - 10 };
    const to = steps[e.key];
    if (to !== undefined) {
      e.preventDefault();
      focusRow(to);
    } else if (e.key === 'Enter' && ids[active]) {
      e.preventDefault();
      go(href(ids[active]!));
    }
  }

  return (
    <div class="grid" role="grid" ref={grid} aria-label={t('nav.devices')} aria-rowcount={fleet.hasMore ? -1 : ids.length + 1} aria-colcount={COLUMNS.length}
      onPointerEnter={e => e.pointerType === 'mouse' && set({ pointer: true })} onPointerLeave={() => set({ pointer: false })}
      onFocusIn={() => set({ focus: true })} onFocusOut={e => set({ focus: grid.current?.contains(e.relatedTarget as Node | null) ?? false })}
      onKeyDown={move}>
      <div role="rowgroup" class="head">
        <div class="row" role="row" aria-rowindex={1}>
          {COLUMNS.map(c => <div key={c} role="columnheader" class={'k-' + c}>{t(`col.${c}`)}</div>)}
        </div>
      </div>
      {ids.length ? (
        <VirtualRows ids={ids} rowHeight={rowHeight} active={active} onScroll={top => set({ scrolled: top > 0 })}
          onWindow={shown => {
            visible.current = shown;
            renew('devices');
            if (shown.includes(ids[ids.length - 1]!)) void fleet.extend();
          }}
          row={(id, i) => <DeviceRow fleet={fleet} id={id} index={i} active={i === active} onActive={setActive} />} />
      ) : null}
    </div>
  );
}

function Newer({ fleet }: { fleet: Fleet }) {
  const n = fleet.arrivals.value;
  return n ? <button type="button" class="newer" onClick={() => fleet.adopt()}>{t('devices.newer', { n })}</button> : null;
}

function Search({ q }: { q: string }) {
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    if (input.current && document.activeElement !== input.current) input.current.value = q;
  }, [q]);
  useEffect(() => {
    const slash = (e: KeyboardEvent) => {
      if (e.key !== '/' || !shortcuts.value || typing(e)) return;
      e.preventDefault();
      input.current?.focus();
    };
    document.addEventListener('keydown', slash);
    return () => document.removeEventListener('keydown', slash);
  }, []);
  useEffect(() => () => clearTimeout(timer.current), []);
  // Enter and the arrow lead from the search into what it found.
  const down = (e: KeyboardEvent) => {
    if (e.key !== 'Enter' && e.key !== 'ArrowDown') return;
    e.preventDefault();
    document.querySelector<HTMLElement>('.rows .row[tabindex="0"]')?.focus();
  };
  const change = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setQuery({ q: input.current!.value.trim() || null }), 150);
  };
  return (
    <label class="search">
      <SearchIcon />
      <span class="only-read">{t('devices.search')}</span>
      <input ref={input} type="search" defaultValue={q} placeholder={t('devices.searchHint')} onInput={change} onKeyDown={down} spellcheck={false} autocomplete="off" maxLength={80} />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}

function Body({ fleet, q, state }: { fleet: Fleet; q: string; state: string }) {
  const none = fleet.loaded.value && !fleet.order.value.length;
  return (
    <section class="card c12 list" aria-label={t('devices.list')}>
      {fleet.error.value ? <div class="pad"><Says error={fleet.error.value} retry={() => void fleet.show({ q, state })} /></div> : null}
      <Newer fleet={fleet} />
      <Grid fleet={fleet} />
      {none ? (
        <div class="empty">
          {q || state ? <><b>{t('devices.noMatch')}</b><button type="button" class="btn" onClick={() => setQuery({ q: null, state: null })}>{t('devices.clear')}</button></>
            : <><b>{t('devices.none')}</b>{t('devices.noneHow')}</>}
        </div>
      ) : null}
    </section>
  );
}

export function Devices() {
  const q = place.value.query.get('q') ?? '';
  const state = place.value.query.get('state') ?? '';
  const name = catalog.value;
  const fleet = useMemo(() => new Fleet(name, { q, state }), [name]);
  useEffect(() => void fleet.show({ q, state }), [fleet, q, state]);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) void fleet.refresh();
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [fleet]);
  return (
    <Page title={t('nav.devices')} class="fills" tools={<Search q={q} />}>
      <Census fleet={fleet} state={state} />
      <Body fleet={fleet} q={q} state={state} />
    </Page>
  );
}
