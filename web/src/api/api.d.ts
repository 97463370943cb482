// Generated from docs/api/openapi.yaml by npm run types; do not edit.

export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
  requestId: string | null;
};

export type Next = string | null;

export type Time = string;

export type TimeOrNull = string | null;

export type TextOrNull = string | null;

export type Role = 'owner' | 'admin' | 'operator' | 'viewer' | 'auditor';

export type Permission = 'self:read' | 'devices:read' | 'devices:write' | 'devices:claim' | 'trust:read' | 'trust:write' | 'telemetry:read' | 'audit:read' | 'users:read' | 'users:write' | 'catalog:write' | 'tokens:write' | 'alerts:write' | 'dumps:read';

export type SignIn = {
  name: string;
  password: string;
};

export type PasswordChange = {
  current: string;
  new: string;
};

export type Session = {
  account: SessionAccount;
  permissions: Permission[];
  catalogs: string[];
  csrf: string | null;
  mustChangePassword: boolean;
};

export type SessionAccount = {
  id: string;
  name: string;
  role: Role;
};

export type SessionEntry = {
  id: string;
  remote: TextOrNull;
  agent: TextOrNull;
  createdAt: Time;
  seenAt: Time;
  current: boolean;
};

export type SessionPage = {
  items: SessionEntry[];
  next: Next;
};

export type User = {
  id: string;
  name: string;
  role: Role;
  catalog: string | null;
  disabled: boolean;
  mustChangePassword: boolean;
  createdAt: Time;
};

export type RoleMeaning = {
  role: Role;
  permissions: Permission[];
};

export type UserPage = {
  items: User[];
  next: Next;
  roles: RoleMeaning[];
};

export type UserNew = {
  name: string;
  role: Role;
  password: string;
  catalog?: string | null;
};

export type UserChange = {
  role?: Role;
  password?: string;
  disabled?: boolean;
  catalog?: string | null;
};

export type Token = {
  id: string;
  name: string;
  prefix: string;
  scopes: Permission[];
  catalog: TextOrNull;
  expiresAt: Time;
  usedAt: TimeOrNull;
  createdAt: Time;
};

export type TokenPage = {
  items: Token[];
  next: Next;
};

export type TokenNew = {
  name: string;
  scopes: Permission[];
  expiresInDays: number;
  catalog?: string | null;
};

export type TokenMade = Token & {
  token: string;
};

export type AuditEntry = {
  seq: number;
  at: Time;
  account: TextOrNull;
  actor: string;
  action: string;
  object: string;
  count: number;
  outcome: string;
  remote: TextOrNull;
  request: TextOrNull;
  detail: TextOrNull;
  hash: string;
};

export type AuditPage = {
  items: AuditEntry[];
  next: Next;
};

export type AuditReport = {
  entries: number;
  ok: boolean;
  firstBad: number | null;
  head: string;
  seal: AuditSeal | null;
};

export type AuditSeal = {
  seq: number;
  at: Time;
  jws: string;
};

export type CatalogNew = {
  name: string;
};

export type Catalog = {
  name: string;
  telemetryHours: number;
  journalHours: number;
  minuteHours: number;
  rollupHours: number;
  alertCalmSeconds: number;
  devices: number;
  counts: DeviceCounts;
  createdAt: Time;
};

export type CatalogPage = {
  items: Catalog[];
  next: Next;
};

export type CatalogChange = {
  telemetryHours?: number;
  journalHours?: number;
  minuteHours?: number;
  rollupHours?: number;
  alertCalmSeconds?: number;
};

export type DeviceState = 'healthy' | 'updating' | 'atRisk' | 'quarantined' | 'offline' | 'unknown';

export type DeviceLifecycle = 'registered' | 'claimed' | 'retired';

export type Verdict = 'none' | 'affirming' | 'warning' | 'contraindicated';

export type Tags = Record<string, string>;

export type Certificate = {
  kind: 'operational' | 'quarantine';
  serial: string;
  notBefore: Time;
  notAfter: Time;
};

export type Named = {
  id: string;
  name: string;
};

export type NamedOrNull = Named | null;

export type CertificateOrNull = Certificate | null;

export type Device = {
  id: string;
  name: TextOrNull;
  fingerprint: string;
  lifecycle: DeviceLifecycle;
  state: DeviceState;
  stateReason: TextOrNull;
  stateSince: TimeOrNull;
  online: boolean;
  product: NamedOrNull;
  group: NamedOrNull;
  osVersion: TextOrNull;
  attestedVersion: TextOrNull;
  model: TextOrNull;
  lastSeen: TimeOrNull;
  network: TextOrNull;
  seat: number;
  note: TextOrNull;
  tags: Tags;
  verdict: Verdict;
  attestedAt: TimeOrNull;
  certificate: CertificateOrNull;
  createdAt: Time;
  claimedAt: TimeOrNull;
};

export type DevicePage = {
  items: Device[];
  next: Next;
  prev: string | null;
};

export type DeviceCounts = {
  healthy: number;
  updating: number;
  atRisk: number;
  quarantined: number;
  offline: number;
  unknown: number;
};

export type FacetValue = {
  value: string;
  label?: string;
  n: number;
};

export type FacetValues = FacetValue[];

export type Facets = {
  total: number;
  capped: boolean;
  facets: {
    state: FacetValues;
    lifecycle: FacetValues;
    product: FacetValues;
    group: FacetValues;
    version: FacetValues;
    attested: FacetValues;
    site: FacetValues;
    batch: FacetValues;
  };
};

export type Marks = {
  every: number;
  total: number;
  cursors: string[];
};

export type FleetSite = {
  name: string;
  count: number;
};

export type FleetRing = {
  id: TextOrNull;
  name: string;
  count: number;
  sites: FleetSite[];
};

export type FleetLayout = {
  by: 'product' | 'group' | 'version';
  rings: FleetRing[];
  total: number;
};

export type Quarantine = {
  reason: string;
};

