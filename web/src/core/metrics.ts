// SPDX-License-Identifier: Apache-2.0
//
// metrics: how a reading is written. Names belong to devices; the unit is told
// from the name's ending, the label from the catalogue or from the name itself.
//
//   "mem_used_pct", 41.26 --> "Memory used" "41 %"

import { locale, named } from '../i18n/i18n';

type Unit = 'percent' | 'celsius' | 'bytes' | 'bytesRate' | 'seconds' | 'volts' | 'plain';

const ENDINGS: [RegExp, Unit][] = [
  [/(pct|percent)$/i, 'percent'],
  [/(_c|celsius)$/i, 'celsius'],
  [/(bps|bytes_(per_)?s|bytes\/s|byte_rate)$/i, 'bytesRate'],
  [/bytes$/i, 'bytes'],
  [/(uptime|_s|seconds)$/i, 'seconds'],
  [/(_v|volts?)$/i, 'volts'],
  [/^temp(erature)?$/i, 'celsius'],
  [/^(cpu|mem|memory|disk|battery|humidity)$/i, 'percent'],
];

// What a list shows first, where a device has it.
const COLUMNS: RegExp[] = [/^cpu/i, /^mem/i, /^temp/i];

const one = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const three = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });
const SIZES = ['B', 'kB', 'MB', 'GB', 'TB'];

export const unitOf = (name: string): Unit => ENDINGS.find(([end]) => end.test(name))?.[1] ?? 'plain';

export function label(name: string): string {
  const words = name.replace(/[._/]+/g, ' ').trim();
  return named(`metric.${name}`, words.charAt(0).toUpperCase() + words.slice(1));
}

function size(v: number): string {
  let step = 0;
  while (Math.abs(v) >= 1000 && step < SIZES.length - 1) {
    v /= 1000;
    step++;
  }
  return `${three.format(v)} ${SIZES[step]}`;
}

function span(s: number): string {
  if (s >= 86_400) return `${one.format(s / 86_400)} d`;
  if (s >= 3600) return `${one.format(s / 3600)} h`;
  if (s >= 60) return `${one.format(s / 60)} min`;
  return `${three.format(s)} s`;
}

export function write(name: string, v: number | null | undefined): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return '–';
  switch (unitOf(name)) {
    case 'percent': return `${one.format(v)} %`;
    case 'celsius': return `${one.format(v)} °C`;
    case 'bytes': return size(v);
    case 'bytesRate': return `${size(v)}/s`;
    case 'seconds': return span(v);
    case 'volts': return `${three.format(v)} V`;
    case 'plain': return three.format(v);
  }
}

// The metric of a device that belongs in list column i, if it has one.
export const columnMetric = (m: Record<string, number>, i: number) =>
  Object.keys(m).sort().find(name => COLUMNS[i]!.test(name));

// What a device page draws before anyone has picked: the first four that matter.
export function favourites(names: string[]): string[] {
  const order = [/^cpu/i, /^mem/i, /^temp/i, /^load/i, /^net/i, /^disk/i];
  const rank = (n: string) => {
    const at = order.findIndex(r => r.test(n));
    return at < 0 ? order.length : at;
  };
  const seen = new Set<number>();
  const sorted = [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  const first = sorted.filter(n => !seen.has(rank(n)) && seen.add(rank(n)));
  return [...first, ...sorted.filter(n => !first.includes(n))].slice(0, 4);
}
