// SPDX-License-Identifier: Apache-2.0

#include "gateway/dumping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "crash/intake.h"
#include "gateway/job.h"
#include "gateway/session.h"
#include "protocol/protocol.h"

#define PIECE_MS   60000 // from an answer to the next piece
#define OFFERS     10    // in OFFERS_MS, a session
#define OFFERS_MS  60000
#define BUSY_S     30
#define NUMBER_MAX (INT64_C(1) << 53)

struct dumping {
    struct intake_step *step; // owned; NULL with a worker, or none under way
    bool busy;                // a worker has it
    int64_t answered_at;      // ms, monotonic
    int64_t offers_at;        // start of the window
    int offers;               // in it
};

static void answer(struct session *s, const struct intake_step *step)
{
    json_auto_t *o = json_object();
    const struct intake_said *said = &step->said;

    add_text(o, "type", MSG_DUMP);
    add_text(o, "sha256", step->offer.sha256);
    if (said->refused) {
        add_text(o, "refused", said->refused);
        add_text(o, "text", said->text);
        if (said->retry_s)
            add_int(o, "retrySeconds", said->retry_s);
    } else if (said->stored)
        add_bool(o, "stored", true);
    else
        add_int(o, "next", said->next);
    auto_free char *text = json_dumps(o, JSON_COMPACT);
    if (text)
        s->port->send(s, text, strlen(text));
}

static void refuse(struct session *s, struct intake_step *step, const char *code, int64_t retry_s,
                   const char *text)
{
    step->said = (struct intake_said){ .refused = code, .retry_s = retry_s };
    snprintf(step->said.text, sizeof step->said.text, "%s", text);
    answer(s, step);
    intake_step_free(step);
}

// The step is the worker's until dumping_answer().
static void ask(struct session *s, struct intake_step *owned)
{
    struct intake_step told = { .offer = owned->offer,
                                .said = { .refused = "busy",
                                          .retry_s = BUSY_S,
                                          .text = "the server is busy, try again later" } };
    struct job *j = calloc(1, sizeof *j);

    if (j) {
        j->kind = JOB_DUMP;
        j->who = s->who;
        j->dump = owned;
    } else
        intake_step_free(owned);
    s->dump->busy = j && s->port->ask(s, j);
    if (!s->dump->busy)
        answer(s, &told);
}

// ---------------------------------------------------------------- what the device says

struct offer {
    const char *sha256, *name;
    int64_t bytes, t;
};

static const struct field offer_fields[] = {
    { TEXT(struct offer, sha256), REQUIRED, BLOB_NAME_LEN, BLOB_NAME_LEN },
    { INT(struct offer, bytes), REQUIRED, 1, NUMBER_MAX },
    { TEXT(struct offer, name), REQUIRED, 1, LIMIT_NAME_BYTES },
    { INT(struct offer, t), REQUIRED, -NUMBER_MAX, NUMBER_MAX },
};

static struct intake_step *step_of(const struct session *s, const struct offer *o)
{
    struct intake_step *step = calloc(1, sizeof *step);

    if (!step)
        return NULL;
    step->offer = (struct intake_offer){
        .catalog = s->who.catalog, .device = s->who.device, .bytes = o->bytes, .at = o->t
    };
    memcpy(step->offer.sha256, o->sha256, BLOB_NAME_LEN);
    snprintf(step->offer.name, sizeof step->offer.name, "%s", o->name);
    for (char *c = step->offer.name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    return step;
}

// May this session bring a dump, and another one? Says why not.
static bool may_offer(struct session *s, int64_t now_ms)
{
    struct dumping *d = s->dump;

    if (s->phase != SESSION_STEADY || !s->ingest) {
        session_refuse(s, "order", CLOSE_ORDER, "a dump is offered after settings");
        return false;
    }
    if (!d && !(d = s->dump = calloc(1, sizeof *d))) {
        session_refuse(s, "rate", CLOSE_RETRY, "the server is out of memory");
        return false;
    }
    if (d->busy || d->step) {
        session_refuse(s, "order", CLOSE_ORDER, "one dump at a time");
        return false;
    }
    if (now_ms - d->offers_at > OFFERS_MS) {
        d->offers_at = now_ms;
        d->offers = 0;
    }
    if (++d->offers <= OFFERS)
        return true;
    session_refuse(s, "rate", CLOSE_LIMIT, "too many dumps offered in a minute");
    return false;
}

void dumping_offer(struct session *s, json_t *o, const struct number *n, int64_t now_ms)
{
    struct offer offer = { 0 };
    struct intake_step *step;
    struct fault f = { 0 };

    (void)n;
    if (!may_offer(s, now_ms))
        return;
    if (BODY_PICK(o, offer_fields, &offer, &f) != RC_OK) {
        session_refuse(s, "malformed", CLOSE_MALFORMED, f.text);
        return;
    }
    step = step_of(s, &offer);
    if (!step)
        session_refuse(s, "rate", CLOSE_RETRY, "the server is out of memory");
    else if (s->quarantined)
        refuse(s, step, "quarantined", 0,
               "this device is quarantined: attest again once its findings are mended");
    else
        ask(s, step);
}

struct piece {
    const char *data;
    int64_t from;
};

static const struct field piece_fields[] = {
    { TEXT(struct piece, data), REQUIRED, 1, BASE64_SIZE(LIMIT_PIECE_BYTES) - 1 },
    { INT(struct piece, from), REQUIRED, 0, NUMBER_MAX },
};

void dumping_piece(struct session *s, json_t *o, const struct number *n, int64_t now_ms)
{
    struct piece p = { 0 };
    struct intake_step *step;
    struct fault f = { 0 };

    (void)n;
    (void)now_ms;
    if (!s->dump || !s->dump->step) {
        session_refuse(s, "order", CLOSE_ORDER, "a piece answers next, once");
        return;
    }
    if (BODY_PICK(o, piece_fields, &p, &f) != RC_OK) {
        session_refuse(s, "malformed", CLOSE_MALFORMED, f.text);
        return;
    }
    step = take(&s->dump->step);
    step->from = p.from;
    step->data = strdup(p.data);
    if (step->data)
        ask(s, step);
    else
        refuse(s, step, "busy", BUSY_S, "the server is out of memory");
}

// ---------------------------------------------------------------- answers, time, end

void dumping_answer(struct session *s, struct job *j)
{
    struct intake_step *step = j->dump;

    if (!s->dump)
        return;
    s->dump->busy = false;
    s->dump->answered_at = s->seen_at;
    answer(s, step);
    if (!step->intake)
        return; // over; it goes with the job
    free(take(&step->data));
    step->said = (struct intake_said){ 0 };
    s->dump->step = take(&j->dump);
}

void dumping_tick(struct session *s, int64_t now_ms)
{
    if (s->dump && s->dump->step && now_ms - s->dump->answered_at > PIECE_MS)
        refuse(s, take(&s->dump->step), "slow", BUSY_S, "no piece came for a minute");
}

void dumping_end(struct session *s)
{
    if (s->dump)
        intake_step_free(s->dump->step);
    free(take(&s->dump));
}
