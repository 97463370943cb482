// SPDX-License-Identifier: Apache-2.0

#include "agent/agent.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/crash.h"
#include "agent/enroll.h"
#include "agent/identity.h"
#include "agent/measure.h"
#include "agent/vitals.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/log.h"
#include "protocol/protocol.h"
#include "sdk/file.h"
#include "sdk/link.h"
#include "sdk/spool.h"

#define SPOOL_RETRY_MS 60000

struct agent {
    const struct agent_options *o;
    struct p256 factory;
    char id[P256_ID_LEN + 1];
    int64_t boot, seq, started_ms, sample_ms;
    uint8_t bootseed[32];
    struct measured measured;
    struct spool *spool;
    struct crashes *crashes; // NULL without a folder for them
    struct link_env *env;
    struct link link;
    struct vitals vitals;
    struct log_ctx ctx;
    struct fault fatal;
    int64_t disk_warned_ms;
    int log_level; // that it told of last
    int epoll, signals;
    char ca_file[PATH_SIZE]; // when it was fetched
    bool stopping;
};

// ---------------------------------------------------------------- messages

static void put(struct agent *a, const char *text, size_t len)
{
    struct fault f = { 0 };
    int64_t now = clock_mono_ms();

    if (spool_put(a->spool, a->seq, text, len, &f) == RC_OK) {
        a->seq++;
    } else if (now - a->disk_warned_ms >= SPOOL_RETRY_MS) {
        a->disk_warned_ms = now;
        log_warn(&a->ctx, "%s, dropping messages until it takes them", f.text);
    }
}

static json_t *new_message(struct agent *a, const char *type)
{
    json_t *o = json_object();

    add_text(o, "type", type);
    add_int(o, "seq", a->seq);
    add_int(o, "t", link_now_ms(&a->link));
    return o;
}

static void put_json(struct agent *a, json_t *owned)
{
    auto_free char *text = json_dumps(owned, JSON_COMPACT);

    json_decref(owned);
    if (text)
        put(a, text, strlen(text));
}

static void put_log(struct agent *a, const char *level, const char *text)
{
    if (!link_may_log(&a->link, level))
        return;
    json_t *o = new_message(a, MSG_LOG);

    add_text(o, "level", level);
    add_text(o, "source", "agent");
    add_text(o, "text", text);
    put_json(a, o);
}

static void put_event(struct agent *a, const char *name, const char *level, const char *text,
                      json_t *owned_fields)
{
    json_t *o = new_message(a, MSG_EVENT);

    add_text(o, "name", name);
    add_text(o, "level", level);
    add_text(o, "source", "agent");
    add_text(o, "text", text);
    if (owned_fields)
        json_object_set_new(o, "fields", owned_fields);
    put_json(a, o);
}

static void put_crash(void *ctx, const char *program, const char *text, json_t *owned_fields)
{
    struct agent *a = ctx;
    json_t *o = new_message(a, MSG_EVENT);

    log_warn(&a->ctx, "%s", text);
    add_text(o, "name", "crash");
    add_text(o, "level", "error");
    add_text(o, "source", program);
    add_text(o, "text", text);
    json_object_set_new(o, "fields", owned_fields);
    put_json(a, o);
}

static void note_crash(void *ctx, const char *text)
{
    struct agent *a = ctx;

    log_info(&a->ctx, "%s", text);
}

static void put_reported(struct agent *a)
{
    json_t *o = new_message(a, MSG_REPORTED);

    add_int(o, "settings", a->link.settings);
    put_json(a, o);
}

static void put_telemetry(struct agent *a)
{
    char text[VITALS_MAX * (VITALS_NAME_MAX + 24) + 96], m[VITALS_MAX * (VITALS_NAME_MAX + 24)];

    vitals_read(&a->vitals, clock_mono_ms());
    if (!vitals_print(&a->vitals, m, sizeof m))
        return;
    int n = snprintf(text, sizeof text,
                     "{\"type\":\"telemetry\",\"seq\":%" PRId64 ",\"t\":%" PRId64 ",\"m\":%s}",
                     a->seq, link_now_ms(&a->link), m);
    if (n > 0 && (size_t)n < sizeof text)
        put(a, text, (size_t)n);
}

