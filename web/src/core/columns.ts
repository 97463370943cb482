// SPDX-License-Identifier: Apache-2.0
//
// columns: what a row of the device list may show, and how many of them there is room for.

export const COLUMNS = ['state', 'name', 'why', 'seen', 'readings', 'group', 'site', 'os', 'attested', 'tags', 'id', 'lifecycle'] as const;
export type Column = (typeof COLUMNS)[number];

export const USUAL: Column[] = ['state', 'name', 'why', 'seen', 'readings', 'group', 'site', 'os'];

// px at least, share of what is left
const WIDTHS: Record<Column, [number, number]> = {
  state: [104, 0], name: [170, 1.4], why: [150, 1.4], seen: [68, 0], readings: [280, 1.6], group: [120, 0.9], site: [92, 0.5], os: [64, 0.3],
  attested: [72, 0.3], tags: [120, 0.8], id: [244, 0], lifecycle: [84, 0],
};
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

// Those that fit beside each other: name and state, then what was asked for beyond the usual.
export function fitting(chosen: Column[], width: number): Column[] {
  const rank = (c: Column) => (c === 'name' ? 0 : c === 'state' ? 1 : USUAL.includes(c) ? 3 : 2);
  let room = width - PADDING - CHECK + GAP;
  const kept = [...chosen].sort((a, b) => rank(a) - rank(b)).filter(c => {
    const need = WIDTHS[c][0] + GAP;
    if (c !== 'name' && need > room) return false;
    room -= need;
    return true;
  });
  return chosen.filter(c => kept.includes(c));
}

export const template = (shown: Column[]): string =>
  ['24px', ...shown.map(c => (WIDTHS[c][1] ? `minmax(${WIDTHS[c][0]}px, ${WIDTHS[c][1]}fr)` : `${WIDTHS[c][0]}px`))].join(' ');
