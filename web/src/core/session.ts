// SPDX-License-Identifier: Apache-2.0
//
// session: who is signed in, in which catalog, with which permissions.
//
//   loading --GET /session--> nobody | somebody --DELETE /session--> nobody
//      '--nobody signed in here before--> nobody, without a request that must fail

import { computed, signal } from '@preact/signals';
import type { Permission, Session } from '../api/api';
import { Problem, call, onSignedOut, setCsrf } from '../api/client';
import { maybeSignedIn, rememberSignedIn } from './prefs';
import { matches, path } from './router';

export const session = signal<Session | null>(null);
export const loading = signal(true);
export const endedByServer = signal(false);
// The catalog of the page; outside of one (settings) the first that may be seen.
export const catalog = computed(() => {
  const mine = session.value?.catalogs ?? [];
  const named = matches(/^\/c\/([^/]+)/, path.value)?.[0] ?? '';
  return mine.includes(named) ? named : (mine[0] ?? '');
});
// The address of a page in the present catalog: hrefOf('/devices').
export const hrefOf = (rest: string, name = catalog.value) => (name ? `/c/${encodeURIComponent(name)}` : '') + rest;
export const homeHref = (name = catalog.value) => (name ? hrefOf('/', name) : '/settings/catalogs');
export const devicesHref = (id = '') => hrefOf(`/devices${id ? '/' + encodeURIComponent(id) : ''}`);

export const may = (permission: Permission) => session.value?.permissions.includes(permission) ?? false;

function take(s: Session | null): void {
  setCsrf(s?.csrf ?? '');
  session.value = s;
  rememberSignedIn(s !== null);
}

onSignedOut(() => {
  endedByServer.value = session.value !== null;
  take(null);
});

export async function loadSession(): Promise<void> {
  try {
    take(maybeSignedIn() ? await call('GET /session', {}) : null);
  } catch (e) {
    if (!(e instanceof Problem) || e.status !== 401) throw e;
    take(null);
  }
  loading.value = false;
}

export async function signIn(name: string, password: string): Promise<void> {
  take(await call('POST /session', { body: { name, password } }));
  endedByServer.value = false;
}

export async function changePassword(current: string, next: string): Promise<void> {
  take(await call('POST /session/password', { body: { current, new: next } }));
}

export async function signOut(): Promise<void> {
  await call('DELETE /session', {});
  take(null);
}
