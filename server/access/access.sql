-- ---------------------------------------------------------------- accounts

-- name: account_by_name (name)
SELECT id, name, password, role, catalog, must_change, disabled
  FROM account WHERE lower(name) = lower($1);

-- name: account_by_id (id, catalog)
SELECT a.id, a.name, a.role, a.catalog, c.name AS catalog_name, a.must_change, a.disabled, a.version,
       (extract(epoch FROM a.created_at) * 1000)::bigint AS created_at
  FROM account a LEFT JOIN catalog c ON c.id = a.catalog
 WHERE a.id = $1::bigint AND ($2::int IS NULL OR a.catalog = $2::int);

-- name: account_page (after, count, catalog)
SELECT a.id, a.name, a.role, a.catalog, c.name AS catalog_name, a.must_change, a.disabled, a.version,
       (extract(epoch FROM a.created_at) * 1000)::bigint AS created_at
  FROM account a LEFT JOIN catalog c ON c.id = a.catalog
 WHERE a.id > $1::bigint AND ($3::int IS NULL OR a.catalog = $3::int)
 ORDER BY a.id LIMIT $2::int;

-- name: account_password_of (id)
SELECT password FROM account WHERE id = $1::bigint;

-- name: account_add (name, password, must_change, role, catalog)
INSERT INTO account (name, password, must_change, role, catalog)
VALUES ($1, $2, $3::boolean, $4, $5::int)
ON CONFLICT (lower(name)) DO NOTHING
RETURNING id;

-- name: account_change (id, version, role, disabled, catalog, password, must_change)
UPDATE account
   SET role = $3, disabled = $4::boolean, catalog = $5::int, password = coalesce($6, password),
       must_change = must_change OR $7::boolean, version = version + 1
 WHERE id = $1::bigint AND version = $2::int
RETURNING id;

-- name: account_drop (id, version)
DELETE FROM account WHERE id = $1::bigint AND version = $2::int RETURNING id;

-- name: account_set_password (id, password, must_change)
UPDATE account SET password = $2, must_change = $3::boolean, version = version + 1
 WHERE id = $1::bigint
RETURNING id;

-- Whoever may take an owner away holds these rows first, so that two of them cannot each take
-- the other's last one.
-- name: account_owners ()
SELECT id FROM account
 WHERE role = 'owner' AND NOT disabled AND catalog IS NULL
 ORDER BY id FOR UPDATE;

-- name: account_count ()
SELECT count(*) AS count FROM account;

-- name: account_revive_owner (id, password)
UPDATE account
   SET password = $2, must_change = true, disabled = false, version = version + 1
 WHERE id = $1::bigint
RETURNING name;

-- name: account_oldest_owner ()
SELECT id, name, disabled FROM account
 WHERE role = 'owner' AND catalog IS NULL ORDER BY disabled, id LIMIT 1;

-- name: catalog_of_name (name)
SELECT id FROM catalog WHERE name = $1;

-- name: catalog_names (catalog)
SELECT name FROM catalog WHERE $1::int IS NULL OR id = $1::int ORDER BY name LIMIT 200;

-- ---------------------------------------------------------------- sessions

-- name: session_find (hash, idle_s, absolute_s)
SELECT a.id, a.name, a.role, a.catalog, a.must_change,
       s.seen_at < now() - interval '1 minute' AS stale
  FROM session s JOIN account a ON a.id = s.account
 WHERE s.hash = $1 AND NOT a.disabled
   AND s.seen_at > now() - $2::bigint * interval '1 second'
   AND s.created_at > now() - $3::bigint * interval '1 second';

-- name: session_touch (hash)
UPDATE session SET seen_at = now() WHERE hash = $1;

-- name: session_add (hash, account, remote, agent)
INSERT INTO session (hash, account, remote, agent) VALUES ($1, $2::bigint, $3, $4);

-- Keeps the newest ones of an account.
-- name: session_trim (account, keep)
DELETE FROM session
 WHERE hash IN (SELECT hash FROM session WHERE account = $1::bigint
                 ORDER BY created_at DESC OFFSET $2::int);

-- name: session_drop (hash)
DELETE FROM session WHERE hash = $1;

-- name: session_drop_all (account)
DELETE FROM session WHERE account = $1::bigint;

