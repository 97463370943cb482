// SPDX-License-Identifier: Apache-2.0
//
// audit: who did what, to how many, and whether the chain that says so is whole.
//
//   ?chain&actor&object&outcome&from --> GET audit --> rows --Enter--> what was sent and answered
//   verify --> every hash and the seal walked by the server      export --> all that matches, as a file

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { AuditEntry, AuditPage, AuditReport } from '../api/api';
import { call } from '../api/client';
import { place, setQuery } from '../core/router';
import { catalog } from '../core/session';
import { Ago } from '../core/time';
import { longDate, named, shortDate, t } from '../i18n/i18n';
import { CopyButton } from '../parts/copy';
import { DownIcon, ShieldIcon } from '../parts/icons';
import { Menu } from '../parts/menu';
import { Says } from '../parts/says';
import { Seg } from '../parts/seg';
import { Page } from '../parts/shell';
import { Glyph } from '../parts/state';

const PAGE = 100;
const EXPORT_MOST = 20_000;
const SPANS = { '1h': 3_600_000, '24h': 86_400_000, '7d': 604_800_000, '30d': 2_592_000_000 } as const;
type Span = keyof typeof SPANS | '';
const OUTCOMES = ['ok', 'denied'] as const;
type Outcome = (typeof OUTCOMES)[number] | '';
type Format = 'csv' | 'ndjson';

interface Wanted {
  whole: boolean; // the installation's chain
  actor: string;
  object: string;
  outcome: Outcome;
  span: Span;
}

function wanted(query: URLSearchParams): Wanted {
  const span = query.get('from')?.replace(/^-/, '') ?? '';
  return {
    whole: query.get('chain') === 'installation', actor: query.get('actor') ?? '', object: query.get('object') ?? '',
    outcome: OUTCOMES.find(o => o === query.get('outcome')) ?? '', span: span in SPANS ? (span as Span) : '',
  };
}

function page(w: Wanted, cursor: string | null, limit = PAGE): Promise<AuditPage> {
  const from = w.span ? Date.now() - SPANS[w.span] : null;
  const query = { limit, cursor, actor: w.actor || null, object: w.object || null, outcome: w.outcome || null, from };
  return w.whole ? call('GET /audit', { query }) : call('GET /catalogs/{catalog}/audit', { path: { catalog: catalog.value }, query });
}

// "POST /api/v1/catalogs/{catalog}/devices/{id}/claim" --> "Claimed a device", or as it stands.
const actionWord = (action: string) => named(`audit.${action.replace(/\/api\/v1/, '').replace(/\/catalogs\/\{catalog\}/, '/c')}`, action);

// ---------------------------------------------------------------- rows

function Detail({ entry }: { entry: AuditEntry }) {
  const rows: [string, string | null][] = [
    [t('audit.action'), entry.action], [t('audit.object'), entry.object || '–'], [t('audit.remote'), entry.remote], [t('audit.request'), entry.request], [t('audit.hash'), entry.hash],
  ];
  return (
    <div class="detail">
      <dl class="kv"><dt>{t('audit.at')}</dt><dd>{longDate.format(new Date(entry.at))}</dd>{rows.map(([k, v]) => <><dt>{k}</dt><dd class="mono">{v ?? '–'}</dd></>)}</dl>
      <div>
        <h3>{t('audit.detail')}</h3>
        <Changes text={entry.detail} />
        <CopyButton text={JSON.stringify(entry, null, 2)} label={t('audit.copy')} />
      </div>
    </div>
  );
}

// A detail is a JSON object, or words. {"before", "after"} is shown as what changed.
function Changes({ text }: { text: string | null }) {
  if (!text) return <p class="dim">{t('audit.noDetail')}</p>;
  const o = parsed(text);
  if (!o) return <p class="words">{text}</p>;
  const [before, after] = [o.before, o.after].map(v => (v && typeof v === 'object' ? (v as Record<string, unknown>) : null));
  if (before && after) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(k => JSON.stringify(before[k]) !== JSON.stringify(after[k]));
    return <dl class="diff">{keys.map(k => <div key={k}><dt>{k}</dt><dd><del>{told(before[k])}</del> <ins>{told(after[k])}</ins></dd></div>)}</dl>;
  }
  return <dl class="diff">{Object.entries(o).map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{told(v)}</dd></div>)}</dl>;
}

const told = (v: unknown) => (v === undefined ? '–' : typeof v === 'string' ? v : JSON.stringify(v));

