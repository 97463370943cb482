// SPDX-License-Identifier: Apache-2.0
//
// device: what it is, what state it is in and why, what it says.
//
//   ?range&m&level --> Watch --> head · telemetry · trust · boot · log

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Problem } from '../api/client';
import type { Device } from '../api/api';
import { subscribe } from '../core/live';
import { foremost, label } from '../core/metrics';
import { place, setQuery } from '../core/router';
import { catalog, devicesHref, may } from '../core/session';
import { Ago, For } from '../core/time';
import { Watch } from '../core/watch';
import { t } from '../i18n/i18n';
import { Chart } from '../parts/chart';
import { CopyIcon } from '../parts/icons';
import { Says } from '../parts/says';
import { Seg } from '../parts/seg';
import { Page } from '../parts/shell';
import { StatePill } from '../parts/state';
import { LogTail } from '../parts/log-tail';
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

function Head({ d, watch }: { d: Device; watch: Watch }) {
  return (
    <section class="card c12 hero" aria-label={t('device.summary')}>
      <div class="t">
        <h2>{d.name ?? t('device.unnamed')}</h2>
        <StatePill state={d.state} />
        <CopyId id={d.id} />
      </div>
      <p class="why">{(d.stateReason ?? '').replace(/\.$/, '')}{d.stateSince ? <span class="dim">{d.stateReason ? ', ' : ''}<For t={d.stateSince} /></span> : null}</p>
      <dl class="facts">
        <div><dt>{t('device.seen')}</dt><dd class="fades"><Ago t={watch.seen.value} never={t('device.never')} /></dd></div>
        <div><dt>{t('device.model')}</dt><dd>{d.model ?? '–'}</dd></div>
        <div><dt>{t('device.os')}</dt><dd>{d.osVersion ?? '–'}</dd></div>
        <div><dt>{t('device.lifecycle')}</dt><dd>{d.lifecycle}{d.claimedAt ? <span class="dim">, <Ago t={d.claimedAt} /></span> : null}</dd></div>
        {Object.entries(d.tags).filter(([, v]) => v !== d.model).map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{String(v)}</dd></div>)}
      </dl>
    </section>
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

function Whole({ watch, d }: { watch: Watch; d: Device }) {
  const trust = may('trust:read');
  const telemetry = may('telemetry:read');
  return (
    <>
      <Head d={d} watch={watch} />
      <div class="c8 stack">
        {telemetry ? <TelemetryCard watch={watch} /> : <Lacks title={t('telemetry.title')} permission="telemetry:read" />}
        {telemetry ? <LogTail watch={watch} /> : null}
      </div>
      <div class="c4 stack">
        {trust ? <Trust device={d} evidence={watch.evidence.value} /> : <Lacks title={t('trust.title')} permission="trust:read" />}
        {trust ? <BootLog evidence={watch.evidence.value} /> : null}
      </div>
    </>
  );
}

export function DevicePage({ params: [id = ''] }: { params: string[] }) {
  const name = catalog.value;
  const watch = useMemo(() => new Watch(name, id), [name, id]);
  const d = watch.device.value;
  const state = d?.state;
  useEffect(() => {
    if (may('telemetry:read')) void watch.loadLast();
    return subscribe({ name: `device:${id}`, frame: f => watch.frame(f) });
  }, [watch]);
  useEffect(() => void watch.load(may('trust:read')), [watch, state]);
  const missing = watch.error.value instanceof Problem && watch.error.value.status === 404;
  return (
    <Page title={d ? (d.name ?? d.id) : missing ? t('device.missing') : id.slice(0, 8)} parent={{ href: devicesHref(), label: t('nav.devices') }}>
      {missing ? <div class="notice"><h2>{t('device.missing')}</h2><p class="dim">{t('device.missingWhy')}</p><a class="btn" href={devicesHref()}>{t('notFound.go')}</a></div>
        : watch.error.value && !d ? <div class="c12"><Says error={watch.error.value} retry={() => void watch.load(may('trust:read'))} /></div>
        : d ? <Whole watch={watch} d={d} /> : null}
    </Page>
  );
}
