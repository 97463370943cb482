// SPDX-License-Identifier: Apache-2.0
//
// The dashboard as a person meets it, against a running server.
//
//   ORRERY_URL             https://127.0.0.1:8443
//   ORRERY_NAME            the account (owner)
//   ORRERY_PASSWORD_FILE   its first password; ORRERY_PASSWORD works too
//   ORRERY_THIS            the name of this machine's device (its host name)
//   ORRERY_DEVICES         how many devices to wait for (2)
//   ORRERY_TAMPERED       whether one of them runs what it should not
//   ORRERY_SCREENS         where screenshots go (build/screens)

import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { executablePath, hasBrowser, launch, open, overflow, violations } from './browser.mjs';
import { cutter } from './cutter.mjs';
import { check, finish, skip, step, until } from './harness.mjs';
import { alertSteps } from './alerts.mjs';
import { deviceSteps } from './devices.mjs';
import { overviewSteps } from './overview.mjs';
import { ruleSteps } from './rules.mjs';

const env = process.env;
const account = env.ORRERY_NAME ?? 'owner';
const first = env.ORRERY_PASSWORD ?? (env.ORRERY_PASSWORD_FILE ? readFileSync(env.ORRERY_PASSWORD_FILE, 'utf8').trim() : '');
const screens = env.ORRERY_SCREENS ?? join(dirname(fileURLToPath(import.meta.url)), '../../build/screens');
const here = env.ORRERY_THIS ?? hostname();
const wanted = Number(env.ORRERY_DEVICES ?? 2);
let password = first;

if (!hasBrowser()) {
  console.log(`there is no browser at ${executablePath}: tools/setup.sh test installs one, CHROMIUM names another`);
  console.log('0 passed, 1 failed, 0 skipped');
  process.exit(1);
}
if (!first) {
  console.log('ORRERY_PASSWORD_FILE or ORRERY_PASSWORD must say how to sign in');
  console.log('0 passed, 1 failed, 0 skipped');
  process.exit(1);
}

mkdirSync(screens, { recursive: true });
const cable = await cutter(env.ORRERY_URL ?? 'https://localhost:8443');
const base = cable.url;
const browser = await launch();
const { context, page, troubles } = await open(browser, base);
const frames = { received: [], sent: [] };
page.on('websocket', socket => {
  socket.on('framereceived', f => frames.received.push({ at: Date.now(), text: String(f.payload) }));
  socket.on('framesent', f => frames.sent.push({ at: Date.now(), text: String(f.payload) }));
});

const pause = ms => new Promise(done => setTimeout(done, ms));
const quiet = () => {
  const all = troubles.splice(0);
  check(!all.length, all.join('\n'));
};
const shot = name => page.screenshot({ path: join(screens, name + '.png') });
const rows = () => page.locator('.rows .row:not(.blank)');
const bar = () => page.getByRole('combobox', { name: /^Filter devices/ });
const fill = async (label, text) => page.getByLabel(label, { exact: true }).fill(text);

const home = (p = page) => p.getByRole('heading', { level: 1, name: 'Overview' });

async function signIn(p, secret, name = account) {
  await p.goto('/');
  await p.getByLabel('Name', { exact: true }).fill(name);
  await p.getByLabel('Password', { exact: true }).fill(secret);
  await p.getByRole('button', { name: 'Sign in' }).click();
}

// Judges a page as it stands: accessible in both schemes, nothing wider than the window.
async function judge(name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const width of [1440, 1280, 1180, 900, 640, 390, 320]) {
      await page.setViewportSize({ width, height: 900 });
      await pause(120);
      const wide = await overflow(page);
      check(wide <= 0, `${name} is ${wide} px too wide at ${width}`);
      if (width === 1440 || width === 1280 || width === 390) await shot(`${name}-${colorScheme}-${width}`);
      if (width === 1440 || width === 390) {
        const found = await violations(page);
        check(!found.length, `${name}, ${colorScheme}, ${width} px:\n${found.join('\n')}`);
      }
    }
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ reducedMotion: null });
  quiet();
}

