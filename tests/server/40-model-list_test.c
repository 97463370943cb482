// SPDX-License-Identifier: Apache-2.0
//
// The inventory at 120,000 devices: pages are complete, in order, filtered, and found by an index.

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "device/device.h"
#include "device/device_api.h"
#include "device/list.h"
#include "device_sql.h"
#include "list_sql.h"
#include "support/model.h"
#include "support/pg.h"
#include "test.h"

#define DEVICES "/api/v1/catalogs/{catalog}/devices"
#define SEEDED  120000

// Rows and index entries that a page may cost: where few match, 2,001 are found and put in order.
#define ROWS_MOST    2200
#define ENTRIES_MOST 5000

static struct store *db, *counted;
static int32_t demo, acme;

// ---------------------------------------------------------------- what a query reads

DEFINE_AUTO(struct store *, rollbackp, store_rollback)
DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// What this connection has read so far of the tables of devices: how often a table from end to end,
// entries of their indexes, and rows, which come by an index or, several at once, by a bitmap.
static const struct query reads_query = {
    .name = "reads",
    .sql = "SELECT sum(pg_stat_get_xact_numscans(t)) AS scans, sum(i.entries) AS entries,"
           "       sum(pg_stat_get_xact_tuples_fetched(t) + i.rows) AS rows"
           "  FROM unnest(ARRAY['device', 'device_index', 'device_state', 'device_trust']"
           "              ::regclass[]) t,"
           "       LATERAL (SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid)) AS entries,"
           "                       sum(pg_stat_get_xact_tuples_fetched(indexrelid)) AS rows"
           "                  FROM pg_index WHERE indrelid = t) i",
};

struct reads {
    int64_t scans, rows, entries;
};

static struct reads reads_of(struct store *s)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct fault f = { 0 };

    if (store_run(s, &reads_query, NULL, &rows, &f) != RC_OK)
        fail_msg("%s", f.text);
    return (struct reads){ rows_int(rows, 0, "scans"), rows_int(rows, 0, "rows"),
                           rows_int(rows, 0, "entries") };
}

static struct reads since(struct store *tx, const struct reads *before)
{
    struct reads now = reads_of(tx);

    return (struct reads){ now.scans - before->scans, now.rows - before->rows,
                           now.entries - before->entries };
}

// The books of a connection are closed now and then, but not within a transaction.
static struct store *begin(void)
{
    struct store *tx;
    struct fault f = { 0 };

    if (store_begin(counted, &tx, &f) != RC_OK)
        fail_msg("%s", f.text);
    return tx;
}

static struct store *counted_store(void)
{
    static const struct query *const queries[] = {
        &Q_DEVICE_PAGE_CREATED_UP, &Q_DEVICE_PAGE_CREATED_DOWN,
        &Q_DEVICE_PAGE_NAME_UP,    &Q_DEVICE_PAGE_NAME_DOWN,
        &Q_DEVICE_PAGE_ID_UP,      &Q_DEVICE_PAGE_ID_DOWN,
        &Q_DEVICE_PAGE_STATE_UP,   &Q_DEVICE_PAGE_STATE_DOWN,
        &Q_DEVICE_COUNTS,          &reads_query,
    };
    struct store *s;
    struct fault f = { 0 };

    if (store_open_with(pg_conninfo(), 1, queries, sizeof queries / sizeof *queries, &s, &f) !=
        RC_OK)
        fail_msg("%s", f.text);
    return s;
}

// ---------------------------------------------------------------- devices and their pages

// n from first on: names "pump-000001"…, every tenth "valve", every 1000th registered only;
// of the states every 50th is offline (5) and every 997th quarantined (4).
static void seed(int32_t catalog, int first, int count)
{
    model_sql(
        pg_conninfo(),
        "INSERT INTO device (catalog, device, seat, id, fingerprint, public_key, name, "
        "lifecycle) SELECT %d, n, n, left(h, 32), h, '', CASE WHEN n %% 10 = 0 THEN 'valve' ELSE 'pump-' "
        "|| lpad(n::text, 6, '0') END, CASE WHEN n %% 1000 = 0 THEN 0 ELSE 1 END"
        " FROM (SELECT n, encode(sha256(n::text::bytea), 'hex') AS h"
        " FROM generate_series(%d, %d) n) x;"
        "INSERT INTO device_state (catalog, device, state) SELECT catalog, device,"
        " CASE WHEN device %% 997 = 0 THEN 4 WHEN device %% 50 = 0 THEN 5 ELSE 1 END"
        " FROM device WHERE device BETWEEN %d AND %d;"
        "INSERT INTO device_trust (catalog, device) SELECT catalog, device"
        " FROM device WHERE device BETWEEN %d AND %d",
        catalog, first, first + count - 1, first, first + count - 1, first, first + count - 1);
}

