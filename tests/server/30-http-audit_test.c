// SPDX-License-Identifier: Apache-2.0
//
// Every act leaves an entry, in the same commit; an edited chain gives itself away.
//
// threaded

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "store/store.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define SCRATCH 77 // a chain of no catalog, for tampering

static struct rest rest;
static struct rest_browser owner, viewer;

static int setup(void **state)
{
    *state = &rest;
    rest_start(&rest, pg_conninfo());
    rest_account(&rest, "olga", "owner", NULL);
    rest_account(&rest, "vera", "viewer", NULL);
    owner = rest_sign_in(&rest, "olga");
    viewer = rest_sign_in(&rest, "vera");
    return 0;
}

static int64_t entries(void)
{
    return rest_sql(pg_conninfo(), "SELECT count(*) FROM audit");
}

static int64_t entries_where(const char *condition)
{
    return rest_sql(pg_conninfo(), "SELECT count(*) FROM audit WHERE %s", condition);
}

// ---------------------------------------------------------------- what is written

static void an_act_leaves_one_entry_that_says_who_what_and_whence(void **state)
{
    (void)state;
    int64_t before = entries();

    assert_int_equal(rest_as(&rest, &owner, "POST", "/api/v1/users",
                             "{\"name\":\"nora\",\"role\":\"viewer\",\"password\":"
                             "\"" REST_PASSWORD "\"}")
                         ->status,
                     201);
    assert_int_equal(entries(), before + 1);
    assert_int_equal(entries_where("actor = 'olga' AND action = 'POST /api/v1/users' AND object = "
                                   "'nora' AND outcome = 'ok' AND remote = '192.0.2.1' AND count "
                                   "= 1 AND chain = 0 AND detail = 'role viewer' AND request IS "
                                   "NOT NULL"),
                     1);
    assert_int_equal(entries_where("detail LIKE '%battery%' OR object LIKE '%battery%'"), 0);
}

static void a_failed_act_leaves_none(void **state)
{
    (void)state;
    int64_t before = entries();

    rest_as(&rest, &owner, "POST", "/api/v1/users", "{\"name\":\"nora\"}");
    rest_as(&rest, &owner, "POST", "/api/v1/users",
            "{\"name\":\"nora\",\"role\":\"viewer\",\"password\":\"" REST_PASSWORD "\"}");
    rest_as(&rest, &owner, "DELETE", "/api/v1/tokens/999", NULL);
    rest_as(&rest, &owner, "DELETE", "/api/v1/users/1", NULL);
    assert_int_equal(entries(), before);
}

static void looking_leaves_none(void **state)
{
    (void)state;
    int64_t before = entries();

    rest_as(&rest, &owner, "GET", "/api/v1/users", NULL);
    rest_as(&rest, &owner, "GET", "/api/v1/audit", NULL);
    rest_as(&rest, &viewer, "GET", "/api/v1/users", NULL);
    rest_as(&rest, &owner, "POST", "/api/v1/live-tickets", "{\"catalog\":\"demo\"}");
    assert_int_equal(entries(), before);
}

static void a_denied_act_is_remembered_in_the_chain_it_aimed_at(void **state)
{
    (void)state;
    assert_int_equal(rest_as(&rest, &viewer, "POST", "/api/v1/catalogs/demo/claims", "{}")->status,
                     403);
    assert_int_equal(entries_where("actor = 'vera' AND outcome = 'denied' AND chain = (SELECT id "
                                   "FROM catalog WHERE name = 'demo') AND detail LIKE "
                                   "'%devices:claim%'"),
                     1);
}

static void a_failed_sign_in_is_remembered_but_not_an_unknown_name(void **state)
{
    (void)state;
    struct rest_ask a = { .method = "POST",
                          .path = "/api/v1/session",
                          .body = "{\"name\":\"vera\",\"password\":\"not the password\"}" };

    assert_int_equal(rest_ask(&rest, &a)->status, 401);
    assert_int_equal(entries_where("actor = 'vera' AND outcome = 'denied' AND action = 'POST "
                                   "/api/v1/session'"),
                     1);
    a.body = "{\"name\":\"my secret passphrase\",\"password\":\"not the password\"}";
    assert_int_equal(rest_ask(&rest, &a)->status, 401);
    assert_int_equal(entries_where("actor = 'nobody' AND outcome = 'denied'"), 1);
    assert_int_equal(entries_where("object LIKE '%secret%' OR detail LIKE '%secret%'"), 0);
}

