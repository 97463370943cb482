// SPDX-License-Identifier: Apache-2.0
//
// rule-text: the one line of a rule, looked at by the server while it is written.
//
//   text --a moment of quiet--> rules:check --> whom it is for | the mistake, under its column

import { useEffect, useState } from 'preact/hooks';
import type { Ref } from 'preact';
import type { AlertSeverity, RuleChecked } from '../api/api';
import { call } from '../api/client';
import { SEVERITIES } from '../core/alerts';
import { excerpt, offsetOf, oneLine, whom, withoutColumn, withSeverity } from '../core/rules';
import { catalog } from '../core/session';
import { t } from '../i18n/i18n';
import { CopyButton } from './copy';
import { Says } from './says';

const QUIET_MS = 250;
const MOST = 2000;

export interface Check {
  of: string; // the text it speaks of
  answer: RuleChecked | null;
  error: unknown;
}

// What the server says of a text; of an empty one, nothing.
export function useCheck(text: string, able: boolean): Check {
  const [check, setCheck] = useState<Check>({ of: '', answer: null, error: null });
  useEffect(() => {
    if (!able || !text.trim()) return setCheck({ of: text, answer: null, error: null });
    const stop = new AbortController();
    const timer = setTimeout(() => {
      call('POST /catalogs/{catalog}/rules:check', { path: { catalog: catalog.value }, body: { text }, signal: stop.signal })
        .then(answer => setCheck({ of: text, answer, error: null }), (error: unknown) => stop.signal.aborted || setCheck({ of: text, answer: null, error }));
    }, QUIET_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text, able, catalog.value]);
  return check;
}

function Mistake({ check, onGo }: { check: Check; onGo: (at: number) => void }) {
  const { column, message = '' } = check.answer!;
  const place = column ? excerpt(check.of, column) : null;
  return (
    <div class="mistake" id="rule-said">
      {place ? <pre aria-hidden="true">{place.line + '\n' + ' '.repeat(place.before)}<b>^</b></pre> : null}
      <p role="status">{column ? t('rules.mistakeAt', { column, what: withoutColumn(message) }) : message}
        {column ? <button type="button" class="btn sm" onClick={() => onGo(offsetOf(check.of, column))}>{t('rules.goThere')}</button> : null}</p>
    </div>
  );
}

function Reads({ check }: { check: Check }) {
  const a = check.answer!;
  const keys = a.keys ?? 0, devices = a.devices ?? 0;
  const one = (a.rule as { by?: string } | undefined)?.by === 'device';
  return (
    <div class="reads" id="rule-said">
      <p role="status"><b>{devices ? t('rules.for', { n: devices }) : t('rules.forNone')}</b>{one || !devices ? null : ` ${t('rules.inKeys', { n: keys })}`} <span class="dim">{a.rule ? whom(a.rule) : ''}</span></p>
      {a.text && a.text !== check.of.trim() ? <p class="dim">{t('rules.readAs')} <code>{a.text}</code></p> : null}
    </div>
  );
}

export function RuleText({ text, check, able, box, onText, onSave }: {
  text: string; check: Check; able: boolean; box: Ref<HTMLTextAreaElement>; onText: (text: string) => void; onSave: () => void;
}) {
  const wrong = check.answer?.valid === false && check.of === text;
  const enter = (e: KeyboardEvent) => {
    if (e.key !== 'Enter') return;
    e.preventDefault(); // it is one line
    onSave();
  };
  const goTo = (at: number) => {
    const field = (box as { current: HTMLTextAreaElement | null }).current;
    field?.focus();
    field?.setSelectionRange(at, at);
  };
  return (
    <div class="field">
      <label for="rule-text">{t('rules.text')}</label>
      <textarea id="rule-text" ref={box} class="input ruletext" rows={2} dir="ltr" spellcheck={false} autocapitalize="off" autocomplete="off" required maxLength={MOST} readOnly={!able} value={text}
        aria-invalid={wrong} aria-describedby="rule-said" onKeyDown={enter} onInput={e => onText(oneLine(e.currentTarget.value))} />
      {check.error ? <Says error={check.error} /> : !able ? null
        : !text.trim() ? <p class="reads dim" id="rule-said">{t('rules.begin')}</p>
        : check.answer ? (check.answer.valid ? <Reads check={check} /> : <Mistake check={check} onGo={goTo} />)
        : <p class="reads dim" id="rule-said">{t('rules.checking')}</p>}
    </div>
  );
}

export function SeverityOf({ text, severity, able, onText }: { text: string; severity: AlertSeverity | ''; able: boolean; onText: (text: string) => void }) {
  return (
    <div class="field">
      <label for="rule-severity">{t('rules.severity')}</label>
      <select class="input" id="rule-severity" value={severity} disabled={!able || !severity} onChange={e => onText(withSeverity(text, e.currentTarget.value as AlertSeverity))}>
        {severity ? null : <option value="">–</option>}
        {SEVERITIES.map(s => <option key={s} value={s}>{t(`severity.${s}`)}</option>)}
      </select>
    </div>
  );
}

export function AsJson({ rule }: { rule: object }) {
  const json = JSON.stringify(rule, null, 2);
  return (
    <details class="asjson">
      <summary>{t('rules.asJson')}</summary>
      <pre tabIndex={0} role="region" aria-label={t('rules.asJson')}>{json}</pre>
      <CopyButton text={json} label={t('action.copy')} />
    </details>
  );
}
