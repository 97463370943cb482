// SPDX-License-Identifier: Apache-2.0
//
// overview: can the fleet be trusted now, and what needs a hand?
//
//   census · orbit map with the patterns found · what needs you · newest events
//   intake · refusals · certificates · arrivals

import { useEffect, useMemo } from 'preact/hooks';
import type { DeviceState, Need } from '../api/api';
import { OverviewData, POLL_MS, totalOf, type FleetEvent } from '../core/overview';
import { catalog, devicesHref, hrefOf, may } from '../core/session';
import { Ago, now, toMs } from '../core/time';
import { clock, longDate, named, percent, shortDay, signed, t } from '../i18n/i18n';
import { Meter, ShareBar } from '../parts/bars';
import { FlowChart } from '../parts/flow-chart';
import { Fresh } from '../parts/fresh';
import { OrbitCard } from '../parts/orbit-map';
import { Says } from '../parts/says';
import { Page } from '../parts/shell';
import { Glyph, STATES, StateMark, stateClass } from '../parts/state';
import { Start } from '../parts/start';

const SOON_MS = 30 * 86_400_000;
const NEEDS_SHOWN = 5;

// ---------------------------------------------------------------- census

function Tile({ data, state }: { data: OverviewData; state: DeviceState }) {
  const counts = data.counts.value;
  const total = counts ? totalOf(counts) : 0;
  const trend = data.trend(state);
  const small = trend?.by
    ? t('census.trend', { by: signed(trend.by), min: Math.round(trend.ms / 60_000) })
    : total ? percent((counts?.[state] ?? 0) / total) : '';
  return (
    <li><a href={`${devicesHref()}?state=${state}`}>
      <StateMark state={state} />
      <b class="num fades">{counts ? t('number', { n: counts[state] ?? 0 }) : '–'}</b>
      <small class="num">{small}</small>
    </a></li>
  );
}

function Census({ data }: { data: OverviewData }) {
  const counts = data.counts.value;
  const total = counts ? totalOf(counts) : 0;
  return (
    <section class="card c12 census sums" aria-label={t('census.title')}>
      <ul class="tiles">
        <li class="whole">
          <span class="dim">{t('census.trusted')}</span>
          <b class="num fades">{counts ? t('number', { n: counts.healthy + counts.updating }) : '–'} <span class="dimmer">{t('census.of', { n: total })}</span></b>
          <small>{t('census.meaning')}</small>
        </li>
        {[...STATES].reverse().map(s => <Tile key={s} data={data} state={s} />)}
      </ul>
      <ShareBar counts={counts} />
    </section>
  );
}

// ---------------------------------------------------------------- needs you

const SEVERE: Record<string, DeviceState> = { critical: 'quarantined', high: 'quarantined', warning: 'atRisk', medium: 'atRisk', low: 'unknown', info: 'unknown' };

function NeedRow({ need }: { need: Need }) {
  const title = <h3>{need.title}</h3>;
  return (
    <li>
      <Glyph state={SEVERE[need.severity] ?? 'atRisk'} size={14} />
      {title}
      {need.at ? <Ago t={need.at} /> : <span />}
      <p>{need.text}</p>
      {need.page === 'alerts' ? <div class="act"><a class="btn sm" href={`${hrefOf('/alerts')}?id=${need.alert}`}>{t('needs.alert')}</a></div>
        : need.page === 'claim' ? <div class="act"><a class="btn sm" href={hrefOf('/claim')}>{t('needs.claim')}</a></div>
        : need.filter ? <div class="act"><a class="btn sm" href={`${devicesHref()}?${need.filter}`}>{t('needs.show', { n: need.count })}</a></div> : null}
    </li>
  );
}

