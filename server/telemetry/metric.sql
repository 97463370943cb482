-- name: metric_page (catalog, part, after, limit)
SELECT name, unit, description, counter, version,
       (extract(epoch FROM first_seen) * 1000)::bigint AS first_seen
  FROM metric
 WHERE catalog = $1 AND name > $3 COLLATE "C"
   AND ($2::text = '' OR position(lower($2) in lower(name)) > 0
        OR position(lower($2) in lower(description)) > 0)
 ORDER BY name LIMIT $4;

-- name: metric_show (catalog, name)
SELECT name, unit, description, counter, version,
       (extract(epoch FROM first_seen) * 1000)::bigint AS first_seen
  FROM metric WHERE catalog = $1 AND name = $2;

-- name: metric_change (catalog, name, version, unit, description, counter)
UPDATE metric SET unit = $4, description = $5, counter = $6::boolean, version = version + 1
 WHERE catalog = $1 AND name = $2 AND version = $3
RETURNING version;
