// SPDX-License-Identifier: Apache-2.0
//
// claim: how devices get in: one, a list, a file, or whoever knocks while a window is open.
//
//   ?method&group&site --> what is meant, judged line by line --> claimed --live--> seen to come up

import { signal } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ClaimsResult, Enrolment as Place } from '../api/api';
import { call } from '../api/client';
import { NotText, cut, idOf, readList, type BadLine, type Entry, type Found } from '../core/claims';
import { Fleet } from '../core/fleet';
import { groupName, groups, loadInventory } from '../core/inventory';
import { subscribe } from '../core/live';
import { place, setQuery } from '../core/router';
import { catalog, devicesHref, hrefOf } from '../core/session';
import { Ago } from '../core/time';
import { Upload } from '../core/upload';
import { t, type Key } from '../i18n/i18n';
import { Bar } from '../parts/job';
import { Registration } from '../parts/registration';
import { Done, Says } from '../parts/says';
import { Page } from '../parts/shell';
import { StateMark } from '../parts/state';

const METHODS = ['one', 'list', 'file', 'window'] as const;
type Method = (typeof METHODS)[number];
const AT_ONCE = 500;
const WATCHED = 50;
const BAD_SHOWN = 50;

const claimedIds = signal<string[]>([]); // of this visit, newest first

