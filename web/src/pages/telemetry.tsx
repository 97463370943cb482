// SPDX-License-Identifier: Apache-2.0
//
// telemetry: what the signals do, of a fleet or of devices side by side.
//
//   ?m&d&by&from&to and the list's filter --> catalogue of metrics, a chart a metric, who is on top now
//
// While the range ends now, the picture is made anew as often as a bucket fills; that of devices gets
// its last seconds in between.

import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Alert, Metric, SeriesByDevice, TopTelemetry } from '../api/api';
import { call } from '../api/client';
import { useAgain, type Asked } from '../core/again';
import { callOf, catalogueOf, CHARTS_MOST, exportOf, FILTERS, pace, range, SERIES_MOST, SPANS, SPLITS, wanted, type Line, type Wanted } from '../core/explore';
import { foremost, label, writeIn } from '../core/metrics';
import { loadInventory, nameOf } from '../core/inventory';
import { subscribe } from '../core/live';
import { marksOf, together, type Mark } from '../core/marks';
import { place, setQuery } from '../core/router';
import { draft } from '../core/rules';
import { wear } from '../core/sheet';
import { joined, tailFrom } from '../core/tail';
import { catalog, devicesHref, hrefOf, may } from '../core/session';
import { Ago, ago, now } from '../core/time';
import { named, number, t } from '../i18n/i18n';
import { CrossIcon, DevicesIcon, EditIcon } from '../parts/icons';
import { LineChart } from '../parts/line-chart';
import { Menu } from '../parts/menu';
import { MetricSheet } from '../parts/metric-sheet';
import { RangePicker } from '../parts/range';
import { Says } from '../parts/says';
import { Seg } from '../parts/seg';
import { Page } from '../parts/shell';
import { Glyph } from '../parts/state';
import css from '../style/telemetry.page.css';

wear(css);

const POINTS = 300;
const BAND_POINTS = 160;
const TAIL_MS = 3000;
const WHOLE_MS = 30_000; // at least between two pictures that have a tail
const TOP = 8;
const ALERTED = 5;

const shellQuoted = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;
const path = () => ({ catalog: catalog.value });

// ---------------------------------------------------------------- what is asked of the server

const RESOLUTION = { raw: () => t('explore.raw'), bucket: () => t('explore.bucket'), minute: () => t('explore.minute'), hour: () => t('explore.hour') };

interface Picture {
  lines: Line[];
  width: number;
  from: number;
  to: number;
  note: string;
  drawn: Record<string, keyof typeof RESOLUTION>; // by line
}

async function seriesOf(w: Wanted, metric: string, signal: AbortSignal): Promise<Picture> {
  const a = await call('GET /catalogs/{catalog}/telemetry/series', {
    path: path(), query: { metric, device: w.devices, from: w.from, to: w.to || null, points: POINTS }, signal,
  });
  const lines = a.series.map(s => ({ key: s.id, label: s.name ?? s.id.slice(0, 8), note: RESOLUTION[s.resolution](), t: s.t, mid: s.avg, low: s.min, high: s.max }));
  return { lines, width: a.width, from: a.from, to: a.to, note: '', drawn: Object.fromEntries(a.series.map(s => [s.id, s.resolution])) };
}

async function bandOf(w: Wanted, metric: string, signal: AbortSignal): Promise<Picture> {
  const a = await call('GET /catalogs/{catalog}/telemetry/band', {
    path: path(), query: { metric, by: w.by || null, from: w.from, to: w.to || null, points: BAND_POINTS, ...w.filter }, signal,
  });
  const lines = a.bands.map(b => ({
    key: b.key, label: w.by ? (b.label ?? t('explore.without')) : t('explore.all'), note: t('explore.sampled', { n: b.sampled, of: b.of }),
    t: b.t, mid: b.p50, low: w.by ? b.p5 : b.min, high: w.by ? b.p95 : b.max,
  }));
  return { lines, width: a.width, from: a.from, to: a.to, note: t(w.by ? 'explore.bandOf' : 'explore.peaksOf'), drawn: {} };
}

function useMetrics(): Asked<Metric[]> & { metrics: Metric[] | null } {
  const asked = useAgain(`metrics ${catalog.value}`, null, signal => catalogueOf(catalog.value, signal));
  return { ...asked, metrics: asked.value };
}

interface Tail {
  of: Picture;
  from: number;
  answer: SeriesByDevice;
}

