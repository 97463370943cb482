-- Times travel as timestamptz texts, not as arithmetic on them: only then are the partitions
-- chosen when the query is planned.

-- name: telemetry_names (catalog, device, hour, from, to)
-- The metrics of a device in that time, by name.
SELECT DISTINCT m.name COLLATE "C" AS name
  FROM (SELECT DISTINCT shape FROM telemetry
         WHERE catalog = $1 AND device = $2 AND ts >= $4 AND ts <= $5
        UNION
        SELECT shape FROM telemetry_chunk
         WHERE catalog = $1 AND device = $2 AND hour >= $3 AND hour <= $5) used
  JOIN shape p ON p.catalog = $1 AND p.id = used.shape,
       unnest(p.names) AS m(name)
 ORDER BY 1;

-- name: telemetry_last (catalog, id)
SELECT (extract(epoch FROM s.last_at) * 1000)::bigint AS t, m.name, m.value
  FROM device d
  LEFT JOIN device_state s ON s.catalog = d.catalog AND s.device = d.device
  LEFT JOIN shape p ON p.catalog = s.catalog AND p.id = s.last_shape
  LEFT JOIN LATERAL unnest(p.names, s.last_values) AS m(name, value) ON m.name IS NOT NULL
 WHERE d.catalog = $1 AND d.id = $2;

-- name: telemetry_metrics (catalog, device, from, rows)
SELECT DISTINCT m.name COLLATE "C" AS name
  FROM (SELECT DISTINCT shape
          FROM (SELECT shape FROM telemetry
                 WHERE catalog = $1 AND device = $2 AND ts >= $3
                 ORDER BY ts DESC LIMIT $4) newest
        UNION
        SELECT shape FROM telemetry_chunk
         WHERE catalog = $1 AND device = $2 AND hour >= $3) used
  JOIN shape p ON p.catalog = $1 AND p.id = used.shape,
       unnest(p.names) AS m(name)
 ORDER BY 1;
