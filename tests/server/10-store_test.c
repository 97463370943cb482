// SPDX-License-Identifier: Apache-2.0

// threaded

#include <libpq-fe.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "store/link.h"
#include "store/migrate.h"
#include "store/store.h"
#include "support/model.h"
#include "support/pg.h"
#include "test.h"

DEFINE_AUTO(struct store *, store_closep, store_close)
DEFINE_AUTO(struct link *, link_closep, link_close)
DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static const struct query add = { .name = "add",
                                  .sql = "INSERT INTO thing (id, name) VALUES ($1, $2)",
                                  .params = 2 };
static const struct query get = {
    .name = "get",
    .sql = "SELECT id, name, id / 2.0 AS half, true AS yes, NULL AS nil FROM thing WHERE id = $1",
    .params = 1
};
static const struct query count = { .name = "count",
                                    .sql = "SELECT count(*) AS n FROM thing",
                                    .params = 0 };
static const struct query slow = { .name = "slow",
                                   .sql = "SELECT pg_sleep($1::float8)",
                                   .params = 1 };
static const struct query limit = { .name = "limit",
                                    .sql = "SELECT current_setting('statement_timeout') AS t",
                                    .params = 0 };
static const struct query who = { .name = "who", .sql = "SELECT current_user AS me", .params = 0 };
static const struct query quit = { .name = "quit", .sql = "SELECT quit()", .params = 0 };
static const struct query bad_int = { .name = "bad_int",
                                      .sql = "SELECT $1::int AS n",
                                      .params = 1 };
static const struct query not_null = { .name = "not_null",
                                       .sql = "INSERT INTO thing VALUES (1000, NULL)",
                                       .params = 0 };
static const struct query orphan = { .name = "orphan",
                                     .sql = "INSERT INTO part (thing) VALUES (999999)",
                                     .params = 0 };

#define PLANS "SELECT generic_plans AS n FROM pg_prepared_statements WHERE name = $1"
static const struct query plans = { .name = "plans", .sql = PLANS, .params = 1 };
static const struct query newly = {
    .name = "newly", .sql = PLANS " AND 1 = 1", .params = 1, .fresh = true
};

static const struct query bytes = { .name = "bytes",
                                    .sql = "SELECT 258::int, 'ab'::bytea, NULL::text, $1::float8",
                                    .params = 1,
                                    .binary = true };

static const struct query *const list[] = { &bytes,   &plans,    &newly, &add, &get,
                                            &count,   &slow,     &limit, &who, &quit,
                                            &bad_int, &not_null, &orphan };
#define LIST ((int)(sizeof list / sizeof *list))

static const char *db;

static int make_things(void **state)
{
    (void)state;
    db = pg_fresh();
    model_sql(db, "CREATE TABLE thing (id int PRIMARY KEY, name text NOT NULL);"
                  "CREATE TABLE part (thing int REFERENCES thing);"
                  "GRANT ALL ON thing, part TO orrery_server;"
                  "CREATE FUNCTION quit() RETURNS bool LANGUAGE sql SECURITY DEFINER AS "
                  "'SELECT pg_terminate_backend(pg_backend_pid())'");
    return 0;
}

static struct store *open_store(int size)
{
    struct store *s = NULL;
    struct fault f = { 0 };

    if (store_open_with(db, size, list, LIST, &s, &f) != RC_OK)
        fail_msg("%s", f.text);
    return s;
}

static enum rc put(struct store *s, const char *id, struct fault *f)
{
    return store_run(s, &add, (const char *[]){ id, "pump" }, NULL, f);
}

static int64_t things(struct store *s)
{
    auto_with(rows_freep) struct rows *r = NULL;

    assert_int_equal(store_run(s, &count, NULL, &r, NULL), RC_OK);
    return rows_int(r, 0, "n");
}

// A machine that stands still for seconds lets no connection come about in the time it has.
static void comes_back(struct store *s)
{
    int64_t until = clock_mono_ms() + 30000;
    struct fault f = { 0 };

    while (store_run(s, &count, NULL, NULL, &f) != RC_OK)
        if (clock_mono_ms() > until)
            fail_msg("%s", f.text);
    assert_true(store_is_up(s));
}

