// SPDX-License-Identifier: Apache-2.0
//
// device: what it is, what state it is in and why, what it says.
//
//   :id/:tab?range&m&level --> Watch --> head, then summary | telemetry | trust | software | logs

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Device, Evidence } from '../api/api';
import { Problem } from '../api/client';
import { short } from '../core/evidence';
import { subscribe } from '../core/live';
import { foremost, label, write } from '../core/metrics';
import { path, place, setQuery } from '../core/router';
import { catalog, devicesHref, hrefOf, may } from '../core/session';
import { Ago, For } from '../core/time';
import { Watch } from '../core/watch';
import { named, t } from '../i18n/i18n';
import { Chart } from '../parts/chart';
import { CrashDumps } from '../parts/crash-dumps';
import { DeviceActions } from '../parts/device-actions';
import { CopyIcon } from '../parts/icons';
import { Says } from '../parts/says';
import { Seg } from '../parts/seg';
import { Page } from '../parts/shell';
import { Glyph, StatePill, stateClass, verdictSentence, verdictState } from '../parts/state';
import { Insights } from '../parts/insights';
import { LogTail } from '../parts/log-tail';
import { Timeline } from '../parts/timeline';
import { BootLog, Trust } from '../parts/trust';

const RANGES = { '5m': 300_000, '1h': 3_600_000, '6h': 21_600_000, '24h': 86_400_000 } as const;
type Range = keyof typeof RANGES;