static void tell_dropped(struct agent *a)
{
    size_t n = spool_take_dropped(a->spool);
    char text[96];

    if (!n)
        return;
    snprintf(text, sizeof text, "%zu messages were dropped: the buffer is full or damaged", n);
    log_warn(&a->ctx, "%s", text);
    json_t *fields = json_object();
    add_int(fields, "dropped", (int64_t)n);
    put_event(a, "buffer.overflow", "warn", text, fields);
}

// ---------------------------------------------------------------- what the link asks

static bool give_factory(void *owner, struct p256 *out)
{
    const struct agent *a = owner;

    *out = a->factory;
    return true;
}

static bool give_credential(void *owner, struct credential *out)
{
    const struct agent *a = owner;
    char path[PATH_SIZE];

    identity_path(a->o->dir, "certificate.pem", path);
    return credential_load(path, out, NULL) == RC_OK;
}

static void keep_credential(void *owner, const struct credential *c)
{
    struct agent *a = owner;
    struct fault f = { 0 };
    char path[PATH_SIZE];

    identity_path(a->o->dir, "certificate.pem", path);
    if (!c)
        unlink(path);
    else if (credential_save(path, c, &f) != RC_OK)
        log_error(&a->ctx, "%s, attesting again at the next connection", f.text);
    identity_path(a->o->dir, "time", path);
    if (c && file_write_number(path, link_now_ms(&a->link), &f) != RC_OK)
        log_warn(&a->ctx, "%s, trusting the clock after a restart", f.text);
}

static void give_facts(void *owner, struct eat_facts *out)
{
    const struct agent *a = owner;

    out->hwmodel = a->measured.hwmodel;
    out->swname = a->measured.swname;
    out->swversion = a->measured.swversion;
    memcpy(out->bootseed, a->bootseed, sizeof out->bootseed);
    out->uptime_s = (clock_mono_ms() - a->started_ms) / 1000;
    out->dbgstat = 2; // disabled since boot: nobody debugs the agent
    out->log = a->measured.log;
    out->log_count = a->measured.count;
}

static size_t next_message(void *owner, char *to, size_t room)
{
    struct agent *a = owner;

    return spool_next(a->spool, to, room);
}

static size_t in_flight(void *owner)
{
    struct agent *a = owner;

    return spool_in_flight(a->spool);
}

static void settled(void *owner, int64_t boot, int64_t seq)
{
    struct agent *a = owner;

    spool_settled(a->spool, boot, seq);
}

static void rewind_spool(void *owner)
{
    struct agent *a = owner;

    spool_rewind(a->spool);
}

// While somebody stands before the machine and waits, a refusal is an answer, not a try.
static void give_up(struct agent *a, const char *text)
{
    fail(&a->fatal, RC_DENIED, "%.180s", text);
    a->stopping = true;
}

// seq 0: of the whole session.
static void session_refused(struct agent *a, const char *code, const char *text)
{
    bool of_claim =
        a->env->claim && (!strcmp(code, "claim") || (!strcmp(code, "rate") && a->link.retry_s));

    if (of_claim && a->o->ca_sha256)
        give_up(a, text);
    else
        log_warn(&a->ctx, "the server says: %.200s (%.32s)", text, code);
}

static void nacked(void *owner, int64_t seq, const char *code, const char *text)
{
    struct agent *a = owner;

    if (seq == 0) {
        session_refused(a, code, text);
        return;
    }
    log_warn(&a->ctx, "the server refused message %" PRId64 " (%.32s): %.200s", seq, code, text);
}

// Whoever unclaims it later shall not find it claimed again by its own code.
static void enrolled(struct agent *a)
{
    if (!a->o->ca_sha256)
        return;
    if (a->env->claim)
        log_info(&a->ctx, "this machine is now device %s; from now on: orrery-device run --dir %s",
                 a->id, a->o->dir);
    a->env->claim = NULL;
}

static void came_up(struct agent *a)
{
    const char *how = a->link.quarantined ? "connected in quarantine" : "connected";

    log_info(&a->ctx, "%s, %zu messages waiting", how, spool_waiting(a->spool));
    if (a->link.quarantined) {
        log_info(&a->ctx, "its page on the server says why; what runs here and is good becomes "
                          "known there by 'orrery-device measure'");
        return;
    }
    put_event(a, "connected", "info", "connected to the server", NULL);
    put_reported(a);
}

