-- The whole fleet: products, groups, seats, what devices are found and counted by, and the long
-- jobs and open doors through which many devices come in.

-- ---------------------------------------------------------------- products and groups

CREATE TABLE product (
    catalog     int NOT NULL REFERENCES catalog,
    id          int GENERATED ALWAYS AS IDENTITY,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 50),
    description text NOT NULL DEFAULT '',
    version     int NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (catalog, id)
);
CREATE UNIQUE INDEX product_name ON product (catalog, lower(name));

-- A group belongs to one product for good.
CREATE TABLE device_group (
    catalog     int NOT NULL,
    id          int GENERATED ALWAYS AS IDENTITY,
    product     int NOT NULL,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 50),
    description text NOT NULL DEFAULT '',
    os_feed     text NOT NULL DEFAULT 'retail' CHECK (os_feed IN ('retail', 'retailEvaluation')),
    update_policy text NOT NULL DEFAULT 'updateAll'
        CHECK (update_policy IN ('updateAll', 'no3rdPartyAppUpdates')),
    crash_dumps boolean NOT NULL DEFAULT false,
    regional_boundary text NOT NULL DEFAULT 'none' CHECK (regional_boundary IN ('none', 'eu')),
    version     int NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (catalog, id),
    FOREIGN KEY (catalog, product) REFERENCES product (catalog, id)
);
CREATE UNIQUE INDEX device_group_name ON device_group (catalog, product, lower(name));

-- ---------------------------------------------------------------- device

-- A seat is a device's place in the picture of its catalog: minted once, never used again.
ALTER TABLE catalog ADD COLUMN next_seat int NOT NULL DEFAULT 0;

ALTER TABLE device
    ADD COLUMN device_group int,            -- NULL: in none yet
    ADD COLUMN seat int,
    ADD COLUMN note text CHECK (length(note) <= 4000),
    -- A claim may name a fingerprint that nobody has met: the key comes with the first connection.
    ALTER COLUMN public_key DROP NOT NULL,
    ADD FOREIGN KEY (catalog, device_group) REFERENCES device_group (catalog, id);

UPDATE device d SET seat = n.seat
  FROM (SELECT catalog, device, row_number() OVER (PARTITION BY catalog ORDER BY device) - 1 AS seat
          FROM device) n
 WHERE d.catalog = n.catalog AND d.device = n.device;
UPDATE catalog c SET next_seat = (SELECT count(*) FROM device d WHERE d.catalog = c.id);
ALTER TABLE device ALTER COLUMN seat SET NOT NULL;
CREATE UNIQUE INDEX device_seat ON device (catalog, seat);
CREATE INDEX device_in_group ON device (catalog, device_group) WHERE device_group IS NOT NULL;

ALTER TABLE device_trust
    ADD COLUMN attested_version text,       -- of the last evidence that was not refused
    ADD COLUMN network text;                -- that it attested from: a /24 or /48
UPDATE device_trust SET attested_version = os_version WHERE verdict IN (1, 2);

-- ---------------------------------------------------------------- what devices are found by

-- Narrow, and kept by the triggers below from device, device_state and device_trust: every filter
-- and every facet reads this table alone. name is lower case; site and batch are tags.
CREATE TABLE device_index (
    catalog      int NOT NULL,
    device       bigint NOT NULL,
    seat         int NOT NULL,
    lifecycle    smallint NOT NULL,
    state        smallint NOT NULL,
    product      int,
    device_group int,
    id           text COLLATE "C" NOT NULL,
    name         text COLLATE "C" NOT NULL,  -- '' where it has none
    version      text COLLATE "C",
    attested     text COLLATE "C",
    site         text COLLATE "C",
    batch        text COLLATE "C",
    network      text COLLATE "C",
    tags         jsonb NOT NULL,
    PRIMARY KEY (catalog, device)
) WITH (fillfactor = 70);

CREATE INDEX device_index_id ON device_index (catalog, id);
CREATE INDEX device_index_name ON device_index (catalog, name, device);
CREATE INDEX device_index_state ON device_index (catalog, state, device);
-- Nearly all are claimed.
CREATE INDEX device_index_lifecycle ON device_index (catalog, lifecycle, device)
    WHERE lifecycle <> 1;
CREATE INDEX device_index_group ON device_index (catalog, device_group, device);
CREATE INDEX device_index_product ON device_index (catalog, product, device);
CREATE INDEX device_index_site ON device_index (catalog, site, device);
CREATE INDEX device_index_version ON device_index (catalog, version, device);
CREATE INDEX device_index_tags ON device_index USING gin (tags jsonb_path_ops);

