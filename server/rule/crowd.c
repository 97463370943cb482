// SPDX-License-Identifier: Apache-2.0

#include "rule/crowd.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "rule/book.h"
#include "rule_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define PAGE 10000

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static enum rc no_memory(struct fault *f)
{
    return fail(f, RC_INTERNAL, "out of memory");
}

void crowd_done(struct crowd *c)
{
    for (size_t i = 0; i < c->scope_count; i++)
        free(c->scopes[i]);
    free(c->scopes);
    free(c->sites);
    *c = (struct crowd){ 0 };
}

enum rc crowd_scope(struct store *s, struct crowd *c, const struct rule *r, int *out,
                    struct fault *f)
{
    struct device_filter filter = { 0 };
    char **grown;
    enum rc rc = book_filter(s, c->catalog, r, false, &filter, f);

    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < c->scope_count; i++) {
        if (!strcmp(c->scopes[i], filter.row)) {
            *out = (int)i;
            device_filter_done(&filter);
            return RC_OK;
        }
    }
    grown = c->scope_count < ENGINE_SCOPES
                ? reallocarray(c->scopes, c->scope_count + 1, sizeof *grown)
                : NULL;
    if (grown) {
        c->scopes = grown;
        *out = (int)c->scope_count;
        c->scopes[c->scope_count++] = take(&filter.row);
    }
    device_filter_done(&filter);
    return grown
               ? RC_OK
               : fail(f, RC_LIMIT, "the rules have more than %d different 'where'", ENGINE_SCOPES);
}

// A text as a key: FNV-1a, and its top bit off.
static int64_t site_key(struct crowd *c, const char *site)
{
    uint64_t h = 0xcbf29ce484222325u;
    struct crowd_site *grown;
    int64_t key;

    if (!site || !*site || strlen(site) >= CROWD_SITE)
        return 0;
    for (const char *p = site; *p; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001b3u;
    key = (int64_t)(h >> 1 | 1);
    for (size_t i = 0; i < c->site_count; i++)
        if (c->sites[i].key == key)
            return key;
    grown = reallocarray(c->sites, c->site_count + 1, sizeof *grown);
    if (!grown)
        return key;
    c->sites = grown;
    grown[c->site_count].key = key;
    memccpy(grown[c->site_count++].name, site, '\0', CROWD_SITE);
    return key;
}

static int by_device(const void *a, const void *b)
{
    const struct engine_who *x = a, *y = b;

    return (x->device > y->device) - (x->device < y->device);
}

static enum rc mark_scope(struct store *s, const struct crowd *c, size_t scope, const char *list,
                          struct engine_who *who, size_t n, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { c->scopes[scope], list };
    enum rc rc = store_run(s, &Q_RULE_SCOPE, args, &rows, f);

    for (int i = 0; rc == RC_OK && i < rows_count(rows); i++) {
        struct engine_who wanted = { .device = rows_int(rows, i, "device") };
        struct engine_who *found = bsearch(&wanted, who, n, sizeof *who, by_device);

        if (found)
            found->scopes[scope / 64] |= UINT64_C(1) << scope % 64;
    }
    return rc;
}

static enum rc read_who(struct store *s, struct crowd *c, const char *list, struct engine_who *who,
                        size_t n, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(c->catalog), list };
    enum rc rc = store_run(s, &Q_RULE_DEVICES, args, &rows, f);

    for (int i = 0; rc == RC_OK && i < rows_count(rows); i++) {
        struct engine_who wanted = { .device = rows_int(rows, i, "device") };
        struct engine_who *found = bsearch(&wanted, who, n, sizeof *who, by_device);

        if (!found)
            continue;
        found->group = rows_int(rows, i, "device_group");
        found->product = rows_int(rows, i, "product");
        found->site = site_key(c, rows_text(rows, i, "site"));
        found->heard = !c->unheard && rows_bool(rows, i, "heard");
    }
    return rc;
}

enum rc crowd_put(struct store *s, struct crowd *c, const int64_t *devices, size_t n, int64_t now,
                  struct fault *f)
{
    auto_free struct engine_who *who = calloc(n + 1, sizeof *who);
    auto_free char *list = arg_list(devices, n);
    enum rc rc;

    if (!who || !list)
        return no_memory(f);
    for (size_t i = 0; i < n; i++)
        who[i].device = devices[i];
    qsort(who, n, sizeof *who, by_device);
    rc = read_who(s, c, list, who, n, f);
    for (size_t i = 0; rc == RC_OK && i < c->scope_count; i++)
        rc = mark_scope(s, c, i, list, who, n, f);
    for (size_t i = 0; rc == RC_OK && i < n; i++)
        if (!engine_put(c->engine, &who[i], now))
            rc = no_memory(f);
    return rc;
}

enum rc crowd_put_all(struct store *s, struct crowd *c, int scope, int64_t now, struct fault *f)
{
    auto_free int64_t *list = calloc(PAGE, sizeof *list);
    int64_t after = 0;
    int count = PAGE;
    enum rc rc = list ? RC_OK : no_memory(f);

    while (rc == RC_OK && count == PAGE && !(c->stop && atomic_load(c->stop))) {
        auto_with(rows_freep) struct rows *rows = NULL;
        const char *args[] = { c->scopes[scope], ARG_INT(after), ARG_INT(PAGE) };

        rc = store_run(s, &Q_RULE_CROWD, args, &rows, f);
        count = rc == RC_OK ? rows_count(rows) : 0;
        for (int i = 0; i < count; i++)
            after = list[i] = rows_int(rows, i, "device");
        if (count > 0)
            rc = crowd_put(s, c, list, (size_t)count, now, f);
    }
    return rc;
}

const char *crowd_site(const struct crowd *c, int64_t key)
{
    for (size_t i = 0; i < c->site_count; i++)
        if (c->sites[i].key == key)
            return c->sites[i].name;
    return NULL;
}
