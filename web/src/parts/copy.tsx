// SPDX-License-Identifier: Apache-2.0
//
// copy: a text for the clipboard, and word that it is there.

import { useState } from 'preact/hooks';
import { t } from '../i18n/i18n';
import { CopyIcon, TickIcon } from './icons';

export function CopyButton({ text, label, class: extra = '' }: { text: string; label: string; class?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return (
    <button type="button" class={'btn sm ' + extra} onClick={() => void copy()}>
      {done ? <TickIcon /> : <CopyIcon />}{label}<span class="only-read" role="status">{done ? t('action.copied') : ''}</span>
    </button>
  );
}

// A command to run elsewhere, whole and copyable.
export function Command({ text }: { text: string }) {
  return <div class="cmd"><code>{text}</code><CopyButton text={text} label={t('action.copy')} class="ghost" /></div>;
}
