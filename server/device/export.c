// SPDX-License-Identifier: Apache-2.0

#include "device/export.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/log.h"
#include "device/device.h"
#include "export_sql.h"
#include "http/stream.h"
#include "store/link.h"

#define LENGTH(a)    (sizeof(a) / sizeof *(a))
#define STATEMENT_MS 30000
#define STALL_S      60
#define LONGEST_MS   (30 * 60 * 1000) // its transaction keeps old rows alive

enum kind {
    TEXT_,
    NUMBER,
    TIME,
    BOOL,
    JSON,
    STATE,
    LIFECYCLE,
    VERDICT,
};

static const struct {
    const char *name, *column;
    enum kind kind;
} columns[] = {
    { "id", "id", TEXT_ },
    { "name", "name", TEXT_ },
    { "lifecycle", "lifecycle", LIFECYCLE },
    { "state", "state", STATE },
    { "stateReason", "reason", TEXT_ },
    { "stateSince", "state_since", TIME },
    { "online", "online", BOOL },
    { "lastSeen", "last_seen", TIME },
    { "product", "product_name", TEXT_ },
    { "group", "group_name", TEXT_ },
    { "site", "site", TEXT_ },
    { "batch", "batch", TEXT_ },
    { "tags", "tags", JSON },
    { "note", "note", TEXT_ },
    { "osVersion", "os_version", TEXT_ },
    { "attestedVersion", "attested_version", TEXT_ },
    { "model", "hw_model", TEXT_ },
    { "network", "network", TEXT_ },
    { "verdict", "verdict", VERDICT },
    { "attestedAt", "attested_at", TIME },
    { "certSerial", "cert_serial", TEXT_ },
    { "certNotAfter", "cert_not_after", TIME },
    { "createdAt", "created_at", TIME },
    { "claimedAt", "claimed_at", TIME },
    { "fingerprint", "fingerprint", TEXT_ },
    { "seat", "seat", NUMBER },
};

struct exports {
    const char *conninfo;
    struct streams *streams;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool stopping;
    int running;
    int fds[EXPORTS_MAX]; // -1: free
};

struct export_out {
    int fd;
    int64_t until; // monotonic ms
};

struct job {
    struct exports *all;
    struct export_ask *ask;
    int place;
    int fd;
};

DEFINE_AUTO(struct link *, link_closep, link_close)
DEFINE_AUTO(struct rows *, rows_freep, rows_free)

void export_ask_free(struct export_ask *a)
{
    if (a && a->what_free)
        a->what_free(a->what);
    if (a)
        free(a->filter);
    free(a);
}

// ---------------------------------------------------------------- columns

static int find_column(const char *name, size_t len)
{
    for (size_t i = 0; i < LENGTH(columns); i++)
        if (strlen(columns[i].name) == len && !memcmp(columns[i].name, name, len))
            return (int)i;
    return -1;
}

static enum rc add_column(struct export_ask *out, const char *name, size_t len, struct fault *f)
{
    int column = find_column(name, len);

    if (column < 0)
        return fail(f, RC_INVALID, "there is no column '%.*s'; see docs/api/openapi.yaml",
                    len > 40 ? 40 : (int)len, name);
    for (size_t i = 0; i < out->column_count; i++)
        if (out->columns[i] == column)
            return fail(f, RC_INVALID, "the column '%.*s' is named twice", (int)len, name);
    out->columns[out->column_count++] = column;
    return RC_OK;
}

enum rc export_count(struct store *s, const struct export_ask *a, int64_t *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(s, &Q_EXPORT_COUNT, (const char *[]){ a->filter }, &rows, f);

    if (rc == RC_OK)
        *out = rows_int(rows, 0, "n");
    return rc;
}

enum rc export_columns(const char *names, struct export_ask *out, struct fault *f)
{
    enum rc rc = RC_OK;

    _Static_assert(LENGTH(columns) <= EXPORT_COLUMNS_MAX, "room for all");
    out->column_count = 0;
    for (size_t i = 0; !*names && i < LENGTH(columns); i++)
        out->columns[out->column_count++] = (int)i;
    while (rc == RC_OK && *names) {
        size_t len = strcspn(names, ",");

        rc = add_column(out, names, len, f);
        names += len + (names[len] == ',');
    }
    return rc;
}

// ---------------------------------------------------------------- text

// What a spreadsheet would calculate, full-width signs (U+FF1D, FF0B, FF0D, FF20) among it.
static bool is_formula(const char *text)
{
    if (!strncmp(text, "\xef\xbc", 2))
        return text[2] && strchr("\x9d\x8b\x8d\xa0", text[2]);
    return *text && strchr("=+-@\t\r\n", *text);
}

// Always quoted where a reader might think otherwise.
void export_cell(const char *text, FILE *to)
{
    bool formula = is_formula(text);
    bool quote = formula || strpbrk(text, ",;\t\"\r\n") || *text == ' ' ||
                 (*text && text[strlen(text) - 1] == ' ');

    if (quote)
        fputc('"', to);
    if (formula)
        fputc('\'', to);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', to);
        fputc(*text, to);
    }
    if (quote)
        fputc('"', to);
}

