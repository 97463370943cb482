// SPDX-License-Identifier: Apache-2.0

#include "fleet/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "sdk/file.h"

#define SEQ_MAX ((int64_t)1 << 33) // 8 GiB of bits a device would be a broken ledger

static const char title[] = "# id\tboot\tsent\tacked\twithout-a-row\n";

struct ledger {
    char *path;
    char *before; // lines of earlier runs
};

static void close_file(FILE **f)
{
    if (*f)
        (void)fclose(*f);
}

void ledger_entry_done(struct ledger_entry *e)
{
    free(e->others);
    e->others = NULL;
}

void ledger_other(struct ledger_entry *e, int64_t seq)
{
    if (e->other_count == e->other_cap) {
        e->other_cap = e->other_cap ? e->other_cap * 2 : 4;
        e->others = realloc(e->others, e->other_cap * sizeof *e->others);
        if (!e->others)
            abort();
    }
    e->others[e->other_count++] = seq;
}

enum rc ledger_open(const char *path, struct ledger **out, struct fault *f)
{
    struct ledger *l = calloc(1, sizeof *l);
    enum rc rc = RC_OK;

    if (!l || !(l->path = strdup(path)))
        rc = fail(f, RC_INTERNAL, "out of memory");
    if (rc == RC_OK)
        rc = file_read(path, 64u << 20, &l->before, NULL, f);
    if (rc == RC_OK || rc == RC_NOT_FOUND) {
        *out = l;
        return RC_OK;
    }
    ledger_close(l);
    return rc;
}

void ledger_close(struct ledger *l)
{
    if (!l)
        return;
    free(l->path);
    free(l->before);
    free(l);
}

static void print_entry(FILE *to, const struct ledger_entry *e)
{
    fprintf(to, "%s\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t", e->id, e->boot, e->sent, e->acked);
    for (uint32_t i = 0; i < e->other_count; i++)
        fprintf(to, "%s%" PRId64, i ? "," : "", e->others[i]);
    fputs(e->other_count ? "\n" : "-\n", to);
}

enum rc ledger_write(const struct ledger *l, const struct ledger_entry *const *entries,
                     size_t count, struct fault *f)
{
    char beside[400];

    snprintf(beside, sizeof beside, "%s.new", l->path);
    FILE *to = fopen(beside, "we");
    if (!to)
        return fail(f, RC_UNAVAILABLE, "cannot write '%.120s': %s", beside, strerror(errno));
    fputs(l->before ? l->before : title, to);
    for (size_t i = 0; i < count; i++)
        if (entries[i]->sent)
            print_entry(to, entries[i]);
    bool ok = !ferror(to);
    if (fclose(to) || !ok || rename(beside, l->path))
        return fail(f, RC_UNAVAILABLE, "cannot write '%.120s': %s", l->path, strerror(errno));
    return RC_OK;
}

// ---------------------------------------------------------------- check

struct book_line {
    struct ledger_entry e;
    uint8_t *seen; // a bit a sequence number
};

struct book {
    struct book_line *list;
    size_t count, cap;
};

static void book_done(struct book *b)
{
    for (size_t i = 0; i < b->count; i++) {
        ledger_entry_done(&b->list[i].e);
        free(b->list[i].seen);
    }
    free(b->list);
}

static void read_others(struct ledger_entry *e, const char *at)
{
    char *end;

    for (int64_t n; *at >= '0' && *at <= '9'; at = *end == ',' ? end + 1 : end) {
        n = strtoll(at, &end, 10);
        ledger_other(e, n);
    }
}

static bool read_line(struct book *b, const char *text)
{
    struct ledger_entry e = { 0 };
    int used = 0;

    if (sscanf(text, "%32[0-9a-f]\t%" SCNd64 "\t%" SCNd64 "\t%" SCNd64 "\t%n", e.id, &e.boot,
               &e.sent, &e.acked, &used) != 4 ||
        !used || e.sent < e.acked || e.sent < 0 || e.sent > SEQ_MAX)
        return false;
    if (b->count == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 1024;
        b->list = realloc(b->list, b->cap * sizeof *b->list);
        if (!b->list)
            abort();
    }
    read_others(&e, text + used);
    b->list[b->count++] = (struct book_line){ .e = e, .seen = calloc(1, (size_t)e.sent / 8 + 1) };
    return b->list[b->count - 1].seen != NULL;
}