static void a_sign_in_is_remembered_as_the_accounts_own(void **state)
{
    (void)state;
    assert_true(entries_where("actor = 'olga' AND account IS NOT NULL AND outcome = 'ok' AND "
                              "action = 'POST /api/v1/session'") >= 1);
}

// ---------------------------------------------------------------- reading it

static void the_trail_reads_newest_first(void **state)
{
    (void)state;
    int64_t last = INT64_MAX;
    size_t i;
    json_t *entry;

    assert_int_equal(rest_as(&rest, &owner, "GET", "/api/v1/audit?limit=5", NULL)->status, 200);
    json_array_foreach (rest_member("items"), i, entry) {
        int64_t seq = json_integer_value(json_object_get(entry, "seq"));
        assert_true(seq < last);
        last = seq;
    }
    assert_int_equal(i, 5);
}

static int listed(const char *query)
{
    char path[200];

    snprintf(path, sizeof path, "/api/v1/audit?limit=200%s", query);
    assert_int_equal(rest_as(&rest, &owner, "GET", path, NULL)->status, 200);
    return (int)json_array_size(rest_member("items"));
}

static void a_search_that_cannot_be_is_refused_in_words(void **state)
{
    static const struct {
        const char *query, *words;
    } cases[] = {
        { "from=9223372036854775807", "before the year 10000" },
        { "outcome=maybe", "outcome is ok or denied" },
        { "outcome=%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80", "'outcome' is too long" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[200];
        snprintf(path, sizeof path, "/api/v1/audit?%s", cases[i].query);
        assert_int_equal(rest_as(&rest, &owner, "GET", path, NULL)->status, 400);
        assert_non_null(strstr(rest_text("detail"), cases[i].words));
    }
}

static void the_trail_is_searched_by_who_what_and_when(void **state)
{
    (void)state;
    assert_true(listed("") > 0);
    assert_int_equal(listed("&actor=OLG"), listed("&actor=olga"));
    assert_int_equal(listed("&actor=olga"),
                     entries_where("chain = 0 AND starts_with(actor, 'olga')"));
    assert_int_equal(listed("&actor=lga"), 0);
    assert_int_equal(listed("&object=nora"),
                     entries_where("chain = 0 AND starts_with(object, 'nora')"));
    assert_int_equal(listed("&outcome=denied"), entries_where("chain = 0 AND outcome = 'denied'"));
    assert_int_equal(listed("&from=1&to=2"), 0);
    assert_int_equal(listed("&from=1"), listed(""));
    assert_int_equal(rest_as(&rest, &owner, "GET", "/api/v1/audit?outcome=maybe", NULL)->status,
                     400);
    assert_int_equal(rest_as(&rest, &owner, "GET", "/api/v1/audit?from=yesterday", NULL)->status,
                     400);
}

static void a_sound_chain_says_so(void **state)
{
    (void)state;
    assert_int_equal(rest_as(&rest, &owner, "GET", "/api/v1/audit/verify", NULL)->status, 200);
    assert_true(json_is_true(rest_member("ok")));
    assert_true(json_is_null(rest_member("firstBad")));
    assert_int_equal(json_integer_value(rest_member("entries")), entries_where("chain = 0"));
    assert_int_equal(strlen(rest_text("head")), 64);
    assert_int_equal(
        rest_as(&rest, &owner, "GET", "/api/v1/catalogs/acme/audit/verify", NULL)->status, 200);
    assert_int_equal(json_integer_value(rest_member("entries")), 0);
    assert_true(json_is_true(rest_member("ok")));
}

// ---------------------------------------------------------------- tampering

static void append(int32_t chain, const char *object)
{
    struct store *tx = NULL;
    struct fault f = { 0 };
    const struct audit_entry e = {
        .chain = chain, .actor = "test", .action = "act", .object = object, .outcome = "ok"
    };

    assert_int_equal(store_begin(rest.store, &tx, &f), RC_OK);
    assert_int_equal(audit_append(tx, &e, &f), RC_OK);
    assert_int_equal(store_commit(tx, &f), RC_OK);
}

static int64_t first_bad(int32_t chain)
{
    struct audit_report r = { 0 };
    struct fault f = { 0 };

    assert_int_equal(audit_verify(rest.store, chain, NULL, &r, &f), RC_OK);
    audit_report_done(&r);
    return r.first_bad;
}

static void tamper(const char *sql)
{
    rest_sql(pg_conninfo(),
             "ALTER TABLE audit DISABLE TRIGGER audit_append_only; %s; ALTER TABLE "
             "audit ENABLE TRIGGER audit_append_only",
             sql);
}

static void the_table_takes_no_update_and_no_delete(void **state)
{
    (void)state;
    static const char *const attempts[] = { "UPDATE audit SET object = 'x'", "DELETE FROM audit",
                                            "TRUNCATE audit", "UPDATE audit_seal SET seq = 1" };

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(
            rest_sql(pg_conninfo(),
                     "DO $$ BEGIN %s; RAISE EXCEPTION 'it did' USING ERRCODE = 'P9999'; "
                     "EXCEPTION WHEN insufficient_privilege THEN NULL; END $$",
                     attempts[i]),
            0);
}

static void each_kind_of_edit_is_found_where_it_was_made(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        int64_t bad;
    } edits[] = {
        { "UPDATE audit SET object = 'other' WHERE chain = %d AND seq = 3", 3 },
        { "UPDATE audit SET at = at + interval '1 second' WHERE chain = %d AND seq = 2", 2 },
        { "UPDATE audit SET count = 2 WHERE chain = %d AND seq = 1", 1 },
        { "UPDATE audit SET detail = '' WHERE chain = %d AND seq = 4", 4 },
        { "UPDATE audit SET account = 1 WHERE chain = %d AND seq = 4", 4 },
        { "UPDATE audit SET hash = sha256('x') WHERE chain = %d AND seq = 5", 5 },
        { "UPDATE audit SET prev = sha256('x') WHERE chain = %d AND seq = 5", 5 },
        { "DELETE FROM audit WHERE chain = %d AND seq = 3", 3 },
        { "DELETE FROM audit WHERE chain = %d AND seq = 1", 1 },
        { "UPDATE audit SET seq = seq + 1 WHERE chain = %d AND seq = 5", 5 },
        { "UPDATE audit SET actor = 'testac', action = 't' WHERE chain = %d AND seq = 2", 2 },
    };
    char sql[300];

    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        int32_t chain = SCRATCH + (int32_t)i;
        for (int k = 0; k < 5; k++)
            append(chain, "thing");
        assert_int_equal(first_bad(chain), 0);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(sql, sizeof sql, edits[i].sql, chain);
#pragma GCC diagnostic pop
        tamper(sql);
        if (first_bad(chain) != edits[i].bad)
            fail_msg("%s: %lld", sql, (long long)first_bad(chain));
    }
}

