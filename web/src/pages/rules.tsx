// SPDX-License-Identifier: Apache-2.0
//
// rules: what raises alerts: each as its line, on or off, whom it is for, and how loud it is.
//
//   ?show&q --> rows      a frame of the topic alerts --> asked for again

import { useEffect, useState } from 'preact/hooks';
import type { Alert, Rule } from '../api/api';
import { call } from '../api/client';
import { STATUS } from '../core/alerts';
import { useAgain } from '../core/again';
import { loadInventory } from '../core/inventory';
import { subscribe } from '../core/live';
import { place, setQuery } from '../core/router';
import { examples, isShown, loadRules, noiseOf, noiseWord, SHOWS, whom, type Show } from '../core/rules';
import { catalog, hrefOf, may } from '../core/session';
import { wear } from '../core/sheet';
import { Ago } from '../core/time';
import { t, type Key } from '../i18n/i18n';
import { announce } from '../parts/announce';
import { Says } from '../parts/says';
import { Seg } from '../parts/seg';
import { Page } from '../parts/shell';
import { Glyph } from '../parts/state';
import { Switch } from '../parts/switch';
import css from '../style/rules.page.css';

wear(css);

const POLL_MS = 30_000;
const NOISE = { quiet: 'healthy', rare: 'healthy', some: 'unknown', often: 'atRisk', loud: 'quarantined' } as const;
const href = (id: string) => hrefOf(`/rules/${id}`);

// The open alerts of all rules; nobody sees them who may not see devices.
async function openAlerts(name: string, signal: AbortSignal): Promise<Alert[]> {
  if (!may('devices:read')) return [];
  return (await call('GET /catalogs/{catalog}/alerts', { path: { catalog: name }, query: { source: 'rule', state: `${STATUS.open},silenced`, limit: 200 }, signal })).items;
}

function Open({ rule, alerts }: { rule: Rule; alerts: Alert[] }) {
  const [first] = alerts;
  if (!first && !rule.firing) return <span class="dimmer">{t('rules.noneOpen')}</span>;
  return (
    <>
      {first ? <a class="link" href={alerts.length === 1 ? `${hrefOf('/alerts')}?id=${first.id}` : href(rule.id)}>{t('rules.open', { n: alerts.length })}</a> : null}
      <span class="dim block">{t('rules.firing', { n: rule.firing })}</span>
    </>
  );
}

function Row({ rule: r, alerts, able, onChanged, onError }: { rule: Rule; alerts: Alert[]; able: boolean; onChanged: () => void; onError: (e: unknown) => void }) {
  const [busy, setBusy] = useState(false);
  async function turn() {
    setBusy(true);
    try {
      await call(r.enabled ? 'POST /catalogs/{catalog}/rules/{id}/disable' : 'POST /catalogs/{catalog}/rules/{id}/enable', { path: { catalog: catalog.value, id: r.id } });
      announce(t(r.enabled ? 'rules.turnedOff' : 'rules.turnedOn', { name: r.name }), { now: true });
      onChanged();
    } catch (e) {
      onError(e);
    }
    setBusy(false);
  }
  const word = t(r.enabled ? 'rules.on' : 'rules.off');
  return (
    <tr class={r.enabled ? '' : 'off'}>
      <td>{able ? <Switch label={t('rules.enabledOf', { name: r.name })} on={r.enabled} word={word} busy={busy} onTurn={() => void turn()} /> : word}</td>
      <td class="what"><a href={href(r.id)}><bdi>{r.name}</bdi></a><code>{r.text}</code></td>
      <td>{t(`severity.${r.severity}`)}</td>
      <td><Open rule={r} alerts={alerts} /></td>
      <td class="whom"><bdi>{whom(r.rule)}</bdi></td>
      <td><span class="nowrap"><Glyph state={NOISE[noiseOf(r.noise)]} /> {noiseWord(r.noise)}</span>
        <span class="dim block nowrap">{r.firedAt ? <>{t('rules.fired', { n: r.fired })} <Ago t={r.firedAt} /></> : t('rules.neverFired')}</span></td>
    </tr>
  );
}

function Nothing({ able }: { able: boolean }) {
  return (
    <div class="empty"><b>{t('rules.none')}</b><p>{t('rules.noneHow')}</p>
      {able ? <div class="tryit">{examples('cpu.load').slice(1, 4).map(e => (
        <a key={e.text} href={`${href('new')}?text=${encodeURIComponent(e.text)}`}><code>{e.text}</code><small>{t(e.why)}</small></a>
      ))}</div> : null}
    </div>
  );
}

export function Rules() {
  const name = catalog.value;
  const query = place.value.query;
  const show = SHOWS.find(s => s === query.get('show')) ?? 'all';
  const part = query.get('q') ?? '';
  const { value: rules, error, retry } = useAgain(`rules ${name}`, POLL_MS, signal => loadRules(name, signal));
  const { value: alerts, retry: recount } = useAgain(`rule alerts ${name}`, POLL_MS, signal => openAlerts(name, signal));
  const [failed, setFailed] = useState<unknown>(null);
  const able = may('devices:write');
  const again = () => {
    retry();
    recount();
  };
  useEffect(() => subscribe({ name: 'alerts', frame: again }), [name]);
  useEffect(() => void (may('devices:read') && loadInventory(name).catch(() => {})), [name]); // ids stand in for names
  const found = rules?.filter(r => isShown(r, show, part)) ?? [];
  const word = (s: Show) => t(`rules.show.${s}` as Key, { n: rules?.filter(r => isShown(r, s, '')).length ?? 0 });
  return (
    <Page title={t('nav.rules')} tools={able ? <a class="btn p" href={href('new')}>{t('rules.new')}</a> : null}>
      <section class="card c12" aria-labelledby="rules">
        <header><h2 id="rules" class="only-read">{t('nav.rules')}</h2>
          {rules?.length ? <div class="ruleask" role="search">
            <Seg label={t('rules.show')} value={show} onPick={s => setQuery({ show: s === 'all' ? null : s })} choices={SHOWS.map(value => ({ value, label: word(value) }))} />
            <input class="input" type="search" aria-label={t('rules.find')} placeholder={t('rules.find')} value={part} onInput={e => setQuery({ q: e.currentTarget.value || null })} />
          </div> : <span class="sub">{t('rules.sub')}</span>}
        </header>
        {error || failed ? <div class="pad"><Says error={failed || error} retry={() => { setFailed(null); again(); }} /></div> : null}
        {found.length ? (
          <div class="scrolls" tabIndex={0} role="group" aria-labelledby="rules">
            <table class="rules">
              <thead><tr>{(['rules.enabled', 'rules.name', 'rules.severity', 'rules.now', 'rules.whom', 'rules.noise'] as const).map(k => <th key={k} scope="col">{t(k)}</th>)}</tr></thead>
              <tbody>{found.map(r => <Row key={r.id} rule={r} alerts={alerts?.filter(a => a.rule === r.id) ?? []} able={able} onError={setFailed}
                onChanged={() => { setFailed(null); again(); }} />)}</tbody>
            </table>
          </div>
        ) : rules?.length ? <div class="empty"><b>{t('rules.noMatch')}</b><button type="button" class="btn" onClick={() => setQuery({ show: null, q: null })}>{t('devices.clear')}</button></div>
          : rules ? <Nothing able={able} /> : error ? null : <div class="pad"><span class="skeleton" /></div>}
      </section>
    </Page>
  );
}
