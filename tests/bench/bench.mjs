// Measures Orrery on this machine, each figure beside a limit or a peer measured in the same run.
//   node tests/bench/bench.mjs [AREA or ROW]      areas: ingest handshake connection rest idle live page
// Prints a table and writes build/bench.json. Loopback only, bounded, ends what it started; keeps
// an instance and 10,000 device keys below build/bench, so that the next run begins sooner.
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { cpus, loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { performance } from 'node:perf_hooks';
import { overview, weight } from './page.mjs';
import { pulse, withRules } from './pulse.mjs';

const build = process.env.ORRERY_BUILD ?? 'build';
const work = `${process.cwd()}/build/bench`;
const rounds = Number(process.env.ROUNDS ?? 3);
const FRESH_MS = 6 * 3600 * 1000; // certificates of 24 h are renewed after 12

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const jsonLines = (text) => text.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l));
const jsonOf = async (...args) => jsonLines(await run(...args)).at(-1);

// ------------------------------------------------------------------ rows

const rows = [];

/** limit: what was measured beside, or the goal itself where it is a plain number. */
function row(name, value, unit, limit, goal, met, note = '') {
  const ratio = limit ? value / limit : null;
  rows.push({ name, value, unit, limit: limit ?? null, ratio, goal, met, note });
  const n = (x) => (x === null || x === undefined ? '-' : Math.abs(x) >= 1000 ? Math.round(x).toLocaleString('en') : x.toPrecision(3));
  console.log(`${name.padEnd(21)} ${n(value).padStart(9)} ${unit.padEnd(10)} ${n(limit).padStart(9)} ${n(ratio).padStart(6)}  ${goal.padEnd(36)} ${met ? 'met   ' : 'MISSED'} ${note}`);
}

/** Runs pair() several times and keeps the one whose ratio is in the middle. */
async function middle(pair) {
  const pairs = [];
  for (let i = 0; i < rounds; i++) pairs.push(await pair());
  const sorted = pairs.map((p) => ({ ...p, ratio: p.value / p.limit })).sort((a, b) => a.ratio - b.ratio);
  return { ...sorted[Math.floor(rounds / 2)], all: sorted.map((p) => p.ratio.toFixed(2)).join(' ') };
}

// ------------------------------------------------------------------ programs

const children = new Set();

