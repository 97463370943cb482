// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test from 'node:test';
import type { Finding, LogEntry } from '../src/api/api';
import { marks, short, untold } from '../src/core/evidence';

const entry = (component: string, version: string, known = true): LogEntry =>
  ({ pcr: 4, component, version, sha256: 'ab'.repeat(32), known });

const rollback: Finding = {
  component: 'kernel',
  expected: 'security version 3 or higher',
  found: 'security version 2 (version 6.1.4)',
  remedy: 'Update kernel to version 6.1.9; older ones are withdrawn',
  text: 'kernel: expected security version 3 or higher, found security version 2 (version 6.1.4). Update kernel to version 6.1.9; older ones are withdrawn.',
};

test('a measurement its security version withdrew is not marked as known', () => {
  const log = [entry('loader', '1.2'), entry('kernel', '6.1.4'), entry('app', '9', false)];
  assert.deepEqual(marks(log, [rollback]), ['known', 'withdrawn', 'unknown']);
  assert.deepEqual(marks(log.slice(0, 2), []), ['known', 'known']);
});

test('only the measurement that was refused is marked, not its namesake', () => {
  assert.deepEqual(marks([entry('kernel', '6.1.9'), entry('kernel', '6.1.4')], [rollback]), ['known', 'withdrawn']);
});

test('a digest is shortened, a sentence is not', () => {
  assert.equal(short('ab'.repeat(32)), 'abababababab…ababab');
  assert.equal(short(rollback.expected!), rollback.expected);
  assert.equal(short('1f'), '1f');
});

test('a finding is not told twice', () => {
  assert.deepEqual(untold(rollback), { expected: null, found: null, remedy: null });
  assert.equal(untold({ ...rollback, text: 'The kernel is too old.' }).expected, rollback.expected);
});
