// SPDX-License-Identifier: Apache-2.0

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "sdk/signed_time.h"
#include "support/sim_ca.h"
#include "test.h"

#define T_MS 1800000000000LL // 2027
#define T_S  (T_MS / 1000)
#define DAY  86400

static int64_t wall_ms = T_MS, mono_ms = 1000;

int64_t clock_now_ms(void)
{
    return wall_ms;
}

int64_t clock_mono_ms(void)
{
    return mono_ms;
}

int64_t clock_mono_us(void)
{
    return mono_ms * 1000;
}

void clock_rfc3339(int64_t unix_ms, char out[RFC3339_LEN + 1])
{
    (void)unix_ms;
    memset(out, 0, RFC3339_LEN + 1); // only the log asks, and nothing is logged here
}

static struct sim_ca ca;
static X509_STORE *store;

static int setup(void **state)
{
    (void)state;
    sim_ca_init(&ca);
    store = sim_ca_store(&ca);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    X509_STORE_free(store);
    sim_ca_done(&ca);
    return 0;
}

static enum rc read_time(const struct sim_leaf *l, const struct sim_ca *issuer, int64_t says,
                         int64_t *out, struct fault *f)
{
    EVP_PKEY *key;
    X509 *cert = sim_ca_issue(issuer, l, &key);
    char *token = sim_ca_time(cert, key, says);
    enum rc rc = signed_time_read(token, store, out, f);

    free(token);
    X509_free(cert);
    EVP_PKEY_free(key);
    return rc;
}

static const struct sim_leaf good = { NULL, "critical,timeStamping", T_S - DAY, T_S + DAY };

static void time_signed_under_the_servers_ca_is_believed(void **state)
{
    (void)state;
    struct fault f = { 0 };
    int64_t t = 0;

    assert_int_equal(read_time(&good, &ca, T_MS, &t, &f), RC_OK);
    assert_int_equal(t, T_MS);
}

// A device that starts in 1970 has only the certificate's own dates to go by.
static void the_devices_own_clock_does_not_matter(void **state)
{
    (void)state;
    int64_t t = 0;

    wall_ms = 5000;
    assert_int_equal(read_time(&good, &ca, T_MS, &t, NULL), RC_OK);
    wall_ms = T_MS;
}

static void time_from_anybody_else_is_refused(void **state)
{
    (void)state;
    struct sim_leaf server = good, plain = good, old = good;
    struct sim_ca other;
    int64_t t = 0;

    sim_ca_init(&other);
    assert_int_equal(read_time(&good, &other, T_MS, &t, NULL), RC_DENIED);
    sim_ca_done(&other);
    server.eku = "serverAuth"; // the key of the public port must not set clocks
    assert_int_equal(read_time(&server, &ca, T_MS, &t, NULL), RC_DENIED);
    plain.eku = NULL;
    assert_int_equal(read_time(&plain, &ca, T_MS, &t, NULL), RC_DENIED);
    old.to_s = T_S - 10;
    assert_int_equal(read_time(&old, &ca, T_MS, &t, NULL), RC_DENIED);
    assert_int_equal(t, 0);
}

static void a_changed_or_broken_token_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "", ".", "..", "a.b.c", "....", "e30.e30", "e30.e30.e30" };
    EVP_PKEY *key;
    X509 *cert = sim_ca_issue(&ca, &good, &key);
    char *token = sim_ca_time(cert, key, T_MS), *body = strchr(token, '.') + 4;
    int64_t t = 0;

    *body = *body == 'A' ? 'B' : 'A';
    assert_int_not_equal(signed_time_read(token, store, &t, NULL), RC_OK);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_not_equal(signed_time_read(texts[i], store, &t, NULL), RC_OK);
    free(token);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void time_never_runs_below_the_newest_signed_time(void **state)
{
    (void)state;
    struct time_floor t;

    time_floor_init(&t, 0);
    assert_int_equal(time_floor_now_ms(&t), T_MS);
    wall_ms = 0;                                          // the battery is empty
    assert_true(time_floor_now_ms(&t) > 1795000000000LL); // the day it was built
    time_floor_raise(&t, T_MS + 500);
    assert_int_equal(time_floor_now_ms(&t), T_MS + 500);
    mono_ms += 250;
    assert_int_equal(time_floor_now_ms(&t), T_MS + 750);
    time_floor_raise(&t, T_MS); // an old token says nothing new
    assert_int_equal(time_floor_now_ms(&t), T_MS + 750);
    wall_ms = T_MS + 10000;
    assert_int_equal(time_floor_now_ms(&t), T_MS + 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_signed_under_the_servers_ca_is_believed),
        cmocka_unit_test(the_devices_own_clock_does_not_matter),
        cmocka_unit_test(time_from_anybody_else_is_refused),
        cmocka_unit_test(a_changed_or_broken_token_is_refused),
        cmocka_unit_test(time_never_runs_below_the_newest_signed_time),
    };
    return cmocka_run_group_tests_name("sim time", tests, setup, teardown);
}