function start(program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', openSync(`${work}/log`, 'a')] });
  children.add(child);
  child.text = '';
  child.lines = createInterface({ input: child.stdout });
  child.lines.on('line', (l) => (child.text += `${l}\n`));
  child.ended = new Promise((resolve) => child.once('close', resolve).once('error', resolve));
  child.ended.then(() => children.delete(child));
  return child;
}
async function stop(child) {
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 30000);
  await child.ended;
  clearTimeout(late);
}
/** A program's output, once it has ended well. */
async function run(program, args, seconds = 300) {
  const child = start(program, args);
  const late = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  await child.ended;
  clearTimeout(late);
  if (child.exitCode !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${child.signalCode ?? child.exitCode}; ${work}/log tells more`);
  return child.text;
}
/** The first line that begins so. */
function firstLine(child, begin, seconds) {
  return new Promise((resolve, reject) => {
    child.lines.on('line', (l) => l.startsWith(begin) && resolve(l));
    child.ended.then(() => reject(new Error(`${child.spawnfile} ended; ${work}/log tells why`)));
    setTimeout(() => reject(new Error(`${child.spawnfile} did not get ready within ${seconds} s`)), seconds * 1000).unref();
  });
}
async function freePorts(count) {
  const held = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
    const s = net.createServer().listen(0, '127.0.0.1', () => resolve(s));
  })));
  const ports = held.map((s) => s.address().port);
  await Promise.all(held.map((s) => new Promise((r) => s.close(r))));
  return ports;
}
/** Resident kB and CPU seconds of a process; of its children too where told. */
function proc(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return { kb: Number(/VmRSS:\s+(\d+)/.exec(status)[1]), cpuS: (Number(stat[11]) + Number(stat[12])) / 100 };
}

// ------------------------------------------------------------------ an instance and its fleet

class Instance {
  constructor(name, devices) {
    this.dir = `${work}/${name}`;
    this.fleetDir = `${work}/${name}-fleet`;
    this.devices = devices;
  }

  async serve() {
    const [edge, gateway, metrics] = await freePorts(3);
    Object.assign(this, { edge, gateway, metrics });
    mkdirSync(this.dir, { recursive: true });
    const began = performance.now();
    this.server = start(`${build}/orreryd`, ['--dir', this.dir, '--set', `edge.listen=127.0.0.1:${edge}`, '--set', `gateway.listen=127.0.0.1:${gateway}`,
      '--set', `metrics.listen=127.0.0.1:${metrics}`, '--set', `web.dir=${process.cwd()}/web/dist`, '--set', 'log.level=warn']);
    await firstLine(this.server, 'ready', 60);
    this.startMs = performance.now() - began;
    if (!existsSync(`${this.dir}/admin-token`)) await run(`${build}/orreryd`, ['--dir', this.dir, 'admin-token']);
    this.token = readFileSync(`${this.dir}/admin-token`, 'utf8').trim();
    this.ca = readFileSync(`${this.dir}/pki/server-ca.pem`);
  }
  /** One of an older build may not start or not know us any more: then a new one is made. */
  async open() {
    if (this.server) return this;
    try {
      await this.serve();
      await this.request('GET', 'catalogs/demo/devices?limit=1');
    } catch (e) {
      console.log(`(a new instance is made, the old one in ${this.dir} does not serve: ${e.message})`);
      await this.close();
      for (const d of [this.dir, this.fleetDir, `${this.fleetDir}-certified`]) rmSync(d, { recursive: true, force: true });
      await this.serve();
    }
    await this.populate();
    return this;
  }
  async close() {
    if (this.server) await stop(this.server);
    this.server = null;
  }
  async restart() {
    await this.close();
    await this.serve();
  }

  request(method, path, body, type = 'application/json') {
    const headers = { Authorization: `Bearer ${this.token}`, ...(body && { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }) };
    return new Promise((resolve, reject) => {
      const r = https.request({ host: '127.0.0.1', port: this.edge, servername: 'localhost', method, path: `/api/v1/${path}`, ca: this.ca, headers }, (a) => {
        let text = '';
        a.on('data', (d) => (text += d)).on('end', () => (a.statusCode < 300 ? resolve(text) : reject(new Error(`${method} ${path}: ${a.statusCode} ${text}`))));
      });
      r.on('error', reject);
      r.end(body);
    });
  }
  async metric(name) {
    const text = await (await fetch(`http://127.0.0.1:${this.metrics}/metrics`)).text();
    return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? NaN);
  }
  get conninfo() {
    return `host=${this.dir}/run dbname=orrery`;
  }
  /** What earlier rounds stored is nobody's any more. */
  async settle() {
    await run('psql', ['-qX', '-d', this.conninfo, '-c', 'TRUNCATE telemetry', '-c', 'CHECKPOINT']);
  }

  /** Devices exist, are claimed and hold certificates. */
  async populate() {
    const fleet = `${build}/orrery-fleet`, mark = `${this.fleetDir}-certified`;
    if (existsSync(mark) && Date.now() - Number(readFileSync(mark, 'utf8')) < FRESH_MS) return;
    await run(fleet, ['init', '--dir', this.fleetDir, '--count', String(this.devices)]);
    await this.request('POST', 'catalogs/demo/reference-values', await run(fleet, ['manifest', '--dir', this.fleetDir]));
    for (const body of (await run(fleet, ['keys', '--dir', this.fleetDir, '--claims'])).split('\n').filter(Boolean))
      await this.request('POST', 'catalogs/demo/claims', body);
    const r = await this.fleet(['--open', '1000', '--duration', '1s', '--connect-timeout', '240s']);
    if (r.connected < this.devices) throw new Error(`only ${r.connected} of ${this.devices} devices got a certificate: ${r.lastDown}`);
    writeFileSync(mark, String(Date.now()));
  }
  fleetArgs(args, port = this.gateway) {
    return ['run', '--dir', this.fleetDir, '--server', `localhost:${port}`, '--ca', `${this.dir}/pki/server-ca.pem`, ...args];
  }
  fleet(args, port) {
    return jsonOf(`${build}/orrery-fleet`, this.fleetArgs(args, port), 400);
  }
  /** Runs a fleet beside f; returns the fleet's own account. */
  async withFleet(args, count, f) {
    const child = start(`${build}/orrery-fleet`, this.fleetArgs(['--count', String(count), ...args]));
    try {
      for (let i = 0; i < 600 && (await this.metric('orrery_gateway_sessions')) < count; i++) await sleep(250);
      await f();
    } finally {
      await stop(child);
    }
    return jsonLines(child.text).at(-1);
  }
}
const big = new Instance('i', 10000);
const small = new Instance('s', 50);

