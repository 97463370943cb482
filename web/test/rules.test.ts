// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rule } from '../src/api/api';
import { draft, excerpt, inserted, isShown, metricWord, noiseOf, offsetOf, oneLine, whom, withoutColumn, withSeverity } from '../src/core/rules';

test('a mistake stands under its column', () => {
  assert.deepEqual(excerpt('avg(temp) over banana > 70', 16), { line: 'avg(temp) over banana > 70', before: 15 });
  assert.deepEqual(excerpt('', 1), { line: '', before: 0 });
});

test('of a long rule what stands around the mistake is shown, and the caret is right there', () => {
  const text = 'x'.repeat(100) + '!' + 'y'.repeat(100);
  const { line, before } = excerpt(text, 101);
  assert.equal(line.length, 38);
  assert.equal(line[before], '!');
  assert.ok(line.startsWith('…') && line.endsWith('…'));
  const end = excerpt(text, 202);
  assert.equal(end.before, 38); // behind the last character
  assert.equal(excerpt(text, 9999).before, 38);
});

test('columns are characters, not halves of them', () => {
  assert.equal(excerpt('😀😀 > x', 6).before, 5);
  assert.equal(offsetOf('😀😀 > x', 6), 7);
});

test('what was expected is told without its column twice', () => {
  assert.equal(withoutColumn('column 16: expected a duration such as 5m'), 'expected a duration such as 5m');
  assert.equal(withoutColumn("this catalog has no product 'nix'"), "this catalog has no product 'nix'");
});

test('a name that is no word of its own is quoted', () => {
  assert.equal(metricWord('temp.motor'), 'temp.motor');
  assert.equal(metricWord('5g/signal'), '"5g/signal"');
  assert.equal(metricWord('no'), '"no"');
  assert.equal(metricWord('a"b\\c'), '"a\\"b\\\\c"');
});

test('a rule is one line, and says its severity once', () => {
  assert.equal(oneLine('temp > 1 \n  and x > 2'), 'temp > 1 and x > 2');
  assert.equal(withSeverity('temp > 1', 'high'), 'temp > 1 severity high');
  assert.equal(withSeverity('temp > 1 severity low ', 'high'), 'temp > 1 severity high');
});

test('what a chart shows is the beginning of a rule', () => {
  assert.equal(draft('temp.motor', 71.234, '', {}), 'avg(temp.motor) over 5m > 71 by device');
  assert.equal(draft('temp', 0.01234, 'site', { product: ['3,4'], tag: ['a:b,c'], q: ['left'] }), 'avg(temp) over 5m > 0.012 by site where product = "3", "4" and tag = "a:b,c"');
  assert.equal(draft('temp', NaN, 'version', {}), 'avg(temp) over 5m > 0 by device');
});

test('a part goes in where the caret stands, with the spaces it needs', () => {
  assert.deepEqual(inserted('temp > 1', 8, 8, 'by site'), { text: 'temp > 1 by site', caret: 16 });
  assert.deepEqual(inserted('avg() over 5m', 4, 4, 'temp'), { text: 'avg(temp) over 5m', caret: 8 });
  assert.deepEqual(inserted('temp > 1 by device', 9, 18, 'by site'), { text: 'temp > 1 by site', caret: 16 });
  assert.deepEqual(inserted('', 0, 0, 'temp'), { text: 'temp', caret: 4 });
});

test('noise has a word for each of its levels', () => {
  assert.deepEqual([0, 1, 9, 10, 39, 40, 63, 75, 100].map(noiseOf), ['quiet', 'rare', 'rare', 'some', 'some', 'often', 'often', 'loud', 'loud']);
});

test('whom a rule is for is told in words', () => {
  assert.equal(whom({ by: 'device' }), 'Each device');
  assert.equal(whom({ by: 'site', where: { product: ['hvac', 'pump'], tag: ['env:prod'] } }), 'Each site · Product hvac, pump · Tag env:prod');
});

test('a list shows what it was asked for', () => {
  const r = { name: 'Hot', text: 'temp > 90', enabled: true, firing: 0 } as Rule;
  assert.ok(isShown(r, 'all', '') && isShown(r, 'on', 'TEMP') && isShown({ ...r, firing: 2 }, 'firing', 'hot'));
  assert.ok(!isShown(r, 'off', '') && !isShown(r, 'firing', '') && !isShown(r, 'all', 'cold'));
});
