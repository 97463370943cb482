-- name: export_count (filter)
-- plan: fresh
SELECT count(*) AS n FROM device_found($1);

-- name: export_open (filter)
-- plan: fresh
DECLARE export NO SCROLL CURSOR FOR
SELECT v.*, i.site, i.batch
  FROM device_found($1) i
  JOIN device_row v ON v.catalog = i.catalog AND v.device = i.device
 ORDER BY i.device;

-- name: export_next ()
FETCH 1000 FROM export;