function Methods({ method }: { method: Method }) {
  return (
    <fieldset class="methods">
      <legend class="only-read">{t('claim.method')}</legend>
      {METHODS.map(m => (
        <label key={m} class={'method' + (m === method ? ' here' : '')}>
          <input type="radio" name="method" value={m} checked={m === method} onChange={() => setQuery({ method: m === 'one' ? null : m })} />
          <b>{t(`claim.by.${m}`)}</b><span class="dim">{t(`claim.how.${m}`)}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Where({ group, site }: { group: string; site: string }) {
  const all = groups.value;
  return (
    <div class="two even">
      <div class="field"><label for="claim-group">{t('claim.group')}</label>
        <select class="input" id="claim-group" value={group} onChange={e => setQuery({ group: (e.target as HTMLSelectElement).value || null })}>
          <option value="">{t('claim.noGroup')}</option>{all?.map(g => <option key={g.id} value={g.id}>{groupName(g)}</option>)}
        </select>
        {all && !all.length ? <small>{t('claim.noGroupsYet')} <a class="link" href={hrefOf('/products')}>{t('products.title')}</a></small> : null}
      </div>
      <div class="field"><label for="claim-site">{t('claim.site')}</label><input class="input" id="claim-site" dir="auto" maxLength={128} defaultValue={site} autocomplete="off" onChange={e => setQuery({ site: (e.target as HTMLInputElement).value.trim() || null })} /><small>{t('claim.siteHow')}</small></div>
    </div>
  );
}

function BadLines({ bad, count }: { bad: BadLine[]; count: number }) {
  if (!count) return null;
  return (
    <div class="badlines">
      <p class="st risk">{t('claim.bad', { n: count })}</p>
      <ol>{bad.slice(0, BAD_SHOWN).map(b => <li key={b.line}><span class="num dimmer">{t('job.line', { n: b.line })}</span><bdi class="mono cut">{b.text}</bdi><span>{t(`claim.flaw.${b.reason}` as Key)}</span></li>)}</ol>
      {count > BAD_SHOWN ? <p class="dim">{t('job.moreProblems', { n: count - Math.min(bad.length, BAD_SHOWN) })}</p> : null}
    </div>
  );
}

const counted = (r: { claimed: number; already: number }) => [t('claim.claimed', { n: r.claimed }), r.already ? t('claim.already', { n: r.already }) : ''].filter(Boolean).join(' · ');

function Refusals({ problems }: { problems: { line?: number; text: string }[] }) {
  if (!problems.length) return null;
  return (
    <div class="badlines">
      <p class="st risk">{t('claim.refused', { n: problems.length })}</p>
      <ol>{problems.slice(0, BAD_SHOWN).map((p, i) => <li key={i}><span class="num dimmer">{p.line ? t('job.line', { n: p.line }) : ''}</span><bdi>{p.text}</bdi></li>)}</ol>
      {problems.length > BAD_SHOWN ? <p class="dim">{t('job.moreProblems', { n: problems.length - BAD_SHOWN })}</p> : null}
    </div>
  );
}

// Five hundred at a time; what was refused keeps the line it stood on.
async function claimAll(entries: Entry[], lines: number[], extra: object, told: (n: number) => void): Promise<{ claimed: number; already: number; problems: { line?: number; text: string }[] }> {
  const sum = { claimed: 0, already: 0, problems: [] as { line?: number; text: string }[] };
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    const devices = entries.slice(at, at + AT_ONCE).map(e => ({ ...e, ...extra }));
    const r = (await call('POST /catalogs/{catalog}/claims', { path: { catalog: catalog.value }, body: { devices } })) as ClaimsResult; // so few are no job
    sum.claimed += r.claimed;
    sum.already += r.already;
    sum.problems.push(...r.problems.map(p => ({ line: lines[at + p.index], text: p.text })));
    const bad = new Set(r.problems.map(p => p.index));
    const good = await Promise.all(devices.filter((_, i) => !bad.has(i)).map(idOf));
    claimedIds.value = [...new Set([...good, ...claimedIds.peek()])].slice(0, WATCHED);
    told(at + devices.length);
  }
  return sum;
}

const extraOf = (group: string, site: string) => ({ ...(group ? { group } : {}), ...(site ? { tags: { site } } : {}) });

function Typed({ many, group, site }: { many: boolean; group: string; site: string }) {
  const [text, setText] = useState('');
  const [name, setName] = useState('');
  const [done, setDone] = useState<Awaited<ReturnType<typeof claimAll>> | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [sent, setSent] = useState<number | null>(null);
  const found = useMemo(() => readList(many ? text : text.trim()), [text, many]);
  const n = found.entries.length;

  async function submit(e: Event) {
    e.preventDefault();
    if (!n || sent !== null) return;
    const entries = !many && name.trim() ? [{ ...found.entries[0], name: name.trim() }] : found.entries;
    setError(null);
    setDone(null);
    setSent(0);
    try {
      setDone(await claimAll(many ? entries : entries.slice(0, 1), found.lines, extraOf(group, site), setSent));
      setText('');
      setName('');
    } catch (failure) {
      setError(failure);
    }
    setSent(null);
  }

  return (
    <form class="form" onSubmit={submit}>
      {many
        ? <div class="field"><label for="claim-list">{t('claim.list')}</label><textarea class="input mono" id="claim-list" rows={8} value={text} spellcheck={false} onInput={e => setText((e.target as HTMLTextAreaElement).value)} /><small>{t('claim.listHow')}</small></div>
        : <>
          <div class="field"><label for="claim-key">{t('claim.key')}</label><textarea class="input mono" id="claim-key" rows={2} value={text} spellcheck={false} aria-invalid={Boolean(text.trim()) && !n} onInput={e => setText((e.target as HTMLTextAreaElement).value)} /><small>{t('claim.keyHow')}</small></div>
          <div class="field"><label for="claim-name">{t('claim.name')}</label><input class="input" id="claim-name" dir="auto" maxLength={80} value={name} autocomplete="off" onInput={e => setName((e.target as HTMLInputElement).value)} /></div>
        </>}
      <BadLines bad={found.bad} count={found.bad.length} />
      <Says error={error} />
      {sent !== null && n > AT_ONCE ? <Bar share={sent / n} /> : null}
      <div class="actions"><button class="btn p" type="submit" disabled={!n || sent !== null}>{n ? t('claim.go', { n: many ? n : 1 }) : t('claim.title')}</button></div>
      {done ? <><Done text={counted(done)} /><Refusals problems={done.problems} /></> : null}
    </form>
  );
}

function Verified({ found, file, up, onStart }: { found: Found; file: File; up: Upload; onStart: () => void }) {
  const good = found.rows - found.badCount;
  const state = up.state.value;
  return (
    <>
      <p><b><bdi>{file.name}</bdi></b> <span class="dim num">{t('claim.rows', { n: found.rows })}</span></p>
      {found.first.length ? (
        <div class="scrolls" tabIndex={0} role="group" aria-label={t('claim.firstRows')}>
          <table><thead><tr>{found.names.slice(0, 8).map((c, i) => <th key={i} scope="col"><bdi>{c}</bdi></th>)}</tr></thead>
            <tbody>{found.first.map((r, i) => <tr key={i}>{r.slice(0, 8).map((c, k) => <td key={k} class="mono"><bdi>{c.slice(0, 40)}</bdi></td>)}</tr>)}</tbody></table>
        </div>
      ) : null}
      <BadLines bad={found.bad} count={found.badCount} />
      {state !== 'idle' ? <><Bar share={state === 'done' ? 1 : up.share.value} /><p class="dim num" role="status">{t('claim.progress', { share: Math.round(up.share.value * 100) })} {counted({ claimed: up.claimed.value, already: up.already.value })}</p></> : null}
      <Says error={up.error.value} />
      <div class="actions">
        {state === 'idle' ? <button type="button" class="btn p" disabled={!good} onClick={onStart}>{t('claim.go', { n: good })}</button>
          : state === 'sending' ? <button type="button" class="btn" onClick={() => up.halt()}>{t('job.stop')}</button>
          : state === 'halted' ? <button type="button" class="btn p" onClick={onStart}>{t('claim.goOn')}</button>
          : <Done text={counted({ claimed: up.claimed.value, already: up.already.value })} />}
        <a class="link" href={devicesHref() + '?sort=-created'}>{t('claim.newest')}</a>
      </div>
      <Refusals problems={up.problems.value} />
    </>
  );
}

function FromFile({ group, site }: { group: string; site: string }) {
  const [file, setFile] = useState<File | null>(null);
  const [found, setFound] = useState<Found | null>(null);
  const [share, setShare] = useState(0);
  const [error, setError] = useState<unknown>(null);
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const extra = { ...(group ? { group } : {}), ...(site ? { site } : {}) };
  const up = useMemo(() => (file ? new Upload(catalog.value, file, extra) : null), [file, group, site]);

  async function verify(chosen: File | undefined) {
    if (!chosen) return;
    setFile(chosen);
    setFound(null);
    setError(null);
    try {
      setFound(await cut(chosen, extra, async () => {}, read => setShare(read / chosen.size)));
    } catch (e) {
      setError(e instanceof NotText ? new Error(t(`claim.not.${e.why}`)) : e);
    }
  }
  return (
    <div class="form">
      <div class={'drop' + (over ? ' over' : '')} onDragOver={e => { e.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
        onDrop={e => { e.preventDefault(); setOver(false); void verify(e.dataTransfer?.files[0]); }}>
        <label class="btn" for="claim-file">{t('claim.pickFile')}</label>
        <input class="only-read" id="claim-file" ref={input} type="file" accept=".csv,.tsv,.txt,.json,text/csv,application/json" onChange={() => void verify(input.current?.files?.[0])} />
        <span class="dim">{t('claim.fileHow')}</span>
      </div>
      {error ? <div class="says" role="alert"><div>{(error as Error).message}</div></div> : null}
      {file && !found && !error ? <><p class="dim">{t('claim.reading')}</p><Bar share={share} /></> : null}
      {file && found && up ? <Verified found={found} file={file} up={up} onStart={() => void up.start()} /> : null}
    </div>
  );
}

function Watched({ fleet, id }: { fleet: Fleet; id: string }) {
  fleet.blocks.value; // a row that was not there may have come
  const row = fleet.rows.get(id)?.value;
  return (
    <li>
      <a class="link cut" href={devicesHref(id)}><bdi>{row?.name ?? id.slice(0, 16)}</bdi></a>
      {row ? <StateMark state={row.state} /> : null}<span class="grow" /><Ago t={row?.seenMs} never={t('claim.notYet')} />
    </li>
  );
}

// What was claimed here, watched until it comes up.
function Coming() {
  const ids = claimedIds.value;
  const fleet = useMemo(() => new Fleet(catalog.value), [catalog.value]);
  const key = ids.join();
  useEffect(() => {
    if (!ids.length) return;
    void fleet.load(ids);
    return subscribe({ name: 'devices', ids: () => claimedIds.peek(), frame: f => fleet.frame(f) });
  }, [key]);
  return (
    <section class="card" aria-labelledby="coming">
      <header><h2 id="coming">{t('claim.coming')}</h2></header>
      {ids.length ? <ol class="coming">{ids.map(id => <Watched key={id} fleet={fleet} id={id} />)}</ol> : <div class="empty">{t('claim.comingNone')}</div>}
    </section>
  );
}

function Enrolment() {
  const [at, setAt] = useState<Place | null>(null);
  useEffect(() => void call('GET /catalogs/{catalog}/enrolment', { path: { catalog: catalog.value } }).then(setAt, () => {}), []); // the rest of the page needs it not
  if (!at) return null;
  return (
    <section class="card" aria-labelledby="enrolment">
      <header><h2 id="enrolment">{t('claim.where')}</h2></header>
      <dl class="kv pad"><dt>{t('claim.server')}</dt><dd class="mono">{at.server}</dd><dt>{t('claim.ca')}</dt><dd class="mono">{at.caSha256}</dd></dl>
      {at.notice ? <p class="pad divided dim">{at.notice}</p> : null}
    </section>
  );
}

export function Claim() {
  const { query } = place.value;
  const asked = query.get('method') as Method;
  const method = METHODS.includes(asked) ? asked : 'one';
  const group = query.get('group') ?? '';
  const site = query.get('site') ?? '';
  const [error, setError] = useState<unknown>(null);
  useEffect(() => void loadInventory(catalog.value).catch(setError), [catalog.value]);
  return (
    <Page title={t('claim.title')}>
      <div class="c8 stack">
        <section class="card" aria-labelledby="method"><header><h2 id="method">{t('claim.step.method')}</h2></header><div class="pad"><Methods method={method} /></div></section>
        <section class="card" aria-labelledby="where"><header><h2 id="where">{t('claim.step.where')}</h2></header><div class="pad form"><Says error={error} /><Where group={group} site={site} /></div></section>
        <section class="card" aria-labelledby="what"><header><h2 id="what">{t(`claim.step.${method}`)}</h2></header>
          <div class="pad form">
            {method === 'file' ? <FromFile group={group} site={site} /> : method === 'window' ? <Registration group={group} site={site} /> : <Typed key={method} many={method === 'list'} group={group} site={site} />}
          </div>
        </section>
      </div>
      <div class="c4 stack"><Coming /><Enrolment /></div>
    </Page>
  );
}
