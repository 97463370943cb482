// SPDX-License-Identifier: Apache-2.0
//
// series: one metric over a window: history from REST, then live points behind it.
// A silence much longer than the usual step becomes a gap, never a straight line.

export type Point = [number, number];
export type Columns = [number[], (number | null)[]];

export function usualStep(points: Point[]): number {
  const steps: number[] = [];
  for (let i = 1; i < points.length; i++) steps.push(points[i]![0] - points[i - 1]![0]);
  steps.sort((a, b) => a - b);
  return steps[steps.length >> 1] ?? 0;
}

// Seconds and values as uPlot wants them.
export function columns(points: Point[]): Columns {
  const gap = Math.max(10_000, usualStep(points) * 8);
  const xs: number[] = [];
  const ys: (number | null)[] = [];
  points.forEach(([t, v], i) => {
    const before = points[i - 1];
    if (before && t - before[0] > gap) {
      xs.push((before[0] + 1) / 1000);
      ys.push(null);
    }
    xs.push(t / 1000);
    ys.push(v);
  });
  return [xs, ys];
}

// Appends what is newer than the last point and drops what left the window.
export function append(points: Point[], fresh: Point[], from: number): Point[] {
  const last = points.length ? points[points.length - 1]![0] : -Infinity;
  const more = fresh.filter(p => p[0] > last).sort((a, b) => a[0] - b[0]);
  const start = points.findIndex(p => p[0] >= from);
  return [...(start < 0 ? [] : points.slice(start)), ...more];
}

export function summary(points: Point[]): { last: number; min: number; max: number } | null {
  if (!points.length) return null;
  let [min, max] = [Infinity, -Infinity];
  for (const [, v] of points) {
    if (v < min) min = v;
    if (v > max) max = v;
  }
  return { last: points[points.length - 1]![1], min, max };
}