/** A million devices that do not exist (orreryd seed), for what is asked of the whole catalog. */
class Million extends Instance {
  async populate() {
    const count = async () => Number(JSON.parse(await this.request('GET', 'catalogs')).items.find((c) => c.name === 'demo').devices);
    if ((await count()) >= this.devices) return;
    console.log('(a million devices are seeded below build/bench, once)');
    await run(`${build}/orreryd`, ['--dir', this.dir, 'seed', '--devices', String(this.devices)], 1800);
    await run('psql', ['-qX', '-d', this.conninfo, '-c', 'VACUUM ANALYZE']);
  }
}
const million = new Million('m', 1000000);

// ------------------------------------------------------------------ ingest

async function closed(count, window, least) {
  const i = await big.open();
  const r = await middle(async () => {
    await i.settle();
    const lines = jsonLines(await run(`${build}/tests/bench/copy_bench`, ['2', String(count), i.conninfo]));
    await i.settle();
    const got = await i.fleet(['--count', String(count), '--closed', String(window), '--duration', '8s']);
    return { limit: lines.find((l) => l.name === 'ingest.copy_indexed').value, value: got.ackedPerS, got };
  });
  row(`ingest.closed_${count}`, r.value, 'msgs/s', r.limit, `>= ${least.toFixed(2)} of indexed COPY`, r.ratio >= least,
    `ratios ${r.all}; p50 ${r.got.latencyMs.p50} ms, ${r.got.connected} devices, ${r.got.lost} lost`);
}
async function open(name, rate, frame, most) {
  const i = await big.open();
  await i.settle();
  const r = await i.fleet(['--count', '10000', '--open', String(rate), '--frame', String(frame), '--duration', '15s']);
  row(name, r.latencyMs.p99, 'ms p99', most, `<= ${most} ms at ${rate.toLocaleString('en')} msgs/s`, r.latencyMs.p99 <= most && r.ackedPerS > rate * 0.97,
    `${Math.round(r.ackedPerS)} acked/s, p50 ${r.latencyMs.p50}, p99.9 ${r.latencyMs.p999} ms, ${r.lost} lost`);
}

// ------------------------------------------------------------------ handshakes and connections

async function handshake(name, args) {
  const i = await big.open();
  const file = `${work}/device-ca.pem`;
  writeFileSync(file, await i.request('GET', 'catalogs/demo/ca'));
  const bare = start(`${build}/tests/bench/bare_bench`, [`${i.dir}/pki/server.pem`, `${i.dir}/pki/server.key`, file]);
  const { port } = JSON.parse(await firstLine(bare, '{', 10));
  const perCore = async (pid, at) => {
    const before = proc(pid).cpuS;
    const r = await i.fleet(['--count', '2000', '--duration', '1s', ...args], at);
    return { rate: r.handshakes / (proc(pid).cpuS - before), r };
  };
  try {
    const r = await middle(async () => {
      const limit = await perCore(bare.pid, port), ours = await perCore(i.server.pid, i.gateway);
      return { value: ours.rate, limit: limit.rate, ours: ours.r };
    });
    row(name, r.value, 'hs/s/core', r.limit, '>= 0.90 of bare epoll+OpenSSL', r.ratio >= 0.9,
      `ratios ${r.all}; ${r.ours.handshakes} handshakes, ${r.ours.resumed} resumed, ${Math.round(r.ours.handshakesPerS)}/s`);
  } finally {
    await stop(bare);
  }
}
async function deviceConnections() {
  const i = await big.open();
  await i.restart();
  const before = proc(i.server.pid).kb;
  let held, kb;
  const r = await i.withFleet(['--interval', '600s'], 10000, async () => {
    await sleep(10000);
    held = await i.metric('orrery_gateway_sessions');
    kb = (proc(i.server.pid).kb - before) / held;
  });
  const peer = await jsonOf('node', ['tests/bench/mosquitto.mjs', `${work}/mosquitto`], 120).catch(() => null);
  row('connection.device', kb, 'kB', peer?.kb, '<= 29 kB, none of 10,000 lost', kb <= 29 && held === 10000 && r.lost === 0,
    `${held} held, ${r.lost} lost; beside: Mosquitto`);
}

