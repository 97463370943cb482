-- name: lexicon_due (before)
-- Hours that are over and have enough lines to be worth it, newest first.
SELECT c.relname::text AS name, x.indexrelid IS NOT NULL AS broken
  FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid
  LEFT JOIN pg_class n ON n.relname = c.relname || '_words' AND n.relnamespace = c.relnamespace
  LEFT JOIN pg_index x ON x.indexrelid = n.oid
 WHERE i.inhparent = 'journal'::regclass AND NOT i.inhdetachpending
   AND c.relname::text COLLATE "C" < $1 AND pg_relation_size(c.oid) > 65536
   AND x.indisvalid IS NOT TRUE
 ORDER BY 1 DESC;
