// SPDX-License-Identifier: Apache-2.0
//
// Any frames in any order: the session neither crashes nor leaks nor closes twice. Input: a byte
// that picks the kind of certificate, then frames, each ended by a NUL; a byte below 8 before a
// frame answers what was asked, acknowledges, ticks or fills ingest.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "gateway/job.h"
#include "gateway/session.h"
#include "ingest/ingest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct ingest_device {
    enum ingest_result next;
};

static struct ingest_device *attached;
static struct job *asked;
static enum ingest_result next;
static int closed;

enum ingest_result ingest_reading(struct ingest_device *d, const struct token_reading *m,
                                  const char **code, struct fault *f)
{
    volatile double sum = 0;

    (void)d;
    for (size_t i = 0; i < m->count; i++)
        sum = sum + m->metrics[i].value + m->metrics[i].name.at[0];
    *code = "clock";
    memcpy(f->text, "no", 3);
    return next;
}

enum ingest_result ingest_entry(struct ingest_device *d, const struct ingest_entry *e,
                                const char **code, struct fault *f)
{
    (void)d;
    *code = "clock";
    memcpy(f->text, "no", 3);
    return e->text && e->seq > 0 ? next : INGEST_NACK;
}

enum ingest_result ingest_settle(struct ingest_device *d, int64_t boot, int64_t seq)
{
    if (!d || boot <= 0 || seq <= 0)
        abort();
    return INGEST_TAKEN;
}

void ingest_detach(struct ingest_device *d)
{
    free(d);
}

void ingest_facts(struct ingest_device *d, const struct device_facts *facts)
{
    (void)d;
    (void)facts;
}

bool ingest_is_full(const struct ingest *g)
{
    (void)g;
    return next == INGEST_FULL;
}

static bool ask(struct session *s, struct job *owned)
{
    (void)s;
    job_free(asked);
    asked = owned;
    return true;
}

static void say(struct session *s, const char *text, size_t len)
{
    (void)s;
    if (len == 0 || text[0] != '{' || text[len - 1] != '}')
        abort();
}

static void hang_up(struct session *s, enum close_code code, const char *reason)
{
    (void)s;
    if (closed || !reason)
        abort();
    closed = (int)code;
}

static void hold(struct session *s, bool on)
{
    (void)s;
    (void)on;
}

static bool exporter(struct session *s, uint8_t out[32])
{
    (void)s;
    memset(out, 1, 32);
    return true;
}

static size_t key_of(struct session *s, uint8_t *out, size_t size)
{
    (void)s;
    memset(out, 4, size);
    return size;
}

static void comes_from(struct session *s, struct sockaddr_storage *out)
{
    (void)s;
    memset(out, 0, sizeof *out);
}

static const struct session_port port = {
    .ask = ask,
    .send = say,
    .close = hang_up,
    .pause = hold,
    .key = key_of,
    .from = comes_from,
    .exporter = exporter,
    .claim = session_attach,
};

static void answer(struct session *s)
{
    struct job *j = asked;

    asked = NULL;
    if (!j)
        return;
    if (j->kind == JOB_ATTACH && !attached && s->phase == SESSION_ATTACHING)
        j->ingest = calloc(1, sizeof *j->ingest);
    if (j->kind == JOB_KNOCK) {
        j->answer.outcome = (enum knock_outcome)(strlen(j->knock->code) % 5);
        j->who.kind = IDENTITY_FACTORY;
    }
    if (j->kind == JOB_JUDGE)
        j->result.findings = json_array();
    session_answer(s, j);
    job_free(j);
}

static void act(struct session *s, uint8_t what, int64_t now_ms)
{
    switch (what) {
    case 0:
        answer(s);
        return;
    case 1:
        next = INGEST_FULL;
        return;
    case 2:
        next = INGEST_NACK;
        return;
    case 3:
        next = INGEST_TAKEN;
        session_drained(s, now_ms);
        return;
    case 4:
        session_acked(s, s->boot, 5);
        session_acked(s, 1, 6);
        session_flush_ack(s);
        return;
    default:
        session_tick(s, now_ms, 1);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct identity who = { .catalog = 1, .device = 1, .catalog_name = "demo", .not_after = 100 };
    struct session s;
    int64_t now_ms = 1000;

    if (size == 0)
        return 0;
    who.kind = (enum identity_kind)(data[0] % 4);
    next = INGEST_TAKEN;
    closed = 0;
    session_open(&s, &port, NULL, &who, now_ms);
    for (size_t at = 1; at < size; at++) {
        const uint8_t *end = memchr(data + at, 0, size - at);
        size_t len = end && end > data + at ? (size_t)(end - data) - at : size - at;

        now_ms += 10;
        if (data[at] < 8) {
            act(&s, data[at], now_ms);
            continue;
        }
        session_frame(&s, (const char *)data + at, len, now_ms);
        at += len;
    }
    session_end(&s);
    job_free(asked);
    asked = NULL;
    return 0;
}