-- What names are searched by. Letters beyond ASCII have two cases only where PostgreSQL was built
-- with ICU; the private cluster's own locale is C.
DO $$ BEGIN
    EXECUTE format('CREATE FUNCTION device_search_name(name text) RETURNS text LANGUAGE sql '
                   'IMMUTABLE PARALLEL SAFE AS %L',
                   CASE WHEN EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu')
                        THEN 'SELECT lower(coalesce(name, '''') COLLATE "und-x-icu")'
                        ELSE 'SELECT lower(coalesce(name, ''''))' END);
END $$;

-- The triggers are of statements, with transition tables: one insert or update of the index for as
-- many rows as the statement touched. Rows are locked in order of device, for which the planner
-- must walk them one by one, so that two such statements never wait for each other.

CREATE FUNCTION device_index_add() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO device_index
    SELECT d.catalog, d.device, d.seat, d.lifecycle, coalesce(s.state, 0::smallint), g.product,
           d.device_group, d.id, device_search_name(d.name), t.os_version, t.attested_version,
           d.tags ->> 'site', d.tags ->> 'batch', t.network, d.tags
      FROM added d
      LEFT JOIN device_group g ON g.catalog = d.catalog AND g.id = d.device_group
      LEFT JOIN device_state s ON s.catalog = d.catalog AND s.device = d.device
      LEFT JOIN device_trust t ON t.catalog = d.catalog AND t.device = d.device
     ORDER BY d.catalog, d.device;
    RETURN NULL;
END $$;

CREATE FUNCTION device_index_change() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    UPDATE device_index i
       SET lifecycle = n.lifecycle, product = n.product, device_group = n.device_group,
           name = n.name, site = n.tags ->> 'site', batch = n.tags ->> 'batch', tags = n.tags
      FROM (SELECT d.catalog, d.device, d.lifecycle, g.product, d.device_group, d.tags,
                   device_search_name(d.name) AS name
              FROM changed d
              LEFT JOIN device_group g ON g.catalog = d.catalog AND g.id = d.device_group
             ORDER BY d.catalog, d.device) n
     WHERE i.catalog = n.catalog AND i.device = n.device
       AND (i.lifecycle, i.device_group, i.name, i.tags)
           IS DISTINCT FROM (n.lifecycle, n.device_group, n.name, n.tags);
    RETURN NULL;
END $$;

CREATE FUNCTION device_index_drop() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public AS $$
BEGIN
    DELETE FROM device_index i USING gone d WHERE i.catalog = d.catalog AND i.device = d.device;
    RETURN NULL;
END $$;

CREATE FUNCTION device_index_state() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    UPDATE device_index i SET state = n.state
      FROM (SELECT catalog, device, state FROM changed ORDER BY catalog, device) n
     WHERE i.catalog = n.catalog AND i.device = n.device AND i.state <> n.state;
    RETURN NULL;
END $$;

CREATE FUNCTION device_index_trust() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    UPDATE device_index i
       SET version = n.os_version, attested = n.attested_version, network = n.network
      FROM (SELECT * FROM changed ORDER BY catalog, device) n
     WHERE i.catalog = n.catalog AND i.device = n.device
       AND (i.version, i.attested, i.network)
           IS DISTINCT FROM (n.os_version, n.attested_version, n.network);
    RETURN NULL;
END $$;

CREATE TRIGGER device_added AFTER INSERT ON device REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION device_index_add();
CREATE TRIGGER device_changed AFTER UPDATE ON device REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION device_index_change();
CREATE TRIGGER device_gone AFTER DELETE ON device REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION device_index_drop();
CREATE TRIGGER device_state_added AFTER INSERT ON device_state REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION device_index_state();
CREATE TRIGGER device_state_changed AFTER UPDATE ON device_state REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION device_index_state();
CREATE TRIGGER device_trust_added AFTER INSERT ON device_trust REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION device_index_trust();
CREATE TRIGGER device_trust_changed AFTER UPDATE ON device_trust REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION device_index_trust();

-- ---------------------------------------------------------------- what tiles and facets show

-- Sums of n are counts. Triggers only add rows, so that nobody waits for anybody; a job of the
-- scheduler folds them (device_count_fold). Of dimension 'lifecycle' all devices, of the others all
-- that are not retired; key is '' where a device has none.
CREATE TABLE device_count (
    catalog     int NOT NULL,
    dimension   text COLLATE "C" NOT NULL,  -- all lifecycle product group version attested site batch
    key         text COLLATE "C" NOT NULL,
    state       smallint NOT NULL,
    n           bigint NOT NULL
);
CREATE INDEX device_count_catalog ON device_count (catalog, dimension);
ALTER TABLE device_count SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
                              autovacuum_vacuum_insert_threshold = -1);

