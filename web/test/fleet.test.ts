// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test from 'node:test';
import { Fleet } from '../src/core/fleet';

let ids: string[] = [];
let asked: string[] = [];
let down = false;
const device = (id: string) => ({ id, name: id, state: 'healthy', stateReason: null, online: true, lastSeen: null, tags: {} });
// The sites of one state are others than those of all.
const facetsOf = (q: URLSearchParams) => ({
  state: [{ value: 'offline', n: 1 }],
  site: q.has('site') ? q.getAll('site').map(value => ({ value, n: 1 })) : [{ value: 'a', n: 2 }, { value: 'b', n: 1 }],
});
globalThis.fetch = (async (url: string) => {
  if (down) throw new Error('down');
  asked.push(url);
  const { pathname, searchParams } = new URL(url, 'http://x');
  const from = Number(searchParams.get('cursor') ?? 0);
  const limit = Number(searchParams.get('limit') ?? 200);
  const marks = ids.flatMap((_, i) => (i && i % 200 === 0 ? [String(i)] : []));
  const next = from + limit < ids.length ? String(from + limit) : null;
  const body = pathname.endsWith('/marks') ? { every: 200, total: ids.length, cursors: marks }
    : pathname.endsWith('/facets') ? { total: ids.length, capped: false, facets: facetsOf(searchParams) }
    : { items: ids.slice(from, from + limit).map(device), next };
  return new Response(JSON.stringify(body), { status: 200 });
}) as typeof fetch;

const settle = () => new Promise(done => setTimeout(done, 20));
const many = (n: number) => Array.from({ length: n }, (_, i) => `d${i}`);
const shown = (f: Fleet, n = f.total.value) => Array.from({ length: n }, (_, i) => f.at(i));

async function fleet(names: string[]): Promise<Fleet> {
  ids = names;
  asked = [];
  const f = new Fleet('demo');
  await f.show({});
  return f;
}

test('a list asks for the first page of its filter, values repeated', async () => {
  const f = await fleet(['a']);
  await f.show({ q: ['pu'], state: ['offline', 'atRisk'] }, 'name');
  assert.ok(asked.includes('/api/v1/catalogs/demo/devices?q=pu&state=offline&state=atRisk&sort=name&limit=200'), asked.join('\n'));
});

test('any row can be reached by its mark, without what lies before it', async () => {
  const f = await fleet(many(100_000));
  assert.equal(f.total.value, 100_000);
  asked = [];
  f.want(70_010, 70_040);
  await settle();
  assert.equal(f.at(70_010), 'd70010');
  assert.equal(f.at(60_000), undefined);
  assert.equal(asked.length, 1);
});

test('blocks far from the reader are let go, and so are their rows', async () => {
  const f = await fleet(many(40_000));
  for (let i = 0; i < 40_000; i += 400) {
    f.want(i, i + 30);
    await settle();
  }
  assert.ok(f.rows.size < 60 * 200 + 400, `${f.rows.size} rows are kept`);
  assert.equal(f.at(39_610), 'd39610');
});

test('while somebody reads, who came is counted and not shown', async () => {
  const f = await fleet(['a', 'b']);
  f.frozen = true;
  ids = ['c', 'a', 'b', 'd'];
  await f.refresh();
  assert.deepEqual(shown(f), ['a', 'b']);
  assert.equal(f.newer.value, 2);
  f.adopt();
  await settle();
  assert.deepEqual(shown(f), ['c', 'a', 'b', 'd']);
  assert.equal(f.newer.value, 0);
});

test('while nobody reads, the list follows at once', async () => {
  const f = await fleet(['a', 'b']);
  ids = ['b'];
  await f.refresh();
  assert.deepEqual(shown(f), ['b']);
});

test('a change moves values in place, merged until the next frame', async () => {
  const f = await fleet(['a', 'b', 'c']);
  const row = f.rows.get('b')!;
  f.frame({ topic: 'devices', seq: 1, snapshot: [{ id: 'b', m: { x: 1, y: 2 }, lastSeen: 5 }] });
  f.frame({ topic: 'devices', seq: 2, changes: [{ id: 'b', state: 'offline', stateReason: 'gone', m: { x: 3 } }, { id: 'unheard of' }] });
  assert.equal(row.value.state, 'healthy');
  await settle();
  assert.equal(f.rows.get('b'), row);
  assert.deepEqual(row.value.m, { x: 3, y: 2 });
  assert.equal(row.value.stateReason, 'gone');
  assert.equal(row.value.seenMs, 5);
  assert.deepEqual(shown(f), ['a', 'b', 'c']);
});

test('an unreachable server leaves the list as it was', async () => {
  const f = await fleet(['a']);
  down = true;
  await f.refresh();
  down = false;
  assert.deepEqual(shown(f), ['a']);
  assert.equal(f.error.value, null);
});

test('what was chosen does not hide its alternatives', async () => {
  const f = await fleet(['a']);
  await f.show({ site: ['b'], state: ['offline'] });
  await settle();
  assert.deepEqual(f.facets.value!.facets.site, [{ value: 'a', n: 2 }, { value: 'b', n: 1 }]);
  assert.equal(f.facets.value!.total, 1);
  assert.ok(asked.some(u => u.endsWith('/facets?state=offline')), asked.join('\n'));
});
