-- name: remedy_note (catalog, alert, job, account, actor)
WITH r AS (
    INSERT INTO alert_remedy (catalog, alert, job) VALUES ($1, $2, $3)
), h AS (
    INSERT INTO alert_history (catalog, alert, account, actor, act, detail)
    SELECT $1, $2, $4, $5, 'remedy', title || ': begun' FROM job WHERE catalog = $1 AND id = $3
)
SELECT pg_notify('alert', $1::int::text);

-- name: remedy_ended ()
WITH ended AS (
    DELETE FROM alert_remedy r USING job j
     WHERE j.catalog = r.catalog AND j.id = r.job AND j.state IN ('done', 'stopped', 'failed')
    RETURNING r.catalog, r.alert, j.actor, j.account, j.title, j.state, j.changed, j.unchanged,
              j.refused
), h AS (
    INSERT INTO alert_history (catalog, alert, account, actor, act, detail)
    SELECT catalog, alert, account, actor, 'remedy',
           format('%s: %s; changed %s, unchanged %s, refused %s', title, state, changed, unchanged,
                  refused)
      FROM ended
)
SELECT pg_notify('alert', catalog::text) FROM ended;
