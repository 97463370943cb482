// SPDX-License-Identifier: Apache-2.0
//
// rule: one rule, or a new one, as its line of text.
//
//   ?name&text (what is not saved yet) --check--> whom it is for --save with If-Match--> as it is now
//                                                     '--412--> both texts: take theirs | go on with mine

import { useEffect, useRef, useState } from 'preact/hooks';
import type { AlertSeverity, Metric, Rule } from '../api/api';
import { Problem, call } from '../api/client';
import { useAgain } from '../core/again';
import { catalogueOf } from '../core/explore';
import { loadInventory } from '../core/inventory';
import { subscribe } from '../core/live';
import { go, place, setQuery, withQuery } from '../core/router';
import { inserted, oneLine } from '../core/rules';
import { catalog, hrefOf, may } from '../core/session';
import { wear } from '../core/sheet';
import { Ago } from '../core/time';
import { t } from '../i18n/i18n';
import { announce } from '../parts/announce';
import { Backtest } from '../parts/backtest';
import { RuleHelp } from '../parts/rule-help';
import { RuleState } from '../parts/rule-state';
import { AsJson, RuleText, SeverityOf, useCheck } from '../parts/rule-text';
import { Says } from '../parts/says';
import { Page } from '../parts/shell';
import css from '../style/rule.page.css';

wear(css);

const RULES = '/catalogs/{catalog}/rules';
const POLL_MS = 30_000;
const NEW = 'new';

interface Base {
  name: string;
  text: string;
  version: number;
}
const baseOf = (r: Rule | null): Base => ({ name: r?.name ?? '', text: r?.text ?? '', version: r?.version ?? 0 });

// ---------------------------------------------------------------- what is written

// The draft stands in the address until it is saved: a reload or a copied link shows it again.
function useDraft(base: Base) {
  const query = place.peek().query;
  const [name, setName] = useState(query.get('name') ?? base.name);
  const [text, setText] = useState(oneLine(query.get('text') ?? base.text));
  useEffect(() => {
    const timer = setTimeout(() => {
      const changes = { name: name === base.name ? null : name, text: text === base.text ? null : text };
      const here = place.peek().query;
      if (here.get('name') !== changes.name || here.get('text') !== changes.text) setQuery(changes);
    }, 200);
    return () => clearTimeout(timer);
  }, [name, text, base]);
  return { name, text, setName, setText, dirty: name !== base.name || text !== base.text };
}

function Changed({ rule, onTheirs, onMine }: { rule: Rule; onTheirs: () => void; onMine: () => void }) {
  return (
    <div class="changed" role="alert">
      <p><b>{t('rules.changedMeanwhile', { name: rule.changedBy })}</b> <Ago t={rule.changedAt} /></p>
      <p><bdi>{rule.name}</bdi><br /><code>{rule.text}</code></p>
      <div class="actions"><button type="button" class="btn sm" onClick={onTheirs}>{t('rules.takeTheirs')}</button><button type="button" class="btn sm" onClick={onMine}>{t('rules.keepMine')}</button></div>
    </div>
  );
}

