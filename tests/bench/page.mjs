// The dashboard in Chromium: how heavy its pages are, how soon the Overview answers, and what a frame costs.
//
// The fleet is played by web/tools/mock-fleet.mjs: 100,000 devices, seeded, of which RATE change their
// state each second; the changes come over a WebSocket in 20 frames a second, as the server sends them.
// The page, its policy and its client are the built ones in web/dist.
import { existsSync, readFileSync, readdirSync } from 'node:fs';

const DEVICES = 100_000;
const RATE = 1000;
const WATCH_MS = 6000;
const dist = 'web/dist';
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// ------------------------------------------------------------------ weight

const own = (name) => readFileSync(`${dist}/assets/${name}.gz`).length;
const statics = (name) => [...readFileSync(`${dist}/assets/${name}`, 'utf8').matchAll(/(?:from|import)\s*"\.\/([\w-]+\.js)"/g)].map((m) => m[1]);

/** A script and all it needs before it can run. */
function closure(name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const i of statics(name)) closure(i, seen);
  return seen;
}

export function weight() {
  const entry = /assets\/(app-\w+\.js)/.exec(readFileSync(`${dist}/index.html`, 'utf8'))[1];
  const first = closure(entry);
  const kb = (names) => [...names].reduce((sum, n) => sum + own(n), 0) / 1024;
  const pages = readdirSync(`${dist}/assets`).filter((f) => f.endsWith('.js') && !first.has(f) && !/^(chunk|theme)-/.test(f))
    .map((f) => ({ page: f.replace(/-\w+\.js$/, ''), kb: kb([...closure(f)].filter((n) => !first.has(n))) })).sort((a, b) => b.kb - a.kb);
  return { first: kb(first), pages };
}

// ------------------------------------------------------------------ the browser

export async function chromium() {
  const browser = await import('../e2e/browser.mjs').catch(() => null);
  if (!browser?.hasBrowser()) throw new Error('there is no Chromium, or its driver is not installed (tools/npm.sh tests/e2e)');
  return browser;
}

/** The mock, once it listens. */
export async function played(start, port, env) {
  const child = start('env', [...Object.entries({ PORT: port, ...env }).map(([k, v]) => `${k}=${v}`), 'node', 'web/tools/mock.mjs']);
  for (let i = 0; i < 100 && !child.text.includes('mock:'); i++) await sleep(100);
  return child;
}

export async function opened({ launch, open }, url) {
  const browser = await launch();
  const { page, context, troubles } = await open(browser, url);
  await context.addInitScript(() => {
    localStorage.setItem('orrery.session', 'yes');
    window.longTasks = [];
    new PerformanceObserver((l) => window.longTasks.push(...l.getEntries().map((e) => e.startTime + e.duration))).observe({ type: 'longtask', buffered: true });
  });
  const cdp = await context.newCDPSession(page);
  await cdp.send('Performance.enable');
  const metrics = async () => Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map((m) => [m.name, m.value]));
  return { browser, page, metrics, troubles };
}

/** Frames a second, and what each cost, while the page does what it does. */
export async function frames(page, metrics, ms) {
  const before = await metrics();
  const seen = await page.evaluate((length) => new Promise((done) => {
    const at = [];
    const tick = (t) => {
      at.push(t);
      if (t - at[0] < length) requestAnimationFrame(tick);
      else done(at);
    };
    requestAnimationFrame(tick);
  }), ms);
  const after = await metrics();
  const gaps = seen.slice(1).map((t, i) => t - seen[i]).sort((a, b) => a - b);
  const each = (name) => ((after[name] - before[name]) * 1000) / gaps.length;
  return { fps: (gaps.length * 1000) / (seen.at(-1) - seen[0]), p95: gaps[Math.floor(gaps.length * 0.95)], script: each('ScriptDuration'), busy: each('TaskDuration') };
}

// ------------------------------------------------------------------ the Overview

/** From the first byte asked for to a page that is drawn, map and census, and has no long task left. */
async function interactive(page, url) {
  await page.goto(`${url}/c/demo/`);
  await page.waitForFunction(() => performance.getEntriesByName('orrery.map').length && /[1-9]/.test(document.querySelector('.sums .whole b')?.innerText ?? ''), null, { polling: 'raf' });
  const shown = await page.evaluate(() => performance.getEntriesByName('orrery.map')[0].startTime);
  await sleep(1500);
  const busyUntil = await page.evaluate((s) => Math.max(0, ...window.longTasks.filter((end) => end < s + 1000)), shown);
  return Math.max(shown, busyUntil);
}

export async function overview(start, stop, port) {
  if (!existsSync(`${dist}/index.html`)) throw new Error('web/dist is not built');
  const tools = await chromium();
  const mock = await played(start, port, { DEVICES, RATE });
  const url = `http://127.0.0.1:${port}`;
  const { browser, page, metrics, troubles } = await opened(tools, url);
  try {
    const ms = [];
    for (let i = 0; i < 3; i++) ms.push(await interactive(page, url));
    await sleep(1500);
    const moving = await frames(page, metrics, WATCH_MS);
    return { interactive: ms.sort((a, b) => a - b)[1], all: ms, ...moving, troubles };
  } finally {
    await browser.close();
    await stop(mock);
  }
}
