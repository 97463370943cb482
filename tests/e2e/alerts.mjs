// SPDX-License-Identifier: Apache-2.0
//
// alerts: one from its coming to its end, as the one whose turn it is meets it.
//
// Called by run.mjs with an owner who is signed in; leaves no rule and no log level behind.

import { check, step, until } from './harness.mjs';

const NAME = 'Awake too long';

export async function alertSteps({ page, quiet, judge }) {
  const api = (method, path, body) => page.evaluate(async ([method, path, body]) => {
    const { csrf } = await (await fetch('/api/v1/session')).json();
    const answer = await fetch(`/api/v1/catalogs/demo${path}`, {
      method, headers: { 'content-type': 'application/json', 'x-orrery-csrf': csrf }, body: body && JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json().catch(() => null) };
  }, [method, path, body]);
  const button = name => page.getByRole('button', { name, exact: true });
  const one = page.locator('section.alert');
  const listed = page.locator('.alertlist').getByRole('link', { name: NAME });
  const fact = name => one.locator('dt', { hasText: name }).first().locator('xpath=following-sibling::dd[1]');
  const stands = word => until(async () => (await fact('State').innerText()).startsWith(word), () => fact('State').innerText().then(t => `it is ${t}, not ${word}`));
  const told = text => one.locator('.history').getByText(text).first().waitFor({ timeout: 90_000 });
  let rule, device;

  await step('an alert comes to the inbox by itself', async () => {
    await page.goto('/c/demo/alerts?source=rule');
    await page.getByRole('heading', { name: 'By cause' }).waitFor();
    check(!(await listed.count()), 'it is there before its rule');
    const made = await api('POST', '/rules', { name: NAME, text: 'uptime > 0 severity high' });
    check(made.status === 201, `making its rule answered ${made.status}`);
    rule = made.body.id;
    const on = await api('POST', `/rules/${rule}/enable`);
    check(on.status === 200, `enabling its rule answered ${on.status}`);
    await listed.waitFor({ timeout: 60_000 });
  });

  await step('it is opened, acknowledged and given to somebody, and the address says which it is', async () => {
    await listed.click();
    await page.waitForURL(/source=rule.*id=\d+|id=\d+.*source=rule/);
    await page.getByRole('heading', { level: 2, name: NAME }).waitFor();
    await stands('Open');
    await button('Acknowledge').click();
    await stands('Acknowledged');
    const owner = one.getByLabel('Owner', { exact: true });
    await until(async () => (await owner.locator('option').count()) > 1, 'nobody can own it');
    await owner.selectOption({ index: 1 });
    await stands('Assigned');
    await page.reload();
    await page.getByRole('heading', { level: 2, name: NAME }).waitFor();
    await stands('Assigned');
    await judge('alert');
  });

  await step('its silence has an end, and can be ended', async () => {
    await one.getByLabel('Silence…', { exact: true }).selectOption('60');
    await stands('Silenced until');
    await told('silenced it for 60 minutes');
    await button('End the silence').click();
    await stands('Assigned');
  });

  await step('a step is looked at, done, and what became of it is told', async () => {
    await button('Log level…').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Changes 1 device.').waitFor();
    await dialog.getByRole('button', { name: 'Let 1 device say more' }).click();
    await dialog.waitFor({ state: 'detached' });
    await told('Set the log level of 1 device to debug for 30 minutes: begun');
    await told('to debug for 30 minutes: done; changed 1, unchanged 0, refused 0');
  });

  await step('its device tells the same in its timeline, and shows the kinds that are asked for', async () => {
    const id = new URL(page.url()).searchParams.get('id');
    device = (await api('GET', `/devices?alert=${id}`)).body.items[0].id;
    await page.goto(`/c/demo/devices/${device}`);
    const line = page.locator('.timeline');
    await line.getByRole('link', { name: NAME }).first().waitFor();
    await line.getByText('Registered', { exact: true }).waitFor();
    await button('Alerts').click();
    await page.waitForURL(/kind=alert/);
    await until(async () => !(await line.getByText('Registered', { exact: true }).count()), 'other kinds are still shown');
    await line.getByRole('link', { name: NAME }).first().waitFor();
    await judge('device-timeline');
    check(!(await line.getByText('Registered', { exact: true }).count()), 'other kinds came back');
    await page.goto(`/c/demo/alerts?source=rule&id=${id}`);
  });

  await step('it is resolved, leaves the open ones and is found among the others', async () => {
    await page.getByRole('heading', { level: 2, name: NAME }).waitFor();
    await one.getByLabel('A note for the history').fill('It may be.');
    await button('Resolve').click();
    await stands('Resolved');
    await told('It may be.');
    await until(async () => !(await listed.count()), 'it is still among the open ones');
    await page.goto('/c/demo/alerts?status=resolved');
    await listed.first().waitFor();
    check((await api('DELETE', `/rules/${rule}`)).status === 204, 'its rule stays');
    check((await api('PUT', `/devices/${device}/log-level`, { level: 'info', minutes: 0 })).status === 200, 'its log level stays');
    quiet();
  });
}
