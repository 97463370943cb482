// SPDX-License-Identifier: Apache-2.0
//
// threats: thresholds with what a person typed on top.
//
//   as read + edits --changeOf--> body of a PUT: all that is not as usual

import type { Threat, ThreatChange, ThreatLimit, Threats } from '../api/api';
import { t } from '../i18n/i18n';

export type Edits = Record<string, string>; // "T18.times", "T18.enabled", "networks"

export const keyOf = (threat: Threat, name: string) => `${threat.code}.${name}`;

const lines = (text: string) => text.split(/[\s,]+/).filter(Boolean);

export function flaw(limit: ThreatLimit, text: string): string {
  const n = Number(text);
  return /^\d+$/.test(text.trim()) && n >= limit.least && n <= limit.most ? '' : t('threats.bounds', { least: limit.least, most: limit.most });
}

export function flaws(now: Threats, edits: Edits): Record<string, string> {
  const all = now.items.flatMap(one => one.limits.map(l => [keyOf(one, l.name), flaw(l, edits[keyOf(one, l.name)] ?? String(l.value))] as const));
  return Object.fromEntries(all.filter(([, text]) => text));
}

// The server takes what is not said for usual.
export function changeOf(now: Threats, edits: Edits): ThreatChange {
  const codes: Record<string, Record<string, unknown>> = {};
  for (const one of now.items) {
    const said: Record<string, unknown> = {};
    for (const l of one.limits) {
      const value = Number(edits[keyOf(one, l.name)] ?? l.value);
      if (value !== l.usual) said[l.name] = value;
    }
    if ((edits[keyOf(one, 'enabled')] ?? String(one.enabled)) === 'false') said.enabled = false;
    if (Object.keys(said).length) codes[one.code] = said;
  }
  return { codes, networks: edits.networks === undefined ? now.networks : lines(edits.networks) };
}

// "codes.T18.times must be …" is said at that field.
export function faultAt(message: string): { key: string; text: string } | null {
  const limit = /^codes\.(T\d\d\.\w+) (.*)$/.exec(message);
  if (limit) return { key: limit[1]!, text: limit[2]! };
  return message.startsWith('networks') ? { key: 'networks', text: message.replace(/^networks:? ?/, '') } : null;
}
