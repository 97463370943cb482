// SPDX-License-Identifier: Apache-2.0
//
// flow-chart: messages a second over the last minutes, as SVG in real pixels so that its words keep their size.

import { useEffect, useRef, useState } from 'preact/hooks';
import { roundUp } from '../core/scale';
import { INTAKE_S, type Intake } from '../core/overview';
import { clock, compact, t } from '../i18n/i18n';

const HEIGHT = 132;
const FOOT = 20;
const SIDE = 40;

function useWidth() {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const watch = new ResizeObserver(([e]) => setWidth(Math.floor(e!.contentRect.width)));
    watch.observe(box.current!);
    return () => watch.disconnect();
  }, []);
  return { box, width };
}

export function FlowChart({ points }: { points: Intake[] }) {
  const { box, width } = useWidth();
  const end = points[points.length - 1]?.at ?? Date.now();
  const from = end - INTAKE_S * 1000;
  const top = roundUp(Math.max(...points.map(p => Math.max(p.messages, p.refused)), 4));
  const w = Math.max(0, width - SIDE);
  const h = HEIGHT - FOOT - 8;
  const x = (at: number) => ((at - from) / (INTAKE_S * 1000)) * w;
  const y = (v: number) => 8 + h - (v / top) * h;
  const line = (of: (p: Intake) => number) => points.map(p => `${x(p.at).toFixed(1)},${y(of(p)).toFixed(1)}`).join(' ');
  const last = points[points.length - 1];
  const minutes = [4, 3, 2, 1, 0].map(m => end - m * 60_000 - (end % 60_000)).filter(at => x(at) > 18 && x(at) < w - 18);
  const told = last ? t('intake.told', { n: last.messages, refused: last.refused }) : t('intake.wait');
  return (
    <div class="flow" ref={box}>
      {width ? (
        <svg width={width} height={HEIGHT} role="img" aria-label={told}>
          {[0, 0.5, 1].map(f => <g key={f}><line class="gl" x1="0" x2={w} y1={y(top * f)} y2={y(top * f)} /><text x={w + 8} y={y(top * f) + 4}>{compact(top * f)}</text></g>)}
          {points.length > 1 ? <>
            <polygon class="ar" points={`${x(points[0]!.at).toFixed(1)},${y(0)} ${line(p => p.messages)} ${x(end).toFixed(1)},${y(0)}`} />
            <polyline class="ln" points={line(p => p.messages)} />
            <polyline class="ln refused" points={line(p => p.refused)} />
          </> : null}
          {minutes.map(at => <text key={at} x={x(at)} y={HEIGHT - 3} text-anchor="middle">{clock.format(at).slice(0, 5)}</text>)}
        </svg>
      ) : null}
    </div>
  );
}
