-- Log levels that people raise (or lower) for a while, of a device or of all in a group; a device's own
-- goes before its group's. What is past is deleted by the scheduler; nothing has to be, to end.
CREATE TABLE log_level (
    catalog      int NOT NULL,
    device       bigint,
    device_group int,
    level        smallint NOT NULL CHECK (level BETWEEN 0 AND 3), -- enum journal_level
    until        timestamptz NOT NULL,
    CHECK ((device IS NULL) <> (device_group IS NULL)),
    UNIQUE NULLS NOT DISTINCT (catalog, device, device_group)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON log_level TO orrery_server;
