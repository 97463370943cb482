// SPDX-License-Identifier: Apache-2.0
//
// main: start, and which page for which path.
//
//   GET /session --> sign in | change the first password | page of the path

import { effect, signal } from '@preact/signals';
import { render } from 'preact';
import { delayAfter, startLive, stopLive } from './core/live';
import { go, matches, path, startRouter } from './core/router';
import { catalog, devicesHref, loading, loadSession, may, session } from './core/session';
import { startClock } from './core/time';
import { t } from './i18n/i18n';
import { DevicePage } from './pages/device';
import { Devices } from './pages/devices';
import { Forbidden, NotFound, Unreachable } from './pages/notices';
import { FirstPassword } from './pages/password';
import { Settings } from './pages/settings';
import { SignIn } from './pages/sign-in';

const retryAt = signal(0);
let failures = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

async function boot(): Promise<void> {
  clearTimeout(timer);
  try {
    await loadSession();
    retryAt.value = 0;
  } catch {
    const wait = delayAfter(++failures);
    retryAt.value = Date.now() + wait;
    timer = setTimeout(boot, wait);
  }
}

function Pages() {
  const here = path.value;
  if (here === '/' || here === '/login') {
    queueMicrotask(() => go(catalog.value ? devicesHref() : '/settings', { replace: true }));
    return null;
  }
  if (here === '/settings') return <Settings />;
  const [name, rest] = matches(/^\/c\/([^/]+)\/devices(?:\/([^/]*))?$/, here) ?? [];
  if (!name || name !== catalog.value) return <NotFound />;
  if (!may('devices:read')) return <Forbidden title={t('nav.devices')} permission="devices:read" />;
  return rest ? <DevicePage key={name + rest} id={rest} /> : <Devices key={name} />;
}

function App() {
  if (loading.value) return retryAt.value ? <Unreachable retryAt={retryAt.value} retry={boot} /> : null;
  if (!session.value) return <SignIn />;
  if (session.value.mustChangePassword) return <FirstPassword />;
  return <Pages />;
}

// The socket lives as long as the session can use it.
effect(() => {
  const s = session.value;
  if (s && !s.mustChangePassword && catalog.value) startLive(catalog.value);
  else stopLive();
});

startRouter();
startClock();
void boot();
render(<App />, document.getElementById('root')!);
