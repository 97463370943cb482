-- Whoever raises or clears a cause holds its lock until the transaction ends, so that each
-- statement sees what the one before has left.

-- name: alert_lock (catalog, key)
SELECT pg_advisory_xact_lock(hashtextextended('alert ' || $2::text, $1::int));

-- name: alert_latest (catalog, key)
-- calm: it would not come back as the same one any more. Who flaps has to be calm for longer.
SELECT a.id, a.severity, a.resolved_at IS NOT NULL AS resolved,
       a.resolved_at + least(c.alert_calm_s * interval '1 second' * power(2, least(a.flaps, 10)),
                             greatest(c.alert_calm_s * interval '1 second', interval '1 hour'))
       <= now() AS calm
  FROM alert a JOIN catalog c ON c.id = a.catalog
 WHERE a.catalog = $1 AND a.key = $2
 ORDER BY a.id DESC LIMIT 1
   FOR UPDATE OF a;

-- name: alert_any_fresh (catalog, alert, devices, ats)
SELECT EXISTS (
    SELECT FROM unnest($3::bigint[], $4::bigint[]) AS h(device, at)
      LEFT JOIN LATERAL (SELECT * FROM alert_device d
                          WHERE d.catalog = $1 AND d.alert = $2 AND d.device = h.device
                          LIMIT 1) d ON true
     WHERE d.device IS NULL
        OR to_timestamp(h.at / 1000.0) > greatest(d.last_at, d.cleared_at)) AS fresh;

-- name: alert_open_count (catalog)
SELECT count(*) AS n FROM alert WHERE catalog = $1 AND resolved_at IS NULL;

-- name: alert_new (catalog, key, source, code, severity, title, rule, remedy, lasts_s, at)
WITH a AS (
    INSERT INTO alert (catalog, key, source, code, severity, title, rule, remedy, lasts_s, since,
                       last_at, told_severity)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, to_timestamp($10::bigint / 1000.0),
            to_timestamp($10::bigint / 1000.0), $5)
    RETURNING catalog, id
), h AS (
    INSERT INTO alert_history (catalog, alert, act) SELECT catalog, id, 'opened' FROM a
), o AS (
    INSERT INTO alert_outbox (catalog, alert, change) SELECT catalog, id, 'opened' FROM a
)
SELECT id, pg_notify('alert', catalog || ' opened ' || id) FROM a;

-- name: alert_reopen (catalog, alert)
-- Nobody has heard yet that it had resolved, unless a person said so.
WITH was AS (
    SELECT * FROM alert WHERE catalog = $1 AND id = $2
), a AS (
    UPDATE alert a
       SET resolved_at = NULL, resolved_by = NULL, flaps = a.flaps + 1, version = a.version + 1,
           updated_at = now()
      FROM was WHERE a.catalog = was.catalog AND a.id = was.id
), unheard AS (
    DELETE FROM alert_outbox o USING was
     WHERE o.catalog = was.catalog AND o.alert = was.id AND o.change = 'resolved'
       AND was.resolved_by IS NULL
), again AS (
    INSERT INTO alert_outbox (catalog, alert, change)
    SELECT catalog, id, 'opened' FROM was
     WHERE resolved_by IS NOT NULL AND (silenced_until IS NULL OR silenced_until <= now())
)
INSERT INTO alert_history (catalog, alert, act)
SELECT catalog, id, 'reopened' FROM was WHERE flaps < 50 OR resolved_by IS NOT NULL;

