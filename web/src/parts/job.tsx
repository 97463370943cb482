// SPDX-License-Identifier: Apache-2.0
//
// job: how far a long change is, what it refused and why, and the way to stop it.

import type { Signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import type { Job } from '../api/api';
import { dismiss, ended, running, stopJob } from '../core/jobs';
import { catalog } from '../core/session';
import { named, t } from '../i18n/i18n';
import { CrossIcon, TickIcon, WarnIcon } from './icons';
import { Says } from './says';

const PROBLEMS = 50;

export function Bar({ share }: { share: number }) {
  return <svg class="progress" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="4" class="f-track" /><rect width={Math.max(0, Math.min(100, share * 100))} height="4" class="f-done" /></svg>;
}

const tally = (j: Job) => [
  t('job.changed', { n: j.changed }), j.unchanged ? t('job.unchanged', { n: j.unchanged }) : '', j.refused ? t('job.refused', { n: j.refused }) : '',
].filter(Boolean).join(' · ');

export function JobProblems({ job }: { job: Job }) {
  if (!job.problems?.length) return null;
  return (
    <details class="problems">
      <summary>{t('job.problems', { n: job.problems.length })}</summary>
      <ol>{job.problems.slice(0, PROBLEMS).map((p, i) => <li key={i}><span class="mono dimmer">{p.line ? t('job.line', { n: p.line }) : (p.device ?? '').slice(0, 8)}</span><bdi>{p.text}</bdi></li>)}</ol>
      {job.problems.length > PROBLEMS ? <p class="dim">{t('job.moreProblems', { n: job.problems.length - PROBLEMS })}</p> : null}
    </details>
  );
}

export function JobCard({ held }: { held: Signal<Job> }) {
  const job = held.value;
  const [error, setError] = useState<unknown>(null);
  const over = ended(job);
  const stop = () => stopJob(catalog.value, job.id).then(j => (held.value = j ?? job), setError);
  const bad = job.state === 'failed' || job.refused > 0;
  return (
    <div class="job">
      <div class="t">
        {over ? (bad ? <WarnIcon /> : <TickIcon />) : null}
        <b class="cut" title={job.title}>{job.title}</b>
        <span class="dim" role="status">{named(`job.${job.state}`, job.state)}</span><span class="grow" />
        <span class="num dim">{t('job.of', { n: job.done, total: job.total })}</span>
        {over ? <button type="button" class="btn ghost sm icon" aria-label={t('job.dismiss')} onClick={() => dismiss(held)}><CrossIcon /></button>
          : <button type="button" class="btn sm" onClick={stop}>{t('job.stop')}</button>}
      </div>
      <Bar share={over && job.state === 'done' ? 1 : job.total ? job.done / job.total : 0} />
      <p class="dim">{tally(job)}{job.failure ? ` · ${job.failure}` : ''}</p>
      <Says error={error} />
      <JobProblems job={job} />
    </div>
  );
}

export function Jobs() {
  const all = running.value;
  return all.length ? <section class="card jobs" aria-label={t('job.title')}>{all.map(held => <JobCard key={held.peek().id} held={held} />)}</section> : null;
}
