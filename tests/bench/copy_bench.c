// SPDX-License-Identifier: Apache-2.0
//
// The limit that ingest is measured against, and ingest without a network beside it.
//
//   copy_bench [seconds [devices [conninfo]]]
//
// Interleaved legs over the same rows (8 metrics): COPY on two connections into a table made and
// partitioned like telemetry, with its indexes; the same into a bare table. A conninfo may be a
// running server's: only tables of its own are touched. Without one a private cluster is
// made, and the engine runs there too, in a closed loop, fed with 16-message frames
// through the tokenizer. One JSON line a figure; PostgreSQL's CPU a message beside it holds
// also where others use the machine.

#include <libpq-fe.h>

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/config.h"
#include "core/token.h"
#include "ingest/ingest.h"
#include "ingest/pgcopy.h"
#include "store/cluster.h"
#include "store/migrate.h"
#include "support/folder.h"

#define ROUNDS      3
#define CONNECTIONS 2
#define BATCH       8192
#define FRAME       16
#define METRICS     8
#define ROW_LEN     (42 + PUT_FLOATS_LEN(METRICS))
#define MESSAGE_LEN 200
#define SHAPE       1
#define PAST_MS     1785002400000LL // a whole hour
#define PAST_HOURS  40

static double seconds = 4;
static int devices = 2000;
static const char *conninfo;
static atomic_bool stop;

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "copy_bench: %s\n", what);
    exit(1);
}

static PGconn *connected(void)
{
    PGconn *pg = PQconnectdb(conninfo);

    check(PQstatus(pg) == CONNECTION_OK, PQerrorMessage(pg));
    return pg;
}

static void run(PGconn *pg, const char *sql)
{
    PGresult *r = PQexec(pg, sql);

    check(PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK,
          PQerrorMessage(pg));
    PQclear(r);
}

static int64_t ask(const char *sql)
{
    PGconn *pg = connected();
    PGresult *r = PQexec(pg, sql);
    int64_t n;

    check(PQresultStatus(r) == PGRES_TUPLES_OK, PQerrorMessage(pg));
    n = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    PQfinish(pg);
    return n;
}

