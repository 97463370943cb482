// SPDX-License-Identifier: Apache-2.0
//
// device-actions: what may be done with one device, by permission; what cannot be undone is typed.

import { useEffect, useState } from 'preact/hooks';
import type { Device, DeviceChange, Permission } from '../api/api';
import { Problem, call } from '../api/client';
import { groupName, groups, loadInventory } from '../core/inventory';
import { catalog, may } from '../core/session';
import { tagChanges, tagLines } from '../core/tags';
import { t, type Key } from '../i18n/i18n';
import { Dialog } from './dialog';
import { Menu } from './menu';
import { Says } from './says';

const DEVICE = '/catalogs/{catalog}/devices/{id}';

export type Deed = 'rename' | 'note' | 'move' | 'tags' | 'quarantine' | 'release' | 'unclaim' | 'retire';

interface Kind {
  deed: Deed;
  needs: Permission;
  fits: (d: Device) => boolean;
  grave?: boolean;
}

const alive = (d: Device) => d.lifecycle !== 'retired';
const KINDS: Kind[] = [
  { deed: 'rename', needs: 'devices:write', fits: alive },
  { deed: 'move', needs: 'devices:write', fits: alive },
  { deed: 'tags', needs: 'devices:write', fits: alive },
  { deed: 'note', needs: 'devices:write', fits: () => true },
  { deed: 'quarantine', needs: 'trust:write', fits: d => d.lifecycle === 'claimed' && d.state !== 'quarantined' },
  { deed: 'release', needs: 'trust:write', fits: d => d.state === 'quarantined' },
  { deed: 'unclaim', needs: 'devices:claim', fits: d => d.lifecycle === 'claimed', grave: true },
  { deed: 'retire', needs: 'devices:write', fits: alive, grave: true },
];

const CHANGES = new Set<Deed>(['rename', 'note', 'move', 'tags']);

function changedTags(d: Device, text: string): NonNullable<DeviceChange['tags']> {
  const changes = tagChanges(d.tags, text);
  if (typeof changes === 'number') throw new Problem(400, t('device.tagLine', { n: changes }));
  return changes;
}

function bodyOf(deed: Deed, d: Device, text: string): DeviceChange {
  switch (deed) {
    case 'rename': return { name: text.trim() || null };
    case 'note': return { note: text.trim() || null };
    case 'move': return { group: text || null };
    default: return { tags: changedTags(d, text) };
  }
}

function act(deed: Deed, d: Device, text: string, ifMatch: string): Promise<Device> {
  const path = { catalog: catalog.value, id: d.id };
  switch (deed) {
    case 'quarantine': return call(`POST ${DEVICE}/quarantine`, { path, body: { reason: text.trim() } });
    case 'release': case 'unclaim': case 'retire': return call(`POST ${DEVICE}/${deed}`, { path });
    default: return call(`PATCH ${DEVICE}`, { path, body: bodyOf(deed, d, text), ifMatch });
  }
}

const initial = (deed: Deed, d: Device): string =>
  deed === 'rename' ? (d.name ?? '') : deed === 'note' ? (d.note ?? '') : deed === 'move' ? (d.group?.id ?? '') : deed === 'tags' ? tagLines(d.tags) : '';

function Field({ deed, text, onText }: { deed: Deed; text: string; onText: (text: string) => void }) {
  const write = (e: Event) => onText((e.target as HTMLInputElement).value);
  const id = 'deed-text';
  switch (deed) {
    case 'rename': return <div class="field"><label for={id}>{t('device.name')}</label><input class="input" id={id} dir="auto" maxLength={80} value={text} onInput={write} autocomplete="off" /></div>;
    case 'note': return <div class="field"><label for={id}>{t('device.note')}</label><textarea class="input" id={id} dir="auto" rows={5} maxLength={4000} value={text} onInput={write} /></div>;
    case 'tags': return <div class="field"><label for={id}>{t('device.tags')}</label><textarea class="input mono" id={id} rows={6} value={text} onInput={write} spellcheck={false} /><small>{t('device.tagsHow')}</small></div>;
    case 'quarantine': return <div class="field"><label for={id}>{t('bulk.reason')}</label><input class="input" id={id} dir="auto" required maxLength={200} value={text} onInput={write} /><small>{t('bulk.reasonHow')}</small></div>;
    case 'move': return (
      <div class="field"><label for={id}>{t('bulk.group')}</label>
        <select class="input" id={id} value={text} onChange={write}><option value="">{t('bulk.noGroup')}</option>{groups.value?.map(g => <option key={g.id} value={g.id}>{groupName(g)}</option>)}</select></div>
    );
    default: return null;
  }
}

function DeedDialog({ kind, d, tag, onClose, onDone }: { kind: Kind; d: Device; tag: string; onClose: () => void; onDone: () => void }) {
  const { deed } = kind;
  const [text, setText] = useState(initial(deed, d));
  const [typed, setTyped] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const name = d.name ?? d.id.slice(0, 8);
  useEffect(() => {
    if (deed === 'move') void loadInventory(catalog.value).catch(setError);
  }, []);

  async function submit(e: Event) {
    e.preventDefault();
    setBusy(true);
    try {
      await act(deed, d, text, tag);
      onDone();
      onClose();
    } catch (failure) {
      setError(failure instanceof Problem && failure.status === 412 ? new Problem(412, t('device.changedMeanwhile'), failure.code, failure.requestId) : failure);
      if (failure instanceof Problem && failure.status === 412) onDone();
    }
    setBusy(false);
  }

  return (
    <Dialog label={t(`deed.${deed}`)} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <h2>{t(`deed.${deed}`)}</h2>
        <p class="dim"><bdi>{name}</bdi></p>
        {kind.grave || deed === 'quarantine' || deed === 'release' ? <p>{t(`deed.why.${deed}` as Key)}</p> : null}
        <Field deed={deed} text={text} onText={setText} />
        {kind.grave ? <div class="field"><label for="deed-sure">{t('device.typeName', { name })}</label><input class="input" id="deed-sure" autocomplete="off" value={typed} onInput={e => setTyped((e.target as HTMLInputElement).value)} /></div> : null}
        <Says error={error} />
        <div class="actions end">
          <button type="button" class="btn" onClick={onClose}>{t('action.cancel')}</button>
          <button type="submit" class={'btn ' + (kind.grave || deed === 'quarantine' ? 'd' : 'p')} disabled={busy || (kind.grave && typed.trim() !== name.trim())}>{CHANGES.has(deed) ? t('action.save') : t(`deed.${deed}`)}</button>
        </div>
      </form>
    </Dialog>
  );
}

export function DeviceActions({ d, tag, onDone }: { d: Device; tag: string; onDone: () => void }) {
  const [open, setOpen] = useState<Kind | null>(null);
  const kinds = KINDS.filter(k => may(k.needs) && k.fits(d));
  if (!kinds.length) return null;
  return (
    <>
      <Menu label={t('device.actions')} face={<span class="btn">{t('device.actions')}</span>}>
        {kinds.map(k => <button key={k.deed} type="button" class={'item' + (k.grave ? ' d' : '')} onClick={() => setOpen(k)}>{t(`deed.${k.deed}`)}…</button>)}
      </Menu>
      {open ? <DeedDialog kind={open} d={d} tag={tag} onClose={() => setOpen(null)} onDone={onDone} /> : null}
    </>
  );
}
