// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Threats } from '../src/api/api';
import { changeOf, faultAt, flaw } from '../src/core/threats';

const times = { name: 'times', value: 9, usual: 6, least: 2, most: 1000 };
const now: Threats = {
  items: [
    { code: 'T08', name: '', what: '', severity: 'low', enabled: true, limits: [{ ...times, name: 'minutes', value: 6 }] },
    { code: 'T18', name: '', what: '', severity: 'medium', enabled: false, limits: [times] },
  ],
  networks: ['10.0.0.0/8'],
};

test('a change says all that is not as usual, edited or not', () => {
  assert.deepEqual(changeOf(now, {}), { codes: { T18: { times: 9, enabled: false } }, networks: ['10.0.0.0/8'] });
  assert.deepEqual(changeOf(now, { 'T18.times': '6', 'T18.enabled': 'true', 'T08.minutes': '30' }), { codes: { T08: { minutes: 30 } }, networks: ['10.0.0.0/8'] });
  assert.deepEqual(changeOf(now, { networks: ' 192.0.2.0/24,\n2001:db8::/32\n' }).networks, ['192.0.2.0/24', '2001:db8::/32']);
  assert.deepEqual(changeOf(now, { networks: '\n' }).networks, []);
});

test('a threshold is a whole number within its bounds', () => {
  for (const text of ['2', '1000', ' 7 ']) assert.equal(flaw(times, text), '');
  for (const text of ['', '1', '1001', '2.5', '-3', '1e2', 'many', '9'.repeat(40)]) assert.notEqual(flaw(times, text), '', text);
});

test('what the server says of a field is said at that field', () => {
  assert.deepEqual(faultAt('codes.T18.times must be a whole number'), { key: 'T18.times', text: 'must be a whole number' });
  assert.deepEqual(faultAt("networks: 'x' is not a network"), { key: 'networks', text: "'x' is not a network" });
  assert.equal(faultAt('the database is away'), null);
});
