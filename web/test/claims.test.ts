// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test from 'node:test';
import { NotText, POST_MAX, RowCutter, cells, classify, cut, idOf, lineOf, readList, separatorOf, type Chunk } from '../src/core/claims';

const F = 'ab'.repeat(32);
const file = (text: string | Uint8Array) => new Blob([text as BlobPart]);
async function all(blob: Blob, extra = {}) {
  const chunks: Chunk[] = [];
  const found = await cut(blob, extra, async c => void chunks.push(c));
  return { found, chunks };
}

test('a key is told from an id, however it was printed', () => {
  assert.deepEqual(classify(F.toUpperCase().replace(/(..)(?=.)/g, '$1:')), { fingerprint: F });
  assert.deepEqual(classify('ab'.repeat(16)), { id: 'ab'.repeat(16) });
  assert.equal(classify('pump'), null);
  assert.ok(classify('-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----')?.publicKey);
});

test('a pasted list keeps names, and tells each bad line', () => {
  const r = readList(`${F}, Pump 4\n\nnonsense\n${F}\n${'cd'.repeat(16)}\tثلاجة 🧊`);
  assert.deepEqual(r.entries, [{ fingerprint: F, name: 'Pump 4' }, { id: 'cd'.repeat(16), name: 'ثلاجة 🧊' }]);
  assert.deepEqual(r.lines, [1, 5]);
  assert.deepEqual(r.bad.map(b => [b.line, b.reason]), [[3, 'unknown'], [4, 'twice']]);
});

test('the id is the first half of the fingerprint', async () => {
  assert.equal(await idOf({ fingerprint: F }), 'ab'.repeat(16));
});

test('cells follow the quotes, the separator is the one that there is most of', () => {
  assert.equal(separatorOf('a;"b,c,d";e'), ';');
  assert.deepEqual(cells('1;"a;""b""";', ';'), ['1', 'a;"b"', '']);
});

test('rows may span lines, and a quote that nothing closes costs its row alone', () => {
  const c = new RowCutter();
  assert.deepEqual(c.push('a,"x\ny"\nb'), [{ text: 'a,"x\ny"', line: 1 }]);
  assert.deepEqual(c.push(',1\n"stray\nc,2\nd,3', true).map(p => [p.line, p.text]), [[3, 'b,1'], [4, '"stray'], [5, 'c,2'], [6, 'd,3']]);
});

test('a CSV with a mark, semicolons and bad rows is read to its end', async () => {
  const { found, chunks } = await all(file(`\ufefffingerprint;name;line\r\n${F};"Pump; 4";A\r\nnonsense;x;y\r\n;;\r\n${F};a;b;c\r\n`), { group: '7', site: 'Luleå' });
  assert.equal(found.rows, 4);
  assert.deepEqual(found.bad.map(b => [b.line, b.reason]), [[3, 'unknown'], [4, 'empty'], [5, 'columns']]);
  assert.deepEqual(chunks.map(c => c.text), [`fingerprint;name;line;group;site\n${F};"Pump; 4";A;7;Luleå\n`]);
});

test('a large file becomes posts below the limit, the header in each, and lines are found again', async () => {
  const rows = Array.from({ length: 30_000 }, (_, i) => `${i.toString(16).padStart(64, '0')},Pump ${i}`);
  const { found, chunks } = await all(file('fingerprint,name\n' + rows.join('\n')));
  assert.equal(found.rows, 30_000);
  assert.ok(chunks.length > 2);
  assert.ok(chunks.every(c => c.text.startsWith('fingerprint,name\n') && Buffer.byteLength(c.text) <= POST_MAX));
  assert.equal(chunks.reduce((n, c) => n + c.rows, 0), 30_000);
  const second = chunks[1]!;
  const line = second.text.split('\n')[1]!;
  assert.equal(lineOf(second, { line: 2 }), rows.indexOf(line) + 2);
});

test('JSON is cut object by object', async () => {
  const { found, chunks } = await all(file(`{"devices":[\n{"fingerprint":"${F}","name":"a}\\"{"},\n{"name":"b"}]}`), { group: '7' });
  assert.deepEqual([found.rows, found.badCount], [2, 1]);
  assert.equal(found.bad[0]!.line, 3);
  assert.deepEqual(JSON.parse(chunks[0]!.text), { devices: [{ fingerprint: F, name: 'a}"{', group: '7' }] });
});

test('what is no text is refused in words', async () => {
  const why = (bytes: Uint8Array | string) => all(file(bytes)).then(() => 'taken', (e: NotText) => e.why);
  assert.equal(await why(new Uint8Array([1, 0, 2])), 'binary');
  assert.equal(await why(new Uint8Array([0xff, 0xfe, 65, 0])), 'utf16');
  assert.equal(await why(new Uint8Array([105, 100, 10, 0xe9, 10])), 'encoding');
  assert.equal(await why(''), 'empty');
  assert.equal(await why('name,site\na,b\n'), 'header');
  assert.equal(await why('[]'), 'json');
});
