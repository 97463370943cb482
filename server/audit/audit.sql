-- Held until the transaction ends: entries of one chain are written one after the other.
-- name: audit_lock (chain)
SELECT pg_advisory_xact_lock(1096109636, $1::int);

-- name: audit_head (chain)
SELECT seq, encode(hash, 'hex') AS hash FROM audit WHERE chain = $1::int ORDER BY seq DESC LIMIT 1;

-- name: audit_add (chain, seq, at, account, actor, action, object, count, outcome, remote, request, detail, prev, hash)
INSERT INTO audit (chain, seq, at, account, actor, action, object, count, outcome, remote, request,
                   detail, prev, hash)
VALUES ($1::int, $2::bigint, timestamptz 'epoch' + $3::bigint * interval '1 millisecond', $4::bigint,
        $5, $6, $7, $8::bigint, $9, $10, $11, $12, $13, $14);

-- name: audit_range (chain, after, count)
SELECT seq, (extract(epoch FROM at) * 1000)::bigint AS at, account, actor, action, object, count,
       outcome, remote, request, detail, encode(prev, 'hex') AS prev, encode(hash, 'hex') AS hash
  FROM audit WHERE chain = $1::int AND seq > $2::bigint ORDER BY seq LIMIT $3::int;

-- actor and object by their beginnings, since and until in Unix ms; NULL: any.
-- name: audit_page (chain, before, count, actor, object, outcome, since, until)
SELECT seq, (extract(epoch FROM at) * 1000)::bigint AS at, account, actor, action, object, count,
       outcome, remote, request, detail, encode(hash, 'hex') AS hash
  FROM audit
 WHERE chain = $1::int AND seq < $2::bigint
   AND ($4::text IS NULL OR starts_with(lower(actor), lower($4::text)))
   AND ($5::text IS NULL OR starts_with(object, $5::text))
   AND ($6::text IS NULL OR outcome = $6::text)
   AND ($7::bigint IS NULL OR at >= timestamptz 'epoch' + $7::bigint * interval '1 millisecond')
   AND ($8::bigint IS NULL OR at < timestamptz 'epoch' + $8::bigint * interval '1 millisecond')
 ORDER BY seq DESC LIMIT $3::int;

-- name: audit_last_seal (chain)
SELECT seq, seal, (extract(epoch FROM at) * 1000)::bigint AS at
  FROM audit_seal WHERE chain = $1::int ORDER BY seq DESC LIMIT 1;

-- Chains that grew since their last seal, once that is an hour old.
-- name: audit_unsealed ()
SELECT c.chain, h.seq, encode(h.hash, 'hex') AS hash
  FROM (SELECT 0 AS chain UNION ALL SELECT id FROM catalog) c
 CROSS JOIN LATERAL (SELECT seq, hash FROM audit WHERE chain = c.chain
                      ORDER BY seq DESC LIMIT 1) h
  LEFT JOIN LATERAL (SELECT seq, at FROM audit_seal WHERE chain = c.chain
                      ORDER BY seq DESC LIMIT 1) s ON true
 WHERE s.seq IS NULL OR (s.seq < h.seq AND s.at < now() - interval '1 hour');

-- name: audit_seal_add (chain, seq, seal)
INSERT INTO audit_seal (chain, seq, seal) VALUES ($1::int, $2::bigint, $3) ON CONFLICT DO NOTHING;
