// SPDX-License-Identifier: Apache-2.0
//
// virtual: a list of any length that draws only the rows in sight, plus the one with the focus.
//
//   scroll --> window of indices --> slots, reused as rows come and go
//
// Rows have one height and are placed by transform. A list higher than browsers can scroll is
// pressed into what they can: then a step of the bar is more than a step of the list.

import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

const SPARE = 3;
const HIGHEST = 12_000_000; // px; Firefox ends at 17.8 million

export interface Window {
  first: number;
  last: number; // not included
}

export function windowOf(scrollTop: number, height: number, row: number, count: number): Window {
  const first = Math.max(0, Math.floor(scrollTop / row) - SPARE);
  return { first, last: Math.min(count, Math.ceil((scrollTop + height) / row) + SPARE) };
}

// How many rows' pixels one pixel of the scroll bar stands for.
export function pressed(count: number, row: number, height: number): number {
  const full = count * row;
  return full <= HIGHEST ? 1 : (full - height) / (HIGHEST - height);
}

// A row that stays in sight keeps its slot, so that its element is never another's meanwhile.
export function assign(slots: Map<number, number>, shown: number[]): void {
  const wanted = new Set(shown);
  const free: number[] = [];
  for (const [index, slot] of slots) {
    if (wanted.has(index)) continue;
    slots.delete(index);
    free.push(slot);
  }
  let next = slots.size + free.length;
  for (const index of shown) {
    if (!slots.has(index)) slots.set(index, free.pop() ?? next++);
  }
}

export interface Scroller {
  reveal(index: number): void;
}

export function VirtualRows({ count, rowHeight, active, row, version, onWindow, onScroll, scroller }: {
  count: number; rowHeight: number; active: number; version: unknown;
  row: (index: number) => ComponentChildren;
  onWindow: (first: number, last: number) => void; onScroll: (top: number) => void;
  scroller: { current: Scroller | null };
}) {
  const box = useRef<HTMLDivElement>(null);
  const slots = useRef(new Map<number, number>());
  const [at, setAt] = useState({ top: 0, height: 800 });
  const scale = pressed(count, rowHeight, at.height);
  const measure = () => {
    const b = box.current!;
    setAt(v => (v.top === b.scrollTop && v.height === b.clientHeight ? v : { top: b.scrollTop, height: b.clientHeight }));
    onScroll(b.scrollTop);
  };
  scroller.current = {
    reveal(index) {
      const b = box.current!;
      const top = b.scrollTop * scale;
      const to = index * rowHeight;
      if (to < top) b.scrollTop = to / scale;
      else if (to + rowHeight > top + b.clientHeight) b.scrollTop = (to + rowHeight - b.clientHeight) / scale;
      measure();
    },
  };
  useLayoutEffect(() => {
    const fit = () => {
      const b = box.current!;
      // The head stands outside the scroller and leaves the same room for its bar.
      b.parentElement!.style.setProperty('--scrollbar', `${b.offsetWidth - b.clientWidth}px`);
      measure();
    };
    fit();
    const watch = new ResizeObserver(fit);
    watch.observe(box.current!);
    return () => watch.disconnect();
  }, []);

  const top = at.top * scale;
  const { first, last } = windowOf(top, at.height, rowHeight, count);
  const shown: number[] = [];
  for (let i = first; i < last; i++) shown.push(i);
  if (active >= 0 && active < count && (active < first || active >= last)) shown.push(active);
  assign(slots.current, shown);
  const ordered = [...shown].sort((a, b) => slots.current.get(a)! - slots.current.get(b)!);
  const away = at.top - top;

  useEffect(() => onWindow(first, last), [first, last, version]);

  return (
    <div class="rows" role="rowgroup" ref={box} onScroll={measure}>
      <div class="runway" role="presentation" style={{ height: `${Math.min(HIGHEST, count * rowHeight)}px` }}>
        {ordered.map(i => (
          <div key={slots.current.get(i)} class="slot" role="presentation" style={{ transform: `translateY(${i * rowHeight + away}px)`, height: `${rowHeight}px` }}>
            {row(i)}
          </div>
        ))}
      </div>
    </div>
  );
}
