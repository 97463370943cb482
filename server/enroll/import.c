// SPDX-License-Identifier: Apache-2.0

#include "enroll/import.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/csv.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "device/roster.h"
#include "enroll/claim.h"
#include "enroll/enroll.h"

DEFINE_AUTO(struct claim_groups *, groups_freep, claim_groups_free)

// ---------------------------------------------------------------- columns

struct columns {
    size_t count;
    const char *fields[CSV_FIELDS_MAX]; // member of a claim; NULL: a tag
    const char *tags[CSV_FIELDS_MAX];   // its name, ""  for a column without one
};

static const struct {
    const char *said, *field;
} known[] = {
    { "publicKey", "publicKey" },
    { "public_key", "publicKey" },
    { "public key", "publicKey" },
    { "id", "id" },
    { "fingerprint", "fingerprint" },
    { "name", "name" },
    { "group", "group" },
};

static char *trim(char *text)
{
    size_t len;

    text += strspn(text, " \t\r\n");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        text[--len] = '\0';
    return text;
}

static bool has_key_column(const struct columns *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->fields[i] && strcmp(c->fields[i], "name") != 0 && strcmp(c->fields[i], "group") != 0)
            return true;
    return false;
}

static bool same_column(const struct columns *c, size_t a, size_t b)
{
    return c->fields[a] ? c->fields[a] == c->fields[b]
                        : !c->fields[b] && *c->tags[a] && !strcmp(c->tags[a], c->tags[b]);
}

static const char *field_of(const char *said)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcasecmp(said, known[i].said))
            for (size_t k = 0;; k++) // one address a field, so that two columns can be compared
                if (!strcmp(known[k].field, known[i].field))
                    return known[k].field;
    return NULL;
}

static enum rc check_columns(const struct columns *c, struct fault *f)
{
    for (size_t i = 0; i < c->count; i++) {
        for (size_t k = 0; k < i; k++)
            if (same_column(c, i, k))
                return fail(f, RC_INVALID, "two columns are named '%.60s'", c->tags[i]);
        if (!c->fields[i] && strlen(c->tags[i]) > TAG_NAME_MAX)
            return fail(f, RC_INVALID, "the name of column %zu is longer than %d bytes", i + 1,
                        TAG_NAME_MAX);
    }
    return RC_OK;
}

static enum rc read_columns(struct csv *csv, struct columns *out, struct fault *f)
{
    struct csv_row row;

    if (csv_next(csv, &row) != CSV_ROW)
        return fail(f, RC_INVALID, "line %lld, which should name the columns, is bad: %s",
                    (long long)row.line, row.reason ? row.reason : "there is none");
    out->count = row.count;
    for (size_t i = 0; i < row.count; i++) {
        out->tags[i] = trim(row.fields[i]);
        out->fields[i] = field_of(out->tags[i]);
    }
    if (!has_key_column(out))
        return fail(f, RC_INVALID,
                    "line %lld must name the columns, publicKey, fingerprint or id among them; it "
                    "begins with '%.40s'",
                    (long long)row.line, out->tags[0]);
    return check_columns(out, f);
}

// ---------------------------------------------------------------- rows

static void add_problem(json_t *list, const char *member, int64_t at, const char *text)
{
    json_t *o;

    if (json_array_size(list) >= JOB_PROBLEMS_MAX)
        return;
    o = json_object();
    add_int(o, member, at);
    add_text(o, "text", text);
    json_array_append_new(list, o);
}

// NULL with a reason where it has a cell too many.
static json_t *claim_of(const struct columns *c, struct csv_row *row, const char **reason)
{
    json_auto_t *claim = json_object();
    json_t *tags = json_object();

    json_object_set_new(claim, "tags", tags);
    for (size_t i = 0; i < row->count; i++) {
        const char *cell = trim(row->fields[i]);

        if (!*cell)
            continue;
        if (i >= c->count || (!c->fields[i] && !*c->tags[i])) {
            *reason = "there is a cell beyond the columns that the first line names";
            return NULL;
        }
        if (c->fields[i])
            add_text(claim, c->fields[i], cell);
        else
            add_text(tags, c->tags[i], cell);
    }
    return take(&claim);
}

