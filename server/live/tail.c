// SPDX-License-Identifier: Apache-2.0

#include "live/tail.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/json_out.h"

struct tail {
    struct tail_filter filter;
    uint64_t number; // all there ever were
    uint64_t told;
    uint64_t left_out;
    char *lines[TAIL_KEPT]; // owned; by number
};

struct tail *tail_new(const struct tail_filter *filter)
{
    struct tail *t = calloc(1, sizeof *t);

    if (t)
        t->filter = *filter;
    return t;
}

void tail_free(struct tail *t)
{
    for (size_t i = 0; t && i < TAIL_KEPT; i++)
        free(t->lines[i]);
    free(t);
}

// ---------------------------------------------------------------- what is asked for

static const char *member(json_t *m, const char *name)
{
    const char *text = json_string_value(json_object_get(m, name));

    return text ? text : "";
}

static enum rc read_level(json_t *m, struct tail_filter *out, struct fault *f)
{
    const char *text = member(m, "level");
    int level = *text ? journal_level_from_name(text) : JOURNAL_DEBUG;

    if (level < 0)
        return fail(f, RC_INVALID, "level must be one of error, warn, info, debug");
    out->level = (enum journal_level)level;
    return RC_OK;
}

static enum rc read_kind(json_t *m, struct tail_filter *out, struct fault *f)
{
    const char *text = member(m, "kind");

    out->kind = !strcmp(text, "logs")     ? JOURNAL_LOGS
                : !strcmp(text, "events") ? JOURNAL_EVENTS
                                          : JOURNAL_ALL;
    return *text && out->kind == JOURNAL_ALL ? fail(f, RC_INVALID, "kind must be logs or events")
                                             : RC_OK;
}

enum rc tail_filter_read(json_t *m, struct tail_filter *out, struct fault *f)
{
    const char *source = member(m, "source"), *device = member(m, "device"), *q = member(m, "q");
    enum rc rc;

    memset(out, 0, sizeof *out);
    if (strlen(source) >= sizeof out->source)
        return fail(f, RC_INVALID, "source must be at most %d bytes", LIMIT_NAME_BYTES);
    if (*device && !device_id_valid(device))
        return fail(f, RC_INVALID, "a device id is %d hex digits", DEVICE_ID_LEN);
    snprintf(out->source, sizeof out->source, "%s", source);
    snprintf(out->device, sizeof out->device, "%s", device);
    rc = read_level(m, out, f);
    if (rc == RC_OK)
        rc = read_kind(m, out, f);
    return rc == RC_OK && *q ? words_read(q, &out->words, f) : rc;
}

static bool wants(const struct tail_filter *f, const struct bus_event *e)
{
    return e->level <= (int)f->level &&
           (f->kind == JOURNAL_ALL || (f->kind == JOURNAL_EVENTS) == (e->name != NULL)) &&
           (!*f->source || (e->source && !strcmp(e->source, f->source))) &&
           (!*f->device || (e->id && !strcmp(e->id, f->device))) &&
           words_match(&f->words, e->name, e->source, e->text);
}

// ---------------------------------------------------------------- lines

static char *line_text(const struct bus_event *e)
{
    const struct journal_entry entry = { .t = e->at,
                                         .event = e->name != NULL,
                                         .level = (enum journal_level)e->level,
                                         .name = e->name,
                                         .source = e->source,
                                         .text = e->text,
                                         .fields = e->fields };
    json_auto_t *o = journal_to_json(&entry);

    add_text(o, "device", e->id);
    return json_dumps(o, JSON_COMPACT);
}

bool tail_note(struct tail *t, const struct bus_event *e)
{
    char *text, **place = &t->lines[t->number % TAIL_KEPT];

    if (!wants(&t->filter, e))
        return false;
    text = line_text(e);
    if (!text) {
        t->left_out++;
        return true;
    }
    if (t->number - t->told == TAIL_KEPT) {
        t->told++;
        t->left_out++;
    }
    free(*place);
    *place = text;
    t->number++;
    return true;
}

void tail_leave_out(struct tail *t, uint64_t lines)
{
    t->left_out += lines;
}

bool tail_has(const struct tail *t)
{
    return t->number != t->told || t->left_out;
}

void tail_put(struct tail *t, FILE *to)
{
    fprintf(to, ",\"items\":[");
    for (uint64_t n = t->number; n > t->told; n--)
        fprintf(to, "%s%s", n < t->number ? "," : "", t->lines[(n - 1) % TAIL_KEPT]);
    fprintf(to, "],\"leftOut\":%" PRIu64, t->left_out);
    t->told = t->number;
    t->left_out = 0;
}