function NeedsYou({ data }: { data: OverviewData }) {
  const { value, missing, error, asOf } = data.facts.value;
  const needs = value?.needsYou ?? [];
  return (
    <section class="card" aria-labelledby="needs">
      <header><h2 id="needs">{t('needs.title')}</h2>{needs.length ? <span class="sub num">{t('needs.count', { n: needs.length })}</span> : null}<span class="grow" /><Fresh asOf={asOf} every={POLL_MS} /></header>
      {error && !value ? <div class="pad"><Says error={error} retry={() => data.poll()} /></div> : null}
      {needs.length ? <ul class="inbox">{needs.slice(0, NEEDS_SHOWN).map(n => <NeedRow key={n.title} need={n} />)}</ul>
        : missing ? <p class="empty">{t('part.missing')}</p>
        : value ? <p class="empty"><b>{t('needs.none')}</b>{t('needs.noneWhy')}</p> : <div class="pad"><span class="skeleton" /></div>}
      {needs.length > NEEDS_SHOWN ? <p class="pad dim num">{t('needs.more', { n: needs.length - NEEDS_SHOWN })}</p> : null}
    </section>
  );
}

// ---------------------------------------------------------------- newest events

const LEVELS: Record<string, string> = { error: 'quar', warn: 'risk' };

function EventRow({ event }: { event: FleetEvent }) {
  const at = toMs(event.at) ?? 0;
  return (
    <li>
      <time class="num dimmer" dateTime={new Date(at).toISOString()} title={longDate.format(at)}>{clock.format(at)}</time>
      <span class="icon">{event.state ? <Glyph state={event.state} /> : <i class={'dot ' + (LEVELS[event.level ?? ''] ?? '')} />}</span>
      <span class="what">{event.device ? <a class="link-quiet" href={devicesHref(event.device)}>{event.name ?? event.device.slice(0, 8)}</a> : event.name ? <b>{event.name}</b> : null} {event.text}</span>
    </li>
  );
}

function Events({ data }: { data: OverviewData }) {
  const events = data.events.value;
  const held = data.newer.value.length;
  const reading = (yes: boolean) => () => {
    data.reading = yes;
    if (!yes) data.adopt();
  };
  return (
    <section class="card events" aria-labelledby="events" onPointerEnter={reading(true)} onPointerLeave={reading(false)} onFocusIn={reading(true)} onFocusOut={reading(false)}>
      <header><h2 id="events">{t('events.title')}</h2><span class="grow" />{held ? <span class="sub">{t('events.held')}</span> : null}</header>
      {held ? <button type="button" class="newer" onClick={() => data.adopt()}>{t('events.newer', { n: held })}</button> : null}
      {events.length ? <ol class="feed" tabIndex={0} aria-labelledby="events">{events.map(e => <EventRow key={`${e.at} ${e.device} ${e.kind} ${e.text}`} event={e} />)}</ol>
        : <p class="empty">{t(data.eventsHere.value ? 'events.none' : 'events.wait')}</p>}
    </section>
  );
}

// ---------------------------------------------------------------- intake, refusals, certificates, arrivals

function Flow({ data }: { data: OverviewData }) {
  const points = data.intake.value;
  const last = points[points.length - 1];
  return (
    <section class="card c5 half" aria-labelledby="intake">
      <header><h2 id="intake">{t('intake.title')}</h2><span class="sub">{t('intake.sub')}</span><span class="grow" />
        {last ? <span class="num"><b>{t('number', { n: Math.round(last.messages) })}</b> <span class="dim">{t('intake.perS')}</span></span> : null}</header>
      {last ? <FlowChart points={points} /> : <p class="empty">{t('intake.wait')}</p>}
      <div class="legend"><span><i class="line" />{t('intake.messages')}</span><span><i class="line refused" />{t('intake.refused')}</span></div>
    </section>
  );
}

