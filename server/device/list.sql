-- A page picks its devices from the index alone and joins what they look like afterwards: an
-- inequality on one side of that join costs 350 times as much at a million devices. Each order is a
-- keyset both ways. Where few devices match, all of them are found first and then put in order; to
-- walk in order until enough are found is quick only where many match, which the planner cannot
-- know of filters that go together ("offline" and "of this group"). few: so many; -1: only walk.

-- name: device_page_created_up (filter, device, limit, few)
-- plan: fresh
WITH few AS MATERIALIZED (SELECT i.device FROM device_found($1) i LIMIT $4::int + 1),
     n AS (SELECT count(*) AS n FROM few)
SELECT v.*, '' AS key
  FROM ((SELECT * FROM few
          WHERE (SELECT n FROM n) <= $4 AND ($2::bigint IS NULL OR device > $2)
          ORDER BY device LIMIT $3)
        UNION ALL
        (SELECT i.device FROM device_found($1) i
          WHERE (SELECT n FROM n) > $4 AND ($2::bigint IS NULL OR i.device > $2)
          ORDER BY i.device LIMIT $3)) p
  JOIN device_row v ON v.catalog = ($1).catalog AND v.device = p.device
 ORDER BY p.device;

-- name: device_page_created_down (filter, device, limit, few)
-- plan: fresh
WITH few AS MATERIALIZED (SELECT i.device FROM device_found($1) i LIMIT $4::int + 1),
     n AS (SELECT count(*) AS n FROM few)
SELECT v.*, '' AS key
  FROM ((SELECT * FROM few
          WHERE (SELECT n FROM n) <= $4 AND ($2::bigint IS NULL OR device < $2)
          ORDER BY device DESC LIMIT $3)
        UNION ALL
        (SELECT i.device FROM device_found($1) i
          WHERE (SELECT n FROM n) > $4 AND ($2::bigint IS NULL OR i.device < $2)
          ORDER BY i.device DESC LIMIT $3)) p
  JOIN device_row v ON v.catalog = ($1).catalog AND v.device = p.device
 ORDER BY p.device DESC;

-- name: device_page_name_up (filter, device, limit, few, key)
-- plan: fresh
WITH few AS MATERIALIZED (SELECT i.device, i.name FROM device_found($1) i LIMIT $4::int + 1),
     n AS (SELECT count(*) AS n FROM few)
SELECT v.*, p.name AS key
  FROM ((SELECT * FROM few
          WHERE (SELECT n FROM n) <= $4 AND ($2::bigint IS NULL OR (name, device) > ($5::text, $2))
          ORDER BY name, device LIMIT $3)
        UNION ALL
        (SELECT i.device, i.name FROM device_found($1) i
          WHERE (SELECT n FROM n) > $4 AND ($2::bigint IS NULL OR (i.name, i.device) > ($5::text, $2))
          ORDER BY i.name, i.device LIMIT $3)) p
  JOIN device_row v ON v.catalog = ($1).catalog AND v.device = p.device
 ORDER BY p.name, p.device;

-- name: device_page_name_down (filter, device, limit, few, key)
-- plan: fresh
WITH few AS MATERIALIZED (SELECT i.device, i.name FROM device_found($1) i LIMIT $4::int + 1),
     n AS (SELECT count(*) AS n FROM few)
SELECT v.*, p.name AS key
  FROM ((SELECT * FROM few
          WHERE (SELECT n FROM n) <= $4 AND ($2::bigint IS NULL OR (name, device) < ($5::text, $2))
          ORDER BY name DESC, device DESC LIMIT $3)
        UNION ALL
        (SELECT i.device, i.name FROM device_found($1) i
          WHERE (SELECT n FROM n) > $4 AND ($2::bigint IS NULL OR (i.name, i.device) < ($5::text, $2))
          ORDER BY i.name DESC, i.device DESC LIMIT $3)) p
  JOIN device_row v ON v.catalog = ($1).catalog AND v.device = p.device
 ORDER BY p.name DESC, p.device DESC;

-- name: device_page_id_up (filter, device, limit, few, key)
-- plan: fresh
WITH few AS MATERIALIZED (SELECT i.device, i.id FROM device_found($1) i LIMIT $4::int + 1),
     n AS (SELECT count(*) AS n FROM few)
SELECT v.*, p.id AS key
  FROM ((SELECT * FROM few
          WHERE (SELECT n FROM n) <= $4 AND ($2::bigint IS NULL OR id > $5::text)
          ORDER BY id LIMIT $3)
        UNION ALL
        (SELECT i.device, i.id FROM device_found($1) i
          WHERE (SELECT n FROM n) > $4 AND ($2::bigint IS NULL OR i.id > $5::text)
          ORDER BY i.id LIMIT $3)) p
  JOIN device_row v ON v.catalog = ($1).catalog AND v.device = p.device
 ORDER BY p.id;

-- name: device_page_id_down (filter, device, limit, few, key)
-- plan: fresh
WITH few AS MATERIALIZED (SELECT i.device, i.id FROM device_found($1) i LIMIT $4::int + 1),
     n AS (SELECT count(*) AS n FROM few)
