// SPDX-License-Identifier: Apache-2.0
//
// plot: one uPlot chart in the colours of the theme. Loaded only when a chart is shown.

import uPlot from 'uplot';
import type { Columns } from '../core/series';

export interface Plot {
  set(data: Columns, from: number, to: number): void;
  resize(width: number): void;
  destroy(): void;
}

const HEIGHT = 132;
const AXIS_LEAST = 54;
const AXIS_PAD = 12;
// A label tells hours and minutes: no two in the same minute.
const STEPS_S = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200];
const WHOLE = Array.from({ length: 16 }, (_, n) => [1, 2, 5].map(k => k * 10 ** n)).flat();

// Custom properties hold light-dark(); only a computed colour is one canvas understands.
function colours(el: HTMLElement) {
  const probe = document.createElement('i');
  el.append(probe);
  const of = (name: string) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const found = { line: of('--accent'), ink: of('--ink-3'), rule: of('--line') };
  probe.remove();
  return found;
}

// An axis is as wide as its widest label.
function axisWidth(u: uPlot, labels: string[] | null, font: string): number {
  u.ctx.save();
  u.ctx.font = font;
  const widest = Math.max(0, ...(labels ?? []).map(l => u.ctx.measureText(l).width));
  u.ctx.restore();
  return Math.max(AXIS_LEAST, Math.ceil(widest) + AXIS_PAD);
}

interface Options {
  write: (v: number) => string;
  hour: Intl.DateTimeFormat;
  stepped: boolean; // a value that is 0 or 1
  ceiling: number;
  whole: boolean; // there is nothing between 0 and 1
}

export function plot(el: HTMLElement, width: number, { write, hour, stepped, ceiling, whole }: Options): Plot {
  const c = colours(el);
  const font = '11px "Inter V", system-ui, sans-serif';
  let range: [number, number] = [0, 1];
  const fill = (u: uPlot) => {
    const g = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
    g.addColorStop(0, c.line.replace('rgb(', 'rgba(').replace(')', ', .16)'));
    g.addColorStop(1, c.line.replace('rgb(', 'rgba(').replace(')', ', 0)'));
    return g;
  };
  const u = new uPlot({
    width, height: HEIGHT, padding: [10, 8, 0, 0], legend: { show: false },
    cursor: { sync: { key: 'device' }, drag: { x: false, y: false }, y: false, points: { size: 7, fill: c.line } },
    scales: {
      x: { range: () => range },
      y: { range: (_, min, max) => {
        if (stepped) return [-0.1, 1.2];
        if (min === null || max === null) return [0, 1];
        const room = Math.max((max - min) * 0.15, Math.abs(max) * 0.02, whole ? 1 : 1e-6);
        return [min >= 0 ? Math.max(0, min - room) : min - room, max <= ceiling ? Math.min(ceiling, max + room) : max + room];
      } },
    },
    axes: [
      { font, stroke: c.ink, grid: { show: false }, ticks: { show: false }, size: 24, space: 44, incrs: STEPS_S, values: (_, at) => at.map(s => hour.format(s * 1000)) },
      { font, stroke: c.ink, grid: { stroke: c.rule, width: 1 }, ticks: { show: false }, size: (u, labels) => axisWidth(u, labels, font), space: 30, ...(whole ? { incrs: WHOLE } : {}), values: (_, at) => at.map(v => write(v)) },
    ],
    series: [{}, { stroke: c.line, width: 1.6, fill, points: { show: false }, spanGaps: false, ...(stepped ? { paths: uPlot.paths.stepped!({ align: 1 }) } : {}) }],
  }, [[], []], el);
  return {
    set(data, from, to) {
      range = [from / 1000, to / 1000];
      u.setData(data as uPlot.AlignedData);
    },
    resize: w => u.setSize({ width: w, height: HEIGHT }),
    destroy: () => u.destroy(),
  };
}
