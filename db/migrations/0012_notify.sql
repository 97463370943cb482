-- Who is told of alerts, and what became of each message.

CREATE TABLE notification_route (
    catalog      int NOT NULL REFERENCES catalog,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    name         text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 80),
    kind         text NOT NULL CHECK (kind IN ('webhook', 'email', 'alertmanager')),
    url          text,                       -- of a webhook or an Alertmanager
    mail         jsonb,                      -- of an e-mail: server, port, security, user, from, to
    secret       text,                       -- sealed (server/notify/locket.h)
    min_severity smallint NOT NULL,          -- enum alert_severity
    sources      jsonb NOT NULL,             -- lists of texts; empty: all
    codes        jsonb NOT NULL,
    products     jsonb NOT NULL,
    groups       jsonb NOT NULL,
    sites        jsonb NOT NULL,
    escalate_min int,                        -- only what nobody acknowledges for so long
    enabled      boolean NOT NULL,
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    failures     int NOT NULL DEFAULT 0,     -- attempts in a row
    hold_until   timestamptz,                -- after a failure
    delivered_at timestamptz,
    failed_at    timestamptz,
    error        text,                       -- of the latest failure
    PRIMARY KEY (catalog, id),
    CHECK ((kind = 'email') = (mail IS NOT NULL) AND (kind = 'email') = (url IS NULL))
);
CREATE UNIQUE INDEX notification_route_name ON notification_route (catalog, lower(name));

-- A message to one route. held: it waits for nobody to acknowledge the alert.
CREATE TABLE notification_delivery (
    catalog      int NOT NULL,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    route        bigint NOT NULL,
    alert        bigint,                     -- NULL: a test
    event        uuid NOT NULL DEFAULT gen_random_uuid(), -- the same at each attempt
    change       text NOT NULL
                 CHECK (change IN ('opened', 'worsened', 'escalated', 'resolved', 'test')),
    at           timestamptz NOT NULL,       -- of the change
    state        text NOT NULL CHECK (state IN ('held', 'queued', 'failed', 'sent', 'dead')),
    attempts     int NOT NULL DEFAULT 0,
    next_at      timestamptz,                -- NULL: no attempt follows
    give_up_at   timestamptz NOT NULL,
    status       int,                        -- the receiver's, of the latest attempt
    took_ms      int,
    error        text,                       -- what happened at the latest attempt
    created_at   timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz,
    PRIMARY KEY (catalog, id)
) WITH (fillfactor = 70);
CREATE INDEX notification_delivery_route ON notification_delivery (catalog, route, id);
CREATE INDEX notification_delivery_alert ON notification_delivery (catalog, alert, route);
CREATE INDEX notification_delivery_due ON notification_delivery (next_at)
    WHERE next_at IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON notification_route, notification_delivery
    TO orrery_server;
