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
-- What happened in the last day, newest first: how devices are, what people did to single ones,
-- jobs that ended, alerts, who knocked (text: from where). Of the chain's entries the newest 500 are looked at.
WITH deed AS (
    SELECT object AS id, at,
           CASE WHEN action = 'POST /api/v1/catalogs/{catalog}/devices' THEN 'Registered'
                WHEN action = 'claim by code' OR action LIKE '%/claim' THEN 'Claimed'
                WHEN action LIKE '%/unclaim' THEN 'Unclaimed'
                WHEN action LIKE '%/retire' THEN 'Retired' END AS text
      FROM (SELECT * FROM audit WHERE chain = $1 ORDER BY seq DESC LIMIT 500) a
     WHERE outcome = 'ok'
), happened AS (
    (SELECT 'state' AS kind, NULL AS id, device, state, coalesce(reason, '') AS text,
            state_since AS at
       FROM device_state
      WHERE catalog = $1 AND state_since > now() - interval '1 day'
      ORDER BY state_since DESC LIMIT 50)
    UNION ALL
    SELECT 'device', d.id, d.device, -1, e.text, e.at
      FROM deed e JOIN device d ON d.catalog = $1 AND d.id = e.id
     WHERE e.text IS NOT NULL
    UNION ALL
    (SELECT 'job', NULL, NULL, -1, title || ': ' || state, updated_at
       FROM job WHERE catalog = $1 AND state NOT IN ('waiting', 'running')
      ORDER BY id DESC LIMIT 50)
    UNION ALL
    (SELECT 'alert', NULL, NULL, -1, title || ': ' || CASE act WHEN 'resolved' THEN act ELSE 'opened' END,
            h.at
       FROM alert_history h JOIN alert a ON a.catalog = h.catalog AND a.id = h.alert
      WHERE h.catalog = $1 AND h.act IN ('opened', 'reopened', 'resolved')
        AND h.at > now() - interval '1 day'
      ORDER BY h.at DESC LIMIT 50)
    UNION ALL
    SELECT 'arrival', left(fingerprint, 32), NULL, -1, remote, first_at
      FROM arrival WHERE catalog = $1
)
SELECT h.kind, coalesce(h.id, d.id, '') AS id, d.name, h.state, h.text,
       (extract(epoch FROM h.at) * 1000)::bigint AS at
  FROM happened h
  LEFT JOIN device d ON d.catalog = $1 AND d.device = h.device
 WHERE h.at > now() - interval '1 day'
   AND (h.kind <> 'state' OR d.lifecycle <> 2)
 ORDER BY h.at DESC LIMIT 50;
