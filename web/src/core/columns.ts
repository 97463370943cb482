// SPDX-License-Identifier: Apache-2.0
//
// columns: what a row of the device list may show, how wide, and how many of them there is room for.
//
//   widths (drawn by hand, kept in this browser) | usual ones, which share what is left --> template

import { signal } from '@preact/signals';
import { keep, kept } from './prefs';

export const COLUMNS = ['state', 'name', 'why', 'seen', 'readings', 'group', 'site', 'os', 'attested', 'tags', 'id', 'lifecycle'] as const;
export type Column = (typeof COLUMNS)[number];

export const USUAL: Column[] = ['state', 'name', 'why', 'seen', 'readings', 'group', 'site', 'os'];

// px at least, share of what is left
const WIDTHS: Record<Column, [number, number]> = {
  state: [104, 0], name: [170, 1.4], why: [150, 1.4], seen: [68, 0], readings: [280, 1.6], group: [120, 0.9], site: [92, 0.5], os: [64, 0.3],
  attested: [72, 0.3], tags: [120, 0.8], id: [244, 0], lifecycle: [84, 0],
};
export const LEAST = 64;
const MOST = 1200;
const GAP = 14;
const PADDING = 32;
const CHECK = 24 + GAP;

export function readColumns(text: string | null): Column[] {
  const named = (text ?? '').split(',').filter((c): c is Column => (COLUMNS as readonly string[]).includes(c));
  const chosen = named.length ? COLUMNS.filter(c => named.includes(c)) : USUAL;
  return chosen.includes('name') ? chosen : ['name', ...chosen];
}

export const writeColumns = (chosen: Column[]): string | null => {
  const text = COLUMNS.filter(c => chosen.includes(c)).join(',');
  return text === COLUMNS.filter(c => USUAL.includes(c)).join(',') ? null : text;
};

export type Widths = Partial<Record<Column, number>>; // px

export function readWidths(text: string | null): Widths {
  const found: Widths = {};
  for (const part of (text ?? '').split(',')) {
    const [name, px] = part.split(':');
    const width = Number(px);
    if ((COLUMNS as readonly string[]).includes(name!) && width >= LEAST && width <= MOST) found[name as Column] = width;
  }
  return found;
}

export const widths = signal(readWidths(kept('widths')));

// null: as usual.
export function setWidth(c: Column, px: number | null): void {
  const next = { ...widths.peek() };
  if (px === null) delete next[c];
  else next[c] = Math.round(px);
  widths.value = next;
  keep('widths', Object.entries(next).map(([name, n]) => `${name}:${n}`).join(','));
}

const leastOf = (c: Column, drawn: Widths) => drawn[c] ?? WIDTHS[c][0];

// How wide a column may become without pushing another one out.
export function widest(c: Column, shown: Column[], width: number, drawn: Widths): number {
  const others = shown.filter(x => x !== c).reduce((n, x) => n + leastOf(x, drawn) + GAP, 0);
  return Math.min(MOST, Math.max(LEAST, width - PADDING - CHECK - others));
}

// Those that fit beside each other: name and state, then what was asked for beyond the usual.
export function fitting(chosen: Column[], width: number, drawn: Widths = {}): Column[] {
  const rank = (c: Column) => (c === 'name' ? 0 : c === 'state' ? 1 : USUAL.includes(c) ? 3 : 2);
  let room = width - PADDING - CHECK + GAP;
  const kept = [...chosen].sort((a, b) => rank(a) - rank(b)).filter(c => {
    const need = leastOf(c, drawn) + GAP;
    if (c !== 'name' && need > room) return false;
    room -= need;
    return true;
  });
  return chosen.filter(c => kept.includes(c));
}

export const template = (shown: Column[], drawn: Widths = {}): string =>
  ['24px', ...shown.map(c => (drawn[c] ? `${drawn[c]}px` : WIDTHS[c][1] ? `minmax(${WIDTHS[c][0]}px, ${WIDTHS[c][1]}fr)` : `${WIDTHS[c][0]}px`))].join(' ');