-- name: session_page (account, idle_s, absolute_s)
SELECT encode(substring(hash FROM 1 FOR 8), 'hex') AS id, encode(hash, 'hex') AS hash, remote, agent,
       (extract(epoch FROM created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM seen_at) * 1000)::bigint AS seen_at
  FROM session
 WHERE account = $1::bigint
   AND seen_at > now() - $2::bigint * interval '1 second'
   AND created_at > now() - $3::bigint * interval '1 second'
 ORDER BY created_at DESC LIMIT 100;

-- name: session_drop_by_id (account, id)
DELETE FROM session
 WHERE account = $1::bigint AND encode(substring(hash FROM 1 FOR 8), 'hex') = $2
RETURNING account;

-- name: session_expire (idle_s, absolute_s)
DELETE FROM session
 WHERE seen_at < now() - $1::bigint * interval '1 second'
    OR created_at < now() - $2::bigint * interval '1 second';

-- ---------------------------------------------------------------- API tokens

-- name: token_find (hash)
SELECT t.id AS token, array_to_string(t.scopes, ' ') AS scopes, a.id, a.name, a.role,
       coalesce(a.catalog, t.catalog) AS catalog,
       t.used_at IS NULL OR t.used_at < now() - interval '1 minute' AS stale
  FROM api_token t JOIN account a ON a.id = t.account
 WHERE t.hash = $1 AND NOT a.disabled AND t.expires_at > now()
   AND (a.catalog IS NULL OR t.catalog IS NULL OR a.catalog = t.catalog);

-- name: token_touch (hash)
UPDATE api_token SET used_at = now() WHERE hash = $1;

-- A token made with a token ends when that one does.
-- name: token_add (hash, prefix, account, name, scopes, catalog, days, parent)
INSERT INTO api_token (hash, prefix, account, name, scopes, catalog, expires_at)
VALUES ($1, $2, $3::bigint, $4, $5::text[], $6::int,
        least(now() + $7::int * interval '1 day',
              (SELECT expires_at FROM api_token WHERE hash = $8::bytea)))
RETURNING id;

-- name: token_by_id (id, account)
SELECT t.id, t.prefix, t.name, array_to_string(t.scopes, ' ') AS scopes, c.name AS catalog_name,
       (extract(epoch FROM t.expires_at) * 1000)::bigint AS expires_at,
       (extract(epoch FROM t.used_at) * 1000)::bigint AS used_at,
       (extract(epoch FROM t.created_at) * 1000)::bigint AS created_at
  FROM api_token t LEFT JOIN catalog c ON c.id = t.catalog
 WHERE t.id = $1::bigint AND t.account = $2::bigint;

-- name: token_page (account, after, count)
SELECT t.id, t.prefix, t.name, array_to_string(t.scopes, ' ') AS scopes, c.name AS catalog_name,
       (extract(epoch FROM t.expires_at) * 1000)::bigint AS expires_at,
       (extract(epoch FROM t.used_at) * 1000)::bigint AS used_at,
       (extract(epoch FROM t.created_at) * 1000)::bigint AS created_at
  FROM api_token t LEFT JOIN catalog c ON c.id = t.catalog
 WHERE t.account = $1::bigint AND t.id > $2::bigint
 ORDER BY t.id LIMIT $3::int;

-- name: token_count (account)
SELECT count(*) AS count FROM api_token WHERE account = $1::bigint AND expires_at > now();

-- By a token (by: its hash) only one that may no more than it: whoever finds the key of one catalog
-- must not be able to take away the others.
-- name: token_drop (id, account, by)
DELETE FROM api_token t
 WHERE id = $1::bigint AND account = $2::bigint
   AND ($3::bytea IS NULL
        OR EXISTS (SELECT FROM api_token b
                    WHERE b.hash = $3::bytea AND t.scopes <@ b.scopes
                      AND (b.catalog IS NULL OR b.catalog = t.catalog)))
RETURNING prefix;

-- name: token_drop_named (account, name)
DELETE FROM api_token WHERE account = $1::bigint AND name = $2;

-- name: token_drop_all (account)
DELETE FROM api_token WHERE account = $1::bigint;

-- Kept for a month after their end, so that their owner sees why something stopped working.
-- name: token_expire ()
DELETE FROM api_token WHERE expires_at < now() - interval '30 days';

-- ---------------------------------------------------------------- installation

-- name: secret_make (name, value)
INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: secret_read (name)
SELECT encode(value, 'hex') AS value FROM secret WHERE name = $1;
