// SPDX-License-Identifier: Apache-2.0
//
// alerts: what needs a person, and one of it in full.
//
//   filter --GET alerts--> list, summary      id --GET alert, reach, history--> one --act--> one as it is now
//
// A frame of the topic alerts says that something changed; what is shown is asked for again.

import { batch, signal } from '@preact/signals';
import type { Alert, AlertDeed, AlertOwner, AlertReach, AlertSeverity, AlertSummary } from '../api/api';
import { call } from '../api/client';

export const SEVERITIES: AlertSeverity[] = ['critical', 'high', 'medium', 'low'];
export const STATUS = { open: 'open,acknowledged,assigned', silenced: 'silenced', resolved: 'resolved' } as const;
export type Status = keyof typeof STATUS;
// The glyph that a severity borrows.
export const SEVERITY_GLYPH: Record<AlertSeverity, string> = { critical: 'quarantined', high: 'quarantined', medium: 'atRisk', low: 'unknown' };
export const SOURCES = ['rule', 'threat', 'system'] as const;

export interface AlertFilter {
  status: Status;
  sev: AlertSeverity | '';
  owner: '' | 'me' | 'none';
  source: (typeof SOURCES)[number] | '';
  code: string;
}

const one = <T extends string>(v: string | null, of: readonly T[]) => (of.includes(v as T) ? (v as T) : null);

export const readAlertFilter = (q: URLSearchParams): AlertFilter => ({
  status: one(q.get('status'), Object.keys(STATUS) as Status[]) ?? 'open',
  sev: one(q.get('sev'), SEVERITIES) ?? '',
  owner: one(q.get('owner'), ['me', 'none'] as const) ?? '',
  source: one(q.get('source'), SOURCES) ?? '',
  code: /^[\w-]{1,40}$/.exec(q.get('code') ?? '')?.[0] ?? '',
});

const ALERT = '/catalogs/{catalog}/alerts/{id}';

export class AlertInbox {
  readonly items = signal<Alert[] | null>(null);
  readonly next = signal<string | null>(null);
  readonly summary = signal<AlertSummary | null>(null);
  readonly error = signal<unknown>(null);
  readonly alert = signal<Alert | null>(null);
  readonly reach = signal<AlertReach | null>(null);
  readonly history = signal<AlertDeed[]>([]);
  readonly alertError = signal<unknown>(null);
  readonly owners = signal<AlertOwner[]>([]);
  private filter: AlertFilter | null = null;
  private id = '';

  constructor(readonly catalog: string) {}

  async show(filter: AlertFilter, cursor: string | null = null): Promise<void> {
    this.filter = filter;
    try {
      const [page, summary] = await Promise.all([
        call('GET /catalogs/{catalog}/alerts', {
          path: { catalog: this.catalog },
          query: { state: STATUS[filter.status], severity: filter.sev || null, owner: filter.owner || null, source: filter.source || null, code: filter.code || null, sort: filter.status === 'resolved' ? 'newest' : 'severity', cursor },
        }),
        call('GET /catalogs/{catalog}/alert-summary', { path: { catalog: this.catalog } }),
      ]);
      if (filter !== this.filter) return;
      batch(() => {
        this.items.value = cursor ? [...(this.items.peek() ?? []), ...page.items] : page.items;
        this.next.value = page.next;
        this.summary.value = summary;
        this.error.value = null;
      });
    } catch (e) {
      this.error.value = e;
    }
  }

  older = () => (this.filter ? this.show(this.filter, this.next.peek()) : Promise.resolve());

  async open(id: string): Promise<void> {
    const path = { catalog: this.catalog, id };
    if (id !== this.id) batch(() => {
      this.alert.value = this.items.peek()?.find(a => a.id === id) ?? null;
      this.reach.value = null;
      this.history.value = [];
    });
    this.id = id;
    if (!id) return;
    try {
      const [alert, reach, history] = await Promise.all([
        call(`GET ${ALERT}`, { path }), call(`GET ${ALERT}/reach`, { path }), call(`GET ${ALERT}/history`, { path, query: { limit: 100 } }),
      ]);
      if (id !== this.id) return;
      batch(() => {
        this.alert.value = alert;
        this.reach.value = reach;
        this.history.value = history.items;
        this.alertError.value = null;
      });
    } catch (e) {
      if (id === this.id) this.alertError.value = e;
    }
  }

  async loadOwners(): Promise<void> {
    this.owners.value = (await call('GET /catalogs/{catalog}/alert-owners', { path: { catalog: this.catalog } })).items;
  }

  // Something changed: what is shown is asked for again.
  refresh(): void {
    if (this.filter) void this.show(this.filter);
    if (this.id) void this.open(this.id);
  }

  private with = (a: Alert) => ({ path: { catalog: this.catalog, id: a.id }, ifMatch: a.version });

  private async done(change: Promise<Alert>): Promise<void> {
    try {
      await change;
    } finally {
      this.refresh();
    }
  }

  acknowledge = (a: Alert) => this.done(call(`POST ${ALERT}/acknowledge`, { ...this.with(a), body: {} }));
  assign = (a: Alert, account: string | null) => this.done(call(`POST ${ALERT}/assign`, { ...this.with(a), body: { account } }));
  silence = (a: Alert, minutes: number) => this.done(call(`POST ${ALERT}/silence`, { ...this.with(a), body: { minutes } }));
  resolve = (a: Alert, note: string) => this.done(call(`POST ${ALERT}/resolve`, { ...this.with(a), body: note ? { note } : {} }));
  comment = (a: Alert, note: string) => this.done(call(`POST ${ALERT}/comments`, { path: { catalog: this.catalog, id: a.id }, body: { note } }));
}
