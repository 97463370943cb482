// Measures Orrery on this machine, each figure beside a limit or a peer measured in the same run.
//   node tests/bench/bench.mjs [AREA]      areas: ingest handshake connection rest idle
// Prints a table and writes build/bench.json. Loopback only, bounded, ends what it started.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { performance } from 'node:perf_hooks';

const area = process.argv[2] ?? '';
const build = process.env.ORRERY_BUILD ?? 'build';
const work = `${process.cwd()}/build/bench`;
const dir = `${work}/i`;
const port = 27443;
const rows = [];
const children = [];
mkdirSync(work, { recursive: true });

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const want = (name) => !area || name === area || name.startsWith(area + '.');
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** better: 'more' or 'less'; goal: what ratio or value must reach, as text and as a test. */
function row(name, value, unit, limit, goal, met, note = '') {
  const ratio = limit ? value / limit : null;
  rows.push({ name, value, unit, limit: limit ?? null, ratio, goal, met, ...(note && { note }) });
  const n = (x) => (x === null || x === undefined ? '' : Math.abs(x) >= 1000 ? Math.round(x).toLocaleString('en') : x.toPrecision(3));
  console.log(`${name.padEnd(22)} ${n(value).padStart(10)} ${unit.padEnd(9)} ${n(limit).padStart(10)} ${n(ratio).padStart(6)}  ${goal.padEnd(34)} ${met ? 'met' : 'MISSED'} ${note}`);
}

function run(program, args, { seconds = 300, quiet = false } = {}) {
  const r = spawnSync(program, args, { encoding: 'utf8', timeout: seconds * 1000, maxBuffer: 1 << 28 });
  if (r.status !== 0 && !quiet) throw new Error(`${program} ${args.join(' ')}: ${r.stderr?.slice(-2000) || r.error || r.status}`);
  return r.stdout ?? '';
}
const jsonLines = (text) => text.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l));

function start(program, args, log) {
  const fd = openSync(log, 'a');
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', fd] });
  children.push(child);
  return child;
}
const ended = (child) => (child.exitCode !== null || child.signalCode ? Promise.resolve() : new Promise((r) => child.once('exit', r)));
async function stop(child) {
  child.kill('SIGTERM');
  await Promise.race([ended(child), sleep(30000)]);
  if (child.exitCode === null && !child.signalCode) child.kill('SIGKILL');
  await ended(child);
}

// ------------------------------------------------------------------ the instance under test

let server = null;
async function serve(extra = []) {
  const began = performance.now();
  mkdirSync(dir, { recursive: true });
  server = start(`${build}/orreryd`, ['--dir', dir, '--set', `edge.listen=127.0.0.1:${port}`, '--set', `gateway.listen=127.0.0.1:${port + 1}`,
    '--set', `metrics.listen=127.0.0.1:${port + 1021}`, '--set', `web.dir=${process.cwd()}/web/dist`, '--set', 'log.level=warn',
    ...extra.flatMap((e) => ['--set', e])], `${work}/orreryd.log`);
  const lines = createInterface({ input: server.stdout });
  await new Promise((resolve, reject) => {
    lines.on('line', (l) => l.startsWith('ready') && resolve());
    server.once('exit', () => reject(new Error(`the server did not start, see ${work}/orreryd.log`)));
    setTimeout(() => reject(new Error('the server did not start within 60 s')), 60000).unref();
  });
  const ms = performance.now() - began;
  run(`${build}/orreryd`, ['--dir', dir, 'admin-token']);
  return ms;
}
const token = () => readFileSync(`${dir}/admin-token`, 'utf8').trim();
const ca = () => readFileSync(`${dir}/pki/server-ca.pem`);

function request(method, path, body, agent) {
  return new Promise((resolve, reject) => {
    const r = https.request({ host: '127.0.0.1', port, servername: 'localhost', method, path: `/api/v1/${path}`, ca: ca(), agent,
      headers: { Authorization: `Bearer ${token()}`, ...(body && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }) } }, (a) => {
      let text = '';
      a.on('data', (d) => (text += d)).on('end', () => (a.statusCode < 300 ? resolve(text) : reject(new Error(`${method} ${path}: ${a.statusCode} ${text}`))));
    });
    r.on('error', reject);
    r.end(body);
  });
}

