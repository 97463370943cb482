// SPDX-License-Identifier: Apache-2.0
//
// journal/search: lines of a whole catalog, newest first.
//
//   hour by hour, newest first:  its newest lines, read in order --page not full--> its index of
//   words
//
// A frequent word fills its page from the newest lines; a rare one is found by the index (GIN) that
// each hour gets once it has ended (ingest/lexicon). The hour that goes on has none and is read in
// order. What takes longer than its budget ends early, says how far it got, and goes on with next.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"
#include "journal/journal.h"
#include "journal/words.h"
#include "protocol/protocol.h"

struct search {
    int64_t device; // 0: all
    enum journal_level level;
    enum journal_kind kind;
    char source[LIMIT_NAME_BYTES + 1]; // "": all
    struct words words;
    int64_t from, to; // Unix ms, both included
};

struct search_line {
    struct journal_entry entry;
    const char *id, *device_name; // of the device; NULL for one that is here no more
};

typedef void search_tell(void *ctx, const struct search_line *l);

struct search_end {
    bool complete;                 // all was looked at, or the page is full
    int64_t reached;               // Unix ms: what is newer was looked at
    char next[JOURNAL_CURSOR_LEN]; // "" at the end
};

// cursor: "" for the newest, else next of the page before.
enum rc search_run(struct store *pool, int32_t catalog, const struct search *s, const char *cursor,
                   int limit, search_tell *tell, void *ctx, struct search_end *end,
                   struct fault *f);

#define HISTOGRAM_BUCKETS_MAX 500

struct histogram_bucket {
    int64_t n[JOURNAL_LEVEL_COUNT];
};

struct histogram {
    int64_t from, width; // Unix ms; of the first bucket, of each
    int count;
    bool exact;      // counted, not stopped by a bound
    int64_t reached; // what is newer was counted
    struct histogram_bucket buckets[HISTOGRAM_BUCKETS_MAX];
};

// Lines by level and time, at most buckets of them.
enum rc search_histogram(struct store *pool, int32_t catalog, const struct search *s, int buckets,
                         struct histogram *out, struct fault *f);

typedef void search_source(void *ctx, const char *source, int64_t n);

// The sources that said most, of what s asks for but for its source and words.
enum rc search_sources(struct store *pool, int32_t catalog, const struct search *s,
                       search_source *tell, void *ctx, struct fault *f);

// For the scheduler: sums the counters of past minutes, drops those of lines that are gone.
enum rc search_fold(struct store *s, struct fault *f);