async function tailOf(w: Wanted, metric: string, of: Picture, signal: AbortSignal): Promise<Tail> {
  const from = tailFrom(of.to, of.width);
  return { of, from, answer: await call('GET /catalogs/{catalog}/telemetry/series', { path: path(), query: { metric, device: w.devices, from: String(from), points: POINTS }, signal }) };
}

// The picture moves on by as much as time did; whole hours stay as they are.
function withTail(of: Picture, { from, answer: a }: Tail): Picture {
  const lines = of.lines.map(l => {
    const s = a.series.find(x => x.id === l.key);
    return s && of.drawn[l.key] !== 'hour' ? joined(l, s, from, of.width, of.drawn[l.key] === 'raw') : l;
  });
  const moved = Math.max(0, a.to - of.to);
  return { ...of, lines, from: of.from + moved, to: of.to + moved };
}

// ---------------------------------------------------------------- choosing

function MetricPicker({ metrics, chosen, onPick, onMeaning }: { metrics: Metric[]; chosen: string[]; onPick: (names: string[]) => void; onMeaning: (name: string) => void }) {
  const [part, setPart] = useState('');
  const found = metrics.filter(m => `${m.name} ${label(m.name)} ${m.description} ${m.unit}`.toLowerCase().includes(part.toLowerCase())).slice(0, 100);
  return (
    <Menu label={t('explore.metricsOf', { n: chosen.length })} face={<span class="btn sm">{t('explore.metricsOf', { n: chosen.length })}</span>} class="metric-menu">
      <input class="input" type="search" value={part} placeholder={t('explore.find')} aria-label={t('explore.find')} onInput={e => setPart((e.target as HTMLInputElement).value)} />
      <ul class="metric-list">
        {found.map(m => (
          <li key={m.name}><label class="tick"><input type="checkbox" checked={chosen.includes(m.name)} disabled={!chosen.includes(m.name) && chosen.length >= CHARTS_MOST}
            onChange={e => onPick((e.target as HTMLInputElement).checked ? [...chosen, m.name] : chosen.filter(n => n !== m.name))} />
            <span><b>{label(m.name)}</b> <span class="dim">{m.unit}</span><small class="dimmer">{m.name}{m.description ? ` · ${m.description}` : ''}</small></span></label>
            <button type="button" class="btn ghost sm" aria-label={t('explore.meaning', { name: m.name })} title={t('explore.meaning', { name: m.name })} onClick={() => onMeaning(m.name)}><EditIcon /></button></li>
        ))}
        {found.length ? null : <li class="dim">{t('explore.noMetric')}</li>}
      </ul>
    </Menu>
  );
}

function DeviceFinder({ chosen, onAdd }: { chosen: string[]; onAdd: (id: string) => void }) {
  const [part, setPart] = useState('');
  const { value } = useAgain(`find ${catalog.value} ${part}`, null, async signal =>
    part ? (await call('GET /catalogs/{catalog}/devices', { path: path(), query: { q: part, limit: 8 }, signal })).items : []);
  return (
    <Menu label={t('explore.addDevice')} face={<span class="btn sm">{t('explore.addDevice')}</span>}>
      <input class="input" type="search" value={part} placeholder={t('explore.findDevice')} aria-label={t('explore.findDevice')} onInput={e => setPart((e.target as HTMLInputElement).value.trim())} />
      <ul>
        {(value ?? []).map(d => <li key={d.id}><button type="button" class="item" disabled={chosen.includes(d.id) || chosen.length >= SERIES_MOST} onClick={() => onAdd(d.id)}>
          <bdi>{d.name ?? d.id}</bdi> <small class="dimmer">{d.product?.name ?? d.model ?? ''}</small></button></li>)}
      </ul>
    </Menu>
  );
}

