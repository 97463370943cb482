// SPDX-License-Identifier: Apache-2.0
//
// facets: what the matching devices have in common, with counts; a choice narrows the list.

import { useState } from 'preact/hooks';
import type { Facets as FacetsBody, FacetValue } from '../api/api';
import type { Filter, Param } from '../core/filter';
import { FACETS } from '../core/fleet';
import { named, t } from '../i18n/i18n';
import { counted, valueWord } from './query-bar';
import { Glyph } from './state';

const FEW = 6;

function Value({ p, v, body, most, chosen, onPick }: { p: Param; v: FacetValue; body: FacetsBody; most: number; chosen: boolean; onPick: () => void }) {
  const word = valueWord(p, v.value, body);
  return (
    <li>
      <label class="facet">
        <input type="checkbox" checked={chosen} onChange={onPick} />
        {p === 'state' ? <Glyph state={v.value} /> : null}
        <bdi class="cut" title={word}>{word}</bdi>
        <span class="num dim">{t('number', { n: v.n })}</span>
        <svg class="share" viewBox="0 0 100 2" preserveAspectRatio="none" aria-hidden="true"><rect width={most ? (v.n / most) * 100 : 0} height="2" /></svg>
      </label>
    </li>
  );
}

function Facet({ p, body, filter, onPick }: { p: Param; body: FacetsBody; filter: Filter; onPick: (p: Param, value: string) => void }) {
  const [more, setMore] = useState(false);
  const values = counted(p, body);
  const chosen = filter[p] ?? [];
  // What was chosen stays in sight even if nothing is left of it.
  const gone = chosen.filter(c => !values.some(v => v.value === c)).map(value => ({ value, n: 0 }));
  const all = [...values, ...gone];
  if (!all.length || (all.length === 1 && !chosen.length && p === 'lifecycle')) return null;
  const most = Math.max(...all.map(v => v.n));
  const shown = more ? all : all.filter((v, i) => i < FEW || chosen.includes(v.value));
  return (
    <fieldset>
      <legend>{named(`param.${p}`, p)}</legend>
      <ul>{shown.map(v => <Value key={v.value} p={p} v={v} body={body} most={most} chosen={chosen.includes(v.value)} onPick={() => onPick(p, v.value)} />)}</ul>
      {all.length > FEW ? <button type="button" class="btn ghost sm" aria-expanded={more} onClick={() => setMore(!more)}>{more ? t('devices.fewer') : t('devices.more', { n: all.length - FEW })}</button> : null}
    </fieldset>
  );
}

export function Facets({ body, filter, onPick }: { body: FacetsBody | null; filter: Filter; onPick: (p: Param, value: string) => void }) {
  if (!body) return <div class="facets" aria-busy="true"><span class="skeleton" /><span class="skeleton" /><span class="skeleton" /></div>;
  return <div class="facets">{FACETS.map(p => <Facet key={p} p={p} body={body} filter={filter} onPick={onPick} />)}</div>;
}
