// SPDX-License-Identifier: Apache-2.0

#include "journal/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "core/clock.h"
#include "ingest/partition.h"
#include "search_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define BUDGET_MS     300  // then no further statement begins
#define STATEMENT_MS  2000 // what one may take
#define FIRST_LINES   500  // read in order before the index is asked
#define LINES         50000
#define HOURS_AT_ONCE 32 // by the index, where nothing was found in fewer
#define MINUTE_MS     60000

#define SEQ_TOP    "9223372036854775807"
#define SEQ_BOTTOM "-9223372036854775808"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// What comes after this one; as in a cursor.
struct place {
    char ts[40], seq[24], at[24];
};

struct walk {
    struct store *pool, *tx;
    int32_t catalog;
    const struct search *s;
    char query[WORDS_QUERY_MAX + 1], hint[WORDS_TEXT_MAX + 1];
    struct rows *hours; // newest first
    int hour;           // of hours
    struct place place;
    int left;  // of the page
    int lines; // of the next stretch
    int64_t until;
    bool timed_out;
    search_tell *tell;
    void *ctx;
};

// ---------------------------------------------------------------- places

static void time_text(int64_t ms, char out[40])
{
    clock_rfc3339(ms, out);
}

// Before everything of that millisecond.
static struct place top_of(int64_t ms)
{
    struct place p = { .seq = SEQ_TOP, .at = "(4294967295,65535)" };
    char text[RFC3339_LEN + 1];

    clock_rfc3339(ms, text);
    snprintf(p.ts, sizeof p.ts, "%.23s999Z", text);
    return p;
}

// After everything of that moment.
static struct place bottom_of(const char *ts)
{
    struct place p = { .seq = SEQ_BOTTOM, .at = "(0,0)" };

    snprintf(p.ts, sizeof p.ts, "%s", ts);
    return p;
}

static bool read_place(const char *cursor, struct place *out)
{
    int end = 0;

    return sscanf(cursor, "%23[-0-9] %23[(),0-9] %39[-+:.TZ 0-9]%n", out->seq, out->at, out->ts,
                  &end) == 3 &&
           cursor[end] == '\0';
}

// Unix ms of a time as it stands in a place, in UTC.
static int64_t time_of(const char *ts)
{
    struct tm tm = { 0 };
    char part[4] = "";
    int64_t ms = 0;

    if (sscanf(ts, "%4d-%2d-%2d%*1[T ]%2d:%2d:%2d.%3[0-9]", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, part) < 6)
        return 0;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    for (size_t i = 0; i < 3; i++) // .5 is written for .500
        ms = ms * 10 + (*part && i < strlen(part) ? part[i] - '0' : 0);
    return (int64_t)timegm(&tm) * 1000 + ms;
}

static int64_t hour_of(const struct walk *w, int i)
{
    return partition_hour(PARTITION_JOURNAL, rows_text(w->hours, i, "name"));
}

// ---------------------------------------------------------------- statements

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static const char *event_arg(enum journal_kind k)
{
    return k == JOURNAL_ALL ? NULL : k == JOURNAL_EVENTS ? "true" : "false";
}

// One that took too long ends the transaction, and the walk; it is no failure.
static enum rc run(struct walk *w, const struct query *q, const char *const *args,
                   struct rows **out, struct fault *f)
{
    int64_t began = clock_mono_ms();
    enum rc rc = store_run(w->tx, q, args, out, f);

    w->timed_out =
        rc == RC_UNAVAILABLE && store_is_up(w->pool) && clock_mono_ms() - began >= STATEMENT_MS;
    return w->timed_out ? RC_OK : rc;
}

static bool is_over(const struct walk *w)
{
    return w->timed_out || clock_mono_ms() >= w->until;
}

static void tell_line(struct walk *w, const struct rows *r, int i)
{
    struct search_line l = { .id = rows_text(r, i, "id"),
                             .device_name = rows_text(r, i, "device_name"),
                             .entry = { .t = rows_int(r, i, "t"),
                                        .event = rows_bool(r, i, "event"),
                                        .level = (enum journal_level)rows_int(r, i, "level"),
                                        .name = rows_text(r, i, "event_name"),
                                        .source = rows_text(r, i, "source"),
                                        .text = rows_text(r, i, "text"),
                                        .fields = rows_text(r, i, "fields") } };

    w->tell(w->ctx, &l);
}

