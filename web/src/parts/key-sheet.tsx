// SPDX-License-Identifier: Apache-2.0
//
// key-sheet: which key does what ("?").

import { signal } from '@preact/signals';
import { setShortcuts, shortcuts } from '../core/prefs';
import { t, type Key } from '../i18n/i18n';
import { Dialog } from './dialog';
import { CrossIcon } from './icons';

export const keysShown = signal(false);

const LISTS: [string, Key][] = [['j', 'keys.next'], ['k', 'keys.previous'], ['x', 'keys.select'], ['Enter', 'keys.open']];
const MAP: [string, Key][] = [['↑ ↓', 'keys.ring'], ['← →', 'keys.site'], ['Enter', 'keys.openSite']];
const ANY: [string, Key][] = [['/', 'keys.find'], ['?', 'keys.sheet'], ['Esc', 'keys.close']];

export const Keys = ({ keys }: { keys: string }) => <span class="keys">{keys.split(' ').map(k => <kbd key={k}>{k}</kbd>)}</span>;

function Part({ head, rows }: { head: string; rows: [string, string][] }) {
  return (
    <section>
      <h3>{head}</h3>
      <dl>{rows.map(([keys, what]) => <div key={keys}><dt><Keys keys={keys} /></dt><dd>{what}</dd></div>)}</dl>
    </section>
  );
}

export function KeySheet({ entries }: { entries: { label: string; keys: string }[] }) {
  const close = () => (keysShown.value = false);
  const said = (rows: [string, Key][]) => rows.map(([k, what]) => [k, t(what)] as [string, string]);
  return (
    <Dialog label={t('keys.title')} class="sheet" onClose={close}>
      <header><h2>{t('keys.title')}</h2><button type="button" class="btn ghost sm" aria-label={t('action.close')} onClick={close}><CrossIcon /></button></header>
      <div class="cols">
        <Part head={t('keys.anywhere')} rows={said(ANY)} />
        <Part head={t('keys.go')} rows={entries.map(e => [e.keys, e.label])} />
        <Part head={t('keys.lists')} rows={said(LISTS)} />
        <Part head={t('keys.map')} rows={said(MAP)} />
      </div>
      <label class="tick"><input type="checkbox" checked={shortcuts.value} onChange={e => setShortcuts((e.target as HTMLInputElement).checked)} />{t('keys.on')}</label>
    </Dialog>
  );
}