// What it says from now on is part of what it says.
static void came_level(struct agent *a)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };
    char line[80];

    a->log_level = a->link.log_level;
    snprintf(line, sizeof line, "the log level is %s", names[a->log_level]);
    log_info(&a->ctx, "%s", line);
    put_event(a, "log.level", "info", line, NULL);
}

static void changed(void *owner, enum link_event e, const char *text)
{
    struct agent *a = owner;
    char line[256];

    switch (e) {
    case LINK_UP:
        enrolled(a);
        came_up(a);
        if (a->link.log_level != a->log_level)
            came_level(a);
        break;
    case LINK_SETTINGS:
        put_reported(a);
        if (a->link.log_level != a->log_level)
            came_level(a);
        break;
    case LINK_ATTESTED:
        log_info(&a->ctx, "attested: %.40s", text);
        snprintf(line, sizeof line, "the server's verdict is %.40s", text);
        put_event(a, "attested", "info", line, NULL);
        break;
    case LINK_TROUBLE:
        log_warn(&a->ctx, "%s", text);
        break;
    case LINK_DOWN:
        if (a->crashes)
            crashes_down(a->crashes);
        snprintf(line, sizeof line, "%.180s", text);
        log_info(&a->ctx, "%s, connecting again in %.1f s", line,
                 (double)(a->link.wake_ms - a->env->now_ms) / 1000);
        put_log(a, "info", line);
        break;
    case LINK_UNKNOWN:
        log_info(&a->ctx, "%s, connecting again in %.1f s", text,
                 (double)(a->link.wake_ms - a->env->now_ms) / 1000);
        if (a->o->ca_sha256 && a->env->claim)
            give_up(a, "the server lets no new device in: the claim code has expired or its "
                       "registration window was closed; open a new one and take its command");
        break;
    case LINK_WRONG_SERVER:
        fail(&a->fatal, RC_DENIED, "%s; give the name in it with --server", text);
        a->stopping = true;
        break;
    }
}

static void dump(void *owner, const struct link_dump *d)
{
    struct agent *a = owner;

    if (a->crashes)
        crashes_answer(a->crashes, d);
}

static const struct link_ops ops = {
    .factory = give_factory,
    .credential = give_credential,
    .keep = keep_credential,
    .facts = give_facts,
    .next = next_message,
    .in_flight = in_flight,
    .settled = settled,
    .rewind = rewind_spool,
    .nacked = nacked,
    .changed = changed,
    .dump = dump,
};

// ---------------------------------------------------------------- start, loop, stop

static enum rc open_signals(struct agent *a, struct fault *f)
{
    sigset_t set;

    (void)signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    a->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    a->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = { .events = EPOLLIN };
    if (a->signals < 0 || a->epoll < 0 || epoll_ctl(a->epoll, EPOLL_CTL_ADD, a->signals, &e))
        return fail(f, RC_INTERNAL, "epoll: %s", strerror(errno));
    return RC_OK;
}

static enum rc open_link(struct agent *a, struct fault *f)
{
    char path[PATH_SIZE];
    int64_t floor_ms = 0;
    struct link_options o = {
        .server = a->o->server,
        .ca_file = a->o->ca_file ? a->o->ca_file : a->ca_file,
        .agent = AGENT_NAME,
        .claim = a->o->claim,
        .epoll = a->epoll,
        .backoff_min_ms = 1000,
        .backoff_max_ms = 60000,
        .frame_messages = 64,
    };

    identity_path(a->o->dir, "time", path);
    enum rc rc = file_read_number(path, 0, &floor_ms, f);
    o.floor_ms = floor_ms;
    if (rc == RC_OK)
        rc = link_env_open(&o, &a->env, f);
    if (rc != RC_OK)
        return rc;
    a->env->now_ms = clock_mono_ms();
    link_init(&a->link, a->env, &ops, a, a->id, a->boot);
    a->log_level = a->link.log_level;
    if (!a->o->crash_dir)
        return RC_OK;
    a->crashes = crashes_open(a->o->crash_dir, &a->link, put_crash, note_crash, a);
    return a->crashes ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

static enum rc open_folder(struct agent *a, struct fault *f)
{
    char path[PATH_SIZE];
    enum rc rc = identity_folder(a->o->dir, f);