function Taking({ w }: { w: Wanted }) {
  const [done, setDone] = useState('');
  const copy = async (text: string) => {
    await navigator.clipboard.writeText(text);
    setDone(t('action.copied'));
    setTimeout(() => setDone(''), 1500);
  };
  const points = w.devices.length ? POINTS : BAND_POINTS;
  const asCall = () => w.metrics.map(m => `curl -H "Authorization: Bearer $ORRERY_TOKEN" ${shellQuoted(window.location.origin + callOf(catalog.value, w, m, points))}`).join('\n');
  const pinned = () => {
    const { from, to } = range(w, Date.now());
    const url = new URL(window.location.href);
    url.searchParams.set('from', String(Math.round(from)));
    url.searchParams.set('to', String(Math.round(to)));
    return url.href;
  };
  return (
    <>
      <span class="only-read" role="status">{done}</span>
      <Menu label={t('devices.export')} face={<span class="btn sm">{t('devices.export')}</span>}>
        <a class="item" href={exportOf(catalog.value, w, 'csv')} download>{t('explore.csv')}</a>
        <a class="item" href={exportOf(catalog.value, w, 'ndjson')} download>{t('explore.ndjson')}</a>
        <button type="button" class="item" onClick={() => void copy(asCall())}>{t('devices.copyCall')}</button>
        <button type="button" class="item" onClick={() => void copy(pinned())}>{t('explore.copyPinned')}</button>
      </Menu>
    </>
  );
}

function Bar({ w, metrics, onChange }: { w: Wanted; metrics: Metric[]; onChange: () => void }) {
  const [meaning, setMeaning] = useState('');
  const filters = FILTERS.flatMap(name => (w.filter[name] ?? []).map(value => ({ name, value })));
  return (
    <section class="card c12 explore-bar" aria-label={t('explore.what')}>
      <div class="tools">
        <MetricPicker metrics={metrics} chosen={w.metrics} onPick={m => setQuery({ m: m.join(',') || null })} onMeaning={setMeaning} />
        {meaning ? <MetricSheet name={meaning} onClose={() => setMeaning('')} onChange={onChange} /> : null}
        {w.devices.length ? null : (
          <label class="by"><span class="dim">{t('explore.by')}</span>
            <select class="input" value={w.by} onChange={e => setQuery({ by: (e.target as HTMLSelectElement).value || null })}>
              <option value="">{t('explore.whole')}</option>
              {SPLITS.map(s => <option key={s} value={s}>{t(`param.${s}`)}</option>)}
              {w.by.startsWith('tag:') ? <option value={w.by}>{w.by}</option> : null}
            </select></label>
        )}
        <DeviceFinder chosen={w.devices} onAdd={id => setQuery({ d: [...w.devices, id].join(',') })} />
        <span class="grow" />
        <RangePicker from={w.from} to={w.to} spans={SPANS} />
        <Taking w={w} />
      </div>
      {filters.length || w.devices.length ? (
        <div class="tools chips">
          {w.devices.length ? <button type="button" class="btn sm ghost" onClick={() => setQuery({ d: null })}><DevicesIcon />{t('explore.toFleet')}</button> : null}
          {w.devices.length ? null : filters.map(f => <button key={f.name + f.value} type="button" class="btn sm" onClick={() => setQuery({ [f.name]: null })}><span class="only-read">{t('explore.dropFilter')} </span>{f.name}: <bdi>{nameOf(f.name as 'product', f.value) ?? f.value}</bdi><CrossIcon /></button>)}
        </div>
      ) : null}
    </section>
  );
}

// ---------------------------------------------------------------- showing

// The rule begins above what the chart shows, so that it is for somebody to lower, not to silence.
function ruleHref(w: Wanted, metric: string, lines: Line[]): string {
  const product = w.filter.product?.flatMap(v => v.split(',')).map(v => nameOf('product', v) ?? v);
  const filter = w.devices.length ? {} : { ...w.filter, ...(product ? { product } : {}) };
  const most = lines.reduce((top, l) => l.mid.reduce((a, b) => Math.max(a, b), top), -Infinity);
  return `${hrefOf('/rules/new')}?${new URLSearchParams({ text: draft(metric, most, w.devices.length ? '' : w.by, filter), name: label(metric) })}`;
}

