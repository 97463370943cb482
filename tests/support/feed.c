// SPDX-License-Identifier: Apache-2.0

#include "support/feed.h"

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/bus.h"
#include "core/clock.h"
#include "test.h"

static void nap(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static PGconn *connected(const struct feed *w)
{
    PGconn *pg = PQconnectdb(w->conninfo);

    if (PQstatus(pg) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(pg));
    return pg;
}

static PGresult *run(PGconn *pg, const char *sql)
{
    PGresult *r = PQexec(pg, sql);

    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
        fail_msg("%.80s: %s", sql, PQerrorMessage(pg));
    return r;
}

int64_t feed_ask(struct feed *w, const char *sql)
{
    PGconn *pg = connected(w);
    PGresult *r = run(pg, sql);
    int64_t n = PQntuples(r) ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : -1;

    PQclear(r);
    PQfinish(pg);
    return n;
}

void feed_run(struct feed *w, const char *sql)
{
    PGconn *pg = connected(w);

    PQclear(run(pg, sql));
    PQfinish(pg);
}

void feed_init(struct feed *w, const char *conninfo, int count)
{
    char sql[500];

    *w = (struct feed){ .conninfo = conninfo, .count = count, .boot = 1 };
    w->config = (struct config){
        .ingest_writers = 2,
        .ingest_linger_ms = 5,
        .ingest_batch = 8192,
        .ingest_pending_max = 200000,
    };
    w->devices = calloc((size_t)count, sizeof *w->devices);
    feed_run(w, "INSERT INTO catalog (name) SELECT 'demo' WHERE NOT EXISTS (SELECT FROM catalog)");
    snprintf(sql, sizeof sql,
             "INSERT INTO device (catalog, device, id, fingerprint, public_key, seat, lifecycle)"
             " SELECT 1, n, lpad(to_hex(n), 32, '0'), lpad(to_hex(n), 64, '0'), '\\x00', n, 1"
             " FROM generate_series(1, %d) AS n ON CONFLICT DO NOTHING",
             count);
    feed_run(w, sql);
    for (int i = 0; i < count; i++) {
        w->devices[i].device = i + 1;
        snprintf(w->devices[i].id, sizeof w->devices[i].id, "%032x", (unsigned)(i + 1));
    }
}

static void acked(void *ctx, const struct ingest_ack *acks, size_t count)
{
    struct feed *w = ctx;

    for (size_t i = 0; i < count; i++) {
        struct feed_device *d = &w->devices[acks[i].session];

        if (acks[i].boot != w->boot || acks[i].seq < atomic_load(&d->acked))
            fail_msg("an acknowledgement goes back");
        atomic_store(&d->acked, acks[i].seq);
    }
    atomic_fetch_add(&w->acks, count);
}

static void drained(void *ctx)
{
    atomic_fetch_add(&((struct feed *)ctx)->drains, 1);
}

void feed_attach(struct feed *w, int i)
{
    struct feed_device *d = &w->devices[i];
    struct ingest_who who = {
        .catalog = 1,
        .device = d->device,
        .session = (uint64_t)i,
        .boot = w->boot,
        .facts = { .verdict = VERDICT_AFFIRMING, .attested_once = true },
    };
    struct fault f = { 0 };
    int64_t boot, seq;

    memcpy(who.id, d->id, sizeof who.id);
    if (ingest_attach(w->g, &who, &d->d, &boot, &seq, &f) != RC_OK)
        fail_msg("attach: %s", f.text);
    atomic_store(&d->acked, boot == w->boot ? seq : 0);
    d->sent = atomic_load(&d->acked);
}

enum rc feed_try(struct feed *w, struct fault *f)
{
    const struct ingest_hooks hooks = { w, acked, drained };
    enum rc rc;

    w->bus = bus_new();
    rc = ingest_start(&w->config, w->conninfo, w->bus, &w->g, f);
    if (rc == RC_OK)
        ingest_hook(w->g, &hooks);
    else
        bus_free(w->bus);
    return rc;
}

void feed_open(struct feed *w)
{
    struct fault f = { 0 };

    if (feed_try(w, &f) != RC_OK)
        fail_msg("start: %s", f.text);
    for (int i = 0; i < w->count; i++)
        feed_attach(w, i);
}

void feed_close(struct feed *w)
{
    for (int i = 0; i < w->count; i++) {
        if (w->devices[i].d)
            ingest_detach(w->devices[i].d);
        w->devices[i].d = NULL;
    }
    ingest_stop(w->g);
    bus_free(w->bus);
    w->g = NULL;
}

void feed_abandon(struct feed *w)
{
    w->g = NULL;
    for (int i = 0; i < w->count; i++)
        w->devices[i].d = NULL;
}

void feed_done(struct feed *w)
{
    if (w->g)
        feed_close(w);
    free(w->devices);
}

enum ingest_result feed_send_seq(struct feed *w, int i, int64_t seq, int64_t t, const char **code)
{
    struct token_reading m = { .seq = seq, .t = t, .count = 2 };

    m.metrics[0] = (struct token_metric){ { "n", 1 }, (double)seq };
    m.metrics[1] = (struct token_metric){ { "temp.board", 10 }, 41.5 };
    return ingest_reading(w->devices[i].d, &m, code, NULL);
}

enum ingest_result feed_send(struct feed *w, int i)
{
    struct feed_device *d = &w->devices[i];
    int64_t seq = d->sent + 1;
    int64_t t = w->base ? w->base + seq : clock_now_ms();
    enum ingest_result r = feed_send_seq(w, i, seq, t, NULL);

    if (r == INGEST_TAKEN)
        d->sent = seq;
    return r;
}

uint64_t feed_pump(struct feed *w, int window)
{
    uint64_t taken = 0;

    for (int i = 0; i < w->count; i++) {
        while (w->devices[i].sent < atomic_load(&w->devices[i].acked) + window &&
               feed_send(w, i) == INGEST_TAKEN)
            taken++;
    }
    return taken;
}

bool feed_wait(struct feed *w, int timeout_ms)
{
    int64_t until = clock_mono_ms() + timeout_ms;

    for (int i = 0; i < w->count; i++) {
        while (atomic_load(&w->devices[i].acked) < w->devices[i].sent) {
            if (clock_mono_ms() > until)
                return false;
            nap(1);
        }
    }
    return true;
}

void feed_check(struct feed *w)
{
    PGconn *pg = connected(w);
    PGresult *r = run(pg, "SELECT device, count(*), count(DISTINCT vals[1]), max(vals[1])::bigint"
                          " FROM telemetry GROUP BY device ORDER BY device");
    int row = 0;

    for (int i = 0; i < w->count; i++) {
        int64_t acked_seq = atomic_load(&w->devices[i].acked), rows = 0, different = 0, top = 0;

        if (row < PQntuples(r) &&
            strtoll(PQgetvalue(r, row, 0), NULL, 10) == w->devices[i].device) {
            rows = strtoll(PQgetvalue(r, row, 1), NULL, 10);
            different = strtoll(PQgetvalue(r, row, 2), NULL, 10);
            top = strtoll(PQgetvalue(r, row++, 3), NULL, 10);
        }
        if (rows != different || rows != top || top < acked_seq || top > w->devices[i].sent)
            fail_msg(
                "device %d: sent %lld, acknowledged %lld, rows %lld, different %lld, up to %lld", i,
                (long long)w->devices[i].sent, (long long)acked_seq, (long long)rows,
                (long long)different, (long long)top);
    }
    assert_int_equal(row, PQntuples(r));
    PQclear(r);
    PQfinish(pg);
}
