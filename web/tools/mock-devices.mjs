// SPDX-License-Identifier: Apache-2.0
//
// mock-devices: an invented inventory of any size behind the mock: lists, marks, facets, groups, jobs.
//
//   inventory(devices) --> routes for mock.mjs: [['GET /path', (params, query, body) => answer], …]

import { randomBytes } from 'node:crypto';

const iso = ms => new Date(ms).toISOString();
const began = Date.now();
const DEFAULTS = [['Development', { updatePolicy: 'no3rdPartyAppUpdates' }], ['Field Test', {}], ['Production', {}], ['Field Test OS Evaluation', { osFeed: 'retailEvaluation' }], ['Production OS Evaluation', { osFeed: 'retailEvaluation' }]];
const PARAMS = ['q', 'state', 'lifecycle', 'product', 'group', 'version', 'attested', 'site', 'batch', 'network', 'tag', 'seen', 'seat'];
const FACETS = { state: d => d.state, lifecycle: d => d.lifecycle, product: d => d.product?.id, group: d => d.group?.id, version: d => d.osVersion, attested: d => d.attestedVersion, site: d => d.tags.site, batch: d => d.tags.batch };
const problem = (status, detail, code = '') => [status, { status, title: detail, detail, code, requestId: randomBytes(4).toString('hex') }];

