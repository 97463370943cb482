// SPDX-License-Identifier: Apache-2.0
//
// logs: what all devices say, searched and as it comes.
//
//   ?q&level&source&device&kind&span | from&to --LogView--> bars, lines      pointer or focus inside --> held

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { LogLine as Line } from '../api/api';
import { subscribe } from '../core/live';
import { LEVELS, LogView, SPANS, exportOf, isLiveFilter, isNarrow, readLogFilter, type LogFilter, type Span } from '../core/logs';
import { place, setQuery } from '../core/router';
import { catalog } from '../core/session';
import { named, shortDate, t } from '../i18n/i18n';
import { CrossIcon, DownIcon, PauseIcon, PlayIcon } from '../parts/icons';
import { CrashDumps } from '../parts/crash-dumps';
import { Insights } from '../parts/insights';
import { LogBars } from '../parts/log-bars';
import { LogLine } from '../parts/log-line';
import { Menu } from '../parts/menu';
import { Says } from '../parts/says';
import { Seg } from '../parts/seg';
import { Page } from '../parts/shell';

const RECOUNT_MS = 30_000;
const CLEAR = { q: null, level: null, source: null, device: null, kind: null, from: null, to: null };

// ---------------------------------------------------------------- as a file

// The address is made when it is followed: a span ends then.
function Export({ filter }: { filter: LogFilter }) {
  const item = (format: 'csv' | 'ndjson', label: string) => {
    const fresh = (e: { currentTarget: HTMLAnchorElement }) => (e.currentTarget.href = exportOf(catalog.value, filter, format));
    return <a class="item" href={exportOf(catalog.value, filter, format)} onPointerDown={fresh} onFocus={fresh} download>{label}</a>;
  };
  return (
    <Menu class="export" label={t('logs.export')} face={<span class="btn"><DownIcon />{t('logs.export')}</span>}>
      {item('csv', 'CSV')}{item('ndjson', 'NDJSON')}
    </Menu>
  );
}

// ---------------------------------------------------------------- what is asked for

function Words({ q }: { q: string }) {
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (document.activeElement !== input.current) input.current!.value = q;
  }, [q]);
  const change = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setQuery({ q: input.current!.value.trim() || null }), 300);
  };
  return <input class="input words" ref={input} type="search" aria-label={t('logs.find')} placeholder={t('logs.find')} defaultValue={q} maxLength={200} onInput={change} spellcheck={false} />;
}

function Source({ view, source }: { view: LogView; source: string }) {
  const known = view.sources.value;
  const all = source && !known.some(s => s.source === source) ? [{ source, n: 0 }, ...known] : known;
  return (
    <select class="input" aria-label={t('logs.source')} value={source} onChange={e => setQuery({ source: e.currentTarget.value || null })}>
      <option value="">{t('logs.sourceAll')}</option>
      {all.map(s => <option key={s.source} value={s.source}>{t('logs.sourceN', { source: s.source, n: s.n })}</option>)}
    </select>
  );
}

function When({ filter: f }: { filter: LogFilter }) {
  if (f.from !== null && f.to !== null)
    return <button type="button" class="btn sm" onClick={() => setQuery({ from: null, to: null })}>{t('logs.stretch', { from: shortDate.format(f.from), to: shortDate.format(f.to) })}<CrossIcon /><span class="only-read">{t('logs.live')}</span></button>;
  return <Seg label={t('logs.range')} value={f.span} onPick={v => setQuery({ span: v === '24h' ? null : v })}
    choices={(Object.keys(SPANS) as Span[]).map(value => ({ value, label: named(value === '15m' ? 'logs.span.15m' : `span.${value}`, value) }))} />;
}

function Filters({ view, filter: f }: { view: LogView; filter: LogFilter }) {
  return (
    <div class="filters" role="search">
      <Words q={f.q} />
      <Source view={view} source={f.source} />
      <Seg label={t('log.level')} value={f.level} onPick={v => setQuery({ level: v || null })}
        choices={[{ value: '' as LogFilter['level'], label: t('level.all') }, ...LEVELS.slice(0, 3).reverse().map(value => ({ value, label: t(`level.${value}`) }))]} />
      <Seg label={t('logs.kind')} value={f.kind} onPick={v => setQuery({ kind: v || null })}
        choices={[{ value: '' as LogFilter['kind'], label: t('logs.kind.all') }, { value: 'logs', label: t('logs.kind.logs') }, { value: 'events', label: t('logs.kind.events') }]} />
      <When filter={f} />
      {f.device ? <button type="button" class="btn sm" onClick={() => setQuery({ device: null })}>{t('logs.device', { name: view.names.value[f.device] ?? f.device.slice(0, 8) })}<CrossIcon /><span class="only-read">{t('logs.anyDevice')}</span></button> : null}
    </div>
  );
}

