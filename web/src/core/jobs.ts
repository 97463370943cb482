// SPDX-License-Identifier: Apache-2.0
//
// jobs: what runs on behalf of this page, followed until it ends.
//
//   attend(job) --topic jobs--> told(job) … --ended--> GET, which also has what was refused --> job
//                   '--socket away: GET each second--'

import { signal, type Signal } from '@preact/signals';
import type { Job } from '../api/api';
import { Problem, call } from '../api/client';
import { isLive, subscribe, type Frame } from './live';

const POLL_MS = 1000;
const JOB = '/catalogs/{catalog}/jobs/{id}';

interface Attended {
  catalog: string;
  job: Job;
  told: (j: Job) => void;
  over: (j: Job) => void;
  lost: (e: unknown) => void;
  asking: boolean;
  due: boolean; // to be asked for again
}

const attended = new Set<Attended>();
let leave = () => {};

export const ended = (j: Job) => j.state === 'done' || j.state === 'stopped' || j.state === 'failed';
export const running = signal<Signal<Job>[]>([]);

function drop(a: Attended): void {
  attended.delete(a);
  if (attended.size === 0) leave();
}

function take(a: Attended, job: Job): void {
  a.job = job;
  a.told(job);
}

async function look(a: Attended): Promise<void> {
  a.due = a.asking; // an answer that is on its way may be older than what called for this one
  if (a.asking) return;
  a.asking = true;
  try {
    take(a, await call(`GET ${JOB}`, { path: { catalog: a.catalog, id: a.job.id } }));
    if (!ended(a.job)) return;
    drop(a);
    a.over(a.job);
  } catch (e) {
    a.due = true;
    if (!(e instanceof Problem) || e.status < 400 || e.status >= 500) return; // asked again
    drop(a);
    a.lost(e);
  } finally {
    a.asking = false;
  }
}

// A frame names the newest jobs only, and not what they refused.
function heard(f: Frame): void {
  const news = new Map((f.jobs as Omit<Job, 'problems'>[]).map(j => [j.id, j]));
  for (const a of attended) {
    const job = news.get(a.job.id);
    const next = job && { ...job, problems: a.job.problems };
    if (next && !ended(next)) take(a, next);
    else if (isLive(a.catalog)) void look(a);
  }
}

function begin(): void {
  const away = subscribe({ name: 'jobs', frame: heard });
  const timer = setInterval(() => attended.forEach(a => {
    if (a.due || !isLive(a.catalog)) void look(a);
  }), POLL_MS);
  leave = () => {
    clearInterval(timer);
    away();
  };
}

// Until it has ended; fails if the server does not know it any more.
export function attend(catalog: string, job: Job, told: (j: Job) => void = () => {}): Promise<Job> {
  if (ended(job)) return Promise.resolve(job);
  return new Promise((over, lost) => {
    attended.add({ catalog, job, told, over, lost, asking: false, due: false });
    if (attended.size === 1) begin();
  });
}

export function follow(catalog: string, job: Job, done: (j: Job) => void = () => {}): void {
  const held = signal(job);
  running.value = [...running.peek(), held];
  attend(catalog, job, j => (held.value = j)).then(done, () => dismiss(held));
}

export const dismiss = (held: Signal<Job>) => {
  running.value = running.peek().filter(j => j !== held);
};

export const stopJob = (catalog: string, id: string) => call(`POST ${JOB}/stop`, { path: { catalog, id } });
