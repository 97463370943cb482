// SPDX-License-Identifier: Apache-2.0
//
// query-bar: the filter as chips and as text, in one place.
//
//   typed words --150 ms--> q        typed name:value --Enter--> chip        Backspace takes the last chip

import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { FacetValue, Facets } from '../api/api';
import { PARAMS, hasNames, isParam, parseText, withValue, without, type Filter, type Param } from '../core/filter';
import { groupName, groups, nameOf, products, resolve } from '../core/inventory';
import { named, t } from '../i18n/i18n';
import { CrossIcon, SearchIcon } from './icons';
import { STATES, stateWord } from './state';

const OFFERED: Param[] = ['state', 'product', 'group', 'site', 'version', 'attested', 'batch', 'tag', 'seen', 'lifecycle', 'network'];
const SPANS = ['<5m', '<1h', '>1h', '>24h', '>7d'];
const LIFECYCLES = ['registered', 'claimed', 'retired'];
const MOST_OFFERS = 8;

// Not every parameter is counted.
export const counted = (p: Param, facets: Facets | null): FacetValue[] => (facets?.facets as Partial<Record<Param, FacetValue[]>>)?.[p] ?? [];

export function valueWord(p: Param, value: string, facets: Facets | null): string {
  if (value === '') return t('devices.hasNone');
  if (p === 'state') return stateWord(value);
  if (p === 'lifecycle') return named(`lifecycle.${value}`, value);
  return nameOf(p, value) ?? counted(p, facets).find(v => v.value === value)?.label ?? value;
}

const quote = (v: string) => (/[\s",:]/.test(v) ? `"${v}"` : v);

function valuesOf(p: Param, facets: Facets | null): string[] {
  if (p === 'state') return STATES.map(stateWord);
  if (p === 'lifecycle') return LIFECYCLES;
  if (p === 'seen') return SPANS;
  if (p === 'product') return products.value?.map(x => x.name) ?? [];
  if (p === 'group') return groups.value?.map(groupName) ?? [];
  return counted(p, facets).map(v => v.value).filter(Boolean);
}

// What the word that is being written could become.
function offersFor(text: string, facets: Facets | null): string[] {
  const m = /(?:^|\s)(?:([a-z]+):("?[^"]*)|([a-z]+))$/.exec(text);
  if (!m) return [];
  const before = text.slice(0, m.index + (m[0].startsWith(' ') ? 1 : 0));
  if (m[3]) return OFFERED.filter(p => p.startsWith(m[3]!)).map(p => `${before}${p}:`);
  if (!isParam(m[1]!)) return [];
  const part = m[2]!.replace(/^"/, '').toLowerCase();
  return valuesOf(m[1] as Param, facets).filter(v => v.toLowerCase().includes(part)).slice(0, MOST_OFFERS).map(v => `${before}${m[1]}:${quote(v)}`);
}

function Chip({ p, value, facets, onDrop }: { p: Param; value: string; facets: Facets | null; onDrop: () => void }) {
  const word = valueWord(p, value, facets);
  const name = named(`param.${p}`, p);
  return (
    <li class="chip">
      <span class="dimmer">{name}</span><bdi class="cut" title={word}>{word}</bdi>
      <button type="button" aria-label={t('devices.dropChip', { name, value: word })} onClick={onDrop}><CrossIcon /></button>
    </li>
  );
}

export function QueryBar({ filter, facets, onChange }: { filter: Filter; facets: Facets | null; onChange: (f: Filter, push: boolean) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const [text, setText] = useState(filter.q?.[0] ?? '');
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const list = useId();
  const q = filter.q?.[0] ?? '';
  useEffect(() => {
    if (document.activeElement !== input.current) setText(q);
  }, [q]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const offers = open ? offersFor(text, facets) : [];
  const chips = PARAMS.filter(p => p !== 'q').flatMap(p => (filter[p] ?? []).map(v => [p, v] as const));

  function commit(whole: string) {
    clearTimeout(timer.current);
    const typed = parseText(whole, resolve);
    let next = without(filter, 'q');
    for (const p of PARAMS) typed[p]?.forEach(v => (next = withValue(next, p, v)));
    setText(typed.q?.[0] ?? '');
    setAt(-1);
    setOpen(false);
    onChange(next, true);
  }

  function write(whole: string) {
    setText(whole);
    setAt(-1);
    setOpen(true);
    clearTimeout(timer.current);
    if (hasNames(whole) || /:\s*$/.test(whole)) return; // becomes chips with Enter
    timer.current = setTimeout(() => onChange(whole.trim() ? withValue(filter, 'q', whole.trim()) : without(filter, 'q'), false), 150);
  }

  function take(offer: string) {
    if (offer.endsWith(':')) {
      setText(offer);
      setAt(-1);
      input.current?.focus();
    } else commit(offer);
  }

  function key(e: KeyboardEvent) {
    if (e.key === 'Escape' && open && offers.length) {
      e.preventDefault();
      setOpen(false);
    } else if ((e.key === 'ArrowDown' || e.key === 'ArrowUp') && offers.length) {
      e.preventDefault();
      setAt((at + (e.key === 'ArrowDown' ? 1 : offers.length) + (at < 0 && e.key === 'ArrowUp' ? 1 : 0)) % offers.length);
    } else if (e.key === 'Enter') {
      e.preventDefault();
      if (at >= 0 && offers[at]) take(offers[at]!);
      else if (hasNames(text)) commit(text);
      else document.querySelector<HTMLElement>('.rows .row[tabindex="0"]')?.focus();
    } else if (e.key === 'ArrowDown') {
      e.preventDefault();
      document.querySelector<HTMLElement>('.rows .row[tabindex="0"]')?.focus();
    } else if (e.key === 'Backspace' && !text && chips.length) {
      const [p, v] = chips[chips.length - 1]!;
      onChange(without(filter, p, v), true);
    }
  }

  return (
    <div class="query" role="search">
      <SearchIcon />
      {chips.length ? <ul class="chips" aria-label={t('devices.chips')}>{chips.map(([p, v]) => <Chip key={p + v} p={p} value={v} facets={facets} onDrop={() => onChange(without(filter, p, v), true)} />)}</ul> : null}
      <input ref={input} type="text" {...{ role: 'combobox' as const }} aria-expanded={offers.length > 0} aria-controls={list} aria-autocomplete="list"
        aria-activedescendant={at >= 0 ? `${list}-${at}` : undefined} aria-label={t('devices.search')} placeholder={chips.length ? t('devices.searchMore') : t('devices.searchHint')}
        value={text} maxLength={400} spellcheck={false} autocomplete="off"
        onInput={e => write((e.target as HTMLInputElement).value)} onKeyDown={key} onFocus={() => setOpen(true)} onBlur={() => setOpen(false)} />
      <ul class="offers" id={list} role="listbox" aria-label={t('devices.offers')} hidden={!offers.length}>
        {offers.map((o, i) => (
          <li key={o} id={`${list}-${i}`} role="option" aria-selected={i === at} onPointerDown={e => e.preventDefault()} onClick={() => take(o)}><bdi>{o}</bdi></li>
        ))}
      </ul>
    </div>
  );
}
