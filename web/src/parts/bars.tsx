// SPDX-License-Identifier: Apache-2.0
//
// bars: lengths as SVG, since the policy of the page allows no style attribute.

import type { DeviceState } from '../api/api';
import { STATES, stateClass } from './state';

export function ShareBar({ counts, height = 6 }: { counts: Partial<Record<DeviceState, number>> | null; height?: number }) {
  const total = STATES.reduce((n, s) => n + (counts?.[s] ?? 0), 0);
  let x = 0;
  const parts = total ? [...STATES].reverse().filter(s => counts?.[s]).map(s => {
    const width = Math.max(4, (counts![s]! / total) * 1000);
    const part = <rect key={s} x={x} width={Math.max(width - 2, 2)} height={height} class={'f-' + stateClass(s)} />;
    x += width;
    return part;
  }) : [];
  return (
    <svg class="bar" viewBox={`0 0 ${Math.max(1000, x)} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <rect width={Math.max(1000, x)} height={height} class="f-track" />{parts}
    </svg>
  );
}

export function Meter({ label, value, share, tone }: { label: string; value: string; share: number; tone: string }) {
  return (
    <li><span>{label}</span><b class="num">{value}</b>
      <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="6" class="f-track" /><rect width={Math.max(1, share * 100)} height="6" class={'f-' + tone} /></svg>
    </li>
  );
}
