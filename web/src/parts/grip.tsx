// SPDX-License-Identifier: Apache-2.0
//
// grip: the edge of a column, by which it is made wider or narrower.
//
//   drag, arrow keys, Home, End --> width      click --> a step wider      double click, Delete --> as usual

import { useState } from 'preact/hooks';
import { LEAST, setWidth, type Column } from '../core/columns';
import { t } from '../i18n/i18n';

const STEP = 16;

export function Grip({ column, name, most }: { column: Column; name: string; most: () => number }) {
  const [now, setNow] = useState(LEAST);
  const widthOf = (el: EventTarget | null) => Math.round((el as HTMLElement).parentElement!.getBoundingClientRect().width);
  const set = (px: number) => {
    const next = Math.max(LEAST, Math.min(most(), px));
    setWidth(column, next);
    setNow(Math.round(next));
  };

  function drag(e: PointerEvent) {
    if (e.button !== 0) return;
    const el = e.currentTarget as HTMLElement;
    const from = e.clientX;
    const width = widthOf(el);
    const way = getComputedStyle(el).direction === 'rtl' ? -1 : 1;
    let moved = false;
    const move = (m: PointerEvent) => {
      moved ||= Math.abs(m.clientX - from) > 2;
      if (moved) set(width + way * (m.clientX - from));
    };
    const end = () => {
      el.removeEventListener('pointermove', move);
      if (!moved) set(width + STEP); // nobody must drag
    };
    el.setPointerCapture(e.pointerId);
    el.addEventListener('pointermove', move);
    el.addEventListener('lostpointercapture', end, { once: true });
  }

  function key(e: KeyboardEvent) {
    const width = widthOf(e.currentTarget);
    const to: Record<string, number> = { ArrowRight: width + STEP, ArrowLeft: width - STEP, Home: LEAST, End: most() };
    if (e.key === 'Delete' || e.key === 'Backspace') setWidth(column, null);
    else if (e.key in to) set(to[e.key]!);
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  return (
    <span class="grip" role="separator" aria-orientation="vertical" tabIndex={0} aria-label={t('devices.width', { name })} title={t('devices.widthHow')}
      aria-valuenow={now} aria-valuemin={LEAST} aria-valuemax={Math.max(now, Math.round(most()))}
      onFocus={e => setNow(widthOf(e.currentTarget))} onPointerDown={drag} onKeyDown={key} onDblClick={() => setWidth(column, null)} />
  );
}
