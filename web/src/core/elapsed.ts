// SPDX-License-Identifier: Apache-2.0
//
// elapsed: the largest unit in which a span is at least one, signed.

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000], ['month', 2_592_000], ['day', 86_400], ['hour', 3600], ['minute', 60],
];

export function elapsed(ms: number): { n: number; unit: Intl.RelativeTimeFormatUnit } {
  const s = ms / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(s) >= size) return { n: Math.trunc(s / size), unit };
  }
  return { n: Math.abs(s) < 2 ? 0 : Math.trunc(s), unit: 'second' };
}
