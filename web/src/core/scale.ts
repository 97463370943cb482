// SPDX-License-Identifier: Apache-2.0
//
// scale: where the axis of a chart ends.

// The next round number that is not below the largest: 1, 2 or 5 times a power of ten.
export function roundUp(most: number): number {
  const size = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return [1, 2, 5, 10].map(k => k * size).find(v => v >= most) ?? 10;
}
