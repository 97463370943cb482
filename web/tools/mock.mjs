// SPDX-License-Identifier: Apache-2.0
//
// mock: serves web/dist and plays a fleet of DEVICES (50), to look at pages without a server.
// A development tool; of the measurements only page.devices relies on it. `npm run build && npm run mock`, any name, password "x".
//
//   PORT=8099 DEVICES=100000 RATE=1000 BEAT=500 BURST=0 node tools/mock.mjs [--out] [--first]      --out: not signed in; --first: the password must be changed

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fleet from './mock-fleet.mjs';
import { inventory } from './mock-devices.mjs';

const dist = join(dirname(fileURLToPath(import.meta.url)), '../dist');
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.ico': 'image/x-icon', '.woff2': 'font/woff2' };
const HEAD = {
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer',
};

const hex = s => createHash('sha256').update(s).digest('hex');
const iso = ms => (ms ? new Date(ms).toISOString() : null);
const began = Date.now();
const SITES = ['Luleå 1', 'Kiruna 3', 'Boden 1', 'Umeå 2'];
const KINDS = [['Line sensor', 'ls'], ['Field gateway', 'gw'], ['Cold chain', 'cc'], ['HVAC node', 'hv']];
const STORY = { 7: ['quarantined', 'Its kernel is not among the reference values.'], 19: ['atRisk', 'Its certificate should have been renewed 2 hours ago.'], 23: ['offline', 'It has had no session for 14 minutes.'], 31: ['unknown', 'It has never attested.'] };

const devices = Array.from({ length: Number(process.env.DEVICES ?? 50) }, (_, i) => {
  const fingerprint = hex('device ' + i);
  const [model, short] = KINDS[i % 4];
  const [state, why] = STORY[i % 50] ?? ['healthy', 'Attested, certificate in date, connected.'];
  return {
    id: fingerprint.slice(0, 32), name: i === 0 ? hostname() : `${short}-${fingerprint.slice(0, 6)}`, fingerprint, lifecycle: 'claimed', state,
    stateReason: why, stateSince: iso(began - (i % 997) * 311_000), online: state !== 'offline', product: null, group: null,
    osVersion: i === 0 ? '12' : '4.1.' + (i % 3), model: i === 0 ? 'Virtual machine' : model, lastSeen: state === 'unknown' ? null : iso(began),
    tags: { site: SITES[i % 4] }, verdict: { quarantined: 'contraindicated', unknown: 'none', atRisk: 'warning' }[state] ?? 'affirming', attestedAt: state === 'unknown' ? null : iso(began - 3_600_000),
    certificate: state === 'unknown' ? null : { kind: state === 'quarantined' ? 'quarantine' : 'operational', serial: fingerprint.slice(0, 32), notBefore: iso(began - 3_600_000), notAfter: iso(began + 82_800_000) },
    createdAt: iso(began - 9e8), claimedAt: iso(began - 8e8),
  };
});

