// SPDX-License-Identifier: Apache-2.0
//
// notices: pages that say why there is no page: not found, not allowed, no server.

import { useEffect, useState } from 'preact/hooks';
import { now } from '../core/time';
import { session } from '../core/session';
import { t } from '../i18n/i18n';
import { Alone, Page } from '../parts/shell';

export function NotFound() {
  return (
    <Page title={t('notFound.title')}>
      <div class="notice">
        <h2>{t('notFound.head')}</h2>
        <p class="dim">{t('notFound.text')}</p>
        <a class="btn" href="/">{t('notFound.go')}</a>
      </div>
    </Page>
  );
}

export function Forbidden({ title, permission }: { title: string; permission: string }) {
  const role = session.value ? t(`role.${session.value.account.role}`) : '';
  return (
    <Page title={title}>
      <div class="notice">
        <h2>{t('forbidden.head')}</h2>
        <p class="dim">{t('forbidden.text', { permission, role })}</p>
        <p class="dim">{t('forbidden.way')}</p>
      </div>
    </Page>
  );
}

export function Unreachable({ retryAt, retry }: { retryAt: number; retry: () => void }) {
  useEffect(() => {
    document.title = `${t('unreachable.head')} · Orrery`;
  }, []);
  const wait = Math.max(0, Math.ceil((retryAt - now.value) / 1000));
  return (
    <Alone>
      <div class="card">
        <h1>{t('unreachable.head')}</h1>
        <p class="dim" role="status">{t('unreachable.text')}</p>
        <p class="dimmer num">{t('unreachable.retry', { s: wait })}</p>
        <button class="btn" type="button" onClick={retry}>{t('live.retry')}</button>
      </div>
    </Alone>
  );
}

// A part of a page that a role does not reach.
export function Lacking({ permission }: { permission: string }) {
  const role = session.value?.account.role;
  return (
    <div class="card">
      <div class="empty"><b>{t('forbidden.head')}</b>{t('forbidden.text', { permission, role: role ? t(`role.${role}`) : '' })} {t('forbidden.way')}</div>
    </div>
  );
}

const SKELETON_AFTER_MS = 150;

// While a page's code is on its way. Most arrive before anybody would see this.
export function Waiting({ title }: { title: string }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), SKELETON_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return <Page title={title}>{late ? <div class="card c12 pad" aria-busy="true"><span class="skeleton" /></div> : null}</Page>;
}

// Its code could not be fetched: the server is away, or has a newer dashboard.
export function NotLoaded({ title, retry }: { title: string; retry: () => void }) {
  return (
    <Page title={title}>
      <div class="notice">
        <h2>{t('notLoaded.head')}</h2>
        <p class="dim">{t('notLoaded.text')}</p>
        <div class="actions">
          <button type="button" class="btn p" onClick={retry}>{t('action.retry')}</button>
          <button type="button" class="btn" onClick={() => window.location.reload()}>{t('notLoaded.reload')}</button>
        </div>
      </div>
    </Page>
  );
}