-- name: alert_hit (catalog, alert, before, devices, ats, evidence, mark)
-- plan: fresh
-- before: the latest alert of the cause when this began; what it knows is not news. Nobody else
-- adds devices to the alert meanwhile, so those it does not know are simply put in.
WITH h AS (
    SELECT DISTINCT ON (u.device, u.at) u.device, to_timestamp(u.at / 1000.0) AS at, u.evidence
      FROM unnest($4::bigint[], $5::bigint[], $6::text[]) AS u(device, at, evidence)
     ORDER BY u.device, u.at
), known AS MATERIALIZED (
    SELECT d.device, d.alert, d.last_at, d.cleared_at FROM alert_device d
     WHERE d.catalog = $1 AND d.alert = $3 AND d.device = ANY ($4::bigint[])
), fresh AS MATERIALIZED (
    SELECT h.device, min(h.at) AS since, max(h.at) AS last_at, count(*) AS n,
           (array_agg(h.evidence ORDER BY h.at DESC) FILTER (WHERE h.evidence IS NOT NULL))[1]
           AS evidence,
           bool_or(k.device IS NULL OR k.alert <> $2) AS new,
           bool_or(k.device IS NULL OR k.cleared_at IS NOT NULL OR k.alert <> $2) AS comes
      FROM h LEFT JOIN known k ON k.device = h.device
     WHERE k.device IS NULL OR h.at > greatest(k.last_at, k.cleared_at)
     GROUP BY h.device
), put AS (
    INSERT INTO alert_device (catalog, alert, device, since, last_at, hits, evidence)
    SELECT $1, $2, device, since, last_at, n, evidence FROM fresh WHERE new
), again AS (
    UPDATE alert_device d
       SET since = CASE WHEN d.cleared_at IS NULL THEN d.since ELSE f.since END,
           last_at = f.last_at, cleared_at = NULL, hits = d.hits + f.n,
           evidence = coalesce(f.evidence, d.evidence)
      FROM fresh f
     WHERE d.catalog = $1 AND d.alert = $2 AND d.device = f.device AND NOT f.new
), mark AS (
    INSERT INTO alert_mark (catalog, device)
    SELECT $1, device FROM fresh WHERE comes AND device > 0 AND $7::boolean
)
SELECT coalesce(sum(n), 0)::bigint AS hits, count(*) FILTER (WHERE comes) AS standing,
       count(*) FILTER (WHERE comes AND device > 0) AS devices,
       (extract(epoch FROM max(last_at)) * 1000)::bigint AS last_at,
       (array_agg(evidence ORDER BY last_at DESC) FILTER (WHERE evidence IS NOT NULL))[1]
       AS evidence
  FROM fresh;

-- name: alert_count (catalog, alert, severity, title, hits, standing, devices, last_at, evidence, rule, remedy, lasts_s)
-- People hear that it got worse when its severity rises, or its reach is ten times what they heard
-- of, ten minutes ago or earlier.
WITH was AS (
    SELECT * FROM alert WHERE catalog = $1 AND id = $2
), a AS (
    UPDATE alert a
       SET severity = $3::smallint, title = $4, hits = a.hits + $5::bigint,
           standing = a.standing + $6::int, devices = a.devices + $7::int,
           worst = greatest(a.worst, a.devices + $7::int),
           last_at = greatest(a.last_at, to_timestamp($8::bigint / 1000.0)),
           evidence = coalesce($9, a.evidence), rule = $10, remedy = $11::jsonb, lasts_s = $12,
           told_devices = CASE WHEN a.told_at > now() - interval '1 minute'
                               THEN greatest(a.told_devices, a.devices + $7::int)
                               ELSE a.told_devices END,
           updated_at = now(),
           version = a.version + CASE WHEN a.severity <> $3::smallint THEN 1 ELSE 0 END
      FROM was WHERE a.catalog = was.catalog AND a.id = was.id
    RETURNING a.catalog, a.id, a.devices, a.severity,
              (a.silenced_until IS NULL OR a.silenced_until <= now()) AS loud,
              a.severity > was.told_severity
              OR a.devices >= 10 * greatest(was.told_devices, 1)
                 AND was.told_at <= now() - interval '10 minutes' AS worse,
              a.severity <> was.severity AS turned,
              (a.severity >= 2) <> (was.severity >= 2) AS crossed
), told AS (
    INSERT INTO alert_outbox (catalog, alert, change)
    SELECT catalog, id, 'worsened' FROM a WHERE worse AND loud
    RETURNING alert
), history AS (
    INSERT INTO alert_history (catalog, alert, act, detail)
    SELECT catalog, id, 'severity', (ARRAY['low', 'medium', 'high', 'critical'])[severity + 1]
      FROM a WHERE turned
)
SELECT a.worse AND a.loud AS told, a.crossed, pg_notify('alert', a.catalog::text) FROM a;

-- name: alert_mark (catalog, alert)
-- Its devices are at risk from now on, or no longer.
INSERT INTO alert_mark (catalog, device)
SELECT catalog, device FROM alert_device
 WHERE catalog = $1 AND alert = $2 AND cleared_at IS NULL AND device > 0;

