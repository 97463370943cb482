-- name: fleet_load (catalog, device, limit)
SELECT catalog, device, (extract(epoch FROM last_at) * 1000)::bigint AS t, last_shape AS shape,
       last_values AS vals
  FROM device_state
 WHERE (catalog, device) > ($1, $2)
 ORDER BY catalog, device LIMIT $3;

-- name: fleet_shape (catalog, shape)
SELECT m.name
  FROM shape, unnest(names) WITH ORDINALITY AS m(name, n)
 WHERE catalog = $1 AND id = $2
 ORDER BY m.n;

-- name: fleet_found (filter, by, tag, limit)
-- plan: fresh
SELECT i.device,
       CASE $2::text WHEN 'product' THEN i.product::text WHEN 'group' THEN i.device_group::text
                     WHEN 'version' THEN i.version WHEN 'site' THEN i.site
                     WHEN 'batch' THEN i.batch WHEN 'tag' THEN i.tags ->> $3 END AS key
  FROM device_found($1) i
 LIMIT $4;

-- name: fleet_label (catalog, dimension, key)
SELECT facet_label($1, $2, $3) AS label;

-- name: fleet_names (catalog, devices)
SELECT d.device, d.id, d.name, i.site, i.version, p.name AS product
  FROM device d
  JOIN device_index i ON i.catalog = d.catalog AND i.device = d.device
  LEFT JOIN product p ON p.catalog = d.catalog AND p.id = i.product
 WHERE d.catalog = $1 AND d.device = ANY ($2::bigint[]) AND d.lifecycle <> 2;

-- name: fleet_ids (filter, limit)
-- plan: fresh
SELECT i.device, i.id FROM device_found($1) i ORDER BY i.device LIMIT $2;
