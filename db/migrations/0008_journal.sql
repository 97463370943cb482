-- Log lines that are found: by their words, newest first, and counted as they come.

-- The words of a line. Punctuation parts words, so that "pump" is found in app.pump and in
-- /dev/pump0 (the parser parts at a backslash by itself); 'simple' knows no language, so that
-- nothing is stemmed or left out. The index over it is made for each hour once it has ended
-- (ingest/lexicon): kept while lines come, it makes taking them nine times as dear.
CREATE FUNCTION journal_vector(name text, source text, line text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('simple'::regconfig,
                       translate(coalesce(name, '') || ' ' || coalesce(source, '') || ' ' || line,
                                 '!"#$%&''()*+,-./:;<=>?@[]^_`{|}~',
                                 '                               '))
$$;

CREATE INDEX journal_time ON journal (catalog, ts);
-- Errors, warnings and events are few, and asked for first.
CREATE INDEX journal_trouble ON journal (catalog, ts) WHERE level <= 1;
CREATE INDEX journal_event ON journal (catalog, ts) WHERE event;

-- How many lines of a minute. Each batch adds rows in its own transaction and changes none, so that
-- writers never wait for each other; the scheduler folds those of past minutes (folded). Sums of n
-- are counts.
CREATE TABLE journal_count (
    catalog     int NOT NULL,
    at          timestamptz NOT NULL,        -- start of the minute
    level       smallint NOT NULL,
    event       boolean NOT NULL,
    source      text COLLATE "C",
    n           bigint NOT NULL,
    folded      boolean NOT NULL DEFAULT false
);
CREATE INDEX journal_count_at ON journal_count (catalog, at);
CREATE INDEX journal_count_new ON journal_count (at) WHERE NOT folded;
ALTER TABLE journal_count SET (autovacuum_vacuum_scale_factor = 0,
                               autovacuum_vacuum_threshold = 20000);

-- The same for events: of which class (name) and category (source), an hour and device.
CREATE TABLE event_count (
    catalog     int NOT NULL,
    device      bigint NOT NULL,
    at          timestamptz NOT NULL,        -- start of the hour
    name        text COLLATE "C" NOT NULL,
    source      text COLLATE "C",
    level       smallint NOT NULL,
    n           bigint NOT NULL,
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    folded      boolean NOT NULL DEFAULT false
);
CREATE INDEX event_count_device ON event_count (catalog, device, at);
CREATE INDEX event_count_at ON event_count (catalog, at);
CREATE INDEX event_count_new ON event_count (at) WHERE NOT folded;
ALTER TABLE event_count SET (autovacuum_vacuum_scale_factor = 0,
                             autovacuum_vacuum_threshold = 20000);

-- The lines that are there already.
INSERT INTO journal_count
SELECT catalog, date_trunc('minute', ts, 'UTC'), level, event, source, count(*), true
  FROM journal GROUP BY 1, 2, 3, 4, 5;
INSERT INTO event_count
SELECT catalog, device, date_trunc('hour', ts, 'UTC'), coalesce(name, ''), source, level, count(*),
       min(ts), max(ts), true
  FROM journal WHERE event GROUP BY 1, 2, 3, 4, 5, 6;

GRANT SELECT, INSERT, DELETE ON journal_count, event_count TO orrery_server;
