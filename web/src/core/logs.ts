// SPDX-License-Identifier: Apache-2.0
//
// logs: what all devices say: found in the past, and as it comes.
//
//   address --LogFilter--> GET logs (pages) + histogram + sources      live "logs" --> new lines, held or shown

import { batch, signal } from '@preact/signals';
import type { Level, LogHistogram, LogLine, LogSources } from '../api/api';
import { address, call } from '../api/client';
import type { Frame } from './live';

export const SPANS = { '15m': 900_000, '1h': 3_600_000, '24h': 86_400_000, '7d': 604_800_000, '30d': 2_592_000_000 } as const;
export type Span = keyof typeof SPANS;
export const LEVELS = ['error', 'warn', 'info', 'debug'] as const;

const PAGE = 100;
const KEPT = 2_000; // lines that came live
const NAMES_ASKED = 40; // devices looked up by one view
const BUCKETS = 60;

export interface LogFilter {
  q: string;
  level: Level | '';
  source: string;
  device: string;
  kind: 'logs' | 'events' | '';
  span: Span;
  from: number | null; // with to: a stretch of the past, without live lines
  to: number | null;
}

const time = (text: string | null) => (text && /^\d{1,15}$/.test(text) ? Number(text) : null);

export function readLogFilter(query: URLSearchParams): LogFilter {
  const [level, kind, span] = [query.get('level'), query.get('kind'), query.get('span')];
  const [from, to] = [time(query.get('from')), time(query.get('to'))];
  const past = from !== null && to !== null && from <= to;
  return {
    q: (query.get('q') ?? '').slice(0, 200), source: query.get('source') ?? '', device: query.get('device') ?? '',
    level: LEVELS.find(l => l === level) ?? '', kind: kind === 'logs' || kind === 'events' ? kind : '',
    span: span && span in SPANS ? (span as Span) : '24h', from: past ? from : null, to: past ? to : null,
  };
}

export const isLiveFilter = (f: LogFilter) => f.to === null;
export const isNarrow = (f: LogFilter) => !!(f.q || f.level || f.source || f.device || f.kind || f.to !== null);

const members = ({ q, level, source, device, kind }: LogFilter) => ({ q: q || null, level: level || null, source: source || null, device: device || null, kind: kind || null });

// Where all that is found is, as a file.
export const exportOf = (catalog: string, f: LogFilter, format: 'csv' | 'ndjson') =>
  address('/catalogs/{catalog}/logs/export', { catalog }, { ...members(f), from: f.from ?? Date.now() - SPANS[f.span], to: f.to, format });

// A line's own mark: the same line told live and found again is one.
const mark = (l: LogLine) => `${l.t} ${l.device} ${l.level} ${l.name ?? ''} ${l.source ?? ''} ${l.text}`;

export class LogView {
  readonly lines = signal<LogLine[] | null>(null);
  readonly next = signal<string | null>(null);
  readonly reached = signal<number | null>(null); // set while a search is not done
  readonly held = signal(0);
  readonly leftOut = signal(0);
  readonly histogram = signal<LogHistogram | null>(null);
  readonly sources = signal<LogSources['items']>([]);
  readonly error = signal<unknown>(null);
  readonly names = signal<Record<string, string>>({});
  private waiting: LogLine[] = [];
  private hold = false;
  private asked = new Set<string>();
  private turn = 0;

  constructor(private readonly catalog: string, private filter: LogFilter) {}

  private range = () => ({ from: this.filter.from ?? Date.now() - SPANS[this.filter.span], ...(this.filter.to === null ? {} : { to: this.filter.to }) });

  async show(filter: LogFilter): Promise<void> {
    this.filter = filter;
    const turn = ++this.turn;
    batch(() => {
      this.waiting = [];
      this.held.value = this.leftOut.value = 0;
    });
    void this.count(turn);
    await this.load(turn, null);
  }

  older = () => this.load(this.turn, this.next.peek());

  private async load(turn: number, cursor: string | null): Promise<void> {
    try {
      const page = await call('GET /catalogs/{catalog}/logs', { path: { catalog: this.catalog }, query: { limit: PAGE, cursor, ...members(this.filter), ...this.range() } });
      if (turn !== this.turn) return;
      batch(() => {
        const before = cursor ? this.lines.peek() ?? [] : [];
        this.lines.value = [...before, ...page.items];
        this.next.value = page.next;
        this.reached.value = page.complete ? null : page.reached;
        this.error.value = null;
      });
      this.learn(page.items);
    } catch (e) {
      if (turn === this.turn) this.error.value = e;
    }
  }

  // Again as time goes on; the lines themselves come live.
  recount = () => this.count(this.turn);

  private async count(turn: number): Promise<void> {
    const path = { catalog: this.catalog };
    const { q: _, device: __, source: ___, ...some } = members(this.filter);
    try {
      const [histogram, sources] = await Promise.all([
        call('GET /catalogs/{catalog}/logs/histogram', { path, query: { ...members(this.filter), ...this.range(), buckets: BUCKETS } }),
        call('GET /catalogs/{catalog}/logs/sources', { path, query: { ...some, ...this.range() } }),
      ]);
      if (turn !== this.turn) return;
      batch(() => {
        this.histogram.value = histogram;
        this.sources.value = sources.items;
      });
    } catch (e) {
      if (turn === this.turn) this.error.value = e;
    }
  }

  subscription = () => Object.fromEntries(Object.entries(members(this.filter)).filter(([, v]) => v !== null));

  setHold(on: boolean): void {
    this.hold = on;
    if (on || !this.waiting.length) return;
    batch(() => {
      this.lines.value = [...this.waiting, ...(this.lines.peek() ?? [])];
      this.waiting = [];
      this.held.value = 0;
    });
  }

  frame(f: Frame): void {
    if (f.snapshot !== undefined) {
      if (this.lines.peek()) void this.load(this.turn, null); // there was a gap
      return;
    }
    const { items = [], leftOut = 0 } = f as unknown as { items?: LogLine[]; leftOut?: number };
    const shown = this.lines.peek() ?? [];
    const known = new Set([...this.waiting.slice(0, PAGE), ...shown.slice(0, PAGE)].map(mark));
    const fresh = items.filter(l => !known.has(mark(l))).sort((a, b) => b.t - a.t);
    batch(() => {
      this.leftOut.value += leftOut;
      if (this.hold) {
        this.waiting = [...fresh, ...this.waiting].slice(0, KEPT);
        this.held.value = this.waiting.length;
      } else if (fresh.length) {
        this.lines.value = [...fresh, ...shown].slice(0, Math.max(KEPT, shown.length));
      }
    });
    this.learn(fresh);
  }

  // Live lines name a device by its id alone.
  private learn(lines: LogLine[]): void {
    const known = { ...this.names.peek() };
    for (const l of lines) {
      if (!l.device) continue;
      if (l.deviceName) known[l.device] = l.deviceName;
      else if (!(l.device in known) && this.asked.size < NAMES_ASKED && !this.asked.has(l.device)) void this.ask(l.device);
    }
    if (Object.keys(known).length !== Object.keys(this.names.peek()).length) this.names.value = known;
  }

  private async ask(id: string): Promise<void> {
    this.asked.add(id);
    try {
      const { name } = await call('GET /catalogs/{catalog}/devices/{id}', { path: { catalog: this.catalog, id } });
      if (name) this.names.value = { ...this.names.peek(), [id]: name };
    } catch {
      // it stays an id
    }
  }
}
