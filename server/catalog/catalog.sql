-- name: catalog_add (name)
INSERT INTO catalog (name) VALUES ($1) ON CONFLICT (name) DO NOTHING;

-- name: catalog_make (name)
INSERT INTO catalog (name) VALUES ($1) RETURNING id;

-- name: catalog_number (name)
SELECT id FROM catalog WHERE name = $1;

-- name: catalog_page (only, after, limit)
SELECT c.id, c.name, c.telemetry_hours, c.journal_hours, c.minute_hours, c.rollup_hours,
       c.alert_calm_s, c.version,
       (extract(epoch FROM c.created_at) * 1000)::bigint AS created_at
  FROM catalog c
 WHERE ($1::int = 0 OR c.id = $1) AND c.id > $2
 ORDER BY c.id LIMIT $3;

-- name: catalog_tallies (first, last)
SELECT catalog, n0, n1, n2, n3, n4, n5 FROM device_tally
 WHERE catalog BETWEEN $1 AND $2 AND dimension = 'all';

-- name: catalog_retain (id, version, telemetry_hours, journal_hours, minute_hours, rollup_hours, alert_calm_s)
UPDATE catalog
   SET telemetry_hours = $3, journal_hours = $4, minute_hours = $5, rollup_hours = $6, alert_calm_s = $7,
       version = version + 1
 WHERE id = $1 AND version = $2
RETURNING id;
