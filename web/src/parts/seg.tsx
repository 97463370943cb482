// SPDX-License-Identifier: Apache-2.0

import type { ComponentChildren } from 'preact';

export interface Choice<T extends string> {
  value: T;
  label: string;
  icon?: ComponentChildren;
}

export function Seg<T extends string>({ label, choices, value, onPick }: {
  label: string; choices: Choice<T>[]; value: T; onPick: (v: T) => void;
}) {
  return (
    <div class="seg" role="group" aria-label={label}>
      {choices.map(c => (
        <button key={c.value} type="button" aria-pressed={c.value === value} onClick={() => onPick(c.value)}
          {...(c.icon ? { 'aria-label': c.label, title: c.label } : {})}>{c.icon ?? c.label}</button>
      ))}
    </div>
  );
}
