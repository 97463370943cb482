// SPDX-License-Identifier: Apache-2.0

#include "gateway/session.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/clock.h"
#include "core/hex.h"
#include "core/json_in.h"
#include "core/json_out.h"
#include "core/token.h"
#include "gateway/dumping.h"
#include "gateway/job.h"
#include "ingest/ingest.h"
#include "journal/journal.h"
#include "journal/loudness.h"
#include "keeper/keeper.h"

#define HELLO_MS    10000 // from the upgrade to hello
#define EVIDENCE_MS (NONCE_TTL_S * 1000)
#define JUDGE_MS    30000 // a worker's answer
#define FACTORY_MS  (10 * 60 * 1000)
#define RENEWALS    6 // in RENEWAL_MS, a session
#define RENEWAL_MS  60000
#define INTEGER_MAX (INT64_C(1) << 53)
#define CSR_MAX     4096
#define DEPTH_MAX   8

enum trial_step {
    TRIAL_ASKED, // the challenge is being made
    TRIAL_DUE,   // the device is to send evidence
    TRIAL_JUDGED,
};

struct attestation {
    enum trial_step step;
    uint8_t nonce[32];
    int64_t nonce_at; // Unix ms
    int64_t since;    // ms, monotonic: of this step
};

// The rest of a frame that ingest could not take.
struct held_frame {
    struct held_frame *next;
    size_t at, len;
    bool array, started;
    char text[];
};

static void send_json(struct session *s, json_t *owned)
{
    json_auto_t *o = owned;
    auto_free char *text = json_dumps(o, JSON_COMPACT);

    if (text)
        s->port->send(s, text, strlen(text));
}

static json_t *message(const char *type)
{
    json_t *o = json_object();

    add_text(o, "type", type);
    return o;
}

static void end(struct session *s, enum close_code code, const char *reason)
{
    if (s->phase == SESSION_ENDING)
        return;
    s->phase = SESSION_ENDING;
    s->port->close(s, code, reason);
}

struct number {
    int64_t boot, seq; // 0: none
};

static void nack(struct session *s, const struct number *n, const char *code, const char *text)
{
    json_t *o = message(MSG_NACK);

    if (n && n->seq > 0)
        add_int(o, "seq", n->seq);
    if (n && n->seq > 0 && n->boot > 0 && n->boot != s->boot)
        add_int(o, "boot", n->boot);
    add_text(o, "code", code);
    add_text(o, "text", text);
    send_json(s, o);
}

void session_refuse(struct session *s, const char *code, enum close_code close, const char *text)
{
    if (s->phase == SESSION_ENDING)
        return;
    nack(s, NULL, code, text);
    end(s, close, text);
}

// After it, the device comes again with its factory key; what it meets then depends on what was
// done.
void session_revoke(struct session *s, const char *why)
{
    static const struct {
        const char *why, *code, *text;
    } kinds[] = {
        { "unclaimed", "unclaimed",
          "this device was unclaimed: it gets no certificate until somebody claims it again" },
        { "retired", "retired", "this device was retired: it is not served any more" },
        { "quarantined", "quarantined",
          "this device was put in quarantine: attest again for a quarantine certificate" },
        { "reattest", "reattest",
          "somebody wants this device to show evidence anew: attest again with the factory key" },
        { "released", "released",
          "this device was released from quarantine: attest again for its certificate" },
    };

    for (size_t i = 0; why && i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(why, kinds[i].why)) {
            session_refuse(s, kinds[i].code, CLOSE_REVOKED, kinds[i].text);
            return;
        }
    end(s, CLOSE_REVOKED, "this device's certificates were revoked");
}

// A message that is answered with a nack is settled: it must not be sent again.
static void refuse_one(struct session *s, const struct number *n, const char *code,
                       const char *text)
{
    nack(s, n, code, text);
    if (n->seq <= 0)
        end(s, CLOSE_MALFORMED, text);
    else if (s->ingest)
        ingest_settle(s->ingest, n->boot ? n->boot : s->boot, n->seq);
}

static bool has_certificate(const struct session *s)
{
    return s->who.kind == IDENTITY_OPERATIONAL || s->who.kind == IDENTITY_QUARANTINE;
}

static const char *why_not_yet(const struct session *s)
{
    if (s->phase == SESSION_HELLO)
        return "the first message must be hello";
    if (s->who.kind == IDENTITY_STRANGER)
        return "a device that nobody has claimed says hello and no more";
    return s->who.kind == IDENTITY_FACTORY ? "a session with the factory key carries only evidence"
                                           : "wait for settings after hello";
}