function Chart({ w, metric, marks, children }: { w: Wanted; metric: Metric; marks: Mark[]; children?: ComponentChildren }) {
  const span = range(w, Date.now());
  const points = w.devices.length ? POINTS : BAND_POINTS;
  const tails = !w.to && w.devices.length > 0;
  const usual = pace(span.to - span.from, points);
  const every = w.to ? null : tails ? Math.max(WHOLE_MS, usual) : usual * 2;
  const key = JSON.stringify([catalog.value, w, metric.name]);
  const { value, error, retry } = useAgain(key, every, signal => (w.devices.length ? seriesOf(w, metric.name, signal) : bandOf(w, metric.name, signal)));
  const whole = useRef(value);
  whole.current = value;
  const tail = useAgain(`tail ${key}`, tails ? TAIL_MS : null, signal => (tails && whole.current ? tailOf(w, metric.name, whole.current, signal) : Promise.resolve(null)));
  const shown = useMemo(() => (value && tail.value && tail.value.of === value ? withTail(value, tail.value) : value), [value, tail.value]);
  const write = useMemo(() => (v: number) => writeIn(metric.unit, v), [metric.unit]);
  const lines = shown?.lines ?? [];
  const drop = (id: string) => setQuery({ d: w.devices.filter(d => d !== id).join(',') || null });
  return (
    <LineChart id={`m-${metric.name}`} title={label(metric.name)} note={[metric.name, metric.description].filter(Boolean).join(' · ')} lines={lines}
      width={shown?.width ?? 1000} from={shown?.from ?? span.from} to={shown?.to ?? span.to} write={write} marks={marks}
      tools={<>{value?.note ? <span class="sub">{value.note}</span> : null}{may('devices:write') && lines.length ? <a class="btn sm" href={ruleHref(w, metric.name, lines)}>{t('explore.makeRule')}</a> : null}</>}>
      {children}
      {error ? <div class="pad"><Says error={error} retry={retry} /></div> : null}
      {w.devices.length ? <p class="chosen">{lines.map(l => <span key={l.key}><a href={devicesHref(l.key)}><bdi>{l.label}</bdi></a>
        <button type="button" class="btn ghost sm" aria-label={t('explore.drop', { name: l.label })} onClick={() => drop(l.key)}><CrossIcon /></button></span>)}</p> : null}
    </LineChart>
  );
}

function Now({ w, metric }: { w: Wanted; metric: Metric }) {
  const query = { metric: metric.name, ...w.filter };
  const key = JSON.stringify([catalog.value, w.filter, w.by, metric.name]);
  const { value: fleet, error, retry } = useAgain('fleet' + key, 10_000, signal => call('GET /catalogs/{catalog}/telemetry/fleet', { path: path(), query: { ...query, by: w.by || null }, signal }));
  const [order, setOrder] = useState<'desc' | 'asc'>('desc');
  const { value: top } = useAgain<TopTelemetry>('top' + key + order, 10_000, signal => call('GET /catalogs/{catalog}/telemetry/top', { path: path(), query: { ...query, n: TOP, order }, signal }));
  const write = (v: number | undefined) => (v === undefined ? '–' : writeIn(metric.unit, v));
  const rows = fleet ? [...(w.by ? fleet.groups.slice(0, 12).map(g => ({ ...g, name: g.label ?? t('explore.without') })) : []), { ...fleet.all, key: '*', name: t('explore.all') }] : [];
  const add = (id: string) => setQuery({ d: [...new Set([...w.devices, id])].slice(0, SERIES_MOST).join(',') });
  return (
    <>
      <section class="card c8 explore-now" aria-labelledby="now">
        <header><h2 id="now">{t('explore.now', { metric: label(metric.name) })}</h2><span class="sub">{t('explore.nowHow')}</span></header>
        {error ? <div class="pad"><Says error={error} retry={retry} /></div> : null}
        <div class="scrolls" tabIndex={0} role="group" aria-labelledby="now"><table>
          <thead><tr><th scope="col">{w.by ? named(`param.${w.by}`, w.by) : <span class="only-read">{t('explore.part')}</span>}</th>{(['devices', 'min', 'p50', 'p95', 'p99', 'max'] as const).map(c => <th key={c} scope="col" class="r">{t(`col.${c}`)}</th>)}</tr></thead>
          <tbody>{rows.map(r => <tr key={r.key}><th scope="row" class="cell"><bdi>{r.name}</bdi></th><td class="r num">{number(r.devices)}</td>
            {[r.min, r.p50, r.p95, r.p99, r.max].map((v, i) => <td key={i} class="r num">{write(v)}</td>)}</tr>)}</tbody>
        </table></div>
      </section>
      <section class="card c4" aria-labelledby="top">
        <header><h2 id="top">{t('explore.top')}</h2><span class="grow" />
          <Seg label={t('explore.order')} value={order} onPick={setOrder} choices={[{ value: 'desc', label: t('explore.highest') }, { value: 'asc', label: t('explore.lowest') }]} /></header>
        <ol class="top-list">{(top?.items ?? []).map(d => (
          <li key={d.id}><a class="cut" href={devicesHref(d.id)}><bdi>{d.name ?? d.id.slice(0, 8)}</bdi></a><small class="dimmer cut">{d.site ?? d.product ?? ''}</small>
            <b class="num" title={ago(d.t, now.value)}>{write(d.value)}</b>
            <button type="button" class="btn ghost sm" onClick={() => add(d.id)} disabled={w.devices.includes(d.id)}>{t('explore.draw')}</button></li>
        ))}{top && !top.items.length ? <li class="dim">{t('explore.noneNow')}</li> : null}</ol>
      </section>
    </>
  );
}

