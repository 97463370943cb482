-- name: threat_settings_of (catalog)
SELECT catalog, version, body FROM threat_settings WHERE catalog = $1;

-- name: threat_settings_all ()
SELECT catalog, version, body FROM threat_settings ORDER BY catalog;

-- name: threat_settings_save (catalog, version, body)
-- Version 0 is what nobody has set yet.
INSERT INTO threat_settings AS s (catalog, version, body)
SELECT $1::int, 1, $3::jsonb WHERE $2::bigint = 0
    OR EXISTS (SELECT FROM threat_settings WHERE catalog = $1::int)
ON CONFLICT (catalog) DO UPDATE SET version = s.version + 1, body = excluded.body
 WHERE s.version = $2::bigint
RETURNING version;

-- name: threat_mark (catalog, key, devices, ats)
INSERT INTO threat_open AS o (catalog, device, key, seen_at)
SELECT $1::int, u.device, $2, max(u.at)
  FROM unnest($3::bigint[], $4::bigint[]) AS u(device, at)
 GROUP BY u.device ORDER BY u.device
ON CONFLICT (catalog, device, key) DO UPDATE SET seen_at = greatest(o.seen_at, excluded.seen_at);

-- name: threat_over (catalogs, devices, ats)
-- What these devices showed before, and not any more.
WITH gone AS (
    DELETE FROM threat_open o
     USING unnest($1::int[], $2::bigint[], $3::bigint[]) AS w(catalog, device, at)
     WHERE o.catalog = w.catalog AND o.device = w.device AND o.seen_at < w.at
    RETURNING o.catalog, o.key, o.device
)
SELECT catalog, key, device FROM gone ORDER BY catalog, key, device;

-- name: threat_gone ()
-- Who is retired threatens nobody.
WITH gone AS (
    DELETE FROM threat_open o USING device d
     WHERE d.catalog = o.catalog AND d.device = o.device AND d.lifecycle = 2
    RETURNING o.catalog, o.key, o.device
)
SELECT catalog, key, device FROM gone ORDER BY catalog, key, device;

-- name: threat_home ()
SELECT min(id) AS catalog FROM catalog;

-- name: watch_partitions ()
-- How many of the next three hours have a partition for readings and one for the journal.
SELECT count(*) AS n
  FROM generate_series(1, 3) AS h(n),
       to_char((now() AT TIME ZONE 'utc') + h.n * interval '1 hour', 'YYYYMMDDHH24') AS hour
 WHERE to_regclass('telemetry_' || hour) IS NOT NULL AND to_regclass('journal_' || hour) IS NOT NULL;
