// SPDX-License-Identifier: Apache-2.0

#include "catalog/catalog.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "catalog_sql.h"
#include "core/auto.h"
#include "core/clock.h"
#include "store/arg.h"
#include "store/store.h"

#define PAGE          100
#define READ_AGAIN_MS 1000

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// What these mean in an address or a file name is taken.
static const char *const reserved[] = {
    "api",    "c",     "live",    "device",        "images", "tuf",     "healthz", "readyz",
    "assets", "login", "metrics", "subscriptions", "twins",  "devices", "jobs",
};

// It is a label of the name that its CA is bound to: RFC 1123 section 2.1.
bool catalog_name_valid(const char *name, struct fault *f)
{
    size_t len = strlen(name);

    if (len < 1 || len > CATALOG_NAME_MAX || *name == '-' || name[len - 1] == '-' ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != len) {
        fail(f, RC_INVALID,
             "a catalog's name is 1 to %d of a-z, 0-9 and -, which neither begins "
             "nor ends it",
             CATALOG_NAME_MAX);
        return false;
    }
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (!strcmp(name, reserved[i])) {
            fail(f, RC_INVALID, "'%s' is reserved: choose another name", name);
            return false;
        }
    return true;
}

enum rc catalog_ensure(struct store *s, const char *name, int32_t *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc;

    if (!catalog_name_valid(name, f))
        return RC_INVALID;
    rc = store_run(s, &Q_CATALOG_ADD, (const char *[]){ name }, NULL, f);
    if (rc != RC_OK)
        return rc;
    rc = store_run(s, &Q_CATALOG_NUMBER, (const char *[]){ name }, &rows, f);
    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_INTERNAL, "catalog '%s' was not made", name);
    *out = (int32_t)rows_int(rows, 0, "id");
    return RC_OK;
}

enum rc catalog_make(struct store *s, const char *name, int32_t *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc;

    if (!catalog_name_valid(name, f))
        return RC_INVALID;
    rc = store_run(s, &Q_CATALOG_MAKE, (const char *[]){ name }, &rows, f);
    if (rc == RC_CONFLICT)
        return fail(f, rc, "there is a catalog '%s' already", name);
    if (rc == RC_OK)
        *out = (int32_t)rows_int(rows, 0, "id");
    return rc;
}

enum rc catalog_tallies(struct store *s, int32_t first, int32_t last, struct rows **out,
                        struct fault *f)
{
    return store_run(s, &Q_CATALOG_TALLIES, (const char *[]){ ARG_INT(first), ARG_INT(last) }, out,
                     f);
}

static void from_row(const struct rows *r, int row, struct catalog *out)
{
    *out = (struct catalog){
        .id = (int32_t)rows_int(r, row, "id"),
        .telemetry_hours = rows_int(r, row, "telemetry_hours"),
        .journal_hours = rows_int(r, row, "journal_hours"),
        .minute_hours = rows_int(r, row, "minute_hours"),
        .rollup_hours = rows_int(r, row, "rollup_hours"),
        .alert_calm_s = rows_int(r, row, "alert_calm_s"),
        .version = rows_int(r, row, "version"),
        .created_at = rows_int(r, row, "created_at"),
    };
    strncpy(out->name, rows_text(r, row, "name"), CATALOG_NAME_MAX);
}

enum rc catalog_list(struct store *s, int32_t only, int32_t after, int max, struct catalog *out,
                     int *count, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(only), ARG_INT(after), ARG_INT(max) };
    enum rc rc = store_run(s, &Q_CATALOG_PAGE, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    *count = rows_count(rows);
    for (int i = 0; i < *count; i++)
        from_row(rows, i, &out[i]);
    return RC_OK;
}

enum rc catalog_load(struct store *s, int32_t id, struct catalog *out, struct fault *f)
{
    int count = 0;
    enum rc rc = catalog_list(s, id, 0, 1, out, &count, f);

    if (rc != RC_OK)
        return rc;
    return count ? RC_OK : fail(f, RC_NOT_FOUND, "there is no such catalog");
}

enum rc catalog_retain(struct store *s, const struct catalog *wanted, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(wanted->id),
                           ARG_INT(wanted->version),
                           ARG_INT(wanted->telemetry_hours),
                           ARG_INT(wanted->journal_hours),
                           ARG_INT(wanted->minute_hours),
                           ARG_INT(wanted->rollup_hours),
                           ARG_INT(wanted->alert_calm_s) };
    enum rc rc = store_run(s, &Q_CATALOG_RETAIN, args, &rows, f);

    if (rc != RC_OK || rows_count(rows) > 0)
        return rc;
    return fail(f, RC_CONFLICT, "the catalog changed meanwhile: read it again");
}

// ---------------------------------------------------------------- in memory

struct known {
    int32_t id;
    char name[CATALOG_NAME_MAX + 1];
};

struct catalogs {
    pthread_mutex_t lock;
    struct known *known;
    size_t count;
    int64_t read_at; // clock_mono_ms
};

DEFINE_AUTO(struct catalogs *, catalogs_freep, catalogs_free)

void catalogs_free(struct catalogs *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    free(c->known);
    free(c);
}

// Adds those above the highest number known: numbers only grow and no catalog is renamed.
static enum rc read_page(struct catalogs *c, struct store *s, int *got, struct fault *f)
{
    struct catalog page[PAGE];
    int32_t after = c->count ? c->known[c->count - 1].id : 0;
    enum rc rc = catalog_list(s, 0, after, PAGE, page, got, f);

    if (rc != RC_OK || *got == 0)
        return rc;
    struct known *known = realloc(c->known, (c->count + (size_t)*got) * sizeof *known);
    if (!known)
        return fail(f, RC_INTERNAL, "out of memory");
    c->known = known;
    for (int i = 0; i < *got; i++) {
        struct known *k = &known[c->count++];
        k->id = page[i].id;
        memcpy(k->name, page[i].name, sizeof k->name);
    }
    return RC_OK;
}

static enum rc read_all(struct catalogs *c, struct store *s, struct fault *f)
{
    int got = PAGE;

    c->read_at = clock_mono_ms();
    while (got == PAGE) {
        enum rc rc = read_page(c, s, &got, f);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

enum rc catalogs_load(struct store *s, struct catalogs **out, struct fault *f)
{
    auto_with(catalogs_freep) struct catalogs *c = calloc(1, sizeof *c);

    if (!c)
        return fail(f, RC_INTERNAL, "out of memory");
    pthread_mutex_init(&c->lock, NULL);
    enum rc rc = read_all(c, s, f);
    if (rc == RC_OK)
        *out = take(&c);
    return rc;
}

static int32_t number_of(const struct catalogs *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (!strcmp(c->known[i].name, name))
            return c->known[i].id;
    return 0;
}

// Reading again under the lock holds up others with a known name for at most one query a second.
int32_t catalogs_find(struct catalogs *c, struct store *s, const char *name)
{
    pthread_mutex_lock(&c->lock);
    int32_t id = number_of(c, name);
    if (!id && clock_mono_ms() - c->read_at >= READ_AGAIN_MS && catalog_name_valid(name, NULL) &&
        read_all(c, s, NULL) == RC_OK)
        id = number_of(c, name);
    pthread_mutex_unlock(&c->lock);
    return id;
}

bool catalogs_name(struct catalogs *c, int32_t id, char out[CATALOG_NAME_MAX + 1])
{
    bool found = false;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->count && !found; i++)
        if (c->known[i].id == id) {
            memcpy(out, c->known[i].name, CATALOG_NAME_MAX + 1);
            found = true;
        }
    pthread_mutex_unlock(&c->lock);
    return found;
}
