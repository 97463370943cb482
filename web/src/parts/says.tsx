// SPDX-License-Identifier: Apache-2.0
//
// says: what went wrong, with the request id to quote, and a way on.

import { Problem } from '../api/client';
import { t } from '../i18n/i18n';
import { TickIcon, WarnIcon } from './icons';

export function Says({ error, retry }: { error: unknown; retry?: () => void }) {
  if (!error) return null;
  const p = error instanceof Problem ? error : null;
  return (
    <div class="says" role="alert">
      <WarnIcon />
      <div>
        {p ? p.message : t('error.here', { text: String((error as Error).message ?? error) })}
        {p?.requestId ? <small>{t('error.request', { id: p.requestId })}</small> : null}
      </div>
      {retry ? <><span class="grow" /><button type="button" class="btn sm" onClick={retry}>{t('action.retry')}</button></> : null}
    </div>
  );
}

export const Done = ({ text }: { text: string }) =>
  text ? <div class="says ok" role="status"><TickIcon /><div>{text}</div></div> : null;
