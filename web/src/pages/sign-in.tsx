// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef, useState } from 'preact/hooks';
import { Says } from '../parts/says';
import { Alone } from '../parts/shell';
import { endedByServer, signIn } from '../core/session';
import { t } from '../i18n/i18n';

export function SignIn() {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const name = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = `${t('signIn.title')} · Orrery`;
    name.current?.focus();
  }, []);

  async function submit(e: Event) {
    e.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signIn(name.current!.value, password.current!.value);
    } catch (failure) {
      setError(failure);
      setBusy(false);
      password.current?.select();
    }
  }

  return (
    <Alone>
      <form class="card" onSubmit={submit}>
        <h1>{t('signIn.title')}</h1>
        {endedByServer.value ? <p class="dim" role="status">{t('signIn.ended')}</p> : null}
        <Says error={error} />
        <div class="field">
          <label for="name">{t('signIn.name')}</label>
          <input class="input" id="name" name="name" ref={name} autocomplete="username" autocapitalize="none" spellcheck={false} required maxLength={80} />
        </div>
        <div class="field">
          <label for="password">{t('signIn.password')}</label>
          <input class="input" id="password" name="password" ref={password} type="password" autocomplete="current-password" required />
        </div>
        <button class="btn p" type="submit" disabled={busy}>{busy ? t('signIn.busy') : t('signIn.go')}</button>
      </form>
      <p class="dimmer">{t('signIn.hint')}</p>
    </Alone>
  );
}