export type Product = {
  id: string;
  name: string;
  description: string;
  devices: number;
  counts: DeviceCounts;
  groups: number;
  version: number;
  createdAt: Time;
};

export type ProductPage = {
  items: Product[];
  next: Next;
};

export type ProductNew = {
  name: string;
  description?: string;
};

export type ProductChange = {
  name?: string;
  description?: string;
};

export type OsFeed = 'retail' | 'retailEvaluation';

export type UpdatePolicy = 'updateAll' | 'no3rdPartyAppUpdates';

export type RegionalBoundary = 'none' | 'eu';

export type Group = {
  id: string;
  product: Named;
  name: string;
  description: string;
  osFeed: OsFeed;
  updatePolicy: UpdatePolicy;
  crashDumps: boolean;
  regionalBoundary: RegionalBoundary;
  logLevel: null | {
    level: Level;
    until: Time;
  };
  devices: number;
  counts: DeviceCounts;
  version: number;
  createdAt: Time;
};

export type GroupPage = {
  items: Group[];
  next: Next;
};

export type DefaultGroups = {
  items: Group[];
  made: number;
};

export type GroupNew = {
  product: string;
  name: string;
  description?: string;
  osFeed?: OsFeed;
  updatePolicy?: UpdatePolicy;
  crashDumps?: boolean;
  regionalBoundary?: RegionalBoundary;
};

export type GroupChange = {
  name?: string;
  description?: string;
  osFeed?: OsFeed;
  updatePolicy?: UpdatePolicy;
  crashDumps?: boolean;
  regionalBoundary?: RegionalBoundary;
};

export type DeviceNew = {
  publicKey: string;
  name?: string;
  tags?: Tags;
};

export type DeviceChange = {
  name?: string | null;
  note?: string | null;
  group?: string | null;
  tags?: Record<string, string | null> | null;
};

export type Claim = {
  name?: string;
};

export type Claims = {
  devices: ClaimRow[];
};

export type ClaimRow = {
  publicKey?: string;
  fingerprint?: string;
  id?: string;
  name?: string;
  group?: string | number | null;
  tags?: Tags;
};

export type ClaimProblem = {
  index: number;
  text: string;
};

export type ClaimsResult = {
  claimed: number;
  already: number;
  alreadyAt: number[];
  problems: ClaimProblem[];
};

export type DeviceChanges = {
  action: 'move' | 'tag' | 'untag' | 'loglevel' | 'unclaim' | 'retire' | 'quarantine' | 'release' | 'reattest';
  filter?: Record<string, unknown>;
  ids?: string[];
  group?: string | null;
  tags?: Tags;
  names?: string[];
  reason?: string;
  level?: 'error' | 'warn' | 'info' | 'debug';
  minutes?: number;
  expect?: number;
};

export type ChangePart = {
  label: TextOrNull;
  n: number;
};

export type ChangeExclusion = {
  reason: string;
  n: number;
};

export type ChangePreview = {
  total: number;
  changes: number;
  byProduct: ChangePart[];
  bySite: ChangePart[];
  byState: ChangePart[];
  excluded: ChangeExclusion[];
  seconds: number;
  reversible: boolean;
};

export type JobProblem = {
  line?: number;
  index?: number;
  device?: string;
  text: string;
};

export type Job = {
  id: string;
  kind: 'claims' | 'bulk';
  state: 'waiting' | 'running' | 'done' | 'stopped' | 'failed';
  title: string;
  total: number;
  done: number;
  changed: number;
  unchanged: number;
  refused: number;
  problems: JobProblem[];
  failure: TextOrNull;
  actor: string;
  createdAt: Time;
  updatedAt: Time;
};

export type JobPage = {
  items: Job[];
  next: Next;
};

export type View = {
  id: string;
  name: string;
  query: string;
  shared: boolean;
  mine: boolean;
  by: string;
  version: number;
  createdAt: Time;
};

export type AlertSeverity = 'low' | 'medium' | 'high' | 'critical';

export type AlertState = 'open' | 'acknowledged' | 'assigned' | 'silenced' | 'resolved';

export type AlertOwner = {
  id: string;
  name: TextOrNull;
};

export type AlertOwnerPage = {
  items: AlertOwner[];
  next: Next;
};

export type Alert = {
  id: string;
  source: 'rule' | 'threat' | 'system';
  code: string;
  severity: AlertSeverity;
  title: string;
  state: AlertState;
  devices: number;
  worst: number;
  hits: number;
  flaps: number;
  evidence: Record<string, unknown> | null;
  rule: TextOrNull;
  openedAt: Time;
  updatedAt: Time;
  since: Time;
  lastAt: Time;
  acknowledgedAt: TimeOrNull;
  acknowledgedBy: TextOrNull;
  assignee: AlertOwner | null;
  silencedUntil: TimeOrNull;
  resolvedAt: TimeOrNull;
  resolvedBy: string | null;
  version: number;
  steps?: AlertStep[];
};

export type AlertStep = {
  text: string;
  action: 'quarantine' | 'release' | 'reattest' | 'retire' | 'loglevel' | null;
};

export type AlertReach = {
  devices: number;
  of: number;
  text: string;
  standsOut: AlertCommon[];
};

export type AlertCommon = {
  dimension: 'site' | 'batch' | 'product' | 'build' | 'version' | 'group';
  value: string;
  label: string;
  count: number;
  of: number;
  expected: number;
  p: number;
  text: string;
  filter: string;
};

export type RemedyRun = {
  expect: number;
};

export type AlertPage = {
  items: Alert[];
  next: Next;
};

export type AlertSummary = {
  critical: number;
  high: number;
  medium: number;
  low: number;
  silenced: number;
  quietSince: string | null;
};

export type AlertDeed = {
  at: Time;
  actor: string;
  act: 'opened' | 'reopened' | 'severity' | 'acknowledged' | 'assigned' | 'unassigned' | 'silenced' | 'woken' | 'commented' | 'resolved' | 'remedy';
  detail: string;
};

