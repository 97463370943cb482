-- How many devices are of which kind: alike in all that facets show. A thousand sites with some
-- versions each come to tens of thousands of kinds at a million devices, so that a filter of these
-- things alone is counted exactly from a few rows. Kept as device_count is: triggers add rows, the
-- scheduler folds them (device_kind_fold); sums of n are counts.
CREATE TABLE device_kind (
    catalog      int NOT NULL,
    lifecycle    smallint NOT NULL,
    state        smallint NOT NULL,
    product      int,
    device_group int,
    version      text COLLATE "C",
    attested     text COLLATE "C",
    site         text COLLATE "C",
    batch        text COLLATE "C",
    n            bigint NOT NULL
);
CREATE INDEX device_kind_site ON device_kind (catalog, site);
CREATE INDEX device_kind_state ON device_kind (catalog, state);
CREATE INDEX device_kind_group ON device_kind (catalog, device_group);
ALTER TABLE device_kind SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
                             autovacuum_vacuum_insert_threshold = -1);

CREATE OR REPLACE FUNCTION device_count_add(rows device_weight[]) RETURNS void LANGUAGE sql
SECURITY DEFINER SET search_path = public AS $$
    INSERT INTO device_count
    SELECT r.catalog, d.dimension, d.key, r.state, sum(r.n)
      FROM unnest(rows) r
     CROSS JOIN LATERAL (VALUES
               ('all', ''), ('lifecycle', r.lifecycle::text),
               ('product', coalesce(r.product::text, '')),
               ('group', coalesce(r.device_group::text, '')),
               ('version', coalesce(r.version, '')), ('attested', coalesce(r.attested, '')),
               ('site', coalesce(r.site, '')), ('batch', coalesce(r.batch, '')))
           AS d (dimension, key)
     WHERE r.lifecycle <> 2 OR d.dimension = 'lifecycle'
     GROUP BY 1, 2, 3, 4
    HAVING sum(r.n) <> 0;
    INSERT INTO device_kind
    SELECT r.catalog, r.lifecycle, r.state, r.product, r.device_group, r.version, r.attested,
           r.site, r.batch, r.n
      FROM unnest(rows) r;
$$;

-- The devices that exist already.
INSERT INTO device_kind
SELECT catalog, lifecycle, state, product, device_group, version, attested, site, batch, count(*)
  FROM device_index
 GROUP BY catalog, lifecycle, state, product, device_group, version, attested, site, batch;

GRANT SELECT, INSERT, DELETE ON device_kind TO orrery_server;
