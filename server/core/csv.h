// SPDX-License-Identifier: Apache-2.0
//
// csv: a table as text, as spreadsheets write it (RFC 4180).
//
//   bytes --csv_open()--> csv_next() --> CSV_ROW | CSV_BAD … --> CSV_END
//
// A byte order mark is skipped; the separator (comma, semicolon or tab) is the one that the first
// line has most of. A row that breaks the rules costs itself alone: it is told with its line and a
// reason, and reading goes on with the line after the one it began on. What is no text at all is
// refused as a whole, in words that say what it is instead.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define CSV_FIELDS_MAX 64

struct csv {
    char *text; // owned; a copy that reading writes into
    size_t at, end;
    int64_t line;
    char separator;
};

enum csv_kind {
    CSV_END,
    CSV_ROW,
    CSV_BAD,
};

struct csv_row {
    int64_t line; // where it begins; the first is 1
    size_t count;
    char *fields[CSV_FIELDS_MAX]; // UTF-8; they live as long as the struct csv
    const char *reason;           // of CSV_BAD; static
};

// RC_INVALID: empty, or not text.
enum rc csv_open(struct csv *out, const char *bytes, size_t len, struct fault *f);
// Lines without anything are passed over.
enum csv_kind csv_next(struct csv *c, struct csv_row *out);
void csv_done(struct csv *c);