const wave = (i, k, t) => Math.sin(t / (40_000 + 7000 * k) + i * 1.7 + k) + 0.25 * Math.sin(t / 5300 + i * k);
const WAVES = [
  { 'pressure.bar': [4.2, 0.6], 'flow.lpm': [118, 14], 'temp.motor': [58, 6], 'vibration.mm_s': [2.1, 0.7], 'valve.open': [0.4, 1] },
  { 'power.w': [2350, 900], 'voltage.v': [231, 3.5], 'current.a': [10.2, 3.8], 'frequency.hz': [50, 0.02] },
  { 'temp.room': [3.4, 0.9], 'temp.coil': [-7.5, 2.2], humidity: [71, 6], 'door.open': [0, 1] },
  { 'co2.ppm': [640, 190], 'temp.room': [21.8, 1.3], humidity: [44, 8], 'fan.rpm': [1320, 240] },
];
const HOST = { 'cpu.load': [0.22, 0.12], 'cpu.load1': [0.6, 0.3], 'mem.used': [4.1e9, 4e8], 'mem.total': [16.7e9, 0], 'disk.used': [38e9, 0], 'disk.total': [98e9, 0], 'net.rx': [42_000, 30_000], 'net.tx': [12_000, 8000], uptime: [271_000, 0], 'temp.x86_pkg_temp': [47, 3] };
const reading = (i, t) => Object.fromEntries(Object.entries(i ? WAVES[i % 4] : HOST).map(([name, [mid, by]], k) => {
  const v = mid + by * 0.8 * wave(i, k + 1, t);
  return [name, /open/.test(name) ? +(v > 0.6) : +v.toFixed(3)];
}));
const says = [['info', 'agent', 'Sent 16 readings, all acknowledged'], ['info', 'kernel', 'eth0: link is up, 1000 Mbps, full duplex'], ['warn', 'sensor', 'Reading took longer than usual'], ['info', 'agent', 'Certificate renewal is due in 11 h'], ['debug', 'agent', 'Buffer is empty'], ['error', 'sensor', 'Probe 2 did not answer']];
const line = (i, k, t) => {
  const [level, source, text] = says[(i + k) % says.length];
  return { t, event: k % 17 === 0, level, name: k % 17 === 0 ? 'boot' : null, source, text, fields: level === 'warn' ? { ms: 410, probe: 2 } : {} };
};
const LOG = ['firmware', 'boot loader', 'kernel', 'initramfs', 'root file system', 'agent', 'configuration'].map((component, n) => [n < 3 ? n * 2 : 9, component, n === 5 ? '0.1.0' : '4.1.' + (n % 3)]);

function evidence(d) {
  const bad = d.state === 'quarantined';
  return {
    verdict: d.verdict, quarantineReason: null, attestedAt: d.attestedAt, attester: d.attestedAt ? 'soft' : null,
    findings: bad ? [{ component: 'kernel', expected: hex('k4.1.1'), found: hex('evil'), remedy: 'Install a signed image, or add this measurement to the reference values if you made it.', text: 'The kernel (4.1.1) has a measurement that is not among the reference values.' }]
      : d.state === 'atRisk' ? [{ text: 'The certificate should have been renewed 2 hours ago.', remedy: 'See whether the device can reach the server.' }] : [],
    claims: d.attestedAt ? { bootcount: 17, dbgstat: 2, oemboot: true, uptime: 812 } : null,
    log: d.attestedAt ? LOG.map(([pcr, component, version]) => ({ pcr, component, version, sha256: hex(component + version), known: !(bad && component === 'kernel') })) : [],
    certificate: d.certificate, eat: 'eyJhbGciOiJFUzI1NiJ9.e30.x',
  };
}

const open = !process.argv.includes('--out');
let mustChange = process.argv.includes('--first');
const tokens = [{ id: '1', name: 'nightly export', prefix: 'orr_k3v9x0ab', scopes: ['devices:read', 'telemetry:read'], createdAt: iso(began - 9e8), expiresAt: iso(began + 9e8), usedAt: iso(began - 4e6) }];
const PERMISSIONS = ['self:read', 'devices:read', 'devices:write', 'devices:claim', 'trust:read', 'trust:write', 'telemetry:read', 'audit:read', 'users:read', 'users:write', 'catalog:write', 'tokens:write'];
const session = () => ({ account: { id: '1', name: 'owner', role: 'owner' }, permissions: PERMISSIONS, catalogs: ['demo', 'north'], csrf: 'c', mustChangePassword: mustChange });
const where = new Map(devices.map((d, i) => [d.id, i]));
const find = id => where.get(id) ?? -1;
const missing = { status: 404, title: 'Not found', detail: 'No such device in this catalog.', code: 'not_found' };
const page = items => ({ items, next: null });

