-- name: layout_by_product (catalog)
SELECT i.product::text AS ring, p.name, coalesce(i.site, '') AS site, count(*) AS n,
       string_agg(int4send(i.seat), '' ORDER BY i.id) AS seats
  FROM device_index i
  LEFT JOIN product p ON p.catalog = i.catalog AND p.id = i.product
 WHERE i.catalog = $1 AND i.lifecycle <> 2
 GROUP BY i.product, p.name, coalesce(i.site, '')
 ORDER BY i.product IS NULL, lower(p.name), i.product, coalesce(i.site, '');

-- name: layout_by_group (catalog)
SELECT i.device_group::text AS ring, p.name || ' / ' || g.name AS name,
       coalesce(i.site, '') AS site, count(*) AS n,
       string_agg(int4send(i.seat), '' ORDER BY i.id) AS seats
  FROM device_index i
  LEFT JOIN device_group g ON g.catalog = i.catalog AND g.id = i.device_group
  LEFT JOIN product p ON p.catalog = g.catalog AND p.id = g.product
 WHERE i.catalog = $1 AND i.lifecycle <> 2
 GROUP BY i.device_group, p.name, g.name, coalesce(i.site, '')
 ORDER BY i.device_group IS NULL, lower(p.name), lower(g.name), i.device_group,
       coalesce(i.site, '');

-- name: layout_by_version (catalog)
SELECT i.version AS ring, i.version AS name, coalesce(i.site, '') AS site, count(*) AS n,
       string_agg(int4send(i.seat), '' ORDER BY i.id) AS seats
  FROM device_index i
 WHERE i.catalog = $1 AND i.lifecycle <> 2
 GROUP BY i.version, coalesce(i.site, '')
 ORDER BY i.version IS NULL, i.version, coalesce(i.site, '');
