-- name: product_page (catalog, only, after, limit)
SELECT p.id, p.name, p.description, p.version,
       (extract(epoch FROM p.created_at) * 1000)::bigint AS created_at,
       coalesce(g.n, 0) AS groups, t.n0, t.n1, t.n2, t.n3, t.n4, t.n5
  FROM product p
  LEFT JOIN (SELECT product, count(*) AS n FROM device_group WHERE catalog = $1
              GROUP BY product) g ON g.product = p.id
  LEFT JOIN (SELECT * FROM device_tally WHERE catalog = $1 AND dimension = 'product') t
    ON t.key = p.id::text
 WHERE p.catalog = $1 AND ($2::int = 0 OR p.id = $2) AND p.id > $3
 ORDER BY p.id LIMIT $4;

-- name: product_add (catalog, name, description)
INSERT INTO product (catalog, name, description) VALUES ($1, $2, $3) RETURNING id;

-- name: product_change (catalog, id, version, name, description)
UPDATE product SET name = $4, description = $5, version = version + 1
 WHERE catalog = $1 AND id = $2 AND version = $3
RETURNING id;

-- name: product_drop (catalog, id, version)
-- The lock keeps a group from being made in between.
WITH p AS (
    SELECT id FROM product WHERE catalog = $1 AND id = $2 AND version = $3 FOR UPDATE
), d AS (
    DELETE FROM product
     WHERE catalog = $1 AND id = (SELECT id FROM p)
       AND NOT EXISTS (SELECT 1 FROM device_group WHERE catalog = $1 AND product = $2)
    RETURNING id
)
SELECT (SELECT id FROM d) AS gone,
       (SELECT count(*) FROM device_group WHERE catalog = $1 AND product = $2) AS groups
  FROM p;