// ------------------------------------------------------------------ REST

async function restDevice() {
  const i = await big.open();
  const { id } = JSON.parse(await i.request('GET', 'catalogs/demo/devices?limit=1')).items[0];
  const r = await jsonOf(`${build}/tests/bench/load_bench`, ['127.0.0.1', String(i.edge), `/api/v1/catalogs/demo/devices/${id}`, `${i.dir}/admin-token`, '64', '6']);
  row('rest.device', r.perS, 'req/s', 5000, '>= 5,000/s, p99 <= 25 ms, 64 conns', r.perS >= 5000 && r.p99 <= 25,
    `p50 ${r.p50.toFixed(1)}, p99 ${r.p99.toFixed(1)}, max ${r.max.toFixed(1)} ms`);
}
/** Claims by file, from the first post to the last job's end. */
async function claimed(i, files) {
  const began = performance.now();
  let jobs = [];
  for (const file of files) jobs.push(JSON.parse(await i.request('POST', 'catalogs/demo/claims', file, 'text/csv')));
  while (!jobs.every((j) => j.state === 'done')) {
    await sleep(20);
    jobs = await Promise.all(jobs.map(async (j) => JSON.parse(await i.request('GET', `catalogs/demo/jobs/${j.id}`))));
    if (jobs.some((j) => j.state === 'failed')) throw new Error(jobs.map((j) => j.failure).join('; '));
  }
  const changed = jobs.reduce((n, j) => n + j.changed, 0);
  if (changed !== 10000) throw new Error(`${changed} of 10,000 were claimed`);
  return (performance.now() - began) / 1000;
}
/** An instance of its own, thrown away: its devices exist nowhere. */
async function restClaim() {
  const i = new Instance('c', 0);
  rmSync(i.dir, { recursive: true, force: true });
  await i.serve();
  try {
    const at = (n) => `pump ${n},site ${n % 40},batch ${n % 7}\n`;
    const key = () => generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'der' }, privateKeyEncoding: { type: 'pkcs8', format: 'der' } });
    let prints = 'fingerprint,name,site,batch\n';
    const keys = ['publicKey,name,site,batch\n', 'publicKey,name,site,batch\n'];
    for (let n = 0; n < 10000; n++) {
      prints += `${randomBytes(32).toString('hex')},${at(n)}`;
      keys[n % 2] += `${key().publicKey.toString('base64')},${at(n)}`;
    }
    const byPrint = await claimed(i, [prints]), byKey = await claimed(i, keys);
    const chunks = await run('psql', ['-AtqX', '-d', i.conninfo, '-c', "SELECT count(*) FROM audit WHERE action = 'job claims'"]);
    const slower = Math.max(byPrint, byKey);
    row('rest.claim', slower, 's', 5, '<= 5 s for 10,000 devices by CSV', slower <= 5,
      `by fingerprint ${byPrint.toFixed(2)}, by key ${byKey.toFixed(2)} s (two files); ${chunks.trim()} transactions for both`);
  } finally {
    await i.close();
    rmSync(i.dir, { recursive: true, force: true });
  }
}
/** Asks for path on one connection for some seconds. */
function asked(i, path) {
  return jsonOf(`${build}/tests/bench/load_bench`, ['127.0.0.1', String(i.edge), `/api/v1/catalogs/demo/${path}`, `${i.dir}/admin-token`, '1', '3']);
}
/** Each path's median beside the goal; the row shows the slowest. */
async function slowest(name, i, paths, goal) {
  const all = [];
  for (const [what, path] of Object.entries(paths)) all.push({ what, ...(await asked(i, path)) });
  const worst = all.reduce((a, b) => (b.p50 > a.p50 ? b : a));
  row(name, worst.p50, 'ms', goal, `<= ${goal} ms each (median), 1,000,000 devices`, worst.p50 <= goal, all.map((a) => `${a.what} ${a.p50.toFixed(1)}`).join(', '));
}
/** A page far in: marks know where it begins. */
async function restList() {
  const i = await million.open();
  const facets = JSON.parse(await i.request('GET', 'catalogs/demo/devices/facets')).facets;
  const marks = JSON.parse(await i.request('GET', 'catalogs/demo/devices/marks?every=500'));
  const far = marks.cursors[Math.ceil(500000 / marks.every) - 1];
  const one = JSON.parse(await i.request('GET', 'catalogs/demo/devices?limit=1&sort=-name')).items[0];
  await slowest('rest.list', i, {
    first: 'devices',
    'row 500,000': `devices?cursor=${far}`,
    'group+state+tag': `devices?group=${facets.group[0].value}&state=atRisk,offline&tag=seeded:yes`,
    prefix: `devices?q=${encodeURIComponent(one.name.slice(0, -2))}`,
  }, 20);
}
async function restFacets() {
  const i = await million.open();
  const facets = JSON.parse(await i.request('GET', 'catalogs/demo/devices/facets')).facets;
  const near = facets.site.filter((v) => v.n <= 20000)[0];
  await slowest('rest.facets', i, { all: 'devices/facets' }, 5);
  await slowest('rest.facets_filtered', i, {
    [`site of ${near.n}`]: `devices/facets?site=${encodeURIComponent(near.value)}`,
    'beyond 20,000': `devices/facets?product=${facets.product[0].value}`,
  }, 20);
}
async function edge(part) {
  await big.close();
  for (const l of jsonLines(await run(`${build}/tests/bench/edge_bench`, [part])))
    row(l.name, l.value, l.unit, l.limit, l.goal, l.met, l.note);
}