const live = () => page.locator('.live.on').first().waitFor({ state: 'attached' });
const cells = () => page.locator('.rows .reading b').allInnerTexts().then(t => t.join('|'));

await step('the sign-in page asks for nothing it is refused, is accessible and fits every width', async () => {
  await page.goto('/');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await judge('sign-in');
});

await step('a wrong password is refused in words', async () => {
  page.excused = /401/;
  await fill('Name', account);
  await fill('Password', 'not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  quiet();
});

await step('the first password signs in and must be changed', async () => {
  await signIn(page, first);
  const change = page.getByRole('heading', { name: 'Choose your own password' });
  await change.or(home()).waitFor();
  if (!(await change.isVisible())) skip('this account has changed it before');
  page.excused = undefined;
  await judge('first-password');
  password = 'e2e ' + randomBytes(12).toString('hex');
  await fill('Present password', first);
  await fill('New password', password);
  await fill('New password again', password);
  await page.getByRole('button', { name: 'Change password' }).click();
  await home().waitFor();
  quiet();
});

await step(`at least ${wanted} devices are listed, this machine among them`, async () => {
  page.excused = undefined;
  await page.goto('/c/demo/devices');
  for (let s = 0; s < 30; s++) {
    await rows().first().waitFor();
    const said = await page.locator('.tiles b').first().innerText();
    if (Number(said.replace(/\D/g, '')) >= wanted) break;
    await page.reload();
    await pause(1000);
  }
  check((await rows().count()) >= Math.min(wanted, 8), `only ${await rows().count()} rows`);
  await bar().fill(here);
  await page.waitForURL(/q=/);
  await page.locator('.rows .k-name a', { hasText: here }).first().waitFor();
  await bar().fill('');
  await page.waitForURL(/devices$/);
});

await step('values move by themselves and are younger than 2 s when they arrive', async () => {
  await live();
  await page.locator('.rows .reading').first().waitFor({ timeout: 60_000 });
  const before = await cells();
  const from = Date.now();
  await page.waitForFunction(old => [...document.querySelectorAll('.rows .reading b')]
    .map(e => e.innerText).join('|') !== old, before, { timeout: 60_000, polling: 50 });
  const ages = () => frames.received.filter(f => f.at > from - 1000 && f.text.startsWith('{')).flatMap(f => {
    const m = JSON.parse(f.text);
    return (m.topic === 'devices' ? m.changes ?? [] : []).filter(c => c.lastSeen).map(c => f.at - c.lastSeen);
  });
  await until(() => ages().some(age => age < 2000), () => `of ${ages().length} changes that came over the socket the youngest was ${Math.min(...ages())} ms old`);
});

await step('the devices page is accessible and fits every width', () => judge('devices'), 120);

await step('names and tags are not cut off between 1180 and 1440 px', async () => {
  const cut = () => page.evaluate(() => [...document.querySelectorAll('.rows .row')].flatMap(r =>
    [...r.querySelectorAll('.k-name a, .calm .k-why, .k-tags, .reading span')].filter(e => e.scrollWidth > e.clientWidth && e.clientWidth).map(e => e.innerText)));
  for (const width of [1180, 1280, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    await pause(120);
    const found = await cut();
    check(!found.length, `cut off at ${width} px: ${[...new Set(found)].join(', ')}`);
  }
});

await step('rows keep their place and their element while values move', async () => {
  const first = await rows().first().elementHandle();
  const id = await first.getAttribute('data-id');
  await pause(1500);
  check(await first.evaluate(e => e.isConnected), 'the row was mounted anew');
  check((await first.getAttribute('data-id')) === id, 'another device took the place');
});

await step('a filter lives in the address and survives a reload', async () => {
  await page.getByRole('button', { name: /^Quarantined/ }).click();
  await page.waitForURL(/state=quarantined/);
  await page.reload();
  await page.getByRole('button', { name: /^Quarantined/, pressed: true }).waitFor();
  await page.getByRole('button', { name: /^All devices/ }).click();
  await page.waitForURL(/devices$/);
});

await step('a hidden tab is silent and catches up with one snapshot', async () => {
  await live();
  await page.locator('.rows .reading').first().waitFor();
  await page.evaluate(() => window.setHidden(true));
  await pause(700);
  const silentFrom = Date.now();
  await pause(2000);
  const heard = frames.received.filter(f => f.at > silentFrom).length;
  check(heard === 0, `${heard} frames while hidden`);
  await page.evaluate(() => window.setHidden(false));
  await pause(1500);
  const back = frames.received.filter(f => f.at > silentFrom + 2000).map(f => JSON.parse(f.text));
  check(back.length && back[0].snapshot !== undefined, 'the first frame after was no snapshot');
});

let deviceUrl = '';
await step('the keyboard alone finds and opens a device', async () => {
  await page.getByRole('grid').waitFor();
  await rows().nth(1).waitFor();
  const all = await rows().count();
  await bar().focus();
  await page.keyboard.type(here);
  await page.waitForURL(/q=/);
  await page.waitForFunction(([name, all]) => {
    const found = [...document.querySelectorAll('.rows .k-name a')];
    return found.length && found.length < all && found[0].innerText === name;
  }, [here, all]);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement?.matches('.rows .row'));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 2, name: here, exact: true }).waitFor();
  deviceUrl = page.url();
});

