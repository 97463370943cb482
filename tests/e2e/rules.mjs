// SPDX-License-Identifier: Apache-2.0
//
// rules: a rule from its first mistake to its alert, as the one who writes it meets it.
//
// Called by run.mjs with an owner who is signed in; leaves no rule behind.

import { check, step, until } from './harness.mjs';

// The real device tells how long it has been up, and says so every few seconds.
const WRONG = 'max(uptime) over banana > 0';
const RIGHT = 'uptime > 0 severity low';
const NAME = 'Up and running';

export async function ruleSteps({ page, quiet, judge }) {
  const list = '/c/demo/rules';
  const field = name => page.getByLabel(name, { exact: true });
  const button = name => page.getByRole('button', { name, exact: true });
  const said = page.locator('#rule-said');
  const row = page.locator('.rules tbody tr', { hasText: NAME });
  const turn = () => page.getByRole('switch', { name: `${NAME} enabled` });
  const turned = on => until(async () => (await turn().getAttribute('aria-checked')) === String(on), `the rule did not come to be ${on ? 'on' : 'off'}`);

  await step('a rule with a mistake says where it is, and cannot be made', async () => {
    await page.goto(list);
    await page.getByRole('link', { name: 'New rule', exact: true }).click();
    await field('Name').fill(NAME);
    await field('Rule').fill(WRONG);
    await said.getByText('Column 18: expected a duration such as 5m').waitFor();
    const [line, caret] = (await said.locator('pre').innerText()).split('\n');
    check(line.slice(caret.indexOf('^')).startsWith('banana'), `the caret is not under the mistake:\n${line}\n${caret}`);
    check(await button('Make the rule').isDisabled(), 'it can be made with a mistake');
    await judge('rule-mistake');
  });

  await step('what is not saved yet is there again after a reload', async () => {
    await page.waitForURL(/text=/);
    await page.reload();
    await said.getByText('Column 18').waitFor();
    check((await field('Name').inputValue()) === NAME, 'the name is lost');
  });

  await step('what can be written is put in where the caret stands', async () => {
    await field('Rule').fill('');
    await page.locator('.rulehelp .take').first().click();
    check((await field('Rule').inputValue()).includes('>'), 'the example did not come');
    await field('Rule').press('End');
    await button('by site').click();
    await until(async () => (await field('Rule').inputValue()).endsWith(' by site'), 'the part did not come');
  });

  await step('what is written is tried over what is stored, before it is made', async () => {
    await field('Rule').fill(RIGHT);
    await said.getByText(/^It is for/).waitFor();
    await button('Try it').click();
    await page.locator('.backtest .would').getByText(/^It would have fired/).waitFor({ timeout: 120_000 });
    await page.waitForURL(/test=/);
    await page.locator('.lines-card canvas').first().waitFor();
    const who = page.locator('.lines-card tbody a').first();
    check(/telemetry\?m=uptime&d=[0-9a-f]{32}&from=\d+&to=\d+$/.test(await who.getAttribute('href')), 'who it was does not lead to its readings');
    await judge('backtest');
    await page.reload();
    await page.locator('.backtest .would').getByText(/^It would have fired/).waitFor();
  });

  await step('the mistake is mended, the rule is made and switched on', async () => {
    await field('Rule').fill(RIGHT);
    await said.getByText(/^It is for \d+ devices?\./).waitFor();
    check((await field('Severity').inputValue()) === 'low', 'the severity is not that of the text');
    await button('Save and enable').click();
    await page.waitForURL(/\/rules\/\d+(\?|$)/);
    await turned(true);
    await page.locator('.asjson summary').click();
    check(JSON.parse(await page.locator('.asjson pre').textContent()).when.metric === 'uptime', 'the JSON is not that of the rule');
    await judge('rule');
  });

  await step('its alert comes to its page and to the inbox by itself', async () => {
    await page.locator('.raised').getByRole('link', { name: NAME }).first().waitFor({ timeout: 60_000 });
    await page.goto('/c/demo/alerts?source=rule');
    await page.locator('.alertlist').getByRole('link', { name: NAME }).click();
    await page.getByRole('heading', { level: 2, name: NAME }).waitFor();
    await page.goto(list);
    await row.getByText('1 open alert').waitFor();
    await judge('rules');
  });

  await step('a chart marks the alert, and what it shows is the beginning of a rule', async () => {
    await page.goto('/c/demo/telemetry?m=uptime&from=-15m');
    await page.locator('.alerted').getByRole('link', { name: NAME }).first().waitFor();
    await page.locator('.lines-card canvas').first().waitFor();
    await judge('telemetry');
    await page.getByRole('link', { name: 'Make a rule' }).first().click();
    await said.getByText(/^It is for/).waitFor();
    check((await field('Rule').inputValue()).startsWith('avg(uptime) over 5m > '), 'it is not about what the chart showed');
  });

  await step('the chart of a device gets its last seconds as they come', async () => {
    const top = await page.evaluate(async () => (await (await fetch('/api/v1/catalogs/demo/telemetry/top?metric=temp.motor&n=1')).json()).items[0].id);
    const tail = page.waitForResponse(r => /telemetry\/series\?.*&from=\d+&/.test(r.url()) && r.ok());
    await page.goto(`/c/demo/telemetry?m=temp.motor&from=-15m&d=${top}`);
    await tail;
    const last = () => page.locator('.legend b').first().innerText();
    const before = await last();
    await until(async () => (await last()) !== before, 'nothing new came');
    quiet();
  });

  await step('who changed it meanwhile is told before anything is overwritten', async () => {
    await page.goto(list);
    await row.getByRole('link', { name: NAME, exact: true }).click();
    await said.getByText(/^It is for/).waitFor();
    await field('Rule').fill('uptime > 1 severity low');
    await said.getByText(/^It is for/).waitFor();
    page.excused = /412/;
    const id = page.url().match(/rules\/(\d+)/)[1];
    const status = await page.evaluate(async id => {
      const path = `/api/v1/catalogs/demo/rules/${id}`;
      const [{ csrf }, { version }] = await Promise.all(['/api/v1/session', path].map(async p => (await fetch(p)).json()));
      return (await fetch(path, { method: 'PATCH', headers: { 'content-type': 'application/json', 'x-orrery-csrf': csrf, 'if-match': `"${version}"` }, body: '{"text":"uptime > 2 severity low"}' })).status;
    }, id);
    check(status === 200, `changing it answered ${status}`);
    // Its page may have heard of the change already, or hears of it at any moment; else saving is what tells.
    const told = page.getByText('changed this rule meanwhile');
    await until(async () => (await told.count()) || (await button('Save').isEnabled()), 'it can neither be saved nor is anything told');
    if (!(await told.count())) await button('Save').click({ timeout: 5000 }).catch(() => {});
    await told.waitFor({ timeout: 60_000 });
    await button('Go on with mine').click();
    await until(() => button('Save').isEnabled(), 'what was gone on with cannot be saved');
    await button('Save').click();
    const stored = () => page.evaluate(async id => (await (await fetch(`/api/v1/catalogs/demo/rules/${id}`)).json()).text, id);
    await until(async () => (await stored()).startsWith('uptime > 1'), 'what was gone on with is not stored');
    check((await field('Rule').inputValue()).startsWith('uptime > 1'), 'the other text is shown');
    page.excused = undefined;
  });

  await step('who may only look changes nothing', async () => {
    const here = page.url();
    const less = async route => {
      const answer = await route.fetch();
      const session = await answer.json();
      await route.fulfill({ response: answer, json: { ...session, permissions: session.permissions.filter(p => p !== 'devices:write') } });
    };
    await page.route('**/api/v1/session', less);
    await page.goto(here);
    await page.getByText('Your role may read rules, not change them.').waitFor();
    check(!(await turn().count()) && !(await button('Save').count()) && !(await field('Rule').isEditable()), 'a reader can write');
    await page.goto(list);
    await row.waitFor();
    check(!(await turn().count()) && !(await page.getByRole('link', { name: 'New rule' }).count()), 'a reader can switch');
    await page.unroute('**/api/v1/session', less);
  });

  await step('a rule that is switched off fires no more, and is deleted when asked twice', async () => {
    await page.goto(list);
    await turned(true);
    await turn().click();
    await turned(false);
    await row.getByText('No alert').waitFor();
    await row.getByRole('link', { name: NAME, exact: true }).click();
    await button('Delete the rule…').click();
    const sure = page.getByRole('dialog', { name: `Delete “${NAME}”?` });
    await sure.getByRole('button', { name: 'Cancel' }).click();
    await sure.waitFor({ state: 'detached' });
    await button('Delete the rule…').click();
    await sure.getByRole('button', { name: 'Delete the rule', exact: true }).click();
    await page.waitForURL(/\/rules$/);
    await page.getByRole('heading', { level: 1, name: 'Rules', exact: true }).waitFor();
    await until(async () => !(await row.count()), 'the rule is still listed');
    quiet();
  });
}
