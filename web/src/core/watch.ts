// SPDX-License-Identifier: Apache-2.0
//
// watch: one device, live: what it is, its readings over the window, its log.
//
//   GET device, telemetry, journal --> shown --device:<id> frames--> shown, newer

import { batch, signal } from '@preact/signals';
import type { Device, DeviceState, Evidence, JournalEntry, Level } from '../api/api';
import { call, read } from '../api/client';
import type { Frame } from './live';
import { append, type Point } from './series';

const LOG_KEPT = 500;
const LOG_PAGE = 100;

interface Reading {
  t: number;
  m: Record<string, number>;
}

// What of a device changes while one looks.
interface Moves {
  state?: DeviceState;
  stateReason?: string | null;
  stateSince?: string | number | null;
  online?: boolean;
  lastSeen?: string | number | null;
  m?: Record<string, number>;
}

interface Members {
  device?: Moves;
  readings?: Reading[];
  journal?: JournalEntry[];
}

export class Watch {
  readonly device = signal<Device | null>(null);
  readonly tag = signal(''); // of the device as it was read
  readonly events = signal<JournalEntry[]>([]); // told since it is watched
  readonly seen = signal<string | number | null>(null);
  readonly evidence = signal<Evidence | null>(null);
  readonly last = signal<Record<string, number>>({});
  readonly points = signal<Record<string, Point[]>>({});
  readonly log = signal<JournalEntry[]>([]);
  readonly held = signal(0); // lines that came while the log is held
  readonly end = signal(Date.now()); // right edge of the charts
  readonly error = signal<unknown>(null);
  readonly telemetryError = signal<unknown>(null);
  readonly logError = signal<unknown>(null);
  readonly more = signal<string | null>(null); // cursor of older lines
  private hold = false;
  private waiting: JournalEntry[] = [];
  private level: Level | '' = '';
  private readonly path: { catalog: string; id: string };
  private span = 0;
  private metrics: string[] = [];
  private seenBefore = false; // there was a snapshot before

  constructor(catalog: string, readonly id: string) {
    this.path = { catalog, id };
  }

  async load(evidence: boolean): Promise<void> {
    try {
      const { value: d, tag } = await read('GET /catalogs/{catalog}/devices/{id}', { path: this.path });
      this.tag.value = tag;
      this.device.value = d;
      this.seen.value ??= d.lastSeen;
      this.error.value = null;
      if (evidence) this.evidence.value = await call('GET /catalogs/{catalog}/devices/{id}/evidence', { path: this.path });
    } catch (e) {
      this.error.value = e;
    }
  }

  async loadLast(): Promise<void> {
    try {
      const { m } = await call('GET /catalogs/{catalog}/devices/{id}/telemetry/last', { path: this.path });
      this.last.value = { ...m, ...this.last.peek() };
    } catch (e) {
      this.telemetryError.value = e;
    }
  }

  async loadHistory(metrics: string[], span: number): Promise<void> {
    this.span = span;
    this.metrics = metrics;
    const to = Date.now();
    try {
      const answer = await call('GET /catalogs/{catalog}/devices/{id}/telemetry', {
        path: this.path, query: { from: to - span, to, metrics: metrics.join(','), points: 600 },
      });
      if (span !== this.span) return;
      batch(() => {
        const before = this.points.peek();
        const next: Record<string, Point[]> = {};
        for (const name of metrics) {
          const history = answer.series.find(s => s.metric === name)?.points ?? [];
          next[name] = append(history, (before[name] ?? []).filter(p => p[0] > to - 30_000), to - span);
        }
        this.points.value = next;
        this.end.value = to;
        this.telemetryError.value = null;
      });
    } catch (e) {
      this.telemetryError.value = e;
    }
  }

  async loadLog(level: Level | '', older = false): Promise<void> {
    this.level = level;
    try {
      const cursor = older ? this.more.peek() : null;
      const page = await call('GET /catalogs/{catalog}/devices/{id}/journal', {
        path: this.path, query: { limit: LOG_PAGE, level: level || null, cursor },
      });
      if (level !== this.level) return;
      batch(() => {
        this.log.value = older ? [...this.log.peek(), ...page.items] : page.items;
        this.more.value = page.next;
        this.logError.value = null;
      });
    } catch (e) {
      this.logError.value = e;
    }
  }

  setHold(on: boolean): void {
    this.hold = on;
    if (on) return;
    this.log.value = [...this.waiting, ...this.log.peek()].slice(0, LOG_KEPT);
    this.waiting = [];
    this.held.value = 0;
  }

  private lines(fresh: JournalEntry[]): void {
    const told = fresh.filter(e => e.event);
    if (told.length) this.events.value = [...told.sort((a, b) => b.t - a.t), ...this.events.peek()].slice(0, LOG_KEPT);
    const known = this.waiting[0] ?? this.log.peek()[0];
    const wanted = fresh
      .filter(e => atLeast(e.level, this.level) && (!known || e.t > known.t || (e.t === known.t && e.text !== known.text)))
      .sort((a, b) => b.t - a.t);
    if (!wanted.length) return;
    if (this.hold) {
      this.waiting = [...wanted, ...this.waiting].slice(0, LOG_KEPT);
      this.held.value = this.waiting.length;
    } else {
      this.log.value = [...wanted, ...this.log.peek()].slice(0, LOG_KEPT);
    }
  }

  private readings(fresh: Reading[]): void {
    if (!fresh.length) return;
    const end = Math.max(this.end.peek(), ...fresh.map(r => r.t));
    const next: Record<string, Point[]> = {};
    for (const [name, points] of Object.entries(this.points.peek())) {
      const more = fresh.filter(r => name in r.m).map(r => [r.t, r.m[name]!] as Point);
      next[name] = append(points, more, end - this.span);
    }
    this.points.value = next;
    this.end.value = end;
    this.last.value = Object.assign({}, this.last.peek(), ...fresh.map(r => r.m));
  }

  private catchUp(): void {
    void this.loadHistory(this.metrics, this.span);
    void this.loadLog(this.level);
  }

  frame(f: Frame): void {
    // A snapshot is the device alone; what it said meanwhile is in history.
    if (f.snapshot !== undefined && this.seenBefore) this.catchUp();
    if (f.snapshot !== undefined) this.seenBefore = true;
    const { device, readings, journal } = (f.snapshot === undefined ? f : { device: f.snapshot ?? undefined }) as Members;
    batch(() => {
      const d = this.device.peek();
      if (device && d) {
        const { lastSeen, stateSince, m, ...state } = device;
        const since = typeof stateSince === 'number' ? new Date(stateSince).toISOString() : stateSince;
        this.device.value = { ...d, ...state, ...(since === undefined ? {} : { stateSince: since }) };
      }
      if (device?.m) this.last.value = { ...this.last.peek(), ...device.m };
      const newest = readings?.length ? Math.max(...readings.map(r => r.t)) : null;
      const seen = device?.lastSeen ?? newest;
      if (seen) this.seen.value = seen;
      this.readings(readings ?? []);
      this.lines(journal ?? []);
    });
  }
}

const LEVELS = ['debug', 'info', 'warn', 'error'];
export const atLeast = (level: string, floor: string) => LEVELS.indexOf(level) >= LEVELS.indexOf(floor || 'debug');
