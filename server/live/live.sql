-- name: live_devices (catalog, ids)
-- What a snapshot shows of each device; ids of other catalogs find nothing.
SELECT d.id, d.lifecycle, coalesce(s.state, 0) AS state, s.reason, coalesce(s.online, false) AS online,
       (extract(epoch FROM s.last_seen) * 1000)::bigint AS last_seen,
       (extract(epoch FROM s.last_at) * 1000)::bigint AS last_at,
       to_json(h.names) AS names, to_json(s.last_values) AS last_values
  FROM device d
  LEFT JOIN device_state s ON s.catalog = d.catalog AND s.device = d.device
  LEFT JOIN shape h ON h.catalog = s.catalog AND h.id = s.last_shape
 WHERE d.catalog = $1 AND d.id = ANY ($2::text[]);

-- name: live_seats (catalog, after, limit)
-- A page of the whole picture.
SELECT device, seat, lifecycle, state
  FROM device_index
 WHERE catalog = $1 AND device > $2
 ORDER BY device LIMIT $3;

-- name: live_seats_of (catalog, devices)
SELECT device, seat, lifecycle, state
  FROM device_index
 WHERE catalog = $1 AND device = ANY ($2::bigint[]);

-- name: live_next_seat (catalog)
SELECT next_seat FROM catalog WHERE id = $1;

-- name: live_names (catalog, devices)
SELECT device, name FROM device WHERE catalog = $1 AND device = ANY ($2::bigint[]);

-- name: live_recent (catalog)
-- The newest changes of state, newest first.
SELECT d.id, d.name, s.state, s.reason, (extract(epoch FROM s.state_since) * 1000)::bigint AS at
  FROM (SELECT * FROM device_state
         WHERE catalog = $1 AND state_since > now() - interval '1 day'
         ORDER BY state_since DESC LIMIT 50) s
  JOIN device d ON d.catalog = s.catalog AND d.device = s.device
 WHERE d.lifecycle <> 2
 ORDER BY s.state_since DESC;

-- name: live_jobs (catalog)
-- As in the REST API, but for what is refused in detail.
SELECT id, kind, state, title, total, changed + unchanged + refused AS done, changed, unchanged,
       refused, failure, actor,
       (extract(epoch FROM created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at
  FROM job
 WHERE catalog = $1
   AND (state IN ('waiting', 'running') OR updated_at > now() - interval '10 minutes')
 ORDER BY id DESC LIMIT 20;
