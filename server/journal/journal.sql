-- name: journal_page (catalog, device, level, event, limit)
SELECT (extract(epoch FROM ts) * 1000)::bigint AS t, ts, seq, ctid AS place, event, level, name,
       source, text, fields
  FROM journal
 WHERE catalog = $1 AND device = $2 AND level <= $3 AND ($4::boolean IS NULL OR event = $4)
 ORDER BY ts DESC, seq DESC, ctid DESC LIMIT $5;

-- name: journal_page_after (catalog, device, level, event, limit, ts, seq, place)
-- Two boots of a device can give one moment the same number; the row's place tells them apart.
-- A moment is in one partition and entries are never updated, so it says so for good.
SELECT (extract(epoch FROM ts) * 1000)::bigint AS t, ts, seq, ctid AS place, event, level, name,
       source, text, fields
  FROM journal
 WHERE catalog = $1 AND device = $2 AND level <= $3 AND ($4::boolean IS NULL OR event = $4)
   AND ts <= $6 AND (ts, seq, ctid) < ($6, $7, $8)
 ORDER BY ts DESC, seq DESC, ctid DESC LIMIT $5;