static void a_chain_cut_off_at_its_end_misses_its_seal(void **state)
{
    (void)state;
    enum {
        CHAIN = 200
    };

    for (int k = 0; k < 5; k++)
        append(CHAIN, "thing");
    // A seal like the keeper's: its payload names the hash of entry 5.
    rest_sql(
        pg_conninfo(),
        "INSERT INTO audit_seal SELECT %d, 5, 'e30.' || translate(replace(encode(convert_to("
        "'{\"chain\":%d,\"seq\":5,\"hash\":\"' || encode(hash, 'hex') || '\"}', 'UTF8'), 'base64'), E'\\n', ''), "
        "'+/=', '-_') || '.' || repeat('A', 86) FROM audit WHERE chain = %d AND seq = 5",
        CHAIN, CHAIN, CHAIN);
    assert_int_equal(first_bad(CHAIN), 0);
    append(CHAIN, "more");
    assert_int_equal(first_bad(CHAIN), 0);
    tamper("DELETE FROM audit WHERE chain = 200 AND seq >= 4");
    assert_int_equal(first_bad(CHAIN), 4);
    // Continued with forged entries that fit each other, it does not fit the seal.
    for (int k = 0; k < 3; k++)
        append(CHAIN, "forged");
    assert_int_equal(first_bad(CHAIN), 5);
}

