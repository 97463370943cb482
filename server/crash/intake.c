// SPDX-License-Identifier: Apache-2.0

#include "crash/intake.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "crash_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define DAY_S      86400
#define BUSY_S     30
#define TROUBLE_S  300
#define LONGEST_MS (15 * 60 * 1000) // from offer to end
#define LEAST      1024             // bytes of a piece but the last

struct intakes {
    struct store *store;
    char *folder;
    struct intake_limits limits;
    pthread_mutex_t lock;
    int32_t running[INTAKES_MAX]; // their catalogs; 0: free
};

struct intake {
    struct intakes *all;
    int place; // in running
    struct blob_part *part;
    int64_t until; // ms, monotonic
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct store *, store_rollbackp, store_rollback)

enum rc intakes_new(struct store *store, const char *folder, const struct intake_limits *limits,
                    struct intakes **out, struct fault *f)
{
    struct intakes *all = calloc(1, sizeof *all);

    if (!all || !(all->folder = strdup(folder))) {
        free(all);
        return fail(f, RC_INTERNAL, "out of memory");
    }
    all->store = store;
    all->limits = *limits;
    pthread_mutex_init(&all->lock, NULL);
    blob_tidy(folder);
    *out = all;
    return RC_OK;
}

void intakes_free(struct intakes *all)
{
    if (!all)
        return;
    pthread_mutex_destroy(&all->lock);
    free(all->folder);
    free(all);
}

void intake_free(struct intake *i)
{
    if (!i)
        return;
    blob_part_free(i->part);
    pthread_mutex_lock(&i->all->lock);
    i->all->running[i->place] = 0;
    pthread_mutex_unlock(&i->all->lock);
    free(i);
}

void intake_step_free(struct intake_step *s)
{
    if (!s)
        return;
    intake_free(s->intake);
    free(s->data);
    free(s);
}

// ---------------------------------------------------------------- answers

__attribute__((format(printf, 4, 5))) static void refuse(struct intake_step *s, const char *code,
                                                         int64_t retry_s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(s->said.text, sizeof s->said.text, format, args);
    va_end(args);
    s->said.refused = code;
    s->said.retry_s = retry_s;
    intake_free(take(&s->intake));
}

// What went wrong here is not the device's to mend; only who serves it may read why.
static void refuse_fault(struct intake_step *s, enum rc rc, const struct fault *f)
{
    if (rc == RC_INVALID)
        refuse(s, "hash", 0, "%.120s", f->text);
    else
        refuse(s, "later", TROUBLE_S, "the server cannot store a dump now");
}

static const char *const is_stored = "stored";

// NULL: there is room. is_stored: it is there already.
static const char *judge(const struct intakes *all, const struct intake_offer *o,
                         const struct rows *r, char *text, size_t size)
{
    const struct intake_limits *l = &all->limits;

    if (rows_count(r) == 0 || !rows_bool(r, 0, "consent")) {
        snprintf(text, size, "the device's group does not let crash dumps be collected");
        return "consent";
    }
    if (rows_bool(r, 0, "stored"))
        return is_stored;
    if (rows_int(r, 0, "day") >= l->day) {
        snprintf(text, size, "%lld dumps of this device came in 24 h", (long long)l->day);
        return "quota";
    }
    if (rows_int(r, 0, "held") < l->dumps && rows_int(r, 0, "bytes") + o->bytes <= l->bytes)
        return NULL;
    snprintf(text, size, "this catalog holds as many dumps as it may; delete some");
    return "quota";
}

// False: answered. Runs in a transaction, or before one to spare the way.
static bool has_room(struct intakes *all, struct store *s, struct intake_step *step)
{
    auto_with(rows_freep) struct rows *r = NULL;
    const struct intake_offer *o = &step->offer;
    const char *args[] = { ARG_INT(o->catalog), ARG_INT(o->device), o->sha256 }, *code;
    char text[160] = "";
    struct fault f = { 0 };
    enum rc rc = store_run(s, &Q_CRASH_ROOM, args, &r, &f);

    if (rc != RC_OK) {
        refuse_fault(step, rc, &f);
        return false;
    }
    code = judge(all, o, r, text, sizeof text);
    if (code == is_stored) {
        step->said.stored = true;
        intake_free(take(&step->intake));
    } else if (code)
        refuse(step, code, DAY_S, "%s", text);
    return !code;
}

// ---------------------------------------------------------------- offer