function CopyId({ id }: { id: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(id);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return (
    <button type="button" class="btn ghost sm mono copy" onClick={copy} title={t('action.copyId')}>
      {id}<CopyIcon /><span class="only-read" role="status">{done ? t('action.copied') : ''}</span>
    </button>
  );
}

function Head({ d, watch, reload }: { d: Device; watch: Watch; reload: () => void }) {
  const said = d.state === 'quarantined' ? watch.evidence.value?.quarantineReason : null;
  return (
    <section class="card c12 hero" aria-label={t('device.summary')}>
      <div class="t">
        <h2><bdi>{d.name ?? t('device.unnamed')}</bdi></h2>
        <StatePill state={d.state} />
        <CopyId id={d.id} />
        <span class="grow" />
        <DeviceActions d={d} tag={watch.tag.value} onDone={reload} />
      </div>
      <p class="why"><bdi>{(d.stateReason ?? '').replace(/\.$/, '')}</bdi>{said ? <>: <bdi>{said}</bdi></> : null}{d.stateSince ? <span class="dim">{d.stateReason ? ', ' : ''}<For t={d.stateSince} /></span> : null}</p>
      <dl class="facts">
        <div><dt>{t('device.seen')}</dt><dd class="fades"><Ago t={watch.seen.value} never={t('device.never')} /></dd></div>
        <div><dt>{t('param.group')}</dt><dd>{d.group ? <a class="link" href={`${devicesHref()}?group=${d.group.id}`}><bdi>{d.product?.name} / {d.group.name}</bdi></a> : '–'}</dd></div>
        <div><dt>{t('device.model')}</dt><dd>{d.model ?? '–'}</dd></div>
        <div><dt>{t('device.os')}</dt><dd>{d.osVersion ?? '–'}</dd></div>
        <div><dt>{t('device.lifecycle')}</dt><dd>{named(`lifecycle.${d.lifecycle}`, d.lifecycle)}{d.claimedAt ? <span class="dim">, <Ago t={d.claimedAt} /></span> : null}</dd></div>
      </dl>
      <Tabs id={d.id} />
    </section>
  );
}

const TABS = ['summary', 'telemetry', 'trust', 'software', 'logs'] as const;
type Tab = (typeof TABS)[number];
const isTab = (text: string | undefined): text is Tab => (TABS as readonly string[]).includes(text ?? '');
const tabHref = (id: string, tab: Tab) => devicesHref(id) + (tab === 'summary' ? '' : '/' + tab);

function Tabs({ id }: { id: string }) {
  const here = TABS.find(tab => path.value === tabHref(id, tab)) ?? 'summary';
  return (
    <nav class="tabs" aria-label={t('device.parts')}>
      {TABS.map(tab => <a key={tab} href={tabHref(id, tab)} {...(tab === here ? { 'aria-current': 'page' as const } : {})}>{t(`tab.${tab}`)}</a>)}
    </nav>
  );
}

function Picker({ names, chosen, onPick }: { names: string[]; chosen: string[]; onPick: (m: string[]) => void }) {
  const box = useRef<HTMLDetailsElement>(null);
  const close = () => box.current?.removeAttribute('open');
  const key = (e: KeyboardEvent) => {
    if (e.key !== 'Escape') return;
    close();
    box.current?.querySelector('summary')?.focus();
  };
  useEffect(() => {
    const outside = (e: PointerEvent) => {
      if (!box.current?.contains(e.target as Node)) close();
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, []);
  return (
    <details class="picker" ref={box} onKeyDown={key}>
      <summary class="btn sm">{t('telemetry.metrics', { n: chosen.length, all: names.length })}</summary>
      <div class="menu" role="group" aria-label={t('telemetry.pick')}>
        {names.map(n => (
          <label key={n} class="tick"><input type="checkbox" checked={chosen.includes(n)}
            onChange={e => onPick((e.target as HTMLInputElement).checked ? [...chosen, n] : chosen.filter(c => c !== n))} />{label(n)}</label>
        ))}
      </div>
    </details>
  );
}

function TelemetryCard({ watch }: { watch: Watch }) {
  const query = place.value.query;
  const range: Range = (query.get('range') ?? '') in RANGES ? (query.get('range') as Range) : '5m';
  const names = Object.keys(watch.last.value).sort();
  const chosen = query.get('m')?.split(',').filter(n => names.includes(n)) ?? foremost(names, 4);
  const span = RANGES[range];
  const key = chosen.join();
  useEffect(() => {
    if (key) void watch.loadHistory(chosen, span);
  }, [watch, key, span]);
  return (
    <section class="card" aria-labelledby="telemetry">
      <header>
        <h2 id="telemetry">{t('telemetry.title')}</h2><span class="grow" />
        {names.length ? <a class="btn ghost sm" href={`${hrefOf('/telemetry')}?d=${watch.id}&m=${encodeURIComponent(chosen.join())}`}>{t('explore.open')}</a> : null}
        {names.length ? <Picker names={names} chosen={chosen} onPick={m => setQuery({ m: m.join(',') || null })} /> : null}
        <Seg label={t('telemetry.range')} value={range} onPick={r => setQuery({ range: r })}
          choices={(Object.keys(RANGES) as Range[]).map(value => ({ value, label: t(`range.${value}`) }))} />
      </header>
      {watch.telemetryError.value ? <div class="pad"><Says error={watch.telemetryError.value} retry={() => void watch.loadHistory(chosen, span)} /></div> : null}
      {names.length ? (
        <div class="charts">
          {chosen.map(n => <Chart key={n} metric={n} points={watch.points.value[n] ?? []} span={span} end={watch.end.value} />)}
        </div>
      ) : <div class="empty"><b>{t('telemetry.none')}</b>{t('telemetry.noneHow')}</div>}
    </section>
  );
}

function Lacks({ title, permission }: { title: string; permission: string }) {
  return (
    <section class="card">
      <header><h2>{title}</h2></header>
      <div class="empty">{t('forbidden.part', { permission })}</div>
    </section>
  );
}

function Facts({ d }: { d: Device }) {
  const tags = Object.entries(d.tags);
  return (
    <section class="card" aria-labelledby="facts">
      <header><h2 id="facts">{t('device.facts')}</h2></header>
      <dl class="kv pad">
        <dt>{t('device.fingerprint')}</dt><dd class="mono" title={d.fingerprint}>{short(d.fingerprint)}</dd>
        <dt>{t('col.attested')}</dt><dd>{d.attestedVersion ?? '–'}</dd>
        <dt>{t('param.network')}</dt><dd>{d.network ?? '–'}</dd>
        <dt>{t('device.created')}</dt><dd><Ago t={d.createdAt} /></dd>
        {tags.map(([k, v]) => <><dt><bdi class="cut">{k}</bdi></dt><dd><a href={`${devicesHref()}?tag=${encodeURIComponent(`${k}:${v}`)}`}><bdi>{String(v)}</bdi></a></dd></>)}
      </dl>
      {d.note ? <div class="pad divided"><h3>{t('device.note')}</h3><p class="note"><bdi>{d.note}</bdi></p></div> : null}
    </section>
  );
}

function LastReadings({ watch }: { watch: Watch }) {
  const last = watch.last.value;
  const names = foremost(Object.keys(last), 8);
  if (!names.length) return null;
  return (
    <section class="card" aria-labelledby="last">
      <header><h2 id="last">{t('device.last')}</h2><span class="grow" /><a class="btn ghost sm" href={tabHref(watch.id, 'telemetry')}>{t('tab.telemetry')}</a></header>
      <dl class="kv pad">{names.map(n => <><dt>{label(n)}</dt><dd class="num fades">{write(n, last[n])}</dd></>)}</dl>
    </section>
  );
}

function Standing({ d, evidence }: { d: Device; evidence: Evidence | null }) {
  const verdict = evidence?.verdict ?? d.verdict;
  const state = verdictState(verdict);
  return (
    <section class="card" aria-labelledby="standing">
      <header><h2 id="standing">{t('trust.title')}</h2><span class="grow" /><a class="btn ghost sm" href={tabHref(d.id, 'trust')}>{t('tab.trust')}</a></header>
      <div class={'verdict ' + stateClass(state)}><Glyph state={state} size={16} /><p>{verdictSentence(verdict)}</p></div>
      {evidence?.findings?.length ? <ul class="findings">{evidence.findings.slice(0, 3).map((f, i) => <li key={i}><p>{f.text}</p></li>)}</ul> : null}
    </section>
  );
}

function Summary({ watch, d }: { watch: Watch; d: Device }) {
  const events = may('telemetry:read');
  return (
    <>
      <div class="c8 stack">
        {d.lastSeen || watch.seen.value ? null : <section class="card"><div class="empty"><b>{t('device.neverSeen')}</b><p>{t('device.neverSeenHow')}</p><a class="btn" href={hrefOf('/claim')}>{t('claim.title')}</a></div></section>}
        <Timeline watch={watch} d={d} />
      </div>
      <div class="c4 stack">
        {may('trust:read') ? <Standing d={d} evidence={watch.evidence.value} /> : null}
        {events ? <LastReadings watch={watch} /> : null}
        <Facts d={d} />
      </div>
    </>
  );
}

function Software({ d }: { d: Device }) {
  return (
    <section class="card c12" aria-labelledby="software">
      <header><h2 id="software">{t('tab.software')}</h2></header>
      <dl class="kv pad narrow">
        <dt>{t('device.os')}</dt><dd>{d.osVersion ?? '–'}</dd>
        <dt>{t('col.attested')}</dt><dd>{d.attestedVersion ?? '–'}</dd>
      </dl>
      <div class="empty divided"><b>{t('device.softwareNext')}</b><p>{t('device.softwareHow')}</p></div>
    </section>
  );
}

function TabBody({ tab, watch, d }: { tab: Tab; watch: Watch; d: Device }) {
  const telemetry = may('telemetry:read');
  switch (tab) {
    case 'telemetry': return <div class="c12 stack">{telemetry ? <TelemetryCard watch={watch} /> : <Lacks title={t('telemetry.title')} permission="telemetry:read" />}</div>;
    case 'logs': return <div class="c12 stack">{telemetry ? <><LogTail watch={watch} /><Insights device={watch.id} /><CrashDumps device={watch.id} /></> : <Lacks title={t('log.title')} permission="telemetry:read" />}</div>;
    case 'trust': return may('trust:read')
      ? <><div class="c5 stack"><Trust device={d} evidence={watch.evidence.value} /></div><div class="c7 stack"><BootLog evidence={watch.evidence.value} /></div></>
      : <div class="c12 stack"><Lacks title={t('trust.title')} permission="trust:read" /></div>;
    case 'software': return <Software d={d} />;
    case 'summary': return <Summary watch={watch} d={d} />;
  }
}

export function DevicePage({ params: [id = '', tab] }: { params: string[] }) {
  const name = catalog.value;
  const watch = useMemo(() => new Watch(name, id), [name, id]);
  const d = watch.device.value;
  const state = d?.state;
  const load = () => void watch.load(may('trust:read'));
  useEffect(() => {
    if (may('telemetry:read')) void watch.loadLast();
    return subscribe({ name: `device:${id}`, frame: f => watch.frame(f) });
  }, [watch]);
  useEffect(load, [watch, state]);
  const missing = watch.error.value instanceof Problem && watch.error.value.status === 404;
  return (
    <Page title={d ? (d.name ?? d.id) : missing ? t('device.missing') : id.slice(0, 8)} parent={{ href: devicesHref(), label: t('nav.devices') }}>
      {missing ? <div class="notice"><h2>{t('device.missing')}</h2><p class="dim">{t('device.missingWhy')}</p><a class="btn" href={devicesHref()}>{t('notFound.go')}</a></div>
        : watch.error.value && !d ? <div class="c12"><Says error={watch.error.value} retry={load} /></div>
        : d ? <><Head d={d} watch={watch} reload={load} /><TabBody tab={isTab(tab) ? tab : 'summary'} watch={watch} d={d} /></> : null}
    </Page>
  );
}
