-- name: catalog_add (name)
INSERT INTO catalog (name) VALUES ($1) ON CONFLICT (name) DO NOTHING;

-- name: catalog_number (name)
SELECT id FROM catalog WHERE name = $1;

-- name: catalog_page (only, after, limit)
SELECT id, name, telemetry_hours, journal_hours, version,
       (extract(epoch FROM created_at) * 1000)::bigint AS created_at
  FROM catalog
 WHERE ($1::int = 0 OR id = $1) AND id > $2
 ORDER BY id LIMIT $3;

-- name: catalog_retain (id, version, telemetry_hours, journal_hours)
UPDATE catalog SET telemetry_hours = $3, journal_hours = $4, version = version + 1
 WHERE id = $1 AND version = $2
RETURNING id;