// ------------------------------------------------------------------ live

/** A reading's own time to the browsers' frames: 20,000 messages a second, 50 browsers of 50 rows. */
async function liveLatency() {
  const i = await big.open();
  await i.settle();
  let r;
  const sent = await i.withFleet(['--open', '20000', '--frame', '1'], 10000, async () => {
    await sleep(3000);
    r = await jsonOf(`${build}/tests/bench/live_bench`, ['latency', '127.0.0.1', String(i.edge), `${i.dir}/admin-token`, '50', '50', '10']);
  });
  row('live.latency', r.p99, 'ms p99', 150, '<= 150 ms at 20,000 msgs/s, 50 subs', r.p99 <= 150 && r.lost === 0 && r.frames > 0,
    `p50 ${r.p50}, max ${r.max} ms, ${r.frames} frames, ${Math.round(sent.ackedPerS)} acked/s`);
}
async function liveFanout() {
  await big.close();
  const r = await jsonOf(`${build}/tests/bench/live_bench`, ['fanout', '1000', '100', '15']);
  row('live.fanout', r.p99, 'ms p99', 60, '<= 60 ms, a stuck one <= 32 kB', r.p99 <= 60 && r.kb <= 32 && r.lost === 0,
    `p50 ${r.p50}, max ${r.max} ms, 900 read ${r.frames} frames of 100 changes; a stuck one costs ${r.kb} kB`);
}

// ------------------------------------------------------------------ history

/** This machine's own vitals, a message a minute for an hour, of 20,000 devices: as rows, then packed and scanned. */
async function cold() {
  await big.close();
  const lines = jsonLines(await run(`${build}/tests/bench/history_bench`, ['60', '20000'], 900));
  const of = (name) => lines.find((l) => l.name === name);
  const [hot, packed, sums, pack, scan] = ['hot_bytes', 'cold_bytes', 'sums_bytes', 'pack', 'scan'].map(of);
  row('query.cold_bytes', packed.value, 'B/point', hot.value, '<= 6 B, lossless', packed.value <= 6,
    `${packed.metrics} metrics of the real agent, 60 messages a chunk, each compared; indexes included; sums ${sums.value.toFixed(2)} B more; beside: rows`);
  row('query.cold_pack', pack.value, 'points/s', 1000000, '>= 1,000,000 points/s', pack.value >= 1000000, `${pack.cpuUs} us CPU a point, PostgreSQL's too`);
  row('query.cold_scan', scan.value, 'points/s', 5000000, '>= 5,000,000 points/s', scan.value >= 5000000, `of one metric; ${scan.cpuUs} us CPU a point, PostgreSQL's too`);
}

