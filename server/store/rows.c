// SPDX-License-Identifier: Apache-2.0

#include <assert.h>
#include <stdlib.h>

#include "store/conn.h"
#include "store/store.h"

// A struct rows is libpq's result under our own name, so that no module needs libpq's header.
struct rows *rows_of(PGresult *owned)
{
    return (struct rows *)owned;
}

static const PGresult *result(const struct rows *r)
{
    return (const PGresult *)r;
}

int rows_count(const struct rows *r)
{
    return PQntuples(result(r));
}

const char *rows_text(const struct rows *r, int row, const char *column)
{
    int at = PQfnumber(result(r), column);

    assert(at >= 0 && row >= 0 && row < rows_count(r));
    return PQgetisnull(result(r), row, at) ? NULL : PQgetvalue(result(r), row, at);
}

int64_t rows_int(const struct rows *r, int row, const char *column)
{
    const char *text = rows_text(r, row, column);

    return text ? strtoll(text, NULL, 10) : 0;
}

double rows_real(const struct rows *r, int row, const char *column)
{
    const char *text = rows_text(r, row, column);

    return text ? strtod(text, NULL) : 0;
}

bool rows_bool(const struct rows *r, int row, const char *column)
{
    const char *text = rows_text(r, row, column);

    return text && *text == 't';
}

const void *rows_bytes(const struct rows *r, int row, int column, size_t *len)
{
    *len = (size_t)PQgetlength(result(r), row, column);
    return PQgetisnull(result(r), row, column) ? NULL : PQgetvalue(result(r), row, column);
}

void rows_free(struct rows *r)
{
    PQclear((PGresult *)r);
}