// What a statement found; the place moves behind the last of it.
static void tell_all(struct walk *w, const struct rows *r)
{
    int count = r ? rows_count(r) : 0;

    for (int i = 0; i < count; i++)
        tell_line(w, r, i);
    w->left -= count;
    if (!count)
        return;
    snprintf(w->place.ts, sizeof w->place.ts, "%s", rows_text(r, count - 1, "ts"));
    snprintf(w->place.seq, sizeof w->place.seq, "%s", rows_text(r, count - 1, "seq"));
    snprintf(w->place.at, sizeof w->place.at, "%s", rows_text(r, count - 1, "place"));
}

// A stretch of an hour read in order, from the place down to the line that is lines below it,
// or to low. *low_reached: there was nothing below.
static enum rc read_stretch(struct walk *w, const char *low, int lines, bool *low_reached,
                            struct fault *f)
{
    auto_with(rows_freep) struct rows *border = NULL;
    auto_with(rows_freep) struct rows *found = NULL;
    const struct search *s = w->s;
    const char *device = s->device ? ARG_INT(s->device) : NULL, *level = ARG_INT(s->level);
    const char *ask[] = { ARG_INT(w->catalog), low,           w->place.ts, device, level,
                          event_arg(s->kind),  ARG_INT(lines) };
    enum rc rc = run(w, &Q_SEARCH_BORDER, ask, &border, f);

    if (rc != RC_OK || w->timed_out)
        return rc;
    *low_reached = rows_count(border) == 0;
    const char *down = *low_reached ? low : rows_text(border, 0, "ts");
    const char *args[] = { ARG_INT(w->catalog),
                           down,
                           w->place.ts,
                           device,
                           level,
                           event_arg(s->kind),
                           w->place.seq,
                           w->place.at,
                           or_null(s->source),
                           or_null(w->hint),
                           or_null(w->query),
                           ARG_INT(w->left) };
    rc = run(w, &Q_SEARCH_WALK, args, &found, f);
    if (rc != RC_OK || w->timed_out)
        return rc;
    tell_all(w, found);
    if (w->left > 0)
        w->place = bottom_of(down);
    return RC_OK;
}

static enum rc ask_index(struct walk *w, const char *low, struct fault *f)
{
    auto_with(rows_freep) struct rows *found = NULL;
    const struct search *s = w->s;
    const char *args[] = { ARG_INT(w->catalog), low,
                           w->place.ts,         NULL,
                           ARG_INT(s->level),   event_arg(s->kind),
                           w->place.seq,        w->place.at,
                           or_null(s->source),  w->query,
                           ARG_INT(w->left) };
    enum rc rc = run(w, &Q_SEARCH_HITS, args, &found, f);

    if (rc != RC_OK || w->timed_out)
        return rc;
    tell_all(w, found);
    if (w->left > 0)
        w->place = bottom_of(low);
    return RC_OK;
}

// ---------------------------------------------------------------- hours

// A device's own lines are few and have an index; what is only unwanted, no index finds.
static bool may_use_index(const struct walk *w)
{
    return *w->hint && !w->s->device;
}

static void low_of(const struct walk *w, int hour, char out[40])
{
    int64_t start = hour_of(w, hour) * HOUR_MS;

    time_text(start > w->s->from ? start : w->s->from, out);
}

// The place at the start of an hour, unless it is in it already.
static void enter(struct walk *w)
{
    int64_t end = (hour_of(w, w->hour) + 1) * HOUR_MS - 1;

    if (time_of(w->place.ts) > end)
        w->place = top_of(end);
}

// In growing stretches: what is asked for is mostly among the newest lines.
static enum rc read_hour(struct walk *w, bool *done, struct fault *f)
{
    char low[40];
    enum rc rc = RC_OK;

    *done = false;
    low_of(w, w->hour, low);
    while (rc == RC_OK && !*done && w->left > 0 && !is_over(w)) {
        rc = read_stretch(w, low, w->lines, done, f);
        w->lines = w->lines * 4 < LINES ? w->lines * 4 : LINES;
    }
    return rc;
}

// The last of at most most hours from here on that have an index.
static int run_of_indexed(const struct walk *w, int most)
{
    int last = w->hour;

    while (last + 1 < rows_count(w->hours) && last + 1 < w->hour + most &&
           rows_bool(w->hours, last + 1, "words"))
        last++;
    return last;
}

// While there is a line in fifty, reading on is cheaper than what the index finds and sorts.
static enum rc read_newest(struct walk *w, bool *done, struct fault *f)
{
    char low[40];
    enum rc rc = RC_OK;
    int left;