static json_t *limits(const struct session *s)
{
    json_t *o = json_object();

    add_int(o, "frameBytes", LIMIT_FRAME_BYTES);
    add_int(o, "inFlight", LIMIT_IN_FLIGHT);
    add_int(o, "metrics", LIMIT_METRICS);
    add_int(o, "nameBytes", LIMIT_NAME_BYTES);
    add_int(o, "textBytes", LIMIT_TEXT_BYTES);
    add_int(o, "pingSeconds", s->ping_s);
    add_int(o, "pastMs", LIMIT_PAST_MS);
    add_int(o, "futureMs", LIMIT_FUTURE_MS);
    return o;
}

// ---------------------------------------------------------------- asking the workers

static struct job *job_new(struct session *s, enum job_kind kind)
{
    struct job *j = calloc(1, sizeof *j);

    if (!j) {
        end(s, CLOSE_RETRY, "the server is out of memory");
        return NULL;
    }
    j->kind = kind;
    j->who = s->who;
    j->boot = s->boot;
    if (s->who.kind == IDENTITY_FACTORY || s->who.kind == IDENTITY_STRANGER)
        j->spki_len = s->port->key(s, j->spki, sizeof j->spki);
    return j;
}

static bool ask(struct session *s, struct job *owned)
{
    if (s->port->ask(s, owned))
        return true;
    session_refuse(s, "rate", CLOSE_RETRY, "the server is busy, try again later");
    return false;
}

static void ask_challenge(struct session *s, int64_t now_ms)
{
    struct job *j;

    s->trial = calloc(1, sizeof *s->trial);
    j = s->trial ? job_new(s, JOB_CHALLENGE) : NULL;
    if (!j) {
        end(s, CLOSE_RETRY, "the server is out of memory");
        return;
    }
    s->trial->step = TRIAL_ASKED;
    s->trial->since = now_ms;
    ask(s, j);
}

void session_attach(struct session *s)
{
    struct job *j = s->phase == SESSION_ATTACHING ? job_new(s, JOB_ATTACH) : NULL;

    if (j)
        ask(s, j);
}

// ---------------------------------------------------------------- messages from the device

struct hello {
    const char *protocol, *agent, *attester, *claim;
    int64_t boot;
};

static const struct field hello_fields[] = {
    { TEXT(struct hello, protocol), REQUIRED, 1, 40 },
    { TEXT(struct hello, agent), OPTIONAL, 0, 80 },
    { TEXT(struct hello, attester), REQUIRED, 1, 20 },
    { INT(struct hello, boot), REQUIRED, 1, INTEGER_MAX },
    { TEXT(struct hello, claim), OPTIONAL, 0, CODE_MAX },
};

// Only one who is not claimed has use for a code; to all others it says nothing.
static bool must_knock(const struct session *s, const struct hello *h)
{
    return s->who.kind == IDENTITY_STRANGER ||
           (s->who.kind == IDENTITY_FACTORY && s->who.lifecycle == DEVICE_REGISTERED && h->claim &&
            *h->claim);
}

