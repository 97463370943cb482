// SPDX-License-Identifier: Apache-2.0
//
// rule-help: what may be written in a rule, each of it to be clicked in.
//
//   example --onTake--> the whole text      part, metric --onPut--> where the caret stands

import { useState } from 'preact/hooks';
import type { Metric } from '../api/api';
import { foremost } from '../core/metrics';
import { AGGREGATES, examples, metricWord, SNIPPETS } from '../core/rules';
import { t } from '../i18n/i18n';

const FEW = 12;

function Bits({ items, onPut }: { items: string[]; onPut: (text: string) => void }) {
  return <div class="bits">{items.map(i => <button key={i} type="button" onClick={() => onPut(i)}>{i}</button>)}</div>;
}

export function RuleHelp({ metrics, onTake, onPut }: { metrics: Metric[]; onTake: (text: string) => void; onPut: (text: string) => void }) {
  const [every, setEvery] = useState(false);
  const names = metrics.map(m => m.name);
  const first = foremost(names, FEW);
  const metric = first.find(n => n.startsWith('temp')) ?? first[0] ?? 'temp'; // whose limits are easily read
  const shown = (every ? names : first).map(metricWord);
  return (
    <section class="card rulehelp" aria-labelledby="help">
      <header><h2 id="help">{t('rules.help')}</h2></header>
      <div class="pad">
        <section aria-labelledby="help-examples"><h3 id="help-examples">{t('rules.examples')}</h3>
          <ul>{examples(metric).map(e => <li key={e.text}><button type="button" class="take" onClick={() => onTake(e.text)}><code>{e.text}</code><small>{t(e.why)}</small></button></li>)}</ul></section>
        {names.length ? <section aria-labelledby="help-metrics"><h3 id="help-metrics">{t('rules.metrics')}</h3>
          <Bits items={shown} onPut={onPut} />
          {names.length > FEW ? <button type="button" class="btn sm ghost" aria-expanded={every} onClick={() => setEvery(!every)}>{every ? t('rules.fewer') : t('rules.all', { n: names.length })}</button> : null}</section> : null}
        <section aria-labelledby="help-aggregates"><h3 id="help-aggregates">{t('rules.part.aggregate')}</h3>
          <Bits items={AGGREGATES.map(a => `${a}(${a === 'count' ? 'message' : metricWord(metric)})`)} onPut={onPut} /></section>
        {SNIPPETS.map(s => <section key={s.head}><h3>{t(s.head)}</h3><Bits items={s.items} onPut={onPut} /></section>)}
        <p class="dim">{t('rules.helpMore')}</p>
      </div>
    </section>
  );
}
