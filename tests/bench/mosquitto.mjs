// Resident kB an idle MQTT connection with mutual TLS costs Mosquitto, for comparison.
//   node mosquitto.mjs FOLDER [CONNECTIONS]  ->  {"kb","held"}
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';

const folder = process.argv[2];
const count = Number(process.argv[3] ?? 2000);
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const file = (name) => `${folder}/${name}`;
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' });

function makeCertificates() {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=bench CA', '-days', '1');
  for (const name of ['localhost', 'device']) {
    openssl('req', ...key, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`), '-subj', `/CN=${name}`);
    openssl('x509', '-req', '-in', file(`${name}.csr`), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-out', file(`${name}.pem`), '-days', '1');
  }
}
const freePort = () => new Promise((resolve) => {
  const s = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = s.address();
    s.close(() => resolve(port));
  });
});
const residentKb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

/** MQTT 3.1.1 CONNECT without a keep-alive; resolves once the broker has agreed. */
function hold(port, context, n) {
  const id = Buffer.from(`bench-${n}`);
  const packet = Buffer.concat([Buffer.from([0x10, 12 + id.length, 0, 4]), Buffer.from('MQTT'), Buffer.from([4, 2, 0, 0, 0, id.length]), id]);
  return new Promise((resolve, reject) => {
    const s = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', secureContext: context }, () => s.write(packet));
    s.once('data', (d) => (d[0] === 0x20 && d[3] === 0 ? resolve(s) : reject(new Error('the broker refused'))));
    s.once('error', reject);
  });
}

mkdirSync(folder, { recursive: true });
makeCertificates();
const port = await freePort();
writeFileSync(file('conf'), `listener ${port} 127.0.0.1\ncafile ${file('ca.pem')}\ncertfile ${file('localhost.pem')}\n` +
  `keyfile ${file('localhost.key')}\nrequire_certificate true\nallow_anonymous true\npersistence false\nlog_type error\n`);
const broker = spawn('/usr/sbin/mosquitto', ['-c', file('conf')], { stdio: 'inherit' });
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(1));
process.on('exit', () => broker.kill('SIGKILL'));
await sleep(500);

const pem = (name) => readFileSync(file(name));
const context = tls.createSecureContext({ ca: pem('ca.pem'), cert: pem('device.pem'), key: pem('device.key') });
const held = [await hold(port, context, 0)]; // what the first one costs is not an idle connection's
await sleep(300);
const before = residentKb(broker.pid);
for (let n = 1; n <= count; n += 20)
  held.push(...(await Promise.all(Array.from({ length: 20 }, (_, k) => hold(port, context, n + k)))));
await sleep(1500);
console.log(JSON.stringify({ kb: (residentKb(broker.pid) - before) / (held.length - 1), held: held.length - 1 }));
process.exit(0);
