// SPDX-License-Identifier: Apache-2.0

#include "fleet/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/corefile.h"

#define TEMPLATES   64
#define METRICS_MAX 64
#define NUMBER_MAX  20

struct text {
    char *at;
    size_t len;
};

struct writer {
    struct writer_options o;
    struct text templates[TEMPLATES];
};

static const char *const names[] = { "temp.in", "temp.out", "vib.x", "vib.y",
                                     "batt.v",  "press",    "flow",  "door" };

static size_t print_metric(char *to, size_t size, unsigned i, unsigned template)
{
    double v = 20 + (double)(persona_dice(i, template) % 1000) / 100;
    int n = i < 8 ? snprintf(to, size, "%s\"%s\":%.2f", i ? "," : "", names[i], v)
                  : snprintf(to, size, ",\"m%u\":%.2f", i, v);

    return n > 0 ? (size_t)n : 0;
}

static bool make_template(struct writer *w, unsigned t)
{
    unsigned metrics = w->o.metrics - (w->o.ledger ? 2 : 0);
    size_t size = metrics * 24 + 1, n = 0;
    char *text = malloc(size);

    if (!text)
        return false;
    for (unsigned i = 0; i < metrics; i++)
        n += print_metric(text + n, size - n, i, t);
    w->templates[t] = (struct text){ .at = text, .len = n };
    return true;
}

enum rc writer_new(const struct writer_options *o, struct writer **out, struct fault *f)
{
    struct writer *w = calloc(1, sizeof *w);

    if (!w)
        return fail(f, RC_INTERNAL, "out of memory");
    w->o = *o;
    for (unsigned t = 0; t < TEMPLATES; t++) {
        if (!make_template(w, t)) {
            writer_free(w);
            return fail(f, RC_INTERNAL, "out of memory");
        }
    }
    *out = w;
    return RC_OK;
}

void writer_free(struct writer *w)
{
    for (unsigned t = 0; w && t < TEMPLATES; t++)
        free(w->templates[t].at);
    free(w);
}

static char *put(char *to, const char *text, size_t len)
{
    memcpy(to, text, len);
    return to + len;
}
#define PUT(to, literal) put(to, literal, sizeof(literal) - 1)

static char *put_number(char *to, int64_t n)
{
    char digits[NUMBER_MAX];
    size_t at = sizeof digits;
    uint64_t v = n > 0 ? (uint64_t)n : 0;

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    return put(to, digits + at, sizeof digits - at);
}

static char *put_head(char *to, const char *type, size_t type_len, int64_t seq, int64_t t_ms)
{
    to = PUT(to, "{\"type\":\"");
    to = put(to, type, type_len);
    to = PUT(to, "\",\"seq\":");
    to = put_number(to, seq);
    to = PUT(to, ",\"t\":");
    return put_number(to, t_ms);
}

static char *put_ledger(char *to, int64_t seq, int64_t boot)
{
    to = PUT(to, "\"ledger.seq\":");
    to = put_number(to, seq);
    to = PUT(to, ",\"ledger.boot\":");
    return put_number(to, boot);
}

#define HEAD_ROOM 160 // all that is not the list of metrics

static size_t print_template(const struct writer *w, const struct writer_who *who, int64_t seq,
                             int64_t t_ms, char *start, size_t room)
{
    const struct text *m = &w->templates[seq % TEMPLATES];
    char *to = start;

    if (room < m->len + HEAD_ROOM || room < w->o.bytes)
        return 0;
    to = put_head(to, "telemetry", 9, seq, t_ms);
    to = PUT(to, ",\"m\":{");
    if (w->o.ledger) {
        to = put_ledger(to, seq, who->boot);
        if (m->len)
            *to++ = ',';
    }
    to = put(to, m->at, m->len);
    *to++ = '}';
    size_t len = (size_t)(to - start) + 1;
    if (len < w->o.bytes) {
        memset(to, ' ', w->o.bytes - len);
        to += w->o.bytes - len;
    }
    *to++ = '}';
    return (size_t)(to - start);
}