const tab = name => page.getByRole('navigation', { name: 'Parts of the device' }).getByRole('link', { name }).click();

await step('the device page is accessible and fits every width', () => judge('device'), 120);

await step('a device draws its charts and they run on', async () => {
  await tab('Telemetry');
  await page.locator('.chart canvas').first().waitFor({ timeout: 60_000 });
  const painted = () => page.locator('.chart canvas').first().evaluate(c => {
    const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
    let sum = 0;
    for (let i = 3; i < data.length; i += 4) sum = (sum * 31 + data[i] * (i % 997)) | 0;
    return { sum, blank: !data.some((v, i) => i % 4 === 3 && v) };
  });
  const before = await painted();
  check(!before.blank, 'the canvas is blank');
  for (let i = 0; i < 40; i++) {
    if ((await painted()).sum !== before.sum) return;
    await pause(250);
  }
  throw new Error('the chart did not move in 10 s');
});

await step('a chart without readings says so instead of drawing a scale', async () => {
  const nothing = async route => {
    const answer = await (await route.fetch()).json();
    await route.fulfill({ json: { ...answer, series: answer.series.map(s => ({ ...s, points: [] })) } });
  };
  const other = await context.newPage();
  await other.routeWebSocket(/\/live/, () => {});
  await other.route('**/telemetry?*', nothing);
  await other.goto(deviceUrl + '/telemetry');
  await other.locator('.chart.bare p', { hasText: 'No readings in this range' }).first().waitFor();
  await other.locator('.chart.bare .uplot').first().waitFor({ state: 'hidden' });
  await other.close();
});

await step('another metric is picked by keyboard and kept in the address', async () => {
  await page.locator('.chart').first().waitFor();
  const drawn = await page.locator('.chart').count();
  await page.locator('.picker summary').focus();
  await page.keyboard.press('Enter');
  await page.locator('.picker input:not(:checked)').first().focus();
  await page.keyboard.press('Space');
  await page.waitForURL(/m=/);
  await page.waitForFunction(n => document.querySelectorAll('.chart').length === n, drawn + 1);
  await page.keyboard.press('Escape');
  check(await page.locator('.picker summary').evaluate(e => e === document.activeElement), 'the focus is lost');
  check(!(await page.locator('.picker .menu').isVisible()), 'the menu is still open');
});

await step('the telemetry of a device is accessible and fits every width', () => judge('device-telemetry'), 120);

