// SPDX-License-Identifier: Apache-2.0
//
// dialog: <dialog> as the platform gives it: it holds the focus, Escape closes it, what is behind is inert.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export function Dialog({ label, class: extra = '', onClose, children }: {
  label: string; class?: string; onClose: () => void; children: ComponentChildren;
}) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = box.current!;
    const back = document.activeElement as HTMLElement | null;
    d.showModal();
    return () => {
      d.close();
      back?.focus?.();
    };
  }, []);
  const click = (e: MouseEvent) => {
    if (e.target === box.current) onClose(); // the backdrop
  };
  return <dialog ref={box} class={'dialog ' + extra} aria-label={label} onClick={click} onCancel={e => { e.preventDefault(); onClose(); }}>{children}</dialog>;
}