function Refusals({ data }: { data: OverviewData }) {
  const { value, missing, asOf } = data.facts.value;
  const all = [...(value?.refusals ?? [])].sort((a, b) => b.n - a.n);
  const total = all.reduce((n, r) => n + r.n, 0);
  return (
    <section class="card c4 half" aria-labelledby="refusals">
      <header><h2 id="refusals">{t('refusals.title')}</h2><span class="sub">{t('refusals.sub')}</span><span class="grow" /><Fresh asOf={asOf} every={POLL_MS} />{value ? <span class="num dim">{t('number', { n: total })}</span> : null}</header>
      {all.length ? <ul class="meters">{all.slice(0, 6).map(r => <Meter key={r.reason} label={named(`refusal.${r.reason}`, r.reason)} value={t('number', { n: r.n })} share={r.n / all[0]!.n} tone="quar" />)}</ul>
        : <p class="empty">{t(missing ? 'part.missing' : value ? 'refusals.none' : 'part.wait')}</p>}
    </section>
  );
}

function Authority({ name, kind, notAfter }: { name: string; kind: string; notAfter: string | number }) {
  const at = toMs(notAfter) ?? 0;
  const left = at - now.value;
  const state: DeviceState = left <= 0 ? 'quarantined' : left < SOON_MS ? 'atRisk' : 'healthy';
  return (
    <li>
      <span class={'icon ' + stateClass(state)}><Glyph state={state} /></span>
      <span class="cut" title={name}>{name}<small>{named(`authority.${kind}`, kind)}</small></span>
      <span class="r num"><time dateTime={new Date(at).toISOString()} title={longDate.format(at)}>{shortDay.format(at)}</time><small><Ago t={at} /></small></span>
    </li>
  );
}

function Certificates({ data }: { data: OverviewData }) {
  const { value, missing, asOf } = data.facts.value;
  const overdue = value?.renewalsOverdue ?? 0;
  return (
    <section class="card c3" aria-labelledby="certs">
      <header><h2 id="certs">{t('certs.title')}</h2><span class="grow" /><Fresh asOf={asOf} every={POLL_MS} /></header>
      {value ? (
        <ul class="certs">
          <li><span class={'icon ' + (overdue ? 'risk' : 'healthy')}><Glyph state={overdue ? 'atRisk' : 'healthy'} /></span><span>{t('certs.overdue')}<small>{t('certs.overdueWhy')}</small></span><b class="r num">{t('number', { n: overdue })}</b></li>
          {value.authorities.map(a => <Authority key={a.kind + a.name} {...a} />)}
        </ul>
      ) : <p class="empty">{t(missing ? 'part.missing' : 'part.wait')}</p>}
    </section>
  );
}

function Arrivals({ data }: { data: OverviewData }) {
  const items = data.arrivals.value.value?.items ?? [];
  if (!items.length) return null;
  return (
    <section class="card" aria-labelledby="arrivals">
      <header><h2 id="arrivals">{t('arrivals.title')}</h2><span class="sub num">{t('arrivals.count', { n: items.length })}</span><span class="grow" /><a class="btn sm" href={hrefOf('/claim')}>{t('arrivals.claim')}</a></header>
      <ul class="inbox slim">
        {items.slice(0, 4).map(a => (
          <li key={a.fingerprint}><Glyph state="unknown" /><h3 class="mono">{a.id.slice(0, 8)}</h3><Ago t={a.lastAt} /><p>{t('arrivals.from', { remote: a.remote, n: a.knocks })}</p></li>
        ))}
      </ul>
    </section>
  );
}

export function Overview() {
  const name = catalog.value;
  const data = useMemo(() => new OverviewData(name), [name]);
  useEffect(() => data.start(), [data]);
  const counts = data.counts.value;
  const patterns = data.patterns.value;
  const title = t('nav.overview');
  if (counts && totalOf(counts) === 0) return <Page title={title}><Start /><div class="c6 stack"><Arrivals data={data} /></div></Page>;
  return (
    <Page title={title} tools={may('devices:claim') ? <a class="btn p wide" href={hrefOf('/claim')}>{t('nav.claim')}</a> : null}>
      <Census data={data} />
      <OrbitCard catalog={name} patterns={patterns.value?.items ?? null} patternsMissing={patterns.missing} />
      <div class="c4 stack pile"><NeedsYou data={data} /><Arrivals data={data} /><Events data={data} /></div>
      <Flow data={data} />
      <Refusals data={data} />
      <Certificates data={data} />
    </Page>
  );
}

