// SPDX-License-Identifier: Apache-2.0
//
// A job is followed over the socket, and asked for only when nobody tells.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { Job } from '../src/api/api';
import { Socket, install, settle } from './socket';

const asked: string[] = [];
let answer: object = {};
let status = 200;
install(url => {
  asked.push(url);
  return new Response(JSON.stringify(answer), { status });
});

const { attend } = await import('../src/core/jobs');
const live = await import('../src/core/live');

const told = (seq: number, ...jobs: Job[]) => ({ topic: 'jobs', seq, snapshot: true, jobs });
const job = (id: string, done: number, state: Job['state'] = 'running'): Job => ({
  id, kind: 'bulk', state, title: 'Move 4 devices', total: 4, done, changed: done, unchanged: 0, refused: 0, problems: [], failure: null,
  actor: 'owner', createdAt: '', updatedAt: '',
});

async function connected(): Promise<Socket> {
  live.startLive('demo');
  await settle();
  Socket.last.says({ type: 'ready' });
  return Socket.last;
}

test('what is told is not asked for; its end is asked for once, with what was refused', async () => {
  const socket = await connected();
  asked.length = 0;
  const seen: number[] = [];
  const over = attend('demo', job('7', 0), j => seen.push(j.done));
  assert.ok(socket.sent.some(m => m.type === 'subscribe' && m.topic === 'jobs'));
  socket.says(told(1, job('7', 1)));
  socket.says(told(2, job('7', 3)));
  await settle(1200);
  assert.deepEqual(seen, [1, 3]);
  assert.deepEqual(asked, []);
  answer = { ...job('7', 4, 'done'), problems: [{ device: 'ab', text: 'is retired' }] };
  socket.says(told(3, job('7', 4, 'done')));
  assert.equal((await over).problems[0]!.text, 'is retired');
  assert.deepEqual(asked, ['/api/v1/catalogs/demo/jobs/7']);
  assert.deepEqual(socket.sent[socket.sent.length - 1], { type: 'unsubscribe', topic: 'jobs' });
});

test('a job that a frame does not name is asked for', async () => {
  const socket = await connected();
  asked.length = 0;
  answer = job('8', 4, 'done');
  const over = attend('demo', job('8', 0));
  socket.says(told(1, job('9', 1)));
  assert.equal((await over).done, 4);
  assert.equal(asked.length, 1);
});

test('without a socket it is asked for until it ends, and one that is gone ends it too', async () => {
  live.stopLive();
  asked.length = 0;
  answer = job('10', 2);
  const over = attend('demo', job('10', 0));
  await settle(1100);
  answer = job('10', 4, 'done');
  assert.equal((await over).done, 4);
  assert.equal(asked.length, 2);
  [answer, status] = [{ title: 'gone', detail: 'there is no such job' }, 404];
  await assert.rejects(attend('demo', job('11', 0)), /no such job/);
});