// ------------------------------------------------------------------ idle

async function startTime() {
  const i = await big.open();
  await i.restart();
  row('idle.start', i.startMs / 1000, 's', 3, '<= 3 s on an existing instance', i.startMs <= 3000, `${i.devices} devices in it`);
}
async function idle() {
  await big.close();
  const i = await small.open();
  await i.restart();
  await i.withFleet([], 50, async () => {
    await sleep(10000);
    const a = proc(i.server.pid);
    await sleep(20000);
    const b = proc(i.server.pid);
    const share = ((b.cpuS - a.cpuS) / 20) * 100;
    row('idle.server', b.kb / 1024, 'MB', 60, '<= 60 MB, <= 1 % of a core', b.kb / 1024 <= 60 && share <= 1,
      `${share.toFixed(2)} % of a core, 50 devices, a reading each 2 s`);
  });
}

// ------------------------------------------------------------------ log lines

async function querySearch() {
  const [newest, frequent, rare, none] = jsonLines(await run(`${build}/tests/bench/search_bench`, [`${work}/logs`], 3600));
  const worse = Math.max(frequent.middle, rare.middle);
  row('query.search', worse, 'ms', newest.middle, '<= 50 ms, 10,000,000 lines, frequent and rare word', worse <= 50,
    `frequent ${frequent.middle}, rare ${rare.middle}, in no line ${none.middle}, worst of 21: ${Math.max(frequent.worst, rare.worst)}; limit: a page without a word`);
}

// ------------------------------------------------------------------ alerts

/** 100,000 devices break one rule within a minute, from where ingest hands its rows on. */
async function alertStorm() {
  const r = await jsonOf(`${build}/tests/bench/alert_bench`, [], 300);
  const right = r.alerts === 1 && r.told === 1 && r.devices === 100000;
  row('alert.storm', r.behind / 1000, 's behind', r.bare / 1000, '<= 2 s, 1 alert, 1 told, reach right, page usable', right && r.behind <= 2000 && r.page <= 2000,
    `${r.alerts} alert, ${r.told} told, reach ${r.devices}; list and reach at worst ${r.page} ms; all raised at once ${r.burst} ms; limit: the same rows at once into a bare table`);
}

// ------------------------------------------------------------------ rules

async function ruleLoad() {
  const r = await jsonOf(`${build}/tests/bench/rule_bench`, [], 600);
  row('rule.load', r.core, 'cores', 0.2, '<= 0.20 core, 1,000 rules, 20,000 msgs/s of 6 metrics', r.core <= 0.2 && r.rules === 1000,
    `${r.lanes} aggregates shared, ${r.keys} keys, ${r.turns} turns; copy, decoding and engine, without the database`);
}

/** 1,000 rules on what devices send 20,000 times a second: before, meanwhile and after, in one go. */
async function ruleKept() {
  const forms = ['NAME > LIMIT', 'avg(NAME) over 1m > LIMIT for 2 windows', 'max(NAME) over 5m every 1m > LIMIT', 'avg(NAME) over 1m > LIMIT by group', 'p95(NAME) over 1m > LIMIT'];
  const names = ['temp.in', 'temp.out', 'vib.x', 'vib.y', 'batt.v', 'press', 'flow', 'door'];
  const texts = Array.from({ length: 1000 }, (_, n) => forms[n % 5].replace('NAME', names[n % 8]).replace('LIMIT', String(40 + n)));
  const i = await big.open();
  await i.settle();
  const window = async () => {
    const [from, cpu, began] = [await i.metric('orrery_ingest_messages_total'), proc(i.server.pid).cpuS, performance.now()];
    await sleep(10000);
    const s = (performance.now() - began) / 1000;
    return { rate: ((await i.metric('orrery_ingest_messages_total')) - from) / s, cores: (proc(i.server.pid).cpuS - cpu) / s };
  };
  let before, meanwhile, after;
  await i.withFleet(['--open', '20000', '--frame', '16'], 10000, async () => {
    await sleep(3000);
    before = await window();
    meanwhile = await withRules(i, texts, window);
    await sleep(3000);
    after = await window();
  });
  const without = (key) => (before[key] + after[key]) / 2;
  const kept = meanwhile.rate / without('rate'), core = meanwhile.cores - without('cores');
  row('rule.kept', kept, 'of ingest', null, '>= 0.95 at 20,000 msgs/s, 1,000 rules, <= 0.20 core', kept >= 0.95 && core <= 0.2,
    `${core.toFixed(2)} of a core more in the server (${before.cores.toFixed(2)}, ${meanwhile.cores.toFixed(2)}, ${after.cores.toFixed(2)}); ${Math.round(meanwhile.rate)} stored/s; none of them fires`);
}

