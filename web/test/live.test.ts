// SPDX-License-Identifier: Apache-2.0
//
// The live client against a socket that the test holds.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Socket, install, listeners, page, settle } from './socket';

install();
const live = await import('../src/core/live');
const frames: object[] = [];

async function connected(): Promise<Socket> {
  live.stopLive();
  live.startLive('demo');
  await settle();
  const socket = Socket.last;
  socket.onopen();
  socket.says({ type: 'ready' });
  return socket;
}

test('the ticket is the first message, then each topic is asked for', async () => {
  live.subscribe({ name: 'devices', ids: () => ['a', 'b'], frame: f => frames.push(f) });
  const socket = await connected();
  assert.equal(socket.url, 'wss://h/live');
  assert.deepEqual(socket.sent[0], { type: 'ticket', ticket: 't' });
  assert.deepEqual(socket.sent[1], { type: 'subscribe', topic: 'devices', ids: ['a', 'b'] });
  assert.equal(live.status.value.state, 'live');
});

test('changes before the snapshot are dropped, those after it arrive in order', async () => {
  const socket = await connected();
  frames.length = 0;
  socket.says({ topic: 'devices', seq: 3, changes: [] });
  socket.says({ topic: 'devices', seq: 7, snapshot: [] });
  socket.says({ topic: 'devices', seq: 8, changes: [] });
  assert.deepEqual(frames.map(f => (f as { seq: number }).seq), [7, 8]);
});

test('a gap asks for a snapshot and shows nothing until it is here', async () => {
  const socket = await connected();
  socket.says({ topic: 'devices', seq: 1, snapshot: [] });
  frames.length = 0;
  socket.says({ topic: 'devices', seq: 3, changes: [] });
  socket.says({ topic: 'devices', seq: 4, changes: [] });
  assert.equal(frames.length, 0);
  assert.deepEqual(socket.sent.filter(m => m.type === 'snapshot'), [{ type: 'snapshot', topic: 'devices' }]);
  socket.says({ topic: 'devices', seq: 1, snapshot: [] });
  socket.says({ topic: 'devices', seq: 2, changes: [] });
  assert.equal(frames.length, 2);
});

test('a hidden tab unsubscribes; shown again it asks anew', async () => {
  const socket = await connected();
  page.hidden = true;
  listeners.visibilitychange!();
  assert.equal(live.status.value.state, 'paused');
  assert.deepEqual(socket.sent[socket.sent.length - 1], { type: 'unsubscribe', topic: 'devices' });
  page.hidden = false;
  listeners.visibilitychange!();
  assert.equal(live.status.value.state, 'live');
  assert.equal(socket.sent[socket.sent.length - 1]!.type, 'subscribe');
});

test('a lost socket says since when and when it tries again', async () => {
  const socket = await connected();
  const before = Date.now();
  socket.onclose();
  const s = live.status.value;
  assert.equal(s.state, 'waiting');
  assert.ok(s.state === 'waiting' && s.since >= before && s.retryAt - before <= 1300);
  live.retryNow();
  await settle();
  const next = Socket.last;
  assert.notEqual(next, socket);
  next.says({ type: 'ready' });
  assert.equal(live.status.value.state, 'live');
  live.stopLive();
});

test('the wait doubles from one second to fifteen, give or take a fifth', () => {
  assert.equal(live.delayAfter(1, 0.5), 1000);
  assert.equal(live.delayAfter(3, 0.5), 4000);
  assert.equal(live.delayAfter(30, 0.5), 15_000);
  assert.equal(live.delayAfter(1, 0), 800);
  assert.ok(live.delayAfter(1, 1) <= 1200.001);
});