export function inventory(devices, bySeat) {
  let id = 10;
  const next = () => String(++id);
  const products = ['Line sensor', 'Field gateway', 'Cold chain', 'HVAC node'].map((name, i) => ({ id: String(i + 1), name, description: i === 1 ? 'Gateways at the fence' : '', version: 1, createdAt: iso(began - 9e9) }));
  const groups = [];
  const addDefaults = p => DEFAULTS.filter(([n]) => !groups.some(g => g.product.id === p.id && g.name === n)).forEach(([name, more]) =>
    groups.push({ id: next(), product: { id: p.id, name: p.name }, name, description: '', osFeed: 'retail', updatePolicy: 'updateAll', crashDumps: false, regionalBoundary: 'none', version: 1, createdAt: iso(began), ...more }));
  products.forEach(addDefaults);
  devices.forEach((d, i) => {
    const p = products[i % 4], mine = groups.filter(g => g.product.id === p.id);
    Object.assign(d, { product: { id: p.id, name: p.name }, group: i % 9 ? { id: mine[i % 11 ? 2 : 1].id, name: mine[i % 11 ? 2 : 1].name } : null, attestedVersion: d.osVersion, note: null, seat: i, network: `10.${i % 40}.0.0/24` });
    if (i % 9 === 0) d.product = null;
    d.tags.batch = 'B' + (i % 30);
  });
  const jobs = [], views = [{ id: '1', name: 'Offline by site', query: 'state=offline&sort=name', shared: true }], windows = [], arrivals = [];

  const values = (q, p) => q.getAll(p).flatMap(v => v.split(','));
  function found(q) {
    const tests = PARAMS.filter(p => q.has(p)).map(p => {
      const v = values(q, p);
      if (p === 'q') return d => (d.name ?? '').toLowerCase().startsWith(v[0].toLowerCase()) || d.id.startsWith(v[0]);
      if (p === 'tag') return d => v.every(t => d.tags[t.split(':')[0]] === t.split(':').slice(1).join(':'));
      if (p === 'network') return d => v.includes(d.network);
      return FACETS[p] ? d => v.includes(FACETS[p](d) ?? '') : () => true;
    });
    if (!q.has('lifecycle')) tests.push(d => d.lifecycle !== 'retired');
    const all = tests.length ? devices.filter(d => tests.every(test => test(d))) : devices;
    const sort = q.get('sort');
    if (sort === 'name' || sort === '-name') return [...all].sort((a, b) => (a.name < b.name ? -1 : 1) * (sort === 'name' ? 1 : -1));
    if (sort === 'id') return [...all].sort((a, b) => (a.id < b.id ? -1 : 1));
    return sort === '-created' ? [...all].reverse() : all;
  }
  const counts = all => all.reduce((n, d) => ({ ...n, [d.state]: (n[d.state] ?? 0) + 1 }), {});
  const tally = all => { const n = {}; for (const d of all) n[d.state] = (n[d.state] ?? 0) + 1; return n; };
  const product = p => { const mine = devices.filter(d => d.product?.id === p.id); return { ...p, devices: mine.length, counts: tally(mine), groups: groups.filter(g => g.product.id === p.id).length }; };
  const group = g => { const mine = devices.filter(d => d.group?.id === g.id); return { ...g, devices: mine.length, counts: tally(mine) }; };
  function facets(q) {
    const all = found(q), out = {};
    for (const [p, of] of Object.entries(FACETS)) {
      const n = new Map();
      for (const d of all) n.set(of(d) ?? '', (n.get(of(d) ?? '') ?? 0) + 1);
      out[p] = [...n].sort((a, b) => b[1] - a[1]).slice(0, 50).map(([value, n]) => ({ value, n, label: p === 'product' ? products.find(x => x.id === value)?.name : p === 'group' ? groups.filter(x => x.id === value).map(g => `${g.product.name} / ${g.name}`)[0] : undefined }));
    }
    return { total: all.length, capped: false, facets: out };
  }
  const targets = c => (c.ids ? devices.filter(d => c.ids.includes(d.id)) : found(new URLSearchParams(Object.entries(c.filter ?? {}).flatMap(([k, v]) => v.map(x => [k, x])))));
  const parts = (all, of) => Object.entries(all.reduce((n, d) => ({ ...n, [of(d)]: (n[of(d)] ?? 0) + 1 }), {})).map(([label, n]) => ({ label, n })).sort((a, b) => b.n - a.n);
  function change(d, c) {
    const g = groups.find(x => x.id === c.group);
    if (c.action === 'move') Object.assign(d, { group: g ? { id: g.id, name: g.name } : null, product: g?.product ?? null });
    if (c.action === 'tag') Object.assign(d.tags, c.tags);
    if (c.action === 'untag') c.names.forEach(n => delete d.tags[n]);
    if (c.action === 'quarantine') Object.assign(d, { state: 'quarantined', stateReason: c.reason });
    if (c.action === 'release') Object.assign(d, { state: 'healthy', stateReason: 'Released by owner.' });
    if (c.action === 'retire') d.lifecycle = 'retired';
    if (c.action === 'unclaim') d.lifecycle = 'registered';
  }
  function run(kind, title, all, each) {
    const job = { id: next(), kind, state: 'running', title, total: all.length, done: 0, changed: 0, unchanged: 0, refused: 0, problems: [], failure: null, actor: 'owner', createdAt: iso(Date.now()), updatedAt: iso(Date.now()) };
    jobs.unshift(job);
    const step = () => {
      if (job.state !== 'running') return;
      for (const x of all.slice(job.done, job.done + Math.max(50, all.length / 20))) { each(x, job); job.done++; }
      if (job.done >= all.length) job.state = 'done'; else setTimeout(step, 150);
    };
    setTimeout(step, 150);
    return [202, job];
  }
  const stale = (x, match) => match !== undefined && match.replace(/"/g, '') !== String(x.version);
  const edit = (list, show) => ([key], q, body, _, headers) => {
    const x = list.find(y => y.id === key);
    if (!x) return problem(404, 'No such thing.');
    if (stale(x, headers['if-match'])) return problem(412, 'It was changed meanwhile.');
    Object.assign(x, body, { version: x.version + 1 });
    return show(x);
  };
  const drop = (list, of) => ([key], q, body, _, headers) => {
    const i = list.findIndex(y => y.id === key);
    if (i >= 0 && stale(list[i], headers['if-match'])) return problem(412, 'It was changed meanwhile.');
    const n = of(key);
    if (n) return problem(409, `It has ${n}: move them first.`);
    list.splice(i, 1);
    return [204];
  };
  const C = '/catalogs/demo';
  return [
    [`GET ${C}/devices`, (_, q) => { const seat = bySeat(q); if (seat) return seat; const all = found(q), at = Number(q.get('cursor') ?? 0), n = Number(q.get('limit') ?? 50); return { items: all.slice(at, at + n), next: at + n < all.length ? String(at + n) : null, prev: at ? String(Math.max(0, at - n)) : null }; }],
    [`GET ${C}/devices/marks`, (_, q) => { const every = Number(q.get('every') ?? 200), total = found(q).length; return { every, total, cursors: Array.from({ length: Math.max(0, Math.ceil(total / every) - 1) }, (_, i) => String((i + 1) * every)) }; }],
    [`GET ${C}/devices/facets`, (_, q) => facets(q)],
    [`GET ${C}/products`, () => ({ items: products.map(product), next: null })],
    [`POST ${C}/products`, (_, q, b) => { const p = { id: next(), description: '', version: 1, createdAt: iso(Date.now()), ...b }; products.push(p); return [201, product(p)]; }],
    [`PATCH ${C}/products/(\\w+)`, edit(products, product)],
    [`DELETE ${C}/products/(\\w+)`, drop(products, key => { const n = groups.filter(g => g.product.id === key).length; return n ? `${n} groups` : ''; })],
    [`POST ${C}/products/(\\w+)/default-groups`, ([key]) => { addDefaults(products.find(p => p.id === key)); return { items: groups.filter(g => g.product.id === key).map(group) }; }],
    [`GET ${C}/device-groups`, () => ({ items: groups.map(group), next: null })],
    [`POST ${C}/device-groups`, (_, q, b) => { const p = products.find(x => x.id === b.product), g = { id: next(), version: 1, createdAt: iso(Date.now()), ...b, product: { id: p.id, name: p.name } }; groups.push(g); return [201, group(g)]; }],
    [`PATCH ${C}/device-groups/(\\w+)`, edit(groups, group)],
    [`DELETE ${C}/device-groups/(\\w+)`, drop(groups, key => { const n = devices.filter(d => d.group?.id === key).length; return n ? `${n} devices` : ''; })],
    [`POST ${C}/device-changes/preview`, (_, q, b) => { const all = targets(b); return { total: all.length, byProduct: parts(all, d => d.product?.name ?? ''), bySite: parts(all, d => d.tags.site ?? ''), byState: parts(all, d => d.state), excluded: b.action === 'quarantine' ? [{ reason: 'already quarantined', n: all.filter(d => d.state === 'quarantined').length }].filter(x => x.n) : [], seconds: all.length / 20_000, reversible: !['retire', 'unclaim'].includes(b.action) }; }],
    [`POST ${C}/device-changes`, (_, q, b) => { const all = targets(b); if (b.expect !== undefined && Math.abs(all.length - b.expect) > b.expect / 100) return problem(409, `It is ${all.length} devices now.`); return run('bulk', `${b.action} ${all.length} devices`, all, (d, job) => { change(d, b); job.changed++; }); }],
    [`GET ${C}/jobs`, () => ({ items: jobs, next: null })],
    [`GET ${C}/jobs/(\\w+)`, ([key]) => jobs.find(j => j.id === key) ?? problem(404, 'No such job.')],
    [`POST ${C}/jobs/(\\w+)/stop`, ([key]) => { const j = jobs.find(x => x.id === key); j.state = 'stopped'; return j; }],
    [`POST ${C}/claims`, (_, q, b) => (typeof b === 'string' ? run('claims', 'Claim from a file', b.trim().split('\n').slice(1), (line, job) => { job.changed++; }) : { claimed: b.devices.length, already: 0, problems: [] })],
    [`GET ${C}/saved-views`, () => ({ items: views, next: null })],
    [`POST ${C}/saved-views`, (_, q, b) => { views.push({ id: next(), ...b }); return [201, views.at(-1)]; }],
    [`DELETE ${C}/saved-views/(\\w+)`, ([key]) => { views.splice(views.findIndex(v => v.id === key), 1); return [204]; }],
    [`GET ${C}/registration-windows`, () => ({ items: windows, next: null })],
    [`POST ${C}/registration-windows`, (_, q, b) => { const w = { id: next(), label: b.label ?? '', codeHint: b.code ? 'K7QX' : null, group: null, tags: b.tags ?? {}, most: b.most, arrived: 1, claimed: 0, opensAt: iso(Date.now()), closesAt: iso(Date.now() + b.minutes * 60_000), open: true, actor: 'owner' }; windows.unshift(w); arrivals.push({ fingerprint: randomBytes(32).toString('hex'), id: randomBytes(16).toString('hex'), remote: '192.168.4.20', agent: 'orrery-device 0.3.0', knocks: 2, firstAt: iso(Date.now()), lastAt: iso(Date.now()), window: w.id }); return [201, { ...w, code: 'K7QX-3MPA-9TRB-WWE2', command: `orrery-device enroll --server localhost:8444 --ca-sha256 ${randomBytes(32).toString('hex')} --claim K7QX-3MPA-9TRB-WWE2` }]; }],
    [`POST ${C}/registration-windows/(\\w+)/close`, ([key]) => { const w = windows.find(x => x.id === key); w.open = false; return w; }],
    [`GET ${C}/arrivals`, () => ({ items: arrivals, next: null })],
    [`POST ${C}/arrivals/(\\w+)/claim`, ([key]) => { arrivals.splice(arrivals.findIndex(a => a.fingerprint === key), 1); return devices[0]; }],
    [`DELETE ${C}/arrivals/(\\w+)`, ([key]) => { arrivals.splice(arrivals.findIndex(a => a.fingerprint === key), 1); return [204]; }],
    [`GET ${C}/enrolment`, () => ({ server: 'localhost:8444', caSha256: '9f'.repeat(32) })],
    [`PATCH ${C}/devices/(\\w+)`, ([key], q, b) => { const d = devices.find(x => x.id === key); const { group: g, tags, ...rest } = b; Object.assign(d, rest); if (g !== undefined) change(d, { action: 'move', group: g }); for (const [k, v] of Object.entries(tags ?? {})) if (v === null) delete d.tags[k]; else d.tags[k] = v; return d; }],
    ...['quarantine', 'release', 'retire', 'unclaim'].map(action => [`POST ${C}/devices/(\\w+)/${action}`, ([key], q, b) => { const d = devices.find(x => x.id === key); change(d, { action, ...b }); return d; }]),
    [`GET ${C}/device-counts`, () => counts(devices)],
  ];
}
