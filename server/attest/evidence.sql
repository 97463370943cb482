-- name: evidence_by_id (catalog, id)
-- The measured-boot log is a claim, [[pcr, component, version, sha256, svn], …]; whether a line is
-- known is asked of the reference values as they are now.
SELECT t.verdict, t.attester, t.findings, t.claims - 'orrery_log' AS claims, t.evidence,
       t.by_hand,
       (extract(epoch FROM t.attested_at) * 1000)::bigint AS attested_at,
       t.cert_kind, encode(t.cert_serial, 'hex') AS cert_serial,
       (extract(epoch FROM t.cert_not_before) * 1000)::bigint AS cert_not_before,
       (extract(epoch FROM t.cert_not_after) * 1000)::bigint AS cert_not_after,
       (SELECT jsonb_agg(jsonb_build_object(
                   'pcr', l.line -> 0, 'component', l.line -> 1, 'version', l.line -> 2,
                   'sha256', l.line -> 3,
                   'known', EXISTS (SELECT FROM reference_value r
                                     WHERE r.catalog = $1 AND r.component = l.line ->> 1
                                       AND r.sha256 = l.line ->> 3)) ORDER BY l.n)
          FROM jsonb_array_elements(CASE jsonb_typeof(t.claims -> 'orrery_log')
                                    WHEN 'array' THEN t.claims -> 'orrery_log' ELSE '[]' END)
               WITH ORDINALITY AS l(line, n)) AS log
  FROM device d
  LEFT JOIN device_trust t ON t.catalog = d.catalog AND t.device = d.device
 WHERE d.catalog = $1 AND d.id = $2;
