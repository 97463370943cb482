-- name: timeline_edge (catalog, device, before, most)
-- plan: fresh
-- The minute behind the oldest of so many warnings and errors, in µs; NULL: there are fewer. It
-- moves on by a minute at least.
SELECT CASE WHEN count(l.ts) = $4::bigint
            THEN (extract(epoch FROM least(date_trunc('minute', min(ts), 'UTC')
                                           + interval '1 minute',
                                           b.at - interval '1 minute')) * 1000000)::bigint
       END AS edge
  FROM (SELECT timestamptz 'epoch' + $3::bigint * interval '1 microsecond' AS at) b
  LEFT JOIN LATERAL (SELECT ts FROM journal
                      WHERE catalog = $1 AND device = $2 AND NOT event AND level <= 1
                        AND ts < timestamptz 'epoch' + $3::bigint * interval '1 microsecond'
                                 + interval '1 minute'
                      ORDER BY ts DESC LIMIT $4) l ON true
 GROUP BY b.at;

-- name: timeline_page (catalog, device, id, kinds, before, kind, ref, edge, burst, most, limit)
-- plan: fresh
-- Below (before, kind, ref), down to edge; both in µs. Each kind gives no more than a page.
WITH b AS (
    SELECT timestamptz 'epoch' + $5::bigint * interval '1 microsecond' AS at,
           timestamptz 'epoch' + $8::bigint * interval '1 microsecond' AS edge
), life AS (
    SELECT x.at, x.ref, x.what
      FROM device d
     CROSS JOIN LATERAL (VALUES (d.created_at, 1, 'registered'), (d.claimed_at, 2, 'claimed'))
           AS x (at, ref, what)
     WHERE d.catalog = $1 AND d.device = $2 AND 'life' = ANY ($4::text[])
), trust AS (
    SELECT x.at, x.ref, x.what, x.text, x.level
      FROM device_trust t
     CROSS JOIN LATERAL (VALUES
               (t.attested_at, 1, 'attested', t.findings -> 0 ->> 'text', t.verdict),
               (t.cert_not_before, 2, 'certificate', NULL, t.cert_kind))
           AS x (at, ref, what, text, level)
     WHERE t.catalog = $1 AND t.device = $2 AND 'trust' = ANY ($4::text[])
), alert AS (
    SELECT x.at, x.ref, x.what, a.title AS text, a.severity AS level, a.id AS alert
      FROM alert_device d
      JOIN alert a ON a.catalog = d.catalog AND a.id = d.alert
     CROSS JOIN LATERAL (VALUES (d.since, 2 * a.id, 'opened'),
                                (d.cleared_at, 2 * a.id + 1, 'resolved')) AS x (at, ref, what)
     WHERE d.catalog = $1 AND d.device = $2 AND 'alert' = ANY ($4::text[])
), event AS (
    SELECT j.ts AS at, j.seq AS ref, j.name AS what, j.text, j.level
      FROM journal j, b
     WHERE j.catalog = $1 AND j.device = $2 AND j.event AND 'event' = ANY ($4::text[])
       AND j.ts <= timestamptz 'epoch' + $5::bigint * interval '1 microsecond'
       AND j.ts >= timestamptz 'epoch' + $8::bigint * interval '1 microsecond'
       AND (j.ts, 'event'::text, j.seq) < (b.at, $6::text, $7::bigint)
     ORDER BY j.ts DESC, j.seq DESC LIMIT $11
), line AS (
    SELECT j.ts, j.level FROM journal j
     WHERE j.catalog = $1 AND j.device = $2 AND NOT j.event AND j.level <= 1
       AND 'log' = ANY ($4::text[])
       AND j.ts < timestamptz 'epoch' + $5::bigint * interval '1 microsecond'
                  + interval '1 minute'
     ORDER BY j.ts DESC LIMIT $10
), burst AS (
    SELECT date_trunc('minute', ts, 'UTC') AS at, count(*) AS n, min(level) AS level
      FROM line GROUP BY 1 HAVING count(*) >= $9::bigint
), act AS (
    SELECT u.at, u.seq AS ref, u.action AS what, u.detail AS text, u.actor
      FROM audit u
     WHERE u.chain = $1 AND u.object = $3 AND u.outcome = 'ok' AND 'act' = ANY ($4::text[])
       AND u.at <= timestamptz 'epoch' + $5::bigint * interval '1 microsecond'
     ORDER BY u.seq DESC LIMIT 1000
), item (at, kind, ref, what, text, actor, level, alert, n) AS (
    SELECT at, 'life', ref::bigint, what, NULL, NULL, NULL::int, NULL::bigint, NULL::bigint FROM life
    UNION ALL SELECT at, 'trust', ref, what, text, NULL, level, NULL, NULL FROM trust
    UNION ALL SELECT at, 'alert', ref, what, text, NULL, level, alert, NULL FROM alert
    UNION ALL SELECT at, 'event', ref, what, text, NULL, level, NULL, NULL FROM event
    UNION ALL SELECT at, 'log', 0, 'burst', NULL, NULL, level, NULL, n FROM burst
    UNION ALL SELECT at, 'act', ref, what, text, actor, NULL, NULL, NULL FROM act
)
SELECT (extract(epoch FROM i.at) * 1000000)::bigint AS us, i.kind, i.ref, i.what, i.text, i.actor,
       i.level, i.alert, i.n
  FROM item i, b
 WHERE i.at IS NOT NULL AND i.at >= b.edge AND (i.at, i.kind, i.ref) < (b.at, $6::text, $7::bigint)
 ORDER BY i.at DESC, i.kind DESC, i.ref DESC LIMIT $11;
