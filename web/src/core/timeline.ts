// SPDX-License-Identifier: Apache-2.0
//
// timeline: what happened to a device, of all kinds in one order, newest first.
//
//   GET timeline?kind --load--> items, next --older--> more items

import { batch, signal } from '@preact/signals';
import type { TimelineItem } from '../api/api';
import { call } from '../api/client';

export const KINDS = ['life', 'trust', 'alert', 'event', 'log', 'act'] as const;
export type TimelineKind = (typeof KINDS)[number];

const PAGE = 50;
const AGAIN_MS = 1000; // at least between two looks

// "alert,act" of the URL; all where it names none that there is.
export function kindsOf(text: string | null): TimelineKind[] {
  const wanted = (text ?? '').split(',');
  return KINDS.filter(k => wanted.includes(k));
}

export class DeviceTimeline {
  readonly items = signal<TimelineItem[]>([]);
  readonly next = signal<string | null>(null);
  readonly error = signal<unknown>(null);
  readonly loaded = signal(false);
  private kinds: TimelineKind[] = [];
  private round = 0;
  private timer: number | undefined;

  constructor(private readonly catalog: string, private readonly id: string) {}

  async load(kinds: TimelineKind[], older = false): Promise<void> {
    const round = ++this.round;
    this.kinds = kinds;
    try {
      const page = await call('GET /catalogs/{catalog}/devices/{id}/timeline', {
        path: { catalog: this.catalog, id: this.id }, query: { limit: PAGE, kind: kinds.join() || null, cursor: older ? this.next.peek() : null },
      });
      if (round !== this.round) return;
      batch(() => {
        this.items.value = older ? [...this.items.peek(), ...page.items] : page.items;
        this.next.value = page.next;
        this.error.value = null;
        this.loaded.value = true;
      });
    } catch (e) {
      if (round === this.round) this.error.value = e;
    }
  }

  // Something happened: the newest page is read again, unless somebody reads older ones.
  stir(): void {
    if (this.items.peek().length > PAGE || this.timer !== undefined) return;
    this.timer = window.setTimeout(() => {
      this.timer = undefined;
      void this.load(this.kinds);
    }, AGAIN_MS);
  }

  stop(): void {
    window.clearTimeout(this.timer);
    this.round++;
  }
}
