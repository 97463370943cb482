-- name: bulk_group (catalog, id)
SELECT p.name || ' / ' || g.name AS path
  FROM device_group g JOIN product p ON p.catalog = g.catalog AND p.id = g.product
 WHERE g.catalog = $1 AND g.id = $2;

-- name: bulk_preview (filter, action, group, tags, names)
-- plan: fresh
-- One scan, which counts devices that are alike together: a million of them come to thousands of
-- rows, and only these are counted five times.
WITH f AS MATERIALIZED (
    SELECT i.product, i.site, i.state, count(*) AS n,
           CASE WHEN i.lifecycle = 2 THEN 'Retired'
                WHEN $2::text = 'move' AND i.device_group IS NOT DISTINCT FROM $3::int
                THEN 'In that group already'
                WHEN $2 = 'tag' AND i.tags || $4::jsonb = i.tags THEN 'Have these tags already'
                WHEN $2 = 'untag'
                     AND NOT i.tags ?| ARRAY(SELECT jsonb_array_elements_text($5::jsonb))
                THEN 'Have none of these tags'
                WHEN $2 = 'unclaim' AND i.lifecycle <> 1 THEN 'Not claimed'
                WHEN $2 IN ('quarantine', 'release')
                     AND ($2 = 'quarantine')
                         = EXISTS (SELECT FROM device_trust t
                                    WHERE t.catalog = i.catalog AND t.device = i.device
                                      AND t.by_hand IS NOT NULL)
                THEN CASE $2 WHEN 'quarantine' THEN 'In quarantine by hand already'
                             ELSE 'Not put in quarantine by hand' END
           END AS excluded
      FROM device_found($1) i
     GROUP BY i.product, i.site, i.state, excluded
)
SELECT 'total' AS dimension, NULL AS label, coalesce(sum(n), 0)::bigint AS n FROM f
UNION ALL
(SELECT 'byProduct', p.name, sum(n)::bigint FROM f
   LEFT JOIN product p ON p.catalog = ($1).catalog AND p.id = f.product
  GROUP BY 2 ORDER BY 3 DESC LIMIT 10)
UNION ALL
(SELECT 'bySite', nullif(site, ''), sum(n)::bigint FROM f GROUP BY 2 ORDER BY 3 DESC LIMIT 10)
UNION ALL
(SELECT 'byState', state::text, sum(n)::bigint FROM f GROUP BY 2 ORDER BY 3 DESC)
UNION ALL
(SELECT 'excluded', excluded, sum(n)::bigint FROM f
  WHERE excluded IS NOT NULL GROUP BY 2 ORDER BY 3 DESC);

-- name: bulk_fix (filter, job, most)
-- plan: fresh
WITH t AS (
    INSERT INTO job_target (job, n, device)
    SELECT $2::bigint, row_number() OVER (ORDER BY m.device), m.device
      FROM (SELECT i.device FROM device_found($1) i LIMIT $3::int) m
    RETURNING 1
)
SELECT count(*) AS n FROM t;

-- name: bulk_targets (job, after, most)
SELECT device FROM job_target WHERE job = $1 AND n > $2 ORDER BY n LIMIT $3;
