-- name: group_page (catalog, only, after, limit, product)
SELECT g.id, g.name, g.description, g.product, p.name AS product_name, g.os_feed, g.update_policy,
       g.crash_dumps, g.regional_boundary, g.version,
       (extract(epoch FROM g.created_at) * 1000)::bigint AS created_at,
       t.n0, t.n1, t.n2, t.n3, t.n4, t.n5,
       l.level AS log_level, (extract(epoch FROM l.until) * 1000)::bigint AS log_until
  FROM device_group g
  JOIN product p ON p.catalog = g.catalog AND p.id = g.product
  LEFT JOIN (SELECT * FROM device_tally WHERE catalog = $1 AND dimension = 'group') t
    ON t.key = g.id::text
  LEFT JOIN log_level l ON l.catalog = g.catalog AND l.device IS NULL AND l.device_group = g.id
   AND l.until > now()
 WHERE g.catalog = $1 AND ($2::int = 0 OR g.id = $2) AND g.id > $3
   AND ($5::int = 0 OR g.product = $5)
 ORDER BY g.id LIMIT $4;

-- name: group_add (catalog, product, name, description, os_feed, update_policy, crash_dumps, regional_boundary)
INSERT INTO device_group (catalog, product, name, description, os_feed, update_policy, crash_dumps,
                          regional_boundary)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
RETURNING id;

-- name: group_add_defaults (catalog, product)
-- As Azure Sphere makes them, with its descriptions' sense.
INSERT INTO device_group (catalog, product, name, description, os_feed, update_policy)
SELECT $1, $2, name, description, os_feed, update_policy
  FROM (VALUES
        (1, 'Development', 'Loaded by hand from a developer''s machine', 'retail',
         'no3rdPartyAppUpdates'),
        (2, 'Field Test', 'Tries new applications before the others', 'retail', 'updateAll'),
        (3, 'Production', 'Devices at work', 'retail', 'updateAll'),
        (4, 'Field Test OS Evaluation', 'Field test with the next system', 'retailEvaluation',
         'updateAll'),
        (5, 'Production OS Evaluation', 'Production with the next system', 'retailEvaluation',
         'updateAll')) AS v (n, name, description, os_feed, update_policy)
 ORDER BY n
ON CONFLICT (catalog, product, lower(name)) DO NOTHING
RETURNING id;

-- name: group_change (catalog, id, version, name, description, os_feed, update_policy, crash_dumps, regional_boundary)
UPDATE device_group
   SET name = $4, description = $5, os_feed = $6, update_policy = $7, crash_dumps = $8,
       regional_boundary = $9, version = version + 1
 WHERE catalog = $1 AND id = $2 AND version = $3
RETURNING id;

-- name: group_drop (catalog, id, version)
-- The lock keeps a device from moving in meanwhile. Registration windows that have closed let go.
WITH g AS (
    SELECT id FROM device_group WHERE catalog = $1 AND id = $2 AND version = $3 FOR UPDATE
), w AS (
    UPDATE registration_window SET device_group = NULL
     WHERE catalog = $1 AND device_group = (SELECT id FROM g) AND closes_at <= now()
), d AS (
    DELETE FROM device_group
     WHERE catalog = $1 AND id = (SELECT id FROM g)
       AND NOT EXISTS (SELECT 1 FROM device WHERE catalog = $1 AND device_group = $2)
    RETURNING id
)
SELECT (SELECT id FROM d) AS gone,
       (SELECT count(*) FROM device WHERE catalog = $1 AND device_group = $2) AS devices
  FROM g;
