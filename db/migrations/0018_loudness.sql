-- How much devices that say more or less than usual said they say; the others have no row.
CREATE TABLE device_loudness (
    catalog      int NOT NULL,
    device       bigint NOT NULL,
    level        smallint NOT NULL CHECK (level BETWEEN 0 AND 3), -- enum journal_level
    since        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (catalog, device)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON device_loudness TO orrery_server;
