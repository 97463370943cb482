// SPDX-License-Identifier: Apache-2.0
//
// insights: what kinds of events there were, of a device or of all; a kind leads to its lines.

import { useEffect, useState } from 'preact/hooks';
import type { Insights as Body } from '../api/api';
import { call } from '../api/client';
import { catalog } from '../core/session';
import { Ago } from '../core/time';
import { named, t } from '../i18n/i18n';
import { Says } from './says';

const SHOWN = 20;
const LEVEL_CLASS: Record<string, string> = { warn: 'risk', error: 'quar', debug: 'unknown', info: 'dim' };

type Kind = Body['items'][number];

function hrefOf(kind: Kind, device?: string): string {
  const query = new URLSearchParams({ kind: 'events', span: '30d', q: `"${kind.class}"` });
  if (kind.category) query.set('source', kind.category);
  if (device) query.set('device', device);
  return `/c/${catalog.value}/logs?${query}`;
}

export function Insights({ device }: { device?: string }) {
  const [body, setBody] = useState<Body | null>(null);
  const [error, setError] = useState<unknown>(null);
  const load = () => {
    const query = { limit: SHOWN };
    const asked = device
      ? call('GET /catalogs/{catalog}/devices/{id}/insights', { path: { catalog: catalog.value, id: device }, query })
      : call('GET /catalogs/{catalog}/insights', { path: { catalog: catalog.value }, query });
    asked.then(found => {
      setBody(found);
      setError(null);
    }, setError);
  };
  useEffect(load, [device, catalog.value]);
  if (!error && !body?.items.length) return null;
  return (
    <section class={device ? 'card' : 'card c12'} aria-labelledby="insights">
      <header><h2 id="insights">{t('insights.title')}</h2><span class="sub">{t('insights.span')}</span></header>
      {error ? <div class="pad"><Says error={error} retry={load} /></div> : null}
      <div class="scrolls" tabIndex={0} role="group" aria-labelledby="insights">
        <table class="entries">
          <thead><tr>
            <th scope="col">{t('insights.class')}</th><th scope="col">{t('logs.source')}</th><th scope="col">{t('insights.level')}</th><th scope="col" class="r">{t('insights.count')}</th>
            {device ? null : <th scope="col" class="r">{t('nav.devices')}</th>}<th scope="col">{t('insights.last')}</th>
          </tr></thead>
          <tbody>{body?.items.map(k => (
            <tr key={`${k.class} ${k.category}`}>
              <th scope="row" class="cell"><a class="link" href={hrefOf(k, device)}>{k.class}</a></th><td>{k.category ?? '–'}</td>
              <td><span class={'level ' + (LEVEL_CLASS[k.level] ?? 'dim')}>{named(`level.${k.level}`, k.level)}</span></td><td class="r num">{t('number', { n: k.count })}</td>
              {device ? null : <td class="r num">{t('number', { n: k.devices })}</td>}<td class="nowrap"><Ago t={k.last} /></td>
            </tr>
          ))}</tbody>
        </table>
      </div>
    </section>
  );
}
