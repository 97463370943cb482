// SPDX-License-Identifier: Apache-2.0
//
// fleet: the devices a list shows, kept true without moving under the reader.
//
//   GET devices --load--> order --live changes--> rows in place
//        '--every 10 s--> arrivals (held while frozen) --adopt--> order
//
// Values of a row change in place; which rows there are, and their order,
// changes only when nobody is reading (frozen is false) or by adopt().

import { batch, signal, type Signal } from '@preact/signals';
import type { Device, DevicePage, DeviceState } from '../api/api';
import { call } from '../api/client';
import type { Frame } from './live';

export interface Row extends Device {
  m: Record<string, number>;
  seenMs: number | null;
}

export interface Filter {
  q: string;
  state: string;
}

interface Change {
  id: string;
  state?: DeviceState;
  stateReason?: string | null;
  online?: boolean;
  lastSeen?: number | null;
  m?: Record<string, number>;
}

export type Counts = Partial<Record<DeviceState, number>>;

const PAGE = 200;

const toRow = (d: Device, before?: Row): Row => ({
  ...d, m: before?.m ?? {}, seenMs: latest(d.lastSeen, before?.seenMs),
});
const latest = (text: string | null, ms: number | null | undefined) => {
  const a = text ? Date.parse(text) : null;
  return ms !== null && ms !== undefined && (a === null || ms > a) ? ms : a;
};

export class Fleet {
  readonly rows = new Map<string, Signal<Row>>();
  readonly order = signal<string[]>([]);
  readonly arrivals = signal(0); // rows that adopt() would add
  readonly counts = signal<Counts | null>(null);
  readonly error = signal<unknown>(null);
  readonly loaded = signal(false);
  readonly asOf = signal<number | null>(null);
  frozen = false;
  private next: string | null = null;
  private held: string[] | null = null;
  private stop: AbortController | null = null;
  private extending = false;

  constructor(readonly catalog: string, private filter: Filter) {}

  get hasMore(): boolean {
    return this.next !== null;
  }

  private page(cursor: string | null, signal?: AbortSignal): Promise<DevicePage> {
    const { q, state } = this.filter;
    return call('GET /catalogs/{catalog}/devices', {
      path: { catalog: this.catalog }, query: { limit: PAGE, cursor, q, state: state as DeviceState }, ...(signal ? { signal } : {}),
    });
  }

  private put(devices: Device[]): string[] {
    for (const d of devices) {
      const row = this.rows.get(d.id);
      if (row) row.value = toRow(d, row.peek());
      else this.rows.set(d.id, signal(toRow(d)));
    }
    return devices.map(d => d.id);
  }

  // A new filter starts a new list; the old one stays in sight until the answer is here.
  async show(filter: Filter): Promise<void> {
    this.filter = filter;
    this.stop?.abort();
    const stop = (this.stop = new AbortController());
    try {
      const page = await this.page(null, stop.signal);
      batch(() => {
        this.adoptOrder(this.put(page.items), page.next);
        this.error.value = null;
        this.loaded.value = true;
        this.asOf.value = Date.now();
      });
      await this.count();
    } catch (e) {
      if (!stop.signal.aborted) this.error.value = e;
    }
  }

  async extend(): Promise<void> {
    if (!this.next || this.extending) return;
    this.extending = true;
    try {
      const page = await this.page(this.next);
      batch(() => {
        const more = this.put(page.items).filter(id => !this.order.peek().includes(id));
        this.order.value = [...this.order.peek(), ...more];
        this.next = page.next;
      });
    } catch (e) {
      this.error.value = e;
    }
    this.extending = false;
  }

  // Looks for who came and went. Only the first page: what is further down is asked for when reached.
  async refresh(): Promise<void> {
    const filter = this.filter;
    try {
      const page = await this.page(null, this.stop?.signal);
      if (filter !== this.filter) return;
      batch(() => {
        this.hold(this.put(page.items), page.next);
        this.error.value = null;
        this.asOf.value = Date.now();
      });
      await this.count();
    } catch {
      // The strip already says that the server is away; the next round tries again.
    }
  }

  private hold(ids: string[], next: string | null): void {
    const shown = this.order.peek();
    if (shown.length > PAGE) {
      const known = new Set(shown);
      const fresh = ids.filter(id => !known.has(id));
      this.held = fresh.length ? [...fresh, ...shown] : null;
    } else {
      this.held = ids.length !== shown.length || ids.some((id, i) => id !== shown[i]) ? ids : null;
      if (!this.held) this.next = next;
    }
    if (this.held && !this.frozen) this.adopt();
    else this.arrivals.value = this.held ? this.held.filter(id => !shown.includes(id)).length : 0;
  }

  adopt(): void {
    if (this.held) this.adoptOrder(this.held, this.held.length > PAGE ? this.next : null);
  }

  private adoptOrder(ids: string[], next: string | null): void {
    this.order.value = ids;
    this.next = next;
    this.held = null;
    this.arrivals.value = 0;
  }

  private async count(): Promise<void> {
    try {
      this.counts.value = await call('GET /catalogs/{catalog}/device-counts', { path: { catalog: this.catalog } });
    } catch {
      // The old counts stay in sight; the next round asks again.
    }
  }

  private moved(from: DeviceState, to: DeviceState): void {
    const c = this.counts.peek();
    if (c && from !== to) this.counts.value = { ...c, [from]: Math.max(0, (c[from] ?? 0) - 1), [to]: (c[to] ?? 0) + 1 };
  }

  private apply(c: Change): void {
    const row = this.rows.get(c.id);
    if (!row) return;
    const before = row.peek();
    const state = c.state ?? before.state;
    this.moved(before.state, state);
    row.value = {
      ...before, state, online: c.online ?? before.online,
      stateReason: c.stateReason !== undefined ? c.stateReason : before.stateReason,
      seenMs: c.lastSeen ?? before.seenMs, m: c.m ? { ...before.m, ...c.m } : before.m,
    };
  }

  frame(f: Frame): void {
    const list = (f.snapshot ?? f.changes) as Change[] | { changes?: Change[]; devices?: Change[] } | undefined;
    const changes = Array.isArray(list) ? list : (list?.changes ?? list?.devices ?? []);
    batch(() => changes.forEach(c => this.apply(c)));
  }
}
