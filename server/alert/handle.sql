-- What people do with alerts. The check and the change are one statement: of two that saw the same
-- version one wins. Each returns the id, or nothing.

-- name: handle_acknowledge (catalog, alert, version, actor)
UPDATE alert SET acknowledged_at = now(), acknowledged_by = $4, version = version + 1,
       updated_at = now()
 WHERE catalog = $1 AND id = $2 AND version = $3 AND resolved_at IS NULL
   AND acknowledged_at IS NULL
RETURNING id;

-- name: handle_assign (catalog, alert, version, actor, account)
-- Who gives it to somebody has seen it.
UPDATE alert SET assigned = $5, acknowledged_at = coalesce(acknowledged_at, now()),
       acknowledged_by = coalesce(acknowledged_by, $4), version = version + 1, updated_at = now()
 WHERE catalog = $1 AND id = $2 AND version = $3 AND resolved_at IS NULL
RETURNING id;

-- name: handle_silence (catalog, alert, version, minutes)
UPDATE alert SET silenced_until = CASE WHEN $4::int > 0 THEN now() + $4::int * interval '1 minute'
                             END,
       version = version + 1, updated_at = now()
 WHERE catalog = $1 AND id = $2 AND version = $3 AND resolved_at IS NULL
RETURNING id;

-- name: handle_resolve (catalog, alert, version, actor)
WITH a AS (
    UPDATE alert
       SET resolved_at = clock_timestamp(), resolved_by = $4, standing = 0, devices = 0,
           silenced_until = NULL, version = version + 1, updated_at = now()
     WHERE catalog = $1 AND id = $2 AND version = $3 AND resolved_at IS NULL
    RETURNING catalog, id, severity
), gone AS (
    UPDATE alert_device d SET cleared_at = greatest(d.last_at, clock_timestamp())
      FROM a WHERE d.catalog = $1 AND d.alert = $2 AND d.cleared_at IS NULL
    RETURNING d.device
), mark AS (
    INSERT INTO alert_mark (catalog, device)
    SELECT a.catalog, g.device FROM gone g, a WHERE a.severity >= 2 AND g.device > 0
), told AS (
    INSERT INTO alert_outbox (catalog, alert, change) SELECT catalog, id, 'resolved' FROM a
)
SELECT id, pg_notify('alert', catalog || ' resolved ' || id) FROM a;

-- name: handle_note (catalog, alert, account, actor, act, detail)
WITH h AS (
    INSERT INTO alert_history (catalog, alert, account, actor, act, detail)
    VALUES ($1, $2, nullif($3::bigint, 0), $4, $5, $6)
)
SELECT pg_notify('alert', $1::int::text);

-- name: handle_owner (catalog, account)
SELECT name, role FROM account
 WHERE id = $2 AND NOT disabled AND (catalog IS NULL OR catalog = $1);
