// SPDX-License-Identifier: Apache-2.0
//
// mock-fleet: a fleet of DEVICES (100000) for the Overview of the mock, with RATE (1000) state changes
// a second: a site that is out, a bad version, a bad batch, an update that sweeps. Also what else the
// Overview, audit and settings ask for. The measure of page.overview drives the page with this.

import { createHash } from 'node:crypto';

const DEVICES = Number(process.env.DEVICES ?? 100_000);
const RATE = Number(process.env.RATE ?? 1000);
const [UNKNOWN, HEALTHY, UPDATING, AT_RISK, QUARANTINED, OFFLINE, NOBODY] = [0, 1, 2, 3, 4, 5, 255];
const NAMES = ['unknown', 'healthy', 'updating', 'atRisk', 'quarantined', 'offline'];
const PRODUCTS = [['Line sensor', .38], ['Cold chain', .224], ['Field gateway', .148], ['HVAC node', .12], ['Meter', .069], ['Kiosk', .04], ['Lab', .019]];
const TOWNS = ['Luleå', 'Kiruna', 'Boden', 'Umeå', 'Skellefteå', 'Piteå', 'Gällivare', 'Haparanda'];

let seed = 7;
const random = () => ((seed = (seed * 1664525 + 1013904223) >>> 0) / 4294967296);
const iso = ms => new Date(ms).toISOString();
const hex = s => createHash('sha256').update(s).digest('hex');

const seats = Uint32Array.from({ length: DEVICES }, (_, i) => i);
for (let i = DEVICES - 1; i > 0; i--) {
  const j = Math.floor(random() * (i + 1));
  [seats[i], seats[j]] = [seats[j], seats[i]];
}
const states = new Uint8Array(DEVICES).fill(HEALTHY);

const rings = [];
let placed = 0;
for (const [k, [name, share]] of PRODUCTS.entries()) {
  const count = k === PRODUCTS.length - 1 ? DEVICES - placed : Math.round(DEVICES * share);
  const sites = [];
  for (let left = count, n = 0; left > 0; n++) {
    const size = Math.min(left, Math.max(1, Math.round(count / 40 * (.4 + 1.2 * random()))));
    sites.push({ name: k === 6 && n === 0 ? '' : `${TOWNS[n % 8]} ${1 + Math.floor(n / 8)}`, count: size, start: placed + count - left });
    left -= size;
  }
  rings.push({ id: String(k + 1), name, count, sites, start: placed });
  placed += count;
}
const site = (ring, name) => rings[ring].sites.find(s => s.name === name) ?? rings[ring].sites[0] ?? { name: "", start: 0, count: 0 };
const fill = (from, n, state, share = 1) => {
  for (let i = from; i < from + n; i++) if (random() < share) states[seats[i]] = state;
};
const dark = site(1, 'Luleå 2'), batch = site(2, 'Umeå 1'), sweep = site(0, 'Piteå 2');
fill(dark.start, dark.count, OFFLINE, .99);
fill(rings[3].start, rings[3].count, AT_RISK, .026);
fill(batch.start, Math.min(29, batch.count), QUARANTINED);
fill(sweep.start, sweep.count * 2, UPDATING, .97);
fill(rings[6].start, rings[6].count, UNKNOWN, .03);
fill(0, DEVICES, AT_RISK, .0002);
fill(0, DEVICES, QUARANTINED, .00004);

const nameOf = seat => `dev-${String(seat).padStart(6, '0')}`;
const idOf = seat => hex('seat ' + seat).slice(0, 32);
const sample = (from, n) => Array.from({ length: Math.min(20, n) }, (_, k) => seats[from + Math.floor(k * n / Math.min(20, n))]);
const inState = (from, n, state) => { let c = 0; for (let i = from; i < from + n; i++) c += states[seats[i]] === state; return c; };

const patterns = () => [
  { n: 1, state: 'atRisk', dimension: 'version', value: '4.1.9', label: '4.1.9', shape: 'speckle', title: 'Speckle over one ring', text: `HVAC node: ${inState(rings[3].start, rings[3].count, AT_RISK)} at risk, all on 4.1.9`, filter: 'state=atRisk&version=4.1.9', ring: '4', seats: sample(rings[3].start, Math.floor(rings[3].count / 3)), count: 313, of: rings[3].count },
  { n: 2, state: 'offline', dimension: 'site', value: dark.name, label: dark.name, shape: 'wedge', title: 'Dark wedge', text: `Cold chain, ${dark.name}: ${inState(dark.start, dark.count, OFFLINE)} of ${dark.count} offline`, filter: `state=offline&site=${encodeURIComponent(dark.name)}`, ring: '2', seats: sample(dark.start, dark.count), count: dark.count, of: dark.count },
  { n: 3, state: 'quarantined', dimension: 'batch', value: '0441', label: '0441', shape: 'cluster', title: 'Tight cluster', text: 'Field gateway, batch 0441: 29 of 29 quarantined', filter: 'state=quarantined&batch=0441', ring: '3', seats: sample(batch.start, Math.min(29, batch.count)), count: 29, of: 29 },
];

