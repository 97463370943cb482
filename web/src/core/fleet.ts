// SPDX-License-Identifier: Apache-2.0
//
// fleet: all devices of a query as one long list, of which only the blocks in sight are here.
//
//   marks (a cursor each 200 rows) --> want(first, last) --GET devices--> blocks --> ids by index
//   live changes --one animation frame--> values in place
//   every 10 s: has the list changed? --held while somebody reads--> adopt()
//
// Values of a row change in place; which rows there are, and their order, changes only when nobody
// is reading (frozen is false) or by adopt().

import { batch, signal, type Signal } from '@preact/signals';
import type { Device, DevicePage, DeviceState, Facets, Marks } from '../api/api';
import { Problem, call } from '../api/client';
import { filterBody, without, type Filter, type Sort } from './filter';
import type { Frame } from './live';

export interface Row extends Device {
  m: Record<string, number>;
  seenMs: number | null;
}

interface Change {
  id: string;
  state?: DeviceState;
  stateReason?: string | null;
  online?: boolean;
  lastSeen?: number | null;
  m?: Record<string, number>;
}

interface Block {
  ids: string[];
  next: string | null;
  round: number; // of which adoption it is
}

const EVERY = 200;
const MOST_AT_ONCE = 2;
const KEPT_BLOCKS = 60;
const PAGE_LIMIT = 500;
const LIST = 'GET /catalogs/{catalog}/devices';
export const FACETS: (keyof Facets['facets'])[] = ['state', 'product', 'group', 'site', 'version', 'attested', 'batch', 'lifecycle'];

const latest = (text: string | null, ms: number | null | undefined) => {
  const a = text ? Date.parse(text) : null;
  return ms !== null && ms !== undefined && (a === null || ms > a) ? ms : a;
};
const toRow = (d: Device, before?: Row): Row => ({ ...d, m: before?.m ?? {}, seenMs: latest(d.lastSeen, before?.seenMs) });

// In a browser changes wait for the next frame; a hidden or headless place has none.
const soon = (run: () => void) => (typeof requestAnimationFrame === 'function' ? requestAnimationFrame(run) : setTimeout(run, 0));

export class Fleet {
  readonly rows = new Map<string, Signal<Row>>();
  readonly total = signal(0);
  readonly blocks = signal(0); // counts up when rows came
  readonly facets = signal<Facets | null>(null);
  readonly error = signal<unknown>(null);
  readonly loaded = signal(false);
  readonly asOf = signal<number | null>(null);
  readonly newer = signal(0); // rows that adopt() would add
  readonly outdated = signal(false); // the list is another by now
  frozen = false;
  private held = new Map<number, Block>();
  private marks: Marks | null = null;
  private every = EVERY;
  private round = 0;
  private wanted: number[] = [];
  private running = new Map<number, AbortController>();
  private stop = new AbortController();
  private waiting = new Map<string, Change>();
  private filter: Filter = {};
  private sort: Sort | '' = '';

  constructor(readonly catalog: string) {}

  private get query() {
    return { ...filterBody(this.filter), sort: this.sort || null };
  }

  at(index: number): string | undefined {
    const block = this.held.get(Math.floor(index / this.every));
    return block?.ids[index % this.every];
  }

