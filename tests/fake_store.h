// SPDX-License-Identifier: Apache-2.0
//
// fake_store: a store that answers what the test queued, so that no PostgreSQL is needed.
//
//   store_will("device_by_id", RC_OK, &one);  …  store_was_asked();
//
// Include it in one unit test; it takes the place of server/store.

#pragma once

#include <stdlib.h>
#include <string.h>

#include "store/store.h"
#include "test.h"

#define FAKE_ARGS 10

// Cells go row by row, as many as there are columns; NULL is SQL NULL.
struct rows {
    int count;
    const char *const *columns; // ends with NULL
    const char *const *cells;
};

static const char *const no_columns[] = { NULL };
static const struct rows no_rows = { 0, no_columns, no_columns };

static struct fake_answer {
    const char *query;
    enum rc rc;
    const struct rows *rows;
} fake_queue[32];
static size_t fake_queued, fake_asked;
// Arguments of the last query; NULL where that was the argument.
static char *fake_args[FAKE_ARGS];

static void store_will(const char *query, enum rc rc, const struct rows *rows)
{
    assert_true(fake_queued < sizeof fake_queue / sizeof *fake_queue);
    fake_queue[fake_queued++] = (struct fake_answer){ query, rc, rows };
}

// Everything that was queued was asked for, and nothing else.
static void store_was_asked(void)
{
    assert_int_equal(fake_asked, fake_queued);
    fake_asked = fake_queued = 0;
    for (size_t i = 0; i < FAKE_ARGS; i++) {
        free(fake_args[i]);
        fake_args[i] = NULL;
    }
}

enum rc store_run(struct store *s, const struct query *q, const char *const *args,
                  struct rows **out, struct fault *f)
{
    (void)s;
    if (fake_asked == fake_queued)
        fail_msg("nothing should have been asked, but %s was", q->name);
    const struct fake_answer *a = &fake_queue[fake_asked++];
    assert_string_equal(q->name, a->query);
    for (int i = 0; i < FAKE_ARGS; i++) {
        free(fake_args[i]);
        fake_args[i] = i < q->params && args[i] ? strdup(args[i]) : NULL;
    }
    if (a->rc != RC_OK)
        return (fail)(f, a->rc, "the store said no");
    if (out) {
        *out = malloc(sizeof **out);
        **out = *a->rows;
    }
    return RC_OK;
}

int rows_count(const struct rows *r)
{
    return r->count;
}

const char *rows_text(const struct rows *r, int row, const char *column)
{
    int width = 0, at = -1;

    while (r->columns[width]) {
        if (!strcmp(r->columns[width], column))
            at = width;
        width++;
    }
    return at < 0 ? NULL : r->cells[row * width + at];
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

// No answer here is binary.
const void *rows_bytes(const struct rows *r, int row, int column, size_t *len)
{
    (void)r, (void)row, (void)column;
    *len = 0;
    return NULL;
}

void rows_free(struct rows *r)
{
    free(r);
}
