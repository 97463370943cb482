-- name: compact_take (from, to, catalog, device, ts, most)
-- result: binary
-- plan: fresh
-- One partition is left when this is planned, so a ctid names one row.
DELETE FROM telemetry
 WHERE ts >= $1 AND ts < $2
   AND ctid = ANY (ARRAY(
       SELECT ctid FROM telemetry
        WHERE ts >= $1 AND ts < $2
          AND (catalog, device, ts) >= ($3, $4, $5)
          AND CASE WHEN array_ndims(vals) = 1 AND array_length(vals, 1) <= 64
                   THEN array_position(vals, NULL) IS NULL ELSE false END
        ORDER BY catalog, device, ts LIMIT $6))
RETURNING catalog, device, ts, shape, vals;

-- name: compact_room (chunks, minutes, rollups)
SELECT to_regclass($1) IS NOT NULL AS chunks, to_regclass($2) IS NOT NULL AS minutes,
       to_regclass($3) IS NOT NULL AS rollups;

-- name: compact_may_drop (space, key)
-- Not while a writer finds out which of its rows are refused.
SELECT pg_try_advisory_xact_lock($1::int, $2::int) AS yes;

-- name: compact_empty (from, to)
-- plan: fresh
SELECT NOT EXISTS (SELECT FROM telemetry WHERE ts >= $1 AND ts < $2) AS empty;

-- name: compact_size (name)
SELECT coalesce(pg_relation_size(to_regclass($1)), -1) AS bytes;

-- name: compact_hours ()
-- Partitions that are whole, oldest first.
SELECT c.relname AS name
  FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'telemetry'::regclass AND NOT i.inhdetachpending
 ORDER BY c.relname;
