-- Sums of each device's minutes, kept longer than the readings they are of.

ALTER TABLE catalog ADD COLUMN minute_hours int NOT NULL DEFAULT 2160
      CHECK (minute_hours BETWEEN 1 AND 87600);

-- One row beside each telemetry_chunk that was packed since: its messages, minute by minute. Where
-- minutes has n, each message is alone in its minute, and body is that of the chunk; else bytes 1 to
-- ends[1] say when and how many, those behind ends[k] up to ends[k + 1] what metric k was.
CREATE TABLE telemetry_minute (
    catalog     int NOT NULL,
    device      bigint NOT NULL,
    hour        timestamptz NOT NULL,
    shape       int NOT NULL,
    n           int NOT NULL,                -- messages
    minutes     int NOT NULL,                -- that have any
    ends        int[] NOT NULL,
    body        bytea NOT NULL
) PARTITION BY RANGE (hour);
ALTER TABLE telemetry_minute ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX telemetry_minute_device ON telemetry_minute (catalog, device, hour);

-- The server's role makes and drops its partitions.
ALTER TABLE telemetry_minute OWNER TO orrery_server;
