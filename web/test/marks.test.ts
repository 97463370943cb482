// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alert } from '../src/api/api';
import { marksOf, together } from '../src/core/marks';

const at = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
const alert = (id: string, opened: number, resolved: number | null = null) => ({ id, openedAt: at(opened), resolvedAt: at(resolved) }) as Alert;

test('an alert is marked where it opened and where it resolved', () => {
  assert.deepEqual(marksOf([alert('1', 5000, 9000)], 0, 10_000), [{ t: 5000, opened: true }, { t: 9000, opened: false }]);
});

test('what happened outside of the range is not marked', () => {
  assert.deepEqual(marksOf([alert('1', 1000, 6000), alert('2', 7000, 20_000), alert('3', 1000)], 5000, 10_000), [{ t: 6000, opened: false }, { t: 7000, opened: true }]);
});

test('of too many the latest are marked', () => {
  const marks = marksOf(Array.from({ length: 500 }, (_, i) => alert(String(i), i * 1000)), 0, 1e9);
  assert.equal(marks.length, 200);
  assert.equal(marks[199]!.t, 499_000);
});

test('an alert of two devices is told once, the newest first', () => {
  assert.deepEqual(together([[alert('1', 1000), alert('2', 3000)], [alert('1', 1000), alert('3', 2000)]]).map(a => a.id), ['2', '3', '1']);
});
