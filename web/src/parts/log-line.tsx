// SPDX-License-Identifier: Apache-2.0
//
// log-line: one line or event of a device, or of one of many (who).

import type { ComponentChildren } from 'preact';
import type { JournalEntry } from '../api/api';
import { clock, longDate, named } from '../i18n/i18n';

const LEVEL_CLASS: Record<string, string> = { warn: 'risk', error: 'quar', debug: 'unknown', info: 'dim' };

const fieldText = (fields: Record<string, unknown> | null | undefined) =>
  Object.entries(fields ?? {}).map(([k, v]) => `${k}=${typeof v === 'object' ? JSON.stringify(v) : String(v)}`).join(' ');

export function LogLine({ e, who }: { e: JournalEntry; who?: ComponentChildren }) {
  const date = new Date(e.t);
  const fields = fieldText(e.fields);
  return (
    <li>
      <time class="mono dimmer" dateTime={date.toISOString()} title={longDate.format(date)}>{clock.format(date)}</time>
      <span class={'level ' + (LEVEL_CLASS[e.level] ?? 'dim')}>{named(`level.${e.level}`, e.level)}</span>
      {who}
      <span class="says-what">
        {e.event && e.name ? <span class="tag">{e.name}</span> : null}{e.source ? <span class="dimmer">{e.source} </span> : null}
        {e.text}{fields ? <span class="mono dimmer"> {fields}</span> : null}
      </span>
    </li>
  );
}