static void every_query_prepares(void **state)
{
    (void)state;
    struct store *s = NULL;
    struct fault f = { 0 };

    if (store_open(pg_conninfo(), 1, &s, &f) != RC_OK)
        fail_msg("%s", f.text);
    assert_true(store_is_up(s));
    store_close(s);
}

static void a_binary_result_is_bytes_as_they_are_sent(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(1);
    auto_with(rows_freep) struct rows *r = NULL;
    size_t len;

    assert_int_equal(store_run(s, &bytes, (const char *[]){ "1.5" }, &r, NULL), RC_OK);
    assert_memory_equal(rows_bytes(r, 0, 0, &len), "\0\0\1\2", 4);
    assert_memory_equal(rows_bytes(r, 0, 1, &len), "ab", 2);
    assert_int_equal(len, 2);
    assert_null(rows_bytes(r, 0, 2, &len));
    assert_memory_equal(rows_bytes(r, 0, 3, &len), "\x3f\xf8\0\0\0\0\0\0", 8);
}

static int64_t generic_plans(struct store *s, const char *name)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct fault f = { 0 };

    assert_int_equal(store_run(s, &plans, (const char *[]){ name }, &rows, &f), RC_OK);
    return rows_int(rows, 0, "n");
}

static void a_fresh_query_never_gets_a_plan_for_all_arguments(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = NULL;
    struct fault f = { 0 };

    assert_int_equal(store_open_with(db, 1, list, LIST, &s, &f), RC_OK);
    for (int i = 0; i < 12; i++) {
        auto_with(rows_freep) struct rows *rows = NULL;
        assert_int_equal(store_run(s, &newly, (const char *[]){ "newly" }, &rows, &f), RC_OK);
        assert_int_equal(rows_int(rows, 0, "n"), 0);
        generic_plans(s, "plans");
    }
    assert_true(generic_plans(s, "plans") > 0);
    assert_int_equal(generic_plans(s, "newly"), 0);
}

static void a_query_that_does_not_fit_the_schema_stops_the_start(void **state)
{
    (void)state;
    static const struct query wrong = { .name = "wrong",
                                        .sql = "SELECT colour FROM thing",
                                        .params = 0 };
    static const struct query *const with_wrong[] = { &add, &wrong, &get };
    struct store *s = NULL;
    struct fault f = { 0 };

    assert_int_equal(store_open_with(db, 1, with_wrong, 3, &s, &f), RC_INTERNAL);
    assert_null(s);
    assert_non_null(strstr(f.text, "'wrong'"));
    assert_non_null(strstr(f.text, "colour"));
}

static void rows_are_read_by_column_name(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(1);
    auto_with(rows_freep) struct rows *r = NULL;

    assert_int_equal(put(s, "7", NULL), RC_OK);
    assert_int_equal(store_run(s, &get, (const char *[]){ "7" }, &r, NULL), RC_OK);
    assert_int_equal(rows_count(r), 1);
    assert_int_equal(rows_int(r, 0, "id"), 7);
    assert_string_equal(rows_text(r, 0, "name"), "pump");
    assert_true(rows_real(r, 0, "half") == 3.5);
    assert_true(rows_bool(r, 0, "yes"));
    assert_null(rows_text(r, 0, "nil"));
    assert_int_equal(rows_int(r, 0, "nil"), 0);
}

static void the_server_acts_as_its_own_role(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(1);
    auto_with(rows_freep) struct rows *r = NULL;

    assert_int_equal(store_run(s, &who, NULL, &r, NULL), RC_OK);
    assert_string_equal(rows_text(r, 0, "me"), "orrery_server");
}

