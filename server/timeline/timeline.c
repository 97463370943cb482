// SPDX-License-Identifier: Apache-2.0

#include "timeline/timeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "device/device.h"
#include "journal/journal.h"
#include "keeper/keeper.h"
#include "store/arg.h"
#include "store/store.h"
#include "timeline_sql.h"

#define AHEAD_MS 600000 // a device's clock may be that far ahead

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static const char *const names[TIMELINE_KINDS] = {
    [TIMELINE_LIFE] = "life",   [TIMELINE_TRUST] = "trust", [TIMELINE_ALERT] = "alert",
    [TIMELINE_EVENT] = "event", [TIMELINE_LOG] = "log",     [TIMELINE_ACT] = "act",
};

const char *timeline_kind_name(enum timeline_kind k)
{
    return (size_t)k < TIMELINE_KINDS ? names[k] : "";
}

int timeline_kind_from_name(const char *name)
{
    for (int k = 0; name && k < TIMELINE_KINDS; k++)
        if (!strcmp(names[k], name))
            return k;
    return -1;
}

// ---------------------------------------------------------------- places

struct place { // what follows is below it
    int64_t us, ref;
    char kind[8];
};

static enum rc read_place(const char *text, struct place *out, struct fault *f)
{
    *out = (struct place){ .us = (clock_now_ms() + AHEAD_MS) * 1000 };
    if (!*text)
        return RC_OK;
    if (sscanf(text, "%" SCNd64 ".%" SCNd64 ".%7[a-z]", &out->us, &out->ref, out->kind) < 2)
        return fail(f, RC_INVALID, "cursor is not from this list: start again without it");
    return RC_OK;
}

static void write_place(int64_t us, int64_t ref, const char *kind, char out[TIMELINE_CURSOR])
{
    snprintf(out, TIMELINE_CURSOR, "%" PRId64 ".%" PRId64 ".%s", us, ref, kind);
}

// ---------------------------------------------------------------- reading

// Why an item is as grave as it is, in the words of its kind.
static const char *word_of_level(enum timeline_kind k, const char *what, int level)
{
    switch (k) {
    case TIMELINE_ALERT:
        return alert_severity_name((enum alert_severity)level);
    case TIMELINE_EVENT:
    case TIMELINE_LOG:
        return journal_level_name((enum journal_level)level);
    case TIMELINE_TRUST:
        if (!strcmp(what, "attested"))
            return verdict_name((enum verdict)level);
        return level == CERT_QUARANTINE ? "quarantine" : "operational";
    case TIMELINE_LIFE:
    case TIMELINE_ACT:
    case TIMELINE_KINDS:
        break;
    }
    return NULL;
}

static json_t *item_to_json(const struct rows *r, int row)
{
    json_t *o = json_object();
    const char *kind = rows_text(r, row, "kind"), *what = rows_text(r, row, "what");
    bool graded = rows_text(r, row, "level") != NULL;

    add_time(o, "at", rows_int(r, row, "us") / 1000);
    add_text(o, "kind", kind);
    add_text(o, "what", what);
    add_text(o, "text", rows_text(r, row, "text"));
    add_text(o, "actor", rows_text(r, row, "actor"));
    add_text(o, "level",
             graded ? word_of_level((enum timeline_kind)timeline_kind_from_name(kind),
                                    what ? what : "", (int)rows_int(r, row, "level"))
                    : NULL);
    add_text(o, "alert", rows_text(r, row, "alert"));
    add_int(o, "count", rows_text(r, row, "n") ? rows_int(r, row, "n") : 1);
    return o;
}

static void list_kinds(uint32_t kinds, char out[64])
{
    size_t len = 0;

    for (int k = 0; k < TIMELINE_KINDS; k++)
        if (kinds & 1u << k)
            len += (size_t)snprintf(out + len, 64 - len, "%c%s", len ? ',' : '{', names[k]);
    snprintf(out + len, 64 - len, "%s", len ? "}" : "{}");
}

// 0 where all lines were read.
static enum rc find_edge(struct store *s, const struct timeline_ask *a, const struct place *from,
                         int64_t *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(a->catalog), ARG_INT(a->device), ARG_INT(from->us),
                           ARG_INT(TIMELINE_LINES) };
    enum rc rc;

    *out = 0;
    if (!(a->kinds & 1u << TIMELINE_LOG))
        return RC_OK;
    rc = store_run(s, &Q_TIMELINE_EDGE, args, &rows, f);
    if (rc == RC_OK && rows_count(rows) > 0 && rows_text(rows, 0, "edge"))
        *out = rows_int(rows, 0, "edge");
    return rc;
}

enum rc timeline_read(struct store *s, const struct timeline_ask *a, json_t **out,
                      char next[TIMELINE_CURSOR], struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    struct place from;
    char kinds[64];
    int64_t edge = 0;
    enum rc rc = read_place(a->place, &from, f);

    if (rc == RC_OK)
        rc = find_edge(s, a, &from, &edge, f);
    if (rc != RC_OK)
        return rc;
    list_kinds(a->kinds, kinds);
    const char *args[] = {
        ARG_INT(a->catalog),
        ARG_INT(a->device),
        a->id,
        kinds,
        ARG_INT(from.us),
        from.kind,
        ARG_INT(from.ref),
        ARG_INT(edge),
        ARG_INT(TIMELINE_BURST),
        ARG_INT(TIMELINE_LINES),
        ARG_INT(a->limit + 1),
    };
    rc = store_run(s, &Q_TIMELINE_PAGE, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    int found = rows_count(rows), shown = found > a->limit ? a->limit : found;

    *next = '\0';
    if (found > a->limit)
        write_place(rows_int(rows, shown - 1, "us"), rows_int(rows, shown - 1, "ref"),
                    rows_text(rows, shown - 1, "kind"), next);
    else if (edge)
        write_place(edge, 0, "", next);
    *out = json_array();
    for (int i = 0; i < shown; i++)
        json_array_append_new(*out, item_to_json(rows, i));
    return RC_OK;
}
