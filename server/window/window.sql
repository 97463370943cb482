-- name: window_add (catalog, label, code, hint, group, tags, most, minutes, actor)
-- None where too many are open already.
INSERT INTO registration_window
       (catalog, label, code, code_hint, device_group, tags, most, actor, closes_at)
SELECT $1::int, $2, decode($3, 'hex'), $4, $5::int, coalesce($6::jsonb, '{}'), $7::int, $9,
       now() + $8::int * interval '1 minute'
 WHERE (SELECT count(*) FROM registration_window
         WHERE catalog = $1::int AND closes_at > now()) < 20
RETURNING id;

-- name: window_group (catalog, id)
SELECT id FROM device_group WHERE catalog = $1 AND id = $2;

-- name: window_page (catalog, before, limit)
SELECT w.id, w.label, w.code_hint, w.device_group, g.name AS group_name, p.name AS product_name,
       w.tags, w.most, w.arrived, w.claimed, w.actor, w.closes_at > now() AS open,
       (extract(epoch FROM w.opens_at) * 1000)::bigint AS opens_at,
       (extract(epoch FROM w.closes_at) * 1000)::bigint AS closes_at
  FROM registration_window w
  LEFT JOIN device_group g ON g.catalog = w.catalog AND g.id = w.device_group
  LEFT JOIN product p ON p.catalog = g.catalog AND p.id = g.product
 WHERE w.catalog = $1 AND w.id < $2
 ORDER BY w.id DESC LIMIT $3;

-- name: window_close (catalog, id)
UPDATE registration_window SET closes_at = now()
 WHERE catalog = $1 AND id = $2 AND closes_at > now()
RETURNING id;

-- name: window_close_of (actor, but)
UPDATE registration_window SET closes_at = now()
 WHERE actor = $1 AND closes_at > now() AND catalog <> $2::int;

-- name: window_all_open ()
SELECT catalog, id, (extract(epoch FROM closes_at) * 1000)::bigint AS closes_at
  FROM registration_window WHERE closes_at > now();

-- name: window_of_code (code)
-- Locked, so that the last place of a window is given away once.
SELECT catalog, id, code_hint, most, claimed,
       closes_at > clock_timestamp() AS open,
       floor(extract(epoch FROM opens_at))::bigint AS opened_s
  FROM registration_window WHERE code = decode($1, 'hex')
   FOR UPDATE;

-- name: window_hold (catalog, window, fingerprint, key, remote, agent)
-- Who is held already does not need another place. No row: the window is closed.
WITH w AS (
    SELECT catalog, id, arrived, most FROM registration_window
     WHERE catalog = $1 AND id = $2 AND closes_at > clock_timestamp()
       FOR UPDATE
), a AS (
    INSERT INTO arrival (catalog, fingerprint, public_key, window_id, remote, agent)
    SELECT w.catalog, $3, decode($4, 'hex'), w.id, $5, $6 FROM w
     WHERE w.arrived < w.most
        OR EXISTS (SELECT 1 FROM arrival k WHERE k.catalog = $1 AND k.fingerprint = $3)
    ON CONFLICT (catalog, fingerprint) DO UPDATE
       SET knocks = arrival.knocks + 1, last_at = now(), window_id = excluded.window_id,
           remote = excluded.remote, agent = excluded.agent
    RETURNING xmax = 0 AS fresh
), c AS (
    UPDATE registration_window r SET arrived = r.arrived + 1
      FROM w, a
     WHERE a.fresh AND r.catalog = w.catalog AND r.id = w.id
)
SELECT EXISTS (SELECT 1 FROM a) AS held, EXISTS (SELECT 1 FROM a WHERE fresh) AS fresh, w.arrived
  FROM w;

-- name: arrival_page (catalog, before, before_fingerprint, limit)
-- Without those that somebody has registered since; before is in microseconds.
SELECT a.fingerprint, left(a.fingerprint, 32) AS id, a.window_id, a.remote, a.agent, a.knocks,
       (extract(epoch FROM a.first_at) * 1000000)::bigint AS first_us,
       (extract(epoch FROM a.last_at) * 1000)::bigint AS last_at
  FROM arrival a
 WHERE a.catalog = $1
   AND (a.first_at, a.fingerprint)
       < (timestamptz 'epoch' + $2::bigint * interval '1 microsecond', $3)
   AND NOT EXISTS (SELECT 1 FROM device d
                    WHERE d.catalog = a.catalog AND d.id = left(a.fingerprint, 32))
 ORDER BY a.first_at DESC, a.fingerprint DESC LIMIT $4;

-- name: arrival_row (catalog, fingerprint)
SELECT encode(public_key, 'hex') AS key, window_id
  FROM arrival WHERE catalog = $1 AND fingerprint = $2;

-- name: arrival_known (catalog, entries)
-- Those among the entries who have knocked here, whatever an entry names its device by.
SELECT x.n, a.fingerprint, encode(a.public_key, 'hex') AS key, a.window_id
  FROM jsonb_to_recordset($2::jsonb) AS x(n int, id text, fingerprint text)
  JOIN arrival a ON a.catalog = $1 AND a.fingerprint >= x.id AND a.fingerprint < x.id || 'g'
 WHERE x.fingerprint IN ('', a.fingerprint);

-- name: arrival_drop (catalog, fingerprint)
DELETE FROM arrival WHERE catalog = $1 AND fingerprint = $2 RETURNING fingerprint;

-- name: arrival_settle (catalog, entries)
-- Who is claimed is no arrival any more, whoever's door it knocked at: by the primary key, catalog
-- for catalog. The windows that devices came by count them.
WITH e AS (
    SELECT * FROM jsonb_to_recordset($2::jsonb) AS x(fingerprint text, window_id bigint)
), a AS (
    DELETE FROM arrival a USING catalog c, e
     WHERE a.catalog = c.id AND a.fingerprint = e.fingerprint
)
UPDATE registration_window w SET claimed = w.claimed + k.n
  FROM (SELECT window_id, count(*) AS n FROM e GROUP BY window_id) k
 WHERE w.catalog = $1 AND w.id = k.window_id;

-- name: arrival_expire ()
DELETE FROM arrival a USING registration_window w
 WHERE w.catalog = a.catalog AND w.id = a.window_id AND w.closes_at < now() - interval '1 day'
   AND a.last_at < now() - interval '1 day';
