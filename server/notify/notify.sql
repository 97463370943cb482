-- name: notify_list (catalog, id)
-- One, or all where id is NULL.
SELECT r.id, r.name, r.kind, r.url, r.mail, r.secret IS NOT NULL AS has_secret, r.min_severity,
       r.sources, r.codes, r.products, r.groups, r.sites, r.escalate_min, r.enabled, r.version,
       r.failures, r.error,
       (extract(epoch FROM r.created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM r.delivered_at) * 1000)::bigint AS delivered_at,
       (extract(epoch FROM r.failed_at) * 1000)::bigint AS failed_at,
       (SELECT count(*) FROM notification_delivery d
         WHERE d.catalog = r.catalog AND d.route = r.id AND d.state IN ('queued', 'failed')
           AND d.next_at IS NOT NULL) AS waiting,
       (SELECT count(*) FROM notification_delivery d
         WHERE d.catalog = r.catalog AND d.route = r.id AND d.state = 'dead') AS dead
  FROM notification_route r
 WHERE r.catalog = $1 AND ($2::bigint IS NULL OR r.id = $2::bigint)
 ORDER BY lower(r.name), r.id;

-- name: notify_add (catalog, name, kind, url, mail, secret, min_severity, sources, codes, products, groups, sites, escalate_min, enabled, most)
INSERT INTO notification_route (catalog, name, kind, url, mail, secret, min_severity, sources,
                                codes, products, groups, sites, escalate_min, enabled)
SELECT $1::int, $2, $3, $4, $5::jsonb, $6, $7::smallint, $8::jsonb, $9::jsonb, $10::jsonb,
       $11::jsonb, $12::jsonb, $13::int, $14::boolean
 WHERE (SELECT count(*) FROM notification_route WHERE catalog = $1::int) < $15::int
RETURNING id;

-- name: notify_change (catalog, id, version, name, url, mail, secret, forget, min_severity, sources, codes, products, groups, sites, escalate_min, enabled)
-- What waits for a route that has changed is tried at once.
UPDATE notification_route
   SET name = $4, url = $5, mail = $6::jsonb,
       secret = CASE WHEN $7::text IS NOT NULL THEN $7::text
                     WHEN $8::boolean THEN NULL ELSE secret END,
       min_severity = $9::smallint, sources = $10::jsonb, codes = $11::jsonb,
       products = $12::jsonb, groups = $13::jsonb, sites = $14::jsonb, escalate_min = $15::int,
       enabled = $16::boolean, version = version + 1, hold_until = NULL
 WHERE catalog = $1 AND id = $2 AND version = $3
RETURNING id;

-- name: notify_set_secret (catalog, id, secret)
UPDATE notification_route SET secret = $3, version = version + 1, hold_until = NULL
 WHERE catalog = $1 AND id = $2
RETURNING id;

-- name: notify_delete (catalog, id)
WITH gone AS (
    DELETE FROM notification_delivery WHERE catalog = $1 AND route = $2
)
DELETE FROM notification_route WHERE catalog = $1 AND id = $2 RETURNING id;

-- name: notify_scope_unknown (catalog, products, groups)
SELECT (SELECT count(*) FROM jsonb_array_elements_text($2::jsonb) AS p(id)
         WHERE NOT EXISTS (SELECT FROM product WHERE catalog = $1 AND product.id = p.id::int))
       AS products,
       (SELECT count(*) FROM jsonb_array_elements_text($3::jsonb) AS g(id)
         WHERE NOT EXISTS (SELECT FROM device_group
                            WHERE catalog = $1 AND device_group.id = g.id::int)) AS groups;