const routes = [
  ...fleet.routes,
  ['GET /session', (_, q, body, signedIn) => (signedIn ? session() : [401, { title: 'Unauthorized', detail: 'Sign in first.' }])],
  ['POST /session', (_, q, body) => (body.password === 'x' || body.password.startsWith('e2e') ? [200, session(), 's=1; Path=/'] : [401, { detail: 'The name or the password is wrong.' }])],
  ['DELETE /session', () => [204, null, 's=; Path=/; Max-Age=0']],
  ['POST /session/password', () => ((mustChange = false), session())],
  ['POST /live-tickets', () => ({ ticket: 't', expiresIn: 30 })],
  ['GET /tokens', () => page(tokens)],
  ['POST /tokens', (_, q, body) => { const k = { id: String(tokens.length + 1), prefix: 'orr_' + randomBytes(4).toString('hex'), createdAt: iso(Date.now()), usedAt: null, catalog: null, name: body.name, scopes: body.scopes, expiresAt: iso(Date.now() + body.expiresInDays * 864e5) }; tokens.push(k); return [201, { ...k, token: `${k.prefix}_${randomBytes(32).toString('base64url')}` }]; }],
  ['DELETE /tokens/(\\d+)', ([id]) => (tokens.splice(tokens.findIndex(k => k.id === id), 1), [204])],
  ...inventory(devices, fleet.bySeat),
  ['GET /catalogs/demo/devices/(\\w+)', ([id]) => devices[find(id)]],
  ['GET /catalogs/demo/devices/(\\w+)/evidence', ([id]) => evidence(devices[find(id)])],
  ['GET /catalogs/demo/devices/(\\w+)/telemetry/last', ([id]) => (devices[find(id)].attestedAt ? { t: Date.now(), m: reading(find(id), Date.now()) } : { t: null, m: {} })],
  ['GET /catalogs/demo/devices/(\\w+)/telemetry', ([id], q) => {
    const [from, to, i] = [+q.get('from'), +q.get('to'), find(id)], step = Math.max(1000, (to - from) / 600);
    const at = []; for (let t = from; t < to; t += step) if (t < to - (to - from) * 0.6 || t > to - (to - from) * 0.52) at.push(Math.round(t));
    return { from, to, truncated: false, series: q.get('metrics').split(',').map(metric => ({ metric, points: at.map(t => [t, reading(i, t)[metric]]) })) };
  }],
  ['GET /catalogs/demo/devices/(\\w+)/journal', ([id], q) => {
    const min = ['debug', 'info', 'warn', 'error'].indexOf(q.get('level') ?? 'debug');
    return page(devices[find(id)].attestedAt ? Array.from({ length: 80 }, (_, k) => line(find(id), k, Date.now() - k * 7300)).filter(e => ['debug', 'info', 'warn', 'error'].indexOf(e.level) >= min) : []);
  }],
];

async function rest(req, res, url) {
  let text = '';
  for await (const c of req) text += c;
  for (const [route, run] of routes) {
    const [method, pattern] = route.split(' ');
    const m = method === req.method && new RegExp(`^/api/v1${pattern}$`).exec(url.pathname);
    if (!m) continue;
    const known = !m[1] || !pattern.includes('/devices/(') || find(m[1]) >= 0;
    const answer = !known ? [404, missing] : run(m.slice(1), url.searchParams, text ? (/json/.test(req.headers['content-type'] ?? '') ? JSON.parse(text) : text) : {}, open || /s=1/.test(req.headers.cookie ?? ''), req.headers);
    if (Buffer.isBuffer(answer)) return res.writeHead(200, { ...HEAD, 'content-type': 'application/octet-stream', etag: '"1"' }).end(answer);
    const [status, body, cookie] = Array.isArray(answer) ? answer : [200, answer];
    res.writeHead(status, { ...HEAD, 'content-type': status < 400 ? 'application/json' : 'application/problem+json', 'x-request-id': randomBytes(6).toString('hex'), ...(cookie ? { 'set-cookie': cookie } : {}) });
    return res.end(status === 204 ? undefined : JSON.stringify(body));
  }
  res.writeHead(404, { ...HEAD, 'content-type': 'application/problem+json' }).end(JSON.stringify(missing));
}

function file(res, path) {
  const wanted = join(dist, normalize(path));
  const real = extname(path) && existsSync(wanted) ? wanted : join(dist, 'index.html');
  res.writeHead(200, { ...HEAD, 'content-type': TYPES[extname(real)] }).end(readFileSync(real));
}

const server = createServer((req, res) => {
  const url = new URL(req.url, 'http://x');
  if (url.pathname.startsWith('/api/')) void rest(req, res, url);
  else file(res, url.pathname);
});

