-- name: blob_hold (sha256, bytes)
-- Also locks the row, so that nobody removes the file meanwhile.
INSERT INTO blob (sha256, bytes) VALUES (decode($1, 'hex'), $2)
    ON CONFLICT (sha256) DO UPDATE SET bytes = EXCLUDED.bytes;

-- name: blob_lock (sha256)
SELECT 1 AS one FROM blob WHERE sha256 = decode($1, 'hex') FOR UPDATE;

-- name: blob_drop (sha256)
-- Every table that refers to blobs is asked.
DELETE FROM blob
 WHERE sha256 = decode($1, 'hex')
   AND NOT EXISTS (SELECT FROM crash_dump WHERE sha256 = decode($1, 'hex'))
RETURNING 1 AS one;
