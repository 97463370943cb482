// SPDX-License-Identifier: Apache-2.0
//
// selection: which devices a change is meant for: rows one by one, or all that match the query.
//
//   nothing --x, click--> rows --"all N"--> the query --clear, another filter--> nothing

import { signal } from '@preact/signals';

export const MOST_ROWS = 500; // one by one; more are chosen by the query

export class Selection {
  readonly ids = signal<ReadonlySet<string>>(new Set());
  readonly all = signal(false);
  private last: number | null = null;

  get any(): boolean {
    return this.all.value || this.ids.value.size > 0;
  }

  has(id: string): boolean {
    return this.all.value || this.ids.value.has(id);
  }

  toggle(id: string, index: number): void {
    const next = new Set(this.all.peek() ? [] : this.ids.peek());
    if (next.has(id)) next.delete(id);
    else if (next.size < MOST_ROWS) next.add(id);
    this.all.value = false;
    this.ids.value = next;
    this.last = index;
  }

  // From the row that was chosen last to this one.
  extend(index: number, between: (from: number, to: number) => string[]): void {
    const next = new Set(this.ids.peek());
    for (const id of between(this.last ?? index, index)) {
      if (next.size < MOST_ROWS) next.add(id);
    }
    this.all.value = false;
    this.ids.value = next;
    this.last = index;
  }

  takeAll(): void {
    this.all.value = true;
    this.ids.value = new Set();
  }

  clear(): void {
    this.all.value = false;
    if (this.ids.peek().size) this.ids.value = new Set();
    this.last = null;
  }
}
