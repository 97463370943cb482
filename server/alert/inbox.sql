-- name: inbox_page (catalog, states, severity, source, owner, device, ranked, before, limit, rule, from, to, code)
-- plan: fresh
-- The rank is a severity's bits over those of the id, or the id alone.
SELECT a.*, (extract(epoch FROM a.opened_at) * 1000)::bigint AS opened,
       (extract(epoch FROM a.updated_at) * 1000)::bigint AS updated,
       (extract(epoch FROM a.since) * 1000)::bigint AS began,
       (extract(epoch FROM a.last_at) * 1000)::bigint AS last,
       (extract(epoch FROM a.acknowledged_at) * 1000)::bigint AS acknowledged,
       (extract(epoch FROM a.silenced_until) * 1000)::bigint AS silenced,
       (extract(epoch FROM a.resolved_at) * 1000)::bigint AS resolved, r.rank
  FROM alert_row a,
       LATERAL (SELECT CASE WHEN $7::boolean THEN a.severity::bigint << 56 ELSE 0 END + a.id
                       AS rank) r
 WHERE a.catalog = $1 AND r.rank < $8::bigint
   AND ($2::text[] IS NULL OR a.state = ANY ($2))
   AND ($3::smallint[] IS NULL OR a.severity = ANY ($3))
   AND ($4::text IS NULL OR a.source = $4)
   AND ($5::bigint IS NULL OR coalesce(a.assigned, 0) = $5)
   AND ($6::bigint IS NULL
        OR a.id IN (SELECT d.alert FROM alert_device d WHERE d.catalog = $1 AND d.device = $6))
   AND ($10::bigint IS NULL OR a.rule = $10)
   AND ($13::text IS NULL OR a.code = $13)
   AND ($11::bigint IS NULL OR a.resolved_at IS NULL
        OR a.resolved_at >= to_timestamp($11 / 1000.0))
   AND ($12::bigint IS NULL OR a.opened_at <= to_timestamp($12 / 1000.0))
 ORDER BY r.rank DESC LIMIT $9;

-- name: inbox_show (catalog, id)
SELECT a.*, (extract(epoch FROM a.opened_at) * 1000)::bigint AS opened,
       (extract(epoch FROM a.updated_at) * 1000)::bigint AS updated,
       (extract(epoch FROM a.since) * 1000)::bigint AS began,
       (extract(epoch FROM a.last_at) * 1000)::bigint AS last,
       (extract(epoch FROM a.acknowledged_at) * 1000)::bigint AS acknowledged,
       (extract(epoch FROM a.silenced_until) * 1000)::bigint AS silenced,
       (extract(epoch FROM a.resolved_at) * 1000)::bigint AS resolved
  FROM alert_row a WHERE a.catalog = $1 AND a.id = $2;

-- name: inbox_history (catalog, alert, before, limit)
SELECT id, actor, act, detail, (extract(epoch FROM at) * 1000)::bigint AS at
  FROM alert_history WHERE catalog = $1 AND alert = $2 AND id < $3 ORDER BY id DESC LIMIT $4;

-- name: inbox_summary (catalog)
-- What waits, and since when nothing does.
SELECT count(*) FILTER (WHERE severity = 3 AND state <> 'silenced') AS critical,
       count(*) FILTER (WHERE severity = 2 AND state <> 'silenced') AS high,
       count(*) FILTER (WHERE severity = 1 AND state <> 'silenced') AS medium,
       count(*) FILTER (WHERE severity = 0 AND state <> 'silenced') AS low,
       count(*) FILTER (WHERE state = 'silenced') AS silenced,
       (SELECT (extract(epoch FROM max(r.resolved_at)) * 1000)::bigint FROM alert r
         WHERE r.catalog = $1) AS quiet_since
  FROM alert_row WHERE catalog = $1 AND resolved_at IS NULL;

-- name: inbox_owners (catalog)
SELECT id, name, role FROM account
 WHERE NOT disabled AND (catalog IS NULL OR catalog = $1) ORDER BY lower(name) LIMIT 500;
