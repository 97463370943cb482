// SPDX-License-Identifier: Apache-2.0
//
// chart: one metric as numbers and as a line. The numbers are the text alternative
// of the picture; the plot arrives later, in its own chunk.

import { useEffect, useRef } from 'preact/hooks';
import { ceiling, isSwitch, isWhole, label, tick, write } from '../core/metrics';
import { theme } from '../core/prefs';
import { columns, summary, type Point } from '../core/series';
import { locale, t } from '../i18n/i18n';
import type { Plot } from './plot';

const minutes = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hour12: false });

export function Chart({ metric, points, span, end }: { metric: string; points: Point[]; span: number; end: number }) {
  const box = useRef<HTMLDivElement>(null);
  const live = useRef<Plot | null>(null);
  const drawn = useRef({ points, end });
  drawn.current = { points, end };

  const draw = () => live.current?.set(columns(drawn.current.points), drawn.current.end - span, drawn.current.end);

  useEffect(() => {
    let gone = false;
    const el = box.current!;
    const watch = new ResizeObserver(() => live.current?.resize(el.clientWidth));
    const scheme = window.matchMedia('(prefers-color-scheme: dark)');
    const make = async () => {
      const { plot } = await import('./plot');
      if (gone) return;
      live.current?.destroy();
      live.current = plot(el, el.clientWidth, { write: v => tick(metric, v), hour: minutes, stepped: isSwitch(metric), ceiling: ceiling(metric), whole: isWhole(metric) });
      draw();
    };
    void make();
    watch.observe(el);
    scheme.addEventListener('change', make);
    return () => {
      gone = true;
      watch.disconnect();
      scheme.removeEventListener('change', make);
      live.current?.destroy();
      live.current = null;
    };
  }, [metric, span, theme.value]);

  useEffect(draw, [points, end]);

  const s = summary(points);
  const name = label(metric);
  const [min, max] = s ? [write(metric, s.min), write(metric, s.max)] : [];
  const range = min && max ? (min === max ? t('chart.level', { value: min }) : t('chart.range', { min, max })) : t('chart.none');
  return (
    <figure class={'chart' + (s ? '' : ' bare')}>
      <figcaption><span class="dim" title={metric}>{name}</span>{s ? <><b class="num fades">{write(metric, s.last)}</b><small class="num dimmer">{range}</small></> : null}</figcaption>
      <div class="plot" ref={box} role="img" aria-label={`${name}: ${s ? write(metric, s.last) + ', ' : ''}${range}`} />
      {s ? null : <p class="dim" aria-hidden="true">{range}</p>}
    </figure>
  );
}
