// SPDX-License-Identifier: Apache-2.0
//
// alerts: the inbox, a cause a row, and what to do about the one that is open.
//
//   ?status&sev&owner&source&id --AlertInbox--> list | one: reach, evidence, steps, history

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Alert, AlertDeed, ChangePreview } from '../api/api';
import { Problem, call } from '../api/client';
import { AlertInbox, SEVERITIES, SEVERITY_GLYPH, SOURCES, readAlertFilter, type AlertFilter, type Status } from '../core/alerts';
import { follow, running } from '../core/jobs';
import { subscribe } from '../core/live';
import { place, setQuery, withQuery } from '../core/router';
import { catalog, hrefOf, may, session } from '../core/session';
import { Ago } from '../core/time';
import { longDate, named, t, type Key } from '../i18n/i18n';
import { Radius } from '../parts/bulk';
import { Dialog } from '../parts/dialog';
import { Jobs } from '../parts/job';
import { Says } from '../parts/says';
import { Seg } from '../parts/seg';
import { Page } from '../parts/shell';
import { Glyph } from '../parts/state';

const POLL_MS = 30_000;
const MINUTES = [15, 60, 240, 1440, 10080];
const CLEAR = { sev: null, owner: null, source: null, code: null };

const reachOf = (a: Alert) => (a.resolvedAt ? (a.worst ? t('alerts.reached', { n: a.worst }) : t('alerts.noDevice')) : a.devices ? t('alerts.reach', { n: a.devices }) : t('alerts.noDevice'));

// ---------------------------------------------------------------- the list

function Filters({ filter: f, inbox }: { filter: AlertFilter; inbox: AlertInbox }) {
  const any = <T extends string>(label: Key, values: readonly T[], word: (v: T) => string) =>
    [{ value: '' as T | '', label: t(label) }, ...values.map(value => ({ value, label: word(value) }))];
  const s = inbox.summary.value;
  return (
    <div class="filters" role="search">
      <Seg label={t('alerts.status')} value={f.status} onPick={v => setQuery({ status: v === 'open' ? null : v, id: null })}
        choices={(['open', 'silenced', 'resolved'] as Status[]).map(value => ({ value, label: t(`alerts.status.${value}`, { n: value === 'silenced' ? (s?.silenced ?? 0) : s ? s.critical + s.high + s.medium + s.low : 0 }) }))} />
      <Seg label={t('alerts.severity')} value={f.sev} onPick={v => setQuery({ sev: v || null })} choices={any('alerts.any', SEVERITIES, v => t(`severity.${v}`))} />
      <Seg label={t('alerts.owner')} value={f.owner} onPick={v => setQuery({ owner: v || null })} choices={any('alerts.anyOwner', ['me', 'none'] as const, v => t(`alerts.owner.${v}`))} />
      <Seg label={t('alerts.source')} value={f.source} onPick={v => setQuery({ source: v || null })} choices={any('alerts.anySource', SOURCES, v => t(`alerts.source.${v}`))} />
      {f.code ? <button type="button" class="btn sm" aria-pressed={true} aria-label={t('alerts.notOnly', { code: f.code })} onClick={() => setQuery({ code: null })}>{t('alerts.only', { code: f.code })}</button> : null}
    </div>
  );
}

function Row({ a, here }: { a: Alert; here: boolean }) {
  return (
    <li class={here ? 'here' : ''}>
      <Glyph state={SEVERITY_GLYPH[a.severity]} size={14} />
      <h3><a href={place.value.path + withQuery(place.value.query, { id: a.id })} {...(here ? { 'aria-current': 'true' as const } : {})}>{a.title}</a></h3>
      <Ago t={a.resolvedAt ?? a.openedAt} />
      <p><b>{t(`severity.${a.severity}`)}</b> · {reachOf(a)} · {a.assignee ? t('alerts.with', { name: a.assignee.name ?? '' }) : named(`alertState.${a.state}`, a.state)}{a.flaps ? ` · ${t('alerts.flaps', { n: a.flaps })}` : ''}</p>
    </li>
  );
}

