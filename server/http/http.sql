-- Held until the transaction ends: one request at a time for a key.
-- name: idempotency_lock (account, key)
SELECT pg_try_advisory_xact_lock(hashtextextended($2, $1::bigint)) AS taken;

-- name: idempotency_find (account, key)
SELECT encode(request, 'hex') AS request, status, answer, etag, location
  FROM idempotency
 WHERE account = $1::bigint AND key = $2 AND created_at > now() - interval '24 hours';

-- name: idempotency_keep (account, key, request, status, answer, etag, location)
INSERT INTO idempotency (account, key, request, status, answer, etag, location)
VALUES ($1::bigint, $2, $3, $4::int, $5, $6, $7)
ON CONFLICT (account, key) DO UPDATE
   SET request = $3, status = $4::int, answer = $5, etag = $6, location = $7, created_at = now();

-- name: idempotency_expire ()
DELETE FROM idempotency WHERE created_at < now() - interval '24 hours';