-- name: alert_told (catalog, alert)
UPDATE alert SET told_severity = severity, told_devices = devices, told_at = now()
 WHERE catalog = $1 AND id = $2;

-- name: alert_over (catalog, alert, devices, at)
WITH gone AS (
    UPDATE alert_device SET cleared_at = greatest(last_at, to_timestamp($4::bigint / 1000.0))
     WHERE catalog = $1 AND alert = $2 AND cleared_at IS NULL
       AND ($3::bigint[] IS NULL OR device = ANY ($3))
       AND last_at <= to_timestamp($4::bigint / 1000.0)
    RETURNING device
), a AS (
    UPDATE alert
       SET standing = standing - (SELECT count(*) FROM gone),
           devices = devices - (SELECT count(*) FROM gone WHERE device > 0), updated_at = now()
     WHERE catalog = $1 AND id = $2 AND EXISTS (SELECT FROM gone)
    RETURNING catalog, standing, severity
), mark AS (
    INSERT INTO alert_mark (catalog, device)
    SELECT $1, g.device FROM gone g JOIN a ON a.severity >= 2 WHERE g.device > 0
)
SELECT standing, pg_notify('alert', catalog::text) FROM a;

-- name: alert_end (catalog, alert)
-- By itself. People hear of it once it would not come back as the same one.
WITH a AS (
    UPDATE alert a
       SET resolved_at = now(), version = a.version + 1, updated_at = now()
      FROM catalog c
     WHERE a.catalog = $1 AND a.id = $2 AND a.resolved_at IS NULL AND c.id = a.catalog
    RETURNING a.catalog, a.id, a.flaps, c.alert_calm_s,
              (a.silenced_until IS NULL OR a.silenced_until <= now()) AS loud
), h AS (
    INSERT INTO alert_history (catalog, alert, act)
    SELECT catalog, id, 'resolved' FROM a WHERE flaps < 50
), o AS (
    INSERT INTO alert_outbox (catalog, alert, change, at)
    SELECT catalog, id, 'resolved',
           now() + least(alert_calm_s * interval '1 second' * power(2, least(flaps, 10)),
                         greatest(alert_calm_s * interval '1 second', interval '1 hour'))
      FROM a WHERE loud
)
SELECT pg_notify('alert', catalog || ' resolved ' || id) FROM a;

-- name: alert_wake ()
-- Those whose silence is over.
WITH a AS (
    UPDATE alert SET silenced_until = NULL, version = version + 1, updated_at = now(),
           told_severity = severity, told_devices = devices, told_at = now()
     WHERE silenced_until <= now() AND resolved_at IS NULL
    RETURNING catalog, id
), h AS (
    INSERT INTO alert_history (catalog, alert, act) SELECT catalog, id, 'woken' FROM a
), o AS (
    INSERT INTO alert_outbox (catalog, alert, change) SELECT catalog, id, 'opened' FROM a
)
SELECT pg_notify('alert', catalog::text) FROM a;

-- name: alert_silent ()
-- Causes that last for some time after they were seen, and were not seen for so long.
SELECT catalog, key, (extract(epoch FROM last_at) * 1000)::bigint + 1 AS last_at FROM alert
 WHERE resolved_at IS NULL AND lasts_s IS NOT NULL
   AND last_at < now() - lasts_s * interval '1 second'
 ORDER BY catalog, key LIMIT 1000;

-- name: alert_expire ()
-- Resolved ones are a record for people for a year; what nobody tells anybody of goes after a week.
WITH gone AS (
    DELETE FROM alert WHERE resolved_at < now() - interval '1 year' RETURNING catalog, id
), d AS (
    DELETE FROM alert_device d USING gone g WHERE d.catalog = g.catalog AND d.alert = g.id
), h AS (
    DELETE FROM alert_history h USING gone g WHERE h.catalog = g.catalog AND h.alert = g.id
)
DELETE FROM alert_outbox WHERE at < now() - interval '7 days';

-- name: alert_title (catalog, alert)
SELECT title FROM alert WHERE catalog = $1 AND id = $2;

-- name: alert_catalogs ()
SELECT DISTINCT catalog AS id FROM alert;
