// SPDX-License-Identifier: Apache-2.0
//
// jobs: what runs on behalf of this page, followed until it ends.
//
//   follow(job) --topic jobs, and GET each second--> job signal --ended--> done()

import { signal, type Signal } from '@preact/signals';
import type { Job } from '../api/api';
import { Problem, call } from '../api/client';

const POLL_MS = 800;
const JOB = '/catalogs/{catalog}/jobs/{id}';

export const ended = (j: Job) => j.state === 'done' || j.state === 'stopped' || j.state === 'failed';
export const running = signal<Signal<Job>[]>([]);

export function follow(catalog: string, job: Job, done: (j: Job) => void = () => {}): Signal<Job> {
  const held = signal(job);
  running.value = [...running.peek(), held];
  const look = async () => {
    try {
      held.value = await call(`GET ${JOB}`, { path: { catalog, id: job.id } });
    } catch (e) {
      if (e instanceof Problem && e.status === 404) return dismiss(held);
    }
    if (ended(held.peek())) done(held.peek());
    else setTimeout(look, POLL_MS);
  };
  if (ended(job)) done(job);
  else setTimeout(look, POLL_MS / 4);
  return held;
}

export const dismiss = (held: Signal<Job>) => {
  running.value = running.peek().filter(j => j !== held);
};

export const stopJob = (catalog: string, id: string) => call(`POST ${JOB}/stop`, { path: { catalog, id } });
