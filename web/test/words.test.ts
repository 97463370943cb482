// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';
import { address } from '../src/api/client';
import { elapsed } from '../src/core/elapsed';
import { foremost, isWhole, label, tick, write } from '../src/core/metrics';
import { append, columns, summary, type Point } from '../src/core/series';
import en from '../src/i18n/en.json';
import { fill, t } from '../src/i18n/i18n';
import { pseudo } from '../src/i18n/pseudo';
import { windowOf } from '../src/parts/virtual';

declare const WEB_DIR: string;

test('a message fills its holes and picks its plural', () => {
  assert.equal(t('devices.newer', { n: 1 }), 'Show 1 newer device');
  assert.equal(t('devices.newer', { n: 1400 }), 'Show 1,400 newer devices');
  assert.equal(fill('{a} of {b}', { a: 'x' }), 'x of {b}');
});

test('every message that is asked for exists, every message is asked for', () => {
  const source = (readdirSync(`${WEB_DIR}/src`, { recursive: true }) as string[]).filter(f => /\.tsx?$/.test(f))
    .map(f => readFileSync(`${WEB_DIR}/src/${f}`, 'utf8')).join('\n');
  const open = /^(audit\.([A-Z]|\w+ |seed$)|(authority|outcome|orbit\.by|role|may|span|state|level|range|col|claim|dbgstat|attester|certificate|metric|verdict|lifecycle|keep|param|job|tab|deed|timeline|osFeed|updatePolicy|regionalBoundary|bulk|notify|products|severity|alertState|alertAct|alerts\.(status|owner|source|span)|rules\.(noise|by|show)|claim\.(by|how|step|flaw|not)|threats\.limit)\.)/;
  for (const key of Object.keys(en)) assert.ok(open.test(key) || source.includes(`'${key}'`), `${key} is asked for nowhere`);
});

test('each act that the trail can tell of has words', () => {
  const silent = /live-tickets|\/preview$/; // nothing is changed by them
  const acts = [...readFileSync(`${WEB_DIR}/src/api/api.d.ts`, 'utf8').matchAll(/'((?:POST|PUT|PATCH|DELETE) [^']+)'/g)].map(m => m[1]!);
  assert.ok(acts.length > 30, `${acts.length} acts`);
  for (const act of acts.filter(a => !silent.test(a))) {
    const key = `audit.${act.replace('/catalogs/{catalog}', '/c')}`;
    assert.ok(key in en, `${key} has no words`);
  }
});

test('the pseudo-locale keeps every hole and plural form, and brackets every word', () => {
  const other = pseudo(en as never) as Record<string, string | Record<string, string>>;
  const holes = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(h => h[0]);
  for (const [key, message] of Object.entries(en as Record<string, string | Record<string, string>>)) {
    const forms = typeof message === 'string' ? { other: message } : message;
    const told = typeof other[key] === 'string' ? { other: other[key] as string } : other[key] as Record<string, string>;
    for (const [form, text] of Object.entries(forms)) {
      assert.deepEqual(holes(told[form]!), holes(text), key);
      assert.ok(/^\{\w+\}$/.test(text) || /^⟦.*⟧$/.test(told[form]!), key);
    }
    if (typeof message !== 'string') assert.ok('other' in message && 'one' in message, `${key} lacks a plural form`);
  }
});

test('a span is told in its largest unit', () => {
  assert.deepEqual(elapsed(-1500), { n: 0, unit: 'second' });
  assert.deepEqual(elapsed(-59_000), { n: -59, unit: 'second' });
  assert.deepEqual(elapsed(7_200_000), { n: 2, unit: 'hour' });
  assert.deepEqual(elapsed(-400 * 86_400_000), { n: -1, unit: 'year' });
});

test('a reading is written with its unit and a steady width', () => {
  assert.equal(write('cpu.load', 0.1234), '12.3 %');
  assert.equal(write('mem.used', 4.1e9), '4.10 GB');
  assert.equal(write('net.rx', 42_000), '42.0 kB/s');
  assert.equal(write('temp.motor', 58), '58.0 °C');
  assert.equal(write('vibration.mm_s', 2.1), '2.10 mm/s');
  assert.equal(write('power.w', 2350.4), '2,350 W');
  assert.equal(write('uptime', 271_000), '3.14 d');
  assert.equal(write('door.open', 1), 'Yes');
  assert.equal(write('anything', undefined), '–');
  assert.equal(write('anything', NaN), '–');
  assert.equal(tick('temp.motor', 40), '40 °C');
  assert.equal(tick('door.open', 0.5), '');
});

test('a metric without a catalogue entry is named by its words', () => {
  assert.equal(label('cpu.load'), 'CPU');
  assert.equal(label('temp.motor'), 'Motor temp');
  assert.equal(label('temp.x86_pkg_temp'), 'X86 pkg temp');
  assert.equal(label('vibration.mm_s'), 'Vibration');
  assert.equal(label('run.seconds'), 'Run');
  assert.equal(label('queue_depth'), 'Queue depth');
});

test('an axis of bytes has no step below one, which would repeat its labels', () => {
  assert.deepEqual(['net.rx', 'mem.used', 'run.bytes', 'cpu.load', 'power.w'].map(isWhole), [true, true, true, false, false]);
});

test('the foremost readings are the telling ones, the same each time', () => {
  const host = ['uptime', 'net.rx', 'mem.total', 'mem.used', 'disk.total', 'cpu.load1', 'cpu.load', 'temp.cpu'];
  assert.deepEqual(foremost(host, 3), ['cpu.load', 'mem.used', 'temp.cpu']);
  assert.deepEqual(foremost(host.reverse(), 3), ['cpu.load', 'mem.used', 'temp.cpu']);
});

test('a long silence is a gap, not a line', () => {
  const points: Point[] = [[0, 1], [1000, 2], [2000, 3], [60_000, 4]];
  const [xs, ys] = columns(points);
  assert.deepEqual(ys, [1, 2, 3, null, 4]);
  assert.ok(xs.every((x, i) => i === 0 || x > xs[i - 1]!));
  assert.deepEqual(columns([]), [[], []]);
});

test('live points follow history once, and the window moves on', () => {
  const points: Point[] = [[1000, 1], [2000, 2], [3000, 3]];
  assert.deepEqual(append(points, [[2000, 9], [3000, 9], [4000, 4]], 2000), [[2000, 2], [3000, 3], [4000, 4]]);
  assert.deepEqual(append(points, [], 9000), []);
  assert.deepEqual(summary(points), { last: 3, min: 1, max: 3 });
  assert.equal(summary([]), null);
});

test('only the rows in sight are drawn, with a few to spare', () => {
  assert.deepEqual(windowOf(0, 400, 40, 100_000), { first: 0, last: 13 });
  assert.deepEqual(windowOf(40_000, 400, 40, 100_000), { first: 997, last: 1013 });
  assert.deepEqual(windowOf(0, 400, 40, 3), { first: 0, last: 3 });
});

test('an address escapes what is put into it', () => {
  assert.equal(address('/catalogs/{catalog}/devices', { catalog: 'a/b' }, { q: 'x y&z', state: null, limit: 2 }),
    '/api/v1/catalogs/a%2Fb/devices?q=x+y%26z&limit=2');
});
