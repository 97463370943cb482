// SPDX-License-Identifier: Apache-2.0
//
// i18n: every word a person reads comes from a catalogue.
//
//   t('devices.newer', { n: 3 }) --> "Show 3 newer"
//
// A message is a text with {holes}, or one text per plural category of {n}.
// Numbers in holes are written as the locale writes them.

import en from './en.json';

export type Key = keyof typeof en;
export type Values = Record<string, string | number>;
type Message = string | Partial<Record<Intl.LDMLPluralRule, string>>;

export const locale = 'en';
export const shortDate = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' });
export const longDate = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'long' });
export const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
export const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const plural = new Intl.PluralRules(locale);
const numbers = new Intl.NumberFormat(locale);

export function fill(message: Message, values: Values): string {
  const text = typeof message === 'string'
    ? message
    : (message[plural.select(Number(values.n))] ?? message.other ?? '');
  return text.replace(/\{(\w+)\}/g, (hole, name: string) => {
    const v = values[name];
    return v === undefined ? hole : typeof v === 'number' ? numbers.format(v) : v;
  });
}

export const t = (key: Key, values: Values = {}): string => fill((en as Record<Key, Message>)[key], values);

// For names the server may add to: falls back to the given text.
export const named = (key: string, otherwise: string): string =>
  key in en ? t(key as Key) : otherwise;
