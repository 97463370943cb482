// SPDX-License-Identifier: Apache-2.0
//
// routes: which page for which path below /c/{catalog}, and what it takes to see it.
//
//   path --match--> route --import()--> page       a page's code is fetched when it is first asked for
//
// The server checks every permission again; the column here saves a person from a page of refusals.

import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import type { Permission } from './api/api';
import type { Key } from './i18n/i18n';

export type PageOf = ComponentType<{ params: string[] }>;

export interface Route {
  at: RegExp; // its groups are the params
  title: Key;
  needs?: Permission;
  load: () => Promise<PageOf>;
}

export const routes: Route[] = [
  { at: /^\/$/, title: 'nav.overview', needs: 'devices:read', load: () => import('./pages/overview').then(m => m.Overview) },
  { at: /^\/devices$/, title: 'nav.devices', needs: 'devices:read', load: () => import('./pages/devices').then(m => m.Devices) },
  { at: /^\/devices\/([^/]+)(?:\/([^/]*))?$/, title: 'nav.devices', needs: 'devices:read', load: () => import('./pages/device').then(m => m.DevicePage) },
  { at: /^\/alerts$/, title: 'nav.alerts', needs: 'devices:read', load: () => import('./pages/alerts').then(m => m.Alerts) },
  { at: /^\/rules$/, title: 'nav.rules', needs: 'telemetry:read', load: () => import('./pages/rules').then(m => m.Rules) },
  { at: /^\/rules\/([^/]+)$/, title: 'nav.rules', needs: 'telemetry:read', load: () => import('./pages/rule').then(m => m.RulePage) },
  { at: /^\/logs$/, title: 'nav.logs', needs: 'telemetry:read', load: () => import('./pages/logs').then(m => m.Logs) },
  { at: /^\/telemetry$/, title: 'nav.telemetry', needs: 'telemetry:read', load: () => import('./pages/telemetry').then(m => m.Telemetry) },
  { at: /^\/claim$/, title: 'claim.title', needs: 'devices:claim', load: () => import('./pages/claim').then(m => m.Claim) },
  { at: /^\/products$/, title: 'products.title', needs: 'devices:read', load: () => import('./pages/products').then(m => m.Products) },
  { at: /^\/audit$/, title: 'nav.audit', needs: 'audit:read', load: () => import('./pages/audit').then(m => m.Audit) },
  { at: /^\/settings(?:\/([^/]*))?$/, title: 'nav.settings', load: () => import('./pages/settings').then(m => m.Settings) },
];

const fetched = new Map<Route, PageOf>();
const started = new Map<Route, Promise<void>>();
export const arrived = signal(0); // grows with each page that was fetched

export const pageOf = (route: Route) => fetched.get(route);
export const routeOf = (rest: string) => routes.find(r => r.at.test(rest || '/'));

// May be called early and often: when a link is pointed at, and before the session is known.
export function prefetch(route: Route): Promise<void> {
  let going = started.get(route);
  if (!going) {
    going = route.load().then(page => {
      fetched.set(route, page);
      arrived.value++;
    });
    started.set(route, going);
    going.catch(() => started.delete(route)); // so that it can be tried again
  }
  return going;
}