-- For tiles: a row a value, with the sum and a column a state (n1: healthy).
CREATE VIEW device_tally AS
SELECT catalog, dimension, key, sum(n)::bigint AS n,
       sum(n) FILTER (WHERE state = 0) AS n0, sum(n) FILTER (WHERE state = 1) AS n1,
       sum(n) FILTER (WHERE state = 2) AS n2, sum(n) FILTER (WHERE state = 3) AS n3,
       sum(n) FILTER (WHERE state = 4) AS n4, sum(n) FILTER (WHERE state = 5) AS n5
  FROM device_count
 GROUP BY catalog, dimension, key;

CREATE TYPE device_weight AS (
    catalog int, lifecycle smallint, state smallint, product int, device_group int, version text,
    attested text, site text, batch text, n bigint);

CREATE FUNCTION device_count_add(rows device_weight[]) RETURNS void LANGUAGE sql
SECURITY DEFINER SET search_path = public AS $$
    INSERT INTO device_count
    SELECT r.catalog, d.dimension, d.key, r.state, sum(r.n)
      FROM unnest(rows) r
     CROSS JOIN LATERAL (VALUES
               ('all', ''), ('lifecycle', r.lifecycle::text),
               ('product', coalesce(r.product::text, '')),
               ('group', coalesce(r.device_group::text, '')),
               ('version', coalesce(r.version, '')), ('attested', coalesce(r.attested, '')),
               ('site', coalesce(r.site, '')), ('batch', coalesce(r.batch, '')))
           AS d (dimension, key)
     WHERE r.lifecycle <> 2 OR d.dimension = 'lifecycle'
     GROUP BY 1, 2, 3, 4
    HAVING sum(r.n) <> 0;
$$;

CREATE FUNCTION device_count_added() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public AS $$
BEGIN
    PERFORM device_count_add(array_agg(w)) FROM (
        SELECT (catalog, lifecycle, state, product, device_group, version, attested, site, batch,
                count(*))::device_weight AS w
          FROM added
         GROUP BY catalog, lifecycle, state, product, device_group, version, attested, site, batch) x;
    RETURN NULL;
END $$;

CREATE FUNCTION device_count_changed() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public AS $$
BEGIN
    PERFORM device_count_add(array_agg(w)) FROM (
        SELECT (catalog, lifecycle, state, product, device_group, version, attested, site, batch,
                sum(n))::device_weight AS w
          FROM (SELECT *, -1 AS n FROM before UNION ALL SELECT *, 1 FROM after) r
         GROUP BY catalog, lifecycle, state, product, device_group, version, attested, site, batch
        HAVING sum(n) <> 0) x;
    RETURN NULL;
END $$;

CREATE FUNCTION device_count_gone() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public AS $$
BEGIN
    PERFORM device_count_add(array_agg(w)) FROM (
        SELECT (catalog, lifecycle, state, product, device_group, version, attested, site, batch,
                -count(*))::device_weight AS w
          FROM gone
         GROUP BY catalog, lifecycle, state, product, device_group, version, attested, site, batch) x;
    RETURN NULL;
END $$;

CREATE TRIGGER device_index_added AFTER INSERT ON device_index REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION device_count_added();
CREATE TRIGGER device_index_changed AFTER UPDATE ON device_index
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION device_count_changed();
CREATE TRIGGER device_index_gone AFTER DELETE ON device_index REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION device_count_gone();

-- The devices that exist already.
INSERT INTO device_index
SELECT d.catalog, d.device, d.seat, d.lifecycle, coalesce(s.state, 0::smallint), NULL, NULL, d.id,
       device_search_name(d.name), t.os_version, t.attested_version, d.tags ->> 'site',
       d.tags ->> 'batch', t.network, d.tags
  FROM device d
  LEFT JOIN device_state s ON s.catalog = d.catalog AND s.device = d.device
  LEFT JOIN device_trust t ON t.catalog = d.catalog AND t.device = d.device;

-- They were for the searches that the index now serves.
DROP INDEX device_name, device_lifecycle, device_tags, device_state_unwell;