static void the_servers_role_cannot_change_the_audit_chain(void **state)
{
    (void)state;
    static const struct query forge = { .name = "forge",
                                        .sql = "UPDATE audit SET actor = 'me'",
                                        .params = 0 };
    static const struct query drop = { .name = "drop", .sql = "DROP TABLE audit", .params = 0 };
    static const struct query *const forgers[] = { &forge, &drop };
    auto_with(store_closep) struct store *s = NULL;

    assert_int_equal(store_open_with(db, 1, forgers, 2, &s, NULL), RC_OK);
    assert_int_equal(store_run(s, &forge, NULL, NULL, NULL), RC_INTERNAL);
    assert_int_equal(store_run(s, &drop, NULL, NULL, NULL), RC_INTERNAL);
}

static void a_second_row_of_the_same_key_is_a_conflict(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(1);
    struct fault f = { 0 };

    assert_int_equal(put(s, "10", &f), RC_OK);
    assert_int_equal(put(s, "10", &f), RC_CONFLICT);
    assert_non_null(strstr(f.text, "exists already"));
    assert_int_equal(store_run(s, &orphan, NULL, NULL, &f), RC_CONFLICT);
    assert_int_equal(store_run(s, &not_null, NULL, NULL, &f), RC_INVALID);
    assert_int_equal(store_run(s, &bad_int, (const char *[]){ "x" }, NULL, &f), RC_INVALID);
    assert_true(store_is_up(s));
}

static void a_rolled_back_transaction_leaves_nothing(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(2);
    struct store *tx = NULL;
    int64_t before = things(s);

    assert_int_equal(store_begin(s, &tx, NULL), RC_OK);
    assert_int_equal(put(tx, "20", NULL), RC_OK);
    assert_int_equal(things(tx), before + 1);
    assert_int_equal(things(s), before);
    store_rollback(tx);
    assert_int_equal(things(s), before);

    assert_int_equal(store_begin(s, &tx, NULL), RC_OK);
    assert_int_equal(put(tx, "20", NULL), RC_OK);
    assert_int_equal(store_commit(tx, NULL), RC_OK);
    assert_int_equal(things(s), before + 1);
}

static void a_failed_query_spoils_its_transaction_but_not_the_connection(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(1);
    struct store *tx = NULL;
    struct fault f = { 0 };

    put(s, "30", NULL);
    int64_t before = things(s);
    assert_int_equal(store_begin(s, &tx, NULL), RC_OK);
    assert_int_equal(put(tx, "31", NULL), RC_OK);
    assert_int_equal(put(tx, "30", NULL), RC_CONFLICT);
    assert_int_equal(store_commit(tx, &f), RC_INTERNAL);
    assert_int_equal(things(s), before);
}

static void a_transaction_inside_another_is_rolled_back_alone(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(1);
    struct store *outer = NULL, *inner = NULL;
    int64_t before = things(s);

    assert_int_equal(store_begin(s, &outer, NULL), RC_OK);
    assert_int_equal(put(outer, "40", NULL), RC_OK);
    assert_int_equal(store_begin(outer, &inner, NULL), RC_OK);
    assert_int_equal(put(inner, "40", NULL), RC_CONFLICT);
    store_rollback(inner);
    assert_int_equal(store_begin(outer, &inner, NULL), RC_OK);
    assert_int_equal(put(inner, "41", NULL), RC_OK);
    assert_int_equal(store_commit(inner, NULL), RC_OK);
    assert_int_equal(store_commit(outer, NULL), RC_OK);
    assert_int_equal(things(s), before + 2);
}

static void a_lost_connection_comes_back(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(1);

    assert_int_equal(store_run(s, &quit, NULL, NULL, NULL), RC_UNAVAILABLE);
    comes_back(s);
    // Lost while idle, nobody notices at all.
    model_sql(db, "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity "
                  "WHERE application_name = 'orreryd' AND datname = current_database()");
    assert_int_equal(store_run(s, &count, NULL, NULL, NULL), RC_OK);
    assert_true(store_is_up(s));
}

static void a_transaction_whose_connection_is_lost_says_so_and_frees_it(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(1);
    struct store *tx = NULL;

    assert_int_equal(store_begin(s, &tx, NULL), RC_OK);
    assert_int_equal(store_run(tx, &quit, NULL, NULL, NULL), RC_UNAVAILABLE);
    assert_int_equal(store_run(tx, &count, NULL, NULL, NULL), RC_UNAVAILABLE);
    assert_int_equal(store_commit(tx, NULL), RC_UNAVAILABLE);
    comes_back(s);
}

