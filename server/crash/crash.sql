-- name: crash_lock (catalog)
-- Quotas hold although several dumps of a catalog end at once.
SELECT pg_advisory_xact_lock(hashtextextended('crash_dump', $1::int)) AS locked;

-- name: crash_room (catalog, device, sha256)
SELECT coalesce(g.crash_dumps, false) AS consent,
       EXISTS (SELECT FROM crash_dump c WHERE c.catalog = $1 AND c.device = $2
                                          AND c.sha256 = decode($3, 'hex')) AS stored,
       (SELECT count(*) FROM crash_dump c
         WHERE c.catalog = $1 AND c.device = $2 AND c.received_at > now() - interval '1 day') AS day,
       (SELECT count(*) FROM crash_dump c WHERE c.catalog = $1) AS held,
       (SELECT coalesce(sum(c.bytes), 0) FROM crash_dump c WHERE c.catalog = $1) AS bytes
  FROM device d
  LEFT JOIN device_group g ON g.catalog = d.catalog AND g.id = d.device_group
 WHERE d.catalog = $1 AND d.device = $2;

-- name: crash_add (catalog, device, sha256, bytes, name, at)
INSERT INTO crash_dump (catalog, device, sha256, bytes, name, at)
VALUES ($1, $2, decode($3, 'hex'), $4, $5, to_timestamp($6::bigint / 1000.0));

-- name: crash_page (catalog, device, before, limit)
SELECT c.id AS number, d.id, d.name AS device_name, c.name, encode(c.sha256, 'hex') AS sha256,
       c.bytes, (extract(epoch FROM c.at) * 1000)::bigint AS at,
       (extract(epoch FROM c.received_at) * 1000)::bigint AS received_at
  FROM crash_dump c
  LEFT JOIN device d ON d.catalog = c.catalog AND d.device = c.device
 WHERE c.catalog = $1 AND ($2::bigint IS NULL OR c.device = $2) AND c.id < $3
 ORDER BY c.id DESC LIMIT $4;

-- name: crash_drop (catalog, id)
DELETE FROM crash_dump WHERE catalog = $1 AND id = $2
RETURNING encode(sha256, 'hex') AS sha256;

-- name: crash_drop_old (days)
DELETE FROM crash_dump
 WHERE (catalog, id) IN (SELECT catalog, id FROM crash_dump
                          WHERE received_at < now() - $1::int * interval '1 day'
                          ORDER BY received_at LIMIT 100)
RETURNING encode(sha256, 'hex') AS sha256;
