-- Seats are put together by numbers and short texts alone; what a ring is called is looked up once a
-- ring, not once a device.

-- name: layout_by_product (catalog)
SELECT i.product::text AS ring, p.name, i.site, i.n, i.seats
  FROM (SELECT product, coalesce(site, '') AS site, count(*) AS n,
               string_agg(int4send(seat), '' ORDER BY id) AS seats
          FROM device_index WHERE catalog = $1 AND lifecycle <> 2
         GROUP BY product, coalesce(site, '')) i
  LEFT JOIN product p ON p.catalog = $1 AND p.id = i.product
 ORDER BY i.product IS NULL, lower(p.name), i.product, i.site;

-- name: layout_by_group (catalog)
SELECT i.device_group::text AS ring, p.name || ' / ' || g.name AS name, i.site, i.n, i.seats
  FROM (SELECT device_group, coalesce(site, '') AS site, count(*) AS n,
               string_agg(int4send(seat), '' ORDER BY id) AS seats
          FROM device_index WHERE catalog = $1 AND lifecycle <> 2
         GROUP BY device_group, coalesce(site, '')) i
  LEFT JOIN device_group g ON g.catalog = $1 AND g.id = i.device_group
  LEFT JOIN product p ON p.catalog = $1 AND p.id = g.product
 ORDER BY i.device_group IS NULL, lower(p.name), lower(g.name), i.device_group, i.site;

-- name: layout_by_version (catalog)
SELECT version AS ring, version AS name, coalesce(site, '') AS site, count(*) AS n,
       string_agg(int4send(seat), '' ORDER BY id) AS seats
  FROM device_index
 WHERE catalog = $1 AND lifecycle <> 2
 GROUP BY version, coalesce(site, '')
 ORDER BY version IS NULL, version, coalesce(site, '');