static int by_id_and_boot(const void *a, const void *b)
{
    const struct ledger_entry *x = &((const struct book_line *)a)->e;
    const struct ledger_entry *y = &((const struct book_line *)b)->e;
    int c = strcmp(x->id, y->id);

    return c ? c : (x->boot > y->boot) - (x->boot < y->boot);
}

static enum rc read_book(const char *path, struct book *b, struct fault *f)
{
    auto_free char *line = NULL;
    auto_with(close_file) FILE *in = fopen(path, "re");
    size_t cap = 0, number = 0;

    if (!in)
        return fail(f, RC_NOT_FOUND, "cannot read '%.120s': %s", path, strerror(errno));
    while (getline(&line, &cap, in) > 0) {
        number++;
        if (*line != '#' && !read_line(b, line))
            return fail(f, RC_INVALID, "line %zu of '%.120s' is no line of a ledger", number, path);
    }
    if (b->count)
        qsort(b->list, b->count, sizeof *b->list, by_id_and_boot);
    return RC_OK;
}

static void count_row(struct book *b, const struct book_line *key, int64_t seq,
                      struct ledger_result *out)
{
    struct book_line *l =
        b->count ? bsearch(key, b->list, b->count, sizeof *b->list, by_id_and_boot) : NULL;

    out->rows++;
    if (!l || seq < 1 || seq > l->e.sent) {
        out->ghost++;
        return;
    }
    uint8_t bit = (uint8_t)(1u << (seq & 7));
    if (l->seen[seq / 8] & bit)
        out->dup++;
    l->seen[seq / 8] |= bit;
    if (seq > l->e.acked)
        out->unacked++;
}

static enum rc read_rows(struct book *b, FILE *rows, struct ledger_result *out, struct fault *f)
{
    auto_free char *line = NULL;
    size_t cap = 0;

    while (getline(&line, &cap, rows) > 0) {
        struct book_line key = { 0 };
        double boot, seq; // PostgreSQL may print a metric as 1e+06
        if (*line == '\n')
            continue;
        if (sscanf(line, "%32[0-9a-f]%*[\t|, ]%lf%*[\t|, ]%lf", key.e.id, &boot, &seq) != 3)
            return fail(f, RC_INVALID, "row %" PRIu64 " is not 'id boot seq': %.60s", out->rows + 1,
                        line);
        key.e.boot = (int64_t)boot;
        count_row(b, &key, (int64_t)seq, out);
    }
    return RC_OK;
}

// A number without a row was never to be stored, so it cannot be lost.
static void add_up(struct book_line *l, struct ledger_result *out)
{
    for (uint32_t i = 0; i < l->e.other_count; i++) {
        int64_t seq = l->e.others[i];
        if (seq < 1 || seq > l->e.sent)
            continue;
        if (l->seen[seq / 8] & 1u << (seq & 7))
            out->ghost++;
        l->seen[seq / 8] |= (uint8_t)(1u << (seq & 7));
    }
    for (int64_t seq = 1; seq <= l->e.acked; seq++)
        out->lost += !(l->seen[seq / 8] & 1u << (seq & 7));
    out->devices++;
    out->sent += (uint64_t)l->e.sent;
    out->acked += (uint64_t)l->e.acked;
}

enum rc ledger_check(const char *path, FILE *rows, struct ledger_result *out, struct fault *f)
{
    auto_with(book_done) struct book b = { 0 };
    enum rc rc = read_book(path, &b, f);

    *out = (struct ledger_result){ 0 };
    if (rc == RC_OK)
        rc = read_rows(&b, rows, out, f);
    for (size_t i = 0; rc == RC_OK && i < b.count; i++)
        add_up(&b.list[i], out);
    return rc;
}
