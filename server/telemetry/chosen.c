// SPDX-License-Identifier: Apache-2.0

#include "telemetry/chosen.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/auto.h"
#include "device/device.h"
#include "http/http.h"
#include "http/percent.h"
#include "series_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define VALUE_MAX 1024

struct ids {
    size_t count;
    char list[CHOSEN_MAX][DEVICE_ID_LEN + 1];
};

static enum rc add_id(struct ids *ids, const char *id, struct fault *f)
{
    if (!device_id_valid(id))
        return fail(f, RC_NOT_FOUND, "this catalog has no device '%.40s'", id);
    for (size_t i = 0; i < ids->count; i++)
        if (!strcmp(ids->list[i], id))
            return fail(f, RC_INVALID, "device %.32s is named twice", id);
    if (ids->count == CHOSEN_MAX)
        return fail(f, RC_INVALID, "more than %d devices: take those that matter, or a band",
                    CHOSEN_MAX);
    memcpy(ids->list[ids->count++], id, DEVICE_ID_LEN + 1);
    return RC_OK;
}

static enum rc add_ids(struct ids *ids, const char *raw, size_t len, struct fault *f)
{
    char value[VALUE_MAX];
    enum rc rc = percent_decode(raw, len, true, value, sizeof value)
                     ? RC_OK
                     : fail(f, RC_INVALID, "device is longer than any list of %d", CHOSEN_MAX);

    for (char *rest = value, *id; rc == RC_OK && (id = strsep(&rest, ","));)
        rc = add_id(ids, id, f);
    return rc;
}

static bool listed(const char *const *names, const char *name)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names;
}

static enum rc read_pair(struct ids *ids, unsigned *seen, const char *pair, size_t len,
                         const char *const *also, struct fault *f)
{
    const char *equals = memchr(pair, '=', len);
    size_t name_len = equals ? (size_t)(equals - pair) : len;
    char name[33];

    if (!percent_decode(pair, name_len, true, name, sizeof name))
        return fail(f, RC_INVALID, "a query parameter has no usable name");
    if (!strcmp(name, "device"))
        return equals ? add_ids(ids, equals + 1, len - name_len - 1, f)
                      : fail(f, RC_INVALID, "device says which one is meant");
    if (!listed(also, name))
        return fail(f, RC_INVALID, "there is no parameter '%.30s' here", name);
    for (size_t i = 0; also[i]; i++)
        if (!strcmp(also[i], name)) {
            if (*seen >> i & 1)
                return fail(f, RC_INVALID, "the query parameter '%s' is given twice", name);
            *seen |= 1u << i;
        }
    return RC_OK;
}

static enum rc read_ids(const struct req *q, const char *const *also, struct ids *ids,
                        struct fault *f)
{
    unsigned seen = 0;

    for (const char *at = q->query ? q->query : ""; *at;) {
        size_t len = strcspn(at, "&");
        enum rc rc = read_pair(ids, &seen, at, len, also, f);

        if (rc != RC_OK)
            return rc;
        at += len + (at[len] == '&');
    }
    return ids->count ? RC_OK
                      : fail(f, RC_INVALID, "device says whose readings are meant; it is missing");
}

static int row_of(const struct rows *rows, const char *id)
{
    for (int i = 0; i < rows_count(rows); i++)
        if (!strcmp(rows_text(rows, i, "id"), id))
            return i;
    return -1;
}

static enum rc put_in_order(const struct ids *ids, struct chosen *out, struct fault *f)
{
    for (size_t i = 0; i < ids->count; i++) {
        int row = row_of(out->rows, ids->list[i]);

        if (row < 0)
            return fail(f, RC_NOT_FOUND, "this catalog has no device '%s'", ids->list[i]);
        out->list[i].device = rows_int(out->rows, row, "device");
        out->list[i].id = rows_text(out->rows, row, "id");
        out->list[i].name = rows_text(out->rows, row, "name");
    }
    out->count = ids->count;
    return RC_OK;
}

enum rc chosen_read(const struct req *q, const char *const *also, struct chosen *out,
                    struct fault *f)
{
    struct ids ids = { 0 };
    char list[CHOSEN_MAX * (DEVICE_ID_LEN + 1) + 3] = "{";
    enum rc rc = read_ids(q, also, &ids, f);

    if (rc != RC_OK)
        return rc;
    for (size_t i = 0, n = 1; i < ids.count; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%c", ids.list[i],
                              i + 1 < ids.count ? ',' : '}');
    const char *args[] = { ARG_INT(q->catalog), list };
    rc = store_run(q->store, &Q_SERIES_DEVICES, args, &out->rows, f);
    return rc == RC_OK ? put_in_order(&ids, out, f) : rc;
}

void chosen_done(struct chosen *c)
{
    rows_free(c->rows);
    *c = (struct chosen){ 0 };
}
