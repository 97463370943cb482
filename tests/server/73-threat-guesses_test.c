// SPDX-License-Identifier: Apache-2.0
// threaded
//
// Who guesses passwords or tokens becomes an alert of the first catalog, with the address.

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/rc.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define WAIT_S 60

static struct rest rest;
static struct rest_browser olga;

static void is_raised(const char *key, const char *address)
{
    for (int i = 0; i < WAIT_S * 10; i++) {
        if (rest_sql(pg_conninfo(),
                     "SELECT count(*) FROM alert a JOIN alert_device h ON h.catalog = a.catalog AND"
                     " h.alert = a.id JOIN catalog c ON c.id = a.catalog WHERE c.name = 'demo'"
                     " AND a.key = 'threat:%s' AND h.evidence::jsonb ->> 'source' = '%s'",
                     key, address) == 1)
            return;
        usleep(100000);
    }
    fail_msg("no alert %s from %s", key, address);
}

static void thresholds_are_set_by_who_may_and_audited(void **state)
{
    (void)state;
    static const char path[] = "/api/v1/catalogs/demo/threats";
    const char *body = "{\"codes\":{\"T17\":{\"times\":3}}}";
    char token[TOKEN_TEXT_LEN + 1];

    rest_token(&rest, "vera", "viewer", "demo", token);
    assert_int_equal(rest_ask(&rest, &(struct rest_ask){ .path = path, .token = token })->status,
                     200);
    assert_string_equal(rest_header("ETag"), "\"0\"");
    assert_int_equal(rest_ask(&rest, &(struct rest_ask){ .method = "PUT",
                                                         .path = path,
                                                         .body = body,
                                                         .if_match = "\"0\"",
                                                         .token = token })
                         ->status,
                     403);
    assert_int_equal(rest_ask(&rest, &(struct rest_ask){ .path = "/api/v1/catalogs/acme/threats",
                                                         .token = token })
                         ->status,
                     404);
    assert_int_equal(rest_as(&rest, &olga, "PUT", path, body)->status, 428);
    assert_int_equal(rest_ask(&rest, &(struct rest_ask){ .method = "PUT",
                                                         .path = path,
                                                         .body = body,
                                                         .if_match = "\"0\"",
                                                         .cookie = olga.cookie,
                                                         .csrf = olga.csrf })
                         ->status,
                     200);
    assert_string_equal(rest_header("ETag"), "\"1\"");
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM audit WHERE action ="
                                             " 'PUT /api/v1/catalogs/{catalog}/threats'"
                                             " AND outcome = 'ok'"),
                     1);
}

static void guessing_passwords_is_seen(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        rest_ask(&rest, &(struct rest_ask){ .method = "POST",
                                            .path = "/api/v1/session",
                                            .body = "{\"name\":\"olga\",\"password\":\"guess\"}",
                                            .remote = "198.51.100.7" });
    is_raised("T17:password", "198.51.100.7");
}

static void guessing_tokens_is_seen(void **state)
{
    (void)state;
    for (int i = 0; i < 9; i++)
        rest_ask(&rest, &(struct rest_ask){ .path = "/api/v1/session",
                                            .token = "orr_guess",
                                            .remote = "198.51.100.8" });
    is_raised("T17:token", "198.51.100.8");
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM alert"), 2);
}

static int start(void **state)
{
    (void)state;
    rest_with_threats();
    rest_start(&rest, pg_conninfo());
    olga = rest_owner(&rest);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thresholds_are_set_by_who_may_and_audited),
        cmocka_unit_test(guessing_passwords_is_seen),
        cmocka_unit_test(guessing_tokens_is_seen),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
