// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { align, callOf, exportOf, moment, range, wanted } from '../src/core/explore';

const NOW = 1_790_000_000_000;
const of = (text: string) => wanted(new URLSearchParams(text));

test('an address without anything is the last hour of the fleet', () => {
  const w = of('');
  assert.deepEqual([w.metrics, w.devices, w.by, w.from, w.to], [[], [], '', '-1h', '']);
  assert.deepEqual(range(w, NOW), { from: NOW - 3_600_000, to: NOW });
});

test('more devices than fit are left out, and none is drawn twice', () => {
  const ids = Array.from({ length: 30 }, (_, i) => String(i));
  assert.equal(of('d=' + ids.join()).devices.length, 20);
  assert.deepEqual(of('d=a,b,a,,').devices, ['a', 'b']);
});

test('a split that the server does not know is none', () => {
  assert.equal(of('by=colour').by, '');
  assert.equal(of('by=site').by, 'site');
  assert.equal(of('by=tag:floor').by, 'tag:floor');
  assert.equal(of('by=tag:').by, '');
});

test('times are read as the server reads them', () => {
  assert.equal(moment('-24h', NOW), NOW - 86_400_000);
  assert.equal(moment('2026-01-01T00:00:00Z', NOW), Date.UTC(2026, 0, 1));
  assert.equal(moment('1790000000001', NOW), 1_790_000_000_001);
  assert.equal(moment('soon', NOW), null);
  assert.deepEqual(range(of('from=soon'), NOW), { from: NOW - 3_600_000, to: NOW });
  assert.deepEqual(range(of(`from=${NOW}&to=${NOW - 5}`), NOW), { from: NOW - 5 - 3_600_000, to: NOW - 5 });
});

const line = (t: number[], v: number[]) => ({ key: 'k', label: 'l', note: '', t, mid: v, low: v, high: v });

test('lines of different moments share an axis without gaps of their making', () => {
  const [xs, a, , , b] = align([line([1000, 3000], [1, 3]), line([2000], [2])], 1000);
  assert.ok([1, 2, 3].every(x => xs.includes(x)));
  assert.equal(a![xs.indexOf(3)], 3);
  assert.equal(b![xs.indexOf(1)], undefined);
  assert.equal(b![xs.indexOf(2)], 2);
});

test('a silence is a gap, not a line across it', () => {
  const [xs, mid] = align([line([0, 1000, 2000, 60_000], [1, 1, 1, 9])], 1000);
  assert.equal(mid![xs.indexOf(2.001)], null);
  assert.equal(mid![xs.length - 1], 9);
});

test('the call that is copied is the one that the page makes', () => {
  assert.equal(callOf('demo', of('d=aa,bb&from=-24h'), 'temp.motor', 300),
    '/api/v1/catalogs/demo/telemetry/series?metric=temp.motor&device=aa&device=bb&from=-24h&points=300');
  assert.equal(callOf('demo', of('by=site&product=3&from=-7d'), 'cpu.load', 160),
    '/api/v1/catalogs/demo/telemetry/band?metric=cpu.load&by=site&from=-7d&points=160&product=3');
  assert.equal(exportOf('demo', of('m=a,b&site=north'), 'csv'),
    '/api/v1/catalogs/demo/telemetry/export?metric=a%2Cb&from=-1h&format=csv&site=north');
});
