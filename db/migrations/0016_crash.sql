-- Crash dumps: what a program of a device left behind, where its group lets them be collected.

-- Files under blobs/, named by their content. A row goes with its file once no other table refers
-- to it (server/blob).
CREATE TABLE blob (
    sha256       bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    bytes        bigint NOT NULL CHECK (bytes > 0),
    made_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE crash_dump (
    catalog      int NOT NULL REFERENCES catalog,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    device       bigint NOT NULL,
    sha256       bytea NOT NULL REFERENCES blob,
    bytes        bigint NOT NULL,
    name         text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 64), -- of the program
    at           timestamptz NOT NULL,                -- of the crash, by the device's clock
    received_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (catalog, id),
    UNIQUE (catalog, device, sha256)
);
CREATE INDEX crash_dump_blob ON crash_dump (sha256);
CREATE INDEX crash_dump_age ON crash_dump (received_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON blob, crash_dump TO orrery_server;
