// SPDX-License-Identifier: Apache-2.0
//
// metric-sheet: what a metric means to people: unit, description, kind; and how many devices send it.
//
// Nothing that is stored changes by it: a value is what a device sent, the unit is how it is written.

import { useEffect, useState } from 'preact/hooks';
import type { Metric } from '../api/api';
import { call, Problem, read } from '../api/client';
import { catalog, may } from '../core/session';
import { Ago } from '../core/time';
import { number, t } from '../i18n/i18n';
import { Dialog } from './dialog';
import { Says } from './says';

type Meaning = Pick<Metric, 'unit' | 'description' | 'kind'>;

export function MetricSheet({ name, onClose, onChange }: { name: string; onClose: () => void; onChange: () => void }) {
  const [state, setState] = useState<{ metric: Metric; tag: string } | null>(null);
  const [draft, setDraft] = useState<Meaning>({ unit: '', description: '', kind: 'gauge' });
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const ask = { path: { catalog: catalog.value }, query: { name } };
  const mine = may('catalog:write');
  const load = () => read('GET /catalogs/{catalog}/metric', ask).then(({ value, tag }) => {
    setState({ metric: value, tag });
    setDraft(value);
  }, setError);
  useEffect(() => void load(), [name]);

  async function submit(e: Event) {
    e.preventDefault();
    if (!state || busy) return;
    setBusy(true);
    try {
      await call('PUT /catalogs/{catalog}/metric', { ...ask, ifMatch: state.tag, body: { unit: draft.unit.trim(), description: draft.description.trim(), kind: draft.kind } });
      onChange();
      onClose();
    } catch (failure) {
      if (failure instanceof Problem && failure.status === 412) await load();
      setError(failure);
    }
    setBusy(false);
  }

  const was = state?.metric;
  return (
    <Dialog label={t('meaning.title')} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <h2>{t('meaning.title')}</h2>
        <p class="dim"><code class="mono">{name}</code></p>
        {was ? <p class="dim">{t('meaning.devices', { n: was.devices ?? 0, many: number(was.devices ?? 0) })}{was.lastSeen ? <> · {t('meaning.last')} <Ago t={was.lastSeen} /></> : null}</p> : null}
        <div class="pair">
          <div class="field"><label for="metric-unit">{t('meaning.unit')}</label>
            <input class="input" id="metric-unit" value={draft.unit} maxLength={24} disabled={!mine || !was} autocomplete="off" spellcheck={false} aria-describedby="metric-unit-help"
              onInput={e => setDraft({ ...draft, unit: (e.target as HTMLInputElement).value })} />
            <small id="metric-unit-help">{t('meaning.unitHow')}</small></div>
          <div class="field"><label for="metric-kind">{t('meaning.kind')}</label>
            <select class="input" id="metric-kind" value={draft.kind} disabled={!mine || !was} onChange={e => setDraft({ ...draft, kind: (e.target as HTMLSelectElement).value as Meaning['kind'] })}>
              <option value="gauge">{t('meaning.gauge')}</option>
              <option value="counter">{t('meaning.counter')}</option>
            </select></div>
        </div>
        <div class="field"><label for="metric-description">{t('meaning.description')}</label>
          <input class="input" id="metric-description" value={draft.description} maxLength={200} disabled={!mine || !was} onInput={e => setDraft({ ...draft, description: (e.target as HTMLInputElement).value })} /></div>
        {was && draft.unit.trim() !== was.unit ? <p role="status">{t('meaning.noConversion', { name })}</p> : null}
        <Says error={error} />
        <div class="actions end">
          <button type="button" class="btn" onClick={onClose}>{t(mine ? 'action.cancel' : 'action.close')}</button>
          {mine ? <button type="submit" class="btn p" disabled={busy || !was}>{t('action.save')}</button> : null}
        </div>
      </form>
    </Dialog>
  );
}
