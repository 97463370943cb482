-- What needs a person: one open alert a cause, however many devices show it.

-- How long an alert that resolved itself may come back as the same one, unheard.
ALTER TABLE catalog ADD COLUMN alert_calm_s int NOT NULL DEFAULT 300
    CHECK (alert_calm_s BETWEEN 0 AND 86400);

CREATE TABLE alert (
    catalog      int NOT NULL REFERENCES catalog,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    key          text COLLATE "C" NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 200),
    source       text NOT NULL CHECK (source IN ('rule', 'threat', 'system')),
    code         text NOT NULL CHECK (octet_length(code) BETWEEN 1 AND 40),
    severity     smallint NOT NULL CHECK (severity BETWEEN 0 AND 3), -- enum alert_severity
    title        text NOT NULL CHECK (octet_length(title) BETWEEN 1 AND 200),
    rule         bigint,
    remedy       jsonb,                      -- steps; NULL: those of code
    opened_at    timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(), -- last hit, or change by a person
    since        timestamptz NOT NULL,       -- event time of the first hit
    last_at      timestamptz NOT NULL,       -- … and of the newest
    hits         bigint NOT NULL DEFAULT 0,
    devices      int NOT NULL DEFAULT 0,     -- that show it now
    standing     int NOT NULL DEFAULT 0,     -- the same, and 1 for a cause that no device has
    worst        int NOT NULL DEFAULT 0,     -- most devices at once
    evidence     text,                       -- of the newest hit that brought some; JSON
    flaps        int NOT NULL DEFAULT 0,     -- how often it resolved and came back
    lasts_s      int,                        -- it resolves when no hit came for so long
    acknowledged_at timestamptz,
    acknowledged_by text,
    assigned     bigint,                     -- account
    silenced_until timestamptz,
    resolved_at  timestamptz,
    resolved_by  text,                       -- NULL: by itself
    told_severity smallint NOT NULL,
    told_devices int NOT NULL DEFAULT 0,
    told_at      timestamptz NOT NULL DEFAULT now(),
    version      int NOT NULL DEFAULT 1,     -- of what people change, not of hits
    PRIMARY KEY (catalog, id)
);
-- One open alert a cause.
CREATE UNIQUE INDEX alert_open ON alert (catalog, key) WHERE resolved_at IS NULL;
CREATE INDEX alert_key ON alert (catalog, key, id);
CREATE INDEX alert_resolved ON alert (resolved_at) WHERE resolved_at IS NOT NULL;

-- Which devices show it, or did. device 0: the cause itself, where no device has it.
CREATE TABLE alert_device (
    catalog      int NOT NULL,
    alert        bigint NOT NULL,
    device       bigint NOT NULL,
    since        timestamptz NOT NULL,       -- event times
    last_at      timestamptz NOT NULL,
    cleared_at   timestamptz,                -- NULL: it shows it now
    hits         bigint NOT NULL DEFAULT 1,
    evidence     text,
    PRIMARY KEY (catalog, alert, device)
) WITH (fillfactor = 70);
CREATE INDEX alert_device_device ON alert_device (catalog, device, alert);

-- Who or what changed what, for people.
CREATE TABLE alert_history (
    catalog      int NOT NULL,
    alert        bigint NOT NULL,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    account      bigint,
    actor        text NOT NULL DEFAULT '',   -- '': the server itself
    act          text NOT NULL,
    detail       text NOT NULL DEFAULT '' CHECK (octet_length(detail) <= 4000),
    PRIMARY KEY (catalog, alert, id)
);

-- What people should hear of, from at on. Whoever tells them deletes the row.
CREATE TABLE alert_outbox (
    id           bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    catalog      int NOT NULL,
    alert        bigint NOT NULL,
    change       text NOT NULL CHECK (change IN ('opened', 'worsened', 'escalated', 'resolved')),
    at           timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX alert_outbox_alert ON alert_outbox (catalog, alert);

-- Devices whose state may be another now, because an alert of high severity came or went.
CREATE TABLE alert_mark (
    id           bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    catalog      int NOT NULL,
    device       bigint NOT NULL
);

-- An alert as people see it. state: open, acknowledged, assigned, silenced, resolved.
CREATE VIEW alert_row AS
SELECT a.*,
       CASE WHEN a.resolved_at IS NOT NULL THEN 'resolved'
            WHEN a.silenced_until > now() THEN 'silenced'
            WHEN a.assigned IS NOT NULL THEN 'assigned'
            WHEN a.acknowledged_at IS NOT NULL THEN 'acknowledged'
            ELSE 'open' END AS state,
       c.name AS assigned_name
  FROM alert a LEFT JOIN account c ON c.id = a.assigned;

-- Kinds of jobs are the program's to know.
ALTER TABLE job DROP CONSTRAINT job_kind_check,
    ADD CONSTRAINT job_kind_check CHECK (kind ~ '^[a-z-]{1,20}$');

GRANT SELECT, INSERT, UPDATE, DELETE ON alert, alert_device, alert_history, alert_outbox,
    alert_mark TO orrery_server;
GRANT SELECT ON alert_row TO orrery_server;
