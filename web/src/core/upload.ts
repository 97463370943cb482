// SPDX-License-Identifier: Apache-2.0
//
// upload: a file of claims, post by post, each followed until the server has done it.
//
//   idle --start--> sending post n --answer--> n+1 … --> done
//                      '--failed, stopped--> halted --start--> goes on with post n
//
// The server answers the same post twice with the same job: to send one again repeats nothing.

import { batch, signal } from '@preact/signals';
import { call } from '../api/client';
import { cut, lineOf, type Chunk } from './claims';
import { attend } from './jobs';

const PROBLEMS_KEPT = 1000;

class Halt extends Error {}

export class Upload {
  readonly state = signal<'idle' | 'sending' | 'halted' | 'done'>('idle');
  readonly share = signal(0);
  readonly claimed = signal(0);
  readonly already = signal(0);
  readonly refused = signal(0);
  readonly problems = signal<{ line?: number; text: string }[]>([]);
  readonly error = signal<unknown>(null);
  private posts = 0; // that are done
  private halting = false;

  constructor(private catalog: string, private file: Blob, private extra: Record<string, string>) {}

  halt(): void {
    this.halting = true;
  }

  async start(): Promise<void> {
    this.halting = false;
    this.state.value = 'sending';
    this.error.value = null;
    let n = 0;
    try {
      await cut(this.file, this.extra, async chunk => {
        if (n++ < this.posts) return;
        if (this.halting) throw new Halt();
        await this.post(chunk);
        this.posts = n;
        this.share.value = chunk.bytes / this.file.size;
      });
      this.state.value = 'done';
    } catch (e) {
      this.state.value = 'halted';
      if (!(e instanceof Halt)) this.error.value = e;
    }
  }

  private async post(c: Chunk): Promise<void> {
    const answer = await call('POST /catalogs/{catalog}/claims', { path: { catalog: this.catalog }, raw: { type: c.type, text: c.text } });
    if (!('state' in answer)) return this.add(c, answer.claimed, answer.already, answer.problems.length, answer.problems);
    const job = await attend(this.catalog, answer);
    this.add(c, job.changed, job.unchanged, job.refused, job.problems);
    if (job.state === 'failed') throw new Error(job.failure ?? '');
  }

  private add(c: Chunk, claimed: number, already: number, refused: number, problems: { line?: number; index?: number; text: string }[]): void {
    batch(() => {
      this.claimed.value += claimed;
      this.already.value += already;
      this.refused.value += refused;
      this.problems.value = [...this.problems.peek(), ...problems.map(p => ({ line: lineOf(c, p), text: p.text }))].slice(0, PROBLEMS_KEPT);
    });
  }
}