// CPU microseconds of PostgreSQL so far, as /proc has it; robust where others use the machine too.
static double cpu_of(long pid, long parent, long *found_parent)
{
    char path[40], line[1000];
    unsigned long t[4] = { 0 };
    long ppid = 0;
    const char *at;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    f = fopen(path, "r");
    *found_parent = 0;
    if (!f)
        return 0;
    at = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    fclose(f);
    if (!at || sscanf(at + 2, "%*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu", &ppid,
                      &t[0], &t[1], &t[2], &t[3]) != 5)
        return 0;
    *found_parent = ppid;
    if (pid != parent && ppid != parent)
        return 0;
    return (double)(t[0] + t[1] + t[2] + t[3]) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static double postgres_cpu(void)
{
    long postmaster = (long)ask("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)");
    struct dirent *e;
    double sum = 0;
    DIR *d = opendir("/proc");

    while (d && (e = readdir(d))) {
        long parent;

        sum += cpu_of(strtol(e->d_name, NULL, 10), postmaster, &parent);
    }
    if (d)
        closedir(d);
    return sum;
}

static double metric(int64_t n, int i)
{
    return floor(100 * (20 + i + sin((double)(n + i) / 7))) / 100;
}

// ---------------------------------------------------------------- COPY alone

struct copier {
    int number;
    const char *sql;
    uint64_t rows;
    pthread_t thread;
};

static char *put_row(char *p, int64_t device, int64_t t, int64_t n)
{
    p = put_int4(put16(p, 5), 1);
    p = put_time(put_int8(p, device), t);
    p = put_floats(put_int4(p, SHAPE), METRICS);
    for (int i = 0; i < METRICS; i++)
        p = put_float(p, metric(n, i));
    return p;
}

static void copy_batch(PGconn *pg, const char *sql, const char *rows, size_t len)
{
    static const char head[19] = "PGCOPY\n\377\r\n", tail[2] = { '\377', '\377' };
    PGresult *r = PQexec(pg, sql);

    check(PQresultStatus(r) == PGRES_COPY_IN, PQerrorMessage(pg));
    PQclear(r);
    check(PQputCopyData(pg, head, sizeof head) == 1 && PQputCopyData(pg, rows, (int)len) == 1 &&
              PQputCopyData(pg, tail, sizeof tail) == 1 && PQputCopyEnd(pg, NULL) == 1,
          PQerrorMessage(pg));
    while ((r = PQgetResult(pg))) {
        check(PQresultStatus(r) == PGRES_COMMAND_OK, PQerrorMessage(pg));
        PQclear(r);
    }
}

// Frames of 16 messages, device after device, as a loop takes them; encoded beforehand, only the
// times move on.
static void *copy_main(void *copier)
{
    struct copier *c = copier;
    PGconn *pg = connected();
    char *rows = malloc((size_t)BATCH * ROW_LEN), *p = rows;
    int64_t device = c->number + 1, frames = 0;
    const int64_t share = devices / CONNECTIONS; // frames until a device's next one

    check(rows != NULL, "out of memory");
    for (int64_t n = 0; n < BATCH; n++)
        p = put_row(p, 1, 0, n);
    while (!atomic_load(&stop)) {
        p = rows;
        for (int n = 0; n < BATCH; n++, p += ROW_LEN) {
            if (n % FRAME == 0) {
                device = device + CONNECTIONS <= devices ? device + CONNECTIONS : c->number + 1;
                frames++;
            }
            put_time(put_int8(p + 10, device),
                     PAST_MS + (frames / share * FRAME + n % FRAME) * 100);
        }
        copy_batch(pg, c->sql, rows, (size_t)BATCH * ROW_LEN);
        c->rows += BATCH;
    }
    free(rows);
    PQfinish(pg);
    return NULL;
}

static void wait_seconds(void)
{
    nanosleep(
        &(struct timespec){ .tv_sec = (time_t)seconds, .tv_nsec = (long)(fmod(seconds, 1) * 1e9) },
        NULL);
    atomic_store(&stop, true);
}

static double copy_leg(const char *table, double *cpu)
{
    struct copier copiers[CONNECTIONS] = { 0 };
    char sql[100];
    int64_t began = clock_mono_us(), ended;
    uint64_t rows = 0;

    *cpu = -postgres_cpu();
    snprintf(sql, sizeof sql, "COPY %s (catalog, device, ts, shape, vals) FROM STDIN BINARY",
             table);
    atomic_store(&stop, false);
    for (int i = 0; i < CONNECTIONS; i++) {
        copiers[i] = (struct copier){ .number = i, .sql = sql };
        pthread_create(&copiers[i].thread, NULL, copy_main, &copiers[i]);
    }
    wait_seconds();
    for (int i = 0; i < CONNECTIONS; i++) {
        pthread_join(copiers[i].thread, NULL);
        rows += copiers[i].rows;
    }
    ended = clock_mono_us();
    *cpu = (*cpu + postgres_cpu()) / (double)rows;
    return (double)rows * 1e6 / (double)(ended - began);
}

// ---------------------------------------------------------------- the engine

struct emulated {
    struct ingest_device *d;
    int64_t sent;
    _Atomic int64_t acked;
};

static struct emulated *fleet;
static char frame[FRAME * (MESSAGE_LEN + 1) + 2];
static size_t frame_len;

static void acked(void *ctx, const struct ingest_ack *acks, size_t count)
{
    (void)ctx;
    for (size_t i = 0; i < count; i++)
        atomic_store_explicit(&fleet[acks[i].session].acked, acks[i].seq, memory_order_relaxed);
}

#define SEQ_AT 28 // behind {"type":"telemetry","seq":
#define T_AT   (SEQ_AT + 9 + 5)

static void make_frame(void)
{
    size_t n = 0;

    frame[n++] = '[';
    for (int k = 0; k < FRAME; k++) {
        size_t start = n;

        n += (size_t)snprintf(
            frame + n, sizeof frame - n,
            "%s {\"type\":\"telemetry\",\"seq\":100000000,\"t\":1790000000000,\"m\":{",
            k ? "," : " ");
        for (int i = 0; i < METRICS; i++)
            n += (size_t)snprintf(frame + n, sizeof frame - n, "%s\"metric.%d\":%.2f", i ? "," : "",
                                  i, metric(k, i));
        n += (size_t)snprintf(frame + n, sizeof frame - n, "}}");
        while (n < start + MESSAGE_LEN)
            frame[n++] = ' ';
    }
    frame[n++] = ']';
    frame_len = n;
}

static void put_digits(char *at, int width, int64_t v)
{
    for (int i = width - 1; i >= 0; i--, v /= 10)
        at[i] = (char)('0' + v % 10);
}

static void send_frame(struct emulated *e, int64_t now)
{
    struct token_cursor c;

    for (int k = 0; k < FRAME; k++) {
        char *message = frame + 1 + k * MESSAGE_LEN;

        put_digits(message + SEQ_AT, 9, e->sent + k + 1);
        put_digits(message + T_AT, 13, now + k);
    }
    token_start(&c, frame, frame_len);
    while (token_next(&c) == TOKEN_TELEMETRY) {
        if (ingest_reading(e->d, &c.reading, NULL, NULL) != INGEST_TAKEN)
            return;
        e->sent = c.reading.seq;
    }
}

static void attach_all(struct ingest *g)
{
    struct fault f = { 0 };
    int64_t boot, seq;

    for (int i = 0; i < devices; i++) {
        struct ingest_who who = {
            .catalog = 1, .device = i + 1, .session = (uint64_t)i, .boot = 1
        };

        snprintf(who.id, sizeof who.id, "%032x", (unsigned)i);
        check(ingest_attach(g, &who, &fleet[i].d, &boot, &seq, &f) == RC_OK, f.text);
        fleet[i].sent = seq > 100000000 ? seq : 100000000;
        atomic_store(&fleet[i].acked, fleet[i].sent);
    }
}

static void *loop_main(void *window)
{
    int64_t most = *(int *)window;

    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        int64_t now = clock_now_ms();
        int sent = 0;

        for (int i = 0; i < devices; i++) {
            struct emulated *e = &fleet[i];

            if (e->sent + FRAME > atomic_load_explicit(&e->acked, memory_order_relaxed) + most)
                continue;
            send_frame(e, now);
            sent++;
        }
        if (!sent)
            nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
    }
    return NULL;
}

