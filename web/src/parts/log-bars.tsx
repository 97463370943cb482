// SPDX-License-Identifier: Apache-2.0
//
// log-bars: lines by time, worst at the bottom; a bar leads to its stretch of time.

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
  const most = Math.max(1, ...h.buckets.map(sum));
  return (
    <div class="logbars">
      <svg viewBox={`0 0 ${h.buckets.length} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {h.buckets.map((b, i) => <Stack key={b.t} b={b} x={i} most={most} />)}
      </svg>
      <ol>
        {h.buckets.map(b => {
          const label = t('logs.bucket', { at: shortDate.format(b.t), error: b.error, warn: b.warn, info: b.info + b.debug });
          return <li key={b.t}>{sum(b) ? <button type="button" aria-label={label} title={label} onClick={() => onPick(b.t, b.t + h.width - 1)} /> : null}</li>;
        })}
      </ol>
      <p class="dimmer num"><time>{shortDate.format(h.buckets[0]?.t ?? h.from)}</time><time>{shortDate.format((h.buckets.at(-1)?.t ?? h.from) + h.width)}</time></p>
    </div>
  );
}
