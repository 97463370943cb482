// SPDX-License-Identifier: Apache-2.0
//
// live: one socket, many topics, no missed change.
//
//   ticket --> socket --ready--> subscribe --> snapshot, seq n --> n+1 --> n+2 …
//                 '--closed--> wait 1, 2, 4 … 15 s --> ticket
//
// The snapshot of `fleet` is binary: u32 seq, u32 count, u8 state[count] by seat.
// A frame whose seq is not the next one means a loss: the topic is silent until
// its new snapshot. While the tab is hidden every topic is unsubscribed; when it
// shows again each starts with one snapshot.

import { signal } from '@preact/signals';
import { Problem, call, latency } from '../api/client';

export interface Frame {
  topic: string;
  seq: number;
  snapshot?: unknown;
  [member: string]: unknown;
}

export interface Topic {
  name: string;
  ids?: () => string[]; // only for "devices": the visible ones
  filter?: () => object; // only for "logs"
  frame(f: Frame): void;
}

export type Status =
  | { state: 'off' | 'connecting' | 'live' | 'paused' }
  | { state: 'waiting'; since: number; retryAt: number };

interface Held extends Topic {
  seq: number | null; // null: waits for a snapshot
  asked: number;
}

export const status = signal<Status>({ state: 'off' });
export const lastFrameAt = signal<number | null>(null);

const topics = new Map<string, Held>();
let socket: WebSocket | null = null;
let ready = false;
let failures = 0;
let stoppedAt: number | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
let catalogName = '';

const send = (message: object) => {
  if (ready && socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
};

export const delayAfter = (n: number, random = Math.random()) =>
  Math.min(15_000, 1000 * 2 ** Math.max(0, n - 1)) * (0.8 + 0.4 * random);

function ask(topic: Held): void {
  topic.seq = null;
  topic.asked = performance.now();
  const ids = topic.ids?.();
  send({ type: 'subscribe', topic: topic.name, ...(ids ? { ids } : {}), ...topic.filter?.() });
}

export function subscribe(topic: Topic): () => void {
  const held: Held = { ...topic, seq: null, asked: 0 };
  topics.set(topic.name, held);
  if (!document.hidden) ask(held);
  return () => {
    if (topics.get(topic.name) !== held) return;
    topics.delete(topic.name);
    send({ type: 'unsubscribe', topic: topic.name });
  };
}

// The visible ids of a topic changed.
export function renew(name: string): void {
  const topic = topics.get(name);
  if (topic && !document.hidden) ask(topic);
}

// Whether what happens in a catalog is told without asking.
export const isLive = (catalog: string) => status.peek().state === 'live' && catalogName === catalog && !document.hidden;

function receive(frame: Frame): void {
  const topic = topics.get(frame.topic);
  if (!topic) return;
  if (frame.snapshot !== undefined) {
    if (topic.seq === null && topic.asked) latency.value = Math.round(performance.now() - topic.asked);
  } else if (topic.seq === null) {
    return;
  } else if (frame.seq !== topic.seq + 1) {
    topic.seq = null;
    topic.asked = performance.now();
    return send({ type: 'snapshot', topic: topic.name });
  }
  topic.seq = frame.seq;
  lastFrameAt.value = Date.now();
  topic.frame(frame);
}

function message(text: string): void {
  const m = JSON.parse(text) as Frame & { type?: string; text?: string };
  if (m.type === 'ready') {
    ready = true;
    failures = 0;
    stoppedAt = null;
    status.value = { state: 'live' };
    if (!document.hidden) topics.forEach(ask);
  } else if (m.topic) {
    receive(m);
  }
}

function binary(bytes: ArrayBuffer): void {
  const view = new DataView(bytes);
  const count = Math.min(view.getUint32(4, true), bytes.byteLength - 8);
  receive({ topic: 'fleet', seq: view.getUint32(0, true), snapshot: new Uint8Array(bytes, 8, count) });
}

function lost(): void {
  socket = null;
  ready = false;
  clearTimeout(timer);
  if (!catalogName) return;
  if (document.hidden) {
    status.value = { state: 'paused' };
    return;
  }
  failures++;
  stoppedAt ??= Date.now();
  const wait = delayAfter(failures);
  status.value = { state: 'waiting', since: stoppedAt, retryAt: Date.now() + wait };
  timer = setTimeout(connect, wait);
}

async function connect(): Promise<void> {
  clearTimeout(timer);
  if (socket || !catalogName) return;
  if (status.value.state !== 'waiting') status.value = { state: 'connecting' };
  const wanted = catalogName;
  try {
    const { ticket } = await call('POST /live-tickets', { body: { catalog: wanted } });
    if (catalogName !== wanted || socket) return;
    open(ticket);
  } catch (e) {
    if (e instanceof Problem && e.status === 401) return stopLive();
    lost();
  }
}

function open(ticket: string): void {
  const scheme = window.location.protocol === 'https:' ? 'wss:' : 'ws:';
  const s = new WebSocket(`${scheme}//${window.location.host}/live`);
  socket = s;
  s.binaryType = 'arraybuffer';
  s.onopen = () => s.send(JSON.stringify({ type: 'ticket', ticket }));
  s.onmessage = e => (e.data instanceof ArrayBuffer ? binary(e.data) : message(String(e.data)));
  s.onclose = () => {
    if (socket === s) lost();
  };
}

export function retryNow(): void {
  if (!socket) void connect();
}

export function startLive(catalog: string): void {
  if (catalogName === catalog) return;
  stopLive();
  catalogName = catalog;
  void connect();
}

export function stopLive(): void {
  catalogName = '';
  clearTimeout(timer);
  const s = socket;
  socket = null;
  ready = false;
  failures = 0;
  stoppedAt = null;
  s?.close();
  status.value = { state: 'off' };
}

document.addEventListener('visibilitychange', () => {
  if (!catalogName) return;
  if (document.hidden) {
    topics.forEach(topic => {
      topic.seq = null;
      send({ type: 'unsubscribe', topic: topic.name });
    });
    if (ready) status.value = { state: 'paused' };
  } else if (socket && ready) {
    status.value = { state: 'live' };
    topics.forEach(ask);
  } else {
    retryNow();
  }
});
window.addEventListener('online', retryNow);
