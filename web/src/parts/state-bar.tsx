// SPDX-License-Identifier: Apache-2.0
//
// state-bar: how many of a set are in which state, as one line and in words.

import type { DeviceCounts } from '../api/api';
import { t } from '../i18n/i18n';
import { STATES, stateClass, stateWord } from './state';

export function StateBar({ counts }: { counts: DeviceCounts }) {
  const total = STATES.reduce((n, s) => n + (counts[s] ?? 0), 0);
  let x = 0;
  const parts = STATES.slice().reverse().map(s => {
    const width = total ? ((counts[s] ?? 0) / total) * 1000 : 0;
    const part = width ? <rect key={s} x={x} width={Math.max(width - 3, 3)} height="6" class={'f-' + stateClass(s)} /> : null;
    x += width;
    return part;
  });
  const words = STATES.filter(s => counts[s]).map(s => `${stateWord(s)}: ${t('number', { n: counts[s]! })}`).join(', ');
  return <svg class="bar" viewBox="0 0 1000 6" preserveAspectRatio="none" role="img" aria-label={words || t('products.noDevices')}><rect width="1000" height="6" class="f-track" />{parts}</svg>;
}