static void a_query_that_takes_too_long_is_given_up(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(1);
    struct fault f = { 0 };

    assert_int_equal(store_run(s, &slow, (const char *[]){ "600" }, NULL, &f), RC_UNAVAILABLE);
    // Where the machine stood still meanwhile, nobody may have heard what the server said.
    assert_true(strstr(f.text, "too long") || strstr(f.text, "does not answer"));
    comes_back(s);
}

// Longer than others may, and longer than others wait; whoever has the connection next may not.
static void a_patient_transaction_may_take_longer(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(1);
    auto_with(rows_freep) struct rows *within = NULL, *later = NULL;
    struct store *tx = NULL;
    struct fault f = { 0 };

    assert_int_equal(store_begin(s, &tx, &f), RC_OK);
    assert_int_equal(store_patient(tx, &f), RC_OK);
    assert_int_equal(store_run(tx, &limit, NULL, &within, &f), RC_OK);
    assert_string_equal(rows_text(within, 0, "t"), "20s");
    if (store_run(tx, &slow, (const char *[]){ "8.5" }, NULL, &f) != RC_OK)
        fail_msg("%s", f.text);
    assert_int_equal(store_commit(tx, &f), RC_OK);
    assert_int_equal(store_run(s, &limit, NULL, &later, &f), RC_OK);
    assert_string_equal(rows_text(later, 0, "t"), "5s");
}

// How long it takes to say that the server is away.
static int64_t says_away_in(struct store *s)
{
    int64_t began = clock_mono_ms();

    assert_int_equal(store_run(s, &count, NULL, NULL, NULL), RC_UNAVAILABLE);
    return clock_mono_ms() - began;
}

static void a_server_that_is_away_is_said_quickly_and_comes_back(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(2);
    bool quick = false;

    pg_crash();
    for (int i = 0; i < 3; i++) // the query under way, then a reconnect that waits
        assert_true(says_away_in(s) < 30000);
    for (int i = 0; i < 20 && !quick; i++) // soon after it, nobody waits
        quick = says_away_in(s) < 1000;
    assert_true(quick);
    assert_false(store_is_up(s));
    pg_restart();
    comes_back(s);
}

static void nobody_there_is_a_sentence(void **state)
{
    (void)state;
    struct store *s = NULL;
    struct fault f = { 0 };

    assert_int_equal(store_open("host=/nonexistent dbname=x", 1, &s, &f), RC_UNAVAILABLE);
    assert_non_null(strstr(f.text, "away"));
    assert_int_equal(store_open("this is no conninfo", 1, &s, &f), RC_UNAVAILABLE);
    assert_non_null(strstr(f.text, "conn"));
}

// ---------------------------------------------------------------- threads

static struct store *shared;
static atomic_int committed;

static void one_round(int thread, int i)
{
    char id[16];
    struct store *tx = NULL;

    snprintf(id, sizeof id, "%d", 10000 + thread * 1000 + i);
    for (int tries = 0; store_begin(shared, &tx, NULL) != RC_OK; tries++)
        if (tries == 20) // each waits for seconds
            return;
    bool good = put(tx, id, NULL) == RC_OK;
    if (i % 3 == 0) {
        store_rollback(tx);
        return;
    }
    if (store_commit(tx, NULL) == RC_OK && good)
        atomic_fetch_add(&committed, 1);
}

static void *many_rounds(void *arg)
{
    int thread = *(int *)arg;

    for (int i = 0; i < 150; i++) {
        one_round(thread, i);
        store_run(shared, &count, NULL, NULL, NULL);
        if (thread == 0 && i % 50 == 10)
            store_run(shared, &quit, NULL, NULL, NULL);
    }
    return NULL;
}