// ---------------------------------------------------------------- what was said

function Who({ view, line }: { view: LogView; line: Line }) {
  if (!line.device) return <span class="dimmer cut">{t('logs.gone')}</span>;
  return <a class="cut" href={`/c/${catalog.value}/devices/${line.device}`}>{line.deviceName ?? view.names.value[line.device] ?? line.device.slice(0, 8)}</a>;
}

function Lines({ view, filter }: { view: LogView; filter: LogFilter }) {
  const [pinned, setPinned] = useState(false);
  const [reading, setReading] = useState(false);
  const lines = view.lines.value;
  useEffect(() => view.setHold(pinned || reading), [view, pinned, reading]);
  const showNewer = () => {
    setPinned(false);
    view.setHold(false);
    view.setHold(reading);
  };
  return (
    <section class="card c12 loglist" aria-labelledby="lines">
      <header>
        <h2 id="lines">{t('logs.title')}</h2><span class="sub">{pinned || reading ? t('log.held') : ''}</span><span class="grow" />
        {isLiveFilter(filter) ? <button type="button" class="btn sm" aria-pressed={pinned} onClick={() => setPinned(!pinned)}>{pinned ? <PlayIcon /> : <PauseIcon />}{t('log.hold')}</button> : null}
      </header>
      {view.held.value ? <button type="button" class="newer" onClick={showNewer}>{t('logs.newer', { n: view.held.value })}</button> : null}
      {view.leftOut.value ? <p class="pad dim" role="status">{t('logs.leftOut', { n: view.leftOut.value })}</p> : null}
      {view.error.value ? <div class="pad"><Says error={view.error.value} retry={() => void view.show(filter)} /></div> : null}
      {lines?.length ? (
        <div class="lines" tabIndex={0} role="group" aria-labelledby="lines"
          onPointerEnter={e => e.pointerType === 'mouse' && setReading(true)} onPointerLeave={() => setReading(false)} onFocusIn={() => setReading(true)} onFocusOut={() => setReading(false)}>
          <ol>{lines.map((l, i) => <LogLine key={`${l.t}.${lines.length - i}`} e={l} who={<Who view={view} line={l} />} />)}</ol>
        </div>
      ) : lines && !view.next.value ? (
        <div class="empty"><b>{t(isNarrow(filter) ? 'logs.noMatch' : 'logs.none')}</b>{isNarrow(filter) ? <button type="button" class="btn" onClick={() => setQuery(CLEAR)}>{t('devices.clear')}</button> : null}</div>
      ) : view.error.value || lines ? null : <div class="pad"><span class="skeleton" /></div>}
      {view.next.value ? (
        <div class="pad actions">
          {view.reached.value ? <span class="dim">{t('logs.reached', { at: shortDate.format(view.reached.value) })}</span> : null}
          <button type="button" class="btn" onClick={() => void view.older()}>{t(view.reached.value ? 'logs.goOn' : 'logs.older')}</button>
        </div>
      ) : null}
    </section>
  );
}

function Bars({ view }: { view: LogView }) {
  const h = view.histogram.value;
  if (!h) return <div class="pad"><span class="skeleton" /></div>;
  const say = h.exact ? t('logs.total', { n: h.total }) : t('logs.totalSince', { n: h.total, since: shortDate.format(h.reached) });
  return (
    <>
      <p class="pad dim" role="status">{say}</p>
      {h.total ? <LogBars histogram={h} onPick={(from, to) => setQuery({ from: String(from), to: String(to) }, { replace: false })} /> : null}
    </>
  );
}

export function Logs() {
  const filter = useMemo(() => readLogFilter(place.value.query), [place.value.query]);
  const key = JSON.stringify(filter);
  const view = useMemo(() => new LogView(catalog.value, filter), [catalog.value]);
  useEffect(() => void view.show(filter), [view, key]);
  useEffect(() => (isLiveFilter(filter) ? subscribe({ name: 'logs', filter: view.subscription, frame: f => view.frame(f) }) : undefined), [view, key]);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden && isLiveFilter(filter)) void view.recount();
    }, RECOUNT_MS);
    return () => clearInterval(timer);
  }, [view, key]);
  return (
    <Page title={t('nav.logs')} tools={<Export filter={filter} />}>
      <section class="card c12 logask" aria-label={t('logs.find')}>
        <header><Filters view={view} filter={filter} /></header>
        <Bars view={view} />
      </section>
      {filter.kind === 'events' && !filter.device ? <><Insights /><CrashDumps /></> : null}
      <Lines view={view} filter={filter} />
    </Page>
  );
}
