// SPDX-License-Identifier: Apache-2.0

#include "window/window.h"

#include <string.h>

#include "core/auto.h"
#include "core/hex.h"
#include "store/arg.h"
#include "store/store.h"
#include "window_sql.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

enum rc window_group_check(struct store *s, int32_t catalog, int64_t group, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(catalog), ARG_INT(group) };
    enum rc rc =
        group > 0 && group <= INT32_MAX ? store_run(s, &Q_WINDOW_GROUP, args, &rows, f) : RC_OK;

    if (rc != RC_OK)
        return rc;
    if (!rows || rows_count(rows) == 0)
        return fail(f, RC_INVALID, "group: this catalog has no such device group");
    return RC_OK;
}

static enum rc make_code(char code[CODE_LEN + 1], char hash[65], char hint[CODE_HINT + 1],
                         struct fault *f)
{
    uint8_t digest[32];
    enum rc rc = code_mint(code, f);

    if (rc != RC_OK)
        return rc;
    if (!code_read(code, digest))
        return fail(f, RC_INTERNAL, "the code cannot be read back");
    hex_encode(digest, sizeof digest, hash);
    memcpy(hint, code, CODE_HINT);
    hint[CODE_HINT] = '\0';
    return RC_OK;
}

enum rc window_add(struct store *s, int32_t catalog, const struct window_request *what, int64_t *id,
                   char code[CODE_LEN + 1], struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char hash[65] = "", hint[CODE_HINT + 1] = "";
    enum rc rc = what->group ? window_group_check(s, catalog, what->group, f) : RC_OK;

    *code = '\0';
    if (rc == RC_OK && what->code)
        rc = make_code(code, hash, hint, f);
    if (rc != RC_OK)
        return rc;
    const char *args[] = { ARG_INT(catalog),
                           what->label ? what->label : "",
                           what->code ? hash : NULL,
                           what->code ? hint : NULL,
                           what->group ? ARG_INT(what->group) : NULL,
                           what->tags,
                           ARG_INT(what->most),
                           ARG_INT(what->minutes),
                           what->actor };
    rc = store_run(s, &Q_WINDOW_ADD, args, &rows, f);
    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) == 0)
        return fail(f, RC_CONFLICT, "20 registration windows are open already: close one first");
    *id = rows_int(rows, 0, "id");
    return RC_OK;
}

enum rc window_page(struct store *s, int32_t catalog, int64_t before, int limit, struct rows **out,
                    struct fault *f)
{
    const char *args[] = { ARG_INT(catalog), ARG_INT(before), ARG_INT(limit) };

    return store_run(s, &Q_WINDOW_PAGE, args, out, f);
}

void window_at(const struct rows *rows, int row, struct window *out)
{
    *out = (struct window){
        .id = rows_int(rows, row, "id"),
        .label = rows_text(rows, row, "label"),
        .code_hint = rows_text(rows, row, "code_hint"),
        .group = rows_int(rows, row, "device_group"),
        .group_name = rows_text(rows, row, "group_name"),
        .product_name = rows_text(rows, row, "product_name"),
        .tags = rows_text(rows, row, "tags"),
        .most = rows_int(rows, row, "most"),
        .arrived = rows_int(rows, row, "arrived"),
        .claimed = rows_int(rows, row, "claimed"),
        .actor = rows_text(rows, row, "actor"),
        .opens_at = rows_int(rows, row, "opens_at"),
        .closes_at = rows_int(rows, row, "closes_at"),
        .open = rows_bool(rows, row, "open"),
    };
}

enum rc window_load(struct store *s, int32_t catalog, int64_t id, struct rows **out,
                    struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = id > 0 && id < INT64_MAX ? window_page(s, catalog, id + 1, 1, &rows, f) : RC_OK;

    if (rc != RC_OK)
        return rc;
    if (!rows || rows_count(rows) == 0 || rows_int(rows, 0, "id") != id)
        return fail(f, RC_NOT_FOUND, "this catalog has no such registration window");
    *out = take(&rows);
    return RC_OK;
}

enum rc window_close(struct store *s, int32_t catalog, int64_t id, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL, *was = NULL;
    enum rc rc = window_load(s, catalog, id, &was, f);

    if (rc == RC_OK)
        rc = store_run(s, &Q_WINDOW_CLOSE, (const char *[]){ ARG_INT(catalog), ARG_INT(id) }, &rows,
                       f);
    if (rc == RC_OK && rows_count(rows) == 0)
        rc = fail(f, RC_CONFLICT, "this registration window is closed already");
    return rc;
}

enum rc window_close_of(struct store *tx, const char *actor, int32_t but, struct fault *f)
{
    return store_run(tx, &Q_WINDOW_CLOSE_OF, (const char *[]){ actor, ARG_INT(but) }, NULL, f);
}