static void eight_threads_share_three_connections(void **state)
{
    (void)state;
    pthread_t threads[8];
    int numbers[8];
    auto_with(store_closep) struct store *s = open_store(3);
    int64_t before = things(s);

    shared = s;
    for (int i = 0; i < 8; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, many_rounds, &numbers[i]), 0);
    }
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&committed), 8 * 100);
    assert_int_equal(things(s) - before, 8 * 100);
}

// ---------------------------------------------------------------- link

static struct link *open_link(void)
{
    struct link *l = NULL;
    struct fault f = { 0 };

    if (link_open(db, "test", 5000, &l, &f) != RC_OK)
        fail_msg("%s", f.text);
    return l;
}

static void copied_rows_and_their_token_are_one_transaction(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(1);
    auto_with(link_closep) struct link *l = open_link();
    int64_t before = things(s);
    const char *rows = "50\tfirst\n51\tsecond\n";
    struct fault f = { 0 };

    assert_int_equal(link_copy_begin(l,
                                     "BEGIN; COPY thing FROM STDIN; INSERT INTO thing VALUES "
                                     "(52, 'token'); COMMIT",
                                     &f),
                     RC_OK);
    assert_int_equal(link_copy_put(l, rows, 9, &f), RC_OK);
    assert_int_equal(link_copy_put(l, rows + 9, strlen(rows) - 9, &f), RC_OK);
    assert_int_equal(things(s), before);
    assert_int_equal(link_copy_end(l, NULL, &f), RC_OK);
    assert_int_equal(things(s), before + 3);
}

static void a_copy_with_a_bad_row_stores_nothing(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(1);
    auto_with(link_closep) struct link *l = open_link();
    int64_t before = things(s);
    const char *rows = "60\tfirst\nsixty\tsecond\n";
    struct fault f = { 0 };

    assert_int_equal(link_copy_begin(l, "BEGIN; COPY thing FROM STDIN; COMMIT", &f), RC_OK);
    assert_int_equal(link_copy_put(l, rows, strlen(rows), &f), RC_OK);
    assert_int_equal(link_copy_end(l, NULL, &f), RC_INVALID);
    assert_true(link_is_up(l));
    assert_int_equal(things(s), before);
    assert_int_equal(link_exec(l, "INSERT INTO thing VALUES (61, 'after')", &f), RC_OK);
    assert_int_equal(things(s), before + 1);
}

static void two_copies_in_one_text_are_fed_in_turn(void **state)
{
    (void)state;
    auto_with(store_closep) struct store *s = open_store(1);
    auto_with(link_closep) struct link *l = open_link();
    int64_t before = things(s);
    bool more = false;

    assert_int_equal(
        link_copy_begin(l, "BEGIN; COPY thing FROM STDIN; COPY part FROM STDIN; COMMIT", NULL),
        RC_OK);
    assert_int_equal(link_copy_put(l, "70\tx\n", 5, NULL), RC_OK);
    assert_int_equal(link_copy_end(l, &more, NULL), RC_OK);
    assert_true(more);
    assert_int_equal(link_copy_put(l, "70\n", 3, NULL), RC_OK);
    assert_int_equal(link_copy_end(l, &more, NULL), RC_OK);
    assert_false(more);
    assert_int_equal(things(s), before + 1);
    // The same, abandoned half way.
    assert_int_equal(
        link_copy_begin(l, "BEGIN; COPY thing FROM STDIN; COPY part FROM STDIN; COMMIT", NULL),
        RC_OK);
    assert_int_equal(link_copy_put(l, "71\tx\n", 5, NULL), RC_OK);
    link_copy_abort(l, "changed my mind");
    assert_true(link_is_up(l));
    assert_int_equal(things(s), before + 1);
}

static void a_lock_is_held_until_its_connection_ends(void **state)
{
    (void)state;
    struct link *first = open_link();
    auto_with(link_closep) struct link *second = open_link();
    struct fault f = { 0 };

    assert_int_equal(link_lock(first, 5, 1, 0, &f), RC_OK);
    assert_int_equal(link_lock(second, 5, 1, 50, &f), RC_CONFLICT);
    assert_non_null(strstr(f.text, "another server"));
    assert_int_equal(link_lock(second, 5, 2, 0, &f), RC_OK);
    link_close(first);
    assert_int_equal(link_lock(second, 5, 1, 30000, &f), RC_OK);
    assert_int_equal(link_unlock(second, 5, 1, &f), RC_OK);
    assert_int_equal(link_unlock(second, 5, 1, &f), RC_CONFLICT);
}

