// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backtest } from '../src/api/api';
import { isGoing, linesOf, metricsOf } from '../src/core/backtest';

const result = (state: Backtest['state']) => ({ state, buckets: [{ t: 1000, fired: 2, standing: 1 }, { t: 2000, fired: 0, standing: 3 }] }) as Backtest;

test('a backtest is asked for until it has ended', () => {
  assert.deepEqual((['waiting', 'running', 'done', 'stopped', 'failed'] as const).map(s => isGoing(result(s))), [true, true, false, false, false]);
  assert.equal(isGoing(null), false);
});

test('how many stand and how often it fires are lines of one picture', () => {
  const [standing, fired] = linesOf(result('done'));
  assert.deepEqual([standing!.t, standing!.mid, fired!.mid], [[1000, 2000], [1, 3], [2, 0]]);
});

test('the metrics of a rule are found wherever its conditions stand', () => {
  const rule = { when: { all: [{ metric: 'temp', is: '>', value: 1 }, { not: { absent: 'fan', for: '10m' } }, { any: [{ metric: 'temp', is: '<', value: 0 }, { absent: '', for: '1h' }] }] }, by: 'device' };
  assert.deepEqual(metricsOf(rule), ['temp', 'fan']);
  assert.deepEqual(metricsOf(undefined), []);
});
