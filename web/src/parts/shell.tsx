// SPDX-License-Identifier: Apache-2.0
//
// shell: what stays while pages change: navigation, title, connection, the stale strip.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { latency } from '../api/client';
import { retryNow, status } from '../core/live';
import { setTheme, theme, type Theme } from '../core/prefs';
import { path } from '../core/router';
import { catalog, devicesHref, session } from '../core/session';
import { now } from '../core/time';
import { clock, t } from '../i18n/i18n';
import { DevicesIcon, Mark, MoonIcon, SettingsIcon, SunIcon, SystemIcon, WarnIcon } from './icons';
import { Seg } from './seg';

export function ThemeSwitch() {
  const choices: { value: Theme; label: string; icon: ComponentChildren }[] = [
    { value: 'system', label: t('theme.system'), icon: <SystemIcon /> },
    { value: 'light', label: t('theme.light'), icon: <SunIcon /> },
    { value: 'dark', label: t('theme.dark'), icon: <MoonIcon /> },
  ];
  return <Seg label={t('theme.label')} choices={choices} value={theme.value} onPick={setTheme} />;
}

export function Connection() {
  const s = status.value;
  const ms = latency.value;
  const [kind, text] =
    s.state === 'live' ? ['on', t('live.on')]
    : s.state === 'waiting' ? ['bad', t('live.stopped')]
    : s.state === 'paused' ? ['', t('live.paused')]
    : ['', t('live.connecting')];
  return <span class={'live ' + kind} title={t('live.title')}><i />{text}{s.state === 'live' && ms !== null ? <span class="ms num">{t('live.ms', { ms })}</span> : null}</span>;
}

// Visible text counts down each second; what is announced does not.
export function StaleStrip() {
  const s = status.value;
  if (s.state !== 'waiting') return null;
  const wait = Math.max(0, Math.ceil((s.retryAt - now.value) / 1000));
  const at = clock.format(s.since);
  return (
    <div class="strip">
      <WarnIcon />
      <span class="only-read" role="status">{t('live.stripRead', { at })}</span>
      <span aria-hidden="true" class="num">{wait > 0 ? t('live.strip', { at, s: wait }) : t('live.stripNow', { at })}</span>
      <button type="button" class="btn sm" onClick={retryNow}>{t('live.retry')}</button>
    </div>
  );
}

function NavLink({ href, icon, label }: { href: string; icon: ComponentChildren; label: string }) {
  const here = path.value === href || path.value.startsWith(href + '/');
  return <li><a href={href} {...(here ? { 'aria-current': 'page' as const } : {})}>{icon}{label}</a></li>;
}

function Nav() {
  return (
    <div class="navcol"><nav class="nav" aria-label={t('nav.main')}>
      <a class="brand" href="/" aria-label={t('nav.home')}><Mark /><span>Orrery</span></a>
      <div class="tenant"><b>{catalog.value}</b><small>{t('nav.catalog')}</small></div>
      <ul>
        <NavLink href={devicesHref()} icon={<DevicesIcon />} label={t('nav.devices')} />
        <NavLink href="/settings" icon={<SettingsIcon />} label={t('nav.settings')} />
      </ul>
      <div class="navfoot">
        <ThemeSwitch />
        <Connection />
        <span class="dimmer cut" title={session.value?.account.role}>{t('nav.who', { name: session.value?.account.name ?? '' })}</span>
      </div>
    </nav></div>
  );
}

export function Page({ title, parent, tools, children, class: extra = '' }: {
  title: string; parent?: { href: string; label: string }; tools?: ComponentChildren; children: ComponentChildren; class?: string;
}) {
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    document.title = `${title} · Orrery`;
  }, [title]);
  const here = path.value;
  useEffect(() => {
    if (!first.current || document.activeElement === document.body) main.current?.focus({ preventScroll: true });
    first.current = false;
    window.scrollTo(0, 0);
  }, [here]);
  return (
    <div class={'app ' + extra + (status.value.state === 'waiting' ? ' stale' : '')}>
      <a class="skip" href="#main">{t('nav.skip')}</a>
      <Nav />
      <div class="page">
        <header class="top">
          <div class="crumb">
            {parent ? <><a href={parent.href}>{parent.label}</a><span aria-hidden="true">/</span></> : null}
            <h1>{title}</h1>
          </div>
          <span class="grow" />
          {tools}
          <Connection />
        </header>
        <StaleStrip />
        <main id="main" class="main" tabIndex={-1} ref={main}>{children}</main>
      </div>
    </div>
  );
}

export function Alone({ children }: { children: ComponentChildren }) {
  return (
    <main id="main" class="alone" tabIndex={-1}>
      <div class="brand"><Mark size={28} />Orrery</div>
      {children}
    </main>
  );
}