static void a_lost_link_stays_lost(void **state)
{
    (void)state;
    auto_with(link_closep) struct link *l = open_link();

    assert_int_equal(link_exec(l, "BEGIN", NULL), RC_OK);
    assert_int_equal(link_run(l, &quit, NULL, NULL, NULL), RC_UNAVAILABLE);
    assert_false(link_is_up(l));
    assert_int_equal(link_run(l, &count, NULL, NULL, NULL), RC_UNAVAILABLE);
    assert_int_equal(link_copy_begin(l, "COPY thing FROM STDIN", NULL), RC_UNAVAILABLE);
    assert_int_equal(link_lock(l, 1, 1, 0, NULL), RC_UNAVAILABLE);
}

// ---------------------------------------------------------------- migrations

static const struct migration first_two[] = {
    { 1, "0001_one.sql", "CREATE TABLE one (id int);" },
    { 2, "0002_two.sql", "CREATE TABLE two (id int);" },
};

static void migrations_run_once_and_in_order(void **state)
{
    (void)state;
    const char *fresh = pg_empty();
    int applied = -1;
    struct fault f = { 0 };

    assert_int_equal(migrate_apply(fresh, first_two, 1, &applied, &f), RC_OK);
    assert_int_equal(applied, 1);
    assert_int_equal(migrate_apply(fresh, first_two, 2, &applied, &f), RC_OK);
    assert_int_equal(applied, 1);
    assert_int_equal(migrate_apply(fresh, first_two, 2, &applied, &f), RC_OK);
    assert_int_equal(applied, 0);
    model_sql(fresh, "SELECT * FROM one, two");
}

static void an_altered_migration_is_refused(void **state)
{
    (void)state;
    static const struct migration altered[] = {
        { 1, "0001_one.sql", "CREATE TABLE one (id bigint);" },
        { 2, "0002_two.sql", "CREATE TABLE two (id int);" },
    };
    const char *fresh = pg_empty();
    struct fault f = { 0 };

    assert_int_equal(migrate_apply(fresh, first_two, 1, NULL, &f), RC_OK);
    assert_int_equal(migrate_apply(fresh, altered, 2, NULL, &f), RC_CONFLICT);
    assert_non_null(strstr(f.text, "0001_one.sql"));
}

static void a_database_of_a_newer_version_is_refused(void **state)
{
    (void)state;
    const char *fresh = pg_empty();
    struct fault f = { 0 };

    assert_int_equal(migrate_apply(fresh, first_two, 2, NULL, &f), RC_OK);
    assert_int_equal(migrate_apply(fresh, first_two, 1, NULL, &f), RC_CONFLICT);
    assert_non_null(strstr(f.text, "newer"));
}

static void a_migration_that_fails_leaves_nothing_of_itself(void **state)
{
    (void)state;
    static const struct migration broken[] = {
        { 1, "0001_one.sql", "CREATE TABLE one (id int);" },
        { 2, "0002_bad.sql", "CREATE TABLE two (id int); CREATE TABLE two (id int);" },
    };
    const char *fresh = pg_empty();
    struct fault f = { 0 };

    assert_int_not_equal(migrate_apply(fresh, broken, 2, NULL, &f), RC_OK);
    assert_non_null(strstr(f.text, "0002_bad.sql"));
    assert_int_equal(migrate_apply(fresh, first_two, 2, NULL, &f), RC_OK);
}

static void *migrate_fresh(void *conninfo)
{
    struct fault f = { 0 };
    int applied = -1;

    if (migrate_run(conninfo, &applied, &f) != RC_OK)
        print_error("%s\n", f.text);
    return (void *)(intptr_t)applied;
}

