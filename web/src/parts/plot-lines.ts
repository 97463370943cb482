// SPDX-License-Identifier: Apache-2.0
//
// plot-lines: many lines with what lies around them, in one uPlot. Loaded only when a chart is shown.

import uPlot from 'uplot';
import { align, type Line } from '../core/explore';
import type { Mark } from '../core/marks';

export interface Lines {
  set(lines: Line[], width: number, from: number, to: number): void;
  marks(list: Mark[]): void;
  resize(width: number): void;
  destroy(): void;
}

interface Options {
  write: (v: number) => string;
  colour: (i: number) => string;
  hover: (index: number | null, at: number | null) => void; // index into the columns
  height: number;
}

function inks(el: HTMLElement) {
  const probe = document.createElement('i');
  el.append(probe);
  const of = (name: string) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const found = { ink: of('--ink-3'), rule: of('--line'), opened: of('--risk'), resolved: of('--healthy') };
  probe.remove();
  return found;
}

const day = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short' });
const minute = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hour12: false });
const faint = (colour: string, share: number) => colour.replace(/^hsl\((.*)\)$/, `hsl($1 / ${share})`);

function axisTimes(u: uPlot, at: number[]): string[] {
  const [from, to] = [u.scales.x!.min ?? 0, u.scales.x!.max ?? 0];
  return at.map(s => {
    const d = new Date(s * 1000);
    const midnight = d.getHours() === 0 && d.getMinutes() === 0;
    return to - from > 2 * 86_400 || midnight ? day.format(d) : minute.format(d);
  });
}

export function plotLines(el: HTMLElement, width: number, { write, colour, hover, height }: Options): Lines {
  const c = inks(el);
  const font = '11px "Inter V", system-ui, sans-serif';
  let u: uPlot | null = null;
  let shown = '';
  let span: [number, number] = [0, 1];
  let marks: Mark[] = [];
  let wide = width;

  // A triangle where one opened, a disc where it resolved: the shapes that these states have everywhere.
  const drawMark = (at: uPlot, x: number, opened: boolean) => {
    const { ctx, bbox } = at, r = 4 * uPlot.pxRatio;
    ctx.strokeStyle = ctx.fillStyle = opened ? c.opened : c.resolved;
    ctx.setLineDash(opened ? [4, 4] : [1, 4]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    if (opened) {
      ctx.moveTo(x, bbox.top - r);
      ctx.lineTo(x + r, bbox.top + r);
      ctx.lineTo(x - r, bbox.top + r);
    } else {
      ctx.arc(x, bbox.top, r, 0, 2 * Math.PI);
    }
    ctx.fill();
  };
  const drawMarks = (at: uPlot) => {
    at.ctx.save();
    for (const m of marks) {
      if (m.t / 1000 < span[0] || m.t / 1000 > span[1]) continue;
      drawMark(at, Math.round(at.valToPos(m.t / 1000, 'x', true)), m.opened);
    }
    at.ctx.restore();
  };

  const options = (lines: Line[]): uPlot.Options => ({
    width: wide, height, padding: [10, 10, 0, 0], legend: { show: false },
    cursor: { sync: { key: 'explore' }, drag: { x: false, y: false }, y: false, points: { show: false } },
    hooks: { draw: [drawMarks], setCursor: [at => hover(at.cursor.idx ?? null, at.cursor.idx == null ? null : (at.data[0][at.cursor.idx] ?? 0) * 1000)] },
    scales: {
      x: { range: () => span },
      y: { range: (_, min, max) => {
        if (min === null || max === null || !Number.isFinite(min)) return [0, 1];
        const room = Math.max((max - min) * 0.08, Math.abs(max) * 0.01, 1e-6);
        return [min >= 0 ? Math.max(0, min - room) : min - room, max + room];
      } },
    },
    axes: [
      { font, stroke: c.ink, grid: { show: false }, ticks: { show: false }, size: 24, space: 60, values: axisTimes },
      { font, stroke: c.ink, grid: { stroke: c.rule, width: 1 }, ticks: { show: false }, size: 66, space: 34, values: (_, at) => at.map(v => write(v)) },
    ],
    series: [{}, ...lines.flatMap((_, i): uPlot.Series[] => [
      { stroke: colour(i), width: 1.6, points: { show: false } },
      { stroke: faint(colour(i), 0.25), width: 1, points: { show: false } },
      { stroke: faint(colour(i), 0.25), width: 1, points: { show: false } },
    ])],
    bands: lines.map((_, i) => ({ series: [3 * i + 3, 3 * i + 2] as [number, number], fill: faint(colour(i), lines.length > 6 ? 0.08 : 0.16) })),
  });

  return {
    set(lines, step, from, to) {
      const key = JSON.stringify(lines.map(l => l.key));
      const data = align(lines, step) as unknown as uPlot.AlignedData;
      span = [from / 1000, to / 1000];
      if (u && key === shown) {
        u.setData(data);
        return;
      }
      u?.destroy();
      u = new uPlot(options(lines), data, el);
      shown = key;
    },
    marks(list) {
      marks = list;
      u?.redraw(false);
    },
    resize(to) {
      wide = to;
      u?.setSize({ width: to, height });
    },
    destroy: () => u?.destroy(),
  };
}
