-- name: delivery_list (catalog, id, route, state, before, limit)
SELECT d.id, d.route, r.name AS route_name, d.alert, a.title, d.event, d.change, d.state,
       d.attempts, d.status, d.took_ms, d.error,
       (extract(epoch FROM d.at) * 1000)::bigint AS at,
       (extract(epoch FROM d.next_at) * 1000)::bigint AS next_at,
       (extract(epoch FROM d.created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM d.ended_at) * 1000)::bigint AS ended_at
  FROM notification_delivery d
  LEFT JOIN notification_route r ON r.catalog = d.catalog AND r.id = d.route
  LEFT JOIN alert a ON a.catalog = d.catalog AND a.id = d.alert
 WHERE d.catalog = $1 AND ($2::bigint IS NULL OR d.id = $2::bigint)
   AND ($3::bigint IS NULL OR d.route = $3::bigint) AND ($4::text IS NULL OR d.state = $4::text)
   AND ($5::bigint IS NULL OR d.id < $5::bigint)
 ORDER BY d.id DESC LIMIT $6;

-- name: delivery_test (catalog, route)
INSERT INTO notification_delivery (catalog, route, change, at, state, next_at, give_up_at)
VALUES ($1, $2, 'test', now(), 'queued', now(), now() + interval '10 minutes')
RETURNING id;

-- name: delivery_replay (catalog, id)
UPDATE notification_delivery d
   SET state = 'queued', attempts = 0, next_at = now(), give_up_at = now() + interval '1 day',
       ended_at = NULL
  FROM notification_route r
 WHERE d.catalog = $1 AND d.id = $2 AND d.state = 'dead' AND r.catalog = d.catalog
   AND r.id = d.route
RETURNING d.id;

-- name: delivery_take (limit)
-- One change an alert at a time, in order, so that each sees what was said before. A route hears
-- that something is over if it heard of it before. One that waits for nobody to acknowledge gets
-- its message held; an alert about a route itself does not go there.
WITH o AS (
    DELETE FROM alert_outbox
     WHERE id IN (SELECT min(id) FROM alert_outbox WHERE at <= now()
                   GROUP BY catalog, alert ORDER BY 1 LIMIT $1)
    RETURNING id, catalog, alert, change, at
), m AS (
    SELECT o.id, o.catalog, o.alert, o.change, o.at, r.id AS route, r.escalate_min, d.heard,
           d.holds
      FROM o
      JOIN alert a ON a.catalog = o.catalog AND a.id = o.alert
      JOIN notification_route r
        ON r.catalog = o.catalog AND r.enabled AND a.severity >= r.min_severity
       AND (r.sources = '[]' OR r.sources ? a.source) AND (r.codes = '[]' OR r.codes ? a.code)
       AND a.key <> 'system:notify:' || r.id
     CROSS JOIN LATERAL (
           SELECT coalesce(bool_or(n.state <> 'held'), false) AS heard,
                  coalesce(bool_or(n.state = 'held'), false) AS holds
             FROM notification_delivery n
            WHERE n.catalog = o.catalog AND n.alert = o.alert AND n.route = r.id) AS d
     WHERE d.heard
        OR r.products = '[]' AND r.groups = '[]' AND r.sites = '[]'
        OR EXISTS (SELECT FROM alert_device x
                     JOIN device_index i ON i.catalog = x.catalog AND i.device = x.device
                    WHERE x.catalog = o.catalog AND x.alert = o.alert AND x.cleared_at IS NULL
                      AND (r.products = '[]' OR r.products ? i.product::text)
                      AND (r.groups = '[]' OR r.groups ? i.device_group::text)
                      AND (r.sites = '[]' OR r.sites ? i.site))
), late AS (
    SELECT *, escalate_min IS NOT NULL AND NOT (heard AND change <> 'opened') AS wait FROM m
), ended AS (
    DELETE FROM notification_delivery n USING o
     WHERE o.change = 'resolved' AND n.catalog = o.catalog AND n.alert = o.alert
       AND n.state = 'held'
), put AS (
    INSERT INTO notification_delivery (catalog, route, alert, change, at, state, next_at,
                                       give_up_at)
    SELECT catalog, route, alert, CASE WHEN wait THEN 'escalated' ELSE change END, at,
           CASE WHEN wait THEN 'held' ELSE 'queued' END,
           CASE WHEN wait THEN at + escalate_min * interval '1 minute' ELSE now() END,
           now() + interval '1 day'
      FROM late
     WHERE (change <> 'resolved' OR heard) AND NOT (wait AND holds)
     ORDER BY id
)
SELECT count(*) AS taken FROM o;

-- name: delivery_release ()
-- What nobody acknowledged goes now; what somebody did, or is over or silenced, does not.
WITH due AS (
    SELECT d.catalog, d.id, a.id IS NOT NULL AS goes
      FROM notification_delivery d
      LEFT JOIN alert a ON a.catalog = d.catalog AND a.id = d.alert AND a.resolved_at IS NULL
                       AND a.acknowledged_at IS NULL
                       AND (a.silenced_until IS NULL OR a.silenced_until <= now())
     WHERE d.state = 'held' AND d.next_at <= now()
     ORDER BY d.id LIMIT 500
), gone AS (
    DELETE FROM notification_delivery d USING due
     WHERE NOT due.goes AND d.catalog = due.catalog AND d.id = due.id
)
UPDATE notification_delivery d
   SET state = 'queued', at = now(), next_at = now(), give_up_at = now() + interval '1 day'
  FROM due WHERE due.goes AND d.catalog = due.catalog AND d.id = due.id;

