// SPDX-License-Identifier: Apache-2.0
//
// log-tail: what the device said, newest first. It holds still while somebody
// reads (pointer or focus inside), or until the hold is let go.

import { useEffect, useState } from 'preact/hooks';
import type { JournalEntry } from '../api/api';
import { place, setQuery } from '../core/router';
import type { Watch } from '../core/watch';
import { clock, longDate, named, t } from '../i18n/i18n';
import { PauseIcon, PlayIcon } from './icons';
import { Says } from './says';
import { Seg } from './seg';

const LEVELS = ['', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];
const LEVEL_CLASS: Record<string, string> = { warn: 'risk', error: 'quar', debug: 'unknown', info: 'dim' };

const fieldText = (fields: Record<string, unknown> | null | undefined) =>
  Object.entries(fields ?? {}).map(([k, v]) => `${k}=${typeof v === 'object' ? JSON.stringify(v) : String(v)}`).join(' ');

function Line({ e }: { e: JournalEntry }) {
  const date = new Date(e.t);
  const fields = fieldText(e.fields);
  return (
    <li>
      <time class="mono dimmer" dateTime={date.toISOString()} title={longDate.format(date)}>{clock.format(date)}</time>
      <span class={'level ' + (LEVEL_CLASS[e.level] ?? 'dim')}>{named(`level.${e.level}`, e.level)}</span>
      <span class="says-what">
        {e.event && e.name ? <span class="tag">{e.name}</span> : null}{e.source ? <span class="dimmer">{e.source} </span> : null}
        {e.text}{fields ? <span class="mono dimmer"> {fields}</span> : null}
      </span>
    </li>
  );
}

export function LogTail({ watch }: { watch: Watch }) {
  const asked = place.value.query.get('level') ?? '';
  const level: Level = LEVELS.includes(asked as Level) ? (asked as Level) : '';
  const [pinned, setPinned] = useState(false);
  const [reading, setReading] = useState(false);
  const log = watch.log.value;
  useEffect(() => void watch.loadLog(level), [watch, level]);
  useEffect(() => watch.setHold(pinned || reading), [watch, pinned, reading]);
  return (
    <section class="card tail" aria-labelledby="log">
      <header>
        <h2 id="log">{t('log.title')}</h2>
        <span class="sub">{pinned || reading ? t('log.held') : ''}</span><span class="grow" />
        <Seg label={t('log.level')} value={level} onPick={v => setQuery({ level: v || null })} choices={LEVELS.map(value => ({ value, label: value ? t(`level.${value}`) : t('level.all') }))} />
        <button type="button" class="btn sm" aria-pressed={pinned} onClick={() => setPinned(!pinned)}>{pinned ? <PlayIcon /> : <PauseIcon />}{t('log.hold')}</button>
      </header>
      {watch.logError.value ? <div class="pad"><Says error={watch.logError.value} retry={() => void watch.loadLog(level)} /></div> : null}
      {watch.held.value ? (
        <button type="button" class="newer" onClick={() => {
          setPinned(false);
          watch.setHold(false);
          watch.setHold(reading);
        }}>{t('log.newer', { n: watch.held.value })}</button>
      ) : null}
      {log.length ? (
        <div class="lines" tabIndex={0} role="group" aria-labelledby="log"
          onPointerEnter={e => e.pointerType === 'mouse' && setReading(true)} onPointerLeave={() => setReading(false)} onFocusIn={() => setReading(true)} onFocusOut={() => setReading(false)}>
          <ol>{log.map((e, i) => <Line key={`${e.t}.${log.length - i}`} e={e} />)}</ol>
          {watch.more.value ? <button type="button" class="btn ghost sm" onClick={() => void watch.loadLog(level, true)}>{t('log.older')}</button> : null}
        </div>
      ) : <div class="empty">{level ? t('log.noneAt') : t('log.none')}</div>}
    </section>
  );
}
