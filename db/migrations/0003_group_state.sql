-- "What is offline in this group" is asked for more than anything: among a million devices the index
-- of the states alone would have each of that state looked at. 39 MB a million.
CREATE INDEX device_index_group_state ON device_index (catalog, device_group, state, device);
