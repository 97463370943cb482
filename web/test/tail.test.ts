// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joined, tailFrom } from '../src/core/tail';

const line = (t: number[], v: number[]) => ({ key: 'k', label: 'l', note: '', t, mid: v, low: v, high: v });
const readings = (t: number[], v: number[]) => ({ t, min: v, max: v, avg: v, count: v.map(() => 1) });

test('the tail begins a bucket before the one that is filling', () => {
  assert.equal(tailFrom(10_500, 1000), 9000);
  assert.equal(tailFrom(10_000, 1000), 9000);
});

test('what came since takes the place of the buckets at the edge, with its peaks', () => {
  const now = joined(line([7000, 8000, 9000, 10_000], [1, 2, 3, 4]), readings([9000, 9400, 10_100, 11_200, 11_300, 11_400], [3, 5, 4, 1, 9, 2]), 9000, 1000, false);
  assert.deepEqual(now.t, [7000, 8000, 9000, 10_000, 11_000]);
  assert.deepEqual(now.mid, [1, 2, 4, 4, 4]);
  assert.deepEqual([now.low[4], now.high[4]], [1, 9]);
});

test('a mean weighs its readings', () => {
  const now = joined(line([], []), { t: [1000, 1500], min: [0, 8], max: [0, 8], avg: [0, 8], count: [3, 1] }, 1000, 1000, false);
  assert.deepEqual(now.mid, [2]);
});

test('readings that are drawn one by one stay so, and none is drawn twice', () => {
  const now = joined(line([100, 950, 1020], [1, 2, 3]), readings([1020, 1040], [3, 4]), 1000, 1000, true);
  assert.deepEqual([now.t, now.mid], [[100, 950, 1020, 1040], [1, 2, 3, 4]]);
});

test('nothing new leaves the picture as it was, but for what has gone', () => {
  const was = line([7000, 8000], [1, 2]);
  assert.deepEqual(joined(was, readings([], []), 9000, 1000, false), was);
});