static size_t print_signals(const struct writer *w, const struct writer_who *who, int64_t seq,
                            int64_t t_ms, char *start, size_t room)
{
    char signals[512];
    double drift = who->drift_ms && t_ms > who->drift_ms
                       ? who->drift * (double)(t_ms - who->drift_ms) / 60000
                       : 0;
    size_t n =
        persona_signals(who->persona, w->o.seed, who->index, t_ms, drift, signals, sizeof signals);
    char *to = start;

    if (room < n + HEAD_ROOM)
        return 0;
    to = put_head(to, "telemetry", 9, seq, t_ms);
    to = PUT(to, ",\"m\":{");
    if (w->o.ledger) {
        to = put_ledger(to, seq, who->boot);
        *to++ = ',';
    }
    to = put(to, signals, n);
    to = PUT(to, "}}");
    return (size_t)(to - start);
}

static const struct persona_line *line_of(const struct writer *w, const struct writer_who *who,
                                          bool event, int64_t seq)
{
    return persona_line(who->persona, event, persona_dice(w->o.seed + who->index, (uint64_t)seq));
}

const char *writer_log_level(const struct writer *w, const struct writer_who *who, int64_t seq)
{
    return line_of(w, who, false, seq)->level;
}

static size_t print_line(const struct writer *w, const struct writer_who *who, bool event,
                         int64_t seq, int64_t t_ms, char *start, size_t room)
{
    const struct persona_line *l = line_of(w, who, event, seq);
    char *to = start;

    if (room < 512)
        return 0;
    to = event ? put_head(to, "event", 5, seq, t_ms) : put_head(to, "log", 3, seq, t_ms);
    if (event)
        to += snprintf(to, 80, ",\"name\":\"%s\"", l->name);
    to += snprintf(to, 256, ",\"level\":\"%s\",\"source\":\"%s\",\"text\":\"%s\"}", l->level,
                   l->source, l->text);
    return (size_t)(to - start);
}

static size_t print_reported(const struct writer_who *who, int64_t seq, int64_t t_ms, char *start,
                             size_t room)
{
    char *to = start;

    if (room < HEAD_ROOM)
        return 0;
    to = put_head(to, "reported", 8, seq, t_ms);
    to = PUT(to, ",\"settings\":");
    to = put_number(to, who->settings);
    *to++ = '}';
    return (size_t)(to - start);
}

static size_t print_crash(const struct writer_who *who, int64_t seq, int64_t t_ms, char *start,
                          size_t room)
{
    char *to = start, sha256[65];

    if (room < 512)
        return 0;
    to = put_head(to, "event", 5, seq, t_ms);
    to = PUT(to, ",\"name\":\"crash\",\"level\":\"error\",\"source\":\"watchdog\","
                 "\"text\":\"the application stopped answering; the device started again\"");
    corefile_hash(who->persona->name, who->boot, sha256);
    to += snprintf(to, 120, ",\"fields\":{\"dump\":\"%s\"}}", sha256);
    return (size_t)(to - start);
}

size_t writer_print(const struct writer *w, const struct writer_who *who, enum item_kind kind,
                    int64_t seq, int64_t t_ms, char *to, size_t room)
{
    switch (kind) {
    case ITEM_TELEMETRY:
        return w->o.load ? print_template(w, who, seq, t_ms, to, room)
                         : print_signals(w, who, seq, t_ms, to, room);
    case ITEM_LOG:
    case ITEM_EVENT:
        return print_line(w, who, kind == ITEM_EVENT, seq, t_ms, to, room);
    case ITEM_REPORTED:
        return print_reported(who, seq, t_ms, to, room);
    case ITEM_CRASH:
        return print_crash(who, seq, t_ms, to, room);
    }
    return 0;
}
