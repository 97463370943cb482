// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test from 'node:test';
import { Fleet } from '../src/core/fleet';

let ids: string[] = [];
let next: string | null = null;
let asked: string[] = [];
const counts = { healthy: 3, updating: 0, atRisk: 0, quarantined: 0, offline: 0, unknown: 0 };
const device = (id: string) => ({ id, name: id, state: 'healthy', stateReason: null, online: true, lastSeen: null, tags: {} });
globalThis.fetch = (async (url: string) => {
  asked.push(url);
  const body = url.includes('device-counts') ? counts : { items: ids.map(device), next };
  return new Response(JSON.stringify(body), { status: 200 });
}) as typeof fetch;

async function fleet(names: string[]): Promise<Fleet> {
  ids = names;
  asked = [];
  const f = new Fleet('demo', { q: '', state: '' });
  await f.show({ q: '', state: '' });
  return f;
}

test('a list asks for the first page of its filter', async () => {
  const f = await fleet(['a']);
  await f.show({ q: 'pu', state: 'offline' });
  assert.ok(asked.includes('/api/v1/catalogs/demo/devices?limit=200&q=pu&state=offline'), asked.join('\n'));
  assert.deepEqual(f.counts.value, counts);
});

test('while somebody reads, who came is counted and not shown', async () => {
  const f = await fleet(['a', 'b']);
  f.frozen = true;
  ids = ['c', 'a', 'b', 'd'];
  await f.refresh();
  assert.deepEqual(f.order.value, ['a', 'b']);
  assert.equal(f.arrivals.value, 2);
  f.adopt();
  assert.deepEqual(f.order.value, ['c', 'a', 'b', 'd']);
  assert.equal(f.arrivals.value, 0);
});

test('while nobody reads, the list follows at once', async () => {
  const f = await fleet(['a', 'b']);
  ids = ['b'];
  await f.refresh();
  assert.deepEqual(f.order.value, ['b']);
});

test('a change moves values in place, and the counts with a state', async () => {
  const f = await fleet(['a', 'b', 'c']);
  const row = f.rows.get('b')!;
  f.frame({ topic: 'devices', seq: 1, snapshot: [{ id: 'b', m: { x: 1, y: 2 }, lastSeen: 5 }] });
  f.frame({ topic: 'devices', seq: 2, changes: [{ id: 'b', state: 'offline', stateReason: 'gone', m: { x: 3 } }, { id: 'unheard of' }] });
  assert.equal(f.rows.get('b'), row);
  assert.deepEqual(row.value.m, { x: 3, y: 2 });
  assert.equal(row.value.stateReason, 'gone');
  assert.equal(row.value.seenMs, 5);
  assert.equal(f.counts.value!.healthy, 2);
  assert.equal(f.counts.value!.offline, 1);
  assert.deepEqual(f.order.value, ['a', 'b', 'c']);
});

test('the next page is added once, without what is there', async () => {
  next = 'n';
  const f = await fleet(['a', 'b']);
  assert.ok(f.hasMore);
  next = null;
  ids = ['b', 'c'];
  await Promise.all([f.extend(), f.extend()]);
  assert.deepEqual(f.order.value, ['a', 'b', 'c']);
  assert.ok(!f.hasMore);
});

test('an unreachable server leaves the list as it was', async () => {
  const f = await fleet(['a']);
  const before = globalThis.fetch;
  globalThis.fetch = (() => Promise.reject(new Error('down'))) as typeof fetch;
  await f.refresh();
  globalThis.fetch = before;
  assert.deepEqual(f.order.value, ['a']);
  assert.equal(f.error.value, null);
});
