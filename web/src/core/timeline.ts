// SPDX-License-Identifier: Apache-2.0
//
// timeline: what happened to a device, in one line of time, newest first.
//
//   device, evidence, events of its journal --moments--> [{ at, kind, … }]

import type { Alert, Device, Evidence, JournalEntry } from '../api/api';

export type MomentKind = 'registered' | 'claimed' | 'attested' | 'certificate' | 'state' | 'alert' | 'event';

export interface Moment {
  at: number;
  kind: MomentKind;
  text?: string;
  name?: string | null;
  href?: string;
  tone: string; // a state or a level
}

const VERDICT: Record<string, string> = { affirming: 'healthy', warning: 'atRisk', contraindicated: 'quarantined' };
const SEVERITY: Record<Alert['severity'], string> = { critical: 'quarantined', high: 'quarantined', medium: 'atRisk', low: 'unknown' };
const LEVEL: Record<string, string> = { error: 'quarantined', warn: 'atRisk' };

export function moments(d: Device, evidence: Evidence | null, events: JournalEntry[], alerts: Alert[] = []): Moment[] {
  const all: Moment[] = [];
  const at = (time: string | null | undefined, moment: Omit<Moment, 'at'>) => {
    if (time) all.push({ at: Date.parse(time), ...moment });
  };
  at(d.createdAt, { kind: 'registered', tone: 'unknown' });
  at(d.claimedAt, { kind: 'claimed', tone: 'unknown' });
  at(evidence?.attestedAt ?? d.attestedAt, { kind: 'attested', tone: VERDICT[evidence?.verdict ?? d.verdict] ?? 'unknown', text: evidence?.findings?.[0]?.text });
  at((evidence?.certificate ?? d.certificate)?.notBefore, { kind: 'certificate', tone: 'unknown', text: (evidence?.certificate ?? d.certificate)?.kind });
  at(d.stateSince, { kind: 'state', tone: d.state, text: d.stateReason ?? undefined });
  for (const a of alerts) at(a.openedAt, { kind: 'alert', tone: SEVERITY[a.severity], text: a.title, href: a.id });
  // What came to be at the same time is in the order above.
  for (const e of events) all.push({ at: e.t, kind: 'event', tone: LEVEL[e.level] ?? 'unknown', text: e.text, name: e.name });
  return all.reverse().sort((a, b) => b.at - a.at);
}
