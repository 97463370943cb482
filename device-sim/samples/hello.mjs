// SPDX-License-Identifier: Apache-2.0
// A whole device on the wire, with nothing but Node: docs/protocol.md, "Hello, world".
// node hello.mjs HOST:PORT SERVER-CA.pem FOLDER   (FOLDER: factory.key factory.pem device.key device.csr)
import { createHash, createPublicKey, randomBytes, sign } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import tls from 'node:tls';

const [address, ca, folder] = process.argv.slice(2);
const file = name => readFileSync(`${folder}/${name}`);
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const b64 = bytes => Buffer.from(bytes).toString('base64url');
const spki = key => createPublicKey(key).export({ type: 'spki', format: 'der' });
const me = sha256(readFileSync(process.argv[1])).toString('hex'); // what this device measures: itself
const hello = { type: 'hello', protocol: 'orrery.device.v1', agent: 'hello/1', attester: 'soft',
                boot: Math.floor(Date.now() / 1000) }; // stands in for a counter that survives restarts

function connect(key, cert, onMessage) {
  const socket = tls.connect({ host: address.split(':')[0], port: +address.split(':')[1], key, cert,
                               ca: readFileSync(ca), minVersion: 'TLSv1.3' });
  let input = Buffer.alloc(0), open = false;
  const say = message => { // one masked text frame, RFC 6455
    const text = Buffer.from(JSON.stringify(message)), mask = randomBytes(4);
    const size = text.length < 126 ? [128 | text.length] : [254, text.length >> 8, text.length & 255];
    socket.write(Buffer.concat([Buffer.from([0x81, ...size]), mask, text.map((b, i) => b ^ mask[i % 4])]));
  };
  socket.on('secureConnect', () => socket.write('GET /device HTTP/1.1\r\nHost: orrery\r\nConnection: Upgrade\r\n' +
    'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: orrery.device.v1\r\n' +
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`));
  socket.on('error', e => { console.error(`connection: ${e.message}`); process.exit(1); });
  socket.on('data', data => {
    input = Buffer.concat([input, data]);
    const head = input.indexOf('\r\n\r\n');
    if (!open && head >= 0) { open = true; input = input.subarray(head + 4); say(hello); }
    while (open && input.length >= 2) {
      const long = (input[1] & 127) === 126, at = long ? 4 : 2;
      if (input.length < at) return;
      const end = at + (long ? input.readUInt16BE(2) : input[1] & 127);
      if (input.length < end) return;
      const body = input.subarray(at, end);
      if ((input[0] & 15) === 1) onMessage(JSON.parse(body), say, socket);
      if ((input[0] & 15) === 8) return socket.end();
      input = input.subarray(end);
    }
  });
}

function evidence(nonce, socket) { // an Entity Attestation Token, signed by the factory key
  const exporter = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding');
  const claims = { eat_profile: 'tag:orrery,2026:eat#1', iat: Math.floor(Date.now() / 1000), bootcount: hello.boot,
    eat_nonce: b64(sha256(Buffer.from(nonce, 'base64url'), spki(file('device.key')), exporter)),
    ueid: b64(Buffer.concat([Buffer.from([1]), sha256(spki(file('factory.key'))).subarray(0, 16)])),
    dbgstat: 2, swname: 'hello', swversion: '1', orrery_log: [[10, 'app.hello', '1', me, 0]] };
  const text = `${b64('{"alg":"ES256","typ":"eat+jwt"}')}.${b64(JSON.stringify(claims))}`;
  const signature = sign('sha256', Buffer.from(text), { key: file('factory.key'), dsaEncoding: 'ieee-p1363' });
  return { type: 'evidence', eat: `${text}.${b64(signature)}`, csr: file('device.csr').toString('base64') };
}

const refused = m => { console.error(`${m.code}: ${m.text}`); process.exitCode = 1; };
const stream = () => connect(file('device.key'), file('device.pem'), (m, say, socket) => {
  if (process.exitCode) return; // an ack after a nack only says that the message is settled
  if (m.type === 'settings') say({ type: 'telemetry', seq: 1, t: Date.now(), m: { 'hello.world': 42 } });
  if (m.type === 'nack') {
    refused(m);
    if (m.code === 'quarantined') rmSync(`${folder}/device.pem`); // the next run attests again
    socket.end();
  }
  if (m.type === 'ack') { console.log(`acknowledged up to ${m.seq}`); socket.end(); }
});

if (existsSync(`${folder}/device.pem`)) stream();
else connect(file('factory.key'), file('factory.pem'), (m, say, socket) => {
  if (m.type === 'challenge') say(evidence(m.nonce, socket));
  if (m.type === 'nack') refused(m);
  if (m.type !== 'verdict') return;
  console.log(`verdict: ${m.status}`, ...m.findings.map(f => f.text));
  if (!m.certificate) return;
  writeFileSync(`${folder}/device.pem`, m.certificate.pem);
  socket.on('close', stream);
});
