-- name: overview_counts (catalog, overdue)
-- How many are in quarantine, and how many should have renewed by now: those whose reason says so.
SELECT (SELECT coalesce(sum(n), 0)::bigint FROM device_count
         WHERE catalog = $1 AND dimension = 'all' AND state = 4) AS quarantined,
       (SELECT count(*) FROM device_index i
          JOIN device_state s ON s.catalog = i.catalog AND s.device = i.device
         WHERE i.catalog = $1 AND i.state = 3 AND i.state <> 1 AND i.lifecycle <> 2
           AND s.reason = $2) AS overdue,
       (SELECT count(*) FROM arrival a WHERE a.catalog = $1
           AND NOT EXISTS (SELECT FROM device d WHERE d.fingerprint = a.fingerprint)) AS arrivals,
       (SELECT (extract(epoch FROM min(last_at)) * 1000)::bigint FROM arrival
         WHERE catalog = $1) AS arrived_at;
