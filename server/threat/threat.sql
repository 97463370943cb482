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

-- name: threat_over (catalogs, devices, ats, insides)
-- What these devices showed before, and not any more. Where a device is, is another question than
-- what it runs.
WITH gone AS (
    DELETE FROM threat_open o
     USING unnest($1::int[], $2::bigint[], $3::bigint[], $4::int[])
           AS w(catalog, device, at, inside)
     WHERE o.catalog = w.catalog AND o.device = w.device AND o.seen_at < w.at
       AND (o.key = 'threat:T11') = (w.inside = 1)
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

-- name: threat_silent (catalogs, percents, usual)
-- Whose certificate is so long over that it should have been renewed, and who is not known for it
-- yet. percents: of catalogs that have their own; 0: nobody there. Times in Unix ms.
SELECT t.catalog, t.device,
       (extract(epoch FROM t.cert_not_before) * 1000)::bigint AS renewed,
       (extract(epoch FROM t.cert_not_after) * 1000)::bigint AS until
  FROM device_trust t
  JOIN device d ON d.catalog = t.catalog AND d.device = t.device
  LEFT JOIN unnest($1::int[], $2::int[]) AS o(catalog, percent) ON o.catalog = t.catalog
 WHERE t.cert_not_after < now() AND t.cert_kind = 0 AND d.lifecycle = 1
   AND coalesce(o.percent, $3::int) > 0
   AND t.cert_not_before + (t.cert_not_after - t.cert_not_before)
                           * (coalesce(o.percent, $3::int) / 100.0) < now()
   AND NOT EXISTS (SELECT FROM threat_open p WHERE p.catalog = t.catalog AND p.device = t.device
                                               AND p.key = 'threat:T14')
 ORDER BY t.cert_not_after LIMIT 5000;

-- name: threat_home ()
SELECT min(id) AS catalog FROM catalog;

-- name: watch_partitions ()
-- How many of the next three hours have a partition for readings and one for the journal.
SELECT count(*) AS n
  FROM generate_series(1, 3) AS h(n),
       to_char((now() AT TIME ZONE 'utc') + h.n * interval '1 hour', 'YYYYMMDDHH24') AS hour
 WHERE to_regclass('telemetry_' || hour) IS NOT NULL AND to_regclass('journal_' || hour) IS NOT NULL;
