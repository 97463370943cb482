-- name: loudness_set (catalog, device, group, level, minutes)
INSERT INTO log_level (catalog, device, device_group, level, until)
VALUES ($1, $2, $3, $4, now() + $5::int * interval '1 minute')
    ON CONFLICT (catalog, device, device_group) DO UPDATE
   SET level = EXCLUDED.level, until = EXCLUDED.until;

-- name: loudness_end (catalog, device, group)
DELETE FROM log_level
 WHERE catalog = $1 AND device IS NOT DISTINCT FROM $2 AND device_group IS NOT DISTINCT FROM $3;

-- name: loudness_of (catalog, device)
SELECT l.level, l.device IS NULL AS by_group, (extract(epoch FROM l.until) * 1000)::bigint AS until
  FROM device d
  JOIN log_level l ON l.catalog = d.catalog AND l.until > now()
   AND (l.device = d.device OR l.device_group = d.device_group)
 WHERE d.catalog = $1 AND d.device = $2
 ORDER BY l.device IS NULL LIMIT 1;

-- name: loudness_report (catalog, device, level)
INSERT INTO device_loudness (catalog, device, level) VALUES ($1, $2, $3)
    ON CONFLICT (catalog, device) DO UPDATE
   SET level = EXCLUDED.level,
       since = CASE WHEN device_loudness.level = EXCLUDED.level THEN device_loudness.since
                    ELSE now() END;

-- name: loudness_report_end (catalog, device)
DELETE FROM device_loudness WHERE catalog = $1 AND device = $2;

-- name: loudness_reported (catalog, device)
SELECT level, (extract(epoch FROM since) * 1000)::bigint AS since
  FROM device_loudness WHERE catalog = $1 AND device = $2;

-- name: loudness_of_group (catalog, group)
SELECT level, true AS by_group, (extract(epoch FROM until) * 1000)::bigint AS until
  FROM log_level WHERE catalog = $1 AND device_group = $2 AND until > now();

-- name: loudness_present ()
WITH present AS (SELECT * FROM log_level WHERE until > now()),
one AS (
    SELECT catalog, device, level, 0 AS rank FROM present WHERE device IS NOT NULL
     UNION ALL
    SELECT d.catalog, d.device, p.level, 1
      FROM present p
      JOIN device d ON d.catalog = p.catalog AND d.device_group = p.device_group
      JOIN device_state s ON s.catalog = d.catalog AND s.device = d.device AND s.online
)
SELECT DISTINCT ON (catalog, device) catalog, device, level
  FROM one ORDER BY catalog, device, rank;

-- name: loudness_next_end ()
SELECT coalesce(extract(epoch FROM min(until)) * 1000, 0)::bigint AS until
  FROM log_level WHERE until > now();

-- name: loudness_expire ()
DELETE FROM log_level WHERE until < now() - interval '1 minute';
