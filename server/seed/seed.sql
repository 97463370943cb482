-- name: seed_there (catalog, beside)
-- Seeded devices, and those that are neither seeded nor emulated nor the one that may be there.
SELECT count(*) FILTER (WHERE t.attester = 'seeded') AS seeded,
       count(*) FILTER (WHERE t.attester IS DISTINCT FROM 'seeded' AND d.id IS DISTINCT FROM $2
                          AND coalesce(d.tags ->> 'model', '') NOT LIKE 'ORR-%') AS other
  FROM device d
  LEFT JOIN device_trust t ON t.catalog = d.catalog AND t.device = d.device
 WHERE d.catalog = $1;

-- name: seed_product (catalog, name, description)
WITH made AS (
    INSERT INTO product (catalog, name, description) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING RETURNING id
)
SELECT id FROM made
UNION ALL
SELECT id FROM product WHERE catalog = $1 AND lower(name) = lower($2)
 LIMIT 1;

-- name: seed_group (catalog, product, name)
WITH made AS (
    INSERT INTO device_group (catalog, product, name) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING RETURNING id
)
SELECT id FROM made
UNION ALL
SELECT id FROM device_group WHERE catalog = $1 AND product = $2 AND lower(name) = lower($3)
 LIMIT 1;

-- name: seed_seats (catalog, count)
UPDATE catalog SET next_seat = next_seat + $2 WHERE id = $1 RETURNING next_seat - $2 AS seat;

-- name: seed_refusals (catalog, devices)
-- What such a fleet would have been refused for today.
INSERT INTO refusal (catalog, hour, reason, n)
SELECT $1::int, date_trunc('hour', now()) - h * interval '1 hour', reason,
       greatest(1, n * $2::bigint / 600000)
  FROM (VALUES ('Build not accepted: gateway.kernel', 61), ('Identity not proven', 38),
               ('Debugging on', 24), ('Component not known', 12),
               ('Withdrawn version: hvac.sensor-task', 8)) r (reason, n),
       generate_series(0, 5) h
ON CONFLICT DO NOTHING;
