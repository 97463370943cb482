-- From which number on a catalog wants to hear of a threat; what is not said is as usual.
CREATE TABLE threat_settings (
    catalog int PRIMARY KEY REFERENCES catalog,
    version bigint NOT NULL,
    body jsonb NOT NULL
);

-- What is over once the device attests without it. seen_at: Unix ms.
CREATE TABLE threat_open (
    catalog int NOT NULL,
    device bigint NOT NULL,
    key text NOT NULL,
    seen_at bigint NOT NULL,
    PRIMARY KEY (catalog, device, key)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON threat_settings, threat_open TO orrery_server;
