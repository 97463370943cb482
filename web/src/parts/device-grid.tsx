// SPDX-License-Identifier: Apache-2.0
//
// device-grid: the list of devices: a table of any length that one reads, scrolls, sorts and chooses in.
//
//   pointer, focus, choice or scroll in it --> frozen        j k x Enter, arrows, Page, Home, End

import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { foremost, label, write } from '../core/metrics';
import { fitting, template, widest, widths, type Column } from '../core/columns';
import type { Fleet, Row } from '../core/fleet';
import { onKey } from '../core/keys';
import { renew, subscribe } from '../core/live';
import { go } from '../core/router';
import { devicesHref as href } from '../core/session';
import type { Selection } from '../core/selection';
import { ago, now } from '../core/time';
import { longDate, named, t } from '../i18n/i18n';
import { Grip } from './grip';
import { memo } from './memo';
import { StateMark, stateWord } from './state';
import { VirtualRows, type Scroller } from './virtual';

const READINGS = 3;
const ASK_LIVE_MS = 120;
const SORTED: Partial<Record<Column, string>> = { name: 'name', id: 'id', state: 'state' };

export const lacking = signal<Column[]>([]); // for which there is no room

export interface Look {
  columns: Column[];
  dense: boolean;
}

// Phones get two lines a row.
function useShape(dense: boolean) {
  const narrow = window.matchMedia('(max-width: 820px)');
  const coarse = window.matchMedia('(pointer: coarse)');
  const read = () => ({ narrow: narrow.matches, height: narrow.matches ? 64 : coarse.matches ? 44 : dense ? 32 : 40 });
  const [shape, setShape] = useState(read);
  useEffect(() => {
    const change = () => setShape(read());
    change();
    narrow.addEventListener('change', change);
    return () => narrow.removeEventListener('change', change);
  }, [dense]);
  return shape;
}

function Tags({ tags }: { tags: Record<string, unknown> }) {
  const all = Object.entries(tags);
  if (!all.length) return null;
  const [k, v] = all.find(([name]) => name !== 'site') ?? all[0]!;
  return <><span class="tag cut"><bdi>{k}: {String(v)}</bdi></span>{all.length > 1 ? <span class="dimmer num" title={all.map(p => p.join(': ')).join('\n')}>+{all.length - 1}</span> : null}</>;
}

// By place, not by name: a row that becomes another device's keeps its elements.
function Readings({ row }: { row: Row }) {
  return <>{foremost(Object.keys(row.m), READINGS).map((name, i) => (
    <span key={i} class="reading"><span class="dimmer cut">{label(name)}</span> <b class="num fades">{write(name, row.m[name])}</b></span>
  ))}</>;
}

const Seen = ({ ms }: { ms: number | null }) =>
  (ms === null ? <span class="dimmer">{t('device.never')}</span> : <time class="num" data-ms={ms}>{ago(ms, now.value)}</time>);

function Cell({ column, r }: { column: Column; r: Row }) {
  switch (column) {
    case 'state': return <StateMark state={r.state} />;
    case 'name': return <><a href={href(r.id)} tabIndex={-1} class="cut"><bdi>{r.name ?? t('device.unnamed')}</bdi></a><span class="mono dimmer">{r.id.slice(0, 8)}</span></>;
    case 'why': return <>{r.stateReason ?? ''}</>;
    case 'seen': return <Seen ms={r.seenMs} />;
    case 'readings': return <Readings row={r} />;
    case 'group': return r.group ? <><bdi>{r.product?.name}</bdi> <span class="dimmer">/ <bdi>{r.group.name}</bdi></span></> : <span class="dimmer">–</span>;
    case 'site': return <bdi>{r.tags.site ?? '–'}</bdi>;
    case 'os': return <>{r.osVersion ?? '–'}</>;
    case 'attested': return <>{r.attestedVersion ?? '–'}</>;
    case 'tags': return <Tags tags={r.tags} />;
    case 'id': return <span class="mono">{r.id}</span>;
    case 'lifecycle': return <span class="dim">{named(`lifecycle.${r.lifecycle}`, r.lifecycle)}</span>;
  }
}

// What is cut off, and when exactly, is told when somebody points at it: hundreds of titles a second are dear.
function explain(e: PointerEvent): void {
  const at = e.target as HTMLElement;
  const time = at.closest<HTMLElement>('time[data-ms]');
  const cut = at.closest<HTMLElement>('.cut, [role=gridcell]');
  if (time) time.title = longDate.format(Number(time.dataset.ms));
  else if (cut) cut.title = cut.scrollWidth > cut.clientWidth ? cut.innerText : '';
}

