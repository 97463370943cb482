// SPDX-License-Identifier: Apache-2.0
//
// menu: a button that shows what belongs to it, and goes away on Escape, a click outside or a choice.

import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';

export function Menu({ label, face, class: extra = '', children, onOpen }: {
  label?: string; face: ComponentChildren; class?: string; children: ComponentChildren; onOpen?: () => void;
}) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return;
    const outside = (e: Event) => {
      if (!box.current?.contains(e.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  }, [open]);
  const key = (e: KeyboardEvent) => {
    if (e.key !== 'Escape' || !open) return;
    e.stopPropagation();
    setOpen(false);
    box.current?.querySelector('button')?.focus();
  };
  const toggle = () => {
    if (!open) onOpen?.();
    setOpen(!open);
  };
  const chosen = (e: MouseEvent) => {
    if ((e.target as Element).closest('a, button')) setOpen(false);
  };
  return (
    <div class={'menubox ' + extra} ref={box} onKeyDown={key}>
      <button type="button" class="face" aria-expanded={open} aria-controls={open ? id : undefined} aria-label={label} onClick={toggle}>{face}</button>
      {open ? <div class="menu" id={id} onClick={chosen}>{children}</div> : null}
    </div>
  );
}