const fleetArgs = ['--dir', `${work}/fleet`, '--server', `localhost:${port + 1}`, '--ca', `${dir}/pki/server-ca.pem`];
/** Devices that exist, are claimed, and hold certificates from an earlier run where one is good. */
async function makeFleet(count) {
  run(`${build}/orrery-fleet`, ['init', '--dir', `${work}/fleet`, '--count', String(count)]);
  await request('POST', 'catalogs/demo/reference-values', run(`${build}/orrery-fleet`, ['manifest', '--dir', `${work}/fleet`]));
  for (const body of run(`${build}/orrery-fleet`, ['keys', '--dir', `${work}/fleet`, '--claims']).split('\n').filter(Boolean))
    await request('POST', 'catalogs/demo/claims', body);
}
function fleet(args, seconds = 300) {
  const out = run(`${build}/orrery-fleet`, ['run', ...fleetArgs, ...args], { seconds });
  return jsonLines(out).at(-1);
}
/** Runs a fleet beside the calls of f. */
async function withFleet(args, ready, f) {
  const child = start(`${build}/orrery-fleet`, ['run', ...fleetArgs, ...args], `${work}/fleet.log`);
  try {
    for (let i = 0; i < 1200 && (await metric('orrery_gateway_sessions')) < ready; i++) await sleep(250);
    return await f();
  } finally {
    await stop(child);
  }
}
async function metric(name) {
  const text = await (await fetch(`http://127.0.0.1:${port + 1021}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? NaN);
}
function proc(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return { kb: Number(/VmRSS:\s+(\d+)/.exec(status)[1]), cpuS: (Number(stat[11]) + Number(stat[12])) / 100 };
}

// ------------------------------------------------------------------ ingest

async function ingest() {
  const socket = `host=${dir}/run dbname=orrery`;
  const copy = (devices) => jsonLines(run(`${build}/tests/bench/copy_bench`, ['3', String(devices), socket], { seconds: 240 }));
  for (const [count, window, least] of [[2000, 64, 0.6], [10000, 32, 0.5]]) {
    if (!want(`ingest.closed_${count}`)) continue;
    const pairs = [];
    for (let round = 0; round < 3; round++) {
      const limit = copy(count).find((l) => l.name === 'ingest.copy_indexed').value;
      const got = fleet(['--count', String(count), '--closed', String(window), '--frame', '16', '--metrics', '8', '--bytes', '200', '--duration', '8s']);
      pairs.push({ limit, value: got.ackedPerS, lost: got.lost });
    }
    const mid = [...pairs].sort((a, b) => a.value / a.limit - b.value / b.limit)[1];
    row(`ingest.closed_${count}`, mid.value, 'msgs/s', mid.limit, `>= ${least} of indexed COPY`, mid.value / mid.limit >= least,
      `ratios ${pairs.map((p) => (p.value / p.limit).toFixed(2)).join(' ')}, lost ${pairs.reduce((n, p) => n + p.lost, 0)}`);
  }
  if (want('ingest.open_100k')) {
    const r = fleet(['--count', '10000', '--open', '100000', '--frame', '16', '--duration', '15s']);
    row('ingest.open_100k', r.latencyMs.p99, 'ms p99', 50, '<= 50 ms at 100,000 msgs/s', r.latencyMs.p99 <= 50 && r.ackedPerS > 95000,
      `${Math.round(r.ackedPerS)} acked/s, p50 ${r.latencyMs.p50} ms`);
  }
  if (want('ingest.single_20k')) {
    const r = fleet(['--count', '10000', '--open', '20000', '--frame', '1', '--duration', '15s']);
    row('ingest.single_20k', r.latencyMs.p99, 'ms p99', 25, '<= 25 ms at 20,000 msgs/s', r.latencyMs.p99 <= 25 && r.ackedPerS > 19000,
      `${Math.round(r.ackedPerS)} acked/s, p50 ${r.latencyMs.p50} ms`);
  }
}

// ------------------------------------------------------------------ handshakes and connections

async function handshake() {
  for (const [name, extra, key] of [['handshake.full', [], 'full'], ['handshake.resumed', ['--resume'], 'resumed']]) {
    if (!want(name)) continue;
    const pairs = [];
    for (let round = 0; round < 3; round++) {
      const before = proc(server.pid).cpuS;
      const ours = fleet(['--count', '2000', '--cycles', '2', ...extra, '--duration', '1s']);
      const perCore = ours.handshakes / (proc(server.pid).cpuS - before);
      const bare = jsonLines(run('node', ['tests/bench/bare.mjs', key, `${work}/fleet`, dir], { seconds: 240 })).at(-1);
      pairs.push({ value: perCore, limit: bare.perCore });
    }
    const mid = [...pairs].sort((a, b) => a.value / a.limit - b.value / b.limit)[1];
    row(name, mid.value, 'hs/s/core', mid.limit, '>= 0.90 of bare epoll+OpenSSL', mid.value / mid.limit >= 0.9,
      pairs.map((p) => (p.value / p.limit).toFixed(2)).join(' '));
  }
}

async function connection() {
  if (!want('connection.device')) return;
  await stop(server);
  await serve();
  const before = proc(server.pid).kb;
  await withFleet(['--count', '10000', '--interval', '600s'], 10000, async () => {
    await sleep(5000);
    const held = await metric('orrery_gateway_sessions');
    const kb = (proc(server.pid).kb - before) / held;
    const peer = mosquittoKb();
    row('connection.device', kb, 'kB', peer, '<= 29 kB, none lost', kb <= 29 && held >= 10000, `${held} held; beside: Mosquitto, idle, mutual TLS`);
  });
}
function mosquittoKb() {
  const r = spawnSync('node', ['tests/bench/mosquitto.mjs', `${work}/fleet`], { encoding: 'utf8', timeout: 120000 });
  return r.status === 0 ? jsonLines(r.stdout).at(-1)?.kb : null;
}

// ------------------------------------------------------------------ REST

/** Keeps `width` requests under way over as many connections for `seconds`. */
async function pump(path, width, seconds) {
  const agent = new https.Agent({ keepAlive: true, maxSockets: width });
  const times = [];
  const until = performance.now() + seconds * 1000;
  await Promise.all(Array.from({ length: width }, async () => {
    while (performance.now() < until) {
      const began = performance.now();
      await request('GET', path, null, agent);
      times.push(performance.now() - began);
    }
  }));
  agent.destroy();
  times.sort((a, b) => a - b);
  return { perS: times.length / seconds, p99: times[Math.floor(times.length * 0.99)] };
}
async function rest() {
  if (want('rest.device')) {
    const devices = JSON.parse(await request('GET', 'catalogs/demo/devices?limit=1')).items;
    const load = `${build}/tests/bench/load_bench`;
    if (existsSync(load)) {
      const r = jsonLines(run(load, ['127.0.0.1', String(port), `/api/v1/catalogs/demo/devices/${devices[0].id}`, `${dir}/admin-token`, '64', '6'])).at(-1);
      row('rest.device', r.perS, 'req/s', 5000, '>= 5,000/s, p99 <= 25 ms, 64 conns', r.perS >= 5000 && r.p99 <= 25, `p99 ${r.p99.toFixed(1)} ms`);
    } else {
      const r = await pump(`catalogs/demo/devices/${devices[0].id}`, 64, 6);
      row('rest.device', r.perS, 'req/s', 5000, '>= 5,000/s, p99 <= 25 ms, 64 conns', r.perS >= 5000 && r.p99 <= 25, `p99 ${r.p99.toFixed(1)} ms, client in node`);
    }
  }
  if (['rest.kept_1000', 'rest.storm', 'connection.edge'].some(want) && existsSync(`${build}/tests/bench/edge_bench`))
    for (const l of jsonLines(run(`${build}/tests/bench/edge_bench`, [], { seconds: 300 })))
      if (want(l.name)) row(l.name, l.value, l.unit, l.limit, l.goal, l.met, l.note);
}

async function idle() {
  if (want('idle.start')) {
    await stop(server);
    const ms = await serve();
    row('idle.start', ms / 1000, 's', 3, '<= 3 s on an existing instance', ms <= 3000);
  }
  if (!want('idle.server')) return;
  await stop(server);
  await serve();
  await withFleet(['--count', '50'], 50, async () => {
    await sleep(5000);
    const a = proc(server.pid);
    await sleep(20000);
    const b = proc(server.pid);
    const share = ((b.cpuS - a.cpuS) / 20) * 100;
    row('idle.server', b.kb / 1024, 'MB', 60, '<= 60 MB, <= 1 % of a core', b.kb / 1024 <= 60 && share <= 1, `${share.toFixed(2)} % of a core, 50 devices each 2 s`);
  });
}

// ------------------------------------------------------------------

try {
  console.log(`${cpus().length} cores of ${cpus()[0].model}; load generator, PostgreSQL and server share them\n`);
  console.log(`${'row'.padEnd(22)} ${'value'.padStart(10)} ${'unit'.padEnd(9)} ${'limit'.padStart(10)}  ratio  goal`);
  await serve();
  if (['ingest', 'handshake', 'connection', 'rest', 'idle'].some((a) => want(a) || area.startsWith(a)))
    await makeFleet(10000);
  if (want('ingest') || area.startsWith('ingest')) {
    fleet(['--count', '10000', '--interval', '60s', '--duration', '2s', '--connect-timeout', '180s'], 300); // everyone gets a certificate
    await ingest();
  }
  if (want('handshake') || area.startsWith('handshake')) await handshake();
  if (want('connection') || area.startsWith('connection')) await connection();
  if (want('rest') || area.startsWith('rest') || area === 'connection.edge') await rest();
  if (want('idle') || area.startsWith('idle')) await idle();
} finally {
  for (const c of children) if (c.exitCode === null && !c.signalCode) await stop(c);
}
writeFileSync('build/bench.json', JSON.stringify(rows, null, 2) + '\n');
const missed = rows.filter((r) => !r.met).length;
console.log(`\n${rows.length} rows, ${missed} missed; build/bench.json`);
