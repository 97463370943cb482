-- When telemetry calls for somebody's attention, and what was told of it.

CREATE TABLE rule (
    catalog      int NOT NULL REFERENCES catalog,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    name         text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 80),
    text         text NOT NULL CHECK (octet_length(text) BETWEEN 1 AND 2000), -- docs/rules.md
    enabled      boolean NOT NULL DEFAULT false,
    enabled_at   timestamptz,                -- since when
    version      int NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    changed_at   timestamptz NOT NULL DEFAULT now(),
    changed_by   text NOT NULL DEFAULT '',
    fired        bigint NOT NULL DEFAULT 0,  -- how often, since it was made
    fired_at     timestamptz,
    heat         float8 NOT NULL DEFAULT 0,  -- how often lately, at fired_at; halves each day
    PRIMARY KEY (catalog, id)
);
CREATE UNIQUE INDEX rule_name ON rule (catalog, lower(name));

-- What was told last of a device, group, product or site. Written with the alert, in one
-- transaction, so that a crash neither repeats nor loses one.
CREATE TABLE rule_turn (
    catalog      int NOT NULL,
    rule         bigint NOT NULL,
    key          bigint NOT NULL,
    fires        boolean NOT NULL,
    at           timestamptz NOT NULL,       -- event time
    PRIMARY KEY (catalog, rule, key)
);
CREATE INDEX rule_turn_fires ON rule_turn (catalog, rule) WHERE fires;

-- Up to when the rules of a catalog have seen its telemetry.
CREATE TABLE rule_mark (
    catalog      int PRIMARY KEY,
    at           timestamptz NOT NULL
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE, DELETE ON rule, rule_turn, rule_mark TO orrery_server;
