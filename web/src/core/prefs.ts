// SPDX-License-Identifier: Apache-2.0
//
// prefs: what this browser remembers: theme, single-key shortcuts, and that somebody signed in
// (that alone: the session itself is in a cookie no script can read).

import { signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

function stored(name: string): string | null {
  try {
    return localStorage.getItem('orrery.' + name);
  } catch {
    return null; // storage may be forbidden
  }
}

function keep(name: string, value: string): void {
  try {
    localStorage.setItem('orrery.' + name, value);
  } catch {
    // then it holds until the page is closed
  }
}

const first = stored('theme');
export const theme = signal<Theme>(first === 'light' || first === 'dark' ? first : 'system');
export const shortcuts = signal(stored('shortcuts') !== 'off');

export const wantsPseudo = () => stored('locale') === 'pseudo';

// Whether it is worth asking the server who is signed in. Without storage it always is.
export function maybeSignedIn(): boolean {
  try {
    return localStorage.getItem('orrery.session') !== null;
  } catch {
    return true;
  }
}

export function rememberSignedIn(yes: boolean): void {
  if (yes) return keep('session', 'yes');
  try {
    localStorage.removeItem('orrery.session');
  } catch {
    // then there is nothing to forget
  }
}

export function setTheme(t: Theme): void {
  theme.value = t;
  keep('theme', t);
  if (t === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = t;
}

export function setShortcuts(on: boolean): void {
  shortcuts.value = on;
  keep('shortcuts', on ? 'on' : 'off');
}

// What a page remembers of how one likes it.
export { stored as kept, keep };
