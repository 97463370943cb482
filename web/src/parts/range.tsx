// SPDX-License-Identifier: Apache-2.0
//
// range: which time: a span up to now, or from a moment to another. Both stand in the address.

import { range, type Span } from '../core/explore';
import { setQuery } from '../core/router';
import { t } from '../i18n/i18n';
import { Menu } from './menu';
import { Seg } from './seg';

const pad = (n: number) => String(n).padStart(2, '0');
const local = (ms: number) => {
  const d = new Date(ms);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}T${pad(d.getHours())}:${pad(d.getMinutes())}`;
};

export function RangePicker({ from: asked, to: end, spans }: { from: string; to: string; spans: readonly Span[] }) {
  const span = spans.find(s => asked === '-' + s && !end);
  const { from, to } = range({ from: asked, to: end }, Date.now());
  const set = (name: 'from' | 'to') => (e: Event) => {
    const ms = Date.parse((e.target as HTMLInputElement).value);
    if (Number.isNaN(ms)) return;
    const next = { from: String(from), to: String(to), [name]: String(ms) };
    if (Number(next.from) < Number(next.to)) setQuery(next);
  };
  return (
    <>
      <Seg label={t('telemetry.range')} value={span ?? ('' as Span)} onPick={s => setQuery({ from: '-' + s, to: null })}
        choices={spans.map(value => ({ value, label: t(`range.${value}`) }))} />
      <Menu label={t('explore.absolute')} face={<span class={'btn sm' + (span ? '' : ' on')}>{t('explore.absolute')}</span>}>
        <div class="pad stack">
          <label class="field"><span>{t('explore.from')}</span><input class="input" type="datetime-local" value={local(from)} onChange={set('from')} /></label>
          <label class="field"><span>{t('explore.to')}</span><input class="input" type="datetime-local" value={local(to)} onChange={set('to')} /></label>
        </div>
      </Menu>
    </>
  );
}
