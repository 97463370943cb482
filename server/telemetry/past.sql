-- Times travel as timestamptz texts, see telemetry.sql.

-- name: past_points (catalog, device, metric, from, to, limit)
SELECT (extract(epoch FROM x.ts) * 1000)::bigint AS t, x.vals[array_position(p.names, $3)] AS v
  FROM telemetry x
  JOIN shape p ON p.catalog = $1 AND p.id = x.shape AND array_position(p.names, $3) IS NOT NULL
 WHERE x.catalog = $1 AND x.device = $2 AND x.ts >= $4 AND x.ts <= $5
 ORDER BY x.ts LIMIT $6;

-- name: past_hours (catalog, device, metric, from, to)
SELECT (extract(epoch FROM date_trunc('hour', y.ts)) * 1000)::bigint AS t, count(*) AS n,
       min(y.v) AS low, max(y.v) AS high, sum(y.v) AS total
  FROM (SELECT x.ts, x.vals[array_position(p.names, $3)] AS v
          FROM telemetry x
          JOIN shape p ON p.catalog = $1 AND p.id = x.shape
           AND array_position(p.names, $3) IS NOT NULL
         WHERE x.catalog = $1 AND x.device = $2 AND x.ts >= $4 AND x.ts <= $5) y
 WHERE y.v < 'Infinity' AND y.v > '-Infinity'
 GROUP BY 1 ORDER BY 1;
