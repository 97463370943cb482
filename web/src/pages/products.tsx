// SPDX-License-Identifier: Apache-2.0
//
// products: kinds of devices, and the groups in which they get their software.
//
//   products, groups --> counts by state --> edit, from what was read | "changed meanwhile"

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Group, OsFeed, Product, RegionalBoundary, UpdatePolicy } from '../api/api';
import { Problem, call } from '../api/client';
import { groups, loadInventory, products } from '../core/inventory';
import { catalog, devicesHref, may } from '../core/session';
import { t, type Key } from '../i18n/i18n';
import { Dialog } from '../parts/dialog';
import { GroupLoudness, levelTag } from '../parts/group-loudness';
import { Says } from '../parts/says';
import { Page } from '../parts/shell';
import { StateBar } from '../parts/state-bar';
import { STATES, Glyph, stateWord } from '../parts/state';

const PRODUCTS = '/catalogs/{catalog}/products';
const GROUPS = '/catalogs/{catalog}/device-groups';
const REFRESH_MS = 10_000;

type Edited = { what: 'product'; of?: Product } | { what: 'group'; of?: Group; product: Product } | { what: 'drop'; product?: Product; group?: Group } | { what: 'level'; of: Group };

// Which change of whom stood in the way.
function worded(e: unknown, what: 'product' | 'group'): unknown {
  return e instanceof Problem && e.status === 412 ? new Problem(412, t(what === 'group' ? 'products.groupChanged' : 'products.productChanged'), e.code, e.requestId) : e;
}

function Form({ title, what, save, go, onClose, onDone, grave, children }: {
  title: string; what: 'product' | 'group'; go: string; grave?: boolean; save: (data: FormData) => Promise<unknown>; onClose: () => void; onDone: () => Promise<void>; children?: ComponentChildren;
}) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  async function submit(e: Event) {
    e.preventDefault();
    setBusy(true);
    try {
      await save(new FormData(e.target as HTMLFormElement));
      await onDone();
      onClose();
    } catch (failure) {
      setError(worded(failure, what));
      if (failure instanceof Problem && failure.status === 412) await onDone().catch(() => {}); // the newer one shows behind
    }
    setBusy(false);
  }
  return (
    <Dialog label={title} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <h2>{title}</h2>
        {children}
        <Says error={error} />
        <div class="actions end"><button type="button" class="btn" onClick={onClose}>{t('action.cancel')}</button><button type="submit" class={'btn ' + (grave ? 'd' : 'p')} disabled={busy}>{go}</button></div>
      </form>
    </Dialog>
  );
}

const text = (data: FormData, name: string) => String(data.get(name) ?? '').trim();

function NameFields({ name, description }: { name: string; description: string }) {
  return (
    <>
      <div class="field"><label for="p-name">{t('products.name')}</label><input class="input" id="p-name" name="name" dir="auto" required maxLength={50} defaultValue={name} autocomplete="off" autofocus /></div>
      <div class="field"><label for="p-text">{t('products.description')}</label><input class="input" id="p-text" name="description" dir="auto" maxLength={500} defaultValue={description} autocomplete="off" /></div>
    </>
  );
}

function ProductForm({ of, onClose, onDone }: { of?: Product; onClose: () => void; onDone: () => Promise<void> }) {
  const path = { catalog: catalog.value };
  const save = (d: FormData) => {
    const body = { name: text(d, 'name'), description: text(d, 'description') };
    return of ? call(`PATCH ${PRODUCTS}/{id}`, { path: { ...path, id: of.id }, body, ifMatch: of.version }) : call(`POST ${PRODUCTS}`, { path, body });
  };
  const title = of ? t('products.edit') : t('products.new');
  return <Form title={title} what="product" go={of ? t('action.save') : t('products.create')} save={save} onClose={onClose} onDone={onDone}><NameFields name={of?.name ?? ''} description={of?.description ?? ''} /></Form>;
}

const FEEDS: OsFeed[] = ['retail', 'retailEvaluation'];
const POLICIES: UpdatePolicy[] = ['updateAll', 'no3rdPartyAppUpdates'];
const BOUNDARIES: RegionalBoundary[] = ['none', 'eu'];

function Choice<T extends string>({ name, values, value }: { name: string; values: T[]; value: T }) {
  return (
    <div class="field"><label for={`g-${name}`}>{t(`products.${name}` as Key)}</label>
      <select class="input" id={`g-${name}`} name={name} defaultValue={value}>{values.map(v => <option key={v} value={v} selected={v === value}>{t(`${name}.${v}` as Key)}</option>)}</select></div>
  );
}