interface RowProps {
  fleet: Fleet;
  selection: Selection;
  id: string | undefined;
  index: number;
  active: boolean;
  columns: string;
  chooses: boolean;
  onActive: (i: number) => void;
}

function Blank({ index }: { index: number }) {
  return <div class="row blank" role="row" aria-rowindex={index + 2} aria-busy="true"><div role="gridcell" aria-label={t('devices.loading')} /><div role="gridcell" class="k-name"><span class="skeleton" /></div></div>;
}

function RowLine({ fleet, selection, id, index, active, columns, chooses, onActive }: RowProps) {
  const row = id ? fleet.rows.get(id) : undefined;
  if (!id || !row) return <Blank index={index} />;
  const r = row.value;
  const chosen = selection.has(id);
  const name = r.name ?? r.id;
  const choose = (e: MouseEvent) => {
    e.stopPropagation();
    if (e.shiftKey) selection.extend(index, (a, b) => fleet.between(a, b));
    else selection.toggle(id, index);
  };
  // A click opens the device, unless it ends a text selection, wants a new tab, or rows are being chosen.
  const click = (e: MouseEvent) => {
    if ((e.target as Element).closest('a, label') || e.metaKey || e.ctrlKey || window.getSelection()?.toString()) return;
    if (selection.any || e.shiftKey) return choose(e);
    go(href(id));
  };
  return (
    <div class={'row' + (r.state === 'healthy' ? ' calm' : '')} role="row" aria-rowindex={index + 2} tabIndex={active ? 0 : -1} data-index={index} data-id={id}
      aria-label={`${name}, ${stateWord(r.state)}`} aria-selected={chooses ? chosen : undefined} onFocus={() => onActive(index)} onClick={click}>
      <div role="gridcell" class="k-check">
        {chooses ? <label class="box"><input type="checkbox" tabIndex={-1} checked={chosen} aria-label={t('devices.choose', { name })} onClick={choose} /></label> : null}
      </div>
      {columns.split(',').map(c => <div key={c} role="gridcell" class={'k-' + c}><Cell column={c as Column} r={r} /></div>)}
    </div>
  );
}
const DeviceRow = memo(RowLine);

function Heads({ columns, sort, most, onSort }: { columns: Column[]; sort: string; most: ((c: Column) => number) | null; onSort: (sort: string) => void }) {
  return (
    <div role="rowgroup" class="head">
      <div class="row" role="row" aria-rowindex={1}>
        <div role="columnheader" class="k-check"><span class="only-read">{t('devices.chosen')}</span></div>
        {columns.map(c => {
          const key = SORTED[c];
          const word = named(`col.${c}`, c);
          const grip = most ? <Grip column={c} name={word} most={() => most(c)} /> : null;
          if (!key) return <div key={c} role="columnheader" aria-label={word} class={'k-' + c}>{word}{grip}</div>;
          const down = sort === '-' + key;
          const here = sort === key || down;
          const next = !here ? key : down || key !== 'name' ? '' : '-' + key;
          return (
            <div key={c} role="columnheader" aria-label={word} class={'k-' + c} aria-sort={here ? (down ? 'descending' : 'ascending') : 'none'}>
              <button type="button" class="sort" onClick={() => onSort(next)}>{word}<span aria-hidden="true">{here ? (down ? '↓' : '↑') : ''}</span></button>{grip}
            </div>
          );
        })}
      </div>
    </div>
  );
}

interface Left {
  top?: number;
  active?: number;
}
const left = () => (history.state ?? {}) as Left;