const overview = () => ({
  refusals: [{ reason: 'measurementUnknown', n: 61 }, { reason: 'evidenceStale', n: 38 }, { reason: 'secureBootOff', n: 24 }, { reason: 'notClaimed', n: 12 }, { reason: 'certificateExpired', n: 8 }],
  renewalsOverdue: 6,
  authorities: [{ name: 'Orrery demo CA', kind: 'catalog', notAfter: iso(Date.now() + 203 * 864e5) }, { name: 'Orrery device root', kind: 'deviceRoot', notAfter: iso(Date.now() + 3400 * 864e5) }, { name: 'localhost', kind: 'server', notAfter: iso(Date.now() + 21 * 864e5) }],
  needsYou: [
    { severity: 'critical', title: '29 devices of batch 0441 were cut off', text: 'Their kernel is not among the reference values. They were quarantined by themselves.', count: 29, filter: 'state=quarantined&batch=0441', at: iso(Date.now() - 36e4) },
    { severity: 'warning', title: `${dark.name} went dark: ${dark.count} devices`, text: 'One site, one network, nothing refused before. Likely the uplink.', count: dark.count, filter: `state=offline&site=${encodeURIComponent(dark.name)}`, at: iso(Date.now() - 84e4) },
    { severity: 'warning', title: 'HVAC 4.1.9 raises restarts', text: 'At risk ten times as often as any other version.', count: 313, filter: 'state=atRisk&version=4.1.9', at: iso(Date.now() - 3120e3) },
  ],
});

function layout() {
  const said = JSON.stringify({ by: 'product', rings: rings.map(({ id, name, count, sites }) => ({ id, name, count, sites: sites.map(s => ({ name: s.name, count: s.count })) })), total: DEVICES });
  const json = Buffer.from(said);
  const length = Math.ceil(json.length / 4) * 4;
  const out = Buffer.alloc(4 + length + 4 + DEVICES * 4, ' ');
  out.writeUInt32LE(length, 0);
  json.copy(out, 4);
  out.writeUInt32LE(DEVICES, 4 + length);
  Buffer.from(seats.buffer).copy(out, 8 + length);
  return out;
}

export const counts = () => {
  const n = Object.fromEntries(NAMES.map(s => [s, 0]));
  for (const s of states) if (s < NOBODY) n[NAMES[s]]++;
  return n;
};

const device = seat => ({ id: idOf(seat), name: nameOf(seat), fingerprint: hex('seat ' + seat), lifecycle: 'claimed', state: NAMES[states[seat]], stateReason: states[seat] === HEALTHY ? 'It is what it should be' : 'It has had no session for 14 minutes', seat, tags: {}, lastSeen: iso(Date.now()) });

const ACTS = [['POST /api/v1/session', 'owner'], ['PATCH /api/v1/catalogs/{catalog}/devices/{id}', 'nadia'], ['POST /api/v1/catalogs/{catalog}/claims', 'script: nightly import'], ['POST /api/v1/catalogs/{catalog}/devices/{id}/quarantine', 'nadia'], ['POST /api/v1/users', 'owner'], ['POST /api/v1/catalogs/{catalog}/reference-values', 'ci'], ['DELETE /api/v1/tokens/{id}', 'owner']];
const trail = Array.from({ length: 260 }, (_, k) => {
  const [action, actor] = ACTS[k % ACTS.length];
  return { seq: 260 - k, at: iso(Date.now() - k * 731_000), account: '1', actor, action, object: k % 3 ? idOf(k) : '', count: k % 7 === 2 ? 1840 : 1, outcome: k % 11 === 4 ? 'denied' : 'ok', remote: '192.0.2.' + (k % 200), request: hex('r' + k).slice(0, 16), detail: k % 7 === 1 ? '{"before":{"name":"pump-7"},"after":{"name":"pump-7 (roof)"}}' : k % 7 === 3 ? '{"reason":"measured an unknown kernel"}' : null, hash: hex('h' + k) };
});
const users = [['owner', 'owner', null], ['nadia', 'operator', 'demo'], ['ci', 'admin', 'demo'], ['Åsa Öberg', 'auditor', null], ['night shift', 'viewer', 'demo']]
  .map(([name, role, catalog], i) => ({ id: String(i + 1), name, role, catalog, disabled: i === 2, mustChangePassword: i === 4, createdAt: iso(Date.now() - 9e9 + i * 9e8) }));

