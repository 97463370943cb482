-- name: job_open_count (catalog)
SELECT count(*) AS n FROM job WHERE catalog = $1 AND state IN ('waiting', 'running');

-- name: job_add (catalog, kind, title, request, input, total, refused, problems, account, actor, needs)
INSERT INTO job (catalog, kind, title, request, input, total, refused, problems, account, actor)
VALUES ($1::int, $2, $3, $4::jsonb || jsonb_build_object('needs', $11::bigint), decode($5, 'hex'), $6::bigint, $7::bigint, $8::jsonb,
        $9::bigint, $10)
RETURNING id;

-- name: job_settle (catalog, id, total, title)
UPDATE job SET total = $3, title = $4 WHERE catalog = $1 AND id = $2;

-- name: job_again (catalog, input)
-- One at a time for a file, so that two who send it at once get one job.
WITH l AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(hashtextextended($2, $1::int))
)
SELECT id, state FROM job, l
 WHERE catalog = $1::int AND input = decode($2, 'hex') ORDER BY id DESC LIMIT 1;

-- name: job_show (catalog, id)
SELECT id, kind, state, title, total, changed, unchanged, refused, problems, failure, actor,
       (extract(epoch FROM created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at
  FROM job WHERE catalog = $1 AND id = $2;

-- name: job_needs (catalog, id)
SELECT coalesce((request ->> 'needs')::bigint, 0) AS needs FROM job WHERE catalog = $1 AND id = $2;

-- name: job_page (catalog, before, limit)
SELECT id, kind, state, title, total, changed, unchanged, refused, failure, actor,
       jsonb_path_query_array(problems, '$[0 to 9]') AS problems,
       (extract(epoch FROM created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at
  FROM job WHERE catalog = $1 AND id < $2 ORDER BY id DESC LIMIT $3;

-- name: job_recent (catalog)
SELECT id, kind, state, title, total, changed, unchanged, refused, failure, actor,
       (extract(epoch FROM created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at
  FROM job
 WHERE catalog = $1
   AND (state IN ('waiting', 'running') OR updated_at > now() - interval '10 minutes')
 ORDER BY id DESC LIMIT 20;

-- name: job_stop (catalog, id)
UPDATE job SET state = 'stopped', updated_at = now()
 WHERE catalog = $1 AND id = $2 AND state IN ('waiting', 'running')
RETURNING id;

-- name: job_resume (catalog, id)
UPDATE job SET state = 'waiting', failure = NULL, updated_at = now()
 WHERE catalog = $1 AND id = $2 AND state IN ('stopped', 'failed')
RETURNING id;

-- name: job_next (after)
-- The catalogs in turn, so that none keeps the others waiting; within one, in order.
SELECT catalog, id, kind, title, position, request FROM job
 WHERE state IN ('waiting', 'running')
 ORDER BY catalog <= $1::int, catalog, id LIMIT 1;

-- name: job_take (catalog, id)
-- Locks it for one chunk.
UPDATE job SET state = 'running'
 WHERE catalog = $1 AND id = $2 AND state IN ('waiting', 'running')
RETURNING position, total, title, account, actor;

-- name: job_step (catalog, id, count, changed, unchanged, refused, problems)
-- What it was asked to do is not kept longer than it is needed. Lines that were no rows were known
-- before: all problems come in the order of the file.
UPDATE job
   SET position = position + $3::bigint, changed = changed + $4::bigint,
       unchanged = unchanged + $5::bigint, refused = refused + $6::bigint,
       problems = CASE WHEN jsonb_array_length($7::jsonb) = 0 THEN problems
                       ELSE (SELECT jsonb_agg(p ORDER BY (p ->> 'line')::bigint, n)
                               FROM jsonb_array_elements(problems || $7::jsonb)
                                    WITH ORDINALITY AS e(p, n)
                              WHERE n <= 1000) END,
       state = CASE WHEN changed + unchanged + refused + $3::bigint >= total THEN 'done'
                    ELSE state END,
       request = CASE WHEN changed + unchanged + refused + $3::bigint >= total
                      THEN request - 'devices' - 'lines' ELSE request END,
       updated_at = now()
 WHERE catalog = $1 AND id = $2
RETURNING state;

-- name: job_fail (catalog, id, failure)
UPDATE job SET state = 'failed', failure = $3, updated_at = now()
 WHERE catalog = $1 AND id = $2 AND state IN ('waiting', 'running');

-- name: job_targets_drop (id)
DELETE FROM job_target WHERE job = $1;

-- name: job_expire ()
-- They are a record for people; the audit trail keeps what was done.
WITH gone AS (
    DELETE FROM job WHERE state IN ('done', 'stopped', 'failed')
       AND updated_at < now() - interval '90 days'
    RETURNING id
)
DELETE FROM job_target t USING gone WHERE t.job = gone.id;
