// How long after a value crossed a limit a browser hears of it: one device whose readings this
// program chooses, as many rules as crossings, one browser on the topic 'alerts'.
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { EventEmitter } from 'node:events';
import tls from 'node:tls';

const SAMPLE = 'device-sim/samples/hello.mjs';
const MOST_MS = 30000; // that an alert is waited for

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// ------------------------------------------------------------------ a WebSocket's text frames

class Socket extends EventEmitter {
  constructor(port, path, protocol, options) {
    super();
    this.input = Buffer.alloc(0);
    this.tls = tls.connect({ host: '127.0.0.1', servername: 'localhost', port, ...options });
    this.tls.on('error', (e) => this.emit('lost', e)).on('close', () => this.emit('lost', new Error('closed')));
    this.tls.on('secureConnect', () => this.tls.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\n${protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : ''}Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`));
    this.tls.on('data', (d) => this.take(d));
  }
  take(data) {
    this.input = Buffer.concat([this.input, data]);
    if (!this.isOpen) {
      const head = this.input.indexOf('\r\n\r\n');
      if (head < 0) return;
      if (!this.input.subarray(0, 12).equals(Buffer.from('HTTP/1.1 101'))) {
        this.emit('lost', new Error(this.input.toString('latin1', 0, 60)));
        return;
      }
      this.isOpen = true;
      this.input = this.input.subarray(head + 4);
      this.emit('open');
    }
    for (let end; (end = this.frame());) this.input = this.input.subarray(end);
  }
  /** Emits the first frame if it is whole; its length, or 0. */
  frame() {
    const i = this.input;
    if (i.length < 2) return 0;
    const kind = i[1] & 127, at = kind === 126 ? 4 : kind === 127 ? 10 : 2;
    if (i.length < at) return 0;
    const end = at + (kind === 126 ? i.readUInt16BE(2) : kind === 127 ? Number(i.readBigUInt64BE(2)) : kind);
    if (i.length < end) return 0;
    if ((i[0] & 15) === 1) this.emit('message', JSON.parse(i.subarray(at, end)));
    return end;
  }
  say(message) {
    const text = Buffer.from(JSON.stringify(message)), mask = randomBytes(4);
    const size = text.length < 126 ? [128 | text.length] : [254, text.length >> 8, text.length & 255];
    this.tls.write(Buffer.concat([Buffer.from([0x81, ...size]), mask, text.map((b, n) => b ^ mask[n % 4])]));
  }
  /** The first message that is meant. */
  hear(is, ms = MOST_MS) {
    return new Promise((resolve, reject) => {
      const done = (f, x) => { clearTimeout(late); this.off('message', on); this.off('lost', lost); f(x); };
      const on = (m) => is(m) && done(resolve, m);
      const lost = (e) => done(reject, e);
      const late = setTimeout(() => done(reject, new Error(`nothing came for ${ms / 1000} s`)), ms);
      this.on('message', on).on('lost', lost);
    });
  }
  close() {
    this.removeAllListeners('lost').on('lost', () => {});
    this.tls.end();
  }
}

// ------------------------------------------------------------------ a device and a browser

/** Claimed, attested, with a certificate: made by the documentation's sample. */
async function certify(i, folder) {
  const file = (name) => `${folder}/${name}`;
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' });

  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const factory = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  writeFileSync(file('factory.key'), factory.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  openssl('req', '-new', '-x509', '-key', file('factory.key'), '-subj', '/CN=pulse', '-days', '2', '-out', file('factory.pem'));
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file('device.key'));
  openssl('req', '-new', '-key', file('device.key'), '-subj', '/CN=device', '-outform', 'DER', '-out', file('device.csr'));
  await i.request('POST', 'catalogs/demo/claims', JSON.stringify({ devices: [{ publicKey: factory.publicKey.export({ type: 'spki', format: 'pem' }), name: 'pulse' }] }));
  await i.request('POST', 'catalogs/demo/reference-values', JSON.stringify({ component: 'app.hello', version: '1', sha256: createHash('sha256').update(readFileSync(SAMPLE)).digest('hex') }));
  execFileSync(process.execPath, [SAMPLE, `localhost:${i.gateway}`, `${i.dir}/pki/server-ca.pem`, folder], { stdio: 'ignore', timeout: 60000 });
}

async function device(i, folder) {
  const s = new Socket(i.gateway, '/device', 'orrery.device.v1', { ca: i.ca, key: readFileSync(`${folder}/device.key`), cert: readFileSync(`${folder}/device.pem`), minVersion: 'TLSv1.3' });
  const ready = s.hear((m) => m.type === 'settings');
  s.once('open', () => s.say({ type: 'hello', protocol: 'orrery.device.v1', agent: 'pulse/1', attester: 'soft', boot: Math.floor(Date.now() / 1000) }));
  await ready;
  let seq = 0;
  s.measure = (metric, value, t) => s.say({ type: 'telemetry', seq: ++seq, t, m: { [metric]: value } });
  return s;
}

async function browser(i) {
  const { ticket } = JSON.parse(await i.request('POST', 'live-tickets', '{"catalog":"demo"}'));
  const s = new Socket(i.edge, '/live', null, { ca: i.ca });
  const whole = s.hear((m) => m.topic === 'alerts' && m.counts);
  s.once('open', () => {
    s.say({ type: 'ticket', ticket });
    s.say({ type: 'subscribe', topic: 'alerts' });
  });
  s.counted = (await whole).counts.low;
  s.on('message', (m) => { if (m.topic === 'alerts' && m.counts) s.counted = m.counts.low; });
  return s;
}

// ------------------------------------------------------------------ what is measured

/** With these rules at work; they are gone afterwards. */
export async function withRules(i, texts, f) {
  const made = [];

  try {
    for (const text of texts) {
      const { id } = JSON.parse(await i.request('POST', 'catalogs/demo/rules', JSON.stringify({ name: text.slice(0, 60), text })));
      made.push(id);
      await i.request('POST', `catalogs/demo/rules/${id}/enable`);
    }
    await sleep(3000);
    return await f();
  } finally {
    for (const id of made) await i.request('DELETE', `catalogs/demo/rules/${id}`);
  }
}

async function heard(b, since) {
  const before = b.counted;
  await b.hear((m) => m.topic === 'alerts' && m.counts?.low > before);
  return Date.now() - since();
}

/** A value crosses one more limit each time: from its reading to the frame. */
async function instant(d, b, count) {
  const all = [];

  for (let n = 0; n < count; n++) {
    const t = Date.now(), came = heard(b, () => t);
    d.measure('bench.pulse', n + 0.5, t);
    all.push(await came);
    await sleep(300 + Math.random() * 400);
  }
  return all;
}

/** The same of windows of a second: from when the window is over and its lateness too. */
async function windows(d, b, count, lateMs) {
  const all = [];
  let value = -1;
  const beat = setInterval(() => d.measure('bench.window', value, Date.now()), 100);

  try {
    await sleep(2000);
    for (let n = 0; n < count; n++) {
      await sleep(1050 - (Date.now() % 1000)); // a window has just begun
      const over = Math.ceil(Date.now() / 1000) * 1000, came = heard(b, () => over + lateMs);
      value = n + 0.5;
      all.push(await came);
    }
  } finally {
    clearInterval(beat);
  }
  return all;
}

const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.floor(q * (list.length - 1))];
const sum = (list) => ({ p50: quantile(list, 0.5), p99: quantile(list, 0.99), max: Math.max(...list), count: list.length });

/** Rules of a severity that no other has, the nth for values above n. */
export async function pulse(i, folder, count = 100) {
  const least = (n, of) => Array.from({ length: n }, (_, k) => of(k));
  await certify(i, folder);
  const b = await browser(i), d = await device(i, folder);

  try {
    d.measure('bench.pulse', -1, Date.now());
    return {
      instant: sum(await withRules(i, least(count, (k) => `bench.pulse > ${k} severity low`), () => instant(d, b, count))),
      window: sum(await withRules(i, least(count / 2, (k) => `max(bench.window) over 1s > ${k} late 1s severity low`), () => windows(d, b, count / 2, 1000))),
    };
  } finally {
    d.close();
    b.close();
  }
}
