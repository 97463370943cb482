-- name: rule_page (catalog, after, limit)
SELECT r.id, r.name, r.text, r.enabled, r.version, r.changed_by, r.fired,
       (extract(epoch FROM r.enabled_at) * 1000)::bigint AS enabled_at,
       (extract(epoch FROM r.created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM r.changed_at) * 1000)::bigint AS changed_at,
       (extract(epoch FROM r.fired_at) * 1000)::bigint AS fired_at,
       r.heat * power(0.5, extract(epoch FROM now() - r.fired_at) / 86400) AS heat,
       (SELECT count(*) FROM rule_turn t
         WHERE t.catalog = r.catalog AND t.rule = r.id AND t.fires) AS firing
  FROM rule r
 WHERE r.catalog = $1 AND r.id > $2 ORDER BY r.id LIMIT $3;

-- name: rule_show (catalog, id)
SELECT r.id, r.name, r.text, r.enabled, r.version, r.changed_by, r.fired,
       (extract(epoch FROM r.enabled_at) * 1000)::bigint AS enabled_at,
       (extract(epoch FROM r.created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM r.changed_at) * 1000)::bigint AS changed_at,
       (extract(epoch FROM r.fired_at) * 1000)::bigint AS fired_at,
       r.heat * power(0.5, extract(epoch FROM now() - r.fired_at) / 86400) AS heat,
       (SELECT count(*) FROM rule_turn t
         WHERE t.catalog = r.catalog AND t.rule = r.id AND t.fires) AS firing
  FROM rule r
 WHERE r.catalog = $1 AND r.id = $2;

-- name: rule_add (catalog, name, text, by, most)
INSERT INTO rule (catalog, name, text, changed_by)
SELECT $1::int, $2, $3, $4
 WHERE (SELECT count(*) FROM rule WHERE catalog = $1::int) < $5::int
RETURNING id;

-- name: rule_change (catalog, id, version, name, text, enabled, by)
-- A rule begins anew with its text, and when it is enabled.
UPDATE rule
   SET name = coalesce($4, name), text = coalesce($5, text),
       enabled = coalesce($6::boolean, enabled),
       enabled_at = CASE WHEN NOT coalesce($6::boolean, enabled) THEN NULL
                         WHEN enabled AND coalesce($5, text) = text THEN enabled_at
                         ELSE now() END,
       version = version + 1, changed_at = now(), changed_by = $7
 WHERE catalog = $1 AND id = $2 AND version = $3
RETURNING id;

-- name: rule_delete (catalog, id)
DELETE FROM rule WHERE catalog = $1 AND id = $2 RETURNING id;

-- name: rule_forget (catalog, id)
DELETE FROM rule_turn WHERE catalog = $1 AND rule = $2;

-- name: rule_causes (catalog, id)
SELECT key FROM alert WHERE catalog = $1 AND rule = $2 AND resolved_at IS NULL ORDER BY key;

-- name: rule_products (catalog, name)
SELECT id FROM product WHERE catalog = $1 AND (lower(name) = lower($2) OR id::text = $2);

-- name: rule_groups (catalog, name)
SELECT g.id FROM device_group g JOIN product p ON p.catalog = g.catalog AND p.id = g.product
 WHERE g.catalog = $1 AND (lower(g.name) = lower($2) OR g.id::text = $2
                           OR lower(p.name || ' / ' || g.name) = lower($2));

-- name: rule_keys (filter)
-- plan: fresh
SELECT count(*) AS devices, count(DISTINCT device_group) AS groups,
       count(DISTINCT product) AS products, count(DISTINCT site) AS sites
  FROM device_found($1);

-- name: rule_stamps ()
-- What tells that something about the enabled rules of a catalog is another now.
SELECT catalog, md5(string_agg(id || ':' || version, ',' ORDER BY id)) AS stamp
  FROM rule WHERE enabled GROUP BY catalog;

-- name: rule_enabled (catalog)
SELECT id, name, text, version FROM rule WHERE catalog = $1 AND enabled ORDER BY id;

-- name: rule_turns (catalog)
SELECT t.rule, t.key, t.fires, (extract(epoch FROM t.at) * 1000)::bigint AS at
  FROM rule_turn t JOIN rule r ON r.catalog = t.catalog AND r.id = t.rule AND r.enabled
 WHERE t.catalog = $1;

-- name: rule_marked (catalog)
-- What was before a rule was enabled is no news.
SELECT (extract(epoch FROM greatest((SELECT at FROM rule_mark WHERE catalog = $1),
            (SELECT min(enabled_at) FROM rule WHERE catalog = $1 AND enabled))) * 1000)::bigint
       AS at;

-- name: rule_mark (catalog, at)
INSERT INTO rule_mark (catalog, at) VALUES ($1, $2)
    ON CONFLICT (catalog) DO UPDATE SET at = EXCLUDED.at;

-- name: rule_lock (catalog, ids)
-- Those still as they were read; nobody changes them until the transaction ends.
SELECT id, version FROM rule
 WHERE catalog = $1 AND id = ANY ($2::bigint[]) AND enabled ORDER BY id FOR UPDATE;

-- name: rule_turned (catalog, rule, keys, fires, ats)
INSERT INTO rule_turn AS t (catalog, rule, key, fires, at)
SELECT $1::int, $2::bigint, u.key, u.fires, to_timestamp(u.at / 1000.0)
  FROM unnest($3::bigint[], $4::boolean[], $5::bigint[]) AS u (key, fires, at)
    ON CONFLICT (catalog, rule, key) DO UPDATE SET fires = EXCLUDED.fires, at = EXCLUDED.at;

-- name: rule_fired (catalog, rule, times)
UPDATE rule
   SET heat = heat * coalesce(power(0.5, extract(epoch FROM now() - fired_at) / 86400), 0)
              + $3::bigint,
       fired = fired + $3::bigint, fired_at = now()
 WHERE catalog = $1 AND id = $2;

-- name: rule_devices (catalog, devices)
SELECT i.device, i.product, i.device_group, i.site, s.last_at IS NOT NULL AS heard
  FROM device_index i
  LEFT JOIN device_state s ON s.catalog = i.catalog AND s.device = i.device
 WHERE i.catalog = $1 AND i.device = ANY ($2::bigint[]) AND i.lifecycle <> 2;

-- name: rule_scope (filter, devices)
-- plan: fresh
SELECT i.device FROM device_found($1) i WHERE i.device = ANY ($2::bigint[]);

-- name: rule_crowd (filter, after, limit)
-- plan: fresh
SELECT device FROM device_found($1) WHERE device > $2 ORDER BY device LIMIT $3;

-- name: rule_heard (catalog, after, limit)
SELECT device FROM device_state
 WHERE catalog = $1 AND device > $2 AND last_at IS NOT NULL ORDER BY device LIMIT $3;

-- name: rule_shape (catalog, id)
SELECT array_to_string(names, ',') AS names FROM shape WHERE catalog = $1 AND id = $2;

-- name: rule_label (catalog, dimension, key)
SELECT facet_label($1, $2, $3) AS label;

-- name: rule_names (catalog, devices)
SELECT device, id, coalesce(name, '') AS name FROM device
 WHERE catalog = $1 AND device = ANY ($2::bigint[]);

-- name: rule_rows (catalog, from, to)
SELECT device, (extract(epoch FROM ts) * 1000)::bigint AS at, shape, vals
  FROM telemetry WHERE catalog = $1 AND ts >= $2 AND ts < $3 ORDER BY ts, device;
