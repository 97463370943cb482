// SPDX-License-Identifier: Apache-2.0
//
// backtest: would this rule have fired? Asked before it is enabled.
//
//   ?from&to --run--> ?test=ID --asked again until it has ended--> sentences, picture, who
//
// The server keeps a result for an hour: an address older than that says "run it again".

import { useMemo, useState } from 'preact/hooks';
import type { Backtest as Result } from '../api/api';
import { Problem, call } from '../api/client';
import { useAgain } from '../core/again';
import { isGoing, linesOf, metricsOf, TEST_SPANS, TEST_USUAL } from '../core/backtest';
import { CHARTS_MOST } from '../core/explore';
import { write } from '../core/metrics';
import { place, setQuery } from '../core/router';
import { noiseWord } from '../core/rules';
import { catalog, hrefOf, may } from '../core/session';
import { wear } from '../core/sheet';
import { compact, number, percent, shortDate, t } from '../i18n/i18n';
import css from '../style/backtest.page.css';
import { LineChart } from './line-chart';
import { RangePicker } from './range';
import { Says } from './says';
import { Glyph } from './state';

wear(css);

const ASK_MS = 500;
const TEST = '/catalogs/{catalog}/backtests/{id}';
const none: never[] = [];
const count = (v: number) => (Number.isInteger(v) ? number(v) : '');

function Verdict({ b, one }: { b: Result; one: boolean }) {
  const going = isGoing(b);
  return (
    <div role={going ? undefined : 'status'}>
      <p class="would"><Glyph state={b.fired ? 'atRisk' : 'healthy'} /> <b>{b.fired ? t(going ? 'backtest.firedYet' : 'backtest.fired', { n: b.fired }) : t(going ? 'backtest.notYet' : 'backtest.never')}</b>
        {b.fired ? ` ${one ? t('backtest.on', { n: b.firedDevices, of: b.devices }) : t('backtest.onParts', { n: b.firedDevices })}` : ''}</p>
      <p class="dim">{t('backtest.between', { from: shortDate.format(b.from), to: shortDate.format(b.to) })} {t('backtest.noise', { n: b.noise, word: noiseWord(b.noise) })} {t('backtest.points', { points: compact(b.points), n: b.devices })}</p>
    </div>
  );
}

function Who({ b, metrics }: { b: Result; metrics: string[] }) {
  const href = (device: string) => `${hrefOf('/telemetry')}?${new URLSearchParams({ ...(metrics.length ? { m: metrics.slice(0, CHARTS_MOST).join(',') } : {}), d: device, from: String(b.from), to: String(b.to) })}`;
  return (
    <div class="scrolls" tabIndex={0} role="group" aria-label={t('backtest.who')}>
      <table>
        <thead><tr><th scope="col">{t('backtest.who')}</th><th scope="col" class="r">{t('backtest.firings')}</th><th scope="col" class="r">{t('backtest.stood')}</th></tr></thead>
        <tbody>{b.top.map((d, i) => (
          <tr key={d.device ?? d.name ?? i}><td>{d.device ? <a class="link" href={href(d.device)}><bdi>{d.name ?? d.device.slice(0, 8)}</bdi></a> : <bdi>{d.name ?? t('explore.without')}</bdi>}</td>
            <td class="r num">{number(d.fired)}</td><td class="r num">{write('stood.seconds', d.standingSeconds)}</td></tr>
        ))}</tbody>
      </table>
    </div>
  );
}

function Picture({ b, metrics }: { b: Result; metrics: string[] }) {
  const lines = useMemo(() => linesOf(b), [b]);
  return (
    <LineChart id="backtest-picture" title={t('backtest.picture')} note="" lines={lines} width={b.bucketMs} from={b.from} to={b.to} write={count} marks={none}>
      {b.top.length ? <Who b={b} metrics={metrics} /> : null}
    </LineChart>
  );
}

function Going({ b, onStop }: { b: Result; onStop: () => void }) {
  return (
    <div class="tools">
      <progress max={1} value={b.progress} aria-label={t('backtest.progress')} /><span class="num dim">{b.state === 'waiting' ? t('backtest.waiting') : percent(b.progress)}</span>
      {may('devices:write') ? <button type="button" class="btn sm" onClick={onStop}>{t('backtest.stop')}</button> : null}
    </div>
  );
}

// same: the texts that mean what is written now.
export function Backtest({ text, rule, same, ready }: { text: string; rule: object | undefined; same: string[]; ready: boolean }) {
  const query = place.value.query;
  const id = query.get('test') ?? '';
  const from = query.get('from') || TEST_USUAL, to = query.get('to') ?? '';
  const [every, setEvery] = useState<number | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const asked = useAgain(`backtest ${catalog.value} ${id}`, every, async signal => {
    if (!id) return null;
    const b = await call(`GET ${TEST}`, { path: { catalog: catalog.value, id }, signal });
    setEvery(isGoing(b) ? ASK_MS : null);
    return b;
  });
  const b = asked.value;
  const gone = asked.error instanceof Problem && asked.error.status === 404;
  const forget = () => (id ? call(`DELETE ${TEST}`, { path: { catalog: catalog.value, id } }).catch(() => {}) : Promise.resolve()); // it may be gone already
  async function run() {
    setBusy(true);
    setError(null);
    try {
      await forget();
      const made = await call('POST /catalogs/{catalog}/rules:backtest', { path: { catalog: catalog.value }, body: { text, from, ...(to ? { to } : {}) } });
      if ('valid' in made) throw new Problem(200, made.message ?? ''); // a product that is gone since it was looked at
      setQuery({ test: made.id });
      setEvery(ASK_MS);
    } catch (failure) {
      setQuery({ test: null });
      setError(failure);
    }
    setBusy(false);
  }
  const stop = () => void forget().then(() => setQuery({ test: null }));
  if (!may('devices:write') && !id) return null;
  return (
    <>
      <section class="card backtest" aria-labelledby="backtest">
        <header><h2 id="backtest">{t('backtest.title')}</h2><span class="sub">{t('backtest.sub')}</span></header>
        <div class="pad form">
          {may('devices:write') ? <div class="tools"><RangePicker from={from} to={to} spans={TEST_SPANS} />
            <button type="button" class="btn" disabled={busy || !ready || isGoing(b)} onClick={() => void run()}>{t(b ? 'backtest.again' : 'backtest.run')}</button></div> : null}
          <Says error={error ?? (gone ? null : asked.error)} />
          {gone ? <p class="dim" role="status">{t('backtest.gone')}</p> : null}
          {b && isGoing(b) ? <Going b={b} onStop={stop} /> : null}
          {b?.state === 'failed' ? <p class="mistake" role="alert">{b.failure ?? t('backtest.failed')}</p> : null}
          {b ? <Verdict b={b} one={((rule as { by?: string } | undefined)?.by ?? 'device') === 'device'} /> : null}
          {b && !same.includes(b.text) ? <p class="dim">{t('backtest.other')} <code class="mono">{b.text}</code></p> : null}
        </div>
      </section>
      {b?.buckets.length ? <Picture b={b} metrics={metricsOf(rule)} /> : null}
    </>
  );
}
