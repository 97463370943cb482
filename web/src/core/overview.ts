// SPDX-License-Identifier: Apache-2.0
//
// overview: what the Overview shows, each part with its own age and its own failure.
//
//   topics census, events, intake --> signals        GET patterns, overview, arrivals --each 15 s--> signals

import { signal, type Signal } from '@preact/signals';
import type { ArrivalPage, DeviceCounts, DeviceState, Overview, PatternList } from '../api/api';
import { Problem, call } from '../api/client';
import { subscribe, type Frame } from './live';
import { may } from './session';
import { toMs } from './time';

export interface FleetEvent {
  at: string | number;
  kind: string;
  device: string | null;
  name: string | null;
  text: string;
  level?: string | null;
  state?: string | null;
}

export interface Intake {
  at: number;
  messages: number;
  refused: number;
}

// What was asked for: not here yet, here, not offered by this server, or failed.
export interface Part<T> {
  value: T | null;
  asOf: number | null;
  error: unknown;
  missing: boolean;
}

export const POLL_MS = 15_000;
export const INTAKE_S = 300;
const EVENTS_KEPT = 50;
const TREND_MS = 3_600_000;
const SAMPLE_MS = 10_000;

const empty = <T>(): Part<T> => ({ value: null, asOf: null, error: null, missing: false });

// Outlives the page, so that going to a list and back keeps the trend and the curve.
interface Kept {
  census: { at: number; counts: DeviceCounts }[];
  intake: Intake[];
}
const kept = new Map<string, Kept>();
const keptOf = (catalog: string) => {
  let k = kept.get(catalog);
  if (!k) kept.set(catalog, (k = { census: [], intake: [] }));
  return k;
};

// A snapshot is a member of its own, or only a mark beside the members of any other frame.
const body = (f: Frame): unknown => (f.snapshot && f.snapshot !== true ? f.snapshot : f);

export const totalOf = (c: DeviceCounts) => Object.values(c).reduce((a, b) => a + b, 0);

const newestFirst = (events: FleetEvent[]) => events.sort((a, b) => toMs(b.at)! - toMs(a.at)!).slice(0, EVENTS_KEPT);

export class OverviewData {
  readonly counts = signal<DeviceCounts | null>(null);
  readonly countsAt = signal<number | null>(null);
  readonly intake = signal<Intake[]>([]);
  readonly events = signal<FleetEvent[]>([]);
  readonly newer = signal<FleetEvent[]>([]); // held back while somebody reads
  readonly eventsHere = signal(false);
  readonly patterns = signal(empty<PatternList>());
  readonly facts = signal(empty<Overview>());
  readonly arrivals = signal(empty<ArrivalPage>());
  reading = false;
  private timer: ReturnType<typeof setInterval> | undefined;
  private undo: (() => void)[] = [];

  constructor(readonly catalog: string) {
    this.intake.value = keptOf(catalog).intake;
  }

  start(): () => void {
    this.undo = [
      subscribe({ name: 'census', frame: f => this.census(f) }),
      subscribe({ name: 'events', frame: f => this.event(f) }),
      subscribe({ name: 'intake', frame: f => this.flow(f) }),
    ];
    void this.countOnce();
    this.poll();
    this.timer = setInterval(() => !document.hidden && this.poll(), POLL_MS);
    return () => {
      clearInterval(this.timer);
      this.undo.forEach(back => back());
    };
  }

  poll(): void {
    const path = { catalog: this.catalog };
    void this.load(this.patterns, call('GET /catalogs/{catalog}/patterns', { path }));
    void this.load(this.facts, call('GET /catalogs/{catalog}/overview', { path }));
    this.knocks();
  }

  private knocks(): void {
    if (may('devices:claim')) void this.load(this.arrivals, call('GET /catalogs/{catalog}/arrivals', { path: { catalog: this.catalog } }));
  }

  private async load<T>(part: Signal<Part<T>>, asked: Promise<T>): Promise<void> {
    try {
      const value = await asked;
      part.value = { value, asOf: Date.now(), error: null, missing: false };
    } catch (error) {
      const missing = error instanceof Problem && (error.status === 404 || error.status === 403);
      part.value = { ...part.peek(), error: missing ? null : error, missing };
    }
  }

  // The live topic brings the first count too; this one is there when the socket is not.
  private async countOnce(): Promise<void> {
    try {
      const counts = await call('GET /catalogs/{catalog}/device-counts', { path: { catalog: this.catalog } });
      if (!this.counts.peek()) this.count(counts, Date.now());
    } catch {
      // The strip of the shell tells that the server is away.
    }
  }

  private count(counts: DeviceCounts, at: number): void {
    this.counts.value = counts;
    this.countsAt.value = at;
    const { census } = keptOf(this.catalog);
    const last = census[census.length - 1];
    if (!last || at - last.at >= SAMPLE_MS) census.push({ at, counts });
    while (census.length && at - census[0]!.at > TREND_MS) census.shift();
  }

  // How a state changed since this browser first looked, an hour ago at most.
  trend(state: DeviceState): { by: number; ms: number } | null {
    const first = keptOf(this.catalog).census[0];
    const counts = this.counts.value;
    if (!first || !counts || this.countsAt.value === null) return null;
    const ms = this.countsAt.value - first.at;
    return ms >= 60_000 ? { by: counts[state] - first.counts[state], ms } : null;
  }

  private census(f: Frame): void {
    const said = body(f) as { counts?: DeviceCounts; at?: number };
    if (said.counts) this.count(said.counts, toMs(said.at) ?? Date.now());
  }

  private flow(f: Frame): void {
    const said = body(f);
    const list = (Array.isArray(said) ? said : [said]) as Intake[];
    const points = list.filter(p => typeof p.messages === 'number').map(p => ({ ...p, at: toMs(p.at) ?? Date.now() }));
    const { intake } = keptOf(this.catalog);
    const after = intake[intake.length - 1]?.at ?? 0;
    const all = [...intake, ...points.filter(p => p.at > after)].slice(-INTAKE_S);
    keptOf(this.catalog).intake = all;
    this.intake.value = all;
  }

  private event(f: Frame): void {
    this.eventsHere.value = true;
    if (Array.isArray(f.snapshot)) {
      this.newer.value = [];
      this.events.value = (f.snapshot as FleetEvent[]).slice(0, EVENTS_KEPT);
      return;
    }
    const items = (f.items ?? f.events ?? (f.kind ? [f] : [])) as FleetEvent[];
    if (items.some(e => e.kind === 'arrival')) this.knocks();
    this.newer.value = newestFirst([...items, ...this.newer.peek()]);
    if (!this.reading) this.adopt();
  }

  adopt(): void {
    if (!this.newer.peek().length) return;
    this.events.value = newestFirst([...this.newer.peek(), ...this.events.peek()]);
    this.newer.value = [];
  }
}
