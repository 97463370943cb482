-- name: series_devices (catalog, ids)
SELECT device, id, name FROM device WHERE catalog = $1 AND id = ANY ($2::text[]);
