// SPDX-License-Identifier: Apache-2.0
//
// keys: what a single key does, wherever the focus is, except while somebody types.
//
//   keydown --typing? switched off? a dialog is open?--> nothing
//      '--"g" then "d" within 1.2 s--> the action of "g d"
//
// Single-key shortcuts can be switched off (WCAG 2.1.4); then none of this happens.

import { shortcuts } from './prefs';

const SECOND_KEY_MS = 1200;
const actions = new Map<string, () => void>();
let began = '';
let timer: ReturnType<typeof setTimeout> | undefined;

const typing = (e: KeyboardEvent) => {
  const at = e.target as HTMLElement | null;
  return !!at?.closest?.('input, select, textarea, [contenteditable=true], dialog[open]');
};

// onKey('g d', run): "g", then "d". Returns what takes it back.
export function onKey(keys: string, run: () => void): () => void {
  actions.set(keys, run);
  return () => {
    if (actions.get(keys) === run) actions.delete(keys);
  };
}

function pressed(e: KeyboardEvent): void {
  if (!shortcuts.value || e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || typing(e)) return;
  const run = actions.get(began ? `${began} ${e.key}` : e.key);
  const opens = !began && [...actions.keys()].some(k => k.startsWith(e.key + ' '));
  clearTimeout(timer);
  began = opens ? e.key : '';
  if (opens) timer = setTimeout(() => (began = ''), SECOND_KEY_MS);
  if (!run) return;
  e.preventDefault();
  run();
}

export const startKeys = () => document.addEventListener('keydown', pressed);
