-- What a catalog's devices measure: a row for each metric name that a shape has. Names come by
-- themselves; unit and description are people's. A name that is well known begins with its unit.
CREATE TABLE metric (
    catalog     int NOT NULL,
    name        text COLLATE "C" NOT NULL,
    unit        text NOT NULL DEFAULT '',
    description text NOT NULL DEFAULT '',
    counter     boolean NOT NULL DEFAULT false, -- it only grows until its device starts again
    version     int NOT NULL DEFAULT 1,
    first_seen  timestamptz,                    -- NULL: before this was written down
    PRIMARY KEY (catalog, name)
);

CREATE FUNCTION metric_usual(name text, OUT unit text, OUT description text, OUT counter boolean)
LANGUAGE sql IMMUTABLE AS $$
    SELECT u.unit, u.description, u.counter
      FROM (VALUES
        ('^cpu[.]load$', 'ratio', 'Share of the processor''s time that was used', false),
        ('^cpu[.]load1$', 'tasks', 'Tasks that ran or waited, mean of a minute', false),
        ('^mem[.]used$', 'B', 'Memory that programs hold', false),
        ('^mem[.]total$', 'B', 'Memory that there is', false),
        ('^disk[.]used$', 'B', 'Space taken on the root file system', false),
        ('^disk[.]total$', 'B', 'Size of the root file system', false),
        ('^net[.]rx$', 'B/s', 'Received from the network', false),
        ('^net[.]tx$', 'B/s', 'Sent to the network', false),
        ('^uptime$', 's', 'Time since the system started', true),
        ('^temp([._]|$)', '°C', '', false),
        ('^humidity$', '%', 'Relative humidity', false),
        ('^passes$', '', 'How many went through', true),
        ('^(moving|.+[.](on|open))$', 'bool', '', false),
        ('[.]seconds$', 's', '', true),
        ('[.](percent|pct)$', '%', '', false),
        ('[.]bar$', 'bar', '', false),
        ('[.]lpm$', 'l/min', '', false),
        ('[.]mm_s$', 'mm/s', '', false),
        ('[.]ppm$', 'ppm', '', false),
        ('[.]ug_m3$', 'µg/m³', '', false),
        ('[.]rpm$', 'rpm', '', false),
        ('[.]dbm$', 'dBm', '', false),
        ('[.]wh$', 'Wh', '', true),
        ('[.]w$', 'W', '', false),
        ('[.]v$', 'V', '', false),
        ('[.]a$', 'A', '', false),
        ('[.]hz$', 'Hz', '', false),
        ('[.]ms$', 'ms', '', false),
        ('[.]bytes$', 'B', '', false),
        ('', '', '', false)) AS u (pattern, unit, description, counter)
     WHERE $1 ~ u.pattern
     LIMIT 1;
$$;

-- In order of name, so that two writers with a new shape each cannot wait for each other.
CREATE FUNCTION metric_name() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO metric (catalog, name, unit, description, counter, first_seen)
    SELECT n.catalog, n.name, u.unit, u.description, u.counter, now()
      FROM (SELECT DISTINCT s.catalog, unnest(s.names) AS name FROM added s) n,
           LATERAL metric_usual(n.name) u
     WHERE NOT EXISTS (SELECT 1 FROM metric m WHERE m.catalog = n.catalog AND m.name = n.name)
     ORDER BY n.catalog, n.name COLLATE "C"
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER metric_name AFTER INSERT ON shape
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION metric_name();

-- The names that exist already.
INSERT INTO metric (catalog, name, unit, description, counter)
SELECT n.catalog, n.name, u.unit, u.description, u.counter
  FROM (SELECT DISTINCT catalog, unnest(names) AS name FROM shape) n,
       LATERAL metric_usual(n.name) u;

GRANT SELECT, INSERT, UPDATE ON metric TO orrery_server;