function GroupForm({ of, product, onClose, onDone }: { of?: Group; product: Product; onClose: () => void; onDone: () => Promise<void> }) {
  const path = { catalog: catalog.value };
  const save = (d: FormData) => {
    const body = {
      name: text(d, 'name'), description: text(d, 'description'), osFeed: text(d, 'osFeed') as OsFeed, updatePolicy: text(d, 'updatePolicy') as UpdatePolicy,
      regionalBoundary: text(d, 'regionalBoundary') as RegionalBoundary, crashDumps: d.has('crashDumps'),
    };
    return of ? call(`PATCH ${GROUPS}/{id}`, { path: { ...path, id: of.id }, body, ifMatch: of.version }) : call(`POST ${GROUPS}`, { path, body: { ...body, product: product.id } });
  };
  const title = of ? t('products.editGroup') : t('products.newGroup', { name: product.name });
  return (
    <Form title={title} what="group" go={of ? t('action.save') : t('products.createGroup')} save={save} onClose={onClose} onDone={onDone}>
      <NameFields name={of?.name ?? ''} description={of?.description ?? ''} />
      <div class="two even"><Choice name="osFeed" values={FEEDS} value={of?.osFeed ?? 'retail'} /><Choice name="updatePolicy" values={POLICIES} value={of?.updatePolicy ?? 'updateAll'} /></div>
      <Choice name="regionalBoundary" values={BOUNDARIES} value={of?.regionalBoundary ?? 'none'} />
      <label class="tick"><input type="checkbox" name="crashDumps" defaultChecked={of?.crashDumps ?? false} />{t('products.crashDumps')}</label>
    </Form>
  );
}

function DropForm({ product, group, onClose, onDone }: { product?: Product; group?: Group; onClose: () => void; onDone: () => Promise<void> }) {
  const of = (group ?? product)!;
  const save = () => call(`DELETE ${group ? GROUPS : PRODUCTS}/{id}`, { path: { catalog: catalog.value, id: of.id }, ifMatch: of.version });
  return (
    <Form title={t('products.drop', { name: of.name })} what={group ? 'group' : 'product'} grave go={t('action.delete')} save={save} onClose={onClose} onDone={onDone}>
      <p>{group ? t('products.dropGroupWhy') : t('products.dropWhy')}</p>
    </Form>
  );
}

function Settings({ g }: { g: Group }) {
  const words = [
    g.osFeed !== 'retail' ? t(`osFeed.${g.osFeed}`) : '', g.updatePolicy !== 'updateAll' ? t(`updatePolicy.${g.updatePolicy}`) : '',
    levelTag(g), g.crashDumps ? t('products.crashDumpsOn') : '', g.regionalBoundary !== 'none' ? t(`regionalBoundary.${g.regionalBoundary}`) : '',
  ].filter(Boolean);
  return <span class="tags">{words.map(w => <span key={w} class="tag">{w}</span>)}</span>;
}

function Unwell({ counts, query }: { counts: Product['counts']; query: string }) {
  return <span class="unwell">{STATES.filter(s => s !== 'healthy' && counts[s]).map(s => <a key={s} href={`${devicesHref()}?${query}&state=${s}`} title={stateWord(s)}><Glyph state={s} /><span class="only-read">{stateWord(s)} </span><span class="num">{t('number', { n: counts[s]! })}</span></a>)}</span>;
}

function GroupRow({ g, edit, onLevel, onEdit, onDrop }: { g: Group; edit: boolean; onLevel: () => void; onEdit: () => void; onDrop: () => void }) {
  return (
    <tr>
      <td><a class="name" href={`${devicesHref()}?group=${g.id}`}><bdi>{g.name}</bdi></a>{g.description ? <span class="dim block"><bdi>{g.description}</bdi></span> : null}<Settings g={g} /></td>
      <td class="num">{t('number', { n: g.devices })}</td>
      <td class="barcell"><StateBar counts={g.counts} /></td>
      <td><Unwell counts={g.counts} query={`group=${g.id}`} /></td>
      <td>{edit ? <span class="actions nowrap"><button type="button" class="btn sm ghost" aria-label={t('loud.setNamed', { name: g.name })} onClick={onLevel}>{t('loud.set')}</button><button type="button" class="btn sm ghost" aria-label={t('products.editNamed', { name: g.name })} onClick={onEdit}>{t('action.edit')}</button><button type="button" class="btn sm ghost" aria-label={t('products.drop', { name: g.name })} onClick={onDrop}>{t('action.delete')}</button></span> : null}</td>
    </tr>
  );
}

