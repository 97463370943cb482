// SPDX-License-Identifier: Apache-2.0
//
// switch: on or off, in a word beside its shape.

import { wear } from '../core/sheet';
import css from '../style/switch.page.css';

wear(css);

export function Switch({ label, on, word, busy, onTurn }: { label: string; on: boolean; word: string; busy?: boolean; onTurn: () => void }) {
  return (
    <button type="button" class="switch" role="switch" aria-checked={on} aria-label={label} disabled={busy} onClick={onTurn}>
      <i aria-hidden="true" /><span aria-hidden="true">{word}</span>
    </button>
  );
}
