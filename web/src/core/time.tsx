// SPDX-License-Identifier: Apache-2.0
//
// time: relative where people scan, absolute with its zone in the tooltip.
// One clock ticks for the whole page, each second, and rests while it is hidden.

import { signal } from '@preact/signals';
import { locale, longDate } from '../i18n/i18n';
import { elapsed } from './elapsed';

export const now = signal(Date.now());
const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'narrow' });

export function startClock(): void {
  setInterval(() => {
    if (!document.hidden) now.value = Date.now();
  }, 1000);
}

export const toMs = (t: string | number | null | undefined): number | null =>
  t === null || t === undefined ? null : typeof t === 'number' ? t : Date.parse(t);

export function ago(ms: number, at: number): string {
  const { n, unit } = elapsed(ms - at);
  return relative.format(n, unit);
}

export function Ago({ t, never = '–' }: { t: string | number | null | undefined; never?: string }) {
  const ms = toMs(t);
  if (ms === null) return <span class="dimmer">{never}</span>;
  const date = new Date(ms);
  return <time class="num" dateTime={date.toISOString()} title={longDate.format(date)}>{ago(ms, now.value)}</time>;
}
