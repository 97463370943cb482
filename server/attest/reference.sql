-- name: reference_add (catalog, values)
INSERT INTO reference_value (catalog, component, version, sha256, svn, source)
SELECT $1::int, component, version, sha256, svn, source
  FROM jsonb_to_recordset($2::jsonb)
       AS x(component text, version text, sha256 text, svn bigint, source text)
 ORDER BY component, sha256
ON CONFLICT (catalog, component, sha256) DO NOTHING
RETURNING id;

-- name: reference_drop (catalog, id)
DELETE FROM reference_value WHERE catalog = $1 AND id = $2 RETURNING id;

-- name: reference_page (catalog, after, limit)
SELECT id, component, version, sha256, svn, source,
       (extract(epoch FROM created_at) * 1000)::bigint AS created_at
  FROM reference_value
 WHERE catalog = $1 AND id > $2
 ORDER BY id LIMIT $3;

-- name: reference_of (catalog, components)
SELECT id, component, version, sha256, svn, source,
       (extract(epoch FROM created_at) * 1000)::bigint AS created_at
  FROM reference_value
 WHERE catalog = $1
   AND component IN (SELECT jsonb_array_elements_text($2::jsonb))
 ORDER BY component, id;
