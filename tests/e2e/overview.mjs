// SPDX-License-Identifier: Apache-2.0
//
// overview: the Overview, what stays around every page, and the pages of people, catalogs and audit.
//
// Called by run.mjs with an owner who is signed in; leaves the page as it was: signed in, on any page.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { open, overflow, violations } from './browser.mjs';
import { check, step, until } from './harness.mjs';

export async function overviewSteps({ browser, base, page, cable, frames, screens, quiet, pause, signIn }) {
  const demo = '/c/demo/';
  const heading = name => page.getByRole('heading', { level: 1, name, exact: true });
  const mapDrawn = p => p.waitForFunction(() => {
    const c = document.querySelector('.sky canvas');
    return c?.width && c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 === 3 && v);
  });

  // Accessible in both schemes at a phone's and a desk's width; nothing wider than there is room for.
  async function judged(name, p = page) {
    for (const colorScheme of ['light', 'dark']) {
      await p.emulateMedia({ colorScheme });
      for (const width of [1440, 640, 320]) {
        await p.setViewportSize({ width, height: 900 });
        await pause(150);
        const wide = await overflow(p);
        check(wide <= 0, `${name} is ${wide} px too wide at ${width}`);
        if (width === 640) continue;
        await p.screenshot({ path: join(screens, `${name}-${colorScheme}-${width}.png`), fullPage: true });
        const found = await violations(p);
        check(!found.length, `${name}, ${colorScheme}, ${width} px:\n${found.join('\n')}`);
      }
    }
    await p.emulateMedia({ colorScheme: 'light' });
    await p.setViewportSize({ width: 1440, height: 900 });
  }

  // The API as the page may use it.
  const api = (method, path, body) => page.evaluate(async ([method, path, body]) => {
    const { csrf } = await (await fetch('/api/v1/session')).json();
    const answer = await fetch('/api/v1' + path, { method, headers: { 'content-type': 'application/json', 'x-orrery-csrf': csrf }, ...(body ? { body: JSON.stringify(body) } : {}) });
    return { status: answer.status, body: answer.status === 204 ? null : await answer.json().catch(() => null) };
  }, [method, path, body]);

  // Somebody of that role, signed in with a password of their own, in a browser of their own.
  async function somebody(role, catalog = null) {
    const first = 'e2e ' + randomBytes(12).toString('hex');
    const name = `e2e-${role}-${randomBytes(4).toString('hex')}`;
    const made = await api('POST', '/users', { name, role, password: first, catalog });
    check(made.status === 201, `making a ${role} answered ${made.status}`);
    const other = await open(browser, base);
    await signIn(other.page, first, name);
    await other.page.getByLabel('Present password', { exact: true }).fill(first);
    await other.page.getByLabel('New password', { exact: true }).fill(first + ' 2');
    await other.page.getByLabel('New password again', { exact: true }).fill(first + ' 2');
    await other.page.getByRole('button', { name: 'Change password' }).click();
    await other.page.getByRole('navigation', { name: 'Main' }).waitFor();
    return { ...other, name, secret: first + ' 2' };
  }

  await step('the census adds up to the fleet, and each state leads to its list', async () => {
    await page.goto(demo);
    await heading('Overview').waitFor();
    await page.waitForFunction(() => /\d/.test(document.querySelector('.sums .whole b')?.innerText ?? ''));
    const { body } = await api('GET', '/catalogs/demo/device-counts');
    const total = Object.values(body).reduce((a, b) => a + b, 0);
    const number = text => Number(text.replace(/\D/g, ''));
    const states = async () => (await page.locator('.sums li a b').allInnerTexts()).map(number);
    check((await states()).length === 6, `${(await states()).length} states`);
    await until(async () => Math.abs((await states()).reduce((a, b) => a + b, 0) - total) <= 2, async () => `${(await states()).join(' + ')} is not ${total}`);
    await page.locator('.sums li a', { hasText: 'Healthy' }).click();
    await page.waitForURL(/devices\?state=healthy/);
    await page.goBack();
    await heading('Overview').waitFor();
    quiet();
  });

  await step('the map is drawn, says itself in a sentence, and its rings are listed', async () => {
    await page.goto(demo);
    await mapDrawn(page);
    check(/Orbit map of [\d,]+ devices? in \d+ rings/.test(await page.locator('.sky canvas').first().getAttribute('aria-label')), 'no sentence');
    await page.locator('.rings li').first().waitFor();
    quiet();
  });

  await step('the overview is accessible and fits every width', async () => {
    await page.goto(demo);
    await page.locator('.sums').waitFor();
    await pause(800);
    await judged('overview');
    quiet();
  }, 240);

  await step('the table tells what the map shows', async () => {
    await page.goto(demo);
    await page.getByRole('button', { name: 'As table' }).click();
    await page.waitForURL(/view=table/);
    await page.locator('.twin tbody tr').first().waitFor();
    const sum = async () => (await page.locator('.twin tbody tr > td:nth-child(2)').allInnerTexts()).reduce((n, s) => n + Number(s.replace(/\D/g, '')), 0);
    const whole = async () => Number((await page.locator('.sums .whole .dimmer').innerText()).replace(/\D/g, ''));
    await until(async () => Math.abs((await sum()) - (await whole())) <= 2, async () => `the table has ${await sum()} devices, the census ${await whole()}`);
    await page.locator('.twin button').first().click();
    await page.locator('.twin .inner').first().waitFor();
    await judged('overview-table');
    await page.getByRole('button', { name: 'As table' }).click();
    quiet();
  }, 240);

  await step('arrow keys walk the map, Enter lists what they chose', async () => {
    await page.goto(demo);
    await mapDrawn(page);
    await page.locator('.sky').focus();
    await page.keyboard.press('ArrowRight');
    await page.locator('.caption a').waitFor();
    const before = await page.locator('.caption b').innerText();
    await page.locator('.only-read[role=status]', { hasText: /devices?,/ }).first().waitFor({ state: 'attached' });
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowLeft');
    await until(async () => (await page.locator('.caption b').innerText()) === before, 'there and back is not the same');
    await page.keyboard.press('Enter');
    await page.waitForURL(/devices\?(product|group|version)=.*site=/);
    await page.goBack();
    quiet();
  });

  await step('a dot that is pointed at tells its device, and a click opens it', async () => {
    await page.goto(demo);
    await mapDrawn(page);
    await page.locator('.sky').scrollIntoViewIfNeeded();
    const at = await page.evaluate(() => {
      const c = document.querySelector('.sky canvas');
      const { data, width } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
      const i = data.findIndex((v, k) => k % 4 === 3 && v > 100 && k > width * width) >> 2;
      const r = c.getBoundingClientRect();
      return { x: r.left + ((i % width) + 2) * r.width / width, y: r.top + (Math.floor(i / width) + 2) * r.width / width };
    });
    await page.mouse.move(at.x, at.y);
    await page.locator('.tip').waitFor();
    await page.waitForFunction(() => document.querySelector('.tip b')?.innerText !== '…');
    await page.mouse.click(at.x, at.y);
    await page.waitForURL(/devices\/[0-9a-f]{32}/);
    quiet();
  });

  await step('a hidden tab asks for nothing; shown again, the map starts from a snapshot', async () => {
    await page.goto(demo);
    await page.locator('.live.on').first().waitFor({ state: 'attached' });
    await pause(1500);
    await page.evaluate(() => window.setHidden(true));
    await pause(700);
    const from = Date.now();
    await pause(2000);
    check(!frames.received.some(f => f.at > from), 'frames came while the tab was hidden');
    await page.evaluate(() => window.setHidden(false));
    await page.waitForFunction(() => document.querySelector('.live.on'));
    await pause(800);
    check(frames.sent.some(f => f.at > from && /"subscribe","topic":"fleet"/.test(f.text)), 'the map did not subscribe again');
  });

  await step('"/" finds a page and a device, "?" shows the keys, "g" goes', async () => {
    await page.goto(demo);
    await heading('Overview').waitFor();
    await page.keyboard.press('/');
    const field = page.getByRole('combobox', { name: 'Find a device, page or command' });
    await field.waitFor();
    await field.fill('audit');
    await page.getByRole('option', { name: /^Audit/ }).waitFor();
    const found = await violations(page);
    check(!found.length, found.join('\n'));
    await page.keyboard.press('Enter');
    await heading('Audit').waitFor();
    const { body } = await api('GET', '/catalogs/demo/devices?limit=1');
    await page.keyboard.press('/');
    await field.fill(body.items[0].id.slice(0, 12));
    await page.getByRole('option').filter({ hasText: body.items[0].id.slice(0, 8) }).first().waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(new RegExp(body.items[0].id));
    await page.keyboard.press('g');
    await page.keyboard.press('o');
    await heading('Overview').waitFor();
    await page.keyboard.press('?');
    await page.getByRole('heading', { name: 'Keyboard' }).waitFor();
    await judged('keys');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    quiet();
  }, 240);

  await step('a page can be taken along as an API call that answers', async () => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.goto('/c/demo/devices?state=healthy');
    await heading('Devices').waitFor();
    await page.locator('#main').focus();
    await page.keyboard.press('/');
    await page.getByRole('combobox', { name: 'Find a device, page or command' }).fill('API call');
    await page.getByRole('option', { name: 'Copy this page as an API call' }).waitFor();
    await page.keyboard.press('Enter');
    const text = () => page.evaluate(() => navigator.clipboard.readText());
    await until(async () => /'https:[^']+\/api\/v1\/catalogs\/demo\/devices\?state=healthy'$/.test(await text()), text);
    const url = /'(https:[^']+)'$/.exec(await text())[1];
    check((await page.evaluate(async u => (await fetch(u)).status, url)) === 200, `${url} does not answer`);
    quiet();
  });

  await step('single-key shortcuts can be switched off', async () => {
    await page.goto('/c/demo/settings');
    await page.getByLabel('Single-key shortcuts').uncheck();
    await page.locator('#main').focus();
    await page.keyboard.press('/');
    await pause(200);
    check(!(await page.getByRole('dialog').count()), 'a dialog opened');
    await page.getByLabel('Single-key shortcuts').check();
  });

  await step('what devices say is found by a word, comes live, and waits while somebody reads', async () => {
    await page.goto('/c/demo/logs');
    const first = page.locator('.loglist li').first();
    await first.waitFor({ timeout: 60_000 });
    const word = (await page.locator('.loglist .says-what').first().textContent()).match(/\b[A-Za-z]{4,}\b/)[0];
    await page.getByRole('searchbox', { name: /^Words/ }).fill(`"${word}"`);
    await page.waitForURL(/q=/);
    await until(async () => (await page.locator('.loglist li').allTextContents()).every(l => l.toLowerCase().includes(word.toLowerCase())), `a line without ${word} is shown`);
    await page.goto('/c/demo/logs');
    await first.waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Hold' }).click();
    await page.getByRole('button', { name: /^Show \d+ newer$/ }).click({ timeout: 60_000 });
    await judged('logs');
  }, 180);

  await step('the trail can be filtered, opened, verified and taken along', async () => {
    await page.goto('/c/demo/audit?chain=installation');
    await page.locator('.entries tbody tr').first().waitFor();
    const all = await page.locator('.entries tbody tr').count();
    await page.getByPlaceholder('Who').fill('no such person');
    await page.waitForURL(/actor=no/);
    await page.getByText('No entry matches').waitFor();
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await page.waitForURL(u => !u.search.includes('actor'));
    await page.waitForFunction(n => document.querySelectorAll('.entries tbody tr').length >= n, all);
    await page.locator('.rowbtn').first().click();
    await page.locator('.detail').waitFor();
    await page.getByRole('button', { name: 'Verify the chain' }).click();
    await page.getByText(/unbroken/).waitFor();
    await judged('audit');
    await page.getByRole('button', { name: 'Export' }).click();
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()]);
    const text = readFileSync(await file.path(), 'utf8');
    check(text.startsWith('seq,at,actor,action') && text.split('\r\n').length > all, 'the file lacks entries');
    quiet();
  }, 240);

  await step('a person is made, changed and removed; a name that is markup is refused in words', async () => {
    const name = 'e2e.' + randomBytes(3).toString('hex');
    await page.goto('/c/demo/settings/users');
    await page.getByRole('button', { name: 'New user' }).click();
    const found = await violations(page);
    check(!found.length, found.join('\n'));
    page.excused = /400/;
    await page.getByRole('dialog').getByLabel('Name').fill('<img src=x onerror=alert(1)>');
    await page.getByRole('dialog').getByLabel('First password').fill('e2e first password');
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.getByRole('alert').getByText(/name takes/).waitFor();
    page.excused = undefined;
    await page.getByRole('dialog').getByLabel('Name').fill(name);
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.getByRole('rowheader', { name }).waitFor();
    await page.getByRole('button', { name: `Change ${name}` }).click();
    await page.getByRole('dialog').getByLabel('Role').selectOption('auditor');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('row', { name }).getByText('Auditor').waitFor();
    const granted = (await api('GET', '/users')).body.roles.reduce((n, r) => n + r.permissions.length, 0);
    await until(async () => (await page.locator('.roles .yes').count()) === granted, async () => `${await page.locator('.roles .yes').count()} ticks for ${granted} permissions`);
    await judged('users');
    await page.getByRole('button', { name: `Remove ${name}` }).click();
    await page.getByRole('button', { name: 'Remove for good' }).click();
    await page.getByRole('rowheader', { name }).waitFor({ state: 'detached' });
    quiet();
  }, 240);

  await step('a catalog without devices shows the way to the first one', async () => {
    const name = 'e2e-' + randomBytes(3).toString('hex');
    await page.goto('/c/demo/settings/catalogs');
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByRole('button', { name: 'Make the catalog' }).click();
    await page.getByRole('link', { name, exact: true }).waitFor();
    await judged('catalogs');
    await page.getByRole('button', { name: /switch the catalog/ }).click();
    await page.locator('.menu a', { hasText: name }).click();
    await page.waitForURL(new RegExp(`/c/${name}/$`));
    await page.getByRole('heading', { name: /No device yet/ }).waitFor();
    await judged('first-run');
    await page.goto(demo);
    quiet();
  }, 240);

  await step('a viewer who opens an admin link is told which permission and role', async () => {
    const other = await somebody('viewer');
    await other.page.goto('/c/demo/audit');
    await other.page.getByRole('heading', { name: 'Your role does not reach this page' }).waitFor();
    await other.page.getByText('“audit:read”').waitFor();
    check(!(await other.page.getByRole('link', { name: 'Audit' }).count()), 'the link is offered');
    await judged('forbidden', other.page);
    await other.page.goto('/c/demo/settings/users');
    await other.page.getByText('“users:read”').waitFor();
    await other.page.goto('/c/elsewhere/');
    await other.page.getByRole('heading', { name: 'There is no such page' }).waitFor();
    check(!other.troubles.length, other.troubles.join('\n'));
    await other.context.close();
  }, 240);

  await step('the auditor reads the trail', async () => {
    const other = await somebody('auditor');
    await other.page.goto('/c/demo/audit?chain=installation');
    await other.page.locator('.entries tbody tr').first().waitFor();
    await other.page.getByRole('button', { name: 'Verify the chain' }).click();
    await other.page.getByText(/unbroken/).waitFor();
    check(!other.troubles.length, other.troubles.join('\n'));
    await other.context.close();
  });

  await step('a session that ends while the page is open leads back to where it was', async () => {
    const other = await somebody('operator');
    await other.page.goto('/c/demo/?by=version');
    await other.page.locator('.sums').waitFor();
    other.page.excused = /401/;
    await other.context.clearCookies();
    await other.page.keyboard.press('/');
    await other.page.getByRole('combobox', { name: 'Find a device, page or command' }).fill('a');
    await other.page.getByText('Your session ended').waitFor();
    await other.page.getByLabel('Name', { exact: true }).fill(other.name);
    await other.page.getByLabel('Password', { exact: true }).fill(other.secret);
    await other.page.getByRole('button', { name: 'Sign in' }).click();
    await other.page.locator('.sums').waitFor();
    check(/by=version/.test(other.page.url()), `it is at ${other.page.url()}`);
    check(!other.troubles.length, other.troubles.join('\n'));
    await other.context.close();
  });

  await step('a lost socket keeps the picture, says since when, and mends', async () => {
    await page.goto(demo);
    await page.locator('.live.on').first().waitFor({ state: 'attached' });
    await mapDrawn(page);
    page.excused = /./;
    await cable.cut();
    await page.locator('.strip').waitFor({ timeout: 60_000 });
    check(/stopped \d\d:\d\d:\d\d, showing the last known state/.test(await page.locator('.strip').innerText()), 'the strip does not say since when');
    check(/\d/.test(await page.locator('.sums .whole b').innerText()), 'the census is gone');
    await mapDrawn(page);
    const found = await violations(page);
    check(!found.length, found.join('\n'));
    await cable.mend();
    await page.locator('.strip').waitFor({ state: 'detached', timeout: 60_000 });
    page.excused = undefined;
    quiet();
  }, 240);

  await step('a page whose code does not come says so and tries again', async () => {
    const other = await open(browser, base, { storageState: await page.context().storageState() });
    const lost = route => route.abort();
    other.page.excused = /ERR_FAILED|dynamically imported/;
    await other.page.goto('/c/demo/settings');
    await other.page.route('**/assets/audit-*.js', lost);
    await other.page.getByRole('link', { name: 'Audit' }).click();
    await other.page.getByRole('heading', { name: 'This page did not load' }).waitFor();
    await other.page.unroute('**/assets/audit-*.js', lost);
    await other.page.getByRole('button', { name: 'Reload' }).click();
    await other.page.getByRole('button', { name: 'Verify the chain' }).waitFor();
    await other.page.locator('.live.on').first().waitFor({ state: 'attached' });
    page.excused = other.page.excused = /./;
    await cable.cut();
    await other.page.getByRole('link', { name: 'Products' }).click();
    await other.page.getByRole('heading', { name: 'This page did not load' }).waitFor();
    await cable.mend();
    await other.page.getByRole('button', { name: 'New product' }).waitFor({ timeout: 60_000 }); // by itself
    await other.context.close();
    await page.locator('.strip').waitFor({ state: 'detached', timeout: 60_000 });
    page.excused = undefined;
  }, 240);

  await step('no word of the frame and the overview escapes the catalogue, and a third longer still fits', async () => {
    const other = await open(browser, base, { storageState: await page.context().storageState() });
    await other.context.addInitScript(() => localStorage.setItem('orrery.locale', 'pseudo'));
    await other.page.goto(demo);
    await other.page.locator('.sums').waitFor();
    await pause(800);
    const plain = await other.page.evaluate(() => [...document.querySelectorAll('h1, h2, h3, .nav a, .nav h2, .btn, .seg button, th, label')]
      .filter(e => !e.closest('.inbox, .pats, .feed') && /[A-Za-z]{3}/.test(e.innerText) && !e.innerText.includes('⟦') && e.innerText.trim() !== 'Orrery').map(e => e.innerText));
    check(!plain.length, `not from the catalogue: ${plain.join(' | ')}`);
    for (const width of [1440, 320]) {
      await other.page.setViewportSize({ width, height: 900 });
      await pause(200);
      const wide = await overflow(other.page);
      check(wide <= 0, `${wide} px too wide at ${width}`);
    }
    await other.page.screenshot({ path: join(screens, 'pseudo-320.png'), fullPage: true });
    await other.context.close();
  });
}