export function DeviceGrid({ fleet, selection, look, sort, chooses, onSort }: {
  fleet: Fleet; selection: Selection; look: Look; sort: string; chooses: boolean; onSort: (sort: string) => void;
}) {
  const grid = useRef<HTMLDivElement>(null);
  const inside = useRef({ pointer: false, focus: false, scrolled: false });
  const visible = useRef<string[]>([]);
  const scroller = useRef<Scroller | null>(null);
  const renewing = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const noting = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const restored = useRef(false);
  const [active, show] = useState(() => left().active ?? 0);
  const at = useRef(active); // as of the last key, drawn or not
  const setActive = useRef((i: number) => {
    at.current = i;
    show(i);
  }).current;
  const [width, setWidth] = useState(1000);
  const { narrow, height } = useShape(look.dense);
  const count = fleet.total.value;
  const version = fleet.blocks.value;
  const chosen = selection.any;
  const drawn = widths.value;
  const columns = narrow ? look.columns : fitting(look.columns, width, drawn);
  const shownColumns = columns.join(',');
  useEffect(() => {
    lacking.value = narrow ? [] : look.columns.filter(c => !columns.includes(c));
  }, [shownColumns, look.columns.join()]);

  const thaw = () => {
    const i = inside.current;
    fleet.frozen = i.pointer || i.focus || i.scrolled || chosen;
    if (!fleet.frozen) fleet.adopt();
  };
  useEffect(thaw, [chosen]);
  const set = (change: Partial<typeof inside.current>) => {
    Object.assign(inside.current, change);
    thaw();
  };

  useEffect(() => subscribe({ name: 'devices', ids: () => visible.current, frame: f => fleet.frame(f) }), [fleet]);
  useEffect(() => () => {
    clearTimeout(renewing.current);
    clearTimeout(noting.current);
  }, []);
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([e]) => setWidth(e!.contentRect.width));
    watch.observe(grid.current!);
    return () => watch.disconnect();
  }, []);
  // Back from a device: where one was.
  useLayoutEffect(() => {
    const top = left().top;
    const box = grid.current?.querySelector('.rows');
    if (restored.current || !box || !count) return;
    restored.current = true;
    if (top) box.scrollTop = top;
  }, [count]);

  function note(top: number) {
    clearTimeout(noting.current);
    noting.current = setTimeout(() => history.replaceState({ top, active: at.current }, ''), 250);
  }

  function shown(first: number, last: number) {
    fleet.want(first, last);
    visible.current = fleet.between(first, last - 1);
    renewing.current ??= setTimeout(() => {
      renewing.current = undefined;
      renew('devices');
    }, ASK_LIVE_MS);
  }

  function focusRow(index: number) {
    const to = Math.max(0, Math.min(count - 1, index));
    setActive(to);
    scroller.current?.reveal(to);
    requestAnimationFrame(() => grid.current?.querySelector<HTMLElement>(`[data-index="${to}"]`)?.focus({ preventScroll: true }));
  }
  const focused = () => grid.current?.contains(document.activeElement) ?? false;
  const mark = () => {
    const id = fleet.at(at.current);
    if (id && chooses && focused()) selection.toggle(id, at.current);
  };
  useEffect(() => {
    const undo = [onKey('j', () => focusRow(focused() ? at.current + 1 : at.current)), onKey('k', () => focusRow(focused() ? at.current - 1 : at.current)), onKey('x', mark)];
    return () => undo.forEach(run => run());
  });

  function move(e: KeyboardEvent) {
    if ((e.target as Element).closest('.head')) return;
    const page = Math.max(1, Math.floor((grid.current!.querySelector('.rows')?.clientHeight ?? 400) / height) - 1);
    const from = at.current;
    const steps: Record<string, number> = { ArrowDown: from + 1, ArrowUp: from - 1, Home: 0, End: count - 1, PageDown: from + page, PageUp: from - page };
    const to = steps[e.key];
    const id = fleet.at(from);
    if (to !== undefined) {
      e.preventDefault();
      focusRow(to);
    } else if (e.key === 'Enter' && id) {
      e.preventDefault();
      go(href(id));
    } else if (e.key === ' ') {
      e.preventDefault();
      mark();
    }
  }

  return (
    <div class={'grid' + (look.dense ? ' dense' : '')} role="grid" ref={grid} aria-label={t('nav.devices')} aria-rowcount={count + 1} aria-colcount={columns.length + 1} aria-multiselectable={chooses ? true : undefined}
      style={{ '--columns': narrow ? 'none' : template(columns, drawn) }}
      onPointerOver={explain} onPointerEnter={e => e.pointerType === 'mouse' && set({ pointer: true })} onPointerLeave={() => set({ pointer: false })}
      onFocusIn={() => set({ focus: true })} onFocusOut={e => set({ focus: grid.current?.contains(e.relatedTarget as Node | null) ?? false })}
      onKeyDown={move}>
      <Heads columns={columns} sort={sort} most={narrow ? null : c => widest(c, columns, width, drawn)} onSort={onSort} />
      {count ? (
        <VirtualRows count={count} rowHeight={height} active={active} version={version} scroller={scroller} onWindow={shown}
          onScroll={top => {
            set({ scrolled: top > 0 });
            note(top);
          }}
          row={i => <DeviceRow fleet={fleet} selection={selection} id={fleet.at(i)} index={i} active={i === active} columns={shownColumns} chooses={chooses} onActive={setActive} />} />
      ) : null}
    </div>
  );
}