-- The filter of lists, facets, exports and changes to many; NULL where a field does not matter.
-- server/device/filter.c writes it; a NULL among the values of a list means "has none".
CREATE TYPE device_filter AS (
    catalog      int,
    prefix       text COLLATE "C",      -- of the name, or
    id_prefix    text COLLATE "C",      -- of the id
    state        smallint[],
    lifecycle    smallint[],
    product      int[],
    device_group int[],
    version      text[] COLLATE "C",
    attested     text[] COLLATE "C",
    site         text[] COLLATE "C",
    batch        text[] COLLATE "C",
    network      text[] COLLATE "C",
    tags         jsonb,
    seen_after   timestamptz,
    seen_before  timestamptz,
    seat         int,
    ids          text[] COLLATE "C"
);

-- One value is compared by =, so that an index in order of (column, device) stays in that order.
CREATE FUNCTION is_one_of(value anyelement, list anyarray) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN list IS NULL THEN true
                WHEN array_position(list, NULL) IS NOT NULL
                THEN value IS NULL OR value = ANY (list)
                WHEN cardinality(list) = 1 THEN value = list[1]
                ELSE value = ANY (list) END;
$$;

-- Simple enough to be inlined: with a constant filter, only the conditions that were asked for are
-- left, and the join only where something asks when a device was last seen.
CREATE FUNCTION device_found(f device_filter) RETURNS SETOF device_index
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT i.*
      FROM device_index i
      LEFT JOIN device_state s ON s.catalog = i.catalog AND s.device = i.device
     WHERE i.catalog = f.catalog
       AND (f.prefix IS NULL
            OR (i.name >= device_search_name(f.prefix) COLLATE "C"
                AND i.name < (device_search_name(f.prefix) || chr(1114111)) COLLATE "C")
            OR (i.id >= f.id_prefix AND i.id < f.id_prefix || 'g'))
       AND is_one_of(i.state, f.state)
       AND is_one_of(i.lifecycle, f.lifecycle)
       AND is_one_of(i.product, f.product)
       AND is_one_of(i.device_group, f.device_group)
       AND is_one_of(i.version, f.version)
       AND is_one_of(i.attested, f.attested)
       AND is_one_of(i.site, f.site)
       AND is_one_of(i.batch, f.batch)
       AND is_one_of(i.network, f.network)
       AND (f.tags IS NULL OR i.tags @> f.tags)
       AND (f.seen_after IS NULL OR s.last_seen > f.seen_after)
       AND (f.seen_before IS NULL OR s.last_seen < f.seen_before)
       AND (f.seat IS NULL OR i.device = (SELECT d.device FROM device d
                                           WHERE d.catalog = f.catalog AND d.seat = f.seat))
       AND (f.ids IS NULL OR i.id = ANY (f.ids));
$$;

