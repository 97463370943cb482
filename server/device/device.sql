-- name: device_by_id (catalog, id)
SELECT * FROM device_row WHERE catalog = $1 AND id = $2;

-- name: device_counts (catalog)
SELECT state, sum(n)::bigint AS n FROM device_count
 WHERE catalog = $1 AND dimension = 'all'
 GROUP BY state;

-- name: device_count_fold ()
-- Only what has come twice: a fleet of a thousand sites is not written anew for one of them.
WITH many AS (
    SELECT catalog, dimension, key, state FROM device_count
     GROUP BY catalog, dimension, key, state HAVING count(*) > 1
), gone AS (
    DELETE FROM device_count c USING many m
     WHERE c.catalog = m.catalog AND c.dimension = m.dimension AND c.key = m.key
       AND c.state = m.state
    RETURNING c.*
)
INSERT INTO device_count
SELECT catalog, dimension, key, state, sum(n) FROM gone
 GROUP BY catalog, dimension, key, state HAVING sum(n) <> 0;

-- name: device_kind_fold ()
-- Each row that is taken away is in one sum, whoever else folds.
WITH seen AS (
    SELECT ctid, count(*) OVER (PARTITION BY catalog, lifecycle, state, product, device_group,
                                             version, attested, site, batch) AS rows
      FROM device_kind
), gone AS (
    DELETE FROM device_kind k USING seen s WHERE k.ctid = s.ctid AND s.rows > 1
    RETURNING k.*
)
INSERT INTO device_kind
SELECT catalog, lifecycle, state, product, device_group, version, attested, site, batch, sum(n)
  FROM gone
 GROUP BY catalog, lifecycle, state, product, device_group, version, attested, site, batch
HAVING sum(n) <> 0;

-- name: device_number (catalog, id)
SELECT device FROM device WHERE catalog = $1 AND id = $2;

-- name: device_add (catalog, entries, lifecycle)
-- In order of id, so that two of these cannot wait for each other. Those that would have too many
-- tags (full) are told, not added. Seats are taken for the unknown
-- alone; where two register the same at once, one's stay empty for good.
WITH x AS (
    SELECT x.n, x.device, x.id, x.fingerprint, x.key, x.name, m.tags,
           (SELECT count(*) FROM jsonb_object_keys(m.tags)) > 32 AS full,
           coalesce(x.device_group, w.device_group) AS device_group
      FROM jsonb_to_recordset($2::jsonb)
        AS x(n int, device bigint, id text, fingerprint text, key text, name text, tags jsonb,
             device_group int, window_id bigint)
      LEFT JOIN registration_window w ON w.catalog = $1 AND w.id = x.window_id,
           LATERAL (SELECT coalesce(w.tags, '{}') || coalesce(x.tags, '{}') AS tags) m
     WHERE x.fingerprint <> '' AND NOT EXISTS (SELECT 1 FROM device d WHERE d.id = x.id)
), e AS (
    SELECT *, row_number() OVER (ORDER BY id) - 1 AS seat FROM x WHERE NOT x.full
), c AS (
    UPDATE catalog SET next_seat = next_seat + (SELECT count(*) FROM e)
     WHERE id = $1 AND EXISTS (SELECT 1 FROM e)
    RETURNING next_seat - (SELECT count(*) FROM e) AS seat
), d AS (
    INSERT INTO device (catalog, device, id, fingerprint, public_key, name, tags, seat, lifecycle,
                        claimed_at, device_group)
    SELECT $1::int, device, id, fingerprint, decode(nullif(key, ''), 'hex'), name,
           tags, c.seat + e.seat, $3::smallint,
           CASE WHEN $3::smallint = 1 THEN now() END, device_group
      FROM e, c ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING catalog, device
), s AS (
    INSERT INTO device_state (catalog, device, reason)
    SELECT catalog, device, 'It has never shown evidence' FROM d
    ON CONFLICT DO NOTHING
), t AS (
    INSERT INTO device_trust (catalog, device) SELECT catalog, device FROM d
    ON CONFLICT DO NOTHING
)
SELECT x.n, d.device, x.full FROM x LEFT JOIN d ON d.device = x.device
 WHERE x.full OR d.device IS NOT NULL;

-- name: device_claim (catalog, entries)
-- The check and the change are one statement, so two claims cannot both win. A key that was known
-- by its fingerprint only is filled in.
WITH e AS (
    SELECT * FROM jsonb_to_recordset($2::jsonb)
        AS x(n int, id text, fingerprint text, key text, name text, tags jsonb, device_group int,
             window_id bigint)
), was AS (
    SELECT e.n, e.key, e.name, m.tags,
           (SELECT count(*) FROM jsonb_object_keys(m.tags)) > 32 AS full,
           coalesce(e.device_group, w.device_group, d.device_group) AS device_group,
           d.device, d.lifecycle, d.refused_before, d.public_key IS NULL AS keyless,
           e.fingerprint IN ('', d.fingerprint) AS same
      FROM e JOIN device d ON d.catalog = $1 AND d.id = e.id
      LEFT JOIN registration_window w ON w.catalog = $1 AND w.id = e.window_id,
           LATERAL (SELECT d.tags || coalesce(w.tags, '{}') || coalesce(e.tags, '{}') AS tags) m
     ORDER BY d.device FOR UPDATE OF d
), c AS (
    UPDATE device d
       SET lifecycle = 1, claimed_at = now(), name = coalesce(was.name, d.name),
           tags = was.tags, device_group = was.device_group,
           public_key = coalesce(d.public_key, decode(nullif(was.key, ''), 'hex')),
           version = d.version + 1
      FROM was
     WHERE d.catalog = $1 AND d.device = was.device AND d.lifecycle = 0 AND was.same
       AND NOT was.full
    RETURNING d.device
), k AS (
    UPDATE device d SET public_key = decode(was.key, 'hex')
      FROM was
     WHERE d.catalog = $1 AND d.device = was.device AND was.lifecycle <> 0 AND was.same
       AND was.keyless AND was.key <> ''
)
SELECT was.n, was.device, was.lifecycle, was.same, c.device IS NOT NULL AS changed,
       was.lifecycle = 0 AND was.full AS full,
       ceil(extract(epoch FROM was.refused_before))::bigint AS refused_before
  FROM was LEFT JOIN c ON c.device = was.device;

-- name: device_learn_key (catalog, device, key)
UPDATE device SET public_key = decode($3, 'hex')
 WHERE catalog = $1 AND device = $2 AND public_key IS NULL;

-- name: device_change (catalog, id, version, name, tags, group, note)
UPDATE device
   SET name = $4, tags = $5::jsonb, device_group = $6, note = $7, version = version + 1
 WHERE catalog = $1 AND id = $2 AND version = $3
RETURNING device;

-- name: roster_page (catalog, device, limit)
SELECT catalog, device, id, lifecycle,
       ceil(extract(epoch FROM refused_before))::bigint AS refused_before
  FROM device
 WHERE (catalog, device) > ($1, $2)
 ORDER BY catalog, device LIMIT $3;