export type AlertHistoryPage = {
  items: AlertDeed[];
  next: Next;
};

export type AlertNote = {
  note?: string;
};

export type AlertComment = {
  note: string;
};

export type AlertAssign = {
  account?: string | null;
};

export type AlertSilence = {
  minutes: number;
};

export type NotificationMail = {
  server: string;
  port: number;
  security: 'starttls' | 'tls' | 'none';
  user?: string | null;
  from: string;
  to: string[];
};

export type NotificationHealth = {
  state: 'untried' | 'ok' | 'failing' | 'dead' | 'off';
  failures: number;
  deliveredAt: TimeOrNull;
  failedAt: TimeOrNull;
  error: string | null;
  waiting: number;
  dead: number;
};

export type NotificationRoute = {
  id: string;
  name: string;
  kind: 'webhook' | 'email' | 'alertmanager';
  url: string | null;
  mail: NotificationMail | null;
  hasSecret: boolean;
  minSeverity: AlertSeverity;
  sources: string[];
  codes: string[];
  products: string[];
  groups: string[];
  sites: string[];
  escalateAfterMinutes: number | null;
  enabled: boolean;
  version: number;
  createdAt: Time;
  health: NotificationHealth;
};

export type NotificationRouteMade = NotificationRoute & {
  secret?: string;
};

export type NotificationRoutePage = {
  items: NotificationRoute[];
  next: Next;
};

export type NotificationRouteNew = {
  name: string;
  kind: 'webhook' | 'email' | 'alertmanager';
  url?: string | null;
  mail?: NotificationMail | null;
  secret?: string | null;
  minSeverity?: AlertSeverity;
  sources?: string[];
  codes?: string[];
  products?: string[];
  groups?: string[];
  sites?: string[];
  escalateAfterMinutes?: number | null;
  enabled?: boolean;
};

export type NotificationRouteChange = {
  name?: string;
  kind?: 'webhook' | 'email' | 'alertmanager';
  url?: string | null;
  mail?: NotificationMail | null;
  secret?: string | null;
  minSeverity?: AlertSeverity;
  sources?: string[];
  codes?: string[];
  products?: string[];
  groups?: string[];
  sites?: string[];
  escalateAfterMinutes?: number | null;
  enabled?: boolean;
};

export type NotificationDelivery = {
  id: string;
  route: {
    id: string;
    name: string | null;
  };
  alert: {
    id: string;
    title: string | null;
  } | null;
  event: string;
  change: 'opened' | 'worsened' | 'escalated' | 'resolved' | 'test';
  state: 'held' | 'queued' | 'failed' | 'sent' | 'dead';
  attempts: number;
  status: number | null;
  tookMs: number | null;
  result: string | null;
  at: Time;
  nextAt: TimeOrNull;
  createdAt: Time;
  endedAt: TimeOrNull;
};

export type NotificationDeliveryPage = {
  items: NotificationDelivery[];
  next: Next;
};

export type Rule = {
  id: string;
  name: string;
  text: string;
  rule: Record<string, unknown>;
  severity: AlertSeverity;
  enabled: boolean;
  enabledAt: TimeOrNull;
  firing: number;
  fired: number;
  firedAt: TimeOrNull;
  noise: number;
  createdAt: Time;
  changedAt: Time;
  changedBy: string;
  version: number;
};

export type RulePage = {
  items: Rule[];
  next: Next;
};

export type RuleNew = {
  name: string;
  text?: string;
  rule?: Record<string, unknown>;
};

export type RuleChange = {
  name?: string;
  text?: string;
  rule?: Record<string, unknown>;
};

export type RuleDraft = {
  text?: string;
  rule?: Record<string, unknown>;
};

export type BacktestDraft = {
  text?: string;
  rule?: Record<string, unknown>;
  from?: string;
  to?: string;
};

export type Backtest = {
  id: string;
  state: 'waiting' | 'running' | 'done' | 'stopped' | 'failed';
  progress: number;
  text: string;
  from: number;
  to: number;
  points: number;
  devices: number;
  fired: number;
  firedDevices: number;
  noise: number;
  bucketMs: number;
  buckets: ({
    t: number;
    fired: number;
    standing: number;
  })[];
  top: ({
    device: string | null;
    name: string | null;
    fired: number;
    standingSeconds: number;
  })[];
  failure: string | null;
};

export type RuleChecked = {
  valid: boolean;
  column?: number | null;
  message?: string;
  text?: string;
  rule?: Record<string, unknown>;
  devices?: number;
  keys?: number;
};

export type ViewPage = {
  items: View[];
  next: Next;
};

export type ViewNew = {
  name: string;
  query: string;
  shared?: boolean;
};

export type ViewChange = {
  name?: string;
  query?: string;
  shared?: boolean;
};

export type WindowGroup = {
  id: string;
  name: string;
  label: string;
};

export type WindowGroupOrNull = WindowGroup | null;

export type RegistrationWindow = {
  id: string;
  label: string;
  codeHint: string | null;
  group: WindowGroupOrNull;
  tags: Record<string, string>;
  most: number;
  arrived: number;
  claimed: number;
  opensAt: Time;
  closesAt: Time;
  open: boolean;
  actor: string;
};

export type RegistrationWindowOpened = {
  id: string;
  label: string;
  codeHint: string | null;
  group: WindowGroupOrNull;
  tags: Record<string, string>;
  most: number;
  arrived: number;
  claimed: number;
  opensAt: Time;
  closesAt: Time;
  open: boolean;
  actor: string;
  code: string | null;
  command: string;
  notice: string | null;
};

export type RegistrationWindowPage = {
  items: RegistrationWindow[];
  next: Next;
};

export type RegistrationWindowNew = {
  minutes: number;
  most: number;
  label?: string;
  code?: boolean;
  group?: string | null;
  tags?: Record<string, string>;
};

