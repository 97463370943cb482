-- Devices are locked in order of their number, so that two of these never wait for each other.

-- name: custody_retire (catalog, devices)
WITH was AS (
    SELECT device FROM device
     WHERE catalog = $1 AND device = ANY ($2::bigint[]) AND lifecycle <> 2
     ORDER BY device FOR UPDATE
), d AS (
    UPDATE device x
       SET lifecycle = 2, refused_before = clock_timestamp(), version = version + 1
      FROM was WHERE x.catalog = $1 AND x.device = was.device
    RETURNING x.device, x.id, x.lifecycle, x.refused_before
), s AS (
    UPDATE device_state s SET online = false
      FROM d WHERE s.catalog = $1 AND s.device = d.device
    RETURNING s.device, s.state, s.reason
), t AS (
    UPDATE device_trust t
       SET cert_kind = NULL, cert_serial = NULL, cert_key = NULL, cert_not_before = NULL,
           cert_not_after = NULL
      FROM d WHERE t.catalog = $1 AND t.device = d.device
)
SELECT d.device, d.id, d.lifecycle, s.state, s.reason,
       ceil(extract(epoch FROM d.refused_before))::bigint AS refused_before
  FROM d LEFT JOIN s ON s.device = d.device;

-- name: custody_quarantine (catalog, devices, by_hand, state, reason)
-- Its certificates are denied, so that it has to show evidence again and gets one for quarantine.
WITH was AS (
    SELECT d.device FROM device d
      JOIN device_trust t ON t.catalog = d.catalog AND t.device = d.device
     WHERE d.catalog = $1 AND d.device = ANY ($2::bigint[]) AND d.lifecycle <> 2
       AND t.by_hand IS NULL
     ORDER BY d.device FOR UPDATE
), d AS (
    UPDATE device x SET refused_before = clock_timestamp(), version = version + 1
      FROM was WHERE x.catalog = $1 AND x.device = was.device
    RETURNING x.device, x.id, x.lifecycle, x.refused_before
), t AS (
    UPDATE device_trust t
       SET by_hand = $3, cert_kind = NULL, cert_serial = NULL, cert_key = NULL,
           cert_not_before = NULL, cert_not_after = NULL
      FROM d WHERE t.catalog = $1 AND t.device = d.device
), s AS (
    UPDATE device_state s
       SET state = $4, reason = $5,
           state_since = CASE WHEN s.state = $4 THEN s.state_since ELSE now() END
      FROM d WHERE s.catalog = $1 AND s.device = d.device
    RETURNING s.device, s.state, s.reason, s.online
)
SELECT d.device, d.id, d.lifecycle, s.state, s.reason, s.online,
       ceil(extract(epoch FROM d.refused_before))::bigint AS refused_before
  FROM d LEFT JOIN s ON s.device = d.device;

-- name: custody_release (catalog, devices)
-- The certificate of its quarantine is denied too: with the next evidence it gets a full one.
WITH was AS (
    SELECT d.device FROM device d
      JOIN device_trust t ON t.catalog = d.catalog AND t.device = d.device
     WHERE d.catalog = $1 AND d.device = ANY ($2::bigint[]) AND t.by_hand IS NOT NULL
     ORDER BY d.device FOR UPDATE
), d AS (
    UPDATE device x SET refused_before = clock_timestamp(), version = version + 1
      FROM was WHERE x.catalog = $1 AND x.device = was.device
    RETURNING x.device, x.id, x.lifecycle, x.refused_before
), t AS (
    UPDATE device_trust t
       SET by_hand = NULL, cert_kind = NULL, cert_serial = NULL, cert_key = NULL,
           cert_not_before = NULL, cert_not_after = NULL
      FROM d WHERE t.catalog = $1 AND t.device = d.device
    RETURNING t.device, t.verdict, t.attested_at
)
SELECT d.device, d.id, d.lifecycle, s.state, s.reason, s.online, t.verdict,
       t.attested_at IS NOT NULL AS attested,
       EXISTS (SELECT FROM device_alerted a
                WHERE a.catalog = $1 AND a.device = d.device) AS alerted,
       (extract(epoch FROM s.last_seen) * 1000)::bigint AS last_seen,
       ceil(extract(epoch FROM d.refused_before))::bigint AS refused_before
  FROM d
  JOIN t ON t.device = d.device
  LEFT JOIN device_state s ON s.catalog = $1 AND s.device = d.device;

-- name: custody_reattest (catalog, devices)
-- Nothing is decided: its certificates are denied, so that it has to show evidence for another.
WITH was AS (
    SELECT device FROM device
     WHERE catalog = $1 AND device = ANY ($2::bigint[]) AND lifecycle <> 2
     ORDER BY device FOR UPDATE
), d AS (
    UPDATE device x SET refused_before = clock_timestamp(), version = version + 1
      FROM was WHERE x.catalog = $1 AND x.device = was.device
    RETURNING x.device, x.id, x.lifecycle, x.refused_before
), t AS (
    UPDATE device_trust t
       SET cert_kind = NULL, cert_serial = NULL, cert_key = NULL, cert_not_before = NULL,
           cert_not_after = NULL
      FROM d WHERE t.catalog = $1 AND t.device = d.device
)
SELECT d.device, d.id, d.lifecycle, s.state, s.reason, s.online,
       ceil(extract(epoch FROM d.refused_before))::bigint AS refused_before
  FROM d LEFT JOIN device_state s ON s.catalog = $1 AND s.device = d.device;

-- name: custody_state (catalog, device, state, reason)
UPDATE device_state SET state = $3, reason = $4, state_since = now()
 WHERE catalog = $1 AND device = $2 AND state <> $3;