function Quiet({ inbox, filter }: { inbox: AlertInbox; filter: AlertFilter }) {
  const narrow = filter.sev || filter.owner || filter.source || filter.code;
  const since = inbox.summary.value?.quietSince;
  if (narrow) return <div class="empty"><b>{t('alerts.noMatch')}</b><button type="button" class="btn" onClick={() => setQuery(CLEAR)}>{t('devices.clear')}</button></div>;
  if (filter.status !== 'open') return <p class="empty"><b>{t(filter.status === 'silenced' ? 'alerts.noneSilenced' : 'alerts.noneResolved')}</b></p>;
  return <p class="empty"><b>{since ? t('alerts.quietSince', { at: longDate.format(new Date(since)) }) : t('alerts.quiet')}</b>{t('alerts.quietWhy')}</p>;
}

function List({ inbox, filter, id }: { inbox: AlertInbox; filter: AlertFilter; id: string }) {
  const items = inbox.items.value;
  return (
    <section class={'card c5 alertlist' + (id ? ' aside' : '')} aria-labelledby="alerts">
      <header><h2 id="alerts">{t('alerts.list')}</h2></header>
      {inbox.error.value ? <div class="pad"><Says error={inbox.error.value} retry={() => inbox.refresh()} /></div> : null}
      {items?.length ? <ul class="inbox">{items.map(a => <Row key={a.id} a={a} here={a.id === id} />)}</ul>
        : items ? <Quiet inbox={inbox} filter={filter} /> : inbox.error.value ? null : <div class="pad"><span class="skeleton" /></div>}
      {inbox.next.value ? <div class="pad actions"><button type="button" class="btn" onClick={() => void inbox.older()}>{t('alerts.more')}</button></div> : null}
    </section>
  );
}

// ---------------------------------------------------------------- steps

function StepDialog({ alert, n, onClose, onDone }: { alert: Alert; n: number; onClose: () => void; onDone: () => void }) {
  const step = alert.steps![n - 1]!;
  const [preview, setPreview] = useState<ChangePreview | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const key = useRef(crypto.randomUUID());
  const path = { catalog: catalog.value, id: alert.id, n: String(n) };
  const look = () => call('POST /catalogs/{catalog}/alerts/{id}/remedies/{n}/preview', { path }).then(setPreview, setError);
  useEffect(() => void look(), []);
  async function submit(e: Event) {
    e.preventDefault();
    if (!preview || busy) return;
    setBusy(true);
    try {
      follow(catalog.value, await call('POST /catalogs/{catalog}/alerts/{id}/remedies/{n}/run', { path, body: { expect: preview.total }, key: key.current }), onDone);
      onDone();
      onClose();
    } catch (failure) {
      key.current = crypto.randomUUID();
      if (failure instanceof Problem && failure.status === 409) await look();
      setError(failure);
    }
    setBusy(false);
  }
  const go = `bulk.go.${step.action}` as Key;
  return (
    <Dialog label={step.text} class="wide" onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <h2>{step.text}</h2>
        <p class="dim">{named(`bulk.why.${step.action}`, '')} {t('alerts.ofAlert')}</p>
        <Says error={error} />
        {preview ? <Radius p={preview} /> : error ? null : <p class="dim" aria-busy="true">{t('bulk.counting')}</p>}
        <div class="actions end">
          <button type="button" class="btn" onClick={onClose}>{t('action.cancel')}</button>
          <button type="submit" class="btn d" disabled={!preview?.total || busy}>{t(go, { n: preview?.total ?? 0 })}</button>
        </div>
      </form>
    </Dialog>
  );
}

function Steps({ alert, inbox }: { alert: Alert; inbox: AlertInbox }) {
  const [n, setN] = useState(0);
  if (!alert.steps?.length) return null;
  const able = (action: string) => may('alerts:write') && may(action === 'loglevel' || action === 'retire' ? 'devices:write' : 'trust:write');
  return (
    <section aria-labelledby="steps">
      <h3 id="steps">{t('alerts.steps')}</h3>
      <ol class="steps">
        {alert.steps.map((s, i) => (
          <li key={i}><span>{s.text}</span>{s.action && able(s.action) ? <button type="button" class="btn sm" onClick={() => setN(i + 1)}>{named(`bulk.${s.action}`, s.action)}…</button> : null}</li>
        ))}
      </ol>
      {n ? <StepDialog alert={alert} n={n} onClose={() => setN(0)} onDone={() => inbox.refresh()} /> : null}
    </section>
  );
}