static bool is_sound(struct intake_step *s)
{
    uint8_t sum[32];

    if (s->offer.bytes < 1 || s->offer.bytes > LIMIT_DUMP_BYTES)
        refuse(s, "size", 0, "bytes must be from 1 to %d", LIMIT_DUMP_BYTES);
    else if (s->offer.at < 0 || s->offer.at > clock_now_ms() + LIMIT_FUTURE_MS)
        refuse(s, "clock", 0, "t is not the time of a crash that was");
    else if (!hex_decode(s->offer.sha256, sum, sizeof sum))
        refuse(s, "malformed", 0, "sha256 must be 64 lowercase hex digits");
    else
        return true;
    return false;
}

static int take_place(struct intakes *all, int32_t catalog)
{
    int place = -1, mine = 0;

    pthread_mutex_lock(&all->lock);
    for (int i = 0; i < INTAKES_MAX; i++) {
        mine += all->running[i] == catalog;
        if (!all->running[i])
            place = i;
    }
    if (mine >= INTAKES_CATALOG_MAX)
        place = -1;
    if (place >= 0)
        all->running[place] = catalog;
    pthread_mutex_unlock(&all->lock);
    return place;
}

static void begin(struct intakes *all, struct intake_step *s)
{
    int place = take_place(all, s->offer.catalog);
    struct intake *i = place >= 0 ? calloc(1, sizeof *i) : NULL;
    struct fault f = { 0 };
    enum rc rc;

    if (!i) {
        refuse(s, "busy", BUSY_S, "as many dumps come in at once as may");
        if (place >= 0) {
            pthread_mutex_lock(&all->lock);
            all->running[place] = 0;
            pthread_mutex_unlock(&all->lock);
        }
        return;
    }
    *i = (struct intake){ .all = all, .place = place, .until = clock_mono_ms() + LONGEST_MS };
    s->intake = i;
    rc = blob_begin(all->folder, &i->part, &f);
    if (rc != RC_OK)
        refuse_fault(s, rc, &f);
}

// ---------------------------------------------------------------- pieces

static enum rc store_dump(struct intakes *all, struct intake_step *s, struct store *tx,
                          struct fault *f)
{
    const struct intake_offer *o = &s->offer;
    const char *args[] = {
        ARG_INT(o->catalog), ARG_INT(o->device), o->sha256, ARG_INT(o->bytes), o->name,
        ARG_INT(o->at)
    };
    enum rc rc = store_run(tx, &Q_CRASH_LOCK, args, NULL, f);

    if (rc != RC_OK || !has_room(all, tx, s) || !s->intake)
        return rc;
    rc = blob_keep(s->intake->part, tx, o->sha256, f);
    return rc == RC_OK ? store_run(tx, &Q_CRASH_ADD, args, NULL, f) : rc;
}

static void finish(struct intakes *all, struct intake_step *s)
{
    auto_with(store_rollbackp) struct store *tx = NULL;
    struct fault f = { 0 };
    enum rc rc = store_begin(all->store, &tx, &f);

    if (rc == RC_OK)
        rc = store_dump(all, s, tx, &f);
    if (s->said.refused || s->said.stored)
        return;
    if (rc == RC_OK)
        rc = store_commit(take(&tx), &f);
    if (rc != RC_OK) {
        refuse_fault(s, rc, &f);
        return;
    }
    s->said.stored = true;
    intake_free(take(&s->intake));
}

static bool fits(struct intake_step *s, long len)
{
    int64_t have = blob_length(s->intake->part), end = have + len;

    if (clock_mono_ms() > s->intake->until)
        refuse(s, "slow", TROUBLE_S, "a dump must be whole in %d minutes", LONGEST_MS / 60000);
    else if (s->from != have)
        refuse(s, "order", BUSY_S, "the next piece begins at %lld", (long long)have);
    else if (len < 1 || end > s->offer.bytes || (len < LEAST && end < s->offer.bytes))
        refuse(s, "size", 0, "a piece has %d to %d bytes, the last one what is left", LEAST,
               LIMIT_PIECE_BYTES);
    else
        return true;
    return false;
}

static void take_piece(struct intakes *all, struct intake_step *s)
{
    uint8_t bytes[LIMIT_PIECE_BYTES];
    long len = base64_decode(s->data, strlen(s->data), bytes, sizeof bytes);
    struct fault f = { 0 };
    enum rc rc;

    if (!fits(s, len))
        return;
    rc = blob_write(s->intake->part, bytes, (size_t)len, &f);
    if (rc != RC_OK) {
        refuse_fault(s, rc, &f);
        return;
    }
    s->said.next = blob_length(s->intake->part);
    if (s->said.next == s->offer.bytes)
        finish(all, s);
}

void intake_step(struct intakes *all, struct intake_step *s)
{
    if (!all)
        refuse(s, "later", DAY_S, "this server takes no dumps");
    else if (s->data)
        take_piece(all, s);
    else if (is_sound(s) && has_room(all, all->store, s))
        begin(all, s);
}
