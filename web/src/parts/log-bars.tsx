// SPDX-License-Identifier: Apache-2.0
//
// log-bars: lines by time, worst at the bottom; a bar leads to its stretch of time.

import { useState } from 'preact/hooks';
import type { LogHistogram } from '../api/api';
import { shortDate, t } from '../i18n/i18n';

const HEIGHT = 64;
const STACK = [['error', 'f-quar'], ['warn', 'f-risk'], ['info', 'f-line'], ['debug', 'f-line']] as const;

type Bucket = LogHistogram['buckets'][number];
const sum = (b: Bucket) => b.error + b.warn + b.info + b.debug;

function Stack({ b, x, most }: { b: Bucket; x: number; most: number }) {
  let y = HEIGHT;
  return (
    <>
      {STACK.map(([level, tone]) => {
        const height = b[level] ? Math.max(1, (b[level] / most) * HEIGHT) : 0;
        y -= height;
        return height ? <rect key={level} x={x + 0.1} y={y} width={0.8} height={height} class={tone} /> : null;
      })}
    </>
  );
}

export function LogBars({ histogram: h, onPick }: { histogram: LogHistogram; onPick: (from: number, to: number) => void }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const last = h.buckets.length - 1;
  const at = chosen === null ? null : Math.min(chosen, last);
  const most = Math.max(1, ...h.buckets.map(sum));
  const label = (i: number) => {
    const b = h.buckets[i]!;
    return t('logs.bucket', { at: shortDate.format(b.t), error: b.error, warn: b.warn, info: b.info + b.debug });
  };
  const point = (e: PointerEvent) => {
    const box = (e.currentTarget as Element).getBoundingClientRect();
    setChosen(Math.max(0, Math.min(last, Math.floor(((e.clientX - box.left) / box.width) * (last + 1)))));
  };
  const pick = (i: number) => onPick(h.buckets[i]!.t, h.buckets[i]!.t + h.width - 1);
  const key = (e: KeyboardEvent) => {
    const step = e.key === 'ArrowRight' ? 1 : e.key === 'ArrowLeft' ? -1 : 0;
    if (step) setChosen(Math.max(0, Math.min(last, (at ?? last + (step < 0 ? 1 : 0)) + step)));
    else if (e.key === 'Enter' && at !== null) pick(at);
    else return;
    e.preventDefault();
  };
  return (
    <div class="logbars">
      <div class="bars" role="slider" tabIndex={0} aria-label={t('logs.bars')} aria-valuemin={0} aria-valuemax={last} aria-valuenow={at ?? last} aria-valuetext={label(at ?? last)}
        onPointerMove={point} onPointerLeave={() => setChosen(null)} onKeyDown={key} onClick={() => at !== null && pick(at)}>
        <svg viewBox={`0 0 ${last + 1} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          {at === null ? null : <rect x={at} width={1} height={HEIGHT} class="f-here" />}
          {h.buckets.map((b, i) => <Stack key={b.t} b={b} x={i} most={most} />)}
        </svg>
      </div>
      <p class="dimmer num"><time>{shortDate.format(h.buckets[0]?.t ?? h.from)}</time>{at === null ? null : <span class="cut">{label(at)}</span>}<time>{shortDate.format((h.buckets.at(-1)?.t ?? h.from) + h.width)}</time></p>
    </div>
  );
}