static int setup(void **state)
{
    (void)state;
    db = model_store(pg_conninfo());
    demo = model_catalog(db, "demo");
    acme = model_catalog(db, "acme");
    seed(demo, 1, SEEDED);
    seed(acme, 1000001, 2000);
    model_sql(pg_conninfo(), "ANALYZE device, device_state, device_trust, device_index");
    counted = counted_store();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    store_close(counted);
    store_close(db);
    return 0;
}

static inline void page_donep(struct device_page *p)
{
    device_page_done(p);
}

static inline void filter_donep(struct device_filter *x)
{
    device_filter_done(x);
}

// One page; ends the test on a fault.
static struct device_page page_of(struct store *s, const char *query, enum device_sort sort,
                                  const char *cursor, int limit)
{
    auto_with(filter_donep) struct device_filter filter = { 0 };
    struct device_page found;
    struct fault f = { 0 };

    if (device_filter_read(query, NULL, demo, &filter, &f) != RC_OK ||
        device_page(s, &filter, sort, cursor, limit, &found, &f) != RC_OK)
        fail_msg("%s: %s", query, f.text);
    return found;
}

static struct device_page page(const char *query, enum device_sort sort, const char *cursor,
                               int limit)
{
    return page_of(db, query, sort, cursor, limit);
}

typedef void visit(const struct device *d, void *ctx);

// Walks all pages; returns how many devices there were.
static int walk(const char *query, enum device_sort sort, int limit, visit *each, void *ctx)
{
    char cursor[DEVICE_CURSOR_LEN] = "";
    struct device d;
    int total = 0;

    do {
        auto_with(page_donep) struct device_page got = page(query, sort, cursor, limit);
        assert_true(devices_count(got.found) <= limit);
        for (int i = 0; i < devices_count(got.found); i++, total++) {
            devices_at(got.found, i, &d);
            each(&d, ctx);
        }
        memcpy(cursor, got.next, sizeof cursor);
    } while (*cursor && total < 2 * SEEDED);
    return total;
}

struct last {
    int64_t device;
    char name[DEVICE_NAME_MAX + 1];
    char id[DEVICE_ID_LEN + 1];
};

static void ascends(const struct device *d, void *ctx)
{
    struct last *l = ctx;

    assert_true(d->device > l->device);
    l->device = d->device;
}

static void no_device_is_missed_or_repeated_over_all_pages(void **state)
{
    (void)state;
    struct last l = { 0 };

    assert_int_equal(walk("", SORT_CREATED, 500, ascends, &l), SEEDED);
}

static void counts_by_state_are_those_of_the_pages_and_read_no_device(void **state)
{
    (void)state;
    auto_with(rollbackp) struct store *tx = begin();
    struct fault f = { 0 };
    struct last l;
    int64_t n[STATE_COUNT];
    struct reads before = reads_of(tx);

    assert_int_equal(device_count(tx, demo, n, &f), RC_OK);
    struct reads read = since(tx, &before);
    assert_int_equal(read.scans, 0);
    assert_int_equal(read.entries, 0);
    for (int s = 0; s < STATE_COUNT; s++) {
        char query[40];
        snprintf(query, sizeof query, "state=%s", device_state_name((enum device_state)s));
        memset(&l, 0, sizeof l);
        assert_int_equal(walk(query, SORT_CREATED, 500, ascends, &l), n[s]);
    }
}

