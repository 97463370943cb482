// SPDX-License-Identifier: Apache-2.0
//
// group-loudness: lets all devices of a group say more, or less, for some minutes.

import { useState } from 'preact/hooks';
import type { Group, Level } from '../api/api';
import { call } from '../api/client';
import { LEVELS } from '../core/logs';
import { catalog } from '../core/session';
import { clock, named, t } from '../i18n/i18n';
import { Dialog } from './dialog';
import { Says } from './says';

const MOST = 1440;

export const levelTag = (g: Group) => (g.logLevel ? t('loud.tag', { level: named(`level.${g.logLevel.level}`, g.logLevel.level), at: clock.format(new Date(g.logLevel.until)) }) : '');

export function GroupLoudness({ of, onClose, onDone }: { of: Group; onClose: () => void; onDone: () => Promise<void> }) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  async function set(level: Level, minutes: number) {
    setBusy(true);
    try {
      await call('PUT /catalogs/{catalog}/device-groups/{id}/log-level', { path: { catalog: catalog.value, id: of.id }, body: { level, minutes } });
      await onDone();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }
  const submit = (e: Event) => {
    e.preventDefault();
    const data = new FormData(e.target as HTMLFormElement);
    void set(data.get('level') as Level, Number(data.get('minutes')));
  };
  const now = of.logLevel;
  const label = t('loud.setNamed', { name: of.name });
  return (
    <Dialog label={label} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <h2>{t('loud.forGroup', { name: of.name })}</h2>
        <p>{t('loud.forGroupWhy')}</p>
        {now ? <p class="actions"><b>{t('loud.now', { level: named(`level.${now.level}`, now.level), at: clock.format(new Date(now.until)) })}</b><button type="button" class="btn sm" disabled={busy} onClick={() => void set(now.level, 0)}>{t('loud.end')}</button></p> : null}
        <div class="two even">
          <div class="field"><label for="gl-level">{t('loud.say')}</label>
            <select class="input" id="gl-level" name="level">{[...LEVELS].reverse().map(l => <option key={l} value={l} selected={l === (now?.level ?? 'debug')}>{t('loud.usual', { level: t(`level.${l}`) })}</option>)}</select></div>
          <div class="field"><label for="gl-minutes">{t('loud.minutes')}</label><input class="input" id="gl-minutes" name="minutes" type="number" min={1} max={MOST} step={1} required defaultValue="15" /></div>
        </div>
        <Says error={error} />
        <div class="actions end"><button type="button" class="btn" onClick={onClose}>{t('action.cancel')}</button><button type="submit" class="btn p" disabled={busy}>{t('loud.apply')}</button></div>
      </form>
    </Dialog>
  );
}
