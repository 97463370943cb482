-- Jobs that were begun as the remedy of an alert, until what became of them is in its history.
CREATE TABLE alert_remedy (
    catalog      int NOT NULL,
    alert        bigint NOT NULL,
    job          bigint NOT NULL,
    PRIMARY KEY (catalog, job)
);
GRANT SELECT, INSERT, DELETE ON alert_remedy TO orrery_server;
