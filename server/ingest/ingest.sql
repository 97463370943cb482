-- name: ingest_shapes ()
SELECT catalog, id, array_to_string(names, ',') AS names FROM shape;

-- name: ingest_shape_put (catalog, id, names)
-- Two writers may meet the same new shape; the engine gave it its number.
INSERT INTO shape (catalog, id, names) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- name: ingest_partitions ()
-- What looks like a partition, and how far it hangs on its parent: a DETACH CONCURRENTLY that was
-- interrupted leaves one pending, a DROP that never came leaves one loose.
SELECT c.relname AS name, p.place, i.inhrelid IS NOT NULL AND NOT i.inhdetachpending AS attached,
       coalesce(i.inhdetachpending, false) AS pending, c.reloptions IS NOT NULL AS unvacuumed,
       pg_total_relation_size(c.oid) AS bytes
  FROM (VALUES (0, 'telemetry'), (1, 'journal'), (2, 'telemetry_chunk'), (3, 'telemetry_rollup'),
               (4, 'telemetry_minute'))
         AS p (place, parent)
  JOIN pg_class c ON c.relname ~ ('^' || p.parent || '_[0-9]{10}$') AND c.relkind = 'r'
   AND c.relnamespace = 'public'::regnamespace
  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
 ORDER BY c.relname;

-- name: ingest_batch_exists (id)
SELECT 1 AS yes FROM ingest_batch WHERE id = $1;

-- name: ingest_fold ()
-- The sequence log of a server that is gone, folded into device_state. An entry is 28 bytes:
-- catalog int4, device int8, boot int8, seq int8, big-endian.
WITH gone AS (DELETE FROM ingest_batch RETURNING body, created_at),
entry AS (
    SELECT created_at, ('x' || encode(substr(body, n * 28 + 1, 4), 'hex'))::bit(32)::int AS catalog,
           ('x' || encode(substr(body, n * 28 + 5, 8), 'hex'))::bit(64)::bigint AS device,
           ('x' || encode(substr(body, n * 28 + 13, 8), 'hex'))::bit(64)::bigint AS boot,
           ('x' || encode(substr(body, n * 28 + 21, 8), 'hex'))::bit(64)::bigint AS seq
      FROM gone, generate_series(0, length(body) / 28 - 1) AS n),
newest AS (
    SELECT DISTINCT ON (catalog, device) * FROM entry ORDER BY catalog, device, boot DESC, seq DESC)
INSERT INTO device_state AS s (catalog, device, boot, last_seq, last_seen)
SELECT catalog, device, boot, seq, created_at FROM newest
    ON CONFLICT (catalog, device) DO UPDATE
   SET boot = EXCLUDED.boot, last_seq = EXCLUDED.last_seq,
       last_seen = greatest(s.last_seen, EXCLUDED.last_seen)
 WHERE (EXCLUDED.boot, EXCLUDED.last_seq) > (s.boot, s.last_seq)
RETURNING 1 AS one;

-- name: ingest_device (catalog, device)
SELECT s.state, s.boot, s.last_seq, s.hello_boot,
       (extract(epoch FROM s.last_at) * 1000)::bigint AS last_at,
       (extract(epoch FROM s.last_seen) * 1000)::bigint AS last_seen
  FROM device_state s WHERE s.catalog = $1 AND s.device = $2;

-- name: ingest_facts (catalog, device)
-- Of a device without a session, or of all whose state time alone can change (both NULL). A
-- certificate's renewal is overdue a quarter of its life before its end; it was issued five minutes
-- later than it says (KEEPER_BACK_DATE_S). Seeded devices, which never connect, stay as they were
-- made.
SELECT d.catalog, d.device, d.id, s.state, s.online, s.boot, s.last_seq, s.hello_boot,
       (extract(epoch FROM s.last_at) * 1000)::bigint AS last_at,
       (extract(epoch FROM s.last_seen) * 1000)::bigint AS last_seen,
       coalesce(t.verdict, 0) AS verdict, t.by_hand IS NOT NULL AS by_hand,
       t.attested_at IS NOT NULL AS attested,
       coalesce(extract(epoch FROM t.cert_not_after
           - (t.cert_not_after - t.cert_not_before - interval '5 minutes') / 4) * 1000, 0)::bigint AS renewal_due,
       EXISTS (SELECT FROM device_alerted a
                WHERE a.catalog = d.catalog AND a.device = d.device) AS alerted
  FROM device d
  JOIN device_state s ON s.catalog = d.catalog AND s.device = d.device
  LEFT JOIN device_trust t ON t.catalog = d.catalog AND t.device = d.device
 WHERE ($1::int IS NULL AND (s.online OR s.state NOT IN (0, 4))
        AND t.attester IS DISTINCT FROM 'seeded')
    OR (d.catalog = $1 AND d.device = $2);

-- name: ingest_marked (most)
-- The same of devices that an alert of high severity came to or left. Seeded ones, and those that
-- are gone, have no id here.
SELECT m.id AS mark, d.catalog, d.device, d.id, s.state, s.online, s.boot, s.last_seq, s.hello_boot,
       (extract(epoch FROM s.last_at) * 1000)::bigint AS last_at,
       (extract(epoch FROM s.last_seen) * 1000)::bigint AS last_seen,
       coalesce(t.verdict, 0) AS verdict, t.by_hand IS NOT NULL AS by_hand,
       t.attested_at IS NOT NULL AS attested,
       coalesce(extract(epoch FROM t.cert_not_after
           - (t.cert_not_after - t.cert_not_before - interval '5 minutes') / 4) * 1000, 0)::bigint AS renewal_due,
       EXISTS (SELECT FROM device_alerted a
                WHERE a.catalog = d.catalog AND a.device = d.device) AS alerted
  FROM (SELECT * FROM alert_mark ORDER BY id LIMIT $1) m
  LEFT JOIN device_trust t ON t.catalog = m.catalog AND t.device = m.device
  LEFT JOIN device d ON d.catalog = m.catalog AND d.device = m.device
   AND t.attester IS DISTINCT FROM 'seeded'
  LEFT JOIN device_state s ON s.catalog = d.catalog AND s.device = d.device;

-- name: ingest_unmark (marks)
DELETE FROM alert_mark WHERE id = ANY ($1::bigint[]);

-- name: ingest_retention ()
SELECT id, telemetry_hours, journal_hours, minute_hours, rollup_hours FROM catalog;

-- name: ingest_trim (partition, catalog, most)
SELECT partition_trim($1::text::regclass, $2, $3) AS gone;
