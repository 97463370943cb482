// SPDX-License-Identifier: Apache-2.0
//
// views: what goes with the present list: saved views, columns, density, export, the same as a call of the API.

import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { View } from '../api/api';
import { address, call } from '../api/client';
import { COLUMNS, type Column } from '../core/columns';
import { filterBody, type Filter } from '../core/filter';
import { place } from '../core/router';
import { catalog, devicesHref } from '../core/session';
import { named, t } from '../i18n/i18n';
import { lacking } from './device-grid';
import { Dialog } from './dialog';
import { Menu } from './menu';
import { Says } from './says';

const VIEWS = '/catalogs/{catalog}/saved-views';
const EXPORTED = ['id', 'name', 'state', 'stateReason', 'product', 'group', 'osVersion', 'attestedVersion', 'lastSeen', 'tags'];
const views = signal<View[] | null>(null);
const failed = signal<unknown>(null);

async function load(): Promise<void> {
  try {
    views.value = (await call(`GET ${VIEWS}`, { path: { catalog: catalog.value } })).items;
    failed.value = null;
  } catch (e) {
    failed.value = e;
  }
}

const present = () => place.value.query.toString();

function SaveView({ onClose }: { onClose: () => void }) {
  const [error, setError] = useState<unknown>(null);
  async function submit(e: Event) {
    e.preventDefault();
    const data = new FormData(e.target as HTMLFormElement);
    try {
      await call(`POST ${VIEWS}`, { path: { catalog: catalog.value }, body: { name: String(data.get('name')).trim(), query: window.location.search.slice(1), shared: data.has('shared') } });
      await load();
      onClose();
    } catch (failure) {
      setError(failure);
    }
  }
  return (
    <Dialog label={t('devices.saveView')} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <h2>{t('devices.saveView')}</h2>
        <p class="dim">{t('devices.saveViewHow')}</p>
        <Says error={error} />
        <div class="field"><label for="view-name">{t('devices.viewName')}</label><input class="input" id="view-name" name="name" required maxLength={80} autocomplete="off" autofocus /></div>
        <label class="tick"><input type="checkbox" name="shared" />{t('devices.viewShared')}</label>
        <div class="actions end"><button type="button" class="btn" onClick={onClose}>{t('action.cancel')}</button><button class="btn p" type="submit">{t('devices.saveViewGo')}</button></div>
      </form>
    </Dialog>
  );
}

export function Views() {
  const [saving, setSaving] = useState(false);
  useEffect(() => void load(), [catalog.value]);
  const drop = (v: View) => call(`DELETE ${VIEWS}/{id}`, { path: { catalog: catalog.value, id: v.id }, ifMatch: v.version }).then(load, e => (failed.value = e));
  const here = views.value?.find(v => new URLSearchParams(v.query).toString() === present());
  return (
    <>
      <Menu label={here?.name ?? t('devices.views')} face={<span class="btn sm">{here ? <bdi class="cut">{here.name}</bdi> : t('devices.views')}</span>} onOpen={load}>
        <Says error={failed.value} />
        {views.value?.length ? <ul class="viewlist">{views.value.map(v => (
          <li key={v.id}><a href={devicesHref() + (v.query ? '?' + v.query : '')} aria-current={v === here ? 'true' : undefined}><bdi class="cut">{v.name}</bdi>{v.shared ? <span class="tag">{t('devices.shared')}</span> : null}</a>
            {v.mine ? <button type="button" class="btn ghost sm" aria-label={t('devices.dropView', { name: v.name })} onClick={() => void drop(v)}>{t('action.delete')}</button> : null}</li>
        ))}</ul> : <p class="dim">{t('devices.noViews')}</p>}
        <button type="button" class="btn sm" onClick={() => setSaving(true)}>{t('devices.saveView')}</button>
      </Menu>
      {saving ? <SaveView onClose={() => setSaving(false)} /> : null}
    </>
  );
}

// What a shell makes of it is what stands there.
const shellQuoted = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;

export function More({ filter, sort, columns, dense, onColumns, onDense }: {
  filter: Filter; sort: string; columns: Column[]; dense: boolean; onColumns: (c: Column[]) => void; onDense: (dense: boolean) => void;
}) {
  const [copied, setCopied] = useState('');
  const query = { ...filterBody(filter), sort };
  const path = { catalog: catalog.value };
  const link = (format: string) => address('/catalogs/{catalog}/devices/export', path, { ...filterBody(filter), format, columns: EXPORTED.join(',') });
  const copy = async (text: string) => {
    await navigator.clipboard.writeText(text);
    setCopied(t('action.copied'));
    setTimeout(() => setCopied(''), 1500);
  };
  const callText = () => copy(`curl -H "Authorization: Bearer $ORRERY_TOKEN" ${shellQuoted(window.location.origin + address('/catalogs/{catalog}/devices', path, { ...query, limit: 200 }))}`);
  return (
    <>
      <span class="only-read" role="status">{copied}</span>
      <Menu label={t('devices.columns')} face={<span class="btn sm">{t('devices.columns')}</span>}>
        <fieldset class="checks"><legend class="only-read">{t('devices.columns')}</legend>
          {COLUMNS.map(c => <label key={c} class="tick"><input type="checkbox" disabled={c === 'name'} checked={columns.includes(c)}
            onChange={() => onColumns(columns.includes(c) ? columns.filter(x => x !== c) : [...columns, c])} />{named(`col.${c}`, c)}{lacking.value.includes(c) ? <span class="dimmer">{t('devices.noRoom')}</span> : null}</label>)}
          <hr />
          <label class="tick"><input type="checkbox" checked={dense} onChange={() => onDense(!dense)} />{t('devices.dense')}</label>
        </fieldset>
      </Menu>
      <Menu label={t('devices.export')} face={<span class="btn sm">{t('devices.export')}</span>}>
        <a class="item" href={link('csv')} download>{t('devices.csv')}</a>
        <a class="item" href={link('ndjson')} download>{t('devices.ndjson')}</a>
        <button type="button" class="item" onClick={() => void callText()}>{t('devices.copyCall')}</button>
        <button type="button" class="item" onClick={() => void copy(window.location.href)}>{t('devices.copyLink')}</button>
      </Menu>
    </>
  );
}