static double engine_leg(double *cpu, double *pg)
{
    const struct ingest_hooks hooks = { NULL, acked, NULL };
    struct config c = { .ingest_writers = 2,
                        .ingest_linger_ms = 5,
                        .ingest_batch = BATCH,
                        .ingest_pending_max = 200000 };
    int window = devices > 4000 ? 32 : 256;
    struct ingest *g = NULL;
    struct ingest_stats s;
    struct fault f = { 0 };
    struct timespec t;
    pthread_t loop;
    int64_t began;

    check(ingest_start(&c, conninfo, NULL, &g, &f) == RC_OK, f.text);
    ingest_hook(g, &hooks);
    attach_all(g);
    atomic_store(&stop, false);
    began = clock_mono_us();
    *pg = -postgres_cpu();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    *cpu = -((double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3);
    pthread_create(&loop, NULL, loop_main, &window);
    wait_seconds();
    pthread_join(loop, NULL);
    ingest_stats(g, &s);
    double rate = (double)s.messages * 1e6 / (double)(clock_mono_us() - began);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    *cpu += (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
    *cpu /= (double)s.messages;
    *pg = (*pg + postgres_cpu()) / (double)s.messages;
    for (int i = 0; i < devices; i++)
        ingest_detach(fleet[i].d);
    ingest_stop(g);
    return rate;
}

// ---------------------------------------------------------------- the run

static void prepare(void)
{
    PGconn *pg = connected();
    char sql[300];

    run(pg, "SET client_min_messages = error");
    run(pg, "DROP TABLE IF EXISTS copy_bench, copy_bench_bare");
    run(pg, "CREATE TABLE copy_bench (LIKE telemetry INCLUDING ALL) PARTITION BY RANGE (ts)");
    for (int64_t i = 0; i < PAST_HOURS; i++) {
        snprintf(sql, sizeof sql,
                 "CREATE TABLE copy_bench_%lld PARTITION OF copy_bench FOR VALUES FROM"
                 " (to_timestamp(%lld)) TO (to_timestamp(%lld))",
                 (long long)i, PAST_MS / 1000 + i * 3600, PAST_MS / 1000 + i * 3600 + 3600);
        run(pg, sql);
    }
    run(pg, "CREATE TABLE copy_bench_bare (LIKE telemetry)");
    PQfinish(pg);
}

static void clean_up(void)
{
    PGconn *pg = connected();

    run(pg, "DROP TABLE copy_bench, copy_bench_bare");
    PQfinish(pg);
}

static void empty(void)
{
    PGconn *pg = connected();

    run(pg, "TRUNCATE copy_bench, copy_bench_bare");
    run(pg, "CHECKPOINT");
    PQfinish(pg);
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof *v, by_value);
    return v[ROUNDS / 2];
}

struct leg {
    const char *name;
    double rate[ROUNDS], cpu[ROUNDS]; // PostgreSQL's, us a message
};

static void report(struct leg *l)
{
    printf("{\"name\":\"%s\",\"value\":%.0f,\"unit\":\"msgs/s\",\"devices\":%d,"
           "\"postgresCpuUs\":%.2f}\n",
           l->name, median(l->rate), devices, median(l->cpu));
}

static void run_legs(bool engine)
{
    struct leg indexed = { .name = "ingest.copy_indexed" }, bare = { .name = "ingest.copy_bare" },
               own = { .name = "ingest.engine" };
    double cpu[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        empty();
        indexed.rate[i] = copy_leg("copy_bench", &indexed.cpu[i]);
        empty();
        bare.rate[i] = copy_leg("copy_bench_bare", &bare.cpu[i]);
        empty();
        if (engine)
            own.rate[i] = engine_leg(&cpu[i], &own.cpu[i]);
    }
    report(&indexed);
    report(&bare);
    if (!engine)
        return;
    report(&own);
    printf("{\"name\":\"ingest.engine_cpu\",\"value\":%.2f,\"unit\":\"us a message\"}\n",
           median(cpu));
}

int main(int argc, char **argv)
{
    char folder[64];
    struct cluster *cluster = NULL;
    struct fault f = { 0 };

    seconds = argc > 1 ? strtod(argv[1], NULL) : seconds;
    devices = argc > 2 ? (int)strtol(argv[2], NULL, 10) : devices;
    conninfo = argc > 3 ? argv[3] : NULL;
    if (!conninfo) {
        folder_make(folder, sizeof folder, "copy");
        check(cluster_start(folder, &cluster, &f) == RC_OK, f.text);
        conninfo = cluster_conninfo(cluster);
        check(migrate_run(conninfo, NULL, &f) == RC_OK, f.text);
    }
    fleet = calloc((size_t)devices, sizeof *fleet);
    check(fleet != NULL && devices >= CONNECTIONS, "needs memory and two devices");
    make_frame();
    prepare();
    run_legs(cluster != NULL);
    clean_up();
    free(fleet);
    cluster_stop(cluster);
    return 0;
}