function Editor({ rule, metrics, round, onRule, onStale }: { rule: Rule | null; metrics: Metric[]; round: number; onRule: (r: Rule) => void; onStale: () => void }) {
  const able = may('devices:write');
  const [base, setBase] = useState(() => baseOf(rule));
  const d = useDraft(base);
  const check = useCheck(d.text, able);
  const box = useRef<HTMLTextAreaElement>(null);
  const key = useRef(crypto.randomUUID());
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const stale = rule !== null && rule.version !== base.version && (rule.name !== base.name || rule.text !== base.text);

  useEffect(() => {
    if (rule && rule.version !== base.version && !stale) setBase(baseOf(rule)); // only turned on or off
    else if (stale && !d.dirty) take(rule);
  }, [rule]);
  function take(r: Rule) {
    setBase(baseOf(r));
    d.setName(r.name);
    d.setText(r.text);
    setError(null);
  }

  async function write(): Promise<Rule> {
    const path = { catalog: catalog.value };
    if (!rule) return call(`POST ${RULES}`, { path, body: { name: d.name.trim(), text: d.text }, key: key.current });
    return d.dirty ? call(`PATCH ${RULES}/{id}`, { path: { ...path, id: rule.id }, body: { name: d.name.trim(), text: d.text }, ifMatch: base.version }) : rule;
  }
  async function save(on: boolean) {
    if (busy || !able) return;
    setBusy(true);
    setError(null);
    let saved: Rule | null = null;
    try {
      saved = await write();
      take(saved);
      if (on && !saved.enabled) saved = await call(`POST ${RULES}/{id}/enable`, { path: { catalog: catalog.value, id: saved.id } });
      announce(t(on ? 'rules.turnedOn' : 'rules.saved', { name: saved.name }), { now: true });
      onRule(saved);
    } catch (failure) {
      key.current = crypto.randomUUID();
      if (saved && !rule) onRule(saved); // it is made, though it stayed off
      if (failure instanceof Problem && failure.status === 412) onStale();
      else setError(failure);
    }
    setBusy(false);
  }
  const put = (part: string) => {
    const field = box.current!;
    const next = inserted(d.text, field.selectionStart, field.selectionEnd, part);
    d.setText(next.text);
    requestAnimationFrame(() => {
      field.focus();
      field.setSelectionRange(next.caret, next.caret);
    });
  };
  const whole = (text: string) => {
    d.setText(text);
    box.current?.focus();
  };

  const good = check.answer?.valid === true && check.of === d.text;
  const form = check.answer?.valid ? check.answer.rule : rule && !d.dirty ? rule.rule : undefined;
  const severity = ((form as { severity?: AlertSeverity } | undefined)?.severity) ?? '';
  const ready = !busy && !stale && good && d.name.trim() !== '';
  return (
    <>
      <div class="c8 stack">
        <section class="card" aria-labelledby="write">
          <header><h2 id="write">{t('rules.write')}</h2><span class="grow" />{d.dirty && rule ? <span class="tag">{t('rules.unsaved')}</span> : null}</header>
          <form class="pad form" onSubmit={e => { e.preventDefault(); if (ready && (d.dirty || !rule)) void save(false); }}>
            {able ? null : <p class="dim">{t('rules.readOnly')}</p>}
            {stale && d.dirty ? <Changed rule={rule} onTheirs={() => take(rule)} onMine={() => setBase({ ...base, version: rule.version, name: rule.name, text: rule.text })} /> : null}
            <RuleText text={d.text} check={check} able={able} box={box} onText={d.setText} onSave={() => { if (ready && (d.dirty || !rule)) void save(false); }} />
            <div class="pair">
              <div class="field"><label for="rule-name">{t('rules.name')}</label>
                <input class="input" id="rule-name" dir="auto" required maxLength={80} readOnly={!able} value={d.name} autocomplete="off" onInput={e => d.setName(e.currentTarget.value)} /></div>
              <SeverityOf text={d.text} severity={severity} able={able} onText={d.setText} />
            </div>
            <Says error={error} />
            {able ? <div class="actions">
              <button type="submit" class="btn p" disabled={!ready || (!!rule && !d.dirty)}>{t(rule ? 'action.save' : 'rules.make')}</button>
              {rule?.enabled ? null : <button type="button" class="btn" disabled={!ready} onClick={() => void save(true)}>{t(rule && !d.dirty ? 'rules.enable' : 'rules.saveAndEnable')}</button>}
              {d.dirty && rule ? <button type="button" class="btn ghost" onClick={() => take(rule)}>{t('rules.revert')}</button> : null}
              <span class="dim">{rule?.enabled && d.text !== base.text ? t('rules.anew') : rule ? '' : t('rules.isOff')}</span>
            </div> : null}
            {form ? <AsJson rule={form} /> : null}
          </form>
        </section>
        <Backtest text={d.text} rule={form} same={[d.text, check.answer?.text ?? '']} ready={good || (!d.dirty && rule !== null)} />
      </div>
      <div class="c4 stack">
        {rule ? <RuleState rule={rule} able={able} round={round} onChanged={onRule} /> : null}
        {able ? <RuleHelp metrics={metrics} onTake={whole} onPut={put} /> : null}
      </div>
    </>
  );
}

// ---------------------------------------------------------------- the page

export function RulePage({ params }: { params: string[] }) {
  const id = params[0]!;
  const name = catalog.value;
  const parent = { href: hrefOf('/rules'), label: t('nav.rules') };
  const [made, setMade] = useState<Rule | null>(null);
  const [round, setRound] = useState(0);
  const asked = useAgain(`rule ${name} ${id}`, POLL_MS, async signal => (id === NEW ? null : call(`GET ${RULES}/{id}`, { path: { catalog: name, id }, signal })));
  const { value: metrics } = useAgain(`metrics ${name}`, null, signal => catalogueOf(name, signal));
  useEffect(() => subscribe({ name: 'alerts', frame: () => { setRound(n => n + 1); asked.retry(); } }), [name, id]);
  useEffect(() => void (may('devices:read') && loadInventory(name).catch(() => {})), [name]);
  // What was just saved is newer than what was asked for before.
  const rule = made && made.id === id && made.version >= (asked.value?.version ?? 0) ? { ...made, ...(asked.value?.version === made.version ? asked.value : {}) } : asked.value;
  const took = (r: Rule) => {
    setMade(r);
    if (id === NEW) go(hrefOf(`/rules/${r.id}`) + withQuery(place.peek().query, { name: null, text: null }), { replace: true });
    else asked.retry();
  };
  const title = id === NEW ? t('rules.new') : (rule?.name ?? t('nav.rules'));
  if (id === NEW && !may('devices:write')) return <Page title={title} parent={parent}><p class="c12 dim">{t('rules.readOnly')}</p></Page>;
  return (
    <Page title={title} parent={parent}>
      {asked.error && !rule ? <section class="card c12"><div class="pad"><Says error={asked.error} retry={asked.retry} /></div></section> : null}
      {id === NEW || rule ? <Editor key={name + id} rule={rule} metrics={metrics ?? []} round={round} onRule={took} onStale={asked.retry} />
        : asked.error ? null : <section class="card c12"><div class="pad"><span class="skeleton" /></div></section>}
    </Page>
  );
}