  // Known rows from one index to another, for a selection by range.
  between(from: number, to: number): string[] {
    const ids: string[] = [];
    for (let i = Math.min(from, to); i <= Math.max(from, to); i++) {
      const id = this.at(i);
      if (id) ids.push(id);
    }
    return ids;
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
  async show(filter: Filter, sort: Sort | '' = ''): Promise<void> {
    this.filter = filter;
    this.sort = sort;
    this.stop.abort();
    this.stop = new AbortController();
    await this.begin(this.stop.signal);
  }

  private async begin(stop: AbortSignal): Promise<void> {
    void this.count(stop);
    const marks = this.mark(stop);
    marks.catch(() => {}); // the page of the list fails for the same reason, and tells it
    try {
      const page = await this.page(null, EVERY, stop);
      const found = page.next ? await marks : null;
      if (stop.aborted) return;
      batch(() => {
        this.restart(page, found);
        this.error.value = null;
        this.loaded.value = true;
        this.asOf.value = Date.now();
      });
    } catch (e) {
      if (!stop.aborted) this.error.value = e;
    }
  }

  private restart(page: DevicePage, marks: Marks | null): void {
    this.running.forEach(r => r.abort());
    this.running.clear();
    this.round++;
    this.marks = marks;
    this.every = marks?.every ?? EVERY;
    if (this.every === EVERY) this.keep(0, this.put(page.items), page.next);
    this.total.value = marks ? marks.total : page.items.length + (page.next ? 1 : 0);
    this.newer.value = 0;
    this.outdated.value = false;
    this.blocks.value++;
    this.pump();
  }

  private page(cursor: string | null, limit: number, stop: AbortSignal): Promise<DevicePage> {
    return call(LIST, { path: { catalog: this.catalog }, query: { ...this.query, limit, cursor }, signal: stop });
  }

  private async mark(stop: AbortSignal): Promise<Marks | null> {
    try {
      return await call(`${LIST}/marks`, { path: { catalog: this.catalog }, query: { ...this.query, every: EVERY }, signal: stop });
    } catch (e) {
      if (e instanceof Problem && e.status !== 0) return null; // then the list is walked from page to page
      throw e;
    }
  }

  private keep(n: number, ids: string[], next: string | null): void {
    this.held.set(n, { ids, next, round: this.round });
    if (this.held.size > KEPT_BLOCKS) this.forget(n);
  }

  // What lies farthest from where the reader is goes first, with its rows.
  private forget(near: number): void {
    const far = [...this.held.keys()].sort((a, b) => Math.abs(b - near) - Math.abs(a - near))[0]!;
    this.held.get(far)!.ids.forEach(id => this.rows.delete(id));
    this.held.delete(far);
  }

  // undefined: not known yet where that block begins.
  private cursor(n: number): string | null | undefined {
    if (n === 0) return null;
    if (this.marks) return this.marks.cursors[n - 1];
    const before = this.held.get(n - 1);
    return before?.round === this.round ? (before.next ?? undefined) : undefined;
  }

  // The window shows these rows: what is not here, or from an older list, is asked for.
  want(first: number, last: number): void {
    const from = Math.floor(first / this.every);
    const to = Math.floor(Math.max(first, last - 1) / this.every);
    this.wanted = [];
    for (let n = from; n <= to; n++) {
      if (this.held.get(n)?.round !== this.round) this.wanted.push(n);
    }
    for (const [n, r] of this.running) {
      if (n < from - 1 || n > to + 1) r.abort();
    }
    this.pump();
  }

  private pump(): void {
    for (const n of this.wanted) {
      if (this.running.size >= MOST_AT_ONCE) return;
      if (!this.running.has(n) && this.held.get(n)?.round !== this.round) void this.fetch(n);
    }
  }

  private async fetch(n: number): Promise<void> {
    let cursor = this.cursor(n);
    if (cursor === undefined) return;
    const stop = new AbortController();
    const round = this.round;
    this.running.set(n, stop);
    try {
      const ids: string[] = [];
      do {
        const page: DevicePage = await this.page(cursor, Math.min(PAGE_LIMIT, this.every - ids.length), stop.signal);
        if (round !== this.round) return;
        ids.push(...this.put(page.items));
        cursor = page.next;
      } while (cursor && ids.length < this.every);
      batch(() => this.arrived(n, ids, cursor ?? null));
    } catch (e) {
      if (!stop.signal.aborted) this.error.value = e;
      else this.wanted = this.wanted.filter(w => w !== n);
    } finally {
      if (this.running.get(n) === stop) this.running.delete(n);
    }
    this.pump();
  }

  private arrived(n: number, ids: string[], next: string | null): void {
    this.keep(n, ids, next);
    if (!this.marks) this.total.value = Math.max(this.total.peek(), n * this.every + ids.length + (next ? 1 : 0));
    if (!this.marks && !next) this.total.value = n * this.every + ids.length;
    this.error.value = null;
    this.blocks.value++;
  }

  private facetsOf(filter: Filter, exact: boolean, stop?: AbortSignal): Promise<Facets> {
    return call(`${LIST}/facets`, { path: { catalog: this.catalog }, query: { ...filterBody(filter), ...(exact ? { exact } : {}) }, ...(stop ? { signal: stop } : {}) });
  }

  // Where something was chosen its alternatives are counted too, as if it had not been.
  private async counted(exact: boolean, stop?: AbortSignal): Promise<Facets> {
    const filter = this.filter;
    const chosen = FACETS.filter(p => filter[p]?.length);
    const [here, ...others] = await Promise.all([filter, ...chosen.map(p => without(filter, p))].map(f => this.facetsOf(f, exact, stop)));
    const facets = { ...here!.facets };
    chosen.forEach((p, i) => (facets[p] = others[i]!.facets[p]));
    return { ...here!, facets };
  }

  // Counts first as far as they are quick; a capped total is completed afterwards.
  private async count(stop?: AbortSignal): Promise<void> {
    try {
      const quick = await this.counted(false, stop);
      if (stop?.aborted) return;
      this.facets.value = quick;
      if (quick.capped) this.facets.value = await this.counted(true, stop);
    } catch {
      // The old counts stay in sight; the next round asks again.
    }
  }

  // Looks whether the list is still what is shown: by its first page and its length.
  async refresh(): Promise<void> {
    const stop = this.stop.signal;
    try {
      const page = await this.page(null, EVERY, stop);
      const marks = page.next ? await this.mark(stop) : null;
      if (stop.aborted) return;
      batch(() => this.compare(page, marks));
      await this.count(stop);
    } catch {
      // The strip already says that the server is away; the next round tries again.
    }
  }

  private compare(page: DevicePage, marks: Marks | null): void {
    const shown = this.held.get(0)?.ids ?? [];
    const ids = this.put(page.items);
    const total = marks ? marks.total : ids.length;
    const more = total - this.total.peek();
    const fresh = ids.filter(id => !shown.includes(id)).length;
    const differs = more !== 0 || (shown.length > 0 && (ids.length !== shown.length || ids.some((id, i) => id !== shown[i])));
    this.error.value = null;
    this.asOf.value = Date.now();
    if (differs && !this.frozen) return this.restart(page, marks);
    this.outdated.value = differs;
    this.newer.value = differs ? Math.max(0, more, more >= 0 ? fresh : 0) : 0;
  }

  // Some devices by id, in no list.
  async load(ids: string[]): Promise<void> {
    await Promise.all(ids.map(async id => {
      try {
        this.put([await call(`${LIST}/{id}`, { path: { catalog: this.catalog, id } })]);
      } catch {
        // One that is not there is shown by its id alone.
      }
    }));
    this.blocks.value++;
  }

  // Takes over what was held back.
  adopt(): void {
    if (!this.outdated.peek()) return;
    this.outdated.value = false;
    this.newer.value = 0;
    void this.begin(this.stop.signal);
  }

  private apply(c: Change): void {
    const row = this.rows.get(c.id);
    if (!row) return;
    const before = row.peek();
    row.value = {
      ...before, state: c.state ?? before.state, online: c.online ?? before.online,
      stateReason: c.stateReason !== undefined ? c.stateReason : before.stateReason,
      seenMs: c.lastSeen ?? before.seenMs, m: c.m ? { ...before.m, ...c.m } : before.m,
    };
  }

  flush(): void {
    const all = [...this.waiting.values()];
    this.waiting.clear();
    batch(() => all.forEach(c => this.apply(c)));
  }

  frame(f: Frame): void {
    const list = (f.snapshot ?? f.changes) as Change[] | { changes?: Change[]; devices?: Change[] } | undefined;
    const changes = Array.isArray(list) ? list : (list?.changes ?? list?.devices ?? []);
    if (!this.waiting.size && changes.length) soon(() => this.flush());
    for (const c of changes) {
      const held = this.waiting.get(c.id);
      this.waiting.set(c.id, held ? { ...held, ...c, m: { ...held.m, ...c.m } } : c);
    }
  }
}