export type Enrolment = {
  server: string;
  caSha256: string;
  notice: string | null;
};

export type Arrival = {
  fingerprint: string;
  id: string;
  remote: string;
  agent: string | null;
  knocks: number;
  firstAt: Time;
  lastAt: Time;
  window: string;
};

export type ArrivalPage = {
  items: Arrival[];
  next: Next;
};

export type ArrivalClaim = {
  name?: string;
  group?: string | null;
};

export type ThreatLimit = {
  name: string;
  value: number;
  usual: number;
  least: number;
  most: number;
};

export type Threat = {
  code: string;
  name: string;
  what: string;
  severity: 'low' | 'medium' | 'high' | 'critical';
  enabled: boolean;
  limits: ThreatLimit[];
};

export type Threats = {
  items: Threat[];
  networks: string[];
};

export type ThreatChange = {
  codes: Record<string, Record<string, unknown>>;
  networks?: string[];
};

export type Finding = {
  kind?: string;
  component: string;
  expected: TextOrNull;
  found: TextOrNull;
  remedy: TextOrNull;
  text: string;
};

export type LogEntry = {
  pcr: number;
  component: string;
  version: string;
  sha256: string;
  known: boolean;
};

export type Evidence = {
  verdict: Verdict;
  quarantineReason: string | null;
  attestedAt: TimeOrNull;
  attester: TextOrNull;
  findings: Finding[];
  claims: Record<string, unknown>;
  log: LogEntry[];
  certificate: CertificateOrNull;
  eat: string | null;
};

export type ReferenceValue = {
  id: string;
  component: string;
  version: string;
  sha256: string;
  svn: number;
  source: string;
  createdAt: Time;
};

export type ReferenceValuePage = {
  items: ReferenceValue[];
  next: Next;
};

export type ReferenceValueNew = {
  component: string;
  version: string;
  sha256: string;
  svn?: number;
  source?: string;
};

export type ReferenceValues = {
  values: ReferenceValueNew[];
};

export type ReferenceValuesResult = {
  added: number;
  already: number;
};

export type Point = [number, number];

export type Series = {
  metric: string;
  points: Point[];
};

export type Telemetry = {
  from: number;
  to: number;
  series: Series[];
  truncated: boolean;
};

export type LastTelemetry = {
  t: number | null;
  m: Record<string, number>;
};

export type TelemetryMetrics = {
  metrics: string[];
};

export type Spread = {
  devices: number;
  min?: number;
  max?: number;
  mean?: number;
  p50?: number;
  p95?: number;
  p99?: number;
};

export type FleetTelemetry = {
  metric: string;
  unit: string;
  at: number;
  window: number;
  complete: boolean;
  capped: boolean;
  all: Spread;
  groups: (Spread & {
    key: string;
    label: TextOrNull;
  })[];
  others: number;
};

export type TopTelemetry = {
  metric: string;
  unit: string;
  at: number;
  window: number;
  complete: boolean;
  capped: boolean;
  items: ({
    id: string;
    name: TextOrNull;
    product: TextOrNull;
    site: TextOrNull;
    osVersion: TextOrNull;
    value: number;
    t: number;
  })[];
};

export type SeriesByDevice = {
  metric: string;
  unit: string;
  from: number;
  to: number;
  width: number;
  series: ({
    id: string;
    name: TextOrNull;
    resolution: 'raw' | 'bucket' | 'minute' | 'hour';
    complete: boolean;
    t: number[];
    min: number[];
    max: number[];
    avg: number[];
    count: number[];
  })[];
};

export type TelemetryBands = {
  metric: string;
  unit: string;
  at: number;
  window: number;
  complete: boolean;
  from: number;
  to: number;
  width: number;
  resolution: 'bucket' | 'hour';
  sampled: number;
  of: number;
  bands: ({
    key: string;
    label: TextOrNull;
    sampled: number;
    of: number;
    t: number[];
    min: number[];
    p5: number[];
    p25: number[];
    p50: number[];
    p75: number[];
    p95: number[];
    max: number[];
    devices: number[];
  })[];
};

export type Metric = {
  name: string;
  unit: string;
  description: string;
  kind: MetricKind;
  firstSeen: TimeOrNull;
  lastSeen: TimeOrNull;
  devices?: number;
  version: number;
};

export type MetricKind = 'gauge' | 'counter';

export type MetricPage = {
  items: Metric[];
  next: Next;
};

export type MetricChange = {
  unit: string;
  description: string;
  kind: MetricKind;
};

export type Level = 'error' | 'warn' | 'info' | 'debug';

export type JournalEntry = {
  t: number;
  event: boolean;
  level: Level;
  name: TextOrNull;
  source: TextOrNull;
  text: string;
  fields: Record<string, unknown> | null;
};

export type TimelineItem = {
  at: Time;
  kind: 'life' | 'trust' | 'alert' | 'event' | 'log' | 'act';
  what: string | null;
  text: TextOrNull;
  actor: TextOrNull;
  level: string | null;
  alert: string | null;
  count: number;
};

export type TimelinePage = {
  items: TimelineItem[];
  next: Next;
};

export type JournalPage = {
  items: JournalEntry[];
  next: Next;
};

export type LogLine = JournalEntry & {
  device: string | null;
  deviceName: TextOrNull;
};

export type LogPage = {
  items: LogLine[];
  next: Next;
  complete: boolean;
  reached: number;
};

export type LogHistogram = {
  from: number;
  width: number;
  total: number;
  exact: boolean;
  reached: number;
  buckets: ({
    t: number;
    error: number;
    warn: number;
    info: number;
    debug: number;
  })[];
};

export type LogSources = {
  items: ({
    source: string;
    n: number;
  })[];
  next: Next;
};

export type LogLevel = {
  level: Level;
  source: 'default' | 'device' | 'group';
  until: TimeOrNull;
  obeys?: Level;
  obeysSince?: TimeOrNull;
};

