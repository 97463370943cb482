// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test from 'node:test';
import { FleetMap, KINDS, MOST_DOTS, NOBODY, STATE_NAMES, arrange, readLayout } from '../src/core/fleet-map';
import { angleAt, planOrbit } from '../src/core/orbit-plan';
import { roundUp } from '../src/core/scale';

const [UNKNOWN, HEALTHY, , AT_RISK, QUARANTINED, OFFLINE] = STATE_NAMES.map((_, i) => i) as [number, number, number, number, number, number];
const ring = (id: string | null, name: string, ...sizes: number[]) => ({
  id, name, count: sizes.reduce((a, b) => a + b, 0), sites: sizes.map((count, i) => ({ name: `site ${i}`, count })),
});
const numbered = (n: number) => Uint32Array.from({ length: n }, (_, i) => i);

function bytesOf(said: object, seats: number[]): ArrayBuffer {
  const json = Buffer.from(JSON.stringify(said).padEnd(Math.ceil(JSON.stringify(said).length / 4) * 4 + 8));
  const out = Buffer.alloc(4 + json.length + 4 + seats.length * 4);
  out.writeUInt32LE(json.length, 0);
  json.copy(out, 4);
  out.writeUInt32LE(seats.length, 4 + json.length);
  seats.forEach((s, i) => out.writeUInt32LE(s, 8 + json.length + i * 4));
  return out.buffer.slice(out.byteOffset, out.byteOffset + out.length) as ArrayBuffer;
}

test('the layout is read from its bytes: small rings inside, seats with their ring', () => {
  const l = readLayout(bytesOf({ by: 'product', total: 5, rings: [ring('1', 'Luleå pumps', 2, 1), ring(null, 'No product', 2)] }, [9, 4, 7, 1, 0]));
  assert.deepEqual(l.rings.map(r => [r.name, r.count]), [['No product', 2], ['Luleå pumps', 3]]);
  assert.deepEqual([...l.seats], [1, 0, 9, 4, 7]);
  assert.deepEqual(l.rings[1]!.sites.map(s => [s.start, s.count]), [[2, 2], [4, 1]]);
});

test('a layout that ends early is refused, not drawn', () => {
  const bytes = bytesOf({ by: 'product', total: 2, rings: [ring('1', 'a', 2)] }, [0, 1]);
  assert.throws(() => readLayout(bytes.slice(0, bytes.byteLength - 4)), RangeError);
});

test('more rings than can be drawn: the smallest are one, and none of them is lost', () => {
  const said = { by: 'group', total: 0, rings: Array.from({ length: 40 }, (_, i) => ring(String(i), `g${i}`, i + 1)) };
  const l = arrange(said, numbered(820));
  assert.equal(l.rings.length, 11);
  const together = l.rings.find(r => r.name === null)!;
  assert.equal(together.ids.length, 30);
  assert.equal(l.rings.reduce((n, r) => n + r.count, 0), 820);
  assert.deepEqual([...l.seats].sort((a, b) => a - b), [...numbered(820)]);
});

test('a change moves one count of ring and site, and marks one dot', () => {
  const map = new FleetMap();
  map.setLayout(arrange({ by: 'product', total: 5, rings: [ring('1', 'a', 2, 3)] }, numbered(5)));
  map.setStates(new Uint8Array(5).fill(HEALTHY));
  map.allChanged = false;
  assert.ok(map.set(3, OFFLINE));
  assert.deepEqual([map.ringCounts[HEALTHY], map.ringCounts[OFFLINE]], [4, 1]);
  assert.deepEqual([map.siteCounts[OFFLINE], map.siteCounts[KINDS + OFFLINE]], [0, 1]);
  assert.deepEqual([...map.changed], [3]);
  assert.deepEqual(map.siteOf(3), [0, 1]);
});

test('a device nobody has placed yet asks for a new layout; one that left does not', () => {
  const map = new FleetMap();
  map.setLayout(arrange({ by: 'product', total: 2, rings: [ring('1', 'a', 2)] }, numbered(2)));
  assert.equal(map.set(7, HEALTHY), false);
  assert.equal(map.set(8, NOBODY), true);
  assert.ok(map.set(1, AT_RISK));
});

test('states that came before the layout count once it is here', () => {
  const map = new FleetMap();
  map.setStates(Uint8Array.from([HEALTHY, OFFLINE, NOBODY]));
  map.setLayout(arrange({ by: 'product', total: 2, rings: [ring('1', 'a', 2)] }, numbered(2)));
  assert.deepEqual([map.ringCounts[HEALTHY], map.ringCounts[OFFLINE]], [1, 1]);
});

test('above 100,000 devices a dot is several, and the worst of them shows', () => {
  const n = MOST_DOTS * 2 + 10;
  const map = new FleetMap();
  map.setLayout(arrange({ by: 'product', total: n, rings: [ring('1', 'a', n)] }, numbered(n)));
  map.setStates(new Uint8Array(n).fill(HEALTHY));
  assert.equal(map.layout!.each, 3);
  assert.equal(map.dotState[10], HEALTHY);
  map.set(31, OFFLINE);
  map.set(30, UNKNOWN);
  assert.equal(map.dotState[10], OFFLINE);
  map.set(32, QUARANTINED);
  assert.equal(map.dotState[10], QUARANTINED);
  map.set(32, HEALTHY);
  assert.equal(map.dotState[10], OFFLINE);
});

test('every dot has its own place, inside the picture and outside the corridor', () => {
  for (const counts of [[1], [22], [3, 9, 40], [1900, 4000, 6900, 12000, 14800, 22400, 38000], Array.from({ length: 11 }, () => 30)]) {
    const p = planOrbit(counts, 560, 1, 52);
    const n = counts.reduce((a, b) => a + b, 0);
    const seen = new Set<string>();
    for (let i = 0; i < n; i++) {
      const [x, y] = [p.x[i]!, p.y[i]!];
      assert.ok(x > 8 && x < 552 && y > 8 && y < 552, `${counts}: dot ${i} is at ${x}, ${y}`);
      assert.ok(y > 280 || Math.abs(x - 280) > 30, `${counts}: dot ${i} stands in the corridor`);
      seen.add(`${x.toFixed(3)} ${y.toFixed(3)}`);
    }
    assert.equal(seen.size, n);
    p.bands.reduce((end, b) => (assert.ok(b.inner > end), b.inner + b.thick), 0);
  }
});

test('neighbours in order share an angle, so that a site is a wedge', () => {
  const p = planOrbit([20_000], 560, 1, 52);
  for (let i = 0; i + 200 < 20_000; i += 200) assert.ok(Math.abs(p.fraction[i + 200]! - p.fraction[i]!) < 0.02);
  assert.ok(angleAt(p.bands[0]!, 0) > 0 && angleAt(p.bands[0]!, 1) < 2 * Math.PI);
});

test('the scale of a curve ends at a round number above it', () => {
  assert.deepEqual([0, 1, 3, 9_741, 10_000, 51].map(roundUp), [1, 1, 5, 10_000, 10_000, 100]);
});
