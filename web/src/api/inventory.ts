// SPDX-License-Identifier: Apache-2.0
//
// inventory: what products, groups, facets, jobs, windows and views look like on the wire.

import type { Device, DeviceState } from './api';

export type Counts = Partial<Record<DeviceState, number>>;

export interface Named {
  id: string;
  name: string;
}

// A device as the list and its own page show it.
export type FleetDevice = Omit<Device, 'group' | 'product'> & {
  group?: Named | null;
  product?: Named | null;
  attestedVersion?: string | null;
  note?: string | null;
  seat?: number;
  network?: string | null;
  version?: number;
};

export interface DeviceList {
  items: FleetDevice[];
  next: string | null;
  prev?: string | null;
}

export interface Product extends Named {
  description: string;
  devices: number;
  counts: Counts;
  groups: number;
  version: number;
  createdAt: string;
}

export type OsFeed = 'retail' | 'retailEvaluation';
export type UpdatePolicy = 'updateAll' | 'no3rdPartyAppUpdates';
export type Boundary = 'none' | 'eu';

export interface DeviceGroup extends Named {
  product: Named;
  description: string;
  osFeed: OsFeed;
  updatePolicy: UpdatePolicy;
  crashDumps: boolean;
  regionalBoundary: Boundary;
  devices: number;
  counts: Counts;
  version: number;
  createdAt: string;
}

export interface Page<T> {
  items: T[];
  next?: string | null;
}

export interface FacetValue {
  value: string;
  label?: string;
  n: number;
}

export interface Facets {
  total: number;
  capped: boolean;
  facets: Record<string, FacetValue[] | undefined>;
}

export interface Marks {
  every: number;
  total: number;
  cursors: string[];
}

export type Action = 'move' | 'tag' | 'untag' | 'retire' | 'unclaim' | 'quarantine' | 'release';

export interface Change {
  action: Action;
  filter?: Record<string, string[]>;
  ids?: string[];
  group?: string | null;
  tags?: Record<string, string>;
  names?: string[];
  reason?: string;
  expect?: number;
}

export interface Part {
  label: string;
  n: number;
}

export interface Preview {
  total: number;
  byProduct: Part[];
  bySite: Part[];
  byState: Part[];
  excluded: { reason: string; n: number }[];
  seconds: number;
  reversible: boolean;
}

export interface JobProblem {
  line?: number;
  index?: number;
  device?: string;
  text: string;
}

export interface Job {
  id: string;
  kind: 'claims' | 'bulk';
  state: 'waiting' | 'running' | 'done' | 'stopped' | 'failed';
  title: string;
  total: number | null;
  done: number;
  changed: number;
  unchanged: number;
  refused: number;
  problems: JobProblem[];
  failure: string | null;
  actor: string;
  createdAt: string;
  updatedAt: string;
}

export interface SavedView extends Named {
  query: string;
  shared: boolean;
  mine?: boolean;
  version?: number;
}

export interface RegistrationWindow {
  id: string;
  label: string;
  codeHint: string | null;
  group: Named | null;
  tags: Record<string, string>;
  most: number;
  arrived: number;
  claimed: number;
  opensAt: string;
  closesAt: string;
  open: boolean;
  actor: string;
}

export interface WindowMade extends RegistrationWindow {
  code?: string | null;
  command?: string;
  notice?: string | null; // why another machine could not connect
}

export interface Arrival {
  fingerprint: string;
  id: string;
  remote: string;
  agent: string | null;
  knocks: number;
  firstAt: string;
  lastAt: string;
  window: string | null;
}

export const ended = (j: Job) => j.state === 'done' || j.state === 'stopped' || j.state === 'failed';
