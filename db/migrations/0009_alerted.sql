-- Devices are found by the alert they show, and at risk while one of high severity stands on them.

CREATE VIEW device_alerted AS
SELECT d.catalog, d.device
  FROM alert_device d
  JOIN alert a ON a.catalog = d.catalog AND a.id = d.alert
 WHERE d.cleared_at IS NULL AND a.resolved_at IS NULL AND a.severity >= 2;
GRANT SELECT ON device_alerted TO orrery_server;

-- alert: those that show it now; once it is resolved, those that did.
ALTER TYPE device_filter ADD ATTRIBUTE alert bigint;

CREATE OR REPLACE FUNCTION device_found(f device_filter) RETURNS SETOF device_index
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT i.*
      FROM device_index i
      LEFT JOIN device_state s ON s.catalog = i.catalog AND s.device = i.device
     WHERE i.catalog = f.catalog
       AND (f.prefix IS NULL
            OR (i.name >= device_search_name(f.prefix) COLLATE "C"
                AND i.name < (device_search_name(f.prefix) || chr(1114111)) COLLATE "C")
            OR (i.id >= f.id_prefix AND i.id < f.id_prefix || 'g'))
       AND is_one_of(i.state, f.state)
       AND is_one_of(i.lifecycle, f.lifecycle)
       AND is_one_of(i.product, f.product)
       AND is_one_of(i.device_group, f.device_group)
       AND is_one_of(i.version, f.version)
       AND is_one_of(i.attested, f.attested)
       AND is_one_of(i.site, f.site)
       AND is_one_of(i.batch, f.batch)
       AND is_one_of(i.network, f.network)
       AND (f.tags IS NULL OR i.tags @> f.tags)
       AND (f.seen_after IS NULL OR s.last_seen > f.seen_after)
       AND (f.seen_before IS NULL OR s.last_seen < f.seen_before)
       AND (f.seat IS NULL OR i.device = (SELECT d.device FROM device d
                                           WHERE d.catalog = f.catalog AND d.seat = f.seat))
       AND (f.ids IS NULL OR i.id = ANY (f.ids))
       AND (f.alert IS NULL
            OR i.device IN (SELECT a.device FROM alert_device a
                             WHERE a.catalog = f.catalog AND a.alert = f.alert
                               AND (a.cleared_at IS NULL
                                    OR EXISTS (SELECT FROM alert r
                                                WHERE r.catalog = f.catalog AND r.id = f.alert
                                                  AND r.resolved_at IS NOT NULL))));
$$;