void export_head(const struct export_ask *a, FILE *to)
{
    if (a->format != EXPORT_CSV)
        return;
    for (size_t i = 0; i < a->column_count; i++)
        fprintf(to, "%s%s", i ? "," : "", columns[a->columns[i]].name);
    fprintf(to, "\r\n");
}

static const char *name_of(enum kind kind, int64_t n)
{
    return kind == STATE       ? device_state_name((enum device_state)n)
           : kind == LIFECYCLE ? device_lifecycle_name((enum device_lifecycle)n)
                               : verdict_name((enum verdict)n);
}

static void put_cell(enum kind kind, const struct rows *r, int row, const char *column, FILE *to)
{
    const char *text = rows_text(r, row, column);
    char at[RFC3339_LEN + 1];

    switch (kind) {
    case TEXT_:
    case JSON:
    case NUMBER:
        export_cell(text ? text : "", to);
        return;
    case BOOL:
        fprintf(to, "%s", rows_bool(r, row, column) ? "true" : "false");
        return;
    case TIME:
        if (!text)
            return;
        clock_rfc3339(rows_int(r, row, column), at);
        fprintf(to, "%s", at);
        return;
    case STATE:
    case LIFECYCLE:
    case VERDICT:
        fprintf(to, "%s", name_of(kind, rows_int(r, row, column)));
        return;
    }
}

static void put_member(json_t *o, int number, const struct rows *r, int row)
{
    const char *name = columns[number].name, *column = columns[number].column;
    const char *text = rows_text(r, row, column);

    switch (columns[number].kind) {
    case TEXT_:
        add_text(o, name, text);
        return;
    case JSON:
        add_json(o, name, text ? json_loads(text, 0, NULL) : NULL);
        return;
    case NUMBER:
        add_int(o, name, rows_int(r, row, column));
        return;
    case BOOL:
        add_bool(o, name, rows_bool(r, row, column));
        return;
    case TIME:
        add_time(o, name, rows_int(r, row, column));
        return;
    case STATE:
    case LIFECYCLE:
    case VERDICT:
        add_text(o, name, name_of(columns[number].kind, rows_int(r, row, column)));
        return;
    }
}

void export_row(const struct export_ask *a, const struct rows *r, int row, FILE *to)
{
    json_auto_t *o = a->format == EXPORT_NDJSON ? json_object() : NULL;

    for (size_t i = 0; i < a->column_count; i++) {
        int n = a->columns[i];

        if (o) {
            put_member(o, n, r, row);
            continue;
        }
        if (i)
            fputc(',', to);
        put_cell(columns[n].kind, r, row, columns[n].column, to);
    }
    if (o)
        json_dumpf(o, to, JSON_COMPACT);
    fprintf(to, "%s", o ? "\n" : "\r\n");
}

// ---------------------------------------------------------------- one export

static bool write_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

// A chunk of HTTP/1.1; an empty one would be the last.
static bool write_chunk(int fd, const char *text, size_t len)
{
    char head[24];
    int n = snprintf(head, sizeof head, "%zx\r\n", len);

    return len == 0 ||
           (write_all(fd, head, (size_t)n) && write_all(fd, text, len) && write_all(fd, "\r\n", 2));
}

