// SPDX-License-Identifier: Apache-2.0
//
// client: the REST API, typed, in one function.
//
//   call('GET', '/session') --fetch--> JSON | Problem
//
// The cookie travels by itself; anything but GET carries the CSRF token of the
// session. A failed call throws a Problem that knows what the server said and
// the request id to look for in its log. A 401 ends the session in this tab.

import { signal } from '@preact/signals';

export type Query = Record<string, string | number | null | undefined>;

interface ProblemBody {
  title?: string;
  detail?: string;
  code?: string;
  requestId?: string;
}

export class Problem extends Error {
  constructor(
    readonly status: number, // 0: the server was not reached
    message: string,
    readonly code = '',
    readonly requestId = '',
  ) {
    super(message);
  }
}

export const unreachable = signal(false);
export const latency = signal<number | null>(null); // ms, the last round trip
let csrf = '';
let signedOut = () => {};

export const setCsrf = (text: string) => (csrf = text);
export const onSignedOut = (run: () => void) => (signedOut = run);

export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) {
    if (v !== null && v !== undefined && v !== '') search.set(k, String(v));
  }
  const text = search.toString();
  return '/api/v1' + path + (text ? '?' + text : '');
}

async function reach(method: string, url: string, body: unknown, signal?: AbortSignal) {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (method !== 'GET' && csrf) headers['x-orrery-csrf'] = csrf;
  const init: RequestInit = { method, headers, credentials: 'same-origin' };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (signal) init.signal = signal;
  const began = performance.now();
  const answer = await fetch(url, init);
  if (method === 'GET') latency.value = Math.round(performance.now() - began);
  return answer;
}

async function problem(answer: Response): Promise<Problem> {
  const body: ProblemBody = await answer.json().catch(() => ({}));
  const text = body.detail ?? body.title ?? `${answer.status} ${answer.statusText}`;
  return new Problem(answer.status, text, body.code ?? '', body.requestId ?? answer.headers.get('x-request-id') ?? '');
}

export async function call<T>(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string,
  { query, body, signal }: { query?: Query; body?: unknown; signal?: AbortSignal } = {},
): Promise<T> {
  let answer: Response;
  try {
    answer = await reach(method, address(path, query), body, signal);
  } catch (e) {
    if (signal?.aborted) throw e;
    unreachable.value = true;
    throw new Problem(0, 'The server did not answer.');
  }
  unreachable.value = answer.status === 502 || answer.status === 503 || answer.status === 504;
  if (answer.ok) return answer.status === 204 ? (undefined as T) : ((await answer.json()) as T);
  const failed = await problem(answer);
  if (failed.status === 401 && path !== '/session') signedOut();
  throw failed;
}

export const get = <T>(path: string, query?: Query, signal?: AbortSignal) =>
  call<T>('GET', path, { query, signal });
export const post = <T>(path: string, body?: unknown) => call<T>('POST', path, { body });
export const drop = (path: string) => call<void>('DELETE', path);
