// SPDX-License-Identifier: Apache-2.0
//
// rules: the text of a rule as the editor handles it, and what a rule says in words. docs/rules.md tells
// the language; whether a text is a rule is the server's to say.
//
//   metric, limit, filter --draft--> text      text, column --excerpt--> the place of a mistake

import type { AlertSeverity, Rule } from '../api/api';
import { call } from '../api/client';
import { named, type Key } from '../i18n/i18n';
import { nameOf } from './inventory';
import { allOf } from './pages';

export const SHOWS = ['all', 'on', 'off', 'firing'] as const;
export type Show = (typeof SHOWS)[number];
const MOST = 2000; // the server keeps no more in a catalog

export const loadRules = (catalog: string, signal: AbortSignal): Promise<Rule[]> =>
  allOf(query => call('GET /catalogs/{catalog}/rules', { path: { catalog }, query, signal }), MOST);

export const isShown = (r: Rule, show: Show, part: string) =>
  (show === 'all' || (show === 'firing' ? r.firing > 0 : r.enabled === (show === 'on'))) &&
  `${r.name} ${r.text}`.toLowerCase().includes(part.toLowerCase());

// ---------------------------------------------------------------- the text

const WORDS = ['and', 'or', 'not', 'no', 'for', 'over', 'by', 'where', 'late', 'every', 'message', 'severity'];

const quoted = (text: string) => `"${text.replace(/["\\]/g, c => '\\' + c)}"`;

// A name as it stands in a rule: bare where the language would read it as one word.
export const metricWord = (name: string) => (/^[A-Za-z_][\w.:/-]*$/.test(name) && !WORDS.includes(name) ? name : quoted(name));

// The rule is one line, whatever was pasted.
export const oneLine = (text: string) => text.replace(/\s*[\r\n]+\s*/g, ' ');

const SEVERITY = /\s*\bseverity\s+[a-z]+\s*$/;
export const withSeverity = (text: string, severity: AlertSeverity) => `${text.replace(SEVERITY, '').trimEnd()} severity ${severity}`;

// What stands around a column, as wide as a small screen, and how many characters stand before it.
export function excerpt(text: string, column: number, most = 38): { line: string; before: number } {
  const all = [...text];
  const at = Math.max(0, Math.min(column - 1, all.length));
  if (all.length <= most) return { line: text, before: at };
  const from = Math.max(0, Math.min(at - (most >> 1), all.length - most));
  const cut = all.slice(from, from + most);
  if (from > 0) cut[0] = '…';
  if (from + most < all.length) cut[most - 1] = '…';
  return { line: cut.join(''), before: at - from };
}

// Where the n-th character begins for the text field, which counts UTF-16.
export const offsetOf = (text: string, column: number) => [...text].slice(0, column - 1).join('').length;

// "column 16: expected a duration" --> "expected a duration"
export const withoutColumn = (message: string) => message.replace(/^column \d+: /, '');

// Two digits are enough for a limit that is to be looked at.
export const round2 = (v: number) => (Number.isFinite(v) && v !== 0 ? Number(v.toPrecision(2)) : 0);

const WHERE = ['state', 'product', 'group', 'version', 'attested', 'site', 'batch', 'network', 'tag'];

// What a chart shows, as the beginning of a rule.
export function draft(metric: string, value: number, by: string, filter: Record<string, string[]>): string {
  const where = WHERE.flatMap(name => {
    const values = (filter[name] ?? []).flatMap(v => (name === 'tag' ? [v] : v.split(','))).filter(Boolean);
    return values.length ? [`${name} = ${values.map(quoted).join(', ')}`] : [];
  });
  const whom = ['product', 'group', 'site'].includes(by) ? ` by ${by}` : ' by device';
  return `avg(${metricWord(metric)}) over 5m > ${round2(value)}${whom}${where.length ? ` where ${where.join(' and ')}` : ''}`;
}

export interface Example {
  text: string;
  why: Key;
}

export function examples(metric: string): Example[] {
  const m = metricWord(metric);
  return [
    { text: `${m} > 90`, why: 'rules.example.instant' },
    { text: `avg(${m}) over 5m > 70 for 2 windows`, why: 'rules.example.avg' },
    { text: 'no message for 10m severity high', why: 'rules.example.silent' },
    { text: `p95(${m}) over 10m every 1m > 80 by product`, why: 'rules.example.product' },
    { text: `rate(${m}) over 5m > 0.5`, why: 'rules.example.rate' },
    { text: `stddev(${m}) over 5m > 4 severity low`, why: 'rules.example.odd' },
    { text: `max(${m}) over 10m sliding > 85 and not no ${m} for 2m`, why: 'rules.example.both' },
  ];
}

// What may be put in where the caret stands.
export const SNIPPETS: { head: Key; items: string[] }[] = [
  { head: 'rules.part.over', items: ['over 5m', 'over 10m every 1m', 'over 10m sliding', 'over session gap 2m', 'for 3 windows'] },
  { head: 'rules.part.join', items: ['and', 'or', 'not', '>', '>=', '<', '<='] },
  { head: 'rules.part.by', items: ['by device', 'by group', 'by product', 'by site'] },
  { head: 'rules.part.where', items: ['where product = "hvac"', 'where site = "north"', 'and tag = "env:prod"'] },
  { head: 'rules.part.end', items: ['late 30s', 'severity low', 'severity medium', 'severity high', 'severity critical'] },
];
export const AGGREGATES = ['avg', 'min', 'max', 'sum', 'count', 'last', 'p50', 'p95', 'p99', 'rate', 'stddev'];

// A part with the spaces that it needs at a place; selected: the text that it replaces.
export function inserted(text: string, from: number, to: number, part: string): { text: string; caret: number } {
  const before = text.slice(0, from), after = text.slice(to);
  const front = before && !/[\s(]$/.test(before) ? ' ' : '';
  const back = after && !/^[\s)]/.test(after) ? ' ' : '';
  return { text: before + front + part + back + after, caret: (before + front + part).length };
}

// ---------------------------------------------------------------- in words

// 63 is twenty times a day; see docs/rules.md.
export const noiseOf = (noise: number) => (noise <= 0 ? 'quiet' : noise < 10 ? 'rare' : noise < 40 ? 'some' : noise < 75 ? 'often' : 'loud');
export const noiseWord = (noise: number) => named(`rules.noise.${noiseOf(noise)}`, '');

interface Form {
  by?: string;
  where?: Record<string, string[]>;
}

export function whom(rule: object): string {
  const { by = 'device', where = {} } = rule as Form;
  const parts = Object.entries(where).map(([name, values]) =>
    `${named(`param.${name}`, name)} ${values.map(v => nameOf(name as 'product', v) ?? v).join(', ')}`);
  return [named(`rules.by.${by}`, by), ...parts].join(' · ');
}
