// SPDX-License-Identifier: Apache-2.0
//
// line-chart: one metric of several devices or parts of a fleet: what each is now or under the cursor, and
// its picture. The numbers are the text alternative of the picture.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import type { Line } from '../core/explore';
import type { Mark } from '../core/marks';
import { theme } from '../core/prefs';
import { wear } from '../core/sheet';
import { shortDate, t } from '../i18n/i18n';
import css from '../style/lines.page.css';
import type { Lines } from './plot-lines';

wear(css);

const HEIGHT = 240;
const HUES = [236, 24, 158, 318, 196, 52, 276, 350, 110, 215];

// Told apart by lightness again behind the tenth.
export function colourOf(i: number): string {
  const dark = theme.value === 'dark' || (theme.value === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  const light = (dark ? 68 : 42) + (i >= HUES.length ? (dark ? -16 : 14) : 0);
  return `hsl(${HUES[i % HUES.length]} 68% ${light}%)`;
}

// The value of a line at a moment, or its last.
function at(l: Line, moment: number | null): number | null {
  if (moment === null) return l.mid[l.mid.length - 1] ?? null;
  const i = l.t.findIndex(t => t >= moment);
  return i >= 0 && l.t[i] === moment ? l.mid[i]! : null;
}

export function LineChart({ id, title, note, tools, lines, width, from, to, write, marks, children }: {
  id: string; title: string; note: string; tools?: ComponentChildren; lines: Line[]; width: number; from: number; to: number;
  write: (v: number) => string; marks: Mark[]; children?: ComponentChildren;
}) {
  const box = useRef<HTMLDivElement>(null);
  const live = useRef<Lines | null>(null);
  const [moment, setMoment] = useState<number | null>(null);
  const drawn = useRef({ lines, width, from, to, marks });
  drawn.current = { lines, width, from, to, marks };

  const draw = () => {
    const d = drawn.current;
    live.current?.set(d.lines, d.width, d.from, d.to);
    live.current?.marks(d.marks);
  };

  useEffect(() => {
    let gone = false;
    const el = box.current!;
    const watch = new ResizeObserver(() => live.current?.resize(el.clientWidth));
    const scheme = window.matchMedia('(prefers-color-scheme: dark)');
    const make = async () => {
      const { plotLines } = await import('./plot-lines');
      if (gone) return;
      live.current?.destroy();
      live.current = plotLines(el, el.clientWidth, { write, colour: colourOf, height: HEIGHT, hover: (_, when) => setMoment(when) });
      draw();
    };
    void make();
    watch.observe(el);
    scheme.addEventListener('change', make);
    return () => {
      gone = true;
      watch.disconnect();
      scheme.removeEventListener('change', make);
      live.current?.destroy();
      live.current = null;
    };
  }, [write, theme.value]);

  useEffect(draw, [lines, width, from, to, marks]);

  const empty = lines.every(l => !l.t.length);
  const told = lines.map(l => `${l.label}: ${l.mid.length ? write(l.mid[l.mid.length - 1]!) : '–'}`).join(', ');
  return (
    <section class="card c12 lines-card" aria-labelledby={id}>
      <header><h2 id={id}>{title}</h2><span class="sub cut">{note}</span><span class="grow" />{tools}</header>
      <div class="plot" ref={box} role="img" aria-label={empty ? t('chart.none') : told} />
      {empty ? <p class="dim none">{t('chart.none')}</p> : null}
      <ul class="legend" aria-label={t('explore.legend')}>
        {lines.map((l, i) => {
          const v = at(l, moment);
          return (
            <li key={l.key}><i class="dot" style={{ background: colourOf(i) }} aria-hidden="true" /><bdi class="cut">{l.label}</bdi>
              <b class="num">{v === null ? '–' : write(v)}</b><small class="dimmer num">{l.note}</small></li>
          );
        })}
        {lines.length ? <li class="when dimmer num">{moment === null ? t('explore.last') : shortDate.format(moment)}</li> : null}
      </ul>
      {children}
    </section>
  );
}
