-- name: enroll_groups (catalog)
SELECT g.id, p.name || ' / ' || g.name AS path
  FROM device_group g JOIN product p ON p.catalog = g.catalog AND p.id = g.product
 WHERE g.catalog = $1 ORDER BY g.id;
