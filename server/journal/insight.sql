-- name: insight_list (catalog, device, from, to, limit)
-- plan: fresh
SELECT name, source, min(level) AS level, sum(n) AS n, count(DISTINCT device) AS devices,
       (extract(epoch FROM min(first_at)) * 1000)::bigint AS first,
       (extract(epoch FROM max(last_at)) * 1000)::bigint AS last
  FROM event_count
 WHERE catalog = $1 AND ($2::bigint IS NULL OR device = $2) AND at >= $3 AND at <= $4
 GROUP BY name, source
 ORDER BY sum(n) DESC, name, source LIMIT $5;
