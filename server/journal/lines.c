// SPDX-License-Identifier: Apache-2.0

#include "journal/lines.h"

#include <stdio.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"

#define PAGE 500

struct page {
    const struct lines *lines;
    FILE *to;
    int64_t count;
};

static void write_cell(const char *text, FILE *to)
{
    fputc(',', to);
    export_cell(text ? text : "", to);
}

static void write_csv(const struct search_line *l, FILE *to)
{
    const struct journal_entry *e = &l->entry;
    char at[RFC3339_LEN + 1];

    clock_rfc3339(e->t, at);
    fprintf(to, "%s,%s", at, l->id ? l->id : "");
    write_cell(l->device_name, to);
    fprintf(to, ",%s,%s", e->event ? "true" : "false", journal_level_name(e->level));
    write_cell(e->name, to);
    write_cell(e->source, to);
    write_cell(e->text, to);
    write_cell(e->fields, to);
    fprintf(to, "\r\n");
}

static void write_json(const struct search_line *l, FILE *to)
{
    json_auto_t *o = journal_to_json(&l->entry);

    add_text(o, "device", l->id);
    add_text(o, "deviceName", l->device_name);
    json_dumpf(o, to, JSON_COMPACT);
    fputc('\n', to);
}

static void write_line(void *ctx, const struct search_line *l)
{
    struct page *p = ctx;

    if (p->lines->format == EXPORT_CSV)
        write_csv(l, p->to);
    else
        write_json(l, p->to);
    p->count++;
}

// The page behind cursor, which moves behind it.
static enum rc write_page(const struct lines *l, struct export_out *out, char *cursor,
                          int64_t *total, struct fault *f)
{
    auto_free char *text = NULL;
    struct search_end end = { 0 };
    struct page p = { .lines = l };
    size_t len = 0;
    enum rc rc;

    p.to = open_memstream(&text, &len);
    if (!p.to)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = search_run(l->store, l->catalog, &l->search, cursor, PAGE, write_line, &p, &end, f);
    if (fclose(p.to) != 0 && rc == RC_OK)
        rc = fail(f, RC_INTERNAL, "out of memory");
    memcpy(cursor, end.next, sizeof end.next);
    *total += p.count;
    return rc == RC_OK ? export_put(out, text, len, f) : rc;
}

enum rc lines_write(void *what, struct export_out *to, int64_t *total, struct fault *f)
{
    static const char head[] = "t,device,deviceName,event,level,name,source,text,fields\r\n";
    const struct lines *l = what;
    char cursor[JOURNAL_CURSOR_LEN] = "";
    enum rc rc = l->format == EXPORT_CSV ? export_put(to, head, sizeof head - 1, f) : RC_OK;

    if (rc == RC_OK)
        rc = write_page(l, to, cursor, total, f);
    while (rc == RC_OK && *cursor)
        rc = write_page(l, to, cursor, total, f);
    return rc;
}