// Each frame in one piece, text or bytes: enough for the page's own client.
function frameOf(message) {
  const body = Buffer.from(message);
  const kind = typeof message === 'string' ? 0x81 : 0x82;
  const head = body.length < 126 ? Buffer.from([kind, body.length]) : body.length < 65536 ? Buffer.from([kind, 126, body.length >> 8, body.length & 255]) : null;
  if (head) return Buffer.concat([head, body]);
  const long = Buffer.alloc(10);
  long[0] = kind; long[1] = 127; long.writeBigUInt64BE(BigInt(body.length), 2);
  return Buffer.concat([long, body]);
}

function* unmask(buffer) {
  for (let at = 0; at + 6 <= buffer.length;) {
    let n = buffer[at + 1] & 127, o = at + 2;
    if (n === 126) { n = buffer.readUInt16BE(o); o += 2; }
    const mask = buffer.subarray(o, o + 4);
    if ((buffer[at] & 15) === 1) yield Buffer.from(buffer.subarray(o + 4, o + 4 + n)).map((b, i) => b ^ mask[i & 3]).toString();
    at = o + 4 + n;
  }
}

const change = i => ({ id: devices[i].id, state: devices[i].state, stateReason: devices[i].stateReason, online: devices[i].online, lastSeen: Date.now(), m: reading(i, Date.now()) });

// Each device in sight once a beat, or BURST changes, whomever they hit.
const BEAT = Number(process.env.BEAT ?? 500);
const BURST = Number(process.env.BURST ?? 0);
const burst = ({ ids }) => (BURST && ids.length ? Array.from({ length: BURST }, () => ids[Math.floor(Math.random() * ids.length)]) : ids);

server.on('upgrade', (req, socket) => {
  const accept = createHash('sha1').update(req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  const topics = new Map();
  const send = m => socket.write(frameOf(Buffer.isBuffer(m) ? m : JSON.stringify(m)));
  const awake = i => devices[i].online && devices[i].state !== 'unknown';
  const members = (topic, i, k) => ({ device: change(i), readings: awake(i) ? [{ t: Date.now(), m: reading(i, Date.now()) }] : [], journal: k % 4 === 0 && awake(i) ? [line(i, k, Date.now())] : [] });
  const snapshot = topic => {
    const s = topics.get(topic);
    s.seq = 1;
    const played = fleet.snapshot(topic);
    if (played) return send(played);
    if (topic !== 'devices' && find(topic.slice(7)) < 0) return send({ type: 'error', text: 'no such device' });
    const body = topic === 'devices' ? s.ids.map(find).filter(i => i >= 0).map(i => ({ ...change(i), ...(awake(i) ? {} : { lastSeen: null, m: {} }) })) : change(find(topic.slice(7)));
    send({ topic, seq: s.seq, snapshot: body });
  };
  socket.on('data', data => {
    for (const text of unmask(data)) {
      const m = JSON.parse(text);
      if (m.type === 'ticket') send({ type: 'ready' });
      if (m.type === 'subscribe') { topics.set(m.topic, { ids: m.ids ?? [], seq: 0, k: 1 }); snapshot(m.topic); }
      if (m.type === 'snapshot') snapshot(m.topic);
      if (m.type === 'unsubscribe') topics.delete(m.topic);
    }
  });
  const beat = setInterval(() => {
    for (const [topic, s] of topics) {
      if (topic !== 'devices' && !topic.startsWith('device:')) continue;
      s.seq++; s.k++;
      if (topic === 'devices') send({ topic, seq: s.seq, changes: burst(s).map(find).filter(i => i >= 0 && awake(i)).map(change) });
      else if (find(topic.slice(7)) >= 0) send({ topic, seq: s.seq, ...members(topic, find(topic.slice(7)), s.k) });
    }
  }, BEAT);
  const rest = fleet.play(topics, send);
  const end = () => {
    clearInterval(beat);
    rest();
  };
  socket.on('close', end).on('error', end);
});

const port = Number(process.env.PORT ?? 8099);
server.listen(port, '127.0.0.1', () => console.log(`mock: http://127.0.0.1:${port}/`));