export const routes = [
  ['GET /catalogs', () => ({ items: [{ name: 'demo', telemetryHours: 168, journalHours: 720, rollupHours: 9600, createdAt: iso(Date.now() - 9e9), devices: DEVICES, counts: counts() }, { name: 'north', telemetryHours: 168, journalHours: 720, rollupHours: 9600, createdAt: iso(Date.now() - 6e9), devices: 412, counts: {} }], next: null })],
  ['GET /catalogs/demo/device-counts', counts],
  ['GET /catalogs/demo/fleet-layout', layout],
  ['GET /catalogs/demo/patterns', () => ({ at: Date.now(), items: patterns() })],
  ['GET /catalogs/demo/overview', overview],
  ['GET /catalogs/demo/arrivals', () => ({ items: [{ fingerprint: hex('a'), id: hex('a').slice(0, 32), remote: '198.51.100.7', agent: 'orrery-device/0.1', knocks: 3, firstAt: iso(Date.now() - 9e4), lastAt: iso(Date.now() - 4e3), window: '1' }], next: null })],
  ['GET /catalogs/demo/enrolment', () => ({ server: 'orrery.example:8444', caSha256: hex('ca') })],
  ['GET /(?:catalogs/demo/)?audit', (_, q) => {
    const from = Number(q.get('cursor') ?? 0), limit = Number(q.get('limit') ?? 50);
    const all = trail.filter(e => (!q.get('actor') || e.actor === q.get('actor')) && (!q.get('outcome') || e.outcome === q.get('outcome')) && e.object.startsWith(q.get('object') ?? ''));
    return { items: all.slice(from, from + limit), next: from + limit < all.length ? String(from + limit) : null };
  }],
  ['GET /(?:catalogs/demo/)?audit/verify', () => ({ entries: 260, ok: true, firstBad: null, head: hex('head'), seal: { seq: 251, at: iso(Date.now() - 18e5), jws: 'x.y.z' } })],
  ['GET /users', () => ({ items: users, next: null })],
];
export const bySeat = q => q.get('seat') !== null && { items: [device(Number(q.get('seat')))], next: null };

// ---------------------------------------------------------------- live

const census = () => ({ counts: counts(), total: DEVICES, at: Date.now() });
const flow = () => ({ at: Date.now(), messages: 8400 + 1100 * Math.sin(Date.now() / 13e3) + 500 * random(), refused: 3 + 9 * random() });
const event = () => {
  const seat = Math.floor(random() * DEVICES), k = Math.floor(random() * 4);
  return { at: Date.now(), device: idOf(seat), name: nameOf(seat), ...[{ kind: 'state', state: 'healthy', text: 'is healthy again' }, { kind: 'state', state: 'offline', text: 'has had no session for 90 s' }, { kind: 'event', level: 'warn', text: 'restarted by its watchdog' }, { kind: 'device', text: 'was moved to Production by nadia' }][k] };
};

export function snapshot(topic) {
  if (topic === 'fleet') {
    const out = Buffer.alloc(8 + DEVICES);
    out.writeUInt32LE(1, 0);
    out.writeUInt32LE(DEVICES, 4);
    Buffer.from(states.buffer).copy(out, 8);
    return out;
  }
  if (topic === 'census') return { topic, seq: 1, snapshot: true, ...census() };
  if (topic === 'intake') return { topic, seq: 1, snapshot: Array.from({ length: 120 }, (_, i) => ({ ...flow(), at: Date.now() - (120 - i) * 1000 })) };
  if (topic === 'events') return { topic, seq: 1, snapshot: Array.from({ length: 30 }, (_, i) => ({ ...event(), at: Date.now() - i * 3100 })) };
  return null;
}

// Twenty frames a second of fleet, one of census and intake, now and then an event.
let drawn = 0;
function changes() {
  const n = Math.max(1, Math.round(RATE / 20));
  return Array.from({ length: n }, () => {
    const at = Math.floor(random() * DEVICES);
    const now = states[seats[at]];
    const next = now === HEALTHY ? (random() < .5 ? UPDATING : random() < .8 ? OFFLINE : AT_RISK) : HEALTHY;
    if (drawn > DEVICES / 50 || now !== HEALTHY) { const back = Math.floor(random() * DEVICES); if (states[seats[back]] === HEALTHY) return [seats[back], HEALTHY]; }
    drawn++;
    states[seats[at]] = next;
    return [seats[at], next];
  });
}

export function play(topics, send) {
  const next = topic => ++topics.get(topic).seq;
  const timers = [
    RATE && setInterval(() => topics.has('fleet') && send({ topic: 'fleet', seq: next('fleet'), changes: changes() }), 50),
    setInterval(() => {
      if (topics.has('census')) send({ topic: 'census', seq: next('census'), ...census() });
      if (topics.has('intake')) send({ topic: 'intake', seq: next('intake'), ...flow() });
      if (topics.has('events') && random() < .6) send({ topic: 'events', seq: next('events'), items: [event()] });
    }, 1000),
  ];
  return () => timers.forEach(clearInterval);
}
