// SPDX-License-Identifier: Apache-2.0
//
// journal: what a device said in words: log lines and events, newest first.
//
//   gateway --> ingest --COPY--> journal table --> here, a page at a time
//
// Only ingest writes the table. A page continues below the last entry given out,
// so entries that arrive meanwhile neither repeat nor hide one.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

// As written in journal.level; worst first.
enum journal_level {
    JOURNAL_ERROR,
    JOURNAL_WARN,
    JOURNAL_INFO,
    JOURNAL_DEBUG,
    JOURNAL_LEVEL_COUNT,
};

#define JOURNAL_CURSOR_LEN 96

enum journal_kind {
    JOURNAL_ALL,
    JOURNAL_LOGS,
    JOURNAL_EVENTS,
};

struct journal_filter {
    enum journal_level level; // this one and worse
    enum journal_kind kind;
};

struct journal_entry {
    int64_t t; // Unix ms
    bool event;
    enum journal_level level;
    const char *name, *source, *text; // NULL where it has none; borrowed from the page
    const char *fields;               // a JSON object as text, or NULL
};

struct journal_page;
struct store;

const char *journal_level_name(enum journal_level l); // "error", "warn", "info", "debug"
int journal_level_from_name(const char *name);        // -1 if there is none of that name

// cursor: "" for the newest, else what journal_page_next() gave.
enum rc journal_read(struct store *s, int32_t catalog, int64_t device,
                     const struct journal_filter *filter, const char *cursor, int limit,
                     struct journal_page **out, struct fault *f);
int journal_page_count(const struct journal_page *p);
void journal_page_entry(const struct journal_page *p, int index, struct journal_entry *out);
const char *journal_page_next(const struct journal_page *p); // NULL at the end
void journal_page_free(struct journal_page *p);
json_t *journal_to_json(const struct journal_entry *e);
