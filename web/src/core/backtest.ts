// SPDX-License-Identifier: Apache-2.0
//
// backtest: whether a rule would have fired, over what is stored.
//
//   text, range --POST--> waiting --> running, its numbers grow --> done | stopped | failed

import type { Backtest } from '../api/api';
import type { Line } from './explore';
import { t } from '../i18n/i18n';

export const TEST_SPANS = ['24h', '7d', '30d'] as const;
export const TEST_USUAL = '-7d';

export const isGoing = (b: Backtest | null) => b?.state === 'waiting' || b?.state === 'running';

// How many stand, and how often it fires, as lines of a chart.
export function linesOf(b: Backtest): Line[] {
  const line = (key: 'standing' | 'fired', label: string): Line => {
    const values = b.buckets.map(x => x[key]);
    return { key, label, note: '', t: b.buckets.map(x => x.t), mid: values, low: values, high: values };
  };
  return [line('standing', t('backtest.standing')), line('fired', t('backtest.firings'))];
}

// The metrics that a rule asks for, each once, in their order.
export function metricsOf(rule: unknown): string[] {
  const found: string[] = [];
  const look = (v: unknown): void => {
    if (Array.isArray(v)) return v.forEach(look);
    if (typeof v !== 'object' || v === null) return;
    for (const [k, inner] of Object.entries(v)) {
      if ((k === 'metric' || k === 'absent') && typeof inner === 'string' && inner) found.push(inner);
      else look(inner);
    }
  };
  look((rule as { when?: unknown } | undefined)?.when);
  return [...new Set(found)];
}
