// SPDX-License-Identifier: Apache-2.0
// The shapes of the REST API.

export type Verdict = 'none' | 'affirming' | 'warning' | 'contraindicated';
export type State = 'healthy' | 'updating' | 'atRisk' | 'quarantined' | 'offline' | 'unknown';

export interface Session {
  account: { id: string; name: string; role: string };
  permissions: string[];
  catalogs: string[];
  csrf: string;
  mustChangePassword: boolean;
}

export interface Certificate {
  kind: string;
  serial: string;
  notBefore: string;
  notAfter: string;
}

export interface Device {
  id: string;
  name: string | null;
  fingerprint: string;
  lifecycle: string;
  state: State;
  stateReason: string | null;
  stateSince: string | null;
  online: boolean;
  osVersion: string | null;
  model: string | null;
  lastSeen: string | null;
  tags: Record<string, unknown>;
  verdict: Verdict | null;
  attestedAt: string | null;
  certificate: Certificate | null;
  createdAt: string;
  claimedAt: string | null;
}

export interface Finding {
  component?: string | null;
  expected?: string | null;
  found?: string | null;
  remedy?: string | null;
  text: string;
}

export interface Measurement {
  pcr: number;
  component: string;
  version: string | null;
  sha256: string;
  known: boolean;
}

export interface Evidence {
  verdict: Verdict | null;
  attestedAt: string | null;
  attester: string | null;
  findings: Finding[];
  claims: Record<string, unknown> | null;
  log: Measurement[];
  certificate: Certificate | null;
  eat: string | null;
}

export interface Series {
  metric: string;
  points: [number, number][];
}

export interface Telemetry {
  from: number;
  to: number;
  series: Series[];
  truncated: boolean;
}

export interface LastReading {
  t: number | null;
  m: Record<string, number>;
}

export interface JournalEntry {
  t: number;
  event: boolean;
  level: string;
  name?: string | null;
  source?: string | null;
  text: string;
  fields?: Record<string, unknown> | null;
}

export interface Token {
  id: string;
  name: string;
  prefix: string;
  scopes: string[];
  createdAt: string;
  expiresAt: string;
  usedAt: string | null;
  token?: string;
}

export interface Catalog {
  name: string;
  telemetryHours?: number;
  journalHours?: number;
  states?: Partial<Record<State, number>>;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}