static void two_migrators_at_once_do_the_work_of_one(void **state)
{
    (void)state;
    char fresh[200];
    pthread_t threads[2];
    void *applied[2];
    struct fault f = { 0 };
    int left = -1;

    snprintf(fresh, sizeof fresh, "%s", pg_empty());
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, migrate_fresh, fresh), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], &applied[i]);
    assert_true((applied[0] == 0) != (applied[1] == 0));
    assert_true((intptr_t)applied[0] >= 0 && (intptr_t)applied[1] >= 0);
    assert_int_equal(migrate_run(fresh, &left, &f), RC_OK);
    assert_int_equal(left, 0);
}

// A server by conninfo is seldom entered as its superuser.
static void an_ordinary_owner_migrates_and_an_ordinary_login_serves(void **state)
{
    (void)state;
    char owner[300], login[300], text[64];
    const char *fresh = pg_empty();
    auto_with(store_closep) struct store *s = NULL;
    struct fault f = { 0 };

    model_sql(fresh, "CREATE ROLE landlord LOGIN CREATEROLE; CREATE ROLE tenant LOGIN;");
    snprintf(text, sizeof text, "ALTER DATABASE %s OWNER TO landlord",
             strstr(fresh, "dbname=") + 7);
    model_sql(fresh, "%s", text);
    snprintf(owner, sizeof owner, "%s user=landlord", fresh);
    snprintf(login, sizeof login, "%s user=tenant", fresh);
    if (migrate_run(owner, NULL, &f) != RC_OK)
        fail_msg("%s", f.text);
    assert_int_equal(store_open(login, 1, &s, &f), RC_DENIED);
    assert_non_null(strstr(f.text, "GRANT orrery_server"));
    model_sql(owner, "GRANT orrery_server TO tenant");
    if (store_open(login, 1, &s, &f) != RC_OK)
        fail_msg("%s", f.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_query_prepares),
        cmocka_unit_test(a_binary_result_is_bytes_as_they_are_sent),
        cmocka_unit_test(a_fresh_query_never_gets_a_plan_for_all_arguments),
        cmocka_unit_test(a_query_that_does_not_fit_the_schema_stops_the_start),
        cmocka_unit_test(rows_are_read_by_column_name),
        cmocka_unit_test(the_server_acts_as_its_own_role),
        cmocka_unit_test(the_servers_role_cannot_change_the_audit_chain),
        cmocka_unit_test(a_second_row_of_the_same_key_is_a_conflict),
        cmocka_unit_test(a_rolled_back_transaction_leaves_nothing),
        cmocka_unit_test(a_failed_query_spoils_its_transaction_but_not_the_connection),
        cmocka_unit_test(a_transaction_inside_another_is_rolled_back_alone),
        cmocka_unit_test(a_lost_connection_comes_back),
        cmocka_unit_test(a_transaction_whose_connection_is_lost_says_so_and_frees_it),
        cmocka_unit_test(a_query_that_takes_too_long_is_given_up),
        cmocka_unit_test(a_patient_transaction_may_take_longer),
        cmocka_unit_test(nobody_there_is_a_sentence),
        cmocka_unit_test(eight_threads_share_three_connections),
        cmocka_unit_test(copied_rows_and_their_token_are_one_transaction),
        cmocka_unit_test(a_copy_with_a_bad_row_stores_nothing),
        cmocka_unit_test(two_copies_in_one_text_are_fed_in_turn),
        cmocka_unit_test(a_lock_is_held_until_its_connection_ends),
        cmocka_unit_test(a_lost_link_stays_lost),
        cmocka_unit_test(migrations_run_once_and_in_order),
        cmocka_unit_test(an_altered_migration_is_refused),
        cmocka_unit_test(a_database_of_a_newer_version_is_refused),
        cmocka_unit_test(a_migration_that_fails_leaves_nothing_of_itself),
        cmocka_unit_test(two_migrators_at_once_do_the_work_of_one),
        cmocka_unit_test(an_ordinary_owner_migrates_and_an_ordinary_login_serves),
        cmocka_unit_test(a_server_that_is_away_is_said_quickly_and_comes_back),
    };
    return cmocka_run_group_tests(tests, make_things, NULL);
}