/** Beside 5,000 messages a second of 10,000 devices. */
async function ruleLatency() {
  const i = await big.open();
  await i.settle();
  let r;
  await i.withFleet(['--open', '5000', '--frame', '1'], 10000, async () => {
    await sleep(3000);
    r = await pulse(i, `${work}/pulse`);
  });
  row('rule.latency', r.instant.p99, 'ms p99', 500, '<= 500 ms, value to alert on a browser', r.instant.p99 <= 500, `p50 ${r.instant.p50}, max ${r.instant.max} ms, ${r.instant.count} crossings`);
  row('rule.latency_window', r.window.p99, 'ms p99', 1000, '<= 1 s after a window closes', r.window.p99 <= 1000, `p50 ${r.window.p50}, max ${r.window.max} ms, ${r.window.count} windows of 1 s`);
}

async function ruleBacktest() {
  const r = await jsonOf(`${build}/tests/bench/backtest_bench`, [`${work}/backtest`], 1800);
  row('rule.backtest', r.rate / 1e6, 'M points/s', r.bare / 1e6, '>= 5 M points/s of the rule\'s metric', r.rate >= 5e6,
    `${r.points} points, ${r.fired} firings, best of 5; limit: the same points read alone`);
}

// ------------------------------------------------------------------ charts and fleets

// One run for all three rows: its data are kept, its figures are not.
let queried;
const queries = () => (queried ??= run(`${build}/tests/bench/query_bench`, [`${work}/query`], 3600).then(jsonLines));
const beside = (own, bare) => `worst of 31: ${own.worst}; limit: ${bare}`;

async function queryChart(name, at, goal, said) {
  const [own, bare] = (await queries()).slice(at, at + 2);
  row(name, own.middle, 'ms', bare.middle, `<= ${goal} ms, ${said}`, own.middle <= goal, beside(own, 'the bare query for its rows'));
}
async function queryFleet() {
  const [all, split, few, top, many] = (await queries()).slice(4);
  row('query.fleet', all.middle, 'ms', few.middle, '<= 40 ms, p50, p95, p99 of 10,000 devices', all.middle <= 40 && split.middle <= 40,
    `split by site ${split.middle}; ${beside(all, 'a walk over the values')}`);
  row('query.top', top.middle, 'ms', many.middle, '<= 20 ms, top 20 of 1,000,000', top.middle <= 20, beside(top, 'a walk over the values'));
}

// ------------------------------------------------------------------ pages