    if (rc == RC_OK)
        rc = identity_lock(a->o->dir, f);
    if (rc == RC_OK)
        rc = identity_load(a->o->dir, &a->factory, f);
    if (rc == RC_OK)
        rc = identity_next_boot(a->o->dir, &a->boot, f);
    if (rc != RC_OK)
        return rc;
    p256_id(&a->factory, a->id);
    identity_path(a->o->dir, "spool", path);
    return spool_open(path, a->o->buffer_bytes, a->boot, &a->spool, f);
}

static enum rc start(struct agent *a, struct fault *f)
{
    enum rc rc = open_signals(a, f);

    if (rc == RC_OK)
        rc = open_folder(a, f);
    if (rc == RC_OK)
        rc = measure_machine(&a->measured, f);
    identity_path(a->o->dir, "server-ca.pem", a->ca_file);
    if (rc == RC_OK && a->o->ca_sha256)
        rc = enroll_pin(a->o->dir, a->o->server, a->o->ca_sha256, f);
    if (rc == RC_OK)
        rc = open_link(a, f);
    if (rc != RC_OK)
        return rc;
    if (RAND_bytes(a->bootseed, sizeof a->bootseed) != 1)
        return fail(f, RC_INTERNAL, "no randomness");
    log_info(&a->ctx, "device %s, boot %" PRId64 ", server %s", a->id, a->boot, a->o->server);
    json_t *fields = json_object();
    add_int(fields, "boot", a->boot);
    put_event(a, "boot", "info", "the agent started", fields);
    return RC_OK;
}

static int timeout_ms(const struct agent *a)
{
    int64_t at = a->sample_ms < a->link.wake_ms ? a->sample_ms : a->link.wake_ms;
    int64_t in = at - clock_mono_ms();

    return in < 0 ? 0 : in > 60000 ? 60000 : (int)in;
}

static void tell_sample(struct agent *a)
{
    char text[80];

    snprintf(text, sizeof text, "read the vitals, %zu messages wait", spool_waiting(a->spool));
    put_log(a, "debug", text);
}

static void sample(struct agent *a)
{
    if (a->env->now_ms < a->sample_ms)
        return;
    a->sample_ms += a->o->interval_ms;
    if (a->sample_ms - a->env->now_ms < a->o->interval_ms / 2) // we slept; do not make up for it
        a->sample_ms = a->env->now_ms + a->o->interval_ms;
    put_telemetry(a);
    tell_sample(a);
    tell_dropped(a);
    if (a->crashes)
        crashes_tick(a->crashes, a->env->now_ms);
    link_pump(&a->link);
}

static void turn(struct agent *a)
{
    struct epoll_event e[4];
    int n = epoll_wait(a->epoll, e, 4, timeout_ms(a));

    a->env->now_ms = clock_mono_ms();
    for (int i = 0; i < n; i++) {
        if (e[i].data.ptr)
            link_event(&a->link, e[i].events);
        else
            a->stopping = true;
    }
    sample(a);
    link_tick(&a->link);
}

static void stop(struct agent *a)
{
    if (a->env)
        link_done(&a->link);
    crashes_close(a->crashes);
    link_env_close(a->env);
    spool_close(a->spool);
    OPENSSL_cleanse(&a->factory, sizeof a->factory);
    if (a->epoll > 0)
        close(a->epoll);
    if (a->signals > 0)
        close(a->signals);
}

enum rc agent_run(const struct agent_options *o, struct fault *f)
{
    struct agent a = { .o = o, .seq = 1, .ctx = { .area = "device" } };

    a.started_ms = clock_mono_ms();
    enum rc rc = start(&a, f);
    if (rc == RC_OK) {
        vitals_read(&a.vitals, clock_mono_ms()); // rates need a reading before
        a.sample_ms = clock_mono_ms() + o->interval_ms;
        link_start(&a.link, 0);
        while (!a.stopping)
            turn(&a);
        log_info(&a.ctx, "stopping");
    }
    stop(&a);
    if (rc == RC_OK && a.fatal.rc != RC_OK) {
        *f = a.fatal;
        rc = a.fatal.rc;
    }
    return rc;
}
