-- name: enroll_groups (catalog)
SELECT g.id, p.name || ' / ' || g.name AS path
  FROM device_group g JOIN product p ON p.catalog = g.catalog AND p.id = g.product
 WHERE g.catalog = $1 ORDER BY g.id;

-- name: enroll_arrivals (catalog, entries)
-- The keys of those who have knocked and are claimed by less than their key.
SELECT x.n, a.fingerprint, encode(a.public_key, 'hex') AS key
  FROM jsonb_to_recordset($2::jsonb) AS x(n int, id text, fingerprint text)
  JOIN arrival a ON a.catalog = $1 AND a.fingerprint >= x.id AND a.fingerprint < x.id || 'g'
 WHERE x.fingerprint IN ('', a.fingerprint);

-- name: enroll_arrived (fingerprints)
-- Who is a device is no arrival any more, whoever's door it knocked at.
DELETE FROM arrival WHERE fingerprint = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)));
