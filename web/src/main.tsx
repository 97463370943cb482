// SPDX-License-Identifier: Apache-2.0
//
// main: start, and what to show.
//
//   GET /session --> sign in | change the first password | page of the path
//   import(page) --------------------------------------------'

import { effect, signal } from '@preact/signals';
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { startKeys } from './core/keys';
import { delayAfter, startLive, status, stopLive } from './core/live';
import { go, matches, path, startRouter } from './core/router';
import { catalog, homeHref, loading, loadSession, may, session } from './core/session';
import { startClock } from './core/time';
import { chooseMessages, t } from './i18n/i18n';
import { Shell } from './parts/shell';
import { Forbidden, NotFound, NotLoaded, Unreachable, Waiting } from './pages/notices';
import { FirstPassword } from './pages/password';
import { SignIn } from './pages/sign-in';
import { arrived, pageOf, prefetch, routeOf, type Route } from './routes';

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

// The part of the path below the catalog; settings also stand outside of one.
function below(): [name: string, rest: string] {
  const [name = '', rest = ''] = matches(/^\/c\/([^/]+)(\/.*)?$/, path.value) ?? [];
  return name ? [name, rest || '/'] : ['', /^\/settings\b/.test(path.value) ? path.value : ''];
}

function Fetched({ route, params }: { route: Route; params: string[] }) {
  const [error, setError] = useState<unknown>(null);
  const fetch = () => {
    setError(null);
    prefetch(route).catch(setError);
  };
  const live = status.value.state === 'live';
  useEffect(fetch, [route]);
  useEffect(() => {
    if (live && error) fetch(); // the server is back
  }, [live]);
  void arrived.value; // draws again once the page is here
  const Page = pageOf(route);
  if (Page) return <Page params={params} />;
  return error ? <NotLoaded title={t(route.title)} retry={fetch} /> : <Waiting title={t(route.title)} />;
}

function Pages() {
  const here = path.value;
  if (here === '/' || here === '/login') {
    queueMicrotask(() => go(homeHref(), { replace: true }));
    return null;
  }
  const [name, rest] = below();
  const route = rest ? routeOf(rest) : undefined;
  if (!route || (name && name !== catalog.value)) return <NotFound />;
  if (route.needs && !may(route.needs)) return <Forbidden title={t(route.title)} permission={route.needs} />;
  const params = (matches(route.at, rest) ?? []);
  return <Fetched key={name + route.at + params.slice(0, 1).join()} route={route} params={params} />;
}

function App() {
  if (loading.value) return retryAt.value ? <Unreachable retryAt={retryAt.value} retry={boot} /> : null;
  if (!session.value) return <SignIn />;
  if (session.value.mustChangePassword) return <FirstPassword />;
  return <Shell><Pages /></Shell>;
}

// The socket lives as long as the session can use it.
effect(() => {
  const s = session.value;
  if (s && !s.mustChangePassword && catalog.value) startLive(catalog.value);
  else stopLive();
});

async function start(): Promise<void> {
  startRouter();
  startClock();
  startKeys();
  const route = routeOf(below()[1]);
  if (route) void prefetch(route).catch(() => {}); // Fetched asks again and tells
  await chooseMessages();
  void boot();
  render(<App />, document.getElementById('root')!);
}

void start();