async function pageDevices() {
  const r = await jsonOf('node', ['tests/bench/page_devices.mjs'], 120);
  row('page.devices', r.fps, 'fps', r.bareFps, '>= 55 over 100,000 rows, 1,000/s', r.fps >= 55 && r.rows === 100000 && !r.troubles.length,
    `p95 ${r.p95.toFixed(1)} ms; CPU a frame: ${r.taskMs.toFixed(1)} ms, script ${r.scriptMs.toFixed(1)}; beside: a bare page scrolled alike`);
}
async function pageOverview() {
  const [port] = await freePorts(1);
  const r = await overview(start, stop, port);
  const smooth = r.fps >= 55 && r.script <= 4;
  row('page.overview', r.interactive, 'ms', 1000, '<= 1 s until it answers, 100,000 devices', r.interactive <= 1000 && !r.troubles.length,
    `of ${r.all.map(Math.round).join(' ')} ms; ${r.troubles.length} console errors`);
  row('page.overview_frame', r.script, 'ms script', 4, '>= 55 fps, <= 4 ms script a frame', smooth,
    `${r.fps.toFixed(1)} fps, p95 ${r.p95.toFixed(1)} ms, main thread ${r.busy.toFixed(2)} ms a frame, 1,000 state changes/s`);
}
function pageWeight() {
  const { first, pages } = weight();
  row('page.weight', first, 'KB gz', 45, '<= 45 KB first load, <= 25 KB a page', first <= 45 && pages.every((p) => p.kb <= 25),
    pages.map((p) => `${p.page} ${p.kb.toFixed(1)}`).join(', '));
}

// ------------------------------------------------------------------ the run

const measures = {
  'ingest.closed_2000': () => closed(2000, 64, 0.6),
  'ingest.closed_10000': () => closed(10000, 32, 0.5),
  'ingest.open_100k': () => open('ingest.open_100k', 100000, 16, 50),
  'ingest.single_20k': () => open('ingest.single_20k', 20000, 1, 25),
  'handshake.full': () => handshake('handshake.full', ['--cycles', '2']),
  'handshake.resumed': () => handshake('handshake.resumed', ['--cycles', '6', '--resume']),
  'rest.device': restDevice,
  'rest.claim': restClaim,
  'rest.list': restList,
  'rest.facets': restFacets,
  'live.latency': liveLatency,
  'live.fanout': liveFanout,
  'connection.device': deviceConnections,
  'idle.start': startTime,
  'idle.server': idle,
  'connection.edge': () => edge('connection'),
  'rest.kept_1000': () => edge('kept'),
  'rest.storm': () => edge('storm'),
  'query.search': querySearch,
  'rule.load': ruleLoad,
  'rule.kept': ruleKept,
  'rule.latency': ruleLatency,
  'rule.backtest': ruleBacktest,
  'query.cold_bytes': cold,
  'alert.storm': alertStorm,
  'query.chart_day': () => queryChart('query.chart_day', 0, 5, '24 h, 60 million points stored, 300 buckets with their peaks'),
  'query.chart_month': () => queryChart('query.chart_month', 2, 10, '30 days from hourly sums'),
  'query.fleet': queryFleet,
  'page.devices': pageDevices,
  'page.overview': pageOverview,
  'page.weight': pageWeight,
};

async function endAll() {
  const [servers, others] = [[big.server, small.server, million.server], [...children]];
  await Promise.all(others.filter((c) => !servers.includes(c)).map(stop));
  await Promise.all(servers.filter(Boolean).map(stop));
}

const area = process.argv[2] ?? '';
const wanted = Object.keys(measures).filter((name) => !area || name === area || name.startsWith(`${area}.`));
if (!wanted.length) {
  console.error(`bench: no row or area is named ${area}; rows: ${Object.keys(measures).join(' ')}`);
  process.exit(2);
}
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    interrupted = true;
    endAll().then(() => process.exit(1));
  });

mkdirSync(work, { recursive: true });
writeFileSync(`${work}/log`, '');
console.log(`${cpus().length} cores of ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}; load generator, PostgreSQL and server share them\n`);
console.log(`${'row'.padEnd(21)} ${'value'.padStart(9)} ${'unit'.padEnd(10)} ${'limit'.padStart(9)} ${'ratio'.padStart(6)}  goal`);
let broken = 0;
for (const name of wanted) {
  if (interrupted) break;
  appendFileSync(`${work}/log`, `--- ${name}\n`);
  try {
    await measures[name]();
  } catch (e) {
    if (interrupted) break;
    broken++;
    console.log(`${name.padEnd(21)} could not be measured: ${e.message}`);
  }
}
if (!interrupted) {
  await endAll();
  writeFileSync('build/bench.json', JSON.stringify(rows, null, 2) + '\n');
  const missed = rows.filter((r) => !r.met).length;
  console.log(`\n${rows.length} rows, ${missed} missed, ${broken} not measured; build/bench.json`);
  process.exit(broken ? 1 : 0);
}
