-- What all of these have in common: the devices are locked in order, and each is told with why it
-- did not change ('' where it did) and whether it cannot (refused) or was so already.

-- name: device_turn_move (catalog, devices, group)
WITH was AS (
    SELECT d.device, d.id, d.lifecycle,
           d.device_group IS NOT DISTINCT FROM $3::int AS same
      FROM device d
     WHERE d.catalog = $1 AND d.device = ANY ($2::bigint[])
     ORDER BY d.device FOR UPDATE OF d
), c AS (
    UPDATE device d SET device_group = $3::int, version = d.version + 1
      FROM was
     WHERE d.catalog = $1 AND d.device = was.device AND was.lifecycle <> 2 AND NOT was.same
)
SELECT was.device, was.id, was.lifecycle, 0 AS refused_before,
       was.lifecycle = 2 AS refused,
       CASE WHEN was.lifecycle = 2 THEN 'it is retired'
            WHEN was.same THEN 'it is in that group already'
            ELSE '' END AS why
  FROM was ORDER BY was.device;

-- name: device_turn_tag (catalog, devices, tags)
WITH was AS (
    SELECT d.device, d.id, d.lifecycle,
           d.tags || $3::jsonb = d.tags AS same,
           (SELECT count(*) FROM jsonb_object_keys(d.tags || $3::jsonb)) > 32 AS full
      FROM device d
     WHERE d.catalog = $1 AND d.device = ANY ($2::bigint[])
     ORDER BY d.device FOR UPDATE OF d
), c AS (
    UPDATE device d SET tags = d.tags || $3::jsonb, version = d.version + 1
      FROM was
     WHERE d.catalog = $1 AND d.device = was.device AND was.lifecycle <> 2 AND NOT was.same
       AND NOT was.full
)
SELECT was.device, was.id, was.lifecycle, 0 AS refused_before,
       was.lifecycle = 2 OR was.full AS refused,
       CASE WHEN was.lifecycle = 2 THEN 'it is retired'
            WHEN was.same THEN 'it has these tags already'
            WHEN was.full THEN 'it would have more than 32 tags'
            ELSE '' END AS why
  FROM was ORDER BY was.device;

-- name: device_turn_untag (catalog, devices, names)
WITH was AS (
    SELECT d.device, d.id, d.lifecycle,
           d.tags - ARRAY(SELECT jsonb_array_elements_text($3::jsonb)) AS tags,
           NOT d.tags ?| ARRAY(SELECT jsonb_array_elements_text($3::jsonb)) AS same
      FROM device d
     WHERE d.catalog = $1 AND d.device = ANY ($2::bigint[])
     ORDER BY d.device FOR UPDATE OF d
), c AS (
    UPDATE device d SET tags = was.tags, version = d.version + 1
      FROM was
     WHERE d.catalog = $1 AND d.device = was.device AND was.lifecycle <> 2 AND NOT was.same
)
SELECT was.device, was.id, was.lifecycle, 0 AS refused_before,
       was.lifecycle = 2 AS refused,
       CASE WHEN was.lifecycle = 2 THEN 'it is retired'
            WHEN was.same THEN 'it has none of these tags'
            ELSE '' END AS why
  FROM was ORDER BY was.device;

-- name: device_turn_loglevel (catalog, devices, level, minutes)
WITH was AS (
    SELECT d.device, d.id, d.lifecycle
      FROM device d
     WHERE d.catalog = $1 AND d.device = ANY ($2::bigint[])
     ORDER BY d.device FOR UPDATE OF d
), c AS (
    INSERT INTO log_level (catalog, device, level, until)
    SELECT $1, was.device, $3, now() + $4::int * interval '1 minute'
      FROM was WHERE was.lifecycle <> 2
        ON CONFLICT (catalog, device, device_group) DO UPDATE
       SET level = EXCLUDED.level, until = EXCLUDED.until
)
SELECT was.device, was.id, was.lifecycle, 0 AS refused_before,
       was.lifecycle = 2 AS refused,
       CASE WHEN was.lifecycle = 2 THEN 'it is retired' ELSE '' END AS why
  FROM was ORDER BY was.device;

-- name: device_turn_unclaim (catalog, devices)
-- What a person decided by hand, and the highest security version seen, outlive it.
WITH was AS (
    SELECT d.device, d.id, d.lifecycle
      FROM device d
     WHERE d.catalog = $1 AND d.device = ANY ($2::bigint[])
     ORDER BY d.device FOR UPDATE OF d
), c AS (
    UPDATE device d
       SET lifecycle = 0, claimed_at = NULL, refused_before = clock_timestamp(),
           version = d.version + 1
      FROM was
     WHERE d.catalog = $1 AND d.device = was.device AND was.lifecycle = 1
    RETURNING d.device, d.refused_before
), s AS (
    UPDATE device_state s
       SET state = CASE WHEN h.by_hand IS NULL THEN 0 ELSE 4 END,
           reason = CASE WHEN h.by_hand IS NULL THEN 'It has never shown evidence'
                         ELSE 'A person put it in quarantine' END,
           state_since = now(), online = false, boot = 0, last_seq = 0, hello_boot = 0
      FROM c LEFT JOIN device_trust h ON h.catalog = $1 AND h.device = c.device
     WHERE s.catalog = $1 AND s.device = c.device
), t AS (
    UPDATE device_trust t
       SET verdict = 0, attested_at = NULL, findings = '[]', evidence = NULL, evidence_hash = NULL,
           claims = NULL, attester = NULL, boot_count = NULL,
           cert_kind = NULL, cert_serial = NULL, cert_key = NULL,
           cert_not_before = NULL, cert_not_after = NULL
      FROM c WHERE t.catalog = $1 AND t.device = c.device
)
SELECT was.device, was.id, was.lifecycle,
       coalesce(ceil(extract(epoch FROM c.refused_before))::bigint, 0) AS refused_before,
       was.lifecycle = 2 AS refused,
       CASE WHEN was.lifecycle = 2 THEN 'it is retired'
            WHEN c.device IS NULL THEN 'it is not claimed'
            ELSE '' END AS why
  FROM was LEFT JOIN c ON c.device = was.device ORDER BY was.device;

-- name: device_turn_look (catalog, devices)
-- For what device/custody does: locks them, and tells those it has no effect on.
SELECT d.device, d.id, d.lifecycle, t.by_hand IS NOT NULL AS by_hand
  FROM device d LEFT JOIN device_trust t ON t.catalog = d.catalog AND t.device = d.device
 WHERE d.catalog = $1 AND d.device = ANY ($2::bigint[])
 ORDER BY d.device FOR UPDATE OF d;
