// SPDX-License-Identifier: Apache-2.0
//
// devices: the list, a device, claims, products and groups as an operator meets them.
//
//   deviceSteps({ browser, base, page, quiet, judge, … }): a page that is signed in, in catalog demo

import { randomBytes } from 'node:crypto';
import { open, overflow, violations } from './browser.mjs';
import { check, step, until } from './harness.mjs';

const MARK = randomBytes(3).toString('hex');
const ODD = [
  `<img src=x onerror=alert(1)>${MARK}`, `ثلاجة المخزن ${MARK}`, `🧊👩‍🔧 cold ${MARK}`, `"quoted", 'and' \\ & ${'long '.repeat(9)}${MARK}`,
];
const hex = n => randomBytes(n).toString('hex');

export async function deviceSteps({ browser, base, page, cable, quiet, judge, pause }) {
  const C = '/c/demo';
  const rows = () => page.locator('.rows .row:not(.blank)');
  const counts = (low, high = low) => page.waitForFunction(([low, high]) => {
    const n = Number(document.querySelector('[role=grid]')?.getAttribute('aria-rowcount')) - 1;
    return n >= low && n <= high;
  }, [low, high], { timeout: 60_000 });
  const bar = () => page.getByRole('combobox', { name: /^Filter devices/ });
  const listed = async (query = '') => {
    await page.goto(`${C}/devices${query}`);
    await rows().first().waitFor();
  };

  // The API with the session of the page.
  const api = (method, path, body, headers = {}, on = page) => on.evaluate(async ({ method, path, body, headers }) => {
    const { csrf } = await (await fetch('/api/v1/session')).json();
    const r = await fetch('/api/v1/catalogs/demo' + path, { method, headers: { 'x-orrery-csrf': csrf, ...(body ? { 'content-type': 'application/json' } : {}), ...headers }, body: body && JSON.stringify(body) });
    return { status: r.status, etag: r.headers.get('etag') ?? '', body: r.status === 204 ? null : await r.json() };
  }, { method, path, body, headers });
  const patch = async (path, body) => {
    const { etag, body: now } = await api('GET', path);
    return api('PATCH', path, body, { 'if-match': etag || `"${now.version}"` });
  };
  const tags = new Map();
  const ids = async n => (await api('GET', `/devices?limit=${n}&sort=id`)).body.items;

  await page.setViewportSize({ width: 1440, height: 900 });
  await page.goto(`${C}/devices`);

  await step('names with markup, other scripts and emoji are text, and change no layout', async () => {
    const some = await ids(ODD.length);
    for (const [i, d] of some.entries()) {
      tags.set(d.id, d);
      const r = await patch(`/devices/${d.id}`, { name: ODD[i], tags: { e2e: MARK, [`t${'x'.repeat(20)}`]: 'v'.repeat(120) } });
      check(r.status === 200, `renaming answered ${r.status} ${JSON.stringify(r.body)}`);
    }
    await listed(`?tag=e2e:${MARK}&cols=state,name,why,tags,site,id`);
    const names = () => page.locator('.k-name a').allInnerTexts();
    for (const name of ODD) await until(async () => (await names()).includes(name.replace(/ +$/, '')), async () => `${name} is not among ${(await names()).join(' | ')}`);
    check(!(await page.locator('.rows img').count()), 'markup became an element');
    for (const width of [1440, 320]) {
      await page.setViewportSize({ width, height: 800 });
      await pause(150);
      check((await overflow(page)) <= 0, `too wide at ${width}`);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.goto(`${C}/devices/${some[0].id}`);
    await page.getByRole('heading', { level: 2, name: ODD[0] }).waitFor();
    check((await overflow(page)) <= 0, 'the device page is too wide');
    quiet();
  });

  await step('a tag of 10,000 characters is refused in words', async () => {
    const [id] = tags.keys();
    await page.goto(`${C}/devices/${id}`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('button', { name: /^Edit tags/ }).click();
    await page.getByLabel('Tags', { exact: true }).fill(`big=${'y'.repeat(10_000)}`);
    page.excused = /400/;
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    page.excused = undefined;
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  await step('what is typed becomes a chip, and the back button takes it away again', async () => {
    await listed();
    const all = (await api('GET', '/devices/facets')).body.total;
    await counts(all);
    await bar().fill(`e2e:${MARK}`);
    await page.keyboard.press('Enter');
    await page.locator('.chip').waitFor();
    await page.waitForURL(/tag=e2e/);
    await counts(ODD.length);
    await page.goBack();
    await page.locator('.chip').waitFor({ state: 'detached' });
    await counts(all);
    await page.goForward();
    await page.locator('.chip').waitFor();
    await bar().focus();
    await page.keyboard.press('Backspace');
    await page.locator('.chip').waitFor({ state: 'detached' });
    quiet();
  });

  await step('the bar suggests what a word could become, by keyboard', async () => {
    await listed();
    await bar().focus();
    await page.keyboard.type('sta');
    await page.getByRole('option', { name: 'state:' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: 'state:Healthy' }).waitFor();
    await page.keyboard.type('heal');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL(/state=healthy/);
    quiet();
  });

  await step('a facet narrows the list to what it counted', async () => {
    await listed();
    const value = page.getByRole('group', { name: 'State' }).locator('.facet').first();
    await value.waitFor();
    const n = Number((await value.locator('.num').innerText()).replace(/\D/g, ''));
    await value.getByRole('checkbox').check();
    await page.waitForURL(/state=/);
    await counts(n - 2, n + 2);
    quiet();
  });

  await step('what leaves nothing over is named, with the way out', async () => {
    await page.goto(`${C}/devices?site=nowhere&tag=e2e:${MARK}`);
    await page.getByRole('button', { name: `Without Site: ${ODD.length}` }).click();
    await rows().first().waitFor();
    await counts(ODD.length);
    quiet();
  });

  await step('columns, order and density are chosen and kept', async () => {
    await listed();
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('checkbox', { name: 'Readings' }).uncheck();
    await page.getByRole('checkbox', { name: 'Id', exact: true }).check();
    await page.keyboard.press('Escape');
    await page.getByRole('columnheader', { name: 'Id' }).getByRole('button').click();
    await page.waitForURL(/cols=.*sort=id|sort=id.*cols=/);
    await page.reload();
    await page.getByRole('columnheader', { name: 'Id' }).and(page.locator('[aria-sort=ascending]')).waitFor();
    await rows().nth(1).waitFor();
    const order = await rows().evaluateAll(all => all.sort((a, b) => a.dataset.index - b.dataset.index).map(r => r.dataset.id));
    check(order.length > 1 && order.every((id, i) => !i || order[i - 1] < id), 'rows are not in order of id');
    quiet();
  });

  await step('a column is made wider by pointer and by keyboard, and stays so', async () => {
    await listed();
    const head = page.locator('.head .k-name');
    const grip = page.getByRole('separator', { name: 'Width of Device' });
    const width = async () => Math.round((await head.boundingBox()).width);
    const usual = await width();
    const at = await grip.boundingBox();
    await page.mouse.move(at.x + 12, at.y + 12);
    await page.mouse.down();
    await page.mouse.move(at.x - 8, at.y + 12, { steps: 4 });
    await page.mouse.up();
    await until(async () => Math.abs((await width()) - (usual - 20)) <= 1, async () => `drawn by 20 px it is ${await width()} px wide, not ${usual - 20}`);
    await grip.focus();
    await page.keyboard.press('ArrowRight');
    await until(async () => Math.abs((await width()) - (usual - 4)) <= 1, async () => `a key made it ${await width()} px wide, not ${usual - 4}`);
    check(Math.abs(Number(await grip.getAttribute('aria-valuenow')) - (usual - 4)) <= 1, 'the width is not told');
    const columns = await page.getByRole('columnheader').count();
    await page.keyboard.press('End');
    await until(async () => (await width()) > usual, 'it cannot be made wide');
    check((await page.getByRole('columnheader').count()) === columns, 'it pushed a column out');
    check((await overflow(page)) <= 0, 'the table is too wide');
    const wide = await width();
    await page.reload();
    await rows().first().waitFor();
    await until(async () => (await width()) === wide, async () => `after a reload it is ${await width()} px wide, not ${wide}`);
    await grip.dblclick();
    await until(async () => (await width()) === usual, async () => `as usual is ${await width()} px, not ${usual}`);
    quiet();
  });

  await step('j, k, x and Enter walk, choose and open', async () => {
    await listed();
    await page.locator('#main').focus();
    await page.keyboard.press('j');
    await page.waitForFunction(() => document.activeElement?.matches('.rows .row'));
    await page.keyboard.press('x');
    await page.getByText('1 chosen').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.getByText('2 chosen').waitFor();
    await rows().nth(0).locator('.k-state').click();
    check(/\/devices$/.test(page.url()), 'a click opened a device while rows were being chosen');
    await page.getByRole('button', { name: 'Clear' }).click();
    await rows().nth(1).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('navigation', { name: 'Parts of the device' }).waitFor();
    quiet();
  });

  await step('back from a device one is where one was', async () => {
    await page.setViewportSize({ width: 1440, height: 460 });
    await listed();
    await page.locator('.rows').evaluate(e => (e.scrollTop = 160));
    await pause(600);
    await rows().nth(6).locator('.k-name a').click();
    await page.getByRole('navigation', { name: 'Parts of the device' }).waitFor();
    await page.goBack();
    await rows().first().waitFor();
    await page.waitForFunction(() => document.querySelector('.rows')?.scrollTop === 160);
    await page.setViewportSize({ width: 1440, height: 900 });
    quiet();
  });

  let product;
  const name = `E2E pump ${MARK}`;
  await step('a product gets its five groups, and is not deleted while it has any', async () => {
    await page.goto(`${C}/products`);
    await page.getByRole('button', { name: 'New product' }).click();
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByRole('button', { name: 'Create product' }).click();
    const card = page.getByRole('region', { name });
    await card.getByRole('button', { name: 'Add the five default groups' }).click();
    for (const g of ['Development', 'Field Test', 'Production', 'Field Test OS Evaluation', 'Production OS Evaluation']) await card.getByRole('link', { name: g, exact: true }).waitFor();
    await card.getByRole('button', { name: `Delete ${name}` }).click();
    page.excused = /409/;
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    page.excused = undefined;
    await page.keyboard.press('Escape');
    product = (await api('GET', '/products?limit=200')).body.items.find(p => p.name === name);
    await judge('products');
  }, 240);

  const groupOf = async of => (await api('GET', `/device-groups?product=${product.id}`)).body.items.find(g => g.name === of);

  await step('who saves a group that somebody else has changed is told so', async () => {
    await page.goto(`${C}/products`);
    await page.getByRole('region', { name }).getByRole('button', { name: 'Edit Production', exact: true }).click();
    await page.getByLabel('Description', { exact: true }).fill('mine');
    const g = await groupOf('Production');
    const other = await patch(`/device-groups/${g.id}`, { description: 'theirs' });
    check(other.status === 200, `the other's change answered ${other.status}`);
    page.excused = /412/;
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Someone else changed this group meanwhile').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('region', { name }).getByText('theirs').waitFor();
    page.excused = undefined;
  });

  await step('a change to many shows what it touches; its button carries the number', async () => {
    await listed(`?tag=e2e:${MARK}`);
    await rows().first().getByRole('checkbox').click();
    await page.getByRole('button', { name: `Choose all ${ODD.length} of this query` }).click();
    await page.getByRole('region', { name: 'Change what is chosen' }).getByRole('button', { name: 'Move' }).click();
    await page.getByRole('combobox', { name: 'Group' }).selectOption({ label: `${name} / Production` });
    const go = page.getByRole('button', { name: `Move ${ODD.length} devices` });
    await go.waitFor();
    const gap = await page.locator('dialog h2').evaluate(h => h.getBoundingClientRect().left - h.closest('dialog').getBoundingClientRect().left);
    check(gap >= 12, `the words begin ${gap} px from the edge of the dialog`);
    const found = await violations(page);
    check(!found.length, found.join('\n'));
    await go.click();
    await page.locator('.job', { hasText: 'done' }).waitFor({ timeout: 60_000 });
    let g;
    await until(async () => (g = await groupOf('Production')).devices === ODD.length, () => `the group has ${g.devices} devices`);
    await page.goto(`${C}/devices?group=${g.id}`);
    await page.locator('.chip', { hasText: `${name} / Production` }).waitFor();
    await counts(ODD.length);
    quiet();
  });

  await step('two operators move the same devices: the second is told the new number', async () => {
    const g = await groupOf('Production');
    const to = await groupOf('Field Test');
    await listed(`?group=${g.id}`);
    await rows().first().getByRole('checkbox').click();
    await page.getByRole('button', { name: /^Choose all/ }).click();
    await page.getByRole('region', { name: 'Change what is chosen' }).getByRole('button', { name: 'Move' }).click();
    await page.getByRole('combobox', { name: 'Group' }).selectOption({ label: `${name} / Development` });
    await page.getByRole('button', { name: `Move ${ODD.length} devices` }).waitFor();
    const { body } = await api('GET', `/devices?group=${g.id}&limit=1`);
    await patch(`/devices/${body.items[0].id}`, { group: to.id });
    page.excused = /409/;
    await page.getByRole('button', { name: `Move ${ODD.length} devices` }).click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    await page.getByRole('button', { name: `Move ${ODD.length - 1} devices` }).click();
    await page.locator('.job', { hasText: 'done' }).waitFor({ timeout: 60_000 });
    page.excused = undefined;
  });

  await step('a view is saved, opened and deleted', async () => {
    await listed(`?tag=e2e:${MARK}&sort=name`);
    await page.getByRole('button', { name: 'Views' }).click();
    await page.getByRole('button', { name: 'Save this view' }).click();
    await page.getByLabel('Name', { exact: true }).fill(`Odd ${MARK}`);
    await page.getByRole('button', { name: 'Save view' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.goto(`${C}/devices`);
    await page.getByRole('button', { name: 'Views' }).click();
    for (const width of [1440, 320]) {
      await page.setViewportSize({ width, height: 900 });
      const { x, width: w } = await page.locator('.tools .menu').boundingBox();
      check(x >= 0 && x + w <= width, `the views reach from ${x} to ${x + w} at ${width}`);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByRole('link', { name: `Odd ${MARK}` }).click();
    await page.waitForURL(/sort=name/);
    await page.getByRole('button', { name: `Odd ${MARK}` }).first().click();
    await page.getByRole('button', { name: `Delete view Odd ${MARK}` }).click();
    const left = async () => (await api('GET', '/saved-views')).body.items.filter(v => v.name === `Odd ${MARK}`);
    await until(async () => !(await left()).length, 'the view is still there');
    quiet();
  });

  await step('the present list is exported as it is filtered', async () => {
    await listed(`?tag=e2e:${MARK}`);
    await page.getByRole('button', { name: 'Export' }).click();
    const link = await page.getByRole('link', { name: 'This list as CSV' }).getAttribute('href');
    const text = await page.evaluate(async href => (await fetch(href)).text(), link);
    const lines = text.trim().split('\n');
    check(/^.?id,name/.test(lines[0]), `the header is ${lines[0]}`);
    for (const d of tags.keys()) check(text.includes(d), `${d} is missing`);
    quiet();
  });

  await step('the tabs of a device each have an address, and back leads through them', async () => {
    const [id] = tags.keys();
    await page.goto(`${C}/devices/${id}`);
    for (const [tab, part] of [['Telemetry', 'Telemetry'], ['Trust', 'Measured boot'], ['Software', 'Software'], ['Logs', 'Log']]) {
      await page.getByRole('navigation', { name: 'Parts of the device' }).getByRole('link', { name: tab }).click();
      await page.waitForURL(new RegExp(`/${tab.toLowerCase()}$`));
      await page.getByRole('heading', { level: 2, name: part, exact: true }).waitFor();
    }
    await page.goBack();
    await page.getByRole('heading', { level: 2, name: 'Software' }).waitFor();
    await page.goto(`${C}/devices/${id}`);
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    await page.locator('.timeline li').first().waitFor();
    quiet();
  });

  await step('a device gets a note; to retire it its name must be typed', async () => {
    const [id] = [...tags.keys()].slice(-1);
    await page.goto(`${C}/devices/${id}`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('button', { name: /^Edit note/ }).click();
    await page.getByLabel('Note', { exact: true }).fill(`behind the <b>door</b> ${MARK}`);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText(`behind the <b>door</b> ${MARK}`).waitFor();
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('button', { name: /^Retire/ }).click();
    const go = page.getByRole('dialog').getByRole('button', { name: 'Retire' });
    check(await go.isDisabled(), 'it can be retired without a word');
    await page.getByRole('dialog').getByRole('textbox').fill(ODD[3].trim());
    check(await go.isEnabled(), 'the typed name is not taken');
    const found = await violations(page);
    check(!found.length, found.join('\n'));
    await page.keyboard.press('Escape');
    quiet();
  });

  await step('a pasted list tells bad lines, claims the rest and watches them', async () => {
    const [a, b] = [hex(32), hex(32)];
    await page.goto(`${C}/claim?method=list`);
    await page.getByLabel('Ids, fingerprints or public keys').fill(`${a}, Pump ${MARK}\nnonsense <b>\n${b}\n${a}`);
    await page.getByText('2 lines are left out').waitFor();
    await page.getByText('is here twice').waitFor();
    await page.getByRole('button', { name: 'Claim 2 devices' }).click();
    await page.getByText('2 devices claimed').waitFor();
    await page.locator('.coming li', { hasText: `Pump ${MARK}` }).waitFor();
    await page.getByLabel('Ids, fingerprints or public keys').fill(a);
    await page.getByRole('button', { name: 'Claim 1 device' }).click();
    await page.getByText('1 was claimed before').waitFor();
    quiet();
    await judge('claim-list');
  }, 240);

  const choose = (fileName, buffer, type = 'text/csv') => page.locator('#claim-file').setInputFiles({ name: fileName, mimeType: type, buffer: Buffer.from(buffer) });

  await step('a CSV with mark, semicolons, quotes and bad rows is judged line by line and claimed', async () => {
    await page.goto(`${C}/claim?method=file`);
    await choose('semi.csv', `\ufefffingerprint;name;line\r\n${hex(32)};"Pump; ""4"" ${MARK}";A\r\nnot a key;x;y\r\n${hex(32)};ثلاجة;B\r\n`);
    await page.getByText('1 line is left out').waitFor();
    await page.getByText('Line 3').waitFor();
    await page.getByRole('button', { name: 'Claim 2 devices' }).click();
    await page.getByText('2 devices claimed').first().waitFor({ timeout: 60_000 });
    quiet();
    await judge('claim-file');
  }, 240);

  await step('a binary, an empty and a 201 MB file are refused in words', async () => {
    await page.goto(`${C}/claim?method=file`);
    await choose('x.csv', Buffer.from([0x50, 0x4b, 3, 4, 0, 0, 0]));
    await page.getByText('This file is binary').waitFor();
    await choose('e.csv', '');
    await page.getByText('This file is empty').waitFor();
    await choose('u.csv', Buffer.from('\ufefffingerprint\n', 'utf16le'));
    await page.getByText('This file is UTF-16').waitFor();
    await page.evaluate(() => {
      const mb = new Blob([new Uint8Array(1 << 20).fill(97)]);
      const data = new DataTransfer();
      data.items.add(new File(Array.from({ length: 201 }, () => mb), 'big.csv'));
      const input = document.querySelector('#claim-file');
      input.files = data.files;
      input.dispatchEvent(new Event('change', { bubbles: true }));
    });
    await page.getByText('larger than 200 MB').waitFor();
    quiet();
  });

  await step('a large file goes in posts below the limit, and every row arrives once', async () => {
    const count = 12_000;
    const text = 'fingerprint,name\n' + Array.from({ length: count }, (_, i) => `${hex(32)},Bulk ${MARK} ${String(i).padStart(5, '0')}`).join('\n');
    const posts = [];
    const note = r => r.method() === 'POST' && /\/claims$/.test(r.url()) && posts.push(r.postDataBuffer().length);
    page.on('request', note);
    await page.goto(`${C}/claim?method=file`);
    await choose('large.csv', text);
    await page.getByRole('button', { name: 'Claim 12,000 devices' }).click();
    await page.getByText('12,000 devices claimed').first().waitFor({ timeout: 60_000 });
    page.off('request', note);
    check(posts.length > 1 && posts.every(n => n <= 900 * 1024), `posts of ${posts.join(', ')} bytes`);
    await page.goto(`${C}/devices?q=Bulk+${MARK}`);
    await counts(count);
    quiet();
  }, 240);

  await step('the bar of a long list reaches anywhere, and the rows there are its own', async () => {
    await listed(`?q=Bulk+${MARK}&sort=name`);
    await page.locator('.rows').evaluate(e => (e.scrollTop = e.scrollHeight));
    await page.locator('.k-name a', { hasText: `Bulk ${MARK} 11999` }).waitFor();
    await page.locator('.rows').evaluate(e => (e.scrollTop = 6000 * e.firstElementChild.clientHeight / 12_000));
    await page.locator('.k-name a', { hasText: `Bulk ${MARK} 06003` }).waitFor();
    await page.locator('.rows .row:not(.blank)').first().focus();
    await page.keyboard.press('End');
    await page.waitForFunction(() => document.activeElement?.getAttribute('aria-rowindex') === '12001');
    quiet();
  });

  await step('a socket lost in the middle of a scroll leaves the rows, and scrolling goes on', async () => {
    await listed(`?q=Bulk+${MARK}&sort=name`);
    await page.locator('.live.on').first().waitFor({ state: 'attached' });
    const scroll = to => page.locator('.rows').evaluate((e, y) => (e.scrollTop = y), to);
    await scroll(40_000);
    await page.locator('.k-name a', { hasText: `Bulk ${MARK} 01005` }).waitFor();
    page.excused = /./;
    await cable.cut();
    await page.locator('.strip').waitFor({ timeout: 60_000 });
    await scroll(41_000);
    check((await rows().count()) > 5, 'the rows are gone');
    await scroll(200_000);
    await pause(300);
    await cable.mend();
    await page.locator('.strip').waitFor({ state: 'detached', timeout: 60_000 });
    await scroll(200_400);
    await page.locator('.k-name a', { hasText: `Bulk ${MARK} 05015` }).waitFor({ timeout: 60_000 });
    page.excused = undefined;
  }, 240);

  await step('all of a query is retired only when the catalog is named, and can be watched', async () => {
    await listed(`?q=Bulk+${MARK}`);
    await rows().first().getByRole('checkbox').click();
    await page.getByRole('button', { name: 'Choose all 12,000 of this query' }).click();
    await page.getByRole('region', { name: 'Change what is chosen' }).getByRole('button', { name: 'Retire' }).click();
    const go = page.getByRole('button', { name: 'Retire 12,000 devices' });
    await go.waitFor();
    check(await go.isDisabled(), 'it can be done without a word');
    await page.getByRole('dialog').getByRole('textbox').fill('demo');
    await go.click();
    await page.locator('.job .progress').waitFor();
    await page.locator('.job', { hasText: 'done' }).waitFor({ timeout: 60_000 });
    await page.getByText('No device matches').waitFor({ timeout: 60_000 });
    quiet();
  }, 240);

  await step('a window opens with one command to copy, and closes', async () => {
    await page.goto(`${C}/claim?method=window`);
    await page.getByLabel('Label').fill(`Bench ${MARK}`);
    await page.getByRole('button', { name: 'Open the window' }).click();
    const command = await page.locator('.secret .cmd code').innerText();
    check(/^orrery-device enroll --server \S+ --ca-sha256 [0-9a-f]{64} --claim \w{4}-\w{4}-\w{4}-\w{4}$/.test(command), `the command is ${command.replace(/claim .*/, 'claim …')}`);
    const row = page.getByRole('row', { name: new RegExp(`Bench ${MARK}`) });
    await row.getByRole('button', { name: 'Close' }).click();
    await row.getByText('closed').waitFor();
    quiet();
    await judge('claim-window');
  }, 240);

  await step('who comes to the door is told to the page, which does not keep asking', async () => {
    let asked = 0;
    const note = r => /\/arrivals$/.test(r.url()) && asked++;
    await page.goto(`${C}/claim?method=window`);
    await page.locator('.live.on').first().waitFor({ state: 'attached' });
    await pause(1500);
    page.on('request', note);
    await pause(6000);
    check(asked <= 1, `asked ${asked} times in six seconds`);
    const before = asked;
    await api('POST', '/claims', { devices: [{ fingerprint: hex(32) }] });
    await until(() => asked > before, 'a device came in and the page did not look');
    page.off('request', note);
    quiet();
  });

  await step('who may only look is offered nothing to change', async () => {
    const secret = 'e2e ' + hex(12);
    const viewer = `e2e-viewer-${MARK}`;
    await page.evaluate(async body => {
      const { csrf } = await (await fetch('/api/v1/session')).json();
      await fetch('/api/v1/users', { method: 'POST', headers: { 'content-type': 'application/json', 'x-orrery-csrf': csrf }, body: JSON.stringify(body) });
    }, { name: viewer, role: 'viewer', password: secret });
    const other = await open(browser, base);
    const p = other.page;
    await p.goto('/');
    await p.getByLabel('Name', { exact: true }).fill(viewer);
    await p.getByLabel('Password', { exact: true }).fill(secret);
    await p.getByRole('button', { name: 'Sign in' }).click();
    await p.getByLabel('Present password', { exact: true }).fill(secret);
    await p.getByLabel('New password', { exact: true }).fill(secret + ' 2');
    await p.getByLabel('New password again', { exact: true }).fill(secret + ' 2');
    await p.getByRole('button', { name: 'Change password' }).click();
    await p.getByRole('heading', { level: 1 }).and(p.getByText(/Overview|Devices/)).waitFor();
    await p.goto(`${C}/devices`);
    await p.locator('.rows .row:not(.blank)').first().waitFor();
    check(!(await p.locator('.rows input[type=checkbox]').count()), 'rows can be chosen');
    await p.locator('.rows .row:not(.blank)').first().click();
    await p.getByRole('heading', { name: 'Timeline' }).waitFor();
    check(!(await p.getByRole('button', { name: 'Actions' }).count()), 'actions are offered');
    await p.goto(`${C}/claim`);
    await p.getByText('It needs the permission “devices:claim”').waitFor();
    check(!other.troubles.length, other.troubles.join('\n'));
    await other.context.close();
  });

  // What was changed is changed back.
  for (const [id, d] of tags) await patch(`/devices/${id}`, { name: d.name, group: null, note: null, tags: { e2e: null, [`t${'x'.repeat(20)}`]: null } });
}
