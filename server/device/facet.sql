-- name: facet_counts (catalog)
-- All devices, from the counters; retired ones among lifecycle only.
WITH counted AS (
    SELECT dimension, key, sum(n)::bigint AS n FROM device_count
     WHERE catalog = $1 AND dimension <> 'all'
     GROUP BY dimension, key
    UNION ALL
    SELECT 'state', state::text, sum(n)::bigint FROM device_count
     WHERE catalog = $1 AND dimension = 'all'
     GROUP BY state
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY dimension ORDER BY n DESC, key) AS place
      FROM counted WHERE n > 0
)
SELECT c.dimension, c.key, c.n,
       CASE WHEN c.dimension IN ('product', 'group')
            THEN facet_label($1, c.dimension, c.key) END AS label
  FROM placed c
 WHERE c.place <= 50
 ORDER BY c.dimension, c.place;

-- name: facet_found (filter, most, kinds)
-- plan: fresh
-- Devices of one kind are counted together: thousands of them come to hundreds of kinds, and only
-- these are counted in eight places at once. Where kinds is true they are known, which is all that a
-- filter of nothing else needs; seen: how many were looked at. Labels are looked up where there are
-- any.
WITH kind AS MATERIALIZED (
    (SELECT state, lifecycle, product, device_group, version, attested, site, batch, n
       FROM device_kind k
      WHERE $3::boolean
        AND k.catalog = ($1::device_filter).catalog
        AND is_one_of(k.state, ($1).state)
        AND is_one_of(k.lifecycle, ($1).lifecycle)
        AND is_one_of(k.product, ($1).product)
        AND is_one_of(k.device_group, ($1).device_group)
        AND is_one_of(k.version, ($1).version)
        AND is_one_of(k.attested, ($1).attested)
        AND is_one_of(k.site, ($1).site)
        AND is_one_of(k.batch, ($1).batch)
      LIMIT $2)
    UNION ALL
    SELECT state, lifecycle, product, device_group, version, attested, site, batch, count(*)
      FROM (SELECT * FROM device_found($1) LIMIT $2) i
     WHERE NOT $3::boolean
     GROUP BY state, lifecycle, product, device_group, version, attested, site, batch
), counted AS (
    SELECT CASE GROUPING(state, lifecycle, product, device_group, version, attested, site, batch)
                WHEN 127 THEN 'state' WHEN 191 THEN 'lifecycle' WHEN 223 THEN 'product'
                WHEN 239 THEN 'group' WHEN 247 THEN 'version' WHEN 251 THEN 'attested'
                WHEN 253 THEN 'site' ELSE 'batch' END AS dimension,
           coalesce(state::text, lifecycle::text, product::text, device_group::text, version,
                    attested, site, batch, '') AS key,
           sum(n)::bigint AS n
      FROM kind
     GROUP BY GROUPING SETS ((state), (lifecycle), (product), (device_group), (version), (attested),
                             (site), (batch))
    HAVING sum(n) > 0
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY dimension ORDER BY n DESC, key) AS place
      FROM counted
)
SELECT c.dimension, c.key, c.n, (SELECT count(*) FROM kind) AS seen,
       CASE WHEN c.dimension IN ('product', 'group')
            THEN facet_label(($1).catalog, c.dimension, c.key) END AS label
  FROM placed c
 WHERE c.place <= 50
 ORDER BY c.dimension, c.place;
