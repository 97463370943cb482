-- Times travel as timestamptz texts, not as arithmetic on them: only then are the partitions
-- chosen when the query is planned.

-- name: history_shapes (catalog, metric)
-- Which shapes have the metric, and at which place.
SELECT coalesce(array_agg(id), '{}') AS shapes,
       coalesce(array_agg(array_position(names, $2)), '{}') AS places
  FROM shape WHERE catalog = $1 AND $2 = ANY (names);

-- name: history_points (catalog, device, shapes, places, hour, from, to)
-- result: binary
-- Chunks with their one column, and what is not packed yet, of one snapshot.
SELECT hour AS at, n, substr(body, 1, greatest(ends[1], 0)) AS times,
       substr(body, ends[k] + 1, greatest(ends[k + 1] - ends[k], 0)) AS points, NULL::float8 AS value
  FROM (SELECT hour, n, ends, body, ($4::int[])[array_position($3::int[], shape)] AS k
          FROM telemetry_chunk
         WHERE catalog = $1 AND device = $2 AND hour >= $5 AND hour <= $7
           AND shape = ANY ($3::int[])) c
 UNION ALL
SELECT ts, NULL, NULL, NULL, vals[($4::int[])[array_position($3::int[], shape)]]
  FROM telemetry
 WHERE catalog = $1 AND device = $2 AND ts >= $6 AND ts <= $7 AND shape = ANY ($3::int[])
 ORDER BY at;

-- name: history_hours (catalog, device, shapes, places, from, to)
-- result: binary
SELECT hour AS at, n, last, low[k] AS low, high[k], total[k], squares[k], final[k]
  FROM (SELECT *, ($4::int[])[array_position($3::int[], shape)] AS k
          FROM telemetry_rollup
         WHERE catalog = $1 AND device = $2 AND hour >= $5 AND hour < $6
           AND shape = ANY ($3::int[])) r
 UNION ALL
SELECT ts, NULL, ts, vals[($4::int[])[array_position($3::int[], shape)]], NULL, NULL, NULL, NULL
  FROM telemetry
 WHERE catalog = $1 AND device = $2 AND ts >= $5 AND ts < $6 AND shape = ANY ($3::int[])
 ORDER BY at;

-- name: history_minutes (catalog, device, shapes, places, hour, from, to)
-- result: binary
-- Packed minutes; how many messages the chunks of these hours have, to see whether all have their
-- minutes; and what is not packed yet: of one snapshot.
SELECT hour AS at, n, minutes, substr(body, 1, greatest(ends[1], 0)) AS times,
       substr(body, ends[k] + 1, greatest(ends[k + 1] - ends[k], 0)) AS points, NULL::float8 AS value
  FROM (SELECT hour, n, minutes, ends, body,
               ($4::int[])[array_position($3::int[], shape)] AS k
          FROM telemetry_minute
         WHERE catalog = $1 AND device = $2 AND hour >= $5 AND hour <= $7
           AND shape = ANY ($3::int[])) m
 UNION ALL
SELECT hour, n, NULL, NULL, NULL, NULL
  FROM telemetry_chunk
 WHERE catalog = $1 AND device = $2 AND hour >= $5 AND hour <= $7 AND shape = ANY ($3::int[])
 UNION ALL
SELECT ts, NULL, NULL, NULL, NULL, vals[($4::int[])[array_position($3::int[], shape)]]
  FROM telemetry
 WHERE catalog = $1 AND device = $2 AND ts >= $6 AND ts <= $7 AND shape = ANY ($3::int[])
 ORDER BY at;

-- name: history_scan (catalog, shapes, places, hour, from, to, devices, after, limit)
-- result: binary
-- plan: fresh
-- One hour of all devices, or of a list of them, behind the last one that was read. Each half is
-- limited on its own: then both follow their index, whatever the planner knows of them.
SELECT device, at, n, substr(body, 1, greatest(ends[1], 0)) AS times,
       substr(body, ends[k] + 1, greatest(ends[k + 1] - ends[k], 0)) AS points, value
  FROM (SELECT * FROM (
            SELECT device, hour AS at, n, ends, body,
                   ($3::int[])[array_position($2::int[], shape)] AS k, NULL::float8 AS value
              FROM telemetry_chunk
             WHERE catalog = $1 AND hour = $4 AND device > $8 AND shape = ANY ($2::int[])
               AND ($7::bigint[] IS NULL OR device = ANY ($7::bigint[]))
             ORDER BY device, hour LIMIT $9) c
         UNION ALL
        SELECT * FROM (
            SELECT device, ts, NULL::int, NULL::int[], NULL::bytea, NULL::int,
                   vals[($3::int[])[array_position($2::int[], shape)]]
              FROM telemetry
             WHERE catalog = $1 AND ts >= $5 AND ts <= $6 AND device > $8
               AND shape = ANY ($2::int[])
               AND ($7::bigint[] IS NULL OR device = ANY ($7::bigint[]))
             ORDER BY device, ts LIMIT $9) t) AS both_halves
 ORDER BY device, at LIMIT $9;

-- name: history_beats (catalog, hour, from, to, devices, after, limit)
-- result: binary
-- plan: fresh
-- The same of messages, whatever they measured.
SELECT device, at, n, times, NULL::bytea AS points, value
  FROM (SELECT * FROM (
            SELECT device, hour AS at, n, substr(body, 1, greatest(ends[1], 0)) AS times,
                   NULL::float8 AS value
              FROM telemetry_chunk
             WHERE catalog = $1 AND hour = $2 AND device > $6
               AND ($5::bigint[] IS NULL OR device = ANY ($5::bigint[]))
             ORDER BY device, hour LIMIT $7) c
         UNION ALL
        SELECT * FROM (
            SELECT device, ts, NULL::int, NULL::bytea, 1::float8
              FROM telemetry
             WHERE catalog = $1 AND ts >= $3 AND ts <= $4 AND device > $6
               AND ($5::bigint[] IS NULL OR device = ANY ($5::bigint[]))
             ORDER BY device, ts LIMIT $7) t) AS both_halves
 ORDER BY device, at LIMIT $7;