export type CrashDump = {
  id: string;
  device: TextOrNull;
  deviceName: TextOrNull;
  name: string;
  sha256: string;
  bytes: number;
  at: Time;
  receivedAt: Time;
};

export type CrashDumpPage = {
  items: CrashDump[];
  next: Next;
};

export type Insights = {
  items: ({
    class: string;
    category: TextOrNull;
    level: Level;
    count: number;
    devices: number;
    first: Time;
    last: Time;
  })[];
  more: boolean;
};

export type LogLevelNew = {
  level: Level;
  minutes: number;
};

export type LiveTicketNew = {
  catalog: string;
};

export type LiveTicket = {
  ticket: string;
  expiresIn: number;
};

export type System = {
  version: string;
  startedAt: TimeOrNull;
  time: Time;
  ready: boolean;
  parts: Record<string, unknown> | null;
};

export type PatternList = {
  at: string;
  items: Pattern[];
};

export type Pattern = {
  n: number;
  state: 'unknown' | 'updating' | 'atRisk' | 'quarantined' | 'offline';
  dimension: 'site' | 'batch' | 'product' | 'build' | 'version' | 'group' | 'network';
  value: string;
  label: string;
  count: number;
  of: number;
  expected: number;
  p: number;
  shape: 'wedge' | 'speckle' | 'cluster' | 'ring';
  title: string;
  text: string;
  filter: string;
  since: string | null;
  ring: string | null;
  seats: number[];
};

export type Overview = {
  refusals: Refusal[];
  renewalsOverdue: number;
  authorities: Authority[];
  needsYou: Need[];
};

export type Refusal = {
  reason: string;
  n: number;
};

export type Authority = {
  name: string;
  kind: 'catalog' | 'quarantine' | 'deviceRoot' | 'serverRoot' | 'server';
  notAfter: string;
};

export type Need = {
  severity: 'critical' | 'high' | 'medium' | 'low';
  title: string;
  text: string;
  count: number;
  filter: string | null;
  page: 'devices' | 'claim' | 'alerts' | null;
  alert: string | null;
  at: string | null;
};

