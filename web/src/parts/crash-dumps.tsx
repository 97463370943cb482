// SPDX-License-Identifier: Apache-2.0
//
// crash-dumps: what programs left behind when they fell over, of a device or of all; for owners to read.

import { useEffect, useState } from 'preact/hooks';
import type { CrashDump } from '../api/api';
import { address, call } from '../api/client';
import { catalog, devicesHref, may } from '../core/session';
import { Ago } from '../core/time';
import { t } from '../i18n/i18n';
import { Dialog } from './dialog';
import { Says } from './says';

const DUMPS = '/catalogs/{catalog}/crash-dumps';
const SHOWN = 20;

const sizeText = (bytes: number) => (bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1048576).toFixed(1)} MiB`);

function Drop({ dump, onClose, onDone }: { dump: CrashDump; onClose: () => void; onDone: () => void }) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const run = (e: Event) => {
    e.preventDefault();
    setBusy(true);
    call(`DELETE ${DUMPS}/{id}`, { path: { catalog: catalog.value, id: dump.id } }).then(onDone, failure => {
      setError(failure);
      setBusy(false);
    });
  };
  return (
    <Dialog label={t('dumps.drop')} onClose={onClose}>
      <form class="form" onSubmit={run}>
        <h2>{t('dumps.drop')}</h2>
        <p>{t('dumps.dropWhy')}</p>
        <Says error={error} />
        <div class="actions end"><button type="button" class="btn" onClick={onClose} autofocus>{t('action.cancel')}</button><button type="submit" class="btn d" disabled={busy}>{t('action.delete')}</button></div>
      </form>
    </Dialog>
  );
}

function Row({ d, device, owner, onDrop }: { d: CrashDump; device: boolean; owner: boolean; onDrop: () => void }) {
  return (
    <tr>
      <th scope="row" class="cell"><bdi>{d.name}</bdi></th>
      {device ? null : <td>{d.device ? <a class="link" href={devicesHref(d.device) + '/logs'}><bdi>{d.deviceName ?? d.device.slice(0, 8)}</bdi></a> : '–'}</td>}
      <td class="nowrap"><Ago t={d.at} /></td><td class="r num nowrap">{sizeText(d.bytes)}</td><td class="mono dim" title={d.sha256}>{d.sha256.slice(0, 12)}</td>
      {owner ? (
        <td class="r"><span class="actions end nowrap">
          <a class="btn sm ghost" href={address(`${DUMPS}/{id}/content`, { catalog: catalog.value, id: d.id })} aria-label={t('dumps.downloadOf', { name: d.name })} download>{t('dumps.download')}</a>
          <button type="button" class="btn sm ghost" aria-label={t('dumps.dropOf', { name: d.name })} onClick={onDrop}>{t('action.delete')}</button>
        </span></td>
      ) : null}
    </tr>
  );
}

export function CrashDumps({ device }: { device?: string }) {
  const [items, setItems] = useState<CrashDump[]>([]);
  const [next, setNext] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [drop, setDrop] = useState<CrashDump | null>(null);
  const owner = may('dumps:read');
  const load = (cursor: string | null) =>
    void call(`GET ${DUMPS}`, { path: { catalog: catalog.value }, query: { device: device ?? null, limit: SHOWN, cursor } }).then(page => {
      setItems(before => (cursor ? [...before, ...page.items] : page.items));
      setNext(page.next);
      setError(null);
    }, setError);
  useEffect(() => load(null), [device, catalog.value]);
  const gone = () => {
    setDrop(null);
    load(null);
  };
  if (!error && !items.length) return null;
  return (
    <section class={device ? 'card' : 'card c12'} aria-labelledby="dumps">
      <header><h2 id="dumps">{t('dumps.title')}</h2></header>
      {owner ? <p class="pad dim">{t('dumps.what')}</p> : null}
      {error ? <div class="pad"><Says error={error} retry={() => load(null)} /></div> : null}
      <div class="scrolls" tabIndex={0} role="group" aria-labelledby="dumps">
        <table class="users">
          <thead><tr>
            <th scope="col">{t('dumps.program')}</th>{device ? null : <th scope="col">{t('nav.devices')}</th>}<th scope="col">{t('dumps.crashed')}</th><th scope="col" class="r">{t('dumps.size')}</th><th scope="col">SHA-256</th>{owner ? <td /> : null}
          </tr></thead>
          <tbody>{items.map(d => <Row key={d.id} d={d} device={!!device} owner={owner} onDrop={() => setDrop(d)} />)}</tbody>
        </table>
      </div>
      {next ? <div class="pad actions"><button type="button" class="btn" onClick={() => load(next)}>{t('dumps.more')}</button></div> : null}
      {drop ? <Drop dump={drop} onClose={() => setDrop(null)} onDone={gone} /> : null}
    </section>
  );
}
