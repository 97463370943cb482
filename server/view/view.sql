-- name: view_list (catalog, account)
SELECT v.id, v.name, v.query, v.shared, v.version, v.account = $2 AS mine, a.name AS by,
       (extract(epoch FROM v.created_at) * 1000)::bigint AS created_at
  FROM saved_view v JOIN account a ON a.id = v.account
 WHERE v.catalog = $1 AND (v.account = $2 OR v.shared)
 ORDER BY v.account <> $2, lower(v.name), v.id LIMIT 1000;

-- name: view_show (catalog, account, id)
SELECT v.id, v.name, v.query, v.shared, v.version, v.account = $2 AS mine, a.name AS by,
       (extract(epoch FROM v.created_at) * 1000)::bigint AS created_at
  FROM saved_view v JOIN account a ON a.id = v.account
 WHERE v.catalog = $1 AND (v.account = $2 OR v.shared) AND v.id = $3;

-- name: view_add (catalog, account, name, query, shared, most)
INSERT INTO saved_view (catalog, account, name, query, shared)
SELECT $1::int, $2::bigint, $3, $4, $5::boolean
 WHERE (SELECT count(*) FROM saved_view WHERE catalog = $1::int AND account = $2::bigint) < $6::int
RETURNING id;

-- name: view_change (catalog, account, id, version, name, query, shared)
UPDATE saved_view
   SET name = coalesce($5, name), query = coalesce($6, query),
       shared = coalesce($7::boolean, shared), version = version + 1
 WHERE catalog = $1 AND account = $2 AND id = $3 AND version = $4
RETURNING id;

-- name: view_delete (catalog, account, id)
DELETE FROM saved_view WHERE catalog = $1 AND account = $2 AND id = $3 RETURNING id;
