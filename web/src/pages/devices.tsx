// SPDX-License-Identifier: Apache-2.0
//
// devices: which devices match, how they are, live, and what is to be done with them.
//
//   address --Filter--> Fleet --> facets, rows --choice--> change of many --> job

import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Facets as FacetsBody } from '../api/api';
import { call } from '../api/client';
import { readColumns, writeColumns } from '../core/columns';
import { PARAMS, filterAddress, filterBody, filterQuery, isEmpty, isSort, readFilter, toggled, without, type Filter, type Sort } from '../core/filter';
import { Fleet } from '../core/fleet';
import { loadInventory, namesNeeded } from '../core/inventory';
import { follow } from '../core/jobs';
import { kept, keep } from '../core/prefs';
import { go, place, setQuery } from '../core/router';
import { Selection } from '../core/selection';
import { catalog, may } from '../core/session';
import { named, t } from '../i18n/i18n';
import { BulkBar, BulkDialog, aim, offered, type Action } from '../parts/bulk';
import { DeviceGrid } from '../parts/device-grid';
import { Facets } from '../parts/facets';
import { Jobs } from '../parts/job';
import { QueryBar } from '../parts/query-bar';
import { Says } from '../parts/says';
import { Page } from '../parts/shell';
import { Glyph, STATES, stateClass, stateWord } from '../parts/state';
import { More, Views } from '../parts/views';

const REFRESH_MS = 10_000;

// Each way out of a filter, so that one sees which condition leaves nothing over.
function NoMatch({ filter, onChange }: { filter: Filter; onChange: (f: Filter) => void }) {
  const [ways, setWays] = useState<{ p: string; n: number; capped: boolean; next: Filter }[]>([]);
  const used = PARAMS.filter(p => filter[p]?.length);
  useEffect(() => {
    let gone = false;
    const look = async (p: (typeof used)[number]) => {
      const next = without(filter, p);
      const { total, capped } = await call('GET /catalogs/{catalog}/devices/facets', { path: { catalog: catalog.value }, query: filterBody(next) });
      return { p, n: total, capped, next };
    };
    if (used.length > 1) {
      Promise.all(used.map(look)).then(found => {
        if (!gone) setWays(found.filter(w => w.n).sort((a, b) => b.n - a.n));
      }, () => {}); // then there is only the way back to all
    }
    return () => {
      gone = true;
    };
  }, [filterQuery(filter)]);
  return (
    <div class="empty">
      <b>{t('devices.noMatch')}</b>
      <div class="actions center">
        {ways.map(w => <button key={w.p} type="button" class="btn" onClick={() => onChange(w.next)}>{t('devices.without', { name: named(`param.${w.p}`, w.p), n: w.n })}</button>)}
        <button type="button" class="btn" onClick={() => onChange({})}>{t('devices.clear')}</button>
      </div>
    </div>
  );
}

function None() {
  return (
    <div class="empty">
      <b>{t('devices.none')}</b>
      {may('devices:claim') ? <><p>{t('devices.noneHow')}</p><a class="btn p" href={`/c/${catalog.value}/claim`}>{t('claim.title')}</a></> : t('devices.noneWait')}
    </div>
  );
}

function StateTabs({ body, filter, onPick }: { body: FacetsBody | null; filter: Filter; onPick: (state: string) => void }) {
  const counts = new Map(body?.facets.state?.map(v => [v.value, v.n]));
  const chosen = filter.state ?? [];
  const total = body ? t(body.capped ? 'devices.atLeast' : 'number', { n: body.total }) : '–';
  return (
    <ul class="tiles" aria-label={t('devices.census')}>
      <li><button type="button" aria-pressed={!chosen.length} onClick={() => onPick('')}><span class="dim">{t('devices.all')}</span><b class="num fades">{chosen.length ? '' : total}</b></button></li>
      {STATES.slice().reverse().map(s => (
        <li key={s}><button type="button" aria-pressed={chosen.includes(s)} onClick={() => onPick(s)}>
          <span class={'st ' + stateClass(s)}><Glyph state={s} />{stateWord(s)}</span><b class="num fades">{body ? t('number', { n: counts.get(s) ?? 0 }) : '–'}</b>
        </button></li>
      ))}
    </ul>
  );
}

