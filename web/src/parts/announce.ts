// SPDX-License-Identifier: Apache-2.0
//
// announce: one polite voice for the whole page, at most once in ten seconds unless it answers a key.

import { signal } from '@preact/signals';

const PAUSE_MS = 10_000;
export const said = signal('');
let last = -PAUSE_MS;

export function announce(text: string, { now = false } = {}): void {
  if (!now && performance.now() - last < PAUSE_MS) return;
  last = performance.now();
  said.value = text;
}
