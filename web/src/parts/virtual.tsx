// SPDX-License-Identifier: Apache-2.0
//
// virtual: a list that draws only the rows in sight, plus the one with the focus.
// Rows have one height; each is placed by transform and never re-mounted while it lives.

import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

const SPARE = 8;

export interface Window {
  first: number;
  last: number; // not included
}

export function windowOf(scrollTop: number, height: number, row: number, count: number): Window {
  const first = Math.max(0, Math.floor(scrollTop / row) - SPARE);
  return { first, last: Math.min(count, Math.ceil((scrollTop + height) / row) + SPARE) };
}

export function VirtualRows({ ids, rowHeight, active, row, onWindow, onScroll }: {
  ids: string[]; rowHeight: number; active: number;
  row: (id: string, index: number) => ComponentChildren;
  onWindow: (ids: string[]) => void; onScroll: (top: number) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState({ top: 0, height: 800 });
  const measure = () => {
    const b = box.current!;
    // The head stands outside the scroller and leaves the same room for its bar.
    b.parentElement!.style.setProperty('--scrollbar', `${b.offsetWidth - b.clientWidth}px`);
    setAt(v => (v.top === b.scrollTop && v.height === b.clientHeight ? v : { top: b.scrollTop, height: b.clientHeight }));
    onScroll(b.scrollTop);
  };
  useLayoutEffect(() => {
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(box.current!);
    return () => watch.disconnect();
  }, []);

  const { first, last } = windowOf(at.top, at.height, rowHeight, ids.length);
  const shown: number[] = [];
  for (let i = first; i < last; i++) shown.push(i);
  if (active >= 0 && active < ids.length && (active < first || active >= last)) shown.push(active);

  const visible = shown.map(i => ids[i]!);
  const key = visible.join();
  useEffect(() => onWindow(visible), [key]);

  return (
    <div class="rows" role="rowgroup" ref={box} onScroll={measure}>
      <div class="runway" role="presentation" style={{ height: `${ids.length * rowHeight}px` }}>
        {shown.map(i => (
          <div key={ids[i]} class="slot" role="presentation" style={{ transform: `translateY(${i * rowHeight}px)`, height: `${rowHeight}px` }}>
            {row(ids[i]!, i)}
          </div>
        ))}
      </div>
    </div>
  );
}