await step('from a device to the fleet: its metrics are explored, split and accessible', async () => {
  await page.getByRole('link', { name: 'Explore', exact: true }).click();
  await page.waitForURL(/\/telemetry\?d=/);
  await page.locator('.lines-card .uplot').first().waitFor({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Back to the fleet' }).click();
  await page.getByLabel('Split by').selectOption('site');
  await page.waitForURL(/by=site/);
  await page.locator('.explore-now tbody tr').first().waitFor({ timeout: 60_000 });
  await page.locator('.legend li.when').first().waitFor({ timeout: 60_000 });
  await judge('telemetry');
  await page.goto(deviceUrl);
}, 120);

await step('its evidence is told in words, its boot log measured', async () => {
  await tab('Trust');
  await page.getByText(/Everything it measured at boot is known|something about it should be looked at|It is not what it should be/).waitFor();
  await page.locator('.boot tbody tr').first().waitFor();
  await page.locator('.boot .st', { hasText: /known/ }).first().waitFor();
  await page.getByText('Expires').first().waitFor();
  await judge('device-trust');
}, 120);

await step('its log is there and can be filtered', async () => {
  await tab('Logs');
  await page.locator('.lines li').first().waitFor({ timeout: 60_000 });
  await page.getByRole('group', { name: 'Lowest level shown' }).getByRole('button', { name: 'Info' }).click();
  await page.waitForURL(/level=info/);
  await page.getByRole('group', { name: 'Lowest level shown' }).getByRole('button', { name: 'All' }).click();
  await judge('device-logs');
}, 120);

const quarantined = () => page.goto(new URL(deviceUrl).pathname.replace(/\/[^/]+$/, '') + '?state=quarantined');

await step('a device that is quarantined by hand says why, until it is released', async () => {
  const reason = 'The seal is broken ' + randomBytes(3).toString('hex');
  const id = await page.evaluate(async ([here, reason]) => {
    const { csrf } = await (await fetch('/api/v1/session')).json();
    const devices = '/api/v1/catalogs/demo/devices';
    const { items } = await (await fetch(devices + '?state=healthy&limit=50')).json();
    const { id } = items.find(d => d.online && d.name !== here);
    await fetch(`${devices}/${id}/quarantine`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-orrery-csrf': csrf }, body: JSON.stringify({ reason }) });
    return id;
  }, [here, reason]);
  await quarantined();
  await page.locator(`.rows .row[data-id="${id}"]`).click();
  await page.locator('.hero .pill', { hasText: 'Quarantined' }).waitFor();
  const why = page.locator('.hero .why', { hasText: `A person put it in quarantine: ${reason}` });
  await why.waitFor();
  await judge('quarantined');
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('button', { name: /^Release from quarantine/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Release from quarantine' }).click();
  await why.waitFor({ state: 'detached' });
  await page.locator('.hero .pill', { hasText: 'Quarantined' }).waitFor({ state: 'detached' });
  await page.goto(`/c/demo/audit?object=${id}`);
  await page.locator('.rowbtn', { hasText: 'quarantine' }).last().click();
  await page.locator('.detail', { hasText: reason }).waitFor();
  quiet();
}, 120);

// run.sh brings such a device; another server may have none.
if (env.ORRERY_TAMPERED) {
  await step('firmware that was tampered with is cut off, and its findings are told', async () => {
    await quarantined();
    await rows().first().waitFor({ timeout: 60_000 });
    await rows().first().click();
    await page.locator('.findings li').first().waitFor();
    await judge('tampered');
  }, 240);
}

await step('a token is made, shown once and revoked', async () => {
  await page.goto('/c/demo/settings/tokens');
  const form = page.locator('form', { has: page.locator('#token-name') });
  await form.locator('#token-name').fill('e2e token');
  await form.getByRole('button', { name: 'Create token' }).click();
  const text = await page.locator('.secret code').innerText();
  check(/^orr_\w{8}_[\w-]{43}$/.test(text), `not a token: ${text.slice(0, 4)}…`);
  await judge('tokens');
  await page.getByRole('button', { name: 'Revoke e2e token' }).click();
  await page.getByRole('button', { name: 'Revoke for good' }).click();
  await page.getByRole('button', { name: 'Revoke e2e token' }).waitFor({ state: 'detached' });
}, 120);

await step('a notification route is made, its key shown once, and a test says what happened', async () => {
  await page.goto('/c/demo/settings/notifications');
  await page.getByRole('button', { name: 'New route' }).click();
  await fill('Name', 'e2e route');
  await fill('Address', 'http://localhost:9/hook'); // a name that leads home: refused when the message goes
  await page.getByRole('button', { name: 'Add route' }).click();
  const key = await page.locator('.secret code').innerText();
  check(/^orrs_[\w-]{43}$/.test(key), `not a key: ${key.slice(0, 5)}…`);
  await page.getByRole('button', { name: 'Test e2e route' }).click();
  await page.getByText(/^Did not arrive: .* is a loopback address/).waitFor({ timeout: 60_000 });
  await page.getByRole('button', { name: 'All', exact: true }).click();
  await page.getByRole('cell', { name: /is a loopback address/ }).last().waitFor();
  check(new URL(page.url()).searchParams.get('show') === 'all', page.url());
  await judge('notifications');
  await page.getByRole('button', { name: 'Delete e2e route' }).click();
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await page.getByRole('button', { name: 'Test e2e route' }).waitFor({ state: 'detached' });
}, 120);

await step('thresholds of threats are set, a mistake is said at its field, another one meanwhile is noticed', async () => {
  await page.goto('/c/demo/settings/threats?code=T18');
  const loop = page.getByRole('group', { name: 'Crash loop' }), times = loop.getByLabel('Times');
  const save = () => page.getByRole('button', { name: 'Save', exact: true }).click();
  await times.fill('1');
  await save();
  await loop.getByText('A whole number from 2 to 1,000').waitFor();
  check(await times.getAttribute('aria-invalid') === 'true', 'the field is not marked');
  await times.fill('7');
  page.excused = /400/;
  await page.getByLabel('Networks the devices come from').fill('10.0.0.0/33');
  await save();
  await page.getByText("'10.0.0.0/33' is not a network").waitFor();
  page.excused = undefined;
  await page.getByLabel('Networks the devices come from').fill('');
  await save();
  await page.getByText('Saved. It counts from the next signal on.').waitFor();
  await judge('threats');
  await page.reload();
  await until(async () => (await times.inputValue()) === '7', 'the threshold was not kept');
  await page.getByRole('button', { name: 'All as usual' }).click();
  await page.evaluate(async () => {
    const mine = await (await fetch('/api/v1/session')).json();
    const was = await fetch('/api/v1/catalogs/demo/threats');
    const headers = { 'content-type': 'application/json', 'x-orrery-csrf': mine.csrf, 'if-match': was.headers.get('etag') };
    await fetch('/api/v1/catalogs/demo/threats', { method: 'PUT', headers, body: '{"codes":{"T18":{"times":8}}}' });
  });
  page.excused = /412/;
  await save();
  await page.getByRole('alert').getByRole('button').click();
  page.excused = undefined;
  await page.getByRole('alert').waitFor({ state: 'detached' });
  check(await times.inputValue() === '6', 'what was edited was lost');
  await save();
  await page.getByText('Saved. It counts from the next signal on.').waitFor();
}, 120);

await step('an address that leads nowhere says so', async () => {
  await page.goto('/nowhere');
  await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
  await judge('not-found');
  page.excused = /404/;
  await page.goto(deviceUrl.replace(/[0-9a-f]{32}.*$/, '0'.repeat(32)));
  await page.getByRole('heading', { level: 2, name: 'No such device' }).waitFor();
  page.excused = undefined;
}, 120);

await step('the chosen theme holds after a reload', async () => {
  await page.goto('/');
  await page.getByRole('navigation').getByRole('button', { name: 'Dark' }).click();
  await page.reload();
  const scheme = await page.evaluate(() => getComputedStyle(document.body).colorScheme);
  check(scheme === 'dark', `the scheme is ${scheme}`);
  await page.getByRole('navigation').getByRole('button', { name: 'As the system' }).click();
  quiet();
});

await step('a server out of reach shows, and the page comes back by itself', async () => {
  await page.goto('/c/demo/devices');
  await live();
  await page.locator('.rows .reading').first().waitFor();
  page.excused = /./;
  await cable.cut();
  await page.locator('.strip').waitFor({ timeout: 60_000 });
  check(/stopped \d\d:\d\d:\d\d/.test(await page.locator('.strip').innerText()), 'the strip does not say since when');
  check((await rows().count()) > 0, 'the rows are gone');
  await shot('stale');
  check((await page.locator('.rows .reading').count()) > 0, 'the readings are gone');
  const found = await violations(page);
  check(!found.length, found.join('\n'));
  await cable.mend();
  await page.locator('.strip').waitFor({ state: 'detached', timeout: 60_000 });
  const before = await cells();
  await page.waitForFunction(old => [...document.querySelectorAll('.rows .reading b')].map(e => e.innerText).join('|') !== old, before);
  page.excused = undefined;
}, 120);

await step('a page that opens while the server is away waits for it', async () => {
  page.excused = /ERR_FAILED.*\/session$/;
  const cutNow = route => route.abort();
  await page.route('**/api/v1/session', cutNow);
  await page.goto('/');
  await page.getByRole('heading', { name: 'The server does not answer' }).waitFor();
  page.excused = /ERR_FAILED.*\/session$/;
  await judge('unreachable');
  await page.unroute('**/api/v1/session', cutNow);
  await home().waitFor({ timeout: 60_000 });
  page.excused = undefined;
}, 120);

await step('who lacks a permission is told which', async () => {
  const secret = 'e2e ' + randomBytes(12).toString('hex');
  const status = await page.evaluate(async body => {
    const { csrf } = await (await fetch('/api/v1/session')).json();
    const headers = { 'content-type': 'application/json', 'x-orrery-csrf': csrf };
    return (await fetch('/api/v1/users', { method: 'POST', headers, body: JSON.stringify(body) })).status;
  }, { name: 'e2e-auditor-' + randomBytes(4).toString('hex'), role: 'auditor', password: secret }).catch(e => e.message);
  check(status === 201, `making an account answered ${status}`);
  const name = await page.evaluate(async () => (await (await fetch('/api/v1/users?limit=200')).json()).items.map(u => u.name).filter(n => n.startsWith('e2e-auditor')).pop());
  const other = await open(browser, base);
  await signIn(other.page, secret, name);
  await other.page.getByLabel('Present password', { exact: true }).fill(secret);
  await other.page.getByLabel('New password', { exact: true }).fill(secret + ' 2');
  await other.page.getByLabel('New password again', { exact: true }).fill(secret + ' 2');
  await other.page.getByRole('button', { name: 'Change password' }).click();
  await home(other.page).waitFor();
  await other.page.goto('/c/demo/devices');
  await other.page.locator('.rows .row:not(.blank) .k-name a').first().click();
  await other.page.getByRole('link', { name: 'Telemetry' }).click();
  await other.page.getByText('This part needs the permission “telemetry:read”').waitFor();
  await other.page.goto('/c/demo/settings/tokens');
  await other.page.getByText('It needs the permission “tokens:write”, which your role “Auditor” does not hold.').waitFor();
  check(!other.troubles.length, other.troubles.join('\n'));
  await other.context.close();
});

await step('the keyboard alone signs in', async () => {
  const other = await open(browser, base);
  await other.page.goto('/');
  await other.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await other.page.keyboard.type(account);
  await other.page.keyboard.press('Tab');
  await other.page.keyboard.type(password);
  await other.page.keyboard.press('Enter');
  await home(other.page).waitFor();
  check(!other.troubles.length, other.troubles.join('\n'));
  await other.context.close();
});

await deviceSteps({ browser, base, page, cable, quiet, judge, pause });

await overviewSteps({ browser, base, page, cable, frames, screens, quiet, pause, signIn });

await ruleSteps({ page, quiet, judge });

await alertSteps({ page, quiet, judge });

await step('signing out ends the session', async () => {
  await page.goto('/settings');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.goto('/settings');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  quiet();
});

await context.close();
await browser.close();
cable.end();
process.exit(finish() ? 0 : 1);
