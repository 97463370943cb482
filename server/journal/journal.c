// SPDX-License-Identifier: Apache-2.0

#include "journal/journal.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/json_out.h"
#include "journal_sql.h"
#include "store/arg.h"
#include "store/store.h"

struct journal_page {
    struct rows *rows;
    int count; // the query may have found one more
    char next[JOURNAL_CURSOR_LEN];
};

DEFINE_AUTO(struct journal_page *, page_freep, journal_page_free)

static const char *const level_names[JOURNAL_LEVEL_COUNT] = {
    [JOURNAL_ERROR] = "error",
    [JOURNAL_WARN] = "warn",
    [JOURNAL_INFO] = "info",
    [JOURNAL_DEBUG] = "debug",
};

const char *journal_level_name(enum journal_level l)
{
    return (size_t)l < JOURNAL_LEVEL_COUNT ? level_names[l] : "info";
}

int journal_level_from_name(const char *name)
{
    for (int i = 0; i < JOURNAL_LEVEL_COUNT; i++)
        if (!strcmp(name, level_names[i]))
            return i;
    return -1;
}

// "seq place time", as journal_page_next() wrote it.
struct position {
    char seq[24], place[24], ts[40];
};

static bool read_position(const char *cursor, struct position *out)
{
    int end = 0;

    return sscanf(cursor, "%23[-0-9] %23[(),0-9] %39[-+:. 0-9]%n", out->seq, out->place, out->ts,
                  &end) == 3 &&
           cursor[end] == '\0';
}

static const char *event_arg(enum journal_kind k)
{
    switch (k) {
    case JOURNAL_ALL:
        return NULL;
    case JOURNAL_LOGS:
        return "false";
    case JOURNAL_EVENTS:
        return "true";
    }
    return NULL;
}

static void set_next(struct journal_page *p, int limit)
{
    p->count = rows_count(p->rows);
    if (p->count <= limit)
        return;
    p->count = limit;
    snprintf(p->next, sizeof p->next, "%s %s %s", rows_text(p->rows, limit - 1, "seq"),
             rows_text(p->rows, limit - 1, "place"), rows_text(p->rows, limit - 1, "ts"));
}

enum rc journal_read(struct store *s, int32_t catalog, int64_t device,
                     const struct journal_filter *filter, const char *cursor, int limit,
                     struct journal_page **out, struct fault *f)
{
    auto_with(page_freep) struct journal_page *p = calloc(1, sizeof *p);
    struct position at;
    const char *args[] = { ARG_INT(catalog),
                           ARG_INT(device),
                           ARG_INT(filter->level),
                           event_arg(filter->kind),
                           ARG_INT(limit + 1),
                           at.ts,
                           at.seq,
                           at.place };

    if (!p)
        return fail(f, RC_INTERNAL, "out of memory");
    if (*cursor && !read_position(cursor, &at))
        return fail(f, RC_INVALID, "cursor is not from this list: start again without it");
    enum rc rc = store_run(s, *cursor ? &Q_JOURNAL_PAGE_AFTER : &Q_JOURNAL_PAGE, args, &p->rows, f);
    if (rc != RC_OK)
        return rc;
    set_next(p, limit);
    *out = take(&p);
    return RC_OK;
}

int journal_page_count(const struct journal_page *p)
{
    return p->count;
}

void journal_page_entry(const struct journal_page *p, int index, struct journal_entry *out)
{
    *out = (struct journal_entry){
        .t = rows_int(p->rows, index, "t"),
        .event = rows_bool(p->rows, index, "event"),
        .level = (enum journal_level)rows_int(p->rows, index, "level"),
        .name = rows_text(p->rows, index, "name"),
        .source = rows_text(p->rows, index, "source"),
        .text = rows_text(p->rows, index, "text"),
        .fields = rows_text(p->rows, index, "fields"),
    };
}

const char *journal_page_next(const struct journal_page *p)
{
    return *p->next ? p->next : NULL;
}

void journal_page_free(struct journal_page *p)
{
    if (!p)
        return;
    if (p->rows)
        rows_free(p->rows);
    free(p);
}

json_t *journal_to_json(const struct journal_entry *e)
{
    json_t *o = json_object();

    add_int(o, "t", e->t);
    add_bool(o, "event", e->event);
    add_text(o, "level", journal_level_name(e->level));
    add_text(o, "name", e->name);
    add_text(o, "source", e->source);
    add_text(o, "text", e->text);
    add_json(o, "fields", e->fields ? json_loads(e->fields, 0, NULL) : NULL);
    return o;
}
