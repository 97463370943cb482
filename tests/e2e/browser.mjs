// SPDX-License-Identifier: Apache-2.0
//
// browser: one Chromium, pages that report everything a person would not see:
// console errors, uncaught exceptions, policy violations, failed requests to the page's own server.

import { createRequire } from 'node:module';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

export const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const hasBrowser = () => existsSync(executablePath);

export async function launch() {
  const home = mkdtempSync(join(tmpdir(), 'orrery-e2e-'));
  process.once('exit', () => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));
  return chromium.launch({ executablePath, args: FLAGS, env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home } });
}

// While `excused` is set, what it matches is not held against the page (a server that was stopped on purpose).
export async function open(browser, base, options = {}) {
  const context = await browser.newContext({
    baseURL: base, ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, ...options,
  });
  const troubles = [];
  const page = await context.newPage();
  const note = text => {
    if (!page.excused?.test(text)) troubles.push(text);
  };
  await context.exposeBinding('reportViolation', (_, text) => note(text));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', e =>
      window.reportViolation(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
    // Lets a test hide the tab as the browser would.
    let hidden = false;
    Object.defineProperty(document, 'hidden', { get: () => hidden });
    window.setHidden = value => {
      hidden = value;
      document.dispatchEvent(new Event('visibilitychange'));
    };
  });
  page.on('console', m => m.type() === 'error' && note(`console: ${m.text()} ${m.location().url}`));
  page.on('pageerror', e => note(`exception: ${e.stack ?? e.message}`));
  page.setDefaultTimeout(30_000);
  return { context, page, troubles };
}

export async function violations(page) {
  await page.evaluate(axe + ';0');
  const found = await page.evaluate(() => window.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  return found.violations.map(v => `${v.id}: ${v.help} (${v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join('; ')})`);
}

// How far the page, or what scrolls inside it, is wider than there is room for. A table that is
// meant to scroll sideways says so by its class.
export const overflow = page => page.evaluate(() => Math.max(
  document.documentElement.scrollWidth - window.innerWidth,
  ...[...document.querySelectorAll('.card, .grid, .head, .rows, .row, .main')].filter(e => e.clientWidth > 1 && e.parentElement.clientWidth > 1 && !e.closest('.scrolls'))
    .map(e => e.scrollWidth - e.clientWidth)));
