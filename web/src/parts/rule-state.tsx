// SPDX-License-Identifier: Apache-2.0
//
// rule-state: how a rule fares: on or off, whom it fires for, what it raised lately; and its end.

import { useState } from 'preact/hooks';
import type { Rule } from '../api/api';
import { call } from '../api/client';
import { useAgain } from '../core/again';
import { go } from '../core/router';
import { noiseWord } from '../core/rules';
import { catalog, hrefOf, may } from '../core/session';
import { Ago } from '../core/time';
import { named, t } from '../i18n/i18n';
import { announce } from './announce';
import { Dialog } from './dialog';
import { Says } from './says';
import { Glyph } from './state';
import { Switch } from './switch';

const RECENT = 8;
const RULE = '/catalogs/{catalog}/rules/{id}';

function Drop({ rule, onClose }: { rule: Rule; onClose: () => void }) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  async function submit(e: Event) {
    e.preventDefault();
    setBusy(true);
    try {
      await call(`DELETE ${RULE}`, { path: { catalog: catalog.value, id: rule.id } });
      announce(t('rules.dropped', { name: rule.name }), { now: true });
      go(hrefOf('/rules'));
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }
  const title = t('rules.dropTitle', { name: rule.name });
  return (
    <Dialog label={title} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <h2>{title}</h2>
        <p>{t(rule.firing ? 'rules.dropOpen' : 'rules.dropHow')}</p>
        <Says error={error} />
        <div class="actions end"><button type="button" class="btn" onClick={onClose}>{t('action.cancel')}</button><button type="submit" class="btn d" disabled={busy}>{t('rules.drop')}</button></div>
      </form>
    </Dialog>
  );
}

// Asked for again with each change of the rule or of the alerts.
function Raised({ rule, round }: { rule: Rule; round: number }) {
  const { value, error, retry } = useAgain(`raised ${catalog.value} ${rule.id} ${rule.version}.${round}`, null, signal =>
    call('GET /catalogs/{catalog}/alerts', { path: { catalog: catalog.value }, query: { rule: rule.id, sort: 'newest', limit: RECENT }, signal }));
  const [kept, setKept] = useState(value);
  if (value && value !== kept) setKept(value); // the old ones stand until the new ones are here
  if (error) return <Says error={error} retry={retry} />;
  return (
    <section aria-labelledby="raised">
      <h3 id="raised">{t('rules.raised')}</h3>
      {kept?.items.length ? <ul class="raised">{kept.items.map(a => (
        <li key={a.id}><Glyph state={a.resolvedAt ? 'healthy' : 'atRisk'} /><a class="link" href={`${hrefOf('/alerts')}?id=${a.id}${a.resolvedAt ? '&status=resolved' : ''}`}><bdi>{a.title}</bdi></a><Ago t={a.openedAt} />
          <small>{named(`alertState.${a.state}`, a.state)} · {t('alerts.reached', { n: a.worst })}</small></li>
      ))}</ul> : kept ? <p class="dim">{t('rules.raisedNone')}</p> : <span class="skeleton" />}
    </section>
  );
}

export function RuleState({ rule: r, able, round, onChanged }: { rule: Rule; able: boolean; round: number; onChanged: (r: Rule) => void }) {
  const [busy, setBusy] = useState(false);
  const [dropping, setDropping] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const word = t(r.enabled ? 'rules.on' : 'rules.off');
  async function turn() {
    setBusy(true);
    try {
      onChanged(await call(r.enabled ? `POST ${RULE}/disable` : `POST ${RULE}/enable`, { path: { catalog: catalog.value, id: r.id } }));
      announce(t(r.enabled ? 'rules.turnedOff' : 'rules.turnedOn', { name: r.name }), { now: true });
      setError(null);
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  }
  return (
    <section class="card rulestate" aria-labelledby="fares">
      <header><h2 id="fares">{t('rules.fares')}</h2><span class="grow" />
        {able ? <Switch label={t('rules.enabledOf', { name: r.name })} on={r.enabled} word={word} busy={busy} onTurn={() => void turn()} /> : <span class="tag">{word}</span>}</header>
      <div class="pad form">
        <Says error={error} />
        <dl class="kv">
          <dt>{t('rules.now')}</dt><dd>{r.firing ? t('rules.firing', { n: r.firing }) : t('rules.firingNone')}</dd>
          <dt>{t('rules.firedEver')}</dt><dd>{r.firedAt ? <>{t('rules.times', { n: r.fired })} · <Ago t={r.firedAt} /></> : t('rules.neverFired')}</dd>
          <dt>{t('rules.noise')}</dt><dd>{noiseWord(r.noise)} <span class="dim num">{t('rules.noiseOf', { n: r.noise })}</span></dd>
          {r.enabledAt && r.enabled ? <><dt>{t('rules.onSince')}</dt><dd><Ago t={r.enabledAt} /></dd></> : null}
          <dt>{t('rules.changedBy')}</dt><dd><bdi>{r.changedBy}</bdi> · <Ago t={r.changedAt} /></dd>
        </dl>
        {may('devices:read') ? <Raised rule={r} round={round} /> : null}
        {able ? <div class="actions"><button type="button" class="btn sm d" onClick={() => setDropping(true)}>{t('rules.drop')}…</button></div> : null}
      </div>
      {dropping ? <Drop rule={r} onClose={() => setDropping(false)} /> : null}
    </section>
  );
}