export interface Routes {
  'POST /session': { path: {}; query: {}; body: SignIn; answer: Session };
  'GET /session': { path: {}; query: {}; body: undefined; answer: Session };
  'DELETE /session': { path: {}; query: {}; body: undefined; answer: undefined };
  'POST /session/password': { path: {}; query: {}; body: PasswordChange; answer: Session };
  'GET /sessions': { path: {}; query: {}; body: undefined; answer: SessionPage };
  'DELETE /sessions/{id}': { path: { id: string }; query: {}; body: undefined; answer: undefined };
  'GET /users': { path: {}; query: { limit?: number; cursor?: string }; body: undefined; answer: UserPage };
  'POST /users': { path: {}; query: {}; body: UserNew; answer: User };
  'GET /users/{id}': { path: { id: string }; query: {}; body: undefined; answer: User };
  'PATCH /users/{id}': { path: { id: string }; query: {}; body: UserChange; answer: User };
  'DELETE /users/{id}': { path: { id: string }; query: {}; body: undefined; answer: undefined };
  'GET /tokens': { path: {}; query: { limit?: number; cursor?: string }; body: undefined; answer: TokenPage };
  'POST /tokens': { path: {}; query: {}; body: TokenNew; answer: TokenMade };
  'DELETE /tokens/{id}': { path: { id: string }; query: {}; body: undefined; answer: undefined };
  'GET /audit': { path: {}; query: { limit?: number; cursor?: string; actor?: string; object?: string; outcome?: 'ok' | 'denied'; from?: number; to?: number }; body: undefined; answer: AuditPage };
  'GET /audit/verify': { path: {}; query: {}; body: undefined; answer: AuditReport };
  'GET /catalogs/{catalog}/audit': { path: { catalog: string }; query: { limit?: number; cursor?: string; actor?: string; object?: string; outcome?: 'ok' | 'denied'; from?: number; to?: number }; body: undefined; answer: AuditPage };
  'GET /catalogs/{catalog}/audit/verify': { path: { catalog: string }; query: {}; body: undefined; answer: AuditReport };
  'GET /catalogs': { path: {}; query: { limit?: number; cursor?: string }; body: undefined; answer: CatalogPage };
  'POST /catalogs': { path: {}; query: {}; body: CatalogNew; answer: Catalog };
  'GET /catalogs/{catalog}': { path: { catalog: string }; query: {}; body: undefined; answer: Catalog };
  'PATCH /catalogs/{catalog}': { path: { catalog: string }; query: {}; body: CatalogChange; answer: Catalog };
  'GET /catalogs/{catalog}/ca': { path: { catalog: string }; query: {}; body: undefined; answer: undefined };
  'GET /catalogs/{catalog}/devices': { path: { catalog: string }; query: { limit?: number; cursor?: string; sort?: 'created' | '-created' | 'name' | '-name' | 'id' | 'state'; q?: string; state?: DeviceState[]; lifecycle?: DeviceLifecycle[]; product?: string[]; group?: string[]; version?: string[]; attested?: string[]; site?: string[]; batch?: string[]; network?: string[]; tag?: string[]; seen?: string; seat?: number; alert?: string }; body: undefined; answer: DevicePage };
  'POST /catalogs/{catalog}/devices': { path: { catalog: string }; query: {}; body: DeviceNew; answer: Device };
  'GET /catalogs/{catalog}/devices/facets': { path: { catalog: string }; query: { q?: string; state?: DeviceState[]; lifecycle?: DeviceLifecycle[]; product?: string[]; group?: string[]; version?: string[]; attested?: string[]; site?: string[]; batch?: string[]; network?: string[]; tag?: string[]; seen?: string; seat?: number; alert?: string; exact?: boolean }; body: undefined; answer: Facets };
  'GET /catalogs/{catalog}/devices/marks': { path: { catalog: string }; query: { sort?: 'created' | '-created' | 'name' | '-name' | 'id' | 'state'; q?: string; state?: DeviceState[]; lifecycle?: DeviceLifecycle[]; product?: string[]; group?: string[]; version?: string[]; attested?: string[]; site?: string[]; batch?: string[]; network?: string[]; tag?: string[]; seen?: string; seat?: number; alert?: string; every?: number }; body: undefined; answer: Marks };
  'GET /catalogs/{catalog}/fleet-layout': { path: { catalog: string }; query: { by?: 'product' | 'group' | 'version' }; body: undefined; answer: undefined };
  'POST /catalogs/{catalog}/devices/{id}/retire': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Device };
  'POST /catalogs/{catalog}/devices/{id}/quarantine': { path: { catalog: string; id: string }; query: {}; body: Quarantine; answer: Device };
  'POST /catalogs/{catalog}/devices/{id}/release': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Device };
  'POST /catalogs/{catalog}/devices/{id}/reattest': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Device };
  'GET /catalogs/{catalog}/products': { path: { catalog: string }; query: { limit?: number; cursor?: string }; body: undefined; answer: ProductPage };
  'POST /catalogs/{catalog}/products': { path: { catalog: string }; query: {}; body: ProductNew; answer: Product };
  'GET /catalogs/{catalog}/products/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Product };
  'PATCH /catalogs/{catalog}/products/{id}': { path: { catalog: string; id: string }; query: {}; body: ProductChange; answer: Product };
  'DELETE /catalogs/{catalog}/products/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: undefined };
  'POST /catalogs/{catalog}/products/{id}/default-groups': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: DefaultGroups };
  'GET /catalogs/{catalog}/device-groups': { path: { catalog: string }; query: { limit?: number; cursor?: string; product?: string }; body: undefined; answer: GroupPage };
  'POST /catalogs/{catalog}/device-groups': { path: { catalog: string }; query: {}; body: GroupNew; answer: Group };
  'GET /catalogs/{catalog}/device-groups/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Group };
  'PATCH /catalogs/{catalog}/device-groups/{id}': { path: { catalog: string; id: string }; query: {}; body: GroupChange; answer: Group };
  'DELETE /catalogs/{catalog}/device-groups/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: undefined };
  'GET /catalogs/{catalog}/device-counts': { path: { catalog: string }; query: {}; body: undefined; answer: DeviceCounts };
  'GET /catalogs/{catalog}/devices/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Device };
  'PATCH /catalogs/{catalog}/devices/{id}': { path: { catalog: string; id: string }; query: {}; body: DeviceChange; answer: Device };
  'POST /catalogs/{catalog}/devices/{id}/claim': { path: { catalog: string; id: string }; query: {}; body: Claim; answer: Device };
  'POST /catalogs/{catalog}/devices/{id}/unclaim': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Device };
  'POST /catalogs/{catalog}/claims': { path: { catalog: string }; query: { again?: 'true' | 'false' }; body: Claims; answer: ClaimsResult | Job };
  'GET /catalogs/{catalog}/jobs': { path: { catalog: string }; query: { limit?: number; cursor?: string }; body: undefined; answer: JobPage };
  'GET /catalogs/{catalog}/jobs/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Job };
  'POST /catalogs/{catalog}/jobs/{id}/stop': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Job };
  'POST /catalogs/{catalog}/jobs/{id}/resume': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Job };
  'POST /catalogs/{catalog}/device-changes': { path: { catalog: string }; query: {}; body: DeviceChanges; answer: Job };
  'POST /catalogs/{catalog}/device-changes/preview': { path: { catalog: string }; query: {}; body: DeviceChanges; answer: ChangePreview };
  'GET /catalogs/{catalog}/alerts': { path: { catalog: string }; query: { state?: string; severity?: string; source?: 'rule' | 'threat' | 'system'; owner?: string; device?: string; rule?: string; code?: string; from?: string; to?: string; sort?: 'newest' | 'severity'; limit?: number; cursor?: string }; body: undefined; answer: AlertPage };
  'GET /catalogs/{catalog}/alert-summary': { path: { catalog: string }; query: {}; body: undefined; answer: AlertSummary };
  'GET /catalogs/{catalog}/alert-owners': { path: { catalog: string }; query: {}; body: undefined; answer: AlertOwnerPage };
  'GET /catalogs/{catalog}/alerts/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Alert };
  'GET /catalogs/{catalog}/alerts/{id}/history': { path: { catalog: string; id: string }; query: { limit?: number; cursor?: string }; body: undefined; answer: AlertHistoryPage };
  'POST /catalogs/{catalog}/alerts/{id}/acknowledge': { path: { catalog: string; id: string }; query: {}; body: AlertNote; answer: Alert };
  'POST /catalogs/{catalog}/alerts/{id}/assign': { path: { catalog: string; id: string }; query: {}; body: AlertAssign; answer: Alert };
  'POST /catalogs/{catalog}/alerts/{id}/silence': { path: { catalog: string; id: string }; query: {}; body: AlertSilence; answer: Alert };
  'POST /catalogs/{catalog}/alerts/{id}/resolve': { path: { catalog: string; id: string }; query: {}; body: AlertNote; answer: Alert };
  'POST /catalogs/{catalog}/alerts/{id}/comments': { path: { catalog: string; id: string }; query: {}; body: AlertComment; answer: Alert };
  'GET /catalogs/{catalog}/alerts/{id}/reach': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: AlertReach };
  'POST /catalogs/{catalog}/alerts/{id}/remedies/{n}/preview': { path: { catalog: string; id: string; n: string }; query: {}; body: undefined; answer: ChangePreview };
  'POST /catalogs/{catalog}/alerts/{id}/remedies/{n}/run': { path: { catalog: string; id: string; n: string }; query: {}; body: RemedyRun; answer: Job };
  'GET /catalogs/{catalog}/notification-routes': { path: { catalog: string }; query: {}; body: undefined; answer: NotificationRoutePage };
  'POST /catalogs/{catalog}/notification-routes': { path: { catalog: string }; query: {}; body: NotificationRouteNew; answer: NotificationRouteMade };
  'GET /catalogs/{catalog}/notification-routes/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: NotificationRoute };
  'PATCH /catalogs/{catalog}/notification-routes/{id}': { path: { catalog: string; id: string }; query: {}; body: NotificationRouteChange; answer: NotificationRoute };
  'DELETE /catalogs/{catalog}/notification-routes/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: undefined };
  'POST /catalogs/{catalog}/notification-routes/{id}/secret': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: NotificationRouteMade };
  'POST /catalogs/{catalog}/notification-routes/{id}/test': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: NotificationDelivery };
  'GET /catalogs/{catalog}/notification-deliveries': { path: { catalog: string }; query: { route?: string; state?: 'held' | 'queued' | 'failed' | 'sent' | 'dead'; limit?: number; cursor?: string }; body: undefined; answer: NotificationDeliveryPage };
  'GET /catalogs/{catalog}/notification-deliveries/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: NotificationDelivery };
  'POST /catalogs/{catalog}/notification-deliveries/{id}/replay': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: NotificationDelivery };
  'GET /catalogs/{catalog}/rules': { path: { catalog: string }; query: { limit?: number; cursor?: string }; body: undefined; answer: RulePage };
  'POST /catalogs/{catalog}/rules': { path: { catalog: string }; query: {}; body: RuleNew; answer: Rule };
  'POST /catalogs/{catalog}/rules:check': { path: { catalog: string }; query: {}; body: RuleDraft; answer: RuleChecked };
  'POST /catalogs/{catalog}/rules:backtest': { path: { catalog: string }; query: {}; body: BacktestDraft; answer: RuleChecked | Backtest };
  'GET /catalogs/{catalog}/backtests/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Backtest };
  'DELETE /catalogs/{catalog}/backtests/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: undefined };
  'GET /catalogs/{catalog}/rules/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Rule };
  'PATCH /catalogs/{catalog}/rules/{id}': { path: { catalog: string; id: string }; query: {}; body: RuleChange; answer: Rule };
  'DELETE /catalogs/{catalog}/rules/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: undefined };
  'POST /catalogs/{catalog}/rules/{id}/enable': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Rule };
  'POST /catalogs/{catalog}/rules/{id}/disable': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Rule };
  'GET /catalogs/{catalog}/saved-views': { path: { catalog: string }; query: {}; body: undefined; answer: ViewPage };
  'POST /catalogs/{catalog}/saved-views': { path: { catalog: string }; query: {}; body: ViewNew; answer: View };
  'PATCH /catalogs/{catalog}/saved-views/{id}': { path: { catalog: string; id: string }; query: {}; body: ViewChange; answer: View };
  'DELETE /catalogs/{catalog}/saved-views/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: undefined };
  'GET /catalogs/{catalog}/threats': { path: { catalog: string }; query: {}; body: undefined; answer: Threats };
  'PUT /catalogs/{catalog}/threats': { path: { catalog: string }; query: {}; body: ThreatChange; answer: Threats };
  'GET /catalogs/{catalog}/registration-windows': { path: { catalog: string }; query: { limit?: number; cursor?: string }; body: undefined; answer: RegistrationWindowPage };
  'POST /catalogs/{catalog}/registration-windows': { path: { catalog: string }; query: {}; body: RegistrationWindowNew; answer: RegistrationWindowOpened };
  'POST /catalogs/{catalog}/registration-windows/{id}/close': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: RegistrationWindow };
  'GET /catalogs/{catalog}/enrolment': { path: { catalog: string }; query: {}; body: undefined; answer: Enrolment };
  'GET /catalogs/{catalog}/arrivals': { path: { catalog: string }; query: { limit?: number; cursor?: string }; body: undefined; answer: ArrivalPage };
  'DELETE /catalogs/{catalog}/arrivals/{fingerprint}': { path: { catalog: string; fingerprint: string }; query: {}; body: undefined; answer: undefined };
  'POST /catalogs/{catalog}/arrivals/{fingerprint}/claim': { path: { catalog: string; fingerprint: string }; query: {}; body: ArrivalClaim; answer: Device };
  'GET /catalogs/{catalog}/devices/{id}/evidence': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: Evidence };
  'GET /catalogs/{catalog}/reference-values': { path: { catalog: string }; query: { limit?: number; cursor?: string }; body: undefined; answer: ReferenceValuePage };
  'POST /catalogs/{catalog}/reference-values': { path: { catalog: string }; query: {}; body: ReferenceValueNew | ReferenceValues; answer: ReferenceValuesResult };
  'DELETE /catalogs/{catalog}/reference-values/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: undefined };
  'GET /catalogs/{catalog}/devices/{id}/telemetry': { path: { catalog: string; id: string }; query: { from?: number; to?: number; metrics?: string; points?: number }; body: undefined; answer: Telemetry };
  'GET /catalogs/{catalog}/devices/{id}/telemetry/last': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: LastTelemetry };
  'GET /catalogs/{catalog}/devices/{id}/telemetry/metrics': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: TelemetryMetrics };
  'GET /catalogs/{catalog}/telemetry/fleet': { path: { catalog: string }; query: { metric?: string; by?: string; window?: string; q?: string; state?: DeviceState[]; lifecycle?: DeviceLifecycle[]; product?: string[]; group?: string[]; version?: string[]; attested?: string[]; site?: string[]; batch?: string[]; network?: string[]; tag?: string[]; seen?: string; seat?: number; alert?: string }; body: undefined; answer: FleetTelemetry };
  'GET /catalogs/{catalog}/telemetry/top': { path: { catalog: string }; query: { metric?: string; n?: number; order?: 'desc' | 'asc'; window?: string; q?: string; state?: DeviceState[]; lifecycle?: DeviceLifecycle[]; product?: string[]; group?: string[]; version?: string[]; attested?: string[]; site?: string[]; batch?: string[]; network?: string[]; tag?: string[]; seen?: string; seat?: number; alert?: string }; body: undefined; answer: TopTelemetry };
  'GET /catalogs/{catalog}/telemetry/series': { path: { catalog: string }; query: { metric?: string; device?: string[]; from?: string; to?: string; points?: number }; body: undefined; answer: SeriesByDevice };
  'GET /catalogs/{catalog}/telemetry/band': { path: { catalog: string }; query: { metric?: string; by?: string; from?: string; to?: string; points?: number; sample?: number; q?: string; state?: DeviceState[]; lifecycle?: DeviceLifecycle[]; product?: string[]; group?: string[]; version?: string[]; attested?: string[]; site?: string[]; batch?: string[]; network?: string[]; tag?: string[]; seen?: string; seat?: number }; body: undefined; answer: TelemetryBands };
  'GET /catalogs/{catalog}/telemetry/export': { path: { catalog: string }; query: { metric?: string; device?: string[]; from?: string; to?: string; format?: 'csv' | 'ndjson'; q?: string; state?: DeviceState[]; lifecycle?: DeviceLifecycle[]; product?: string[]; group?: string[]; version?: string[]; attested?: string[]; site?: string[]; batch?: string[]; network?: string[]; tag?: string[]; seen?: string; seat?: number }; body: undefined; answer: undefined };
  'GET /catalogs/{catalog}/metrics': { path: { catalog: string }; query: { q?: string; limit?: number; cursor?: string }; body: undefined; answer: MetricPage };
  'GET /catalogs/{catalog}/metric': { path: { catalog: string }; query: { name?: string }; body: undefined; answer: Metric };
  'PUT /catalogs/{catalog}/metric': { path: { catalog: string }; query: { name?: string }; body: MetricChange; answer: Metric };
  'GET /catalogs/{catalog}/devices/{id}/journal': { path: { catalog: string; id: string }; query: { limit?: number; cursor?: string; level?: Level; event?: boolean }; body: undefined; answer: JournalPage };
  'GET /catalogs/{catalog}/devices/{id}/timeline': { path: { catalog: string; id: string }; query: { limit?: number; cursor?: string; kind?: string }; body: undefined; answer: TimelinePage };
  'GET /catalogs/{catalog}/logs': { path: { catalog: string }; query: { limit?: number; cursor?: string; q?: string; level?: Level; source?: string; device?: string; kind?: 'logs' | 'events'; from?: number; to?: number }; body: undefined; answer: LogPage };
  'GET /catalogs/{catalog}/logs/histogram': { path: { catalog: string }; query: { q?: string; level?: Level; source?: string; device?: string; kind?: 'logs' | 'events'; from?: number; to?: number; buckets?: number }; body: undefined; answer: LogHistogram };
  'GET /catalogs/{catalog}/logs/export': { path: { catalog: string }; query: { q?: string; level?: Level; source?: string; device?: string; kind?: 'logs' | 'events'; from?: number; to?: number; format?: 'csv' | 'ndjson' }; body: undefined; answer: undefined };
  'GET /catalogs/{catalog}/logs/sources': { path: { catalog: string }; query: { level?: Level; kind?: 'logs' | 'events'; from?: number; to?: number }; body: undefined; answer: LogSources };
  'GET /catalogs/{catalog}/devices/{id}/log-level': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: LogLevel };
  'PUT /catalogs/{catalog}/devices/{id}/log-level': { path: { catalog: string; id: string }; query: {}; body: LogLevelNew; answer: LogLevel };
  'GET /catalogs/{catalog}/device-groups/{id}/log-level': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: LogLevel };
  'PUT /catalogs/{catalog}/device-groups/{id}/log-level': { path: { catalog: string; id: string }; query: {}; body: LogLevelNew; answer: LogLevel };
  'GET /catalogs/{catalog}/crash-dumps': { path: { catalog: string }; query: { device?: string; limit?: number; cursor?: string }; body: undefined; answer: CrashDumpPage };
  'DELETE /catalogs/{catalog}/crash-dumps/{id}': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: undefined };
  'GET /catalogs/{catalog}/crash-dumps/{id}/content': { path: { catalog: string; id: string }; query: {}; body: undefined; answer: undefined };
  'GET /catalogs/{catalog}/insights': { path: { catalog: string }; query: { from?: number; to?: number; limit?: number }; body: undefined; answer: Insights };
  'GET /catalogs/{catalog}/devices/{id}/insights': { path: { catalog: string; id: string }; query: { from?: number; to?: number; limit?: number }; body: undefined; answer: Insights };
  'POST /live-tickets': { path: {}; query: {}; body: LiveTicketNew; answer: LiveTicket };
  'GET /catalogs/{catalog}/devices/export': { path: { catalog: string }; query: { format?: 'csv' | 'ndjson'; columns?: string; q?: string; state?: DeviceState[]; lifecycle?: DeviceLifecycle[]; product?: string[]; group?: string[]; version?: string[]; attested?: string[]; site?: string[]; batch?: string[]; network?: string[]; tag?: string[]; seen?: string; seat?: number; alert?: string }; body: undefined; answer: undefined };
  'GET /events': { path: {}; query: { catalog?: string; topics?: string }; body: undefined; answer: undefined };
  'GET /catalogs/{catalog}/events': { path: { catalog: string }; query: { topics?: string }; body: undefined; answer: undefined };
  'GET /system': { path: {}; query: {}; body: undefined; answer: System };
  'GET /openapi.json': { path: {}; query: {}; body: undefined; answer: Record<string, unknown> };
  'GET /catalogs/{catalog}/patterns': { path: { catalog: string }; query: {}; body: undefined; answer: PatternList };
  'GET /catalogs/{catalog}/overview': { path: { catalog: string }; query: {}; body: undefined; answer: Overview };
}
