-- name: pattern_sets (catalog, least)
-- How many devices share a value, in all and in each state. The counters know all but networks and
-- versions of a product. dimension '' is the whole catalog.
WITH cell AS MATERIALIZED (
    SELECT state, product, version, network, count(*) AS n
      FROM device_index WHERE catalog = $1 AND lifecycle <> 2
     GROUP BY 1, 2, 3, 4
), part AS (
    SELECT CASE dimension WHEN 'all' THEN '' ELSE dimension END AS dimension, key, state,
           sum(n) AS n
      FROM device_count
     WHERE catalog = $1 AND dimension IN ('all', 'product', 'group', 'version', 'site', 'batch')
       AND (key <> '' OR dimension = 'all')
     GROUP BY 1, 2, 3
    UNION ALL
    SELECT 'network', network, state, sum(n) FROM cell WHERE network IS NOT NULL GROUP BY 2, 3
    UNION ALL
    SELECT 'build', product || ' ' || version, state, sum(n)
      FROM cell WHERE product IS NOT NULL AND version IS NOT NULL GROUP BY 2, 3
), sets AS (
    SELECT dimension, key, sum(n)::bigint AS total,
           coalesce(sum(n) FILTER (WHERE state = 0), 0)::bigint AS unknown,
           coalesce(sum(n) FILTER (WHERE state = 1), 0)::bigint AS healthy,
           coalesce(sum(n) FILTER (WHERE state = 2), 0)::bigint AS updating,
           coalesce(sum(n) FILTER (WHERE state = 3), 0)::bigint AS at_risk,
           coalesce(sum(n) FILTER (WHERE state = 4), 0)::bigint AS quarantined,
           coalesce(sum(n) FILTER (WHERE state = 5), 0)::bigint AS offline
      FROM part GROUP BY 1, 2 HAVING sum(n) >= $2 OR dimension = ''
)
SELECT s.*, g.name AS group_name, p.name AS product_name
  FROM sets s
  LEFT JOIN device_group g ON g.catalog = $1
   AND g.id = CASE dimension WHEN 'group' THEN key::int END
  LEFT JOIN product p ON p.catalog = $1
   AND p.id = CASE dimension WHEN 'product' THEN key::int WHEN 'group' THEN g.product
                             WHEN 'build' THEN split_part(key, ' ', 1)::int END;

-- name: pattern_cells (catalog, most)
-- The unwell, in groups that agree in everything; the largest are enough.
SELECT state, product, device_group, version, site, batch, network, count(*) AS n
  FROM device_index
 WHERE catalog = $1 AND state <> 1 AND lifecycle <> 2
 GROUP BY 1, 2, 3, 4, 5, 6, 7
 ORDER BY n DESC LIMIT $2;

-- name: pattern_samples (catalog, state, most, site, batch, product, version, group, network)
-- Some devices of a pattern, from all over it and each time the same, by when they got so.
SELECT i.seat, (extract(epoch FROM s.state_since) * 1000)::bigint AS since
  FROM (SELECT seat, device FROM device_index
         WHERE catalog = $1 AND state = $2::smallint AND state <> 1 AND lifecycle <> 2
           AND ($4::text IS NULL OR site = $4) AND ($5::text IS NULL OR batch = $5)
           AND ($6::int IS NULL OR product = $6) AND ($7::text IS NULL OR version = $7)
           AND ($8::int IS NULL OR device_group = $8) AND ($9::text IS NULL OR network = $9)
         ORDER BY hashint4(seat) LIMIT $3) i
  JOIN device_state s ON s.catalog = $1 AND s.device = i.device
 ORDER BY s.state_since, i.seat;

-- name: pattern_alert_sets (catalog, alert, least)
-- As pattern_sets, but for networks, which the counters do not know: at risk are those that show
-- the alert.
WITH shown AS MATERIALIZED (
    SELECT i.product, i.device_group, i.version, i.site, i.batch, count(*) AS n
      FROM alert r
      JOIN alert_device a ON a.catalog = r.catalog AND a.alert = r.id
       AND (a.cleared_at IS NULL OR r.resolved_at IS NOT NULL)
      JOIN device_index i ON i.catalog = a.catalog AND i.device = a.device AND i.lifecycle <> 2
     WHERE r.catalog = $1 AND r.id = $2
     GROUP BY 1, 2, 3, 4, 5
), cell AS (
    SELECT product, device_group, version, site, batch, n AS total, 0 AS n
      FROM device_kind WHERE catalog = $1 AND lifecycle <> 2
    UNION ALL
    SELECT product, device_group, version, site, batch, 0, n FROM shown
), sets AS (
    SELECT d.dimension, d.key, sum(c.total)::bigint AS total, sum(c.n)::bigint AS at_risk,
           greatest(sum(c.total) - sum(c.n), 0)::bigint AS healthy,
           0 AS unknown, 0 AS updating, 0 AS quarantined, 0 AS offline
      FROM (SELECT product, device_group, version, site, batch, sum(total) AS total, sum(n) AS n
              FROM cell GROUP BY 1, 2, 3, 4, 5) c
     CROSS JOIN LATERAL (VALUES
               ('', ''), ('product', c.product::text), ('group', c.device_group::text),
               ('version', c.version), ('site', c.site), ('batch', c.batch),
               ('build', c.product || ' ' || c.version)) AS d (dimension, key)
     WHERE d.key IS NOT NULL
     GROUP BY 1, 2 HAVING sum(c.total) >= $3 OR d.dimension = ''
)
SELECT s.*, g.name AS group_name, p.name AS product_name
  FROM sets s
  LEFT JOIN device_group g ON g.catalog = $1
   AND g.id = CASE dimension WHEN 'group' THEN key::int END
  LEFT JOIN product p ON p.catalog = $1
   AND p.id = CASE dimension WHEN 'product' THEN key::int WHEN 'group' THEN g.product
                             WHEN 'build' THEN split_part(key, ' ', 1)::int END;

-- name: pattern_alert_cells (catalog, alert, most)
SELECT 3 AS state, i.product, i.device_group, i.version, i.site, i.batch, NULL AS network,
       count(*) AS n
  FROM alert r
  JOIN alert_device a ON a.catalog = r.catalog AND a.alert = r.id
   AND (a.cleared_at IS NULL OR r.resolved_at IS NOT NULL)
  JOIN device_index i ON i.catalog = a.catalog AND i.device = a.device AND i.lifecycle <> 2
 WHERE r.catalog = $1 AND r.id = $2
 GROUP BY 2, 3, 4, 5, 6
 ORDER BY n DESC LIMIT $3;
