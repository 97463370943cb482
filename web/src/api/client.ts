// SPDX-License-Identifier: Apache-2.0
//
// client: the REST API, typed, in one function.
//
//   call('GET /session', {}) --fetch--> JSON | Problem      read(…) --> JSON and its tag
//
// The cookie travels by itself; anything but GET carries the CSRF token of the
// session. A failed call throws a Problem that knows what the server said and
// the request id to look for in its log. A 401 ends the session in this tab.

import { signal } from '@preact/signals';
import type { Problem as ProblemBody, Routes } from './api';
import { t } from '../i18n/i18n';

export class Problem extends Error {
  constructor(
    readonly status: number, // 0: the server was not reached
    message: string,
    readonly code = '',
    readonly requestId = '',
    readonly more: Record<string, unknown> = {}, // what else the server said
  ) {
    super(message);
  }
}

export const latency = signal<number | null>(null); // ms, the last round trip
let csrf = '';
let signedOut = () => {};

export const setCsrf = (text: string) => (csrf = text);
export const onSignedOut = (run: () => void) => (signedOut = run);

type Path<T> = keyof T extends never ? { path?: undefined } : { path: T };
type Query<T> = keyof T extends never ? { query?: undefined } : { query?: { [k in keyof T]?: T[k] | null } };
interface Raw {
  raw: { type: string; text: string | Blob }; // instead of a body of JSON
}
type Body<T> = [T] extends [undefined] ? { body?: undefined } : { body: T } | Raw;

interface Also {
  ifMatch?: number | string; // the version that was read
  ifNoneMatch?: string; // what is here already; then 304 is an answer too
  key?: string; // so that the same request sent twice is done once
  signal?: AbortSignal;
}
export type Request<R extends keyof Routes> = Path<Routes[R]['path']> & Query<Routes[R]['query']>
  & Body<Routes[R]['body']> & Also;

interface Ask extends Partial<Raw>, Also {
  path?: Record<string, string>;
  query?: object;
  body?: unknown;
}

// '/devices/{id}', { id: 'a' }, { limit: 2, site: ['a', 'b'] } --> '/api/v1/devices/a?limit=2&site=a&site=b'
export function address(pattern: string, path: Record<string, string> = {}, query: object = {}): string {
  const search = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) {
    if (Array.isArray(v)) v.forEach(one => search.append(k, String(one)));
    else if (v !== null && v !== undefined && v !== '') search.set(k, String(v));
  }
  const text = search.toString();
  return '/api/v1' + pattern.replace(/\{(\w+)\}/g, (_, k: string) => encodeURIComponent(path[k] ?? '')) + (text ? '?' + text : '');
}

async function reach(method: string, url: string, { body, raw, ifMatch, ifNoneMatch, key, signal }: Ask) {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (raw) headers['content-type'] = raw.type;
  if (ifMatch !== undefined) headers['if-match'] = `"${ifMatch}"`;
  if (ifNoneMatch) headers['if-none-match'] = ifNoneMatch;
  if (key) headers['idempotency-key'] = key;
  if (method !== 'GET' && csrf) headers['x-orrery-csrf'] = csrf;
  const init: RequestInit = { method, headers, credentials: 'same-origin' };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (raw) init.body = raw.text;
  if (signal) init.signal = signal;
  const began = performance.now();
  const answer = await fetch(url, init);
  if (method === 'GET') latency.value = Math.round(performance.now() - began);
  return answer;
}

async function problem(answer: Response): Promise<Problem> {
  const body: Partial<ProblemBody> = await answer.json().catch(() => ({}));
  const text = body.detail ?? body.title ?? `${answer.status} ${answer.statusText}`;
  return new Problem(answer.status, text, body.code ?? '', body.requestId ?? answer.headers.get('x-request-id') ?? '', body);
}

async function send(route: keyof Routes, request: Ask): Promise<Response> {
  const [method, pattern] = route.split(' ') as [string, string];
  let answer: Response;
  try {
    answer = await reach(method, address(pattern, request.path, request.query), request);
  } catch (e) {
    if (request.signal?.aborted) throw e;
    throw new Problem(0, t('error.unreachable'));
  }
  if (answer.ok || (answer.status === 304 && request.ifNoneMatch)) return answer;
  const failed = await problem(answer);
  if (failed.status === 401 && pattern !== '/session') signedOut();
  throw failed;
}

export async function call<R extends keyof Routes>(route: R, request: Request<R>): Promise<Routes[R]['answer']> {
  const answer = await send(route, request as Ask);
  return answer.status === 204 ? undefined : await answer.json();
}

type Getting = Extract<keyof Routes, `GET ${string}`>;

// With the tag by which a later change says what it was made from.
export async function read<R extends Getting>(route: R, request: Request<R>): Promise<{ value: Routes[R]['answer']; tag: string }> {
  const answer = await send(route, request as Ask);
  return { value: await answer.json(), tag: (answer.headers.get('etag') ?? '').replace(/"/g, '') };
}

// Bytes that are not JSON; null while they are those of the etag.
export async function bytes<R extends Getting>(route: R, request: Request<R>): Promise<{ bytes: ArrayBuffer; etag: string } | null> {
  const answer = await send(route, request as Ask);
  return answer.status === 304 ? null : { bytes: await answer.arrayBuffer(), etag: answer.headers.get('etag') ?? '' };
}