// Nobody sends anything on it; the end shows at once, even while there is nothing to write.
static bool has_left(int fd)
{
    char any;

    return recv(fd, &any, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

enum rc export_put(struct export_out *to, const char *text, size_t len, struct fault *f)
{
    if (!write_chunk(to->fd, text, len) || (len == 0 && has_left(to->fd)))
        return fail(f, RC_CONFLICT, "its reader left or reads nothing");
    if (clock_mono_ms() > to->until)
        return fail(f, RC_LIMIT, "it took longer than %d minutes", LONGEST_MS / 60000);
    return RC_OK;
}

static enum rc write_page(const struct job *j, struct export_out *out, const struct rows *rows,
                          bool first, struct fault *f)
{
    auto_free char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return fail(f, RC_INTERNAL, "out of memory");
    if (first)
        export_head(j->ask, to);
    for (int i = 0; i < rows_count(rows); i++)
        export_row(j->ask, rows, i, to);
    if (fclose(to) != 0)
        return fail(f, RC_INTERNAL, "out of memory");
    return export_put(out, text, len, f);
}

static enum rc open_cursor(const struct job *j, struct link **out, struct fault *f)
{
    enum rc rc = link_open(j->all->conninfo, "orrery export", STATEMENT_MS, out, f);

    if (rc == RC_OK)
        rc = link_exec(*out, "BEGIN READ ONLY", f);
    if (rc == RC_OK)
        rc = link_run(*out, &Q_EXPORT_OPEN, (const char *[]){ j->ask->filter }, NULL, f);
    return rc;
}

static enum rc write_rows(const struct job *j, struct export_out *out, struct link *l,
                          int64_t *total, struct fault *f)
{
    bool first = true;

    for (;;) {
        auto_with(rows_freep) struct rows *rows = NULL;
        enum rc rc = link_run(l, &Q_EXPORT_NEXT, NULL, &rows, f);

        if (rc == RC_OK)
            rc = write_page(j, out, rows, first, f);
        if (rc != RC_OK || rows_count(rows) == 0)
            return rc;
        *total += rows_count(rows);
        first = false;
    }
}

static enum rc write_devices(const struct job *j, struct export_out *out, int64_t *total,
                             struct fault *f)
{
    auto_with(link_closep) struct link *l = NULL;
    enum rc rc = open_cursor(j, &l, f);

    return rc == RC_OK ? write_rows(j, out, l, total, f) : rc;
}

static void export(const struct job *j)
{
    const struct log_ctx ctx = { .area = "export", .req = j->ask->request };
    struct export_out out = { j->fd, clock_mono_ms() + LONGEST_MS };
    struct export_ask *a = j->ask;
    struct fault f = { 0 };
    int64_t total = 0;
    enum rc rc =
        a->write ? a->write(a->what, &out, &total, &f) : write_devices(j, &out, &total, &f);

    if (rc == RC_OK && write_all(j->fd, "0\r\n\r\n", 5))
        log_info(&ctx, "%" PRId64 " rows exported", total);
    else
        log_warn(&ctx, "cut after %" PRId64 " rows: %s", total, f.text);
}

static void *run(void *arg)
{
    auto_free struct job *j = arg;
    struct exports *e = j->all;

    pthread_setname_np(pthread_self(), "export");
    export(j);
    export_ask_free(j->ask);
    pthread_mutex_lock(&e->lock);
    e->fds[j->place] = -1;
    e->running--;
    close(j->fd);
    pthread_cond_signal(&e->ended);
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

// ---------------------------------------------------------------- all of them

// Writing waits for the reader, within bounds.
static bool make_patient(int fd)
{
    const struct timeval stall = { .tv_sec = STALL_S };
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof stall) == 0;
}

// Under the lock.
static int take_place(struct exports *e, int fd)
{
    for (int i = 0; i < EXPORTS_MAX && !e->stopping; i++)
        if (e->fds[i] < 0) {
            e->fds[i] = fd;
            e->running++;
            return i;
        }
    return -1;
}

static bool start_job(struct job *j)
{
    pthread_attr_t detached;
    pthread_t thread;
    bool started;

    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    started = pthread_create(&thread, &detached, run, j) == 0;
    pthread_attr_destroy(&detached);
    return started;
}

static bool take_stream(void *ctx, void *arg, int fd)
{
    struct exports *e = ctx;
    struct job *j = malloc(sizeof *j);
    bool good;

    pthread_mutex_lock(&e->lock);
    if (j)
        *j = (struct job){ .all = e, .ask = arg, .fd = fd, .place = take_place(e, fd) };
    good = j && j->place >= 0 && make_patient(fd) && start_job(j);
    if (!good && j && j->place >= 0) {
        e->fds[j->place] = -1;
        e->running--;
    }
    pthread_mutex_unlock(&e->lock);
    if (!good) {
        free(j);
        export_ask_free(arg);
        close(fd);
    }
    return good;
}

static void drop_stream(void *ctx, void *arg)
{
    (void)ctx;
    export_ask_free(arg);
}

bool exports_are_full(struct exports *e)
{
    bool full;

    pthread_mutex_lock(&e->lock);
    full = e->running == EXPORTS_MAX;
    pthread_mutex_unlock(&e->lock);
    return full;
}

enum rc exports_start(const char *conninfo, struct streams *streams, struct exports **out,
                      struct fault *f)
{
    struct exports *e = calloc(1, sizeof *e);

    if (!e)
        return fail(f, RC_INTERNAL, "out of memory");
    e->conninfo = conninfo;
    e->streams = streams;
    for (int i = 0; i < EXPORTS_MAX; i++)
        e->fds[i] = -1;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->ended, NULL);
    streams_provide(streams, STREAM_EXPORT, take_stream, drop_stream, e);
    *out = e;
    return RC_OK;
}

void exports_stop(struct exports *e)
{
    if (!e)
        return;
    streams_provide(e->streams, STREAM_EXPORT, NULL, NULL, NULL);
    pthread_mutex_lock(&e->lock);
    e->stopping = true;
    for (int i = 0; i < EXPORTS_MAX; i++)
        if (e->fds[i] >= 0)
            shutdown(e->fds[i], SHUT_RDWR);
    while (e->running > 0)
        pthread_cond_wait(&e->ended, &e->lock);
    pthread_mutex_unlock(&e->lock);
    pthread_cond_destroy(&e->ended);
    pthread_mutex_destroy(&e->lock);
    free(e);
}
