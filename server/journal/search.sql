-- Times travel as texts and are planned with (plan: fresh), so that only the partitions of the
-- hours in question are opened.

-- name: search_budget (ms)
SELECT set_config('statement_timeout', $1, true) AS said;

-- name: search_hours (first, last)
-- Those with lines, newest first, and which have an index of words.
SELECT c.relname::text AS name,
       EXISTS (SELECT FROM pg_index x JOIN pg_class n ON n.oid = x.indexrelid
                WHERE x.indrelid = c.oid AND x.indisvalid AND n.relname = c.relname || '_words')
           AS words
  FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'journal'::regclass AND NOT i.inhdetachpending
   AND c.relname::text COLLATE "C" BETWEEN $1 AND $2 AND pg_relation_size(c.oid) > 0
 ORDER BY 1 DESC;

-- name: search_border (catalog, low, ts, device, level, event, skip)
-- plan: fresh
-- When the line skip places below ts was.
SELECT ts FROM journal
 WHERE catalog = $1 AND ts >= $2 AND ts <= $3 AND ($4::bigint IS NULL OR device = $4)
   AND level <= $5 AND ($6::boolean IS NULL OR event = $6)
 ORDER BY ts DESC OFFSET $7 LIMIT 1;

-- name: search_walk (catalog, low, ts, device, level, event, seq, place, source, hint, query, limit)
-- plan: fresh
-- In order of time: the || keeps the index of words out of it, which would find all of the hour.
-- Looking for the hint first costs a twentieth of making out a line's words.
SELECT (extract(epoch FROM w.ts) * 1000)::bigint AS t, w.*, d.id, d.name AS device_name
  FROM (SELECT catalog, device, ts, seq, ctid AS place, event, level, name AS event_name, source,
               text, fields
          FROM journal
         WHERE catalog = $1 AND ts >= $2 AND ts <= $3 AND ($4::bigint IS NULL OR device = $4)
           AND level <= $5 AND ($6::boolean IS NULL OR event = $6)
           AND (ts, seq, ctid) < ($3::timestamptz, $7::bigint, $8::tid)
           AND ($9::text IS NULL OR source = $9)
           AND ($10::text IS NULL OR strpos(lower(text), lower($10)) > 0
                OR strpos(lower(source), lower($10)) > 0 OR strpos(lower(name), lower($10)) > 0)
           AND ($11::text IS NULL OR journal_vector(name, source, text || '')
                                     @@ websearch_to_tsquery('simple'::regconfig, $11))
         ORDER BY ts DESC, seq DESC, ctid DESC LIMIT $12) w
  LEFT JOIN device d ON d.catalog = w.catalog AND d.device = w.device
 ORDER BY w.ts DESC, w.seq DESC, w.place DESC;

-- name: search_hits (catalog, low, ts, device, level, event, seq, place, source, query, limit)
-- plan: fresh
-- By the index of words; without an order inside, so that it is not read in order of time.
WITH hit AS MATERIALIZED (
    SELECT catalog, device, ts, seq, ctid AS place, event, level, name AS event_name, source, text,
           fields
      FROM journal
     WHERE catalog = $1 AND ts >= $2 AND ts <= $3
       AND journal_vector(name, source, text) @@ websearch_to_tsquery('simple'::regconfig, $10)
), w AS (
    SELECT * FROM hit
     WHERE ($4::bigint IS NULL OR device = $4) AND level <= $5
       AND ($6::boolean IS NULL OR event = $6) AND ($9::text IS NULL OR source = $9)
       AND (ts, seq, place) < ($3::timestamptz, $7::bigint, $8::tid)
     ORDER BY ts DESC, seq DESC, place DESC LIMIT $11
)
SELECT (extract(epoch FROM w.ts) * 1000)::bigint AS t, w.*, d.id, d.name AS device_name
  FROM w LEFT JOIN device d ON d.catalog = w.catalog AND d.device = w.device
 ORDER BY w.ts DESC, w.seq DESC, w.place DESC;

-- name: search_counts (catalog, from, to, level, event, source, origin, width)
-- plan: fresh
-- From the counters, which know minutes.
SELECT floor((extract(epoch FROM at) * 1000 - $7::bigint) / $8::bigint)::bigint AS bucket, level,
       sum(n) AS n
  FROM journal_count
 WHERE catalog = $1 AND at >= $2 AND at <= $3 AND level <= $4
   AND ($5::boolean IS NULL OR event = $5) AND ($6::text IS NULL OR source = $6)
 GROUP BY 1, 2;

-- name: search_counts_read (catalog, low, ts, device, level, event, source, hint, query, origin, width)
-- plan: fresh
-- From the lines of one hour.
SELECT floor((extract(epoch FROM ts) * 1000 - $10::bigint) / $11::bigint)::bigint AS bucket, level,
       count(*) AS n
  FROM journal
 WHERE catalog = $1 AND ts >= $2 AND ts <= $3 AND ($4::bigint IS NULL OR device = $4)
   AND level <= $5 AND ($6::boolean IS NULL OR event = $6) AND ($7::text IS NULL OR source = $7)
   AND ($8::text IS NULL OR strpos(lower(text), lower($8)) > 0
        OR strpos(lower(source), lower($8)) > 0 OR strpos(lower(name), lower($8)) > 0)
   AND ($9::text IS NULL OR journal_vector(name, source, text)
                            @@ websearch_to_tsquery('simple'::regconfig, $9))
 GROUP BY 1, 2;

-- name: search_sources (catalog, from, to, level, event)
-- plan: fresh
SELECT source, sum(n) AS n
  FROM journal_count
 WHERE catalog = $1 AND at >= $2 AND at <= $3 AND level <= $4
   AND ($5::boolean IS NULL OR event = $5) AND source IS NOT NULL
 GROUP BY source ORDER BY n DESC, source LIMIT 50;

-- name: search_fold ()
-- Of minutes that are over, some at a time. What comes late is a row of its own.
WITH gone AS (
    DELETE FROM journal_count
     WHERE ctid = ANY (ARRAY(SELECT ctid FROM journal_count
                              WHERE NOT folded AND at < now() - interval '2 minutes' LIMIT 50000))
    RETURNING *
)
INSERT INTO journal_count
SELECT catalog, at, level, event, source, sum(n), true
  FROM gone GROUP BY catalog, at, level, event, source;

-- name: search_fold_events ()
WITH gone AS (
    DELETE FROM event_count
     WHERE ctid = ANY (ARRAY(SELECT ctid FROM event_count
                              WHERE NOT folded AND at < now() - interval '65 minutes' LIMIT 50000))
    RETURNING *
)
INSERT INTO event_count
SELECT catalog, device, at, name, source, level, sum(n), min(first_at), max(last_at), true
  FROM gone GROUP BY catalog, device, at, name, source, level;

-- name: search_forget ()
DELETE FROM journal_count c USING catalog k
 WHERE c.catalog = k.id
   AND c.at < date_trunc('hour', now(), 'UTC') - k.journal_hours * interval '1 hour';

-- name: search_forget_events ()
DELETE FROM event_count c USING catalog k
 WHERE c.catalog = k.id
   AND c.at < date_trunc('hour', now(), 'UTC') - k.journal_hours * interval '1 hour';