static void devices_that_arrive_while_paging_appear_once_at_the_end(void **state)
{
    (void)state;
    char cursor[DEVICE_CURSOR_LEN] = "";
    struct last l = { 0 };
    int total = 0, batch = 0;

    do {
        auto_with(page_donep) struct device_page got =
            page("lifecycle=registered", SORT_CREATED, cursor, 10);
        for (int i = 0; i < devices_count(got.found); i++, total++) {
            struct device d;
            devices_at(got.found, i, &d);
            ascends(&d, &l);
        }
        if (batch < 5)
            seed(demo, 2000000 + 1000 * batch++, 1000);
        memcpy(cursor, got.next, sizeof cursor);
    } while (*cursor);
    assert_int_equal(total, SEEDED / 1000 + 5);
    model_sql(pg_conninfo(), "DELETE FROM device WHERE catalog = %d AND device >= 2000000", demo);
    model_sql(pg_conninfo(), "DELETE FROM device_state WHERE device >= 2000000;"
                             "DELETE FROM device_trust WHERE device >= 2000000");
}

static void is_in_state(const struct device *d, void *ctx)
{
    assert_int_equal(d->state, *(const int *)ctx);
}

static void a_state_lists_exactly_its_devices(void **state)
{
    (void)state;
    int quarantined = STATE_QUARANTINED, offline = STATE_OFFLINE, at_risk = STATE_AT_RISK;

    assert_int_equal(walk("state=quarantined", SORT_CREATED, 50, is_in_state, &quarantined),
                     SEEDED / 997);
    assert_int_equal(walk("state=offline", SORT_NAME, 200, is_in_state, &offline),
                     SEEDED / 50 - SEEDED / (997 * 50));
    assert_int_equal(walk("state=atRisk", SORT_ID, 50, is_in_state, &at_risk), 0);
}

static void healthy_and_lifecycle_filters_list_exactly_theirs(void **state)
{
    (void)state;
    int healthy = STATE_HEALTHY;
    struct last l = { 0 };

    assert_int_equal(walk("state=healthy", SORT_CREATED, 500, is_in_state, &healthy),
                     SEEDED - SEEDED / 997 - SEEDED / 50 + SEEDED / (997 * 50));
    assert_int_equal(walk("lifecycle=registered", SORT_CREATED, 50, ascends, &l), SEEDED / 1000);
}

static void by_name(const struct device *d, void *ctx)
{
    struct last *l = ctx;
    int order = strcmp(d->name, l->name);

    assert_true(order > 0 || (order == 0 && d->device > l->device));
    snprintf(l->name, sizeof l->name, "%s", d->name);
    l->device = d->device;
}

static void a_name_prefix_lists_by_name_also_where_thousands_share_one(void **state)
{
    (void)state;
    struct last l = { 0 };

    assert_int_equal(walk("q=pump-0000", SORT_NAME, 7, by_name, &l), 90);
    l = (struct last){ 0 };
    assert_int_equal(walk("q=VALV", SORT_NAME, 200, by_name, &l), SEEDED / 10);
    assert_int_equal(walk("q=pumpe", SORT_NAME, 50, by_name, &l), 0);
}

static void begins(const struct device *d, void *ctx)
{
    assert_true(!strncmp(d->id, ctx, strlen(ctx)) || !strncmp(d->name, ctx, strlen(ctx)));
}

static void a_prefix_finds_ids_and_names_each_device_once(void **state)
{
    (void)state;
    char abc[] = "abc";
    int ids = walk("q=abc", SORT_NAME, 10, begins, abc);

    assert_true(ids > 10 && ids < 100);
    model_sql(pg_conninfo(), "UPDATE device SET name = 'abcdef' WHERE catalog = %d AND device = 5",
              demo);
    assert_int_equal(walk("q=abc", SORT_NAME, 10, begins, abc), ids + 1);
    assert_int_equal(walk("q=ABC", SORT_CREATED, ids, begins, abc), ids + 1);
    model_sql(pg_conninfo(), "UPDATE device SET name = id WHERE catalog = %d AND id LIKE 'abc%%'",
              demo);
    assert_int_equal(walk("q=abc", SORT_ID, 10, begins, abc), ids + 1);
    model_sql(pg_conninfo(), "UPDATE device SET name = 'valve' WHERE id LIKE 'abc%%';"
                             "UPDATE device SET name = 'pump-000005' WHERE device = 5");
}

static void a_name_is_found_in_either_case_of_its_letters(void **state)
{
    (void)state;
    model_sql(pg_conninfo(), "UPDATE device SET name = 'Ölpumpe <b>' WHERE device = 11");
    struct device_page got = page("q=%C3%B6LP", SORT_NAME, "", 10);

    assert_int_equal(devices_count(got.found), 1);
    device_page_done(&got);
    model_sql(pg_conninfo(), "UPDATE device SET name = 'pump-000011' WHERE device = 11");
}