static void seal(void)
{
    struct fault f = { 0 };

    if (audit_seal_due(rest.store, rest.keeper, &f) != RC_OK)
        fail_msg("%s", f.text);
}

static void the_keeper_seals_each_chain_that_grew_once_an_hour(void **state)
{
    (void)state;
    const char *count = "SELECT count(*) FROM audit_seal WHERE chain = 0";

    seal();
    assert_int_equal(rest_sql(pg_conninfo(), "%s", count), 1);
    append(0, "more");
    seal();
    assert_int_equal(rest_sql(pg_conninfo(), "%s", count), 1);
    rest_sql(pg_conninfo(), "ALTER TABLE audit_seal DISABLE TRIGGER audit_seal_append_only; "
                            "UPDATE audit_seal SET at = now() - interval '2 hours'; "
                            "ALTER TABLE audit_seal ENABLE TRIGGER audit_seal_append_only");
    seal();
    seal();
    assert_int_equal(rest_sql(pg_conninfo(), "%s", count), 2);
    assert_int_equal(rest_as(&rest, &owner, "GET", "/api/v1/audit/verify", NULL)->status, 200);
    assert_true(json_is_true(rest_member("ok")));
    assert_int_equal(json_integer_value(json_object_get(rest_member("seal"), "seq")),
                     entries_where("chain = 0"));
}

static void a_forged_seal_is_not_taken_for_the_keepers(void **state)
{
    (void)state;
    append(0, "more");
    rest_sql(
        pg_conninfo(),
        "INSERT INTO audit_seal SELECT 0, seq, 'e30.' || translate(replace(encode(convert_to("
        "'{\"chain\":0,\"seq\":' || seq || ',\"hash\":\"' || encode(hash, 'hex') || "
        "'\"}', 'UTF8'), 'base64'), E'\\n', ''), '+/=', '-_') || '.' || repeat('A', 86) "
        "FROM audit WHERE chain = 0 AND seq > (SELECT max(seq) FROM audit_seal WHERE chain = 0) "
        "LIMIT 1");
    assert_int_equal(rest_as(&rest, &owner, "GET", "/api/v1/audit/verify", NULL)->status, 200);
    assert_true(json_is_false(rest_member("ok")));
}

static void *append_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 50; i++)
        append(300, "thing");
    return NULL;
}

static void entries_of_two_at_once_stay_one_chain(void **state)
{
    (void)state;
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, append_many, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(entries_where("chain = 300"), 200);
    assert_int_equal(first_bad(300), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_act_leaves_one_entry_that_says_who_what_and_whence),
        cmocka_unit_test(a_failed_act_leaves_none),
        cmocka_unit_test(looking_leaves_none),
        cmocka_unit_test(a_denied_act_is_remembered_in_the_chain_it_aimed_at),
        cmocka_unit_test(a_failed_sign_in_is_remembered_but_not_an_unknown_name),
        cmocka_unit_test(a_sign_in_is_remembered_as_the_accounts_own),
        cmocka_unit_test(the_trail_reads_newest_first),
        cmocka_unit_test(a_search_that_cannot_be_is_refused_in_words),
        cmocka_unit_test(the_trail_is_searched_by_who_what_and_when),
        cmocka_unit_test(a_sound_chain_says_so),
        cmocka_unit_test(the_table_takes_no_update_and_no_delete),
        cmocka_unit_test(each_kind_of_edit_is_found_where_it_was_made),
        cmocka_unit_test(a_chain_cut_off_at_its_end_misses_its_seal),
        cmocka_unit_test(the_keeper_seals_each_chain_that_grew_once_an_hour),
        cmocka_unit_test(a_forged_seal_is_not_taken_for_the_keepers),
        cmocka_unit_test(entries_of_two_at_once_stay_one_chain),
    };
    return cmocka_run_group_tests_name("30-http-audit", tests, setup, rest_teardown);
}
