// SPDX-License-Identifier: Apache-2.0
//
// loudness: how much a device says, and a way to let it say more for a while.

import { useEffect, useState } from 'preact/hooks';
import type { LogLevel } from '../api/api';
import { call } from '../api/client';
import { catalog, may } from '../core/session';
import { clock, named, shortDate, t } from '../i18n/i18n';
import { Says } from './says';

const MINUTES = 15;
const ANSWER_MS = 3_000;

const words = ({ level, source, until }: LogLevel) => {
  const name = named(`level.${level}`, level);
  if (!until) return t('loud.usual', { level: name });
  return t(source === 'group' ? 'loud.group' : 'loud.until', { level: name, at: clock.format(new Date(until)) });
};

const DAY_MS = 86_400_000;
const when = (text: string) => (Date.now() - Date.parse(text) < DAY_MS / 2 ? clock : shortDate).format(new Date(text));

// What the device itself says of it, where that is worth saying.
const answer = ({ level, until, obeys, obeysSince }: LogLevel) => {
  if (obeys === level) return until && obeysSince ? t('loud.obeys', { at: when(obeysSince) }) : '';
  return obeysSince ? t('loud.obeysOther', { level: named(`level.${obeys}`, obeys ?? ''), at: when(obeysSince) }) : t('loud.noAnswer');
};

export function Loudness({ id }: { id: string }) {
  const [now, setNow] = useState<LogLevel | null>(null);
  const [error, setError] = useState<unknown>(null);
  const path = { catalog: catalog.value, id };
  const take = (asked: Promise<LogLevel>) => asked.then(l => {
    setNow(l);
    setError(null);
  }, setError);
  const load = () => take(call('GET /catalogs/{catalog}/devices/{id}/log-level', { path }));
  const set = (minutes: number) => take(call('PUT /catalogs/{catalog}/devices/{id}/log-level', { path, body: { level: 'debug', minutes } }));
  useEffect(() => void load(), [id]);
  const waits = !!now?.until && now.obeys !== now.level;
  useEffect(() => {
    if (!waits) return;
    const timer = setTimeout(() => void load(), ANSWER_MS); // a device that is there answers at once
    return () => clearTimeout(timer);
  }, [now]);
  useEffect(() => {
    if (!now?.until) return;
    const timer = setTimeout(() => void load(), Math.max(1000, Date.parse(now.until) - Date.now() + 1000));
    return () => clearTimeout(timer);
  }, [now?.until]);
  return (
    <p class="pad loud">
      <span class="dim">{t('loud.title')}</span> {now ? words(now) : '–'} {now ? <span class="dim">{answer(now)}</span> : null}
      {now && may('devices:write') ? (
        now.source === 'device'
          ? <button type="button" class="btn sm" onClick={() => void set(0)}>{t('loud.end')}</button>
          : <button type="button" class="btn sm" onClick={() => void set(MINUTES)}>{t('loud.raise')}</button>
      ) : null}
      <Says error={error} />
    </p>
  );
}
