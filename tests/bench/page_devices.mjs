// SPDX-License-Identifier: Apache-2.0
//
// page_devices: how the list of devices scrolls in Chromium, over 100,000 rows with 1,000 changes a second.
//
//   mock (the page's own server, invented fleet) --20 frames/s of 50 changes--> page <--700 px a frame-- scroll
//
// The mock stands in for the server, which others measure: here it is the page that is to hold. The
// limit beside it is the same browser scrolling a bare page of the same height, in the same run.
// Prints one line of JSON: {"fps","bareFps","p95","scriptMs","taskMs","rows","troubles"}.

import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { launch, open } from '../e2e/browser.mjs';

const DEVICES = 100_000;
const SECONDS = 6;

const freePort = () => new Promise(done => {
  const s = createServer().listen(0, '127.0.0.1', () => {
    const { port } = s.address();
    s.close(() => done(port));
  });
});

// Scrolls 700 px a frame, turning at the ends; tells of frames and of the script in them.
const scrolling = (page, seconds) => page.evaluate(seconds => new Promise(done => {
  const box = document.querySelector('.rows') ?? document.scrollingElement;
  const gaps = [];
  let last = performance.now();
  let step = 700;
  const end = last + seconds * 1000;
  const frame = now => {
    gaps.push(now - last);
    last = now;
    if (box.scrollTop + step < 0 || box.scrollTop + step > box.scrollHeight - box.clientHeight) step = -step;
    box.scrollTop += step;
    if (now < end) return requestAnimationFrame(frame);
    gaps.sort((a, b) => a - b);
    done({ fps: gaps.length / seconds, p95: gaps[Math.floor(gaps.length * 0.95)] });
  };
  requestAnimationFrame(frame);
}), seconds);

// CPU time of the page's own thread, in ms: other programs on the machine take none of it.
async function cpu(client) {
  const { metrics } = await client.send('Performance.getMetrics');
  const of = name => metrics.find(m => m.name === name).value * 1000;
  return { script: of('ScriptDuration'), task: of('TaskDuration') };
}

async function measure(base) {
  const browser = await launch();
  try {
    const { context, page, troubles } = await open(browser, base);
    await page.addInitScript(() => localStorage.setItem('orrery.session', 'yes'));
    await page.goto('/c/demo/devices');
    await page.locator('.rows .row:not(.blank)').first().waitFor({ timeout: 30_000 });
    await page.locator('.rows .reading').first().waitFor({ timeout: 30_000 });
    const rows = Number(await page.getByRole('grid').getAttribute('aria-rowcount')) - 1;
    const client = await context.newCDPSession(page);
    await client.send('Performance.enable', { timeDomain: 'threadTicks' });
    await scrolling(page, 1);
    const before = await cpu(client);
    const { fps, p95 } = await scrolling(page, SECONDS);
    const after = await cpu(client);
    const frames = fps * SECONDS;
    await page.evaluate(() => {
      const high = document.createElement('div');
      high.style.height = '4000000px';
      document.body.replaceChildren(high);
    });
    const bare = await scrolling(page, 3);
    return { fps, bareFps: bare.fps, p95, scriptMs: (after.script - before.script) / frames, taskMs: (after.task - before.task) / frames, rows, troubles };
  } finally {
    await browser.close();
  }
}

const port = await freePort();
const mock = spawn(process.execPath, ['web/tools/mock.mjs'], {
  env: { ...process.env, PORT: String(port), DEVICES: String(DEVICES), RATE: '1000', BEAT: '50', BURST: '50' }, stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  await new Promise((done, failed) => {
    mock.stdout.once('data', done);
    mock.once('exit', () => failed(new Error('the mock ended')));
  });
  console.log(JSON.stringify(await measure(`http://localhost:${port}`)));
} finally {
  mock.kill();
}