static void add_row(struct import *im, const struct columns *c, struct csv_row *row, bool bad)
{
    json_t *claim = bad ? NULL : claim_of(c, row, &row->reason);

    if (!claim) {
        im->bad++;
        add_problem(im->problems, "line", row->line, row->reason);
        return;
    }
    // A line of separators only, as spreadsheets leave them at the end.
    if (json_object_size(claim) == 1 && json_object_size(json_object_get(claim, "tags")) == 0) {
        json_decref(claim);
        return;
    }
    json_array_append_new(im->devices, claim);
    json_array_append_new(im->lines, json_integer(row->line));
}

enum rc import_csv(const char *bytes, size_t len, struct import *out, struct fault *f)
{
    auto_with(csv_done) struct csv csv = { 0 };
    struct columns columns = { 0 };
    struct csv_row row;
    enum csv_kind kind;
    enum rc rc = csv_open(&csv, bytes, len, f);

    if (rc == RC_OK)
        rc = read_columns(&csv, &columns, f);
    if (rc != RC_OK)
        return rc;
    *out =
        (struct import){ .devices = json_array(), .lines = json_array(), .problems = json_array() };
    while ((kind = csv_next(&csv, &row)) != CSV_END)
        add_row(out, &columns, &row, kind == CSV_BAD);
    if (json_array_size(out->devices) > 0 || out->bad > 0)
        return RC_OK;
    import_done(out);
    return fail(f, RC_INVALID, "the file names columns, but has no rows");
}

void import_done(struct import *i)
{
    json_decref(i->devices);
    json_decref(i->lines);
    json_decref(i->problems);
    *i = (struct import){ 0 };
}

// ---------------------------------------------------------------- what was in the file before

struct seen {
    uint8_t id[16];
    uint32_t row; // 1 is the first; 0: free
};

struct importing {
    json_t *devices, *lines;
    struct claim_groups *groups;
    size_t size; // of seen; a power of two, more than twice the rows
    struct seen *seen;
};

// The row that named the same device before; -1 where this one is the first.
static int64_t seen_before(struct importing *im, const char *id, int64_t row)
{
    uint8_t bytes[16];
    uint64_t at;

    hex_decode(id, bytes, sizeof bytes);
    memcpy(&at, bytes, sizeof at);
    for (at &= im->size - 1; im->seen[at].row; at = (at + 1) & (im->size - 1))
        if (!memcmp(im->seen[at].id, bytes, sizeof bytes))
            return im->seen[at].row - 1;
    im->seen[at].row = (uint32_t)row + 1;
    memcpy(im->seen[at].id, bytes, sizeof bytes);
    return -1;
}

static void finish(void *state)
{
    struct importing *im = state;

    claim_groups_free(im->groups);
    free(im->seen);
    free(im);
}

DEFINE_AUTO(struct importing *, importing_freep, finish)

// What is done already counts as seen.
static void catch_up(struct importing *im, int64_t position)
{
    struct device_entry e;

    for (int64_t i = 0; i < position; i++)
        if (claim_read(json_array_get(im->devices, (size_t)i), im->groups, &e, NULL) == RC_OK)
            seen_before(im, e.key.id, i);
}

static enum rc begin(struct store *s, int32_t catalog, json_t *request, int64_t position,
                     void **out, struct fault *f)
{
    auto_with(importing_freep) struct importing *im = calloc(1, sizeof *im);

    if (!im)
        return fail(f, RC_INTERNAL, "out of memory");
    im->devices = json_object_get(request, "devices");
    im->lines = json_object_get(request, "lines");
    im->size = 64;
    while (im->size <= 2 * json_array_size(im->devices))
        im->size *= 2;
    im->seen = calloc(im->size, sizeof *im->seen);
    if (!im->seen)
        return fail(f, RC_INTERNAL, "out of memory");
    enum rc rc = claim_groups_load(s, catalog, &im->groups, f);
    if (rc != RC_OK)
        return rc;
    catch_up(im, position);
    *out = take(&im);
    return RC_OK;
}

