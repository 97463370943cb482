// SPDX-License-Identifier: Apache-2.0
//
// marks: moments that a chart points at: when alerts opened and when they resolved.
//
//   alerts of a range --marksOf--> opened, resolved, by time

import type { Alert } from '../api/api';

export interface Mark {
  t: number; // Unix ms
  opened: boolean; // or resolved
}

const MOST = 200;

// Those within the range, earliest first; of too many, the latest.
export function marksOf(alerts: Alert[], from: number, to: number): Mark[] {
  return alerts
    .flatMap(a => [{ t: Date.parse(a.openedAt), opened: true }, ...(a.resolvedAt ? [{ t: Date.parse(a.resolvedAt), opened: false }] : [])])
    .filter(m => m.t >= from && m.t <= to)
    .sort((a, b) => a.t - b.t)
    .slice(-MOST);
}

// Each alert once, newest first.
export function together(pages: Alert[][]): Alert[] {
  const all = new Map(pages.flat().map(a => [a.id, a]));
  return [...all.values()].sort((a, b) => Date.parse(b.openedAt) - Date.parse(a.openedAt));
}
