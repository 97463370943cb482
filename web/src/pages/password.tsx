// SPDX-License-Identifier: Apache-2.0
//
// password: the form to change it, alone on the page while it must be changed.

import { useEffect, useRef, useState } from 'preact/hooks';
import { changePassword, session, signOut } from '../core/session';
import { t } from '../i18n/i18n';
import { Done, Says } from '../parts/says';
import { Alone } from '../parts/shell';

export const PASSWORD_MIN = 12;

export function PasswordForm({ first = false }: { first?: boolean }) {
  const [error, setError] = useState<unknown>(null);
  const [done, setDone] = useState(false);
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  async function submit(e: Event) {
    e.preventDefault();
    const value = (name: string) => (form.current!.elements.namedItem(name) as HTMLInputElement).value;
    if (value('next') !== value('again')) return setError(new Error(t('password.differ')));
    setBusy(true);
    setError(null);
    try {
      await changePassword(value('current'), value('next'));
      setDone(true);
      form.current?.reset();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  }

  return (
    <form class="form" ref={form} onSubmit={submit}>
      <Says error={error} />
      <Done text={done && !first ? t('password.done') : ''} />
      <input type="text" name="username" autocomplete="username" value={session.value?.account.name ?? ''} readOnly hidden />
      <div class="field">
        <label for="current">{t('password.current')}</label>
        <input class="input" id="current" name="current" type="password" autocomplete="current-password" required />
      </div>
      <div class="field">
        <label for="next">{t('password.next')}</label>
        <input class="input" id="next" name="next" type="password" autocomplete="new-password" minLength={PASSWORD_MIN} required aria-describedby="next-help" />
        <small id="next-help">{t('password.rule', { n: PASSWORD_MIN })}</small>
      </div>
      <div class="field">
        <label for="again">{t('password.again')}</label>
        <input class="input" id="again" name="again" type="password" autocomplete="new-password" required />
      </div>
      <div class="actions">
        <button class="btn p" type="submit" disabled={busy}>{t('password.go')}</button>
        {first ? <button class="btn ghost" type="button" onClick={() => void signOut()}>{t('action.signOut')}</button> : null}
      </div>
    </form>
  );
}

export function FirstPassword() {
  useEffect(() => {
    document.title = `${t('password.title')} · Orrery`;
    document.getElementById('current')?.focus();
  }, []);
  return (
    <Alone>
      <div class="card">
        <h1>{t('password.title')}</h1>
        <p class="dim">{t('password.why')}</p>
        <PasswordForm first />
      </div>
    </Alone>
  );
}