// ---------------------------------------------------------------- what people do

function Deeds({ alert: a, inbox }: { alert: Alert; inbox: AlertInbox }) {
  const [error, setError] = useState<unknown>(null);
  const [note, setNote] = useState('');
  useEffect(() => setError(null), [a.id]);
  useEffect(() => void inbox.loadOwners().catch(() => {}), [inbox]);
  const run = (change: Promise<void>) => change.then(() => { setError(null); setNote(''); }, setError);
  if (!may('alerts:write')) return null;
  const me = String(session.value?.account.id ?? '');
  if (a.resolvedAt) return null;
  return (
    <div class="deeds">
      <div class="actions">
        {a.acknowledgedAt ? null : <button type="button" class="btn p" onClick={() => void run(inbox.acknowledge(a))}>{t('alerts.acknowledge')}</button>}
        <select class="input" aria-label={t('alerts.assign')} value={a.assignee?.id ?? ''} onChange={e => void run(inbox.assign(a, e.currentTarget.value || null))}>
          <option value="">{t('alerts.nobody')}</option>
          {inbox.owners.value.map(o => <option key={o.id} value={o.id}>{o.id === me ? t('alerts.toMe', { name: o.name ?? '' }) : o.name}</option>)}
        </select>
        {a.state === 'silenced' ? <button type="button" class="btn" onClick={() => void run(inbox.silence(a, 0))}>{t('alerts.wake')}</button> : (
          <select class="input" aria-label={t('alerts.silence')} value="" onChange={e => { const m = Number(e.currentTarget.value); e.currentTarget.value = ''; if (m) void run(inbox.silence(a, m)); }}>
            <option value="">{t('alerts.silence')}</option>
            {MINUTES.map(m => <option key={m} value={m}>{t('alerts.silenceFor', { span: named(`alerts.span.${m}`, `${m} min`) })}</option>)}
          </select>
        )}
      </div>
      <form class="actions" onSubmit={e => { e.preventDefault(); if (note.trim()) void run(inbox.comment(a, note.trim())); }}>
        <input class="input" aria-label={t('alerts.note')} placeholder={t('alerts.note')} maxLength={400} value={note} onInput={e => setNote(e.currentTarget.value)} />
        <button type="submit" class="btn" disabled={!note.trim()}>{t('alerts.comment')}</button>
        <button type="button" class="btn" onClick={() => void run(inbox.resolve(a, note.trim()))}>{t('alerts.resolve')}</button>
      </form>
      <Says error={error} />
    </div>
  );
}

// ---------------------------------------------------------------- one

const did = (d: AlertDeed) =>
  d.act === 'silenced' ? t('alertAct.silenced', { n: Number(d.detail) }) : named(`alertAct.${d.act}`, d.act) + (d.detail ? `: ${d.act === 'severity' ? named(`severity.${d.detail}`, d.detail) : d.detail}` : '');

function Evidence({ alert: a }: { alert: Alert }) {
  const facts = Object.entries(a.evidence ?? {});
  if (!facts.length) return null;
  return (
    <section aria-labelledby="proof">
      <h3 id="proof">{t('alerts.evidence')}</h3>
      <dl class="kv">{facts.map(([k, v]) => [<dt key={k}>{k}</dt>, <dd key={k + '.'} class="mono"><bdi>{Array.isArray(v) ? v.join(', ') : typeof v === 'object' ? JSON.stringify(v) : String(v)}</bdi></dd>])}</dl>
    </section>
  );
}