function ProductCard({ p, all, edit, open, onError }: { p: Product; all: Group[]; edit: boolean; open: (e: Edited) => void; onError: (e: unknown) => void }) {
  const id = 'product-' + p.id;
  const defaults = () => call(`POST ${PRODUCTS}/{id}/default-groups`, { path: { catalog: catalog.value, id: p.id } }).then(() => loadInventory(catalog.value)).catch(onError);
  return (
    <section class="card c12 product" aria-labelledby={id}>
      <header>
        <h2 id={id}><a href={`${devicesHref()}?product=${p.id}`}><bdi>{p.name}</bdi></a></h2>
        <span class="sub cut"><bdi>{p.description}</bdi></span><span class="grow" />
        {edit ? <>
          {all.length < 5 ? <button type="button" class="btn sm" onClick={() => void defaults()}>{t('products.defaults')}</button> : null}
          <button type="button" class="btn sm" onClick={() => open({ what: 'group', product: p })}>{t('products.addGroup')}</button>
          <button type="button" class="btn sm ghost" aria-label={t('products.editNamed', { name: p.name })} onClick={() => open({ what: 'product', of: p })}>{t('action.edit')}</button>
          <button type="button" class="btn sm ghost" aria-label={t('products.drop', { name: p.name })} onClick={() => open({ what: 'drop', product: p })}>{t('action.delete')}</button>
        </> : null}
      </header>
      <div class="totals pad"><b class="num">{t('products.devices', { n: p.devices })}</b><StateBar counts={p.counts} /><Unwell counts={p.counts} query={`product=${p.id}`} /></div>
      {all.length ? (
        <div class="scrolls" tabIndex={0} role="group" aria-labelledby={id}>
          <table class="groups">
            <thead><tr><th scope="col">{t('param.group')}</th><th scope="col">{t('nav.devices')}</th><th scope="col">{t('products.states')}</th><th scope="col">{t('products.unwell')}</th><th scope="col"><span class="only-read">{t('action.edit')}</span></th></tr></thead>
            <tbody>{all.map(g => <GroupRow key={g.id} g={g} edit={edit} onLevel={() => open({ what: 'level', of: g })} onEdit={() => open({ what: 'group', of: g, product: p })} onDrop={() => open({ what: 'drop', group: g })} />)}</tbody>
          </table>
        </div>
      ) : <p class="pad dim divided">{t('products.noGroups')}</p>}
    </section>
  );
}

function Editing({ what, onClose, onDone }: { what: Edited; onClose: () => void; onDone: () => Promise<void> }) {
  if (what.what === 'product') return <ProductForm of={what.of} onClose={onClose} onDone={onDone} />;
  if (what.what === 'group') return <GroupForm of={what.of} product={what.product} onClose={onClose} onDone={onDone} />;
  if (what.what === 'level') return <GroupLoudness of={what.of} onClose={onClose} onDone={onDone} />;
  return <DropForm product={what.product} group={what.group} onClose={onClose} onDone={onDone} />;
}

export function Products() {
  const [error, setError] = useState<unknown>(null);
  const [editing, setEditing] = useState<Edited | null>(null);
  const name = catalog.value;
  const edit = may('devices:write');
  const load = () => loadInventory(name).then(() => setError(null));
  useEffect(() => {
    void load().catch(setError);
    const timer = setInterval(() => {
      if (!document.hidden) void load().catch(() => {}); // what is shown stays; the strip tells of the server
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [name]);
  const all = products.value;
  return (
    <Page title={t('products.title')} tools={edit ? <button type="button" class="btn p" onClick={() => setEditing({ what: 'product' })}>{t('products.new')}</button> : null}>
      {error ? <div class="c12"><Says error={error} retry={() => void load().catch(setError)} /></div> : null}
      {all?.map(p => <ProductCard key={p.id} p={p} all={(groups.value ?? []).filter(g => g.product.id === p.id)} edit={edit} open={setEditing} onError={setError} />)}
      {all && !all.length ? <section class="card c12"><div class="empty"><b>{t('products.none')}</b><p>{t('products.noneHow')}</p></div></section> : null}
      {editing ? <Editing what={editing} onClose={() => setEditing(null)} onDone={load} /> : null}
    </Page>
  );
}
