-- Telemetry that is no longer written to, packed without loss, and the sums of its hours.

ALTER TABLE catalog ADD COLUMN rollup_hours int NOT NULL DEFAULT 9600
      CHECK (rollup_hours BETWEEN 1 AND 87600);

-- An hour of one device's messages of one shape; more than one row where messages came late.
-- Bytes 1 to ends[1] of body are the times, those behind ends[k] up to ends[k + 1] metric k of the
-- shape: never compressed again, so that substr() fetches one metric alone.
CREATE TABLE telemetry_chunk (
    catalog     int NOT NULL,
    device      bigint NOT NULL,
    hour        timestamptz NOT NULL,
    shape       int NOT NULL,
    n           int NOT NULL,                -- messages
    first       int NOT NULL,                -- ms from the hour, as is last
    last        int NOT NULL,
    ends        int[] NOT NULL,
    body        bytea NOT NULL
) PARTITION BY RANGE (hour);
ALTER TABLE telemetry_chunk ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX telemetry_chunk_device ON telemetry_chunk (catalog, device, hour);

-- What the messages of each chunk add up to, an array element a metric; readers merge rows of one
-- hour.
CREATE TABLE telemetry_rollup (
    catalog     int NOT NULL,
    device      bigint NOT NULL,
    hour        timestamptz NOT NULL,
    shape       int NOT NULL,
    n           int NOT NULL,
    last        timestamptz NOT NULL,        -- when final was measured
    low         float8[] NOT NULL,
    high        float8[] NOT NULL,
    total       float8[] NOT NULL,
    squares     float8[] NOT NULL,
    final       float8[] NOT NULL
) PARTITION BY RANGE (hour);
CREATE INDEX telemetry_rollup_device ON telemetry_rollup (catalog, device, hour);

-- The server's role makes and drops their partitions.
ALTER TABLE telemetry_chunk OWNER TO orrery_server;
ALTER TABLE telemetry_rollup OWNER TO orrery_server;