function Reach({ alert: a, inbox }: { alert: Alert; inbox: AlertInbox }) {
  const r = inbox.reach.value;
  return (
    <section aria-labelledby="reach">
      <h3 id="reach">{t('alerts.howFar')}</h3>
      <p>{r ? r.text : reachOf(a)}</p>
      {r?.standsOut.length ? <ul class="common">{r.standsOut.map(c => <li key={c.dimension + c.value}><a href={`${hrefOf('/devices')}?${c.filter}`}>{c.text}</a> <span class="dim">{t('alerts.expected', { n: Math.max(1, Math.round(c.expected)) })}</span></li>)}</ul> : null}
      {r?.devices ? <a class="btn sm" href={`${hrefOf('/devices')}?alert=${a.id}`}>{t('alerts.list.devices', { n: r.devices })}</a> : null}
    </section>
  );
}

function One({ inbox }: { inbox: AlertInbox }) {
  const a = inbox.alert.value;
  if (inbox.alertError.value && !a) return <section class="card c7"><div class="pad"><Says error={inbox.alertError.value} retry={() => inbox.refresh()} /></div></section>;
  if (!a) return <section class="card c7"><div class="pad"><span class="skeleton" /></div></section>;
  return (
    <section class="card c7 alert" aria-labelledby="one">
      <header>
        <Glyph state={SEVERITY_GLYPH[a.severity]} size={16} /><h2 id="one">{a.title}</h2><span class="grow" />
        <a class="btn sm ghost" href={place.value.path + withQuery(place.value.query, { id: null })}>{t('alerts.close')}</a>
      </header>
      <div class="pad form">
        <dl class="kv">
          <dt>{t('alerts.severity')}</dt><dd>{t(`severity.${a.severity}`)}</dd>
          <dt>{t('alerts.state')}</dt><dd>{named(`alertState.${a.state}`, a.state)}{a.state === 'silenced' && a.silencedUntil ? ` ${t('alerts.until', { at: longDate.format(new Date(a.silencedUntil)) })}` : ''}</dd>
          <dt>{t('alerts.since')}</dt><dd><Ago t={a.since} /></dd>
          <dt>{t('alerts.lastSeen')}</dt><dd><Ago t={a.lastAt} /> · {t('alerts.hits', { n: a.hits })}</dd>
          <dt>{t('alerts.cause')}</dt><dd>{t(`alerts.source.${a.source}`)} {a.source === 'threat' && may('trust:read') ? <a class="link" href={`${hrefOf('/settings/threats')}?code=${a.code}`}>{a.code}</a> : a.rule && may('telemetry:read') ? <a class="link" href={hrefOf(`/rules/${a.rule}`)}>{t('alerts.toRule')}</a> : a.code === 'rule' ? '' : a.code}</dd>
        </dl>
        <Deeds alert={a} inbox={inbox} />
        <Reach alert={a} inbox={inbox} />
        <Steps alert={a} inbox={inbox} />
        <Evidence alert={a} />
        <section aria-labelledby="deeds">
          <h3 id="deeds">{t('alerts.history')}</h3>
          <ol class="history">{inbox.history.value.map((d, i) => <li key={`${d.at}.${i}`}><Ago t={d.at} /><span><b>{d.actor || t('alerts.itself')}</b> <bdi>{did(d)}</bdi></span></li>)}</ol>
        </section>
      </div>
    </section>
  );
}

export function Alerts() {
  const query = place.value.query;
  const filter = useMemo(() => readAlertFilter(query), [query]);
  const key = JSON.stringify(filter);
  const id = query.get('id') ?? '';
  const inbox = useMemo(() => new AlertInbox(catalog.value), [catalog.value]);
  useEffect(() => void inbox.show(filter), [inbox, key]);
  useEffect(() => void inbox.open(id), [inbox, id]);
  useEffect(() => subscribe({ name: 'alerts', frame: () => inbox.refresh() }), [inbox]);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || inbox.refresh(), POLL_MS);
    return () => clearInterval(timer);
  }, [inbox]);
  return (
    <Page title={t('nav.alerts')}>
      <section class="card c12 alertask" aria-label={t('alerts.filter')}><header><Filters filter={filter} inbox={inbox} /></header></section>
      {running.value.length ? <div class="c12"><Jobs /></div> : null}
      <List inbox={inbox} filter={filter} id={id} />
      {id ? <One inbox={inbox} /> : <section class="card c7 alert wide-only"><p class="empty">{t('alerts.pick')}</p></section>}
    </Page>
  );
}
