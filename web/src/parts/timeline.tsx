// SPDX-License-Identifier: Apache-2.0

import { hrefOf } from '../core/session';
import { Ago } from '../core/time';
import type { Moment } from '../core/timeline';
import { named, t } from '../i18n/i18n';
import { Glyph, stateWord } from './state';

const title = (m: Moment) =>
  m.kind === 'state' ? stateWord(m.tone)
    : m.kind === 'event' ? (m.name ?? t('timeline.event'))
    : m.kind === 'certificate' ? t('timeline.certificate', { kind: named(`certificate.${m.text}`, m.text ?? '') })
    : t(`timeline.${m.kind}`);

export function Timeline({ moments }: { moments: Moment[] }) {
  return (
    <section class="card" aria-labelledby="timeline">
      <header><h2 id="timeline">{t('timeline.title')}</h2></header>
      <div class="scrolls tall" tabIndex={0} role="group" aria-labelledby="timeline">
        <ol class="timeline">
          {moments.map((m, i) => (
            <li key={`${m.at}.${m.kind}.${i}`}>
              {m.tone === 'unknown' && m.kind !== 'state' ? <i class="dot" /> : <Glyph state={m.tone} />}
              <div><b><bdi>{title(m)}</bdi></b>{m.text && m.kind !== 'certificate' ? <p class="dim"><bdi>{m.href ? <a href={`${hrefOf('/alerts')}?id=${m.href}`}>{m.text}</a> : m.text}</bdi></p> : null}</div>
              <Ago t={m.at} />
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}
