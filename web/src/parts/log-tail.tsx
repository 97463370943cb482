// SPDX-License-Identifier: Apache-2.0
//
// log-tail: what the device said, newest first. It holds still while somebody
// reads (pointer or focus inside), or until the hold is let go.

import { useEffect, useState } from 'preact/hooks';
import { place, setQuery } from '../core/router';
import { catalog } from '../core/session';
import type { Watch } from '../core/watch';
import { t } from '../i18n/i18n';
import { PauseIcon, PlayIcon } from './icons';
import { LogLine } from './log-line';
import { Loudness } from './loudness';
import { Says } from './says';
import { Seg } from './seg';

const LEVELS = ['', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];

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
        <a href={`/c/${catalog.value}/logs?device=${watch.id}`}>{t('log.search')}</a>
        <Seg label={t('log.level')} value={level} onPick={v => setQuery({ level: v || null })} choices={LEVELS.map(value => ({ value, label: value ? t(`level.${value}`) : t('level.all') }))} />
        <button type="button" class="btn sm" aria-pressed={pinned} onClick={() => setPinned(!pinned)}>{pinned ? <PlayIcon /> : <PauseIcon />}{t('log.hold')}</button>
      </header>
      <Loudness id={watch.id} />
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
          <ol>{log.map((e, i) => <LogLine key={`${e.t}.${log.length - i}`} e={e} />)}</ol>
          {watch.more.value ? <button type="button" class="btn ghost sm" onClick={() => void watch.loadLog(level, true)}>{t('log.older')}</button> : null}
        </div>
      ) : <div class="empty">{level ? t('log.noneAt') : t('log.none')}</div>}
    </section>
  );
}