-- name: delivery_give_up ()
-- Of routes that were off, or so far behind that their turn never came.
UPDATE notification_delivery
   SET state = CASE WHEN change = 'test' THEN 'failed' ELSE 'dead' END, next_at = NULL,
       ended_at = now(), error = coalesce(error, 'its route was off or too far behind for a day')
 WHERE next_at IS NOT NULL AND state IN ('queued', 'failed')
   AND give_up_at <= now() - interval '5 minutes';

-- name: delivery_due (busy, limit)
-- The oldest of each route that may be tried; of one alert in order.
SELECT d.catalog, d.id, d.route, d.alert, d.event, d.change, c.name AS catalog_name, r.name,
       r.kind, r.url, r.mail, r.secret, a.key, a.source, a.code, a.severity, a.title, a.remedy,
       a.devices, a.worst, a.state AS alert_state, a.evidence,
       (extract(epoch FROM d.at) * 1000)::bigint AS at,
       (extract(epoch FROM a.since) * 1000)::bigint AS since,
       (extract(epoch FROM a.resolved_at) * 1000)::bigint AS resolved_at,
       (SELECT jsonb_agg(jsonb_build_object('id', e.id, 'name', e.name))
          FROM (SELECT i.id, i.name
                  FROM alert_device x
                  JOIN device_index i ON i.catalog = x.catalog AND i.device = x.device
                 WHERE x.catalog = d.catalog AND x.alert = d.alert
                 ORDER BY x.cleared_at IS NOT NULL, x.device LIMIT 5) e) AS examples
  FROM notification_route r
  JOIN catalog c ON c.id = r.catalog
 CROSS JOIN LATERAL (
       SELECT n.* FROM notification_delivery n
        WHERE n.catalog = r.catalog AND n.route = r.id AND n.next_at <= now()
          AND n.state IN ('queued', 'failed')
          AND (n.change = 'test'
               OR r.enabled AND (r.hold_until IS NULL OR r.hold_until <= now())
                  AND NOT EXISTS (SELECT FROM notification_delivery e
                                   WHERE e.catalog = n.catalog AND e.alert = n.alert
                                     AND e.route = n.route AND e.id < n.id
                                     AND e.next_at IS NOT NULL AND e.state <> 'held'))
        ORDER BY n.change <> 'test', n.id LIMIT 1) d
  LEFT JOIN alert_row a ON a.catalog = d.catalog AND a.id = d.alert
 WHERE EXISTS (SELECT FROM notification_delivery w WHERE w.next_at <= now())
   AND NOT (r.id = ANY ($1::bigint[]))
 ORDER BY d.next_at LIMIT $2;

-- name: delivery_sent (catalog, id, status, took_ms, text)
WITH d AS (
    UPDATE notification_delivery
       SET state = 'sent', attempts = attempts + 1, status = $3, took_ms = $4, error = $5,
           next_at = NULL, ended_at = now()
     WHERE catalog = $1 AND id = $2
    RETURNING catalog, route, change
), was AS (
    SELECT r.id, r.name, r.failures, d.change FROM d
      JOIN notification_route r ON r.catalog = d.catalog AND r.id = d.route
), now_is AS (
    UPDATE notification_route r
       SET failures = 0, hold_until = NULL, delivered_at = now()
      FROM was WHERE r.catalog = $1 AND r.id = was.id
)
SELECT id AS route, name, 0 AS failures, failures AS before, false AS dead, change = 'test' AS test
  FROM was;

-- name: delivery_attempts (catalog, id)
SELECT d.attempts, r.failures FROM notification_delivery d
  JOIN notification_route r ON r.catalog = d.catalog AND r.id = d.route
 WHERE d.catalog = $1 AND d.id = $2;

-- name: delivery_failed (catalog, id, status, took_ms, text, again_ms, hold_ms)
WITH d AS (
    UPDATE notification_delivery
       SET attempts = attempts + 1, status = $3, took_ms = $4, error = $5,
           state = CASE WHEN change <> 'test' AND give_up_at <= now() THEN 'dead'
                        ELSE 'failed' END,
           next_at = CASE WHEN change = 'test' OR give_up_at <= now() THEN NULL
                          ELSE now() + $6::bigint * interval '1 millisecond' END,
           ended_at = CASE WHEN change = 'test' OR give_up_at <= now() THEN now() END
     WHERE catalog = $1 AND id = $2
    RETURNING catalog, route, change, state
), was AS (
    SELECT r.id, r.name, r.failures, d.change, d.state FROM d
      JOIN notification_route r ON r.catalog = d.catalog AND r.id = d.route
), now_is AS (
    UPDATE notification_route r
       SET failures = r.failures + 1, failed_at = now(), error = $5,
           hold_until = now() + $7::bigint * interval '1 millisecond'
      FROM was WHERE r.catalog = $1 AND r.id = was.id AND was.change <> 'test'
)
SELECT id AS route, name, failures + (change <> 'test')::int AS failures, failures AS before,
       state = 'dead' AS dead, change = 'test' AS test
  FROM was;

-- name: delivery_health ()
SELECT r.id, c.name AS catalog_name, r.failures,
       coalesce(extract(epoch FROM r.delivered_at), 0)::bigint AS delivered_s
  FROM notification_route r JOIN catalog c ON c.id = r.catalog
 WHERE r.enabled ORDER BY r.failures DESC, r.id LIMIT 200;

-- name: delivery_expire ()
-- Not while the alert is open: who heard that it opened shall hear that it is over.
DELETE FROM notification_delivery d
 WHERE d.next_at IS NULL
   AND d.ended_at < now() - CASE WHEN d.state = 'dead' THEN interval '90 days'
                                 ELSE interval '30 days' END
   AND NOT EXISTS (SELECT FROM alert a WHERE a.catalog = d.catalog AND a.id = d.alert
                                         AND a.resolved_at IS NULL);
