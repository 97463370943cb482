-- The tables of the first release. (catalog, device) leads every key of device data; hot tables
-- have no foreign keys and no index on what changes each second.

CREATE TABLE catalog (
    id              int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name            text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9-]{1,50}$'),
    telemetry_hours int NOT NULL DEFAULT 720 CHECK (telemetry_hours BETWEEN 1 AND 87600),
    journal_hours   int NOT NULL DEFAULT 720 CHECK (journal_hours BETWEEN 1 AND 87600),
    version         int NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- ---------------------------------------------------------------- access

CREATE TABLE account (
    id              bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    password        text NOT NULL,           -- PHC string, scrypt
    must_change     boolean NOT NULL DEFAULT false,
    role            text NOT NULL CHECK (role IN ('owner', 'admin', 'operator', 'viewer', 'auditor')),
    catalog         int REFERENCES catalog,  -- NULL: every catalog
    disabled        boolean NOT NULL DEFAULT false,
    version         int NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX account_name ON account (lower(name));

CREATE TABLE session (
    hash        bytea PRIMARY KEY,           -- SHA-256 of the cookie
    account     bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    remote      text,
    agent       text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX session_account ON session (account);

CREATE TABLE api_token (
    id          bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    hash        bytea NOT NULL UNIQUE,       -- SHA-256 of the token
    prefix      text NOT NULL,               -- shown, so that one knows which it is
    account     bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    name        text NOT NULL,
    scopes      text[] NOT NULL,             -- permission names; cut to the role's
    catalog     int REFERENCES catalog,      -- NULL: all the account may see
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX api_token_account ON api_token (account);

CREATE TABLE idempotency (
    account     bigint NOT NULL,
    key         text NOT NULL,
    request     bytea NOT NULL,              -- SHA-256 of method, path and body
    status      int NOT NULL,
    answer      text,                        -- JSON; NULL where it held a secret
    etag        text NOT NULL,
    location    text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- Random bytes made once, from which the server derives the keys of cursors and CSRF tokens.
CREATE TABLE secret (
    name        text PRIMARY KEY,
    value       bytea NOT NULL
);

-- ---------------------------------------------------------------- audit

-- chain: a catalog's id, or 0 for what concerns the whole installation.
CREATE TABLE audit (
    chain       int NOT NULL,
    seq         bigint NOT NULL,
    at          timestamptz NOT NULL,
    account     bigint,
    actor       text NOT NULL,
    action      text NOT NULL,               -- "POST /api/v1/catalogs/{catalog}/devices"
    object      text NOT NULL,
    count       bigint NOT NULL DEFAULT 1,   -- objects touched
    outcome     text NOT NULL,
    remote      text,
    request     text,
    detail      text,
    prev        bytea NOT NULL,
    hash        bytea NOT NULL,              -- SHA-256 over prev and the columns above
    PRIMARY KEY (chain, seq)
);

CREATE TABLE audit_seal (
    chain       int NOT NULL,
    seq         bigint NOT NULL,
    seal        text NOT NULL,               -- JWS of the keeper over the head
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chain, seq)
);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit chain is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_seal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- ---------------------------------------------------------------- device

-- lifecycle: registered and claimed come from enrolment; retired is for a person who takes a device
-- out of service for good.
CREATE TABLE device (
    catalog      int NOT NULL REFERENCES catalog,
    device       bigint NOT NULL,            -- minted by the server, grows with time
    id           text COLLATE "C" NOT NULL UNIQUE, -- first 32 digits of the fingerprint
    fingerprint  text NOT NULL UNIQUE,       -- SHA-256 of public_key, 64 hex digits
    public_key   bytea NOT NULL,             -- SubjectPublicKeyInfo, DER
    name         text COLLATE "C",           -- bytewise, so that a prefix is a range
    lifecycle    smallint NOT NULL DEFAULT 0, -- enum device_lifecycle
    tags         jsonb NOT NULL DEFAULT '{}',
    refused_before timestamptz,              -- certificates issued before are denied
    version      int NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    claimed_at   timestamptz,
    PRIMARY KEY (catalog, device)
);
CREATE INDEX device_id ON device (catalog, id);
CREATE INDEX device_name ON device (catalog, name, device);
CREATE INDEX device_lifecycle ON device (catalog, lifecycle, device);
CREATE INDEX device_tags ON device USING gin (tags jsonb_path_ops);

-- Hot: written by ingest each second for the devices that spoke.
CREATE TABLE device_state (
    catalog      int NOT NULL,
    device       bigint NOT NULL,
    state        smallint NOT NULL DEFAULT 0, -- enum device_state
    reason       text,
    state_since  timestamptz NOT NULL DEFAULT now(),
    online       boolean NOT NULL DEFAULT false,
    last_seen    timestamptz,                -- last message or end of the last session
    boot         bigint NOT NULL DEFAULT 0,  -- (boot, last_seq): committed up to here
    last_seq     bigint NOT NULL DEFAULT 0,
    hello_boot   bigint NOT NULL DEFAULT 0,  -- highest one said in a hello
    last_at      timestamptz,                -- of the newest reading
    last_shape   int,
    last_values  float8[],
    PRIMARY KEY (catalog, device)
) WITH (fillfactor = 50);
CREATE INDEX device_state_unwell ON device_state (catalog, state, device) WHERE state <> 1;

-- What the last evidence said. Written at attestation, not at telemetry; by_hand is for a person's
-- quarantine, which no evidence lifts.
CREATE TABLE device_trust (
    catalog        int NOT NULL,
    device         bigint NOT NULL,
    verdict        smallint NOT NULL DEFAULT 0, -- enum verdict
    attested_at    timestamptz,
    findings       jsonb NOT NULL DEFAULT '[]',
    evidence       text,                     -- the EAT as received
    evidence_hash  bytea,
    claims         jsonb,
    attester       text,
    os_version     text,
    hw_model       text,
    svn            bigint,
    boot_count     bigint,
    by_hand        text,                     -- why a person quarantined it; NULL if nobody did
    cert_kind      smallint,                 -- enum cert_kind
    cert_serial    bytea,
    cert_key       bytea,                    -- SHA-256 of its public key
    cert_not_before timestamptz,
    cert_not_after timestamptz,
    PRIMARY KEY (catalog, device)
);

-- A device as people see it; times in Unix ms. Page or filter on device first, then join this.
CREATE VIEW device_row AS
SELECT d.catalog, d.device, d.id, d.fingerprint, d.name, d.lifecycle, d.tags, d.version,
       (extract(epoch FROM d.created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM d.claimed_at) * 1000)::bigint AS claimed_at,
       s.state, s.reason, s.online,
       (extract(epoch FROM s.state_since) * 1000)::bigint AS state_since,
       (extract(epoch FROM s.last_seen) * 1000)::bigint AS last_seen,
       t.verdict, t.os_version, t.hw_model, t.cert_kind,
       encode(t.cert_serial, 'hex') AS cert_serial,
       (extract(epoch FROM t.attested_at) * 1000)::bigint AS attested_at,
       (extract(epoch FROM t.cert_not_before) * 1000)::bigint AS cert_not_before,
       (extract(epoch FROM t.cert_not_after) * 1000)::bigint AS cert_not_after
  FROM device d
  LEFT JOIN device_state s ON s.catalog = d.catalog AND s.device = d.device
  LEFT JOIN device_trust t ON t.catalog = d.catalog AND t.device = d.device;

-- What a measurement may be. One row an accepted value.
CREATE TABLE reference_value (
    catalog     int NOT NULL REFERENCES catalog,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    component   text NOT NULL,
    version     text NOT NULL,
    sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    svn         bigint NOT NULL DEFAULT 0,
    source      text NOT NULL,               -- "manifest", "first evidence", a person
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (catalog, id),
    UNIQUE (catalog, component, sha256)
);

-- ---------------------------------------------------------------- telemetry

-- The list of metric names a message had; rows then carry only its number.
CREATE TABLE shape (
    catalog     int NOT NULL,
    id          int NOT NULL,
    names       text[] NOT NULL,
    PRIMARY KEY (catalog, id),
    UNIQUE (catalog, names)
);

CREATE TABLE telemetry (
    catalog     int NOT NULL,
    device      bigint NOT NULL,
    ts          timestamptz NOT NULL,
    shape       int NOT NULL,
    vals        float8[] NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX telemetry_device ON telemetry (catalog, device, ts);
CREATE INDEX telemetry_ts ON telemetry USING brin (ts);

-- Log lines and events.
CREATE TABLE journal (
    catalog     int NOT NULL,
    device      bigint NOT NULL,
    ts          timestamptz NOT NULL,
    seq         bigint NOT NULL,
    event       boolean NOT NULL,
    level       smallint NOT NULL,           -- enum journal_level
    name        text,                        -- of an event
    source      text,
    text        text NOT NULL,
    fields      jsonb
) PARTITION BY RANGE (ts);
CREATE INDEX journal_device ON journal (catalog, device, ts, seq);

-- Sequence log and commit token in one; deleted by id once device_state covers it. body: for each
-- device of the batch catalog int4, device int8, boot int8, seq int8, big-endian.
CREATE TABLE ingest_batch (
    id          uuid PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT now(),
    body        bytea NOT NULL
);

-- Deletes up to most rows of a catalog from one partition; how many there were.
CREATE FUNCTION partition_trim(part regclass, catalog int, most int) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('DELETE FROM %s WHERE ctid = ANY (ARRAY('
                   'SELECT ctid FROM %s WHERE catalog = $1 LIMIT $2))', part, part)
      USING catalog, most;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

-- ---------------------------------------------------------------- rights of the server's role

GRANT USAGE, CREATE ON SCHEMA public TO orrery_server;
GRANT SELECT, INSERT, UPDATE, DELETE ON catalog, account, session, api_token, idempotency, device,
    device_state, device_trust, reference_value, shape, ingest_batch TO orrery_server;
GRANT SELECT, INSERT ON audit, audit_seal, secret TO orrery_server;
GRANT SELECT ON device_row TO orrery_server;
-- It makes and drops their partitions.
ALTER TABLE telemetry OWNER TO orrery_server;
ALTER TABLE journal OWNER TO orrery_server;