    low_of(w, w->hour, low);
    do {
        left = w->left;
        rc = read_stretch(w, low, FIRST_LINES, done, f);
    } while (rc == RC_OK && !*done && w->left > 0 && left - w->left >= FIRST_LINES / 50 &&
             !is_over(w));
    return rc;
}

static enum rc find_in_hours(struct walk *w, bool *first, int *most, struct fault *f)
{
    bool done = false;
    char low[40];
    enum rc rc = RC_OK;

    if (*first)
        rc = read_newest(w, &done, f);
    *first = false;
    if (rc != RC_OK || is_over(w) || w->left == 0)
        return rc;
    if (done) {
        w->hour++;
        return RC_OK;
    }
    int last = run_of_indexed(w, *most);
    low_of(w, last, low);
    rc = ask_index(w, low, f);
    *most = *most < HOURS_AT_ONCE ? *most * 2 : *most;
    if (w->left > 0 && !w->timed_out)
        w->hour = last + 1;
    return rc;
}

static enum rc walk_hours(struct walk *w, struct fault *f)
{
    bool first = true, done;
    int most = 1;
    enum rc rc = RC_OK;

    while (rc == RC_OK && w->left > 0 && w->hour < rows_count(w->hours) && !is_over(w)) {
        enter(w);
        if (may_use_index(w) && rows_bool(w->hours, w->hour, "words")) {
            rc = find_in_hours(w, &first, &most, f);
            continue;
        }
        rc = read_hour(w, &done, f);
        w->hour += done && w->left > 0;
    }
    return rc;
}

static enum rc load_hours(struct walk *w, int64_t from, int64_t to, struct fault *f)
{
    char first[PARTITION_LEN + 1], last[PARTITION_LEN + 1];

    partition_name(PARTITION_JOURNAL, from / HOUR_MS, first);
    partition_name(PARTITION_JOURNAL, to / HOUR_MS, last);
    return store_run(w->tx, &Q_SEARCH_HOURS, (const char *[]){ first, last }, &w->hours, f);
}

static enum rc begin(struct walk *w, struct fault *f)
{
    enum rc rc = store_begin(w->pool, &w->tx, f);

    words_query(&w->s->words, w->query, sizeof w->query);
    words_hint(&w->s->words, w->hint);
    if (rc == RC_OK)
        rc = store_run(w->tx, &Q_SEARCH_BUDGET, (const char *[]){ ARG_INT(STATEMENT_MS) }, NULL, f);
    return rc;
}

static void walk_done(struct walk *w)
{
    if (w->hours)
        rows_free(w->hours);
    store_rollback(w->tx);
}

static void tell_end(const struct walk *w, struct search_end *end)
{
    bool more = w->hour < rows_count(w->hours);

    *end = (struct search_end){ .complete = !more || w->left == 0, .reached = w->s->from };
    if (!more && w->left > 0)
        return;
    end->reached = time_of(w->place.ts);
    snprintf(end->next, sizeof end->next, "%s %s %s", w->place.seq, w->place.at, w->place.ts);
}

enum rc search_run(struct store *pool, int32_t catalog, const struct search *s, const char *cursor,
                   int limit, search_tell *tell, void *ctx, struct search_end *end, struct fault *f)
{
    struct walk w = { .pool = pool,
                      .catalog = catalog,
                      .s = s,
                      .left = limit,
                      .lines = FIRST_LINES,
                      .until = clock_mono_ms() + BUDGET_MS,
                      .place = top_of(s->to),
                      .tell = tell,
                      .ctx = ctx };
    enum rc rc;

    if (*cursor && !read_place(cursor, &w.place))
        return fail(f, RC_INVALID, "cursor is not from this list: start again without it");
    rc = begin(&w, f);
    if (rc == RC_OK)
        rc = load_hours(&w, s->from, *cursor ? time_of(w.place.ts) : s->to, f);
    if (rc == RC_OK)
        rc = walk_hours(&w, f);
    if (rc == RC_OK)
        tell_end(&w, end);
    walk_done(&w);
    return rc;
}

// ---------------------------------------------------------------- counts

static void add_counts(struct histogram *h, const struct rows *r)
{
    for (int i = 0; r && i < rows_count(r); i++) {
        int64_t bucket = rows_int(r, i, "bucket"), level = rows_int(r, i, "level");

        if (bucket >= 0 && bucket < h->count && level >= 0 && level < JOURNAL_LEVEL_COUNT)
            h->buckets[bucket].n[level] += rows_int(r, i, "n");
    }
}