// Every order, forth to its end and back to its start, visits the same rows.
static void each_order_leads_back_over_the_rows_it_came_by(void **state)
{
    (void)state;
    for (int sort = 0; sort < SORT_COUNT; sort++) {
        char cursor[DEVICE_CURSOR_LEN] = "";
        int64_t first[40], row = 0, pages = 0;

        for (;;) {
            auto_with(page_donep) struct device_page got =
                page("q=pump-000&state=healthy,offline", (enum device_sort)sort, cursor, 37);
            struct device d;
            devices_at(got.found, 0, &d);
            first[pages++] = d.device;
            assert_int_equal(pages == 1, !*got.prev);
            row += devices_count(got.found);
            memcpy(cursor, *got.next ? got.next : got.prev, sizeof cursor);
            if (!*got.next)
                break;
        }
        assert_int_equal(row, 899);
        for (pages--; pages-- > 0;) {
            auto_with(page_donep) struct device_page got =
                page("q=pump-000&state=healthy,offline", (enum device_sort)sort, cursor, 37);
            struct device d;
            devices_at(got.found, 0, &d);
            assert_int_equal(d.device, first[pages]);
            assert_int_equal(devices_count(got.found), 37);
            memcpy(cursor, got.prev, sizeof cursor);
        }
        assert_string_equal(cursor, "");
    }
}

static void marks_are_where_the_pages_begin(void **state)
{
    (void)state;
    for (int sort = 0; sort < SORT_COUNT; sort++) {
        char cursor[DEVICE_CURSOR_LEN] = "";
        struct device_filter filter;
        struct device_marks marks;
        struct fault f = { 0 };

        assert_int_equal(device_filter_read("q=pump-000", NULL, demo, &filter, &f), RC_OK);
        assert_int_equal(device_marks(db, &filter, (enum device_sort)sort, 100, &marks, &f), RC_OK);
        assert_int_equal(marks.total, 900);
        assert_int_equal(marks.count, 8);
        for (size_t i = 0; i < marks.count; i++) {
            struct device_page got = page("q=pump-000", (enum device_sort)sort, cursor, 100);
            assert_string_equal(got.next, marks.cursors[i]);
            memcpy(cursor, got.next, sizeof cursor);
            device_page_done(&got);
        }
        device_marks_done(&marks);
        device_filter_done(&filter);
    }
}

// ---------------------------------------------------------------- plans and time

// Of the walk in order. The first few ("i_1") are found in any way, and here it is none of them.
static void must_not_scan(PGconn *pg, const struct query *q, const char *const *args)
{
    auto_free char *text = NULL;

    assert_true(asprintf(&text, "EXPLAIN %s", q->sql) > 0);
    PGresult *r = PQexecParams(pg, text, q->params, NULL, args, NULL, NULL, 0);
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(pg));
    for (int i = 0; i < PQntuples(r); i++)
        if (strstr(PQgetvalue(r, i, 0), "Seq Scan on device") &&
            !strstr(PQgetvalue(r, i, 0), "device_index i_1"))
            fail_msg("%s %s: %s", q->name, args[0], PQgetvalue(r, i, 0));
    PQclear(r);
}

static const struct {
    const char *query;
    enum device_sort sort;
    const char *cursor;
} far[] = {
    { "", SORT_CREATED, ">c 110000 " },
    { "", SORT_NAME, ">n 110001 pump-110001" },
    { "", SORT_NAME_DOWN, ">N 50 valve" },
    { "", SORT_ID, "<i 5 e0" },
    { "", SORT_STATE, ">s 60001 1" },
    { "state=quarantined", SORT_CREATED, ">c 60000 " },
    { "state=healthy", SORT_CREATED, "<c 60000 " },
    { "lifecycle=registered", SORT_CREATED, ">c 60000 " },
    { "q=pump-", SORT_NAME, ">n 110001 pump-110001" },
    { "q=valve", SORT_NAME, ">n 110000 valve" },
    { "q=a", SORT_NAME, "" },
    { "seat=100000", SORT_CREATED, "" },
    { "tag=line:3&state=offline", SORT_CREATED, "" },
};

