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
