// SPDX-License-Identifier: Apache-2.0
//
// shell: what stays while pages change: navigation, search, keys; and the frame each page fills.
//
//   Shell: navigation | Page: title, tools, connection, stale strip, content

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { latency } from '../api/client';
import { catalogs, loadCatalogs } from '../core/catalogs';
import { onKey } from '../core/keys';
import { retryNow, status } from '../core/live';
import { setTheme, theme, type Theme } from '../core/prefs';
import { go, path } from '../core/router';
import { catalog, homeHref, hrefOf, may, session } from '../core/session';
import { now } from '../core/time';
import { clock, t, type Key } from '../i18n/i18n';
import { prefetch, routeOf } from '../routes';
import { said } from './announce';
import { finding, Find, FindButton } from './find';
import { AlertsIcon, AuditIcon, ChevronIcon, ClaimIcon, CrossIcon, DevicesIcon, HomeIcon, LogsIcon, Mark, MenuIcon, MoonIcon, ProductsIcon, RulesIcon, SettingsIcon, SunIcon, SystemIcon, TelemetryIcon, TickIcon, WarnIcon } from './icons';
import { KeySheet, keysShown } from './key-sheet';
import { Menu } from './menu';
import { Seg } from './seg';

interface Entry {
  rest: string;
  label: Key;
  icon: ComponentChildren;
  key: string;
}
const GROUPS: { head?: Key; entries: Entry[] }[] = [
  { entries: [
    { rest: '/', label: 'nav.overview', icon: <HomeIcon />, key: 'g o' },
    { rest: '/devices', label: 'nav.devices', icon: <DevicesIcon />, key: 'g d' },
    { rest: '/alerts', label: 'nav.alerts', icon: <AlertsIcon />, key: 'g n' },
    { rest: '/rules', label: 'nav.rules', icon: <RulesIcon />, key: 'g r' },
    { rest: '/telemetry', label: 'nav.telemetry', icon: <TelemetryIcon />, key: 'g t' },
    { rest: '/logs', label: 'nav.logs', icon: <LogsIcon />, key: 'g l' },
  ] },
  { head: 'nav.trust', entries: [
    { rest: '/audit', label: 'nav.audit', icon: <AuditIcon />, key: 'g a' },
  ] },
  { head: 'nav.setUp', entries: [
    { rest: '/claim', label: 'nav.claim', icon: <ClaimIcon />, key: 'g c' },
    { rest: '/products', label: 'nav.products', icon: <ProductsIcon />, key: 'g p' },
    { rest: '/settings', label: 'nav.settings', icon: <SettingsIcon />, key: 'g s' },
  ] },
];

// A page that its role may not see is left out, except what everybody looks for.
const visible = (e: Entry) => {
  const route = routeOf(e.rest);
  return !!route && (!route.needs || may(route.needs));
};
export const entries = () => GROUPS.flatMap(g => g.entries).filter(visible);

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
    : s.state === 'off' ? ['', t('live.off')]
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

function NavLink({ entry }: { entry: Entry }) {
  const href = hrefOf(entry.rest);
  const home = entry.rest === '/';
  const here = path.value === href || (!home && path.value.startsWith(href + '/')) || (home && path.value + '/' === href);
  const route = routeOf(entry.rest)!;
  const warm = () => void prefetch(route).catch(() => {}); // the page itself will tell
  return (
    <li><a href={href} onPointerEnter={warm} onFocus={warm} {...(here ? { 'aria-current': 'page' as const } : {})}>
      {entry.icon}{t(entry.label)}</a></li>
  );
}