function parsed(text: string): Record<string, unknown> | null {
  try {
    const o: unknown = JSON.parse(text);
    return o && typeof o === 'object' && !Array.isArray(o) ? (o as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function Row({ entry, open, onToggle }: { entry: AuditEntry; open: boolean; onToggle: () => void }) {
  const ok = entry.outcome === 'ok';
  return (
    <>
      <tr class={open ? 'open' : ''}>
        <td class="nowrap"><time class="num" dateTime={entry.at} title={longDate.format(new Date(entry.at))}>{shortDate.format(new Date(entry.at))}</time></td>
        <td class="cut who-did">{entry.actor}</td>
        <th scope="row" class="cell"><button type="button" class="rowbtn" aria-expanded={open} onClick={onToggle}>{actionWord(entry.action)}</button></th>
        <td class="mono cut object" title={entry.object}>{entry.object}</td>
        <td class="r num">{t('number', { n: entry.count })}</td>
        <td><span class={'st ' + (ok ? 'healthy' : 'risk')}><Glyph state={ok ? 'healthy' : 'atRisk'} size={10} />{named(`outcome.${entry.outcome}`, entry.outcome)}</span></td>
      </tr>
      {open ? <tr class="more"><td colSpan={6}><Detail entry={entry} /></td></tr> : null}
    </>
  );
}

// ---------------------------------------------------------------- verify, export

function Chain({ w }: { w: Wanted }) {
  const [report, setReport] = useState<AuditReport | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => setReport(null), [w.whole, catalog.value]);
  async function verify() {
    setBusy(true);
    setError(null);
    try {
      setReport(await (w.whole ? call('GET /audit/verify', {}) : call('GET /catalogs/{catalog}/audit/verify', { path: { catalog: catalog.value } })));
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  }
  return (
    <section class="card c12 chain" aria-labelledby="chain">
      <div class="words">
        <h2 id="chain"><ShieldIcon />{t('chain.title')}</h2>
        {report ? (
          <p role="status" class={report.ok ? 'healthy' : 'quar'}><Glyph state={report.ok ? 'healthy' : 'quarantined'} /> {report.ok ? t('chain.ok', { n: report.entries }) : t('chain.broken', { n: report.firstBad ?? 0 })}</p>
        ) : <p class="dim">{t('chain.why')}</p>}
        {report?.seal ? <p class="dim">{t('chain.seal', { seq: report.seal.seq })} <Ago t={report.seal.at} /></p> : report ? <p class="dim">{t('chain.noSeal')}</p> : null}
        {report ? <p class="mono dim head">{report.head}</p> : null}
        <Says error={error} />
      </div>
      <button type="button" class="btn" disabled={busy} onClick={() => void verify()}>{busy ? t('chain.busy') : t('chain.verify')}</button>
    </section>
  );
}

const FIELDS = ['seq', 'at', 'actor', 'action', 'object', 'count', 'outcome', 'remote', 'request', 'detail', 'hash'] as const;
// A leading =, +, - or @ would be a formula to a spreadsheet.
const cell = (v: unknown) => {
  const text = v === null || v === undefined ? '' : String(v);
  const safe = /^[=+\-@\t\r]/.test(text) && typeof v === 'string' ? "'" + text : text;
  return /[",\n\r;]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
};
const asText: Record<Format, (items: AuditEntry[]) => string> = {
  csv: items => [FIELDS.join(','), ...items.map(e => FIELDS.map(f => cell(e[f])).join(','))].join('\r\n') + '\r\n',
  ndjson: items => items.map(e => JSON.stringify(e) + '\n').join(''),
};

async function everything(w: Wanted): Promise<AuditEntry[]> {
  const all: AuditEntry[] = [];
  let cursor: string | null = null;
  do {
    const one: AuditPage = await page(w, cursor, 200);
    all.push(...one.items);
    cursor = one.next;
  } while (cursor && all.length < EXPORT_MOST);
  return all;
}

function save(name: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function Export({ w, onError }: { w: Wanted; onError: (e: unknown) => void }) {
  const [busy, setBusy] = useState(false);
  async function run(format: Format) {
    setBusy(true);
    try {
      save(`audit-${w.whole ? 'installation' : catalog.value}.${format}`, asText[format](await everything(w)));
    } catch (failure) {
      onError(failure);
    }
    setBusy(false);
  }
  return (
    <Menu class="export" label={t('audit.export')} face={<span class="btn"><DownIcon />{t(busy ? 'audit.exporting' : 'audit.export')}</span>}>
      <button type="button" class="item" onClick={() => void run('csv')}>CSV</button>
      <button type="button" class="item" onClick={() => void run('ndjson')}>NDJSON</button>
    </Menu>
  );
}

// ---------------------------------------------------------------- the page

function Filters({ w }: { w: Wanted }) {
  const form = useRef<HTMLFormElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    // The address changed by another hand: back, or "clear".
    for (const name of ['actor', 'object'] as const) {
      const input = form.current!.elements.namedItem(name) as HTMLInputElement;
      if (document.activeElement !== input) input.value = w[name];
    }
  }, [w.actor, w.object]);
  const text = (name: string) => String(new FormData(form.current!).get(name) ?? '').trim() || null;
  const change = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setQuery({ actor: text('actor'), object: text('object') }), 250);
  };
  return (
    <form class="filters" ref={form} onSubmit={e => { e.preventDefault(); change(); }} role="search">
      <label><span class="only-read">{t('audit.actor')}</span><input class="input" name="actor" type="search" placeholder={t('audit.actor')} defaultValue={w.actor} maxLength={80} onInput={change} spellcheck={false} /></label>
      <label><span class="only-read">{t('audit.object')}</span><input class="input" name="object" type="search" placeholder={t('audit.objectHint')} defaultValue={w.object} maxLength={200} onInput={change} spellcheck={false} /></label>
      <Seg label={t('audit.outcome')} value={w.outcome} onPick={v => setQuery({ outcome: v || null })}
        choices={[{ value: '', label: t('level.all') }, ...OUTCOMES.map(value => ({ value, label: t(`outcome.${value}`) }))]} />
      <Seg label={t('telemetry.range')} value={w.span} onPick={v => setQuery({ from: v ? '-' + v : null })}
        choices={[...(Object.keys(SPANS) as Span[]).map(value => ({ value, label: t(`span.${value as keyof typeof SPANS}`) })), { value: '' as Span, label: t('span.all') }]} />
    </form>
  );
}

function useEntries(w: Wanted) {
  const [items, setItems] = useState<AuditEntry[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const key = JSON.stringify(w) + catalog.value;
  const latest = useRef(key);
  latest.current = key;
  const load = async (cursor: string | null) => {
    try {
      const one = await page(w, cursor);
      if (latest.current !== key) return;
      setItems(before => (cursor ? [...(before ?? []), ...one.items] : one.items));
      setNext(one.next);
      setError(null);
    } catch (failure) {
      if (latest.current === key) setError(failure);
    }
  };
  useEffect(() => void load(null), [key]);
  return { items, next, error, setError, load };
}

export function Audit() {
  const w = useMemo(() => wanted(place.value.query), [place.value.query]);
  const { items, next, error, setError, load } = useEntries(w);
  const [open, setOpen] = useState<number | null>(null);
  const filtered = !!(w.actor || w.object || w.outcome || w.span);
  const columns = [t('audit.at'), t('audit.actor'), t('audit.what'), t('audit.object'), t('audit.reach'), t('audit.outcome')];
  return (
    <Page title={t('nav.audit')} tools={<Export w={w} onError={setError} />}>
      <Chain w={w} />
      <section class="card c12 trail" aria-labelledby="trail">
        <header>
          <h2 id="trail">{t('audit.trail')}</h2>
          <Seg label={t('audit.chain')} value={w.whole ? 'installation' : ''} onPick={v => setQuery({ chain: v || null })}
            choices={[{ value: '', label: t('audit.ofCatalog') }, { value: 'installation', label: t('audit.ofInstallation') }]} />
          <span class="grow" /><Filters w={w} />
        </header>
        {error ? <div class="pad"><Says error={error} retry={() => void load(null)} /></div> : null}
        {items?.length ? (
          <div class="scrolls" tabIndex={0} role="group" aria-labelledby="trail">
            <table class="entries">
              <thead><tr>{columns.map((c, i) => <th key={c} scope="col" class={i === 4 ? 'r' : ''}>{c}</th>)}</tr></thead>
              <tbody>{items.map(e => <Row key={e.seq} entry={e} open={open === e.seq} onToggle={() => setOpen(open === e.seq ? null : e.seq)} />)}</tbody>
            </table>
          </div>
        ) : items ? (
          <div class="empty"><b>{t(filtered ? 'audit.noMatch' : 'audit.none')}</b>{filtered ? <button type="button" class="btn" onClick={() => setQuery({ actor: null, object: null, outcome: null, from: null })}>{t('devices.clear')}</button> : null}</div>
        ) : error ? null : <div class="pad"><span class="skeleton" /></div>}
        {next ? <div class="pad"><button type="button" class="btn" onClick={() => void load(next)}>{t('audit.older')}</button></div> : null}
      </section>
    </Page>
  );
}