SELECT v.*, p.id AS key
  FROM ((SELECT * FROM few
          WHERE (SELECT n FROM n) <= $4 AND ($2::bigint IS NULL OR id < $5::text)
          ORDER BY id DESC LIMIT $3)
        UNION ALL
        (SELECT i.device, i.id FROM device_found($1) i
          WHERE (SELECT n FROM n) > $4 AND ($2::bigint IS NULL OR i.id < $5::text)
          ORDER BY i.id DESC LIMIT $3)) p
  JOIN device_row v ON v.catalog = ($1).catalog AND v.device = p.device
 ORDER BY p.id DESC;

-- name: device_page_state_up (filter, device, limit, few, key)
-- plan: fresh
WITH few AS MATERIALIZED (SELECT i.device, i.state FROM device_found($1) i LIMIT $4::int + 1),
     n AS (SELECT count(*) AS n FROM few)
SELECT v.*, p.state AS key
  FROM ((SELECT * FROM few
          WHERE (SELECT n FROM n) <= $4 AND ($2::bigint IS NULL OR (state, device) > ($5::smallint, $2))
          ORDER BY state, device LIMIT $3)
        UNION ALL
        (SELECT i.device, i.state FROM device_found($1) i
          WHERE (SELECT n FROM n) > $4 AND ($2::bigint IS NULL OR (i.state, i.device) > ($5::smallint, $2))
          ORDER BY i.state, i.device LIMIT $3)) p
  JOIN device_row v ON v.catalog = ($1).catalog AND v.device = p.device
 ORDER BY p.state, p.device;

-- name: device_page_state_down (filter, device, limit, few, key)
-- plan: fresh
WITH few AS MATERIALIZED (SELECT i.device, i.state FROM device_found($1) i LIMIT $4::int + 1),
     n AS (SELECT count(*) AS n FROM few)
SELECT v.*, p.state AS key
  FROM ((SELECT * FROM few
          WHERE (SELECT n FROM n) <= $4 AND ($2::bigint IS NULL OR (state, device) < ($5::smallint, $2))
          ORDER BY state DESC, device DESC LIMIT $3)
        UNION ALL
        (SELECT i.device, i.state FROM device_found($1) i
          WHERE (SELECT n FROM n) > $4 AND ($2::bigint IS NULL OR (i.state, i.device) < ($5::smallint, $2))
          ORDER BY i.state DESC, i.device DESC LIMIT $3)) p
  JOIN device_row v ON v.catalog = ($1).catalog AND v.device = p.device
 ORDER BY p.state DESC, p.device DESC;

-- Marks are the last rows of whole pages, by number; the very last row comes too, for the total.

-- name: device_marks_created_up (filter, every)
-- plan: fresh
SELECT * FROM (
    SELECT i.device, '' AS key, row_number() OVER w AS n, lead(1) OVER w IS NULL AS last
      FROM device_found($1) i
    WINDOW w AS (ORDER BY i.device)) m
 WHERE n % $2::bigint = 0 OR last
 ORDER BY n;

-- name: device_marks_created_down (filter, every)
-- plan: fresh
SELECT * FROM (
    SELECT i.device, '' AS key, row_number() OVER w AS n, lead(1) OVER w IS NULL AS last
      FROM device_found($1) i
    WINDOW w AS (ORDER BY i.device DESC)) m
 WHERE n % $2::bigint = 0 OR last
 ORDER BY n;

-- name: device_marks_name_up (filter, every)
-- plan: fresh
SELECT * FROM (
    SELECT i.device, i.name AS key, row_number() OVER w AS n, lead(1) OVER w IS NULL AS last
      FROM device_found($1) i
    WINDOW w AS (ORDER BY i.name, i.device)) m
 WHERE n % $2::bigint = 0 OR last
 ORDER BY n;

-- name: device_marks_name_down (filter, every)
-- plan: fresh
SELECT * FROM (
    SELECT i.device, i.name AS key, row_number() OVER w AS n, lead(1) OVER w IS NULL AS last
      FROM device_found($1) i
    WINDOW w AS (ORDER BY i.name DESC, i.device DESC)) m
 WHERE n % $2::bigint = 0 OR last
 ORDER BY n;

-- name: device_marks_id_up (filter, every)
-- plan: fresh
SELECT * FROM (
    SELECT i.device, i.id AS key, row_number() OVER w AS n, lead(1) OVER w IS NULL AS last
      FROM device_found($1) i
    WINDOW w AS (ORDER BY i.id)) m
 WHERE n % $2::bigint = 0 OR last
 ORDER BY n;

-- name: device_marks_state_down (filter, every)
-- plan: fresh
SELECT * FROM (
    SELECT i.device, i.state AS key, row_number() OVER w AS n, lead(1) OVER w IS NULL AS last
      FROM device_found($1) i
    WINDOW w AS (ORDER BY i.state DESC, i.device DESC)) m
 WHERE n % $2::bigint = 0 OR last
 ORDER BY n;
