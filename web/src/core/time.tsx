// SPDX-License-Identifier: Apache-2.0
//
// time: relative where people scan, absolute with its zone in the tooltip.
// One clock ticks for the whole page, each second, and rests while it is hidden.

import { signal } from '@preact/signals';
import { locale, longDate, t } from '../i18n/i18n';
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

// The same few texts again and again; making one is dear.
const texts = new Map<string, string>();
export function ago(ms: number, at: number): string {
  const { n, unit } = elapsed(ms - at);
  const key = n + unit;
  let text = texts.get(key);
  if (!text) texts.set(key, (text = relative.format(n, unit)));
  return text;
}

const units = new Map<string, Intl.NumberFormat>();
const lasted = (n: number, unit: string) => {
  let f = units.get(unit);
  if (!f) units.set(unit, (f = new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' })));
  return f.format(n);
};

// "for 36 minutes", since t.
export function For({ t: since }: { t: string | number }) {
  const ms = toMs(since)!;
  const { n, unit } = elapsed(Math.max(0, now.value - ms));
  const date = new Date(ms);
  return <time class="num" dateTime={date.toISOString()} title={longDate.format(date)}>{t('time.for', { span: lasted(n, unit) })}</time>;
}

export function Ago({ t: at, never = '–' }: { t: string | number | null | undefined; never?: string }) {
  const ms = toMs(at);
  if (ms === null) return <span class="dimmer">{never}</span>;
  const date = new Date(ms);
  return <time class="num" dateTime={date.toISOString()} title={longDate.format(date)}>{ago(ms, now.value)}</time>;
}