-- What people read instead of the number of a product or a group.
CREATE FUNCTION facet_label(of_catalog int, dimension text, key text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN key = '' THEN NULL
                WHEN dimension = 'product'
                THEN (SELECT p.name FROM product p
                       WHERE p.catalog = of_catalog AND p.id = key::int)
                WHEN dimension = 'group'
                THEN (SELECT p.name || ' / ' || g.name
                        FROM device_group g
                        JOIN product p ON p.catalog = g.catalog AND p.id = g.product
                       WHERE g.catalog = of_catalog AND g.id = key::int) END;
$$;

-- As before, and: seat, group, product, note.
DROP VIEW device_row;
CREATE VIEW device_row AS
SELECT d.catalog, d.device, d.id, d.fingerprint, d.name, d.lifecycle, d.tags, d.version, d.seat,
       d.note, d.device_group AS group_id, g.name AS group_name, g.product AS product_id,
       p.name AS product_name,
       (extract(epoch FROM d.created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM d.claimed_at) * 1000)::bigint AS claimed_at,
       s.state, s.reason, s.online,
       (extract(epoch FROM s.state_since) * 1000)::bigint AS state_since,
       (extract(epoch FROM s.last_seen) * 1000)::bigint AS last_seen,
       t.verdict, t.os_version, t.attested_version, t.hw_model, t.cert_kind, t.network, t.by_hand,
       encode(t.cert_serial, 'hex') AS cert_serial,
       (extract(epoch FROM t.attested_at) * 1000)::bigint AS attested_at,
       (extract(epoch FROM t.cert_not_before) * 1000)::bigint AS cert_not_before,
       (extract(epoch FROM t.cert_not_after) * 1000)::bigint AS cert_not_after
  FROM device d
  LEFT JOIN device_group g ON g.catalog = d.catalog AND g.id = d.device_group
  LEFT JOIN product p ON p.catalog = g.catalog AND p.id = g.product
  LEFT JOIN device_state s ON s.catalog = d.catalog AND s.device = d.device
  LEFT JOIN device_trust t ON t.catalog = d.catalog AND t.device = d.device;

-- ---------------------------------------------------------------- views of the list

CREATE TABLE saved_view (
    catalog     int NOT NULL REFERENCES catalog,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    account     bigint NOT NULL REFERENCES account ON DELETE CASCADE, -- who made it
    shared      boolean NOT NULL DEFAULT false, -- all who see the catalog's devices see it
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    query       text NOT NULL CHECK (length(query) <= 2000), -- of the page's address
    version     int NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (catalog, id)
);
CREATE UNIQUE INDEX saved_view_name ON saved_view (catalog, account, lower(name));

-- ---------------------------------------------------------------- jobs

-- What takes longer than a request may: claims from a file, a change to all devices of a query.
-- Done in chunks, a transaction and an audit entry each; position is where the next one starts,
-- so that a job goes on after a crash and repeats nothing.
CREATE TABLE job (
    catalog     int NOT NULL REFERENCES catalog,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    kind        text NOT NULL CHECK (kind IN ('claims', 'bulk')),
    state       text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'running', 'done', 'stopped', 'failed')),
    title       text NOT NULL,              -- for people: "Move 8,605 devices to Production"
    request     jsonb NOT NULL,             -- what is to be done, as the kind reads it
    input       bytea,                      -- SHA-256 of the file of a claims job
    total       bigint,                     -- NULL until it is known
    position    bigint NOT NULL DEFAULT 0,
    changed     bigint NOT NULL DEFAULT 0,
    unchanged   bigint NOT NULL DEFAULT 0,
    refused     bigint NOT NULL DEFAULT 0,
    problems    jsonb NOT NULL DEFAULT '[]', -- of the first 1,000 refused
    failure     text,
    account     bigint,
    actor       text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (catalog, id)
);
CREATE INDEX job_open ON job (id) WHERE state IN ('waiting', 'running');

-- The devices of a bulk job, fixed when it was asked for.
CREATE TABLE job_target (
    job         bigint NOT NULL,
    n           bigint NOT NULL,
    device      bigint NOT NULL,
    PRIMARY KEY (job, n)
);

-- ---------------------------------------------------------------- open doors

-- While it is open, devices that nobody has registered may connect and are held as arrivals; with
-- its code they are claimed at once.
CREATE TABLE registration_window (
    catalog     int NOT NULL REFERENCES catalog,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    label       text NOT NULL DEFAULT '',
    code        bytea UNIQUE,               -- SHA-256 of the claim code; NULL: it has none
    code_hint   text,                       -- its first four characters
    device_group int,
    tags        jsonb NOT NULL DEFAULT '{}',
    most        int NOT NULL CHECK (most BETWEEN 1 AND 100000),
    arrived     int NOT NULL DEFAULT 0,
    claimed     int NOT NULL DEFAULT 0,
    actor       text NOT NULL,
    opens_at    timestamptz NOT NULL DEFAULT now(),
    closes_at   timestamptz NOT NULL,
    PRIMARY KEY (catalog, id),
    FOREIGN KEY (catalog, device_group) REFERENCES device_group (catalog, id)
);
CREATE INDEX registration_window_open ON registration_window (closes_at);

-- Who knocked and is not a device yet.
CREATE TABLE arrival (
    catalog     int NOT NULL REFERENCES catalog,
    fingerprint text COLLATE "C" NOT NULL,
    public_key  bytea NOT NULL,
    window_id   bigint NOT NULL,
    remote      text NOT NULL,
    agent       text,
    knocks      int NOT NULL DEFAULT 1,
    first_at    timestamptz NOT NULL DEFAULT now(),
    last_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (catalog, fingerprint)
);

-- ---------------------------------------------------------------- refused evidence

-- Counted by hour. The reasons are the server's own words, never a device's: they stay few.
CREATE TABLE refusal (
    catalog     int NOT NULL REFERENCES catalog,
    hour        timestamptz NOT NULL,
    reason      text NOT NULL,
    n           bigint NOT NULL,
    PRIMARY KEY (catalog, hour, reason)
);

-- ---------------------------------------------------------------- rights of the server's role

GRANT SELECT, INSERT, UPDATE, DELETE ON product, device_group, saved_view, job, job_target,
    registration_window, arrival, device_count, refusal TO orrery_server;
GRANT SELECT ON device_index, device_row, device_tally TO orrery_server;
