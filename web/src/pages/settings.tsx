// SPDX-License-Identifier: Apache-2.0
//
// settings: the person who is signed in, and, by role, people, tokens and catalogs.
//
//   /settings  account and browser  ·  /settings/users  ·  /settings/tokens  ·  /settings/catalogs  ·  /settings/notifications  ·  /settings/threats

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Permission } from '../api/api';
import { setShortcuts, shortcuts } from '../core/prefs';
import { hrefOf, may, session, signOut } from '../core/session';
import { t, type Key } from '../i18n/i18n';
import { Says } from '../parts/says';
import { Page, ThemeSwitch } from '../parts/shell';
import { Catalogs } from './catalogs';
import { Lacking, NotFound } from './notices';
import { Notifications } from './notifications';
import { PasswordForm } from './password';
import { Threats } from './threats';
import { Tokens } from './tokens';
import { Users } from './users';

const TABS: { name: string; label: Key; needs?: Permission }[] = [
  { name: '', label: 'account.title' },
  { name: 'users', label: 'users.title', needs: 'users:read' },
  { name: 'tokens', label: 'tokens.title', needs: 'tokens:write' },
  { name: 'catalogs', label: 'catalogs.title' },
  { name: 'notifications', label: 'notify.title', needs: 'devices:read' },
  { name: 'threats', label: 'threats.title', needs: 'trust:read' },
];

const href = (name: string) => hrefOf('/settings' + (name ? '/' + name : ''));

function Tabs({ here }: { here: string }) {
  const nav = useRef<HTMLElement>(null);
  // On a narrow screen the list scrolls.
  useEffect(() => nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' }), [here]);
  return (
    <nav class="tabs c12" ref={nav} aria-label={t('nav.settings')}>
      {TABS.map(tab => <a key={tab.name} href={href(tab.name)} {...(tab.name === here ? { 'aria-current': 'page' as const } : {})}>{t(tab.label)}</a>)}
    </nav>
  );
}

function Account() {
  const [error, setError] = useState<unknown>(null);
  const s = session.value!;
  return (
    <section class="card" aria-labelledby="account">
      <header><h2 id="account">{t('account.title')}</h2><span class="grow" /><button type="button" class="btn sm" onClick={() => void signOut().catch(setError)}>{t('action.signOut')}</button></header>
      <div class="pad form">
        <Says error={error} />
        <dl class="kv">
          <dt>{t('account.name')}</dt><dd>{s.account.name}</dd>
          <dt>{t('account.role')}</dt><dd>{t(`role.${s.account.role}`)}</dd>
          <dt>{t('account.catalogs')}</dt><dd>{s.catalogs.join(', ')}</dd>
          <dt>{t('account.permissions')}</dt><dd class="mono codes">{s.permissions.join(' ')}</dd>
        </dl>
      </div>
    </section>
  );
}

function Browser() {
  return (
    <section class="card" aria-labelledby="browser">
      <header><h2 id="browser">{t('browser.title')}</h2></header>
      <div class="pad form">
        <div class="field"><span>{t('theme.label')}</span><div><ThemeSwitch /></div></div>
        <label class="tick"><input type="checkbox" checked={shortcuts.value} onChange={e => setShortcuts((e.target as HTMLInputElement).checked)} />{t('browser.shortcuts')}</label>
        <p class="dim"><kbd>?</kbd> {t('browser.sheet')}</p>
      </div>
    </section>
  );
}

function Mine() {
  return (
    <>
      <div class="c6 stack"><Account /><Browser /></div>
      <section class="card c6" aria-labelledby="password"><header><h2 id="password">{t('password.head')}</h2></header><div class="pad"><PasswordForm /></div></section>
    </>
  );
}

const PARTS: Record<string, () => preact.JSX.Element> = { '': Mine, users: Users, tokens: Tokens, catalogs: Catalogs, notifications: Notifications, threats: Threats };

export function Settings({ params: [name = ''] }: { params: string[] }) {
  const tab = TABS.find(one => one.name === name);
  const Part = PARTS[name];
  if (!tab || !Part) return <NotFound />;
  const lacks = tab.needs && !may(tab.needs) ? tab.needs : null;
  return (
    <Page title={t(tab.label)} parent={name ? { href: href(''), label: t('nav.settings') } : undefined}>
      <Tabs here={name} />
      {lacks ? <div class="c12"><Lacking permission={lacks} /></div> : <Part />}
    </Page>
  );
}
