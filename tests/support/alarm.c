// SPDX-License-Identifier: Apache-2.0

#include "support/alarm.h"

#include <inttypes.h>
#include <unistd.h>

#include "core/clock.h"
#include "support/pg.h"
#include "test.h"
#include "threat/threat_api.h"

#define WAIT_S 180

void alarm_ask(struct gate *g, const char *method, int32_t catalog, const char *body,
               const char *version, struct model_answer *out)
{
    struct services services = { .bus = g->bus, .threats = g->threats };
    const struct model_call c = { .routes = threat_routes,
                                  .method = method,
                                  .pattern = "/api/v1/catalogs/{catalog}/threats",
                                  .catalog = catalog,
                                  .body = body,
                                  .if_match = version };

    model_run(g->store, &services, &c, out);
}

void alarm_set(struct gate *g, int32_t catalog, const char *body)
{
    struct model_answer now, then;

    alarm_ask(g, "GET", catalog, NULL, NULL, &now);
    assert_int_equal(now.rc, RC_OK);
    alarm_ask(g, "PUT", catalog, body, now.etag, &then);
    if (then.rc != RC_OK)
        fail_msg("%s", then.text);
    model_answer_done(&now);
    model_answer_done(&then);
}

#define OF_STORY                                                                                   \
    "FROM alert a JOIN alert_device h ON h.catalog = a.catalog AND h.alert = a.id"                 \
    " JOIN device d ON d.catalog = h.catalog AND d.device = h.device"                              \
    " WHERE d.tags ->> 'fleet' = '%s'"

int64_t alarm_devices(const char *story, const char *code, const char *where)
{
    return model_sql(pg_conninfo(),
                     "SELECT count(DISTINCT h.device) " OF_STORY
                     " AND a.code = '%s' AND h.cleared_at IS NULL AND (%s)",
                     story, code, where);
}

void alarm_become(const char *story, const char *code, const char *where, int64_t wanted)
{
    for (int i = 0; i < WAIT_S * 10; i++) {
        if (alarm_devices(story, code, where) == wanted)
            return;
        usleep(100000);
    }
    fail_msg("%s: %" PRId64 " of %" PRId64 " devices have %s, %s", story,
             alarm_devices(story, code, where), wanted, code, where);
}

int64_t alarm_count(const char *story)
{
    return model_sql(pg_conninfo(), "SELECT count(DISTINCT (a.catalog, a.key)) " OF_STORY, story);
}

void alarm_from(int32_t catalog, const char *key, const char *where)
{
    for (int i = 0; i < WAIT_S * 10; i++) {
        if (model_sql(
                pg_conninfo(),
                "SELECT count(*) FROM alert a JOIN alert_device h ON h.catalog = a.catalog AND"
                " h.alert = a.id WHERE a.catalog = %d AND a.key = 'threat:%s'"
                " AND h.device = 0 AND (%s)",
                catalog, key, where) == 1)
            return;
        usleep(100000);
    }
    fail_msg("no alert %s that is %s", key, where);
}

void alarm_publish(struct gate *g, const char *name, int64_t device)
{
    bus_publish(g->bus, &(struct bus_event){ .kind = BUS_SIGNAL,
                                             .catalog = g->acme,
                                             .device = device,
                                             .at = clock_now_ms(),
                                             .name = name });
}

void alarm_settle(struct gate *g)
{
    static int64_t last;

    alarm_publish(g, "debug", ++last);
    for (int i = 0; i < WAIT_S * 10; i++) {
        if (model_sql(pg_conninfo(),
                      "SELECT count(*) FROM alert_device WHERE catalog = %d AND device = %" PRId64,
                      g->acme, last) == 1)
            return;
        usleep(100000);
    }
    fail_msg("signals are not heard");
}
