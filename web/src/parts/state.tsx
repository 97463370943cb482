// SPDX-License-Identifier: Apache-2.0
//
// state: what a device's state looks like. Shape, colour and word, always together.

import type { DeviceState } from '../api/api';
import { named, t } from '../i18n/i18n';

export const STATES: DeviceState[] = ['quarantined', 'atRisk', 'offline', 'unknown', 'updating', 'healthy'];

const CLASS: Record<string, string> = { atRisk: 'risk', quarantined: 'quar' };
export const stateClass = (s: string) => CLASS[s] ?? s;
export const stateWord = (s: string) => named(`state.${s}`, s);

function Shape({ state }: { state: string }) {
  switch (state) {
    case 'healthy':
      return <circle cx="6" cy="6" r="5" class="f-healthy" />;
    case 'updating':
      return <><circle cx="6" cy="6" r="4.3" fill="none" stroke="currentColor" stroke-width="1.5" /><path d="M6 1.7a4.3 4.3 0 0 1 0 8.6z" class="f-updating" /></>;
    case 'atRisk':
      return <path d="M6 .8 11.6 10.8H.4z" class="f-risk" />;
    case 'quarantined':
      return <><rect x="1.2" y="1.2" width="9.6" height="9.6" rx="1" class="f-quar" /><path d="M3.5 6h5" class="cutout" stroke-width="1.7" /></>;
    case 'offline':
      return <><circle cx="6" cy="6" r="4.3" fill="none" stroke="currentColor" stroke-width="1.6" /><path d="m3 9 6-6" stroke="currentColor" stroke-width="1.4" /></>;
    default:
      return <circle cx="6" cy="6" r="4.3" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2.2 1.6" />;
  }
}

export const Glyph = ({ state, size = 12 }: { state: string; size?: number }) => (
  <svg class={stateClass(state)} width={size} height={size} viewBox="0 0 12 12" aria-hidden="true"><Shape state={state} /></svg>
);

export const StateMark = ({ state }: { state: string }) => (
  <span class={'st ' + stateClass(state)}><Glyph state={state} />{stateWord(state)}</span>
);

export const StatePill = ({ state }: { state: string }) => (
  <span class={'pill ' + stateClass(state)}><Glyph state={state} />{stateWord(state)}</span>
);

export const verdictSentence = (v: string | null) => t(
  v === 'affirming' ? 'verdict.affirming' : v === 'warning' ? 'verdict.warning'
    : v === 'contraindicated' ? 'verdict.contraindicated' : 'verdict.none');
export const verdictState = (v: string | null): DeviceState =>
  v === 'affirming' ? 'healthy' : v === 'warning' ? 'atRisk' : v === 'contraindicated' ? 'quarantined' : 'unknown';
