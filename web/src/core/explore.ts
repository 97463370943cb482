// SPDX-License-Identifier: Apache-2.0
//
// explore: what the telemetry page looks at, as its address says it, and its lines as uPlot wants them.
//
//   ?m=temp.motor&d=ID,ID&from=-24h --wanted--> metrics, devices, range --> GET series | band --lines--> columns

import type { Metric } from '../api/api';
import { address, call } from '../api/client';
import { allOf } from './pages';

export const SERIES_MOST = 20;
export const CHARTS_MOST = 6;
export const SPANS = ['15m', '1h', '6h', '24h', '7d', '30d'] as const;
export type Span = (typeof SPANS)[number];
export const SPLITS = ['product', 'group', 'version', 'site'] as const;
export type Split = (typeof SPLITS)[number];
// What of the device list's filter may stand in the address; it goes on to the server as it is.
export const FILTERS = ['q', 'state', 'lifecycle', 'product', 'group', 'version', 'attested', 'site', 'batch', 'network', 'tag'] as const;

export interface Wanted {
  metrics: string[];
  devices: string[];
  by: Split | `tag:${string}` | '';
  from: string; // as the server takes it
  to: string; // '' for now
  filter: Record<string, string[]>;
}

const list = (text: string | null, most: number) => [...new Set((text ?? '').split(',').filter(Boolean))].slice(0, most);

export function wanted(query: URLSearchParams): Wanted {
  const by = query.get('by') ?? '';
  const to = query.get('to') ?? '';
  const filter: Record<string, string[]> = {};
  for (const name of FILTERS) {
    const values = query.getAll(name).filter(Boolean);
    if (values.length) filter[name] = values;
  }
  return {
    metrics: list(query.get('m'), CHARTS_MOST), devices: list(query.get('d'), SERIES_MOST),
    by: /^tag:./.test(by) ? (by as `tag:${string}`) : (SPLITS.find(s => s === by) ?? ''),
    from: query.get('from') || '-1h', to: to === 'now' ? '' : to, filter,
  };
}

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

// Unix ms of a time as the server reads it; null for none.
export function moment(text: string, now: number): number | null {
  if (text === 'now' || text === '') return now;
  const span = /^-(\d+)([smhdw])$/.exec(text);
  if (span) return now - Number(span[1]) * UNITS[span[2]!]!;
  if (/^\d+$/.test(text)) return Number(text);
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

export function range(w: { from: string; to: string }, now: number): { from: number; to: number } {
  const to = moment(w.to, now) ?? now;
  const from = moment(w.from, now) ?? to - 3_600_000;
  return from < to ? { from, to } : { from: to - 3_600_000, to };
}

// How long a picture stays as it is while it ends now.
export const pace = (span: number, points: number) => Math.min(60_000, Math.max(5000, span / points / 2));

const CATALOGUE_MOST = 2000;

// What the devices of a catalog measure.
export const catalogueOf = (catalog: string, signal: AbortSignal): Promise<Metric[]> =>
  allOf(query => call('GET /catalogs/{catalog}/metrics', { path: { catalog }, query, signal }), CATALOGUE_MOST);

// One line and what lies around it.
export interface Line {
  key: string;
  label: string;
  note: string;
  t: number[];
  mid: number[];
  low: number[];
  high: number[];
}

type Cell = number | null | undefined; // null: a gap; undefined: another line's moment

// x in seconds, then for each line: mid, low, high. A silence much longer than the usual step is a gap.
export function align(lines: Line[], width: number): [number[], ...Cell[][]] {
  const moments = new Set<number>();
  const gaps = lines.map(l => {
    const steps = l.t.slice(1).map((t, i) => t - l.t[i]!).sort((a, b) => a - b);
    const most = Math.max(width * 1.5, (steps[steps.length >> 1] ?? 0) * 5, 1000);
    return l.t.flatMap((t, i) => (i && t - l.t[i - 1]! > most ? [l.t[i - 1]! + 1] : []));
  });
  lines.forEach((l, i) => [...l.t, ...gaps[i]!].forEach(t => moments.add(t)));
  const xs = [...moments].sort((a, b) => a - b);
  const place = new Map(xs.map((t, i) => [t, i]));
  const column = (l: Line, values: number[], gap: number[]) => {
    const out: Cell[] = new Array(xs.length).fill(undefined);
    l.t.forEach((t, i) => (out[place.get(t)!] = values[i]!));
    gap.forEach(t => (out[place.get(t)!] = null));
    return out;
  };
  return [xs.map(t => t / 1000), ...lines.flatMap((l, i) => [l.mid, l.low, l.high].map(v => column(l, v, gaps[i]!)))];
}

// The call that the server answers with what a chart shows.
export function callOf(catalog: string, w: Wanted, metric: string, points: number): string {
  const path = { catalog };
  const times = { from: w.from, to: w.to || null };
  return w.devices.length
    ? address('/catalogs/{catalog}/telemetry/series', path, { metric, device: w.devices, ...times, points })
    : address('/catalogs/{catalog}/telemetry/band', path, { metric, by: w.by, ...times, points, ...w.filter });
}

export function exportOf(catalog: string, w: Wanted, format: 'csv' | 'ndjson'): string {
  const who = w.devices.length ? { device: w.devices } : w.filter;
  return address('/catalogs/{catalog}/telemetry/export', { catalog }, { metric: w.metrics.join(','), from: w.from, to: w.to || null, format, ...who });
}
