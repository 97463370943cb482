// SPDX-License-Identifier: Apache-2.0
//
// i18n: every word a person reads comes from a catalogue.
//
//   t('devices.newer', { n: 3 }) --> "Show 3 newer"
//
// A message is a text with {holes}, or one text per plural category of {n}.
// Numbers in holes are written as the locale writes them. The pseudo-locale
// (localStorage orrery.locale = "pseudo") is English in brackets, accented and a
// third longer: what stands on a page without brackets was not translated, and
// what does not fit would not fit in German either.

import { wantsPseudo } from '../core/prefs';
import en from './en.json';

export type Key = keyof typeof en;
export type Values = Record<string, string | number>;
export type Message = string | Partial<Record<Intl.LDMLPluralRule, string>>;

export const locale = 'en';
export const shortDate = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' });
export const longDate = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'long' });
export const shortDay = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' });
export const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
export const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const plural = new Intl.PluralRules(locale);
const numbers = new Intl.NumberFormat(locale);
const shares = new Intl.NumberFormat(locale, { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 });
const signs = new Intl.NumberFormat(locale, { signDisplay: 'exceptZero' });
const shorts = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 });

export const number = (n: number) => numbers.format(n);
// Neither all nor none by rounding: 99.96 % is 99.9 %, 0.04 % is < 0.1 %.
export const percent = (share: number) => (share > 0 && share < 0.001 ? `< ${shares.format(0.001)}` : shares.format(Math.floor(share * 1000) / 1000));
export const signed = (n: number) => signs.format(n);
export const compact = (n: number) => shorts.format(n);
export const listed = (items: string[]) => new Intl.ListFormat(locale, { type: 'conjunction' }).format(items);

export function fill(message: Message, values: Values): string {
  const text = typeof message === 'string'
    ? message
    : (message[plural.select(Number(values.n))] ?? message.other ?? '');
  return text.replace(/\{(\w+)\}/g, (hole, name: string) => {
    const v = values[name];
    return v === undefined ? hole : typeof v === 'number' ? numbers.format(v) : v;
  });
}

let messages: Record<Key, Message> = en;

export async function chooseMessages(): Promise<void> {
  if (wantsPseudo()) messages = (await import('./pseudo')).pseudo(en as Record<Key, Message>);
}

export const t = (key: Key, values: Values = {}): string => fill(messages[key], values);

// For names the server may add to: falls back to the given text.
export const named = (key: string, otherwise: string): string =>
  key in en ? t(key as Key) : otherwise;