function Newer({ fleet }: { fleet: Fleet }) {
  if (!fleet.outdated.value) return null;
  const n = fleet.newer.value;
  return <button type="button" class="newer" onClick={() => fleet.adopt()}>{n ? t('devices.newer', { n }) : t('devices.outdated')}</button>;
}

function useFleet(name: string, filter: Filter, sort: Sort | ''): Fleet {
  const fleet = useMemo(() => new Fleet(name), [name]);
  const key = filterQuery(filter);
  useEffect(() => void fleet.show(filter, sort), [fleet, key, sort]);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) void fleet.refresh();
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [fleet]);
  return fleet;
}

export function Devices() {
  const { query } = place.value;
  const name = catalog.value;
  const filter = readFilter(window.location.search);
  const asked = query.get('sort');
  const sort = isSort(asked) ? asked : '';
  const columns = readColumns(query.get('cols'));
  const fleet = useFleet(name, filter, sort);
  const selection = useMemo(() => new Selection(), [name]);
  const [dense, setDense] = useState(kept('dense') === 'yes');
  const [facetsOpen, setFacetsOpen] = useState(kept('facets') ? kept('facets') === 'yes' : !window.matchMedia('(max-width: 820px)').matches);
  const [action, setAction] = useState<Action | null>(null);
  const key = filterQuery(filter);
  const body = fleet.facets.value;
  const total = body && !body.capped ? body.total : fleet.total.value;
  const chooses = offered().length > 0;

  useEffect(() => selection.clear(), [key]);
  useEffect(() => void loadInventory(name).catch(() => {}), [name, namesNeeded(filter)]); // without it, ids stand for names
  const change = (f: Filter, push = true) => go(filterAddress(place.value.path, place.value.query, f), { replace: !push });
  const pick = (state: string) => change(!state || (filter.state?.length === 1 && filter.state[0] === state) ? without(filter, 'state') : { ...filter, state: [state] });
  const togglePanel = () => {
    keep('facets', facetsOpen ? 'no' : 'yes');
    setFacetsOpen(!facetsOpen);
  };
  const toggleDense = (on: boolean) => {
    keep('dense', on ? 'yes' : 'no');
    setDense(on);
  };
  const none = fleet.loaded.value && !fleet.total.value && !fleet.error.value;

  return (
    <Page title={t('nav.devices')} class="fills">
      <div class="fleet">
        <section class="card finder" aria-label={t('devices.finder')}>
          <QueryBar filter={filter} facets={body} onChange={change} />
          <div class="tools">
            <button type="button" class="btn sm" aria-pressed={facetsOpen} onClick={togglePanel}>{t('devices.facets')}</button>
            <Views />
            <More filter={filter} sort={sort} columns={columns} dense={dense} onDense={toggleDense} onColumns={c => setQuery({ cols: writeColumns(c) })} />
          </div>
          <StateTabs body={body} filter={filter} onPick={pick} />
        </section>
        <Jobs />
        <div class={'split' + (facetsOpen ? '' : ' bare')}>
          {facetsOpen && (body || !fleet.error.value) ? <aside class="card side" aria-label={t('devices.facets')} tabIndex={0}><Facets body={body} filter={filter} onPick={(p, v) => change(toggled(filter, p, v))} /></aside> : null}
          <section class="card list" aria-label={t('devices.list')}>
            {fleet.error.value ? <div class="pad"><Says error={fleet.error.value} retry={() => void fleet.show(filter, sort)} /></div> : null}
            <Newer fleet={fleet} />
            <DeviceGrid key={key + sort} fleet={fleet} selection={selection} look={{ columns, dense }} sort={sort} chooses={chooses} onSort={s => setQuery({ sort: s || null })} />
            {none ? (isEmpty(filter) ? <None /> : <NoMatch filter={filter} onChange={change} />) : null}
            <BulkBar selection={selection} total={total} onAction={setAction} />
          </section>
        </div>
      </div>
      {action ? <BulkDialog action={action} target={aim(selection, filter)} count={selection.all.value ? total : selection.ids.value.size} onClose={() => setAction(null)}
        onJob={job => {
          selection.clear();
          follow(name, job, () => void fleet.show(filter, sort));
        }} /> : null}
    </Page>
  );
}