static void ask_knock(struct session *s, const struct hello *h)
{
    struct job *j = job_new(s, JOB_KNOCK);

    if (!j)
        return;
    s->phase = SESSION_KNOCKING;
    j->knock = calloc(1, sizeof *j->knock);
    if (!j->knock) {
        job_free(j);
        end(s, CLOSE_RETRY, "the server is out of memory");
        return;
    }
    s->port->from(s, &j->knock->from);
    snprintf(j->knock->agent, sizeof j->knock->agent, "%s", h->agent ? h->agent : "");
    for (char *c = j->knock->agent; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    snprintf(j->knock->code, sizeof j->knock->code, "%s", h->claim ? h->claim : "");
    ask(s, j);
}

static void on_hello(struct session *s, json_t *o, const struct number *n, int64_t now_ms)
{
    struct hello h = { 0 };
    struct fault f = { 0 };

    (void)n;
    if (s->phase != SESSION_HELLO) {
        session_refuse(s, "order", CLOSE_ORDER, "hello is said once");
        return;
    }
    if (BODY_PICK(o, hello_fields, &h, &f) != RC_OK) {
        session_refuse(s, "malformed", CLOSE_MALFORMED, f.text);
        return;
    }
    if (strcmp(h.protocol, PROTOCOL_NAME) != 0 || strcmp(h.attester, ATTESTER_SOFT) != 0) {
        session_refuse(s, "type", CLOSE_MALFORMED,
                       "this server speaks protocol " PROTOCOL_NAME ", attester " ATTESTER_SOFT);
        return;
    }
    s->boot = h.boot;
    if (must_knock(s, &h)) {
        ask_knock(s, &h);
        return;
    }
    if (s->who.kind == IDENTITY_FACTORY) {
        s->phase = SESSION_STEADY;
        ask_challenge(s, now_ms);
        return;
    }
    s->phase = SESSION_ATTACHING;
    s->port->claim(s);
}

static void on_renew(struct session *s, json_t *o, const struct number *n, int64_t now_ms)
{
    (void)o;
    (void)n;
    if (!has_certificate(s)) {
        session_refuse(s, "order", CLOSE_ORDER, why_not_yet(s));
        return;
    }
    if (s->trial) {
        session_refuse(s, "order", CLOSE_ORDER, "an attestation is under way already");
        return;
    }
    if (now_ms - s->renewal_at > RENEWAL_MS) {
        s->renewal_at = now_ms;
        s->renewals = 0;
    }
    if (++s->renewals > RENEWALS) {
        session_refuse(s, "rate", CLOSE_LIMIT, "too many renewals in a minute");
        return;
    }
    ask_challenge(s, now_ms);
}

struct evidence {
    const char *eat, *csr;
};

static const struct field evidence_fields[] = {
    { TEXT(struct evidence, eat), REQUIRED, 1, LIMIT_FRAME_BYTES },
    { TEXT(struct evidence, csr), REQUIRED, 1, BASE64_SIZE(CSR_MAX) },
};

static bool fill_evidence(struct session *s, struct job *j, const struct evidence *e)
{
    size_t csr_text = strlen(e->csr);
    long len;

    j->eat = strdup(e->eat);
    j->eat_len = strlen(e->eat);
    j->csr = malloc(csr_text);
    len = j->csr ? base64_decode(e->csr, csr_text, j->csr, csr_text) : -1;
    if (!j->eat || len <= 0) {
        session_refuse(s, "malformed", CLOSE_MALFORMED, "csr must be base64 of a DER request");
        return false;
    }
    j->csr_len = (size_t)len;
    memcpy(j->nonce, s->trial->nonce, sizeof j->nonce);
    j->nonce_at = s->trial->nonce_at;
    if (s->port->exporter(s, j->exporter))
        return true;
    session_refuse(s, "identity", CLOSE_IDENTITY,
                   "this connection has no exporter: TLS 1.3, or 1.2 with extended master secret");
    return false;
}

static void on_evidence(struct session *s, json_t *o, const struct number *n, int64_t now_ms)
{
    struct evidence e = { 0 };
    struct fault f = { 0 };
    struct job *j;

    (void)n;
    if (!s->trial || s->trial->step != TRIAL_DUE) {
        session_refuse(s, "order", CLOSE_ORDER, "evidence answers a challenge, and only once");
        return;
    }
    if (BODY_PICK(o, evidence_fields, &e, &f) != RC_OK) {
        session_refuse(s, "malformed", CLOSE_MALFORMED, f.text);
        return;
    }
    j = job_new(s, JOB_JUDGE);
    if (!j)
        return;
    if (!fill_evidence(s, j, &e)) {
        job_free(j);
        return;
    }
    // The nonce is spent, whatever comes of it.
    s->trial->step = TRIAL_JUDGED;
    s->trial->since = now_ms;
    ask(s, j);
}

struct entry {
    const char *level, *name, *source, *text;
    json_t *fields;
    int64_t t;
};

static const struct field log_fields[] = {
    { TEXT(struct entry, level), REQUIRED, 1, 10 },
    { TEXT(struct entry, source), OPTIONAL, 0, LIMIT_NAME_BYTES },
    { TEXT(struct entry, text), REQUIRED, 0, LIMIT_TEXT_BYTES },
    { OBJECT(struct entry, fields), OPTIONAL, 0, 0 },
    { INT(struct entry, t), REQUIRED, -INTEGER_MAX, INTEGER_MAX },
};

static const struct field event_fields[] = {
    { TEXT(struct entry, name), REQUIRED, 1, LIMIT_NAME_BYTES },
    { TEXT(struct entry, level), OPTIONAL, 1, 10 },
    { TEXT(struct entry, source), OPTIONAL, 0, LIMIT_NAME_BYTES },
    { TEXT(struct entry, text), OPTIONAL, 0, LIMIT_TEXT_BYTES },
    { OBJECT(struct entry, fields), OPTIONAL, 0, 0 },
    { INT(struct entry, t), REQUIRED, -INTEGER_MAX, INTEGER_MAX },
};

// False: said why, or ingest is full (*full).
static bool take_entry(struct session *s, const struct entry *e, const struct number *n, bool event,
                       bool *full)
{
    auto_free char *fields = e->fields ? json_dumps(e->fields, JSON_COMPACT) : NULL;
    int level = journal_level_from_name(e->level ? e->level : "info");
    const char *code = "shape";
    struct fault f = { 0 };

    if (level < 0) {
        refuse_one(s, n, "malformed", "level must be error, warn, info or debug");
        return false;
    }
    if (fields && strlen(fields) > LIMIT_FIELDS_BYTES) {
        refuse_one(s, n, "size", "fields must be at most 4096 bytes as compact JSON");
        return false;
    }
    struct ingest_entry entry = {
        .boot = n->boot ? n->boot : s->boot,
        .seq = n->seq,
        .at = e->t,
        .event = event,
        .level = level,
        .name = event ? e->name : NULL,
        .source = e->source,
        .text = e->text ? e->text : "",
        .fields = fields,
    };
    enum ingest_result r = ingest_entry(s->ingest, &entry, &code, &f);
    if (r == INGEST_NACK)
        nack(s, n, code, f.text);
    *full = r == INGEST_FULL;
    return r == INGEST_TAKEN || r == INGEST_REPLAY;
}

// ---------------------------------------------------------------- limits on what is stored

// May this session store n now? Says why not.
static bool may_store(struct session *s, const struct number *n)
{
    if (s->phase != SESSION_STEADY || !has_certificate(s)) {
        session_refuse(s, "order", CLOSE_ORDER, why_not_yet(s));
        return false;
    }
    if (s->quarantined) {
        refuse_one(s, n, "quarantined",
                   "this device is quarantined: attest again once its findings are mended");
        return false;
    }
    if (n->boot > s->boot) {
        refuse_one(s, n, "boot", "boot is higher than the one said in hello");
        return false;
    }
    return true;
}

// The sequence starts anywhere; from there on at most LIMIT_IN_FLIGHT may wait for an ack.
static bool within_flight(struct session *s, const struct number *n)
{
    int64_t floor;

    if (n->boot && n->boot != s->boot)
        return true;
    if (s->first_seq == 0)
        s->first_seq = n->seq;
    floor = s->acked_seq > s->first_seq - 1 ? s->acked_seq : s->first_seq - 1;
    if (n->seq - floor <= LIMIT_IN_FLIGHT)
        return true;
    nack(s, n, "rate", "more than 4096 messages are waiting for an ack");
    end(s, CLOSE_LIMIT, "more messages in flight than announced");
    return false;
}

// ---------------------------------------------------------------- one frame

static struct number number_of(json_t *o)
{
    const json_t *seq = json_object_get(o, "seq"), *boot = json_object_get(o, "boot");
    struct number n = { 0 };

    if (json_is_integer(seq) && json_integer_value(seq) > 0 &&
        json_integer_value(seq) <= INTEGER_MAX)
        n.seq = json_integer_value(seq);
    if (json_is_integer(boot) && json_integer_value(boot) > 0 &&
        json_integer_value(boot) <= INTEGER_MAX)
        n.boot = json_integer_value(boot);
    return n;
}

// False when ingest is full and the message has to be looked at again.
static bool store_entry(struct session *s, json_t *o, const struct number *n, bool event)
{
    struct entry e = { 0 };
    struct fault f = { 0 };
    bool full = false;
    enum rc rc;

    if (!may_store(s, n) || !within_flight(s, n))
        return true;
    if (n->seq <= 0) {
        session_refuse(s, "malformed", CLOSE_MALFORMED, "seq must be a number from 1");
        return true;
    }
    rc = event ? BODY_PICK(o, event_fields, &e, &f) : BODY_PICK(o, log_fields, &e, &f);
    if (rc != RC_OK)
        refuse_one(s, n, "malformed", f.text);
    else
        take_entry(s, &e, n, event, &full);
    return !full;
}

// The answer to the newest settings: what the device says of its level is worth keeping where it
// is, or was, not the usual one.
static void keep_level(struct session *s, json_t *o)
{
    const json_t *version = json_object_get(o, "settings");
    bool loud = s->level != LOUDNESS_USUAL;
    struct job *j;

    if (!json_is_integer(version) || json_integer_value(version) != s->settings ||
        (!loud && !s->loud))
        return;
    j = calloc(1, sizeof *j);
    if (!j)
        return;
    j->kind = JOB_LEVEL;
    j->who = s->who;
    j->level = s->level;
    if (s->port->ask(s, j))
        s->loud = loud;
}

static void on_reported(struct session *s, json_t *o, const struct number *n, int64_t now_ms)
{
    (void)now_ms;
    if (s->phase != SESSION_STEADY || !s->ingest)
        session_refuse(s, "order", CLOSE_ORDER, "reported answers settings");
    else if (n->seq <= 0)
        session_refuse(s, "malformed", CLOSE_MALFORMED, "seq must be a number from 1");
    else if (within_flight(s, n)) {
        if (!n->boot || n->boot == s->boot)
            keep_level(s, o);
        ingest_settle(s->ingest, n->boot ? n->boot : s->boot, n->seq);
    }
}

static const struct {
    const char *type;
    void (*run)(struct session *s, json_t *o, const struct number *n, int64_t now_ms);
} handlers[] = {
    { MSG_HELLO, on_hello },       { MSG_EVIDENCE, on_evidence }, { MSG_RENEW, on_renew },
    { MSG_REPORTED, on_reported }, { MSG_DUMP, dumping_offer },   { MSG_PIECE, dumping_piece },
};

static bool is_shallow(json_t *v, int left)
{
    const char *key;
    json_t *member;
    size_t i;

    if (left == 0 && (json_is_object(v) || json_is_array(v)))
        return false;
    json_object_foreach (v, key, member)
        if (!is_shallow(member, left - 1))
            return false;
    json_array_foreach (v, i, member)
        if (!is_shallow(member, left - 1))
            return false;
    return true;
}

static void unknown(struct session *s, const struct number *n)
{
    if (s->phase == SESSION_HELLO)
        session_refuse(s, "order", CLOSE_ORDER, "the first message must be hello");
    else if (n->seq > 0)
        refuse_one(s, n, "type", "this type of message is not known here");
    else
        nack(s, NULL, "type", "this type of message is not known here");
}

// False when ingest is full.
static bool dispatch(struct session *s, json_t *o, int64_t now_ms)
{
    const char *type = json_string_value(json_object_get(o, "type"));
    struct number n = number_of(o);

    if (!type) {
        session_refuse(s, "malformed", CLOSE_MALFORMED, "type must be a string");
        return true;
    }
    if (s->phase == SESSION_HELLO && strcmp(type, MSG_HELLO) != 0) {
        session_refuse(s, "order", CLOSE_ORDER, "the first message must be hello");
        return true;
    }
    if (!strcmp(type, MSG_LOG) || !strcmp(type, MSG_EVENT))
        return store_entry(s, o, &n, !strcmp(type, MSG_EVENT));
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        if (!strcmp(type, handlers[i].type)) {
            handlers[i].run(s, o, &n, now_ms);
            return true;
        }
    unknown(s, &n);
    return true;
}

static bool take_object(struct session *s, const struct token_slice *text, int64_t now_ms)
{
    char why[JSON_MISTAKE_SIZE + 30], mistake[JSON_MISTAKE_SIZE];
    json_error_t e;
    json_auto_t *o = json_loadb(text->at, text->len, JSON_REJECT_DUPLICATES, &e);

    if (!o) {
        json_mistake(&e, mistake);
        snprintf(why, sizeof why, "the message is not JSON, %s", mistake);
        session_refuse(s, "malformed", CLOSE_MALFORMED, why);
    } else if (!is_shallow(o, DEPTH_MAX))
        session_refuse(s, "malformed", CLOSE_MALFORMED, "the message nests deeper than 8");
    else
        return dispatch(s, o, now_ms);
    return true;
}

static bool take_reading(struct session *s, const struct token_reading *m)
{
    struct number n = { m->boot, m->seq };
    const char *code = "shape";
    struct fault f = { 0 };

    if (!may_store(s, &n) || !within_flight(s, &n))
        return true;
    switch (ingest_reading(s->ingest, m, &code, &f)) {
    case INGEST_TAKEN:
    case INGEST_REPLAY:
        return true;
    case INGEST_NACK:
        nack(s, &n, code, f.text);
        return true;
    case INGEST_FULL:
        return false;
    }
    return true;
}

static void take_refused(struct session *s, const struct token_cursor *c)
{
    struct number n = { c->reading.boot, c->reading.seq };

    if (may_store(s, &n) && within_flight(s, &n))
        refuse_one(s, &n, c->code ? c->code : "malformed", c->reason);
}

// Takes messages until the frame ends (true) or ingest is full (false; c is before the message).
static bool take_all(struct session *s, struct token_cursor *c, int64_t now_ms)
{
    bool taken = true;

    while (taken && s->phase != SESSION_ENDING) {
        const char *at = c->at;
        bool array = c->array, started = c->started;

        switch (token_next(c)) {
        case TOKEN_END:
            return true;
        case TOKEN_TELEMETRY:
            taken = take_reading(s, &c->reading);
            break;
        case TOKEN_OTHER:
            taken = take_object(s, &c->object, now_ms);
            break;
        case TOKEN_REFUSED:
            take_refused(s, c);
            break;
        case TOKEN_BROKEN:
            session_refuse(s, "malformed", CLOSE_MALFORMED, c->reason);
            return true;
        }
        if (!taken) {
            c->at = at;
            c->array = array;
            c->started = started;
        }
    }
    return taken;
}

static void hold(struct session *s, const struct token_cursor *c, const char *text)
{
    size_t len = (size_t)(c->end - text);
    struct held_frame *h = malloc(sizeof *h + len), **last = &s->held;

    if (!h) {
        end(s, CLOSE_RETRY, "the server is out of memory");
        return;
    }
    *h = (struct held_frame){
        .at = (size_t)(c->at - text), .len = len, .array = c->array, .started = c->started
    };
    memcpy(h->text, text, len);
    while (*last)
        last = &(*last)->next;
    *last = h;
    s->port->pause(s, true);
}

void session_frame(struct session *s, const char *text, size_t len, int64_t now_ms)
{
    struct token_cursor c;

    s->seen_at = now_ms;
    if (s->phase == SESSION_ENDING)
        return;
    token_start(&c, text, len);
    // What was read before the pause took hold waits behind the rest.
    if (s->held || !take_all(s, &c, now_ms))
        hold(s, &c, text);
}

void session_drained(struct session *s, int64_t now_ms)
{
    while (s->held && s->phase != SESSION_ENDING) {
        struct held_frame *h = s->held;
        struct token_cursor c;

        token_start(&c, h->text, h->len);
        c.at = h->text + h->at;
        c.array = h->array;
        c.started = h->started;
        if (!take_all(s, &c, now_ms)) {
            h->at = (size_t)(c.at - h->text);
            h->array = c.array;
            h->started = c.started;
            return;
        }
        s->held = h->next;
        free(h);
    }
    s->port->pause(s, false);
}

// ---------------------------------------------------------------- answers of the workers

// At half of its life, which begins when it is issued.
static int64_t renew_at(int64_t not_before_s, int64_t not_after_s)
{
    return (not_before_s + KEEPER_BACK_DATE_S + not_after_s) / 2 * 1000;
}

// rc to close code, the gateway's one translation.
static void refuse_answer(struct session *s, const struct job *j)
{
    const char *text = j->fault.text;

    switch (j->rc) {
    case RC_OK:
        return;
    case RC_DENIED:
        session_refuse(s, "identity", CLOSE_IDENTITY, text);
        return;
    case RC_INVALID:
        session_refuse(s, "malformed", CLOSE_MALFORMED, text);
        return;
    case RC_NOT_FOUND:
        session_refuse(s, "identity", CLOSE_REVOKED, text);
        return;
    case RC_CONFLICT:
        session_refuse(s, "boot", CLOSE_ORDER, text);
        return;
    case RC_LIMIT:
        session_refuse(s, "rate", CLOSE_LIMIT, text);
        return;
    case RC_UNAVAILABLE:
    case RC_INTERNAL:
        end(s, CLOSE_RETRY, "the server cannot serve this now");
        return;
    }
}

static const char *code_of(enum knock_outcome outcome)
{
    switch (outcome) {
    case KNOCK_BAD_CODE:
        return "claim";
    case KNOCK_TOO_FAST:
        return "rate";
    case KNOCK_CLAIMED:
    case KNOCK_HELD:
    case KNOCK_WAIT:
        break;
    }
    return "unclaimed";
}

static void answer_knock(struct session *s, struct job *j)
{
    json_t *o;

    if (s->phase != SESSION_KNOCKING)
        return;
    if (j->answer.outcome == KNOCK_CLAIMED) {
        s->who = j->who;
        s->phase = SESSION_STEADY;
        ask_challenge(s, clock_mono_ms());
        return;
    }
    o = message(MSG_NACK);
    add_text(o, "code", code_of(j->answer.outcome));
    add_text(o, "text", j->answer.text);
    add_int(o, "retrySeconds", j->answer.retry_s);
    send_json(s, o);
    end(s, CLOSE_UNCLAIMED, j->answer.text);
}

static void answer_level(struct session *s, struct job *j)
{
    (void)s;
    (void)j;
}

static void answer_challenge(struct session *s, struct job *j)
{
    char nonce[BASE64_SIZE(NONCE_LEN)], policy[KEEPER_CATALOG_MAX + 4];
    json_t *o;

    if (!s->trial || s->trial->step != TRIAL_ASKED)
        return;
    memcpy(s->trial->nonce, j->nonce, sizeof s->trial->nonce);
    s->trial->nonce_at = j->nonce_at;
    s->trial->since = clock_mono_ms();
    s->trial->step = TRIAL_DUE;
    base64url_encode(j->nonce, NONCE_LEN, nonce);
    snprintf(policy, sizeof policy, "%s/1", s->who.catalog_name);
    o = message(MSG_CHALLENGE);
    add_text(o, "nonce", nonce);
    add_text(o, "time", j->time);
    add_text(o, "policy", policy);
    json_object_set_new(o, "limits", limits(s));
    send_json(s, o);
}

static void send_settings(struct session *s, int64_t last_boot, int64_t last_seq)
{
    json_t *o = message(MSG_SETTINGS), *ack = json_object();

    add_int(ack, "boot", last_boot);
    add_int(ack, "seq", last_seq);
    add_int(o, "version", ++s->settings);
    add_int(o, "time", clock_now_ms());
    json_object_set_new(o, "ack", ack);
    json_object_set_new(o, "limits", limits(s));
    add_text(o, "logLevel", journal_level_name((enum journal_level)s->level));
    add_int(o, "renewAt", renew_at(s->who.not_before, s->who.not_after));
    add_bool(o, "quarantined", s->quarantined);
    send_json(s, o);
}

static void answer_attach(struct session *s, struct job *j)
{
    if (s->phase != SESSION_ATTACHING)
        return;
    s->ingest = take(&j->ingest);
    s->quarantined = s->who.kind == IDENTITY_QUARANTINE || j->facts.quarantined_by_hand ||
                     j->facts.verdict == VERDICT_CONTRAINDICATED;
    if (j->last_boot == s->boot)
        s->acked_seq = j->last_seq;
    s->phase = SESSION_STEADY;
    s->level = (uint8_t)j->level;
    s->loud = j->loud;
    send_settings(s, j->last_boot, j->last_seq);
}

void session_level(struct session *s, int level)
{
    if (s->phase != SESSION_STEADY || !s->ingest || s->level == level)
        return;
    s->level = (uint8_t)level;
    send_settings(s, s->boot, s->acked_seq);
}

static json_t *certificate_to_json(const struct attest_result *r)
{
    json_t *o = json_object();

    add_text(o, "kind", r->kind == CERT_QUARANTINE ? "quarantine" : "operational");
    add_text(o, "pem", r->certificate.pem);
    add_int(o, "notAfter", r->certificate.not_after * 1000);
    add_int(o, "renewAt", renew_at(r->certificate.not_before, r->certificate.not_after));
    return o;
}

static json_t *findings_for_device(const struct job *j)
{
    json_t *findings = json_deep_copy(j->result.findings), *o;

    if (j->result.unclaimed && findings) {
        o = json_object();
        add_text(o, "component", "claim");
        add_text(o, "expected", "claimed");
        add_text(o, "found", "registered");
        add_text(o, "remedy", "Claim this device in the dashboard; it then attests again");
        add_text(o, "text", "Nobody has claimed this device yet, so it gets no certificate.");
        json_array_append_new(findings, o);
    }
    return findings;
}

// What the session was opened with decides what it may go on with.
static void after_verdict(struct session *s, const struct job *j)
{
    bool well =
        j->result.verdict != VERDICT_CONTRAINDICATED && !j->result.facts.quarantined_by_hand;

    if (s->ingest)
        ingest_facts(s->ingest, &j->result.facts);
    if (s->who.kind == IDENTITY_FACTORY)
        end(s, CLOSE_NORMAL, "connect again with the certificate");
    else if (s->who.kind == IDENTITY_OPERATIONAL && !well)
        end(s, CLOSE_REVOKED, "quarantined: connect again with the quarantine certificate");
    else if (s->who.kind == IDENTITY_QUARANTINE && well)
        end(s, CLOSE_NORMAL, "connect again with the new certificate");
}

static void answer_verdict(struct session *s, struct job *j)
{
    json_t *o;

    if (!s->trial)
        return;
    o = message(MSG_VERDICT);
    add_text(o, "status", verdict_name(j->result.verdict));
    json_object_set_new(o, "findings", findings_for_device(j));
    if (j->result.certified)
        json_object_set_new(o, "certificate", certificate_to_json(&j->result));
    send_json(s, o);
    free(take(&s->trial));
    after_verdict(s, j);
}

void session_answer(struct session *s, struct job *j)
{
    static void (*const answers[])(struct session *, struct job *) = {
        [JOB_CHALLENGE] = answer_challenge, [JOB_ATTACH] = answer_attach,
        [JOB_JUDGE] = answer_verdict,       [JOB_KNOCK] = answer_knock,
        [JOB_DUMP] = dumping_answer,        [JOB_LEVEL] = answer_level,
    };

    if (s->phase == SESSION_ENDING)
        return;
    if (j->rc != RC_OK)
        refuse_answer(s, j);
    else
        answers[j->kind](s, j);
}

// ---------------------------------------------------------------- acks, time, end

void session_flush_ack(struct session *s)
{
    char text[100];
    int len;

    if (!s->ack_due)
        return;
    s->ack_due = false;
    len = s->ack_boot == s->boot
              ? snprintf(text, sizeof text, "{\"type\":\"" MSG_ACK "\",\"seq\":%" PRId64 "}",
                         s->ack_seq)
              : snprintf(text, sizeof text,
                         "{\"type\":\"" MSG_ACK "\",\"seq\":%" PRId64 ",\"boot\":%" PRId64 "}",
                         s->ack_seq, s->ack_boot);
    s->port->send(s, text, (size_t)len);
}

void session_acked(struct session *s, int64_t boot, int64_t seq)
{
    if (s->phase == SESSION_ENDING)
        return;
    if (s->ack_due && s->ack_boot != boot)
        session_flush_ack(s); // the other boot's, before this one's
    if (boot == s->boot && seq > s->acked_seq)
        s->acked_seq = seq;
    s->ack_boot = boot;
    s->ack_seq = seq;
    s->ack_due = true;
}

void session_open(struct session *s, const struct session_port *port, struct ingest *gate,
                  const struct identity *who, int64_t now_ms)
{
    *s = (struct session){ .port = port, .gate = gate, .who = *who, .ping_s = PING_S };
    s->opened_at = s->seen_at = now_ms;
}

static void tick_trial(struct session *s, int64_t now_ms)
{
    int64_t limit = s->trial->step == TRIAL_DUE ? EVIDENCE_MS : JUDGE_MS;

    if (now_ms - s->trial->since <= limit)
        return;
    if (s->trial->step == TRIAL_DUE)
        end(s, CLOSE_TIMEOUT, "no evidence came");
    else
        end(s, CLOSE_RETRY, "the server took too long");
}

void session_tick(struct session *s, int64_t now_ms, int64_t now_s)
{
    if (s->phase == SESSION_HELLO && now_ms - s->opened_at > HELLO_MS)
        end(s, CLOSE_TIMEOUT, "no hello came");
    else if ((s->phase == SESSION_ATTACHING || s->phase == SESSION_KNOCKING) &&
             now_ms - s->opened_at > HELLO_MS + JUDGE_MS)
        end(s, CLOSE_RETRY, "the server took too long");
    else if (has_certificate(s) && now_s >= s->who.not_after)
        end(s, CLOSE_EXPIRED, "the certificate has expired");
    else if (!has_certificate(s) && now_ms - s->opened_at > FACTORY_MS)
        end(s, CLOSE_TIMEOUT, "a session with the factory key is short");
    else if (s->trial)
        tick_trial(s, now_ms);
    dumping_tick(s, now_ms);
    if (s->held && !ingest_is_full(s->gate))
        session_drained(s, now_ms);
}

void session_end(struct session *s)
{
    s->phase = SESSION_ENDING;
    if (s->ingest)
        ingest_detach(take(&s->ingest));
    free(take(&s->trial));
    dumping_end(s);
    while (s->held) {
        struct held_frame *h = s->held;

        s->held = h->next;
        free(h);
    }
}
