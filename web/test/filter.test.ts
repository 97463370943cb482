// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test from 'node:test';
import { LEAST, fitting, readColumns, readWidths, template, widest, writeColumns } from '../src/core/columns';
import { filterAddress, filterQuery, parseText, readFilter, toggled, without, writeText } from '../src/core/filter';
import { Selection } from '../src/core/selection';
import { assign, pressed } from '../src/parts/virtual';

test('an address is read as the server reads it', () => {
  assert.deepEqual(readFilter('?state=offline,atRisk&site=Lule%C3%A5%202&site=a%2Cb&sort=name&tag=env:prod&q=pu'),
    { state: ['offline', 'atRisk'], site: ['Luleå 2', 'a,b'], tag: ['env:prod'], q: ['pu'] });
  assert.deepEqual(readFilter('?site=&state=&q=&%zz=1&state=%zz'), { site: [''] });
});

test('a filter survives its address and its text', () => {
  const f = { q: ['pump 4'], state: ['offline'], site: ['Luleå 2', 'a,b'], group: [''], tag: ['line:A'] };
  assert.deepEqual(readFilter(filterQuery(f)), f);
  assert.deepEqual(parseText(writeText(f)), f);
});

test('what is typed becomes conditions; names are resolved, unknown names are tags', () => {
  const f = parseText('state:"at risk",offline product:"HVAC node" line:A site:none hv- x', (p, v) => (p === 'product' && v === 'HVAC node' ? '3' : v));
  assert.deepEqual(f, { state: ['atRisk', 'offline'], product: ['3'], tag: ['line:A'], site: [''], q: ['hv- x'] });
  assert.deepEqual(parseText('state: "open'), { q: ['open'] });
});

test('a filter replaces its own part of the address', () => {
  assert.equal(filterAddress('/c/demo/devices', new URLSearchParams('state=offline&cols=name&sort=name'), { site: ['A'] }), '/c/demo/devices?site=A&cols=name&sort=name');
  assert.equal(filterAddress('/x', new URLSearchParams('q=a'), {}), '/x');
});

test('a facet is switched on and off', () => {
  const on = toggled({}, 'site', 'A');
  assert.deepEqual(toggled(toggled(on, 'site', 'B'), 'site', 'A'), { site: ['B'] });
  assert.deepEqual(without(on, 'site'), {});
});

test('columns that find no room are left out, the name never', () => {
  const usual = readColumns(null);
  assert.equal(writeColumns(usual), null);
  assert.deepEqual(readColumns('id'), ['name', 'id']);
  assert.deepEqual(fitting(['state', 'name', 'id'], 100), ['name']);
  assert.deepEqual(fitting(usual, 2000), usual);
  assert.ok(template(['name']).startsWith('24px minmax('));
});

test('a column that was drawn keeps its width and pushes no other out', () => {
  const drawn = readWidths('name:300,site:12,nonsense:90,os:abc');
  assert.deepEqual(drawn, { name: 300 });
  assert.equal(template(['name', 'seen'], drawn), '24px 300px 68px');
  const shown = fitting(readColumns(null), 1200, drawn);
  const most = widest('name', shown, 1200, drawn);
  assert.ok(most > LEAST);
  assert.deepEqual(fitting(readColumns(null), 1200, { name: most }), shown);
  assert.notDeepEqual(fitting(readColumns(null), 1200, { name: most + 2 }), shown);
});

test('rows are chosen one by one, by range and all at once', () => {
  const s = new Selection();
  s.toggle('a', 0);
  s.extend(2, () => ['a', 'b', 'c']);
  assert.deepEqual([...s.ids.value], ['a', 'b', 'c']);
  s.takeAll();
  assert.ok(s.has('anything') && s.any);
  s.clear();
  assert.ok(!s.any);
});

test('a row in sight keeps its slot while others come and go', () => {
  const slots = new Map<number, number>();
  assign(slots, [0, 1, 2, 3]);
  const third = slots.get(3);
  assign(slots, [2, 3, 4, 5]);
  assert.equal(slots.get(3), third);
  assert.equal(new Set(slots.values()).size, 4);
  assert.ok(Math.max(...slots.values()) < 4);
});

test('a list too high to scroll is pressed into what a browser can', () => {
  assert.equal(pressed(100_000, 40, 800), 1);
  const scale = pressed(1_000_000, 40, 800);
  assert.ok(Math.abs((12_000_000 - 800) * scale - (40_000_000 - 800)) < 1);
});
