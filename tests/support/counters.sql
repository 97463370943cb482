-- How many things of the schema disagree: seats, index and counters against what they are made from.
WITH said AS (
    SELECT catalog, dimension, key, state, sum(n) AS n FROM device_count
     GROUP BY catalog, dimension, key, state HAVING sum(n) <> 0
), each AS (
    SELECT i.catalog, d.dimension, d.key, i.state
      FROM device_index i
     CROSS JOIN LATERAL (VALUES
               ('all', ''), ('lifecycle', i.lifecycle::text),
               ('product', coalesce(i.product::text, '')),
               ('group', coalesce(i.device_group::text, '')),
               ('version', coalesce(i.version, '')), ('attested', coalesce(i.attested, '')),
               ('site', coalesce(i.site, '')), ('batch', coalesce(i.batch, '')))
           AS d (dimension, key)
     WHERE i.lifecycle <> 2 OR d.dimension = 'lifecycle'
), counted AS (
    SELECT catalog, dimension, key, state, count(*) AS n FROM each
     GROUP BY catalog, dimension, key, state
), kinds AS (
    SELECT catalog, lifecycle, state, product, device_group, version, attested, site, batch,
           sum(n) AS n
      FROM (SELECT * FROM device_kind
            UNION ALL
            SELECT catalog, lifecycle, state, product, device_group, version, attested, site,
                   batch, -1 FROM device_index) k
     GROUP BY catalog, lifecycle, state, product, device_group, version, attested, site, batch
    HAVING sum(n) <> 0
)
SELECT (SELECT count(*) FROM kinds)
     + (SELECT count(*) FROM said FULL JOIN counted USING (catalog, dimension, key, state)
         WHERE said.n IS DISTINCT FROM counted.n)
     + (SELECT count(*) FROM device d FULL JOIN device_index i USING (catalog, device)
         WHERE (d.id, d.seat, d.lifecycle, lower(coalesce(d.name, '')), d.tags)
               IS DISTINCT FROM (i.id, i.seat, i.lifecycle, i.name, i.tags))
     + (SELECT count(*) FROM device_index i JOIN device_state s USING (catalog, device)
         WHERE i.state <> s.state)
     + (SELECT count(*) FROM device_index i JOIN device_trust t USING (catalog, device)
         WHERE (i.version, i.network) IS DISTINCT FROM (t.os_version, t.network))
     + (SELECT count(*) FROM catalog c
         WHERE c.next_seat < (SELECT coalesce(max(seat), -1) + 1 FROM device d WHERE d.catalog = c.id))
     + (SELECT count(*) FROM (SELECT FROM device GROUP BY catalog, seat HAVING count(*) > 1) twice);