// ---------------------------------------------------------------- a chunk

struct chunk {
    size_t count;
    struct device_entry entries[JOB_CHUNK];
    struct device_touched touched[JOB_CHUNK];
    char why[JOB_CHUNK][sizeof((struct fault){ 0 }.text)]; // of those that are skipped
};

struct news {
    int32_t catalog;
    size_t count;
    struct {
        char id[DEVICE_ID_LEN + 1];
        struct device_touched what;
    } list[JOB_CHUNK];
};

static void report(const struct importing *im, struct job_chunk *c, size_t i, const char *text)
{
    int64_t row = c->position + (int64_t)i;

    if (im->lines)
        add_problem(c->problems, "line", json_integer_value(json_array_get(im->lines, (size_t)row)),
                    text);
    else
        add_problem(c->problems, "index", row, text);
}

static void read_row(struct importing *im, struct chunk *k, struct job_chunk *c, size_t i)
{
    int64_t row = c->position + (int64_t)i, first = -1;
    struct fault why = { 0 };
    json_t *said = json_array_get(im->devices, (size_t)row);
    enum rc rc = claim_read(said, im->groups, &k->entries[i], &why);

    if (rc == RC_OK)
        first = seen_before(im, k->entries[i].key.id, row);
    if (first >= 0)
        rc =
            fail(&why, RC_INVALID, "the same device as %s %lld", im->lines ? "line" : "index",
                 im->lines ? (long long)json_integer_value(json_array_get(im->lines, (size_t)first))
                           : (long long)first);
    k->entries[i].skip = rc != RC_OK;
    memcpy(k->why[i], why.text, sizeof why.text);
}

static void count_row(const struct importing *im, const struct chunk *k, struct job_chunk *c,
                      struct news *news, size_t i)
{
    const struct device_touched *t = &k->touched[i];
    const char *why = k->entries[i].skip ? k->why[i] : enroll_refusal(&k->entries[i], t);

    if (why) {
        c->refused++;
        report(im, c, i, why);
    } else if (!t->changed) {
        c->unchanged++;
        report(im, c, i, "this device is claimed already");
    } else {
        c->changed++;
        memcpy(news->list[news->count].id, k->entries[i].key.id, DEVICE_ID_LEN + 1);
        news->list[news->count++].what = *t;
    }
}

// The roster has each of them before anybody hears of it; one event stands for all that are new.
static void tell(const struct job_services *s, void *arg)
{
    const struct news *n = arg;
    struct bus_event all = { .kind = BUS_DEVICE, .catalog = n->catalog, .at = clock_now_ms() };

    all.lifecycle = DEVICE_CLAIMED;
    for (size_t i = 0; i < n->count; i++) {
        const struct enroll_news one = { .catalog = n->catalog, .what = n->list[i].what };
        struct enroll_news e = one;

        memcpy(e.id, n->list[i].id, sizeof e.id);
        enroll_announce(s->roster, e.what.added ? NULL : s->bus, &e);
    }
    if (n->count > 0)
        bus_publish(s->bus, &all);
}

static enum rc step(void *state, struct store *tx, struct job_chunk *c, struct fault *f)
{
    struct importing *im = state;
    auto_free struct chunk *k = calloc(1, sizeof *k);
    struct news *news = calloc(1, sizeof *news);
    int64_t left = (int64_t)json_array_size(im->devices) - c->position;

    c->arg = news;
    c->tell = tell;
    if (!k || !news)
        return fail(f, RC_INTERNAL, "out of memory");
    news->catalog = c->catalog;
    k->count = left < JOB_CHUNK ? (size_t)left : JOB_CHUNK;
    for (size_t i = 0; i < k->count; i++)
        read_row(im, k, c, i);
    enum rc rc = enroll_many(tx, c->catalog, k->entries, k->count, k->touched, f);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < k->count; i++)
        count_row(im, k, c, news, i);
    c->count = (int64_t)k->count;
    return RC_OK;
}

const struct job_kind import_job = {
    .name = "claims",
    .action = "job claims",
    .open = begin,
    .step = step,
    .close = finish,
};
