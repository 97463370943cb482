// SPDX-License-Identifier: Apache-2.0
//
// timeline: a device's life in one list, of the kinds that the URL names.
//
//   ?kind=alert,act --> DeviceTimeline --> items        live: an event, a state, an alert --> again

import { useEffect, useMemo } from 'preact/hooks';
import type { Device, TimelineItem } from '../api/api';
import { subscribe } from '../core/live';
import { place, setQuery } from '../core/router';
import { catalog, hrefOf, may } from '../core/session';
import { Ago } from '../core/time';
import { DeviceTimeline, KINDS, kindsOf, type TimelineKind } from '../core/timeline';
import type { Watch } from '../core/watch';
import { named, t } from '../i18n/i18n';
import { Says } from './says';
import { Glyph } from './state';

const TONE: Record<string, string> = {
  affirming: 'healthy', warning: 'atRisk', contraindicated: 'quarantined',
  critical: 'quarantined', high: 'quarantined', medium: 'atRisk', error: 'quarantined', warn: 'atRisk',
};
const toneOf = (m: TimelineItem) => (m.what === 'resolved' ? 'healthy' : TONE[m.level ?? '']);
const actWord = (action: string) => named(`audit.${action.replace('/api/v1', '').replace('/catalogs/{catalog}', '/c')}`, action);

function title(m: TimelineItem): string {
  switch (m.kind) {
    case 'life': return named(`timeline.${m.what}`, m.what ?? '');
    case 'trust': return m.what === 'attested' ? t('timeline.attested') : t('timeline.certificate', { kind: named(`certificate.${m.level}`, m.level ?? '') });
    case 'alert': return m.what === 'resolved' ? t('timeline.resolved') : t('timeline.alert');
    case 'event': return m.what ?? t('timeline.event');
    case 'log': return t('timeline.burst', { n: m.count });
    case 'act': return actWord(m.what ?? '');
  }
}

function Told({ m, device }: { m: TimelineItem; device: string }) {
  if (m.kind === 'log') return <a href={`${hrefOf('/devices')}/${device}/logs?level=warn`}>{t('timeline.readLogs')}</a>;
  if (m.alert) return <a href={`${hrefOf('/alerts')}?id=${m.alert}`}>{m.text}</a>;
  return <>{m.actor}{m.actor && m.text ? ': ' : ''}{m.text}</>;
}

const visible: Record<TimelineKind, () => boolean> = {
  life: () => true, alert: () => true, trust: () => may('trust:read'),
  event: () => may('telemetry:read'), log: () => may('telemetry:read'), act: () => may('audit:read'),
};

function Kinds({ chosen }: { chosen: TimelineKind[] }) {
  const flip = (k: TimelineKind) => setQuery({ kind: (chosen.includes(k) ? chosen.filter(c => c !== k) : [...chosen, k]).join() || null });
  return (
    <div class="seg kinds" role="group" aria-label={t('timeline.kinds')}>
      <button type="button" aria-pressed={!chosen.length} onClick={() => setQuery({ kind: null })}>{t('timeline.kind.all')}</button>
      {KINDS.filter(k => visible[k]()).map(k => <button key={k} type="button" aria-pressed={chosen.includes(k)} onClick={() => flip(k)}>{t(`timeline.kind.${k}`)}</button>)}
    </div>
  );
}

export function Timeline({ watch, d }: { watch: Watch; d: Device }) {
  const line = useMemo(() => new DeviceTimeline(catalog.value, watch.id), [watch]);
  const asked = place.value.query.get('kind');
  const chosen = kindsOf(asked).filter(k => visible[k]());
  const key = chosen.join();
  const newest = watch.events.value[0]?.t;
  useEffect(() => void line.load(chosen), [line, key]);
  useEffect(() => line.stir(), [newest, d.state, d.name, d.group?.id, watch.tag.value]);
  useEffect(() => subscribe({ name: 'alerts', frame: () => line.stir() }), [line]);
  useEffect(() => () => line.stop(), [line]);
  const items = line.items.value;
  return (
    <section class="card" aria-labelledby="timeline">
      <header><h2 id="timeline">{t('timeline.title')}</h2><span class="grow" /><Kinds chosen={chosen} /></header>
      {line.error.value ? <div class="pad"><Says error={line.error.value} retry={() => void line.load(chosen)} /></div> : null}
      <div class="scrolls tall" tabIndex={0} role="group" aria-labelledby="timeline" aria-busy={!line.loaded.value}>
        <ol class="timeline">
          {items.map((m, i) => (
            <li key={`${m.at}.${m.kind}.${m.what}.${i}`}>
              {toneOf(m) ? <Glyph state={toneOf(m)!} /> : <i class="dot" />}
              <div><b><bdi>{title(m)}</bdi></b>{m.text || m.actor || m.kind === 'log' ? <p class="dim"><bdi><Told m={m} device={d.id} /></bdi></p> : null}</div>
              <Ago t={m.at} />
            </li>
          ))}
        </ol>
        {line.loaded.value && !items.length && !line.next.value ? <div class="empty">{t('timeline.nothing')}</div> : null}
        {line.next.value ? <div class="pad actions"><button type="button" class="btn" onClick={() => void line.load(chosen, true)}>{t('timeline.older')}</button></div> : null}
      </div>
    </section>
  );
}
