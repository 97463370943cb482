// SPDX-License-Identifier: Apache-2.0
//
// fleet-feed: keeps a FleetMap true: the layout over REST, the states over the topic `fleet`.
//
//   GET fleet-layout?by= --> setLayout      fleet: binary --> setStates      fleet: [seat, state] --> set
//                '-- again, at most each 2 s, when somebody came, went or moved

import { signal } from '@preact/signals';
import type { FleetLayout } from '../api/api';
import { Problem, bytes } from '../api/client';
import { FleetMap, readLayout } from './fleet-map';
import { subscribe, type Frame } from './live';

const AGAIN_MS = 2000;
export type By = FleetLayout['by'];

export class FleetFeed {
  readonly map = new FleetMap();
  readonly ready = signal(false);
  readonly missing = signal(false);
  readonly error = signal<unknown>(null);
  readonly asOf = signal<number | null>(null);
  onChange = () => {};
  private etag = '';
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;

  constructor(readonly catalog: string, readonly by: By) {}

  start(): () => void {
    void this.load();
    const undo = subscribe({ name: 'fleet', frame: f => this.frame(f) });
    return () => {
      this.stopped = true;
      clearTimeout(this.timer);
      undo();
    };
  }

  async load(): Promise<void> {
    try {
      const answer = await bytes('GET /catalogs/{catalog}/fleet-layout', { path: { catalog: this.catalog }, query: { by: this.by }, ifNoneMatch: this.etag });
      if (this.stopped) return;
      if (answer) {
        this.etag = answer.etag;
        this.map.setLayout(readLayout(answer.bytes));
      }
      this.ready.value = true;
      this.error.value = null;
      this.asOf.value = Date.now();
      this.onChange();
    } catch (e) {
      if (e instanceof Problem && e.status === 404) this.missing.value = true;
      else this.error.value = e;
    }
  }

  private again(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.load(), AGAIN_MS);
  }

  private frame(f: Frame): void {
    this.asOf.value = Date.now();
    if (f.snapshot instanceof Uint8Array) this.map.setStates(f.snapshot);
    let known = true;
    for (const [seat, state] of (f.changes ?? []) as [number, number][]) known = this.map.set(seat, state) && known;
    if (f.layout || !known) this.again();
    this.onChange();
  }
}
