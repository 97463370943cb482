// SPDX-License-Identifier: Apache-2.0
//
// Text search over ten million log lines of a day, on a cluster that is kept.
//
//   search_bench folder
//
// The lines are made once (some minutes), with their indexes of words as the server makes them.
// Then the first page of a word in every second line, of one in every millionth, and, as what there
// is beside it, of the newest lines without a word. One JSON line a figure: ms, the middle and the
// worst.

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "ingest/engine.h"
#include "ingest/lexicon.h"
#include "journal/search.h"
#include "store/cluster.h"
#include "store/migrate.h"

#define DAY   1785024000000LL // a whole hour
#define HOURS 24
#define LINES 10000000
#define RUNS  21
#define PAGE  50

static const char *conninfo;

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "search_bench: %s\n", what);
    exit(1);
}

static int64_t run(const char *sql)
{
    PGconn *pg = PQconnectdb(conninfo);
    PGresult *r = PQexec(pg, sql);
    int64_t n;

    check(PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK,
          PQerrorMessage(pg));
    n = PQntuples(r) ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : 0;
    PQclear(r);
    PQfinish(pg);
    return n;
}

// Lines as devices write them: numbers, addresses, a few dozen words, sources of some kinds.
static void fill_hour(int64_t hour)
{
    char sql[2000], table[PARTITION_LEN + 1];

    partition_name(PARTITION_JOURNAL, hour, table);
    partition_sql(PARTITION_JOURNAL, hour, sql, sizeof sql);
    run(sql);
    snprintf(sql, sizeof sql, "ALTER TABLE %s OWNER TO orrery_server", table);
    run(sql);
    snprintf(
        sql, sizeof sql,
        "INSERT INTO %s SELECT 1, n * 7919 %% 10000 + 1, to_timestamp(%lld) + (n - 1) * interval '3600 s' / %d,"
        " n, false, CASE WHEN n %% 97 = 0 THEN 0 WHEN n %% 11 = 0 THEN 1 ELSE 2 END, NULL,"
        " 'app.' || (ARRAY['pump','net','store','sensor','boot','agent'])[n %% 6 + 1],"
        " (ARRAY['connection','request','reading','session','update'])[n %% 5 + 1] || ' ' || n * 31"
        " || ' to 10.' || n %% 200 || '.' || n * 13 %% 250 || '.7:8444 '"
        " || (ARRAY['opened','closed'])[n %% 2 + 1] || ' after ' || n * 17 %% 9000 || ' ms'"
        " || CASE WHEN n = 1234 THEN ' zanzibar' ELSE '' END FROM generate_series(1::bigint, %d) n",
        table, (long long)hour * 3600, LINES / HOURS, LINES / HOURS);
    run(sql);
}

static void fill(void)
{
    struct ingest alone = { .conninfo = (char *)(uintptr_t)conninfo };
    struct fault f = { 0 };

    if (run("SELECT count(*) FROM pg_class WHERE relname LIKE 'journal\\_2%\\_words'") == HOURS)
        return;
    fprintf(stderr, "search_bench: ten million lines are made, once\n");
    run("DO $$ DECLARE t text; BEGIN FOR t IN SELECT inhrelid::regclass FROM pg_inherits"
        " WHERE inhparent = 'journal'::regclass LOOP EXECUTE 'DROP TABLE ' || t; END LOOP; END $$");
    run("INSERT INTO catalog (name) SELECT 'demo' WHERE NOT EXISTS (SELECT FROM catalog)");
    for (int64_t h = 0; h < HOURS; h++)
        fill_hour(DAY / HOUR_MS + h);
    run("VACUUM ANALYZE journal");
    pthread_mutex_init(&alone.idle_lock, NULL);
    check(lexicon_round(&alone, &f) == RC_OK, f.text);
    pthread_mutex_destroy(&alone.idle_lock);
}

static void count(void *ctx, const struct search_line *l)
{
    int *n = ctx;

    (void)l;
    ++*n;
}

static int by_value(const void *x, const void *y)
{
    const double *a = x, *b = y;

    return (*a > *b) - (*a < *b);
}

static void measure(struct store *s, const char *name, const char *q, int expected)
{
    struct search ask = { .level = JOURNAL_DEBUG, .from = DAY, .to = DAY + HOURS * HOUR_MS - 1 };
    struct search_end end;
    struct fault f = { 0 };
    double ms[RUNS];

    check(!*q || words_read(q, &ask.words, &f) == RC_OK, f.text);
    for (int i = 0; i < RUNS; i++) {
        int64_t began = clock_mono_us();
        int n = 0;

        check(search_run(s, 1, &ask, "", PAGE, count, &n, &end, &f) == RC_OK, f.text);
        ms[i] = (double)(clock_mono_us() - began) / 1000;
        check(n == expected && end.complete, "a page is not what it must be");
    }
    qsort(ms, RUNS, sizeof *ms, by_value);
    printf("{\"name\":\"%s\",\"middle\":%.2f,\"worst\":%.2f}\n", name, ms[RUNS / 2], ms[RUNS - 1]);
}

int main(int argc, char **argv)
{
    struct cluster *cluster = NULL;
    struct store *s = NULL;
    struct fault f = { 0 };

    check(argc == 2, "usage: search_bench folder");
    check(cluster_start(argv[1], &cluster, &f) == RC_OK, f.text);
    conninfo = cluster_conninfo(cluster);
    check(migrate_run(conninfo, NULL, &f) == RC_OK, f.text);
    fill();
    check(store_open(conninfo, 2, &s, &f) == RC_OK, f.text);
    measure(s, "search.newest", "", PAGE);
    measure(s, "search.frequent", "closed", PAGE);
    measure(s, "search.rare", "zanzibar", HOURS);
    measure(s, "search.none", "timbuktu", 0);
    store_close(s);
    cluster_stop(cluster);
    return 0;
}
