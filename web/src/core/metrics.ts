// SPDX-License-Identifier: Apache-2.0
//
// metrics: how a reading is written. Names belong to devices and read from the
// general to the particular; the unit is told from the last part or the first.
//
//   "mem.used", 412e6 --> "Memory used" "412 MB"      "temp.motor", 58.04 --> "Motor temperature" "58.0 °C"

import { locale, named, t } from '../i18n/i18n';

type Kind = 'share' | 'bytes' | 'bytesRate' | 'span' | 'switch' | 'plain';

const SYMBOLS: Record<string, string> = {
  percent: '%', pct: '%', c: '°C', celsius: '°C', v: 'V', a: 'A', w: 'W', wh: 'Wh', kwh: 'kWh', hz: 'Hz', ppm: 'ppm',
  rpm: 'rpm', bar: 'bar', lpm: 'l/min', dbm: 'dBm', mm_s: 'mm/s', ug_m3: 'µg/m³', ms: 'ms', lux: 'lx', db: 'dB',
};
const KINDS: [RegExp, Kind][] = [
  [/^cpu\.load$/, 'share'], [/^(mem|disk)\./, 'bytes'], [/\.bytes$/, 'bytes'], [/^net\./, 'bytesRate'],
  [/(^uptime|\.seconds)$/, 'span'], [/(\.(on|open)|^moving)$/, 'switch'],
];
const SIZES = ['B', 'kB', 'MB', 'GB', 'TB'];

// Whom a reader looks for first; totals, counters and switches come last.
const FIRST = [/^cpu\.load$/, /^mem\.used$/, /^pressure/, /^power/, /^co2/, /^battery\.percent/, /^temp/, /^humidity/, /^flow/, /^voltage/, /^net\./, /^cpu\./];
const LAST = [/\.total$/, /^uptime$/, /\.(seconds|wh)$/, /(\.(on|open)|^moving|^passes)$/];

const parts = (name: string) => {
  const all = name.split(/[./]/);
  const unit = all.length > 1 ? SYMBOLS[all[all.length - 1]!] : undefined;
  return { words: unit || all[all.length - 1] === 'seconds' ? all.slice(0, -1) : all, unit };
};

const kindOf = (name: string): Kind => KINDS.find(([shape]) => shape.test(name))?.[1] ?? 'plain';

function unitOf(name: string): string {
  if (/^temp(\.|$)/.test(name)) return '°C';
  if (/^humidity$/.test(name)) return '%';
  return parts(name).unit ?? '';
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
const plain = (words: string[]) => words.join(' ').replace(/_/g, ' ');

export function label(name: string): string {
  const { words } = parts(name);
  const what = plain(words.slice(1)).replace(/ temp$/, '');
  const usual = words[0] === 'temp' && what ? t('metric.tempOf', { what }) : plain(words);
  return named(`metric.${name}`, capital(usual));
}

// As many decimals as three digits need, so that a number keeps its width while it moves.
const formats = new Map<number, Intl.NumberFormat>();
function digits(v: number): string {
  const size = Math.abs(v);
  const n = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  let f = formats.get(n);
  if (!f) formats.set(n, (f = new Intl.NumberFormat(locale, { minimumFractionDigits: n, maximumFractionDigits: n })));
  return f.format(v);
}
const short = new Intl.NumberFormat(locale, { maximumSignificantDigits: 4 });

function size(v: number, number: (v: number) => string): string {
  let step = 0;
  while (Math.abs(v) >= 1000 && step < SIZES.length - 1) {
    v /= 1000;
    step++;
  }
  return `${step ? number(v) : Math.round(v)} ${SIZES[step]}`;
}

function span(s: number): string {
  if (s >= 86_400) return `${digits(s / 86_400)} d`;
  if (s >= 3600) return `${digits(s / 3600)} h`;
  return s >= 60 ? `${digits(s / 60)} min` : `${digits(s)} s`;
}

function spell(name: string, v: number, number: (v: number) => string): string {
  switch (kindOf(name)) {
    case 'share': return `${number(v * 100)} %`;
    case 'bytes': return size(v, number);
    case 'bytesRate': return `${size(v, number)}/s`;
    case 'span': return span(v);
    case 'switch': return v ? t('word.yes') : t('word.no');
    case 'plain': {
      const unit = unitOf(name);
      return number(v) + (unit ? ' ' + unit : '');
    }
  }
}

export const write = (name: string, v: number | null | undefined): string =>
  v === null || v === undefined || !Number.isFinite(v) ? '–' : spell(name, v, digits);

// As the catalogue of metrics says it: ratio for a share of 1, bool for yes and no, B for bytes.
export function writeIn(unit: string, v: number): string {
  switch (unit) {
    case 'ratio': return `${digits(v * 100)} %`;
    case 'B': return size(v, digits);
    case 'B/s': return `${size(v, digits)}/s`;
    case 's': return span(v);
    case 'bool': return v === 0 ? t('word.no') : v === 1 ? t('word.yes') : digits(v);
    default: return digits(v) + (unit ? ' ' + unit : '');
  }
}

// On an axis: no decimals that say nothing, and the edge between yes and no has no name.
export const tick = (name: string, v: number): string =>
  kindOf(name) === 'switch' ? (v === 0 || v === 1 ? spell(name, v, short.format) : '') : spell(name, v, short.format);

// No share of anything is drawn above the whole.
export const ceiling = (name: string): number => (kindOf(name) === 'share' ? 1 : unitOf(name) === '%' ? 100 : Infinity);

export const isSwitch = (name: string) => kindOf(name) === 'switch';

// Half a byte is nothing.
export const isWhole = (name: string) => /^bytes/.test(kindOf(name));

function rank(name: string): number {
  const early = FIRST.findIndex(r => r.test(name));
  if (early >= 0) return early;
  const late = LAST.findIndex(r => r.test(name));
  return late < 0 ? FIRST.length : FIRST.length + 1 + late;
}

// The n metrics of a device that say most about it; the same ones each time.
export const foremost = (names: string[], n: number): string[] =>
  [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b)).slice(0, n);