function Nothing() {
  const sample = '{"type":"telemetry","seq":1,"t":1790000000000,"m":{"temp.board":41.5}}';
  return (
    <section class="card c12"><div class="empty"><b>{t('explore.nothing')}</b><p>{t('explore.nothingHow')}</p><p><code class="mono">{sample}</code></p>
      {may('devices:claim') ? <a class="btn" href={hrefOf('/claim')}>{t('claim.title')}</a> : null}</div></section>
  );
}

// The alerts that were open at any time of the range, of what is drawn, where one may see them.
function useAlerts(w: Wanted): Alert[] {
  const { value, retry } = useAgain(`alerts ${catalog.value} ${w.from} ${w.to} ${w.devices.join()}`, w.to ? null : 60_000, async signal => {
    if (!may('devices:read')) return none;
    const of = (device: string | null) => call('GET /catalogs/{catalog}/alerts', { path: path(), query: { limit: 100, sort: 'newest', from: w.from, to: w.to || null, device }, signal });
    return together((await Promise.all((w.devices.length ? w.devices : [null]).map(of))).map(p => p.items));
  });
  useEffect(() => subscribe({ name: 'alerts', frame: () => w.to || retry() }), [catalog.value, w.to]);
  return value ?? none;
}
const none: Alert[] = [];

function Alerted({ alerts }: { alerts: Alert[] }) {
  if (!alerts.length) return null;
  return (
    <section class="alerted" aria-labelledby="alerted">
      <h3 id="alerted">{t('explore.alerted')}</h3>
      <ul>{alerts.slice(0, ALERTED).map(a => (
        <li key={a.id}><Glyph state={a.resolvedAt ? 'healthy' : 'atRisk'} /><a class="link cut" href={`${hrefOf('/alerts')}?id=${a.id}${a.resolvedAt ? '&status=resolved' : ''}`}><bdi>{a.title}</bdi></a>
          <span class="dim nowrap">{t('explore.opened')} <Ago t={a.openedAt} />{a.resolvedAt ? <> · {t('explore.resolved')} <Ago t={a.resolvedAt} /></> : null}</span></li>
      ))}{alerts.length > ALERTED ? <li class="dim">{t('explore.moreAlerts', { n: alerts.length - ALERTED })}</li> : null}</ul>
    </section>
  );
}

export function Telemetry() {
  const { metrics, error, retry } = useMetrics();
  const asked = wanted(place.value.query);
  const known = metrics ?? [];
  const w = { ...asked, metrics: asked.metrics.length ? asked.metrics : foremost(known.map(m => m.name), 2) };
  const alerts = useAlerts(w);
  const marks = useMemo(() => {
    const { from, to } = range(w, Date.now());
    return marksOf(alerts, from - 60_000, w.to ? to : to + 86_400_000); // drawn where they are in sight
  }, [alerts, w.from, w.to]);
  const named = Boolean(w.filter.product || w.filter.group);
  useEffect(() => void (named && loadInventory(catalog.value).catch(() => {})), [catalog.value, named]); // ids stand in for names
  const shown = w.metrics.map(name => known.find(m => m.name === name) ?? { name, unit: '', description: '', kind: 'gauge' as const, firstSeen: null, lastSeen: null, version: 0 });
  return (
    <Page title={t('nav.telemetry')}>
      {error ? <section class="card c12"><div class="pad"><Says error={error} retry={retry} /></div></section> : null}
      {metrics && !metrics.length ? <Nothing /> : null}
      {known.length ? <Bar w={w} metrics={known} onChange={retry} /> : null}
      {known.length ? shown.map((m, i) => <Chart key={m.name} w={w} metric={m} marks={marks}>{i ? null : <Alerted alerts={alerts} />}</Chart>) : null}
      {known.length && shown[0] ? <Now w={w} metric={shown[0]} /> : null}
    </Page>
  );
}
