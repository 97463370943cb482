-- name: attest_device (catalog, device)
SELECT d.fingerprint, encode(d.public_key, 'hex') AS public_key, d.lifecycle,
       coalesce(t.boot_count, -1) AS boot_count, t.by_hand IS NOT NULL AS by_hand,
       EXISTS (SELECT FROM device_alerted a WHERE a.catalog = $1 AND a.device = $2) AS alerted,
       coalesce(t.claims -> 'orrery_log', '[]') AS log
  FROM device d LEFT JOIN device_trust t ON t.catalog = d.catalog AND t.device = d.device
 WHERE d.catalog = $1 AND d.device = $2;

-- name: attest_lock (catalog, device)
-- Nobody unclaims the device between this and the certificate.
SELECT lifecycle FROM device WHERE catalog = $1 AND device = $2 AND lifecycle IN (0, 1) FOR SHARE;

-- name: attest_verdict (catalog, device, verdict, findings, evidence, evidence_hash, claims, attester, os_version, hw_model, svn, boot_count, network)
-- What it says it runs is believed, as attested_version, only where the verdict was no refusal. The
-- highest boot count stays: a copy of an older image that attests twice is no better for it.
INSERT INTO device_trust (catalog, device, verdict, attested_at, findings, evidence, evidence_hash,
                          claims, attester, os_version, hw_model, svn, boot_count, network,
                          attested_version)
VALUES ($1, $2, $3::smallint, now(), $4, $5, decode($6, 'hex'), $7, $8, $9::text, $10, $11, $12, $13,
        CASE WHEN $3::smallint IN (1, 2) THEN $9::text END)
ON CONFLICT (catalog, device) DO UPDATE
   SET verdict = excluded.verdict, attested_at = excluded.attested_at,
       findings = excluded.findings, evidence = excluded.evidence,
       evidence_hash = excluded.evidence_hash, claims = excluded.claims,
       attester = excluded.attester, os_version = excluded.os_version,
       hw_model = excluded.hw_model, svn = excluded.svn,
       boot_count = greatest(excluded.boot_count, device_trust.boot_count),
       network = coalesce(excluded.network, device_trust.network),
       attested_version = CASE WHEN $3::smallint IN (1, 2) THEN excluded.os_version
                               ELSE device_trust.attested_version END;

-- name: attest_refused (catalog, reasons)
-- One more of each; in order, so that two of these cannot wait for each other.
INSERT INTO refusal (catalog, hour, reason, n)
SELECT $1::int, date_trunc('hour', now()), reason, 1
  FROM (SELECT DISTINCT jsonb_array_elements_text($2::jsonb) AS reason) r ORDER BY reason
ON CONFLICT (catalog, hour, reason) DO UPDATE SET n = refusal.n + 1;

-- name: attest_refusals (catalog)
-- Of the last day, to the hour.
SELECT reason, sum(n)::bigint AS n FROM refusal
 WHERE catalog = $1 AND hour > now() - interval '24 hours'
 GROUP BY reason ORDER BY n DESC, reason;

-- name: attest_refusals_expire ()
DELETE FROM refusal WHERE hour < now() - interval '7 days';

-- name: attest_certificate (catalog, device, kind, serial, key, not_before, not_after)
UPDATE device_trust
   SET cert_kind = $3, cert_serial = decode($4, 'hex'), cert_key = decode($5, 'hex'),
       cert_not_before = to_timestamp($6::bigint), cert_not_after = to_timestamp($7::bigint)
 WHERE catalog = $1 AND device = $2
RETURNING device;

-- name: attest_state (catalog, device, state, reason)
INSERT INTO device_state (catalog, device, state, reason) VALUES ($1, $2, $3, $4)
ON CONFLICT (catalog, device) DO UPDATE
   SET state = excluded.state, reason = excluded.reason, state_since = now()
 WHERE device_state.state <> excluded.state OR device_state.reason IS DISTINCT FROM excluded.reason;

-- name: attest_facts (catalog, device)
SELECT coalesce(verdict, 0) AS verdict, by_hand IS NOT NULL AS by_hand,
       attested_at IS NOT NULL AS attested,
       coalesce(extract(epoch FROM cert_not_before) * 1000, 0)::bigint AS not_before,
       coalesce(extract(epoch FROM cert_not_after) * 1000, 0)::bigint AS not_after,
       EXISTS (SELECT FROM device_alerted a WHERE a.catalog = $1 AND a.device = $2) AS alerted
  FROM device_trust WHERE catalog = $1 AND device = $2;
