// SPDX-License-Identifier: Apache-2.0
//
// filter: which devices are meant, in one grammar for the page's address, the API and the query bar.
//
//   address ?state=offline&site=Lule%C3%A5%202 <--> Filter <--> text  state:offline site:"Luleå 2" hv-
//
// Values of one parameter are alternatives, different parameters must all hold. An empty value of
// some means "has none", which text writes as none.

import type { Routes } from '../api/api';

export const PARAMS = ['q', 'state', 'lifecycle', 'product', 'group', 'version', 'attested', 'site', 'batch', 'network', 'tag', 'seen', 'seat', 'alert'] as const;
export type Param = (typeof PARAMS)[number];
export type Filter = Partial<Record<Param, string[]>>;

export const SORTS = ['created', '-created', 'name', '-name', 'id', 'state'] as const;
export type Sort = (typeof SORTS)[number];

const SPLIT = new Set<string>(['state', 'lifecycle', 'product', 'group', 'version', 'site']);
const MAYBE_NONE = new Set<string>(['product', 'group', 'version', 'site', 'batch']);
const ONE = new Set<string>(['q', 'seen', 'alert']);
const STATES: Record<string, string> = {
  healthy: 'healthy', updating: 'updating', atrisk: 'atRisk', quarantined: 'quarantined', offline: 'offline', unknown: 'unknown',
};

export const isParam = (name: string): name is Param => (PARAMS as readonly string[]).includes(name);
export const isSort = (name: string | null): name is Sort => (SORTS as readonly string[]).includes(name ?? '');
export const isEmpty = (f: Filter) => !PARAMS.some(p => f[p]?.length);
export const sameFilter = (a: Filter, b: Filter) => filterQuery(a) === filterQuery(b);

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text.replace(/\+/g, ' '));
  } catch {
    return null; // a stray % in the address
  }
}

// From the raw query: a comma between values is not a comma within one.
export function readFilter(search: string): Filter {
  const f: Filter = {};
  for (const part of search.replace(/^\?/, '').split('&')) {
    const at = part.indexOf('=');
    const name = decode(at < 0 ? part : part.slice(0, at)) ?? '';
    if (!isParam(name)) continue;
    const text = at < 0 ? '' : part.slice(at + 1);
    for (const one of SPLIT.has(name) ? text.split(',') : [text]) {
      const value = decode(one);
      if (value !== null && (value || MAYBE_NONE.has(name))) add(f, name, value);
    }
  }
  return f;
}

function add(f: Filter, name: Param, value: string): void {
  if (ONE.has(name)) f[name] = [value];
  else if (!f[name]?.includes(value)) f[name] = [...(f[name] ?? []), value];
}

export const withValue = (f: Filter, name: Param, value: string): Filter => {
  const next = { ...f };
  add(next, name, value);
  return next;
};

export function without(f: Filter, name: Param, value?: string): Filter {
  const next = { ...f };
  const left = value === undefined ? [] : (f[name] ?? []).filter(v => v !== value);
  if (left.length) next[name] = left;
  else delete next[name];
  return next;
}

export const toggled = (f: Filter, name: Param, value: string): Filter =>
  (f[name]?.includes(value) ? without(f, name, value) : withValue(f, name, value));

export function filterQuery(f: Filter): string {
  const search = new URLSearchParams();
  for (const p of PARAMS) f[p]?.forEach(v => search.append(p, v));
  return search.toString();
}

// The filter's part of an address is replaced, the rest (columns, sort) stays.
export function filterAddress(path: string, query: URLSearchParams, f: Filter): string {
  const rest = new URLSearchParams();
  query.forEach((v, k) => {
    if (!isParam(k)) rest.append(k, v);
  });
  const text = [filterQuery(f), rest.toString()].filter(Boolean).join('&');
  return path + (text ? '?' + text : '');
}

interface Token {
  name: string; // '' of a bare word
  values: string[];
}

// word | name:value | name:"a value",other
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (const m of text.matchAll(/([A-Za-z_][\w.-]*):(?=\s|$)|(?:([A-Za-z_][\w.-]*):)?((?:"[^"]*"?|[^\s"])+)/g)) {
    if (m[1]) continue; // a name whose value is still being written
    const values = [...m[3]!.matchAll(/"([^"]*)"?|([^,"]+)/g)].map(v => v[1] ?? v[2] ?? '');
    found.push(m[2] ? { name: m[2], values } : { name: '', values: [values.join(',')] });
  }
  return found;
}

function valueOf(name: string, value: string): string {
  if (name === 'state') return STATES[value.toLowerCase().replace(/[\s_-]/g, '')] ?? value;
  if (name === 'lifecycle') return value.toLowerCase();
  return MAYBE_NONE.has(name) && value.toLowerCase() === 'none' ? '' : value;
}

// A name that is no parameter is taken for that of a tag. `resolve` turns names of products and
// groups into their ids.
export function parseText(text: string, resolve: (p: Param, v: string) => string = (_, v) => v): Filter {
  let f: Filter = {};
  const words: string[] = [];
  for (const token of tokens(text)) {
    if (!token.name) words.push(...token.values);
    else if (isParam(token.name)) {
      const p = token.name;
      token.values.forEach(v => (f = withValue(f, p, resolve(p, valueOf(p, v)))));
    } else token.values.forEach(v => (f = withValue(f, 'tag', `${token.name}:${v}`)));
  }
  if (words.length) f = withValue(f, 'q', words.join(' '));
  return f;
}

export const hasNames = (text: string) => tokens(text).some(token => token.name);

const quoted = (v: string) => (v === '' ? 'none' : /[\s",:]/.test(v) ? `"${v.replace(/"/g, '')}"` : v);

export function writeText(f: Filter): string {
  const parts = PARAMS.filter(p => p !== 'q' && f[p]?.length).map(p => `${p}:${f[p]!.map(quoted).join(',')}`);
  return [...parts, ...(f.q ?? [])].join(' ');
}

// All parameters as the API's bulk changes take them.
export type FilterBody = Omit<Routes['GET /catalogs/{catalog}/devices/facets']['query'], 'exact'>;
export const filterBody = (f: Filter): FilterBody =>
  Object.fromEntries(PARAMS.filter(p => f[p]?.length).map(p => [p, ONE.has(p) ? f[p]![0] : f[p]!]));