// Whole minutes, as the counters have them.
static void lay_out(const struct search *s, int buckets, struct histogram *out)
{
    int64_t minutes;

    memset(out, 0, sizeof *out);
    out->from = s->from / MINUTE_MS * MINUTE_MS;
    minutes = (s->to - out->from) / MINUTE_MS + 1;
    out->width = (minutes + buckets - 1) / buckets * MINUTE_MS;
    out->count = (int)((s->to - out->from) / out->width + 1);
    out->exact = true;
    out->reached = s->from;
}

static enum rc count_by_counters(struct walk *w, struct histogram *h, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    const struct search *s = w->s;
    char from[40], to[40];
    const char *args[] = { ARG_INT(w->catalog),
                           from,
                           to,
                           ARG_INT(s->level),
                           event_arg(s->kind),
                           or_null(s->source),
                           ARG_INT(h->from),
                           ARG_INT(h->width) };

    time_text(h->from, from);
    time_text(s->to, to);
    enum rc rc = run(w, &Q_SEARCH_COUNTS, args, &r, f);
    if (rc == RC_OK && !w->timed_out)
        add_counts(h, r);
    if (w->timed_out) {
        h->exact = false;
        h->reached = s->to;
    }
    return rc;
}

static enum rc count_hour(struct walk *w, struct histogram *h, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    const struct search *s = w->s;
    char low[40];
    const char *args[] = { ARG_INT(w->catalog), low,
                           w->place.ts,         s->device ? ARG_INT(s->device) : NULL,
                           ARG_INT(s->level),   event_arg(s->kind),
                           or_null(s->source),  or_null(w->hint),
                           or_null(w->query),   ARG_INT(h->from),
                           ARG_INT(h->width) };

    enter(w);
    low_of(w, w->hour, low);
    enum rc rc = run(w, &Q_SEARCH_COUNTS_READ, args, &r, f);
    if (rc != RC_OK || w->timed_out)
        return rc;
    add_counts(h, r);
    w->hour++;
    w->place = bottom_of(low);
    return RC_OK;
}

static enum rc count_by_lines(struct walk *w, struct histogram *h, struct fault *f)
{
    enum rc rc = load_hours(w, w->s->from, w->s->to, f);

    while (rc == RC_OK && w->hour < rows_count(w->hours) && !is_over(w))
        rc = count_hour(w, h, f);
    if (rc == RC_OK && w->hour < rows_count(w->hours)) {
        h->exact = false;
        h->reached = time_of(w->place.ts);
    }
    return rc;
}

enum rc search_histogram(struct store *pool, int32_t catalog, const struct search *s, int buckets,
                         struct histogram *out, struct fault *f)
{
    struct walk w = { .pool = pool,
                      .catalog = catalog,
                      .s = s,
                      .until = clock_mono_ms() + BUDGET_MS,
                      .place = top_of(s->to) };
    enum rc rc = begin(&w, f);

    lay_out(s, buckets, out);
    if (rc == RC_OK)
        rc = s->words.count || s->device ? count_by_lines(&w, out, f)
                                         : count_by_counters(&w, out, f);
    walk_done(&w);
    return rc;
}

enum rc search_sources(struct store *pool, int32_t catalog, const struct search *s,
                       search_source *tell, void *ctx, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    struct walk w = { .pool = pool, .catalog = catalog, .s = s };
    char from[40], to[40];
    const char *args[] = { ARG_INT(catalog), from, to, ARG_INT(s->level), event_arg(s->kind) };
    enum rc rc = begin(&w, f);

    time_text(s->from / MINUTE_MS * MINUTE_MS, from);
    time_text(s->to, to);
    if (rc == RC_OK)
        rc = run(&w, &Q_SEARCH_SOURCES, args, &r, f);
    for (int i = 0; rc == RC_OK && r && i < rows_count(r); i++)
        tell(ctx, rows_text(r, i, "source"), rows_int(r, i, "n"));
    walk_done(&w);
    return rc;
}

enum rc search_fold(struct store *s, struct fault *f)
{
    static const struct query *const steps[] = { &Q_SEARCH_FOLD, &Q_SEARCH_FOLD_EVENTS,
                                                 &Q_SEARCH_FORGET, &Q_SEARCH_FORGET_EVENTS };
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < sizeof steps / sizeof *steps; i++)
        rc = store_run(s, steps[i], NULL, NULL, f);
    return rc;
}