static void no_page_scans_the_device_table(void **state)
{
    (void)state;
    PGconn *pg = PQconnectdb(pg_conninfo());

    must_not_scan(pg, &Q_DEVICE_BY_ID, (const char *[]){ "1", "x" });
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        struct device_filter x;
        assert_int_equal(device_filter_read(far[i].query, NULL, demo, &x, NULL), RC_OK);
        must_not_scan(pg, &Q_DEVICE_PAGE_CREATED_UP,
                      (const char *[]){ x.row, "60000", "51", "-1" });
        must_not_scan(pg, &Q_DEVICE_PAGE_NAME_DOWN,
                      (const char *[]){ x.row, "60000", "51", "-1", "pump-060000" });
        device_filter_done(&x);
    }
    PQfinish(pg);
}

static void a_page_anywhere_reads_few_rows_and_those_by_an_index(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        auto_with(rollbackp) struct store *tx = begin();
        struct reads before = reads_of(tx);
        struct device_page got = page_of(tx, far[i].query, far[i].sort, far[i].cursor, 50);
        struct reads read = since(tx, &before);

        device_page_done(&got);
        if (read.scans || read.rows > ROWS_MOST || read.entries > ENTRIES_MOST)
            fail_msg("%s: %d scans of tables, %d rows, %d entries of indexes", far[i].query,
                     (int)read.scans, (int)read.rows, (int)read.entries);
    }
}

// ---------------------------------------------------------------- one device

static void run(const char *method, const char *pattern, const char *id, const char *body,
                const char *if_match, struct model_answer *out)
{
    struct services none = { 0 };
    struct model_call c = { .routes = device_routes,
                            .method = method,
                            .pattern = pattern,
                            .id = id,
                            .body = body,
                            .if_match = if_match,
                            .catalog = demo };

    model_run(db, &none, &c, out);
}

static void a_change_needs_the_version_it_was_made_from(void **state)
{
    (void)state;
    char id[DEVICE_ID_LEN + 1];
    auto_with(page_donep) struct device_page got = page("", SORT_CREATED, ">c 100 ", 1);
    struct model_answer a;
    struct device d;

    devices_at(got.found, 0, &d);
    memcpy(id, d.id, sizeof id);
    run("PATCH", DEVICES "/{id}", id, "{\"name\":\"Äpfel\",\"tags\":{\"site\":\"hq\"}}", "1", &a);
    assert_int_equal(a.rc, RC_OK);
    assert_string_equal(a.etag, "2");
    assert_string_equal(json_string_value(json_object_get(a.body, "name")), "Äpfel");
    model_answer_done(&a);
    run("PATCH", DEVICES "/{id}", id, "{\"tags\":{\"line\":\"3\",\"site\":null}}", "2", &a);
    auto_free char *tags = json_dumps(json_object_get(a.body, "tags"), JSON_COMPACT);
    assert_string_equal(tags, "{\"line\":\"3\"}");
    model_answer_done(&a);
    run("PATCH", DEVICES "/{id}", id, "{\"name\":\"late\"}", "2", &a);
    assert_int_equal(a.rc, RC_CONFLICT);
    assert_true(a.stale);
    run("PATCH", DEVICES "/{id}", id, "{\"name\":\"x\",\"colour\":1}", "3", &a);
    assert_int_equal(a.rc, RC_INVALID);
    assert_non_null(strstr(a.text, "colour"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_device_is_missed_or_repeated_over_all_pages),
        cmocka_unit_test(counts_by_state_are_those_of_the_pages_and_read_no_device),
        cmocka_unit_test(devices_that_arrive_while_paging_appear_once_at_the_end),
        cmocka_unit_test(a_state_lists_exactly_its_devices),
        cmocka_unit_test(healthy_and_lifecycle_filters_list_exactly_theirs),
        cmocka_unit_test(a_name_prefix_lists_by_name_also_where_thousands_share_one),
        cmocka_unit_test(a_prefix_finds_ids_and_names_each_device_once),
        cmocka_unit_test(a_name_is_found_in_either_case_of_its_letters),
        cmocka_unit_test(each_order_leads_back_over_the_rows_it_came_by),
        cmocka_unit_test(marks_are_where_the_pages_begin),
        cmocka_unit_test(no_page_scans_the_device_table),
        cmocka_unit_test(a_page_anywhere_reads_few_rows_and_those_by_an_index),
        cmocka_unit_test(a_change_needs_the_version_it_was_made_from),
    };
    return cmocka_run_group_tests_name("list", tests, setup, teardown);
}
