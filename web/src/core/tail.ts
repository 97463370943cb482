// SPDX-License-Identifier: Apache-2.0
//
// tail: the last seconds of a chart, asked for on their own and joined to what is drawn already.
//
//   picture up to its last whole bucket + readings since --joined--> the picture as it is now
//
// Buckets begin at multiples of their width, so those of the tail take the place of those at the edge.

import type { Line } from './explore';

export interface Readings {
  t: number[];
  min: number[];
  max: number[];
  avg: number[];
  count: number[];
}

// Where the tail of a picture begins: a bucket before the one that is still filling.
export const tailFrom = (to: number, width: number) => (Math.floor(to / width) - 1) * width;

// raw: the line has each reading, not buckets.
export function joined(line: Line, readings: Readings, from: number, width: number, raw: boolean): Line {
  const kept = line.t.filter(t => t < from).length;
  const out: Line = { ...line, t: line.t.slice(0, kept), mid: line.mid.slice(0, kept), low: line.low.slice(0, kept), high: line.high.slice(0, kept) };
  let sum = 0, count = 0;
  readings.t.forEach((t, i) => {
    if (t < from) return;
    const at = raw ? t : Math.floor(t / width) * width;
    const [avg, n] = [readings.avg[i]!, readings.count[i]!];
    const last = out.t.length - 1;
    if (out.t[last] === at) {
      sum += avg * n;
      count += n;
      out.mid[last] = sum / count;
      out.low[last] = Math.min(out.low[last]!, readings.min[i]!);
      out.high[last] = Math.max(out.high[last]!, readings.max[i]!);
      return;
    }
    sum = avg * n;
    count = n;
    out.t.push(at);
    out.mid.push(avg);
    out.low.push(readings.min[i]!);
    out.high.push(readings.max[i]!);
  });
  return out;
}