function Switcher() {
  const mine = session.value?.catalogs ?? [];
  const known = catalogs.value;
  const devices = (name: string) => (known?.find(c => c.name === name) as { devices?: number } | undefined)?.devices;
  const sub = (name: string) => {
    const n = devices(name);
    return n === undefined ? t('nav.catalog') : t('nav.catalogOf', { n });
  };
  useEffect(() => void loadCatalogs().catch(() => {}), [session.value?.account.id]); // names are enough without counts
  const face = <><span class="cut"><b class="cut">{catalog.value || t('nav.noCatalog')}</b><small>{sub(catalog.value)}</small><span class="only-read">{t('nav.switch')}</span></span><ChevronIcon /></>;
  return (
    <Menu class="tenant" face={face} onOpen={() => void loadCatalogs().catch(() => {})}>
      <ul>
        {mine.map(name => (
          <li key={name}><a href={homeHref(name)} {...(name === catalog.value ? { 'aria-current': 'true' as const } : {})}>
            <span class="cut">{name}<small>{sub(name)}</small></span>{name === catalog.value ? <TickIcon /> : null}</a></li>
        ))}
        {may('catalog:write') ? <li class="apart"><a href={hrefOf('/settings/catalogs')}>{t('nav.manageCatalogs')}</a></li> : null}
      </ul>
    </Menu>
  );
}

function Nav() {
  const [open, setOpen] = useState(false);
  const here = path.value;
  useEffect(() => setOpen(false), [here]);
  return (
    <div class={'navcol' + (open ? ' open' : '')}><nav class="nav" aria-label={t('nav.main')}>
      <div class="navbar">
        <a class="brand" href={homeHref()} aria-label={t('nav.home')}><Mark /><span>Orrery</span></a>
        <Switcher />
        <button type="button" class="btn ghost burger" aria-expanded={open} aria-controls="nav-links" aria-label={t('nav.menu')} onClick={() => setOpen(!open)}>{open ? <CrossIcon /> : <MenuIcon />}</button>
      </div>
      <div class="links" id="nav-links">
        {GROUPS.map(g => {
          const shown = g.entries.filter(visible);
          return shown.length ? <>{g.head ? <h2>{t(g.head)}</h2> : null}<ul>{shown.map(e => <NavLink key={e.rest} entry={e} />)}</ul></> : null;
        })}
        <div class="navfoot">
          <ThemeSwitch />
          <Connection />
          <a class="who dimmer cut" href={hrefOf('/settings')} title={session.value?.account.role}>{t('nav.who', { name: session.value?.account.name ?? '' })}</a>
        </div>
      </div>
    </nav></div>
  );
}

function useKeys(): void {
  useEffect(() => {
    const undo = [
      onKey('/', () => (finding.value = true)),
      onKey('?', () => (keysShown.value = true)),
      ...GROUPS.flatMap(g => g.entries).map(e => onKey(e.key, () => visible(e) && go(hrefOf(e.rest)))),
    ];
    return () => undo.forEach(back => back());
  }, []);
}

export function Shell({ children }: { children: ComponentChildren }) {
  useKeys();
  return (
    <div class={'app' + (status.value.state === 'waiting' ? ' stale' : '')}>
      <a class="skip" href="#main">{t('nav.skip')}</a>
      <Nav />
      {children}
      <div class="only-read" role="status">{said.value}</div>
      {finding.value ? <Find entries={entries().map(e => ({ label: t(e.label), href: hrefOf(e.rest), keys: e.key, icon: e.icon }))} /> : null}
      {keysShown.value ? <KeySheet entries={entries().map(e => ({ label: t(e.label), keys: e.key }))} /> : null}
    </div>
  );
}

export function Page({ title, parent, tools, children, class: extra = '' }: {
  title: string; parent?: { href: string; label: string }; tools?: ComponentChildren; children: ComponentChildren; class?: string;
}) {
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    document.title = `${title} · Orrery`;
  }, [title]);
  const here = path.value;
  const first = useRef(true);
  useEffect(() => {
    // Whoever walks with the keyboard goes on in the new page; who typed in the old one is not disturbed.
    if (!first.current || document.activeElement === document.body) main.current?.focus({ preventScroll: true });
    first.current = false;
    window.scrollTo(0, 0);
  }, [here]);
  return (
    <div class={'page ' + extra}>
      <header class="top">
        <div class="crumb">
          {parent ? <><a href={parent.href}>{parent.label}</a><span aria-hidden="true">/</span></> : null}
          <h1>{title}</h1>
        </div>
        <span class="grow" />
        <FindButton />
        {tools}
        <Connection />
      </header>
      <StaleStrip />
      <main id="main" class="main" tabIndex={-1} ref={main}>{children}</main>
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
