// SPDX-License-Identifier: Apache-2.0

#include "fleet/fleet.h"

#include <errno.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/clock.h"

#define EVENTS     512
#define DRAIN_MS   10000
#define PER_SOURCE 20000 // connections from one loopback address
#define SPARE_FDS  64
#define WAIT_MS    100  // phases and the statistics want a look now and then
#define OPEN_BURST 4096 // frames made at once, at most, before the sockets are looked at

// ---------------------------------------------------------------- opening

static enum rc raise_limit(uint32_t count, struct fault *f)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r))
        return RC_OK;
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    if (r.rlim_max < count + SPARE_FDS)
        return fail(f, RC_LIMIT,
                    "%u devices need %u open files, the limit is %llu; raise it (ulimit -n) or "
                    "run several fleets",
                    count, count + SPARE_FDS, (unsigned long long)r.rlim_max);
    return RC_OK;
}

static enum rc open_loop(struct fleet *t, struct fault *f)
{
    struct epoll_event e = { .events = EPOLLIN };
    sigset_t set;

    (void)signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    t->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    t->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (t->signals < 0 || t->epoll < 0 || epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->signals, &e))
        return fail(f, RC_INTERNAL, "epoll: %s", strerror(errno));
    return RC_OK;
}

static enum rc open_env(struct fleet *t, struct fault *f)
{
    const struct fleet_options *o = t->o;
    struct link_options l = {
        .server = o->server,
        .ca_file = o->ca_file,
        .agent = FLEET_NAME,
        .epoll = t->epoll,
        .backoff_min_ms = 500,
        .backoff_max_ms = 15000,
        .floor_ms = state_time(t->state),
        .frame_messages = (unsigned)o->frame,
        .connect_rate = (double)o->connect_rate,
        .handshakes_max = (unsigned)o->handshakes,
        .sources = (unsigned)o->sources,
        .resume = o->resume,
    };

    if (!l.sources && t->count > PER_SOURCE)
        l.sources = t->count / PER_SOURCE + 1;
    enum rc rc = link_env_open(&l, &t->env, f);
    if (rc == RC_OK)
        t->env->now_ms = clock_mono_ms();
    return rc;
}

static enum rc open_parts(struct fleet *t, struct fault *f)
{
    const struct fleet_options *o = t->o;
    struct writer_options w = {
        .load = o->closed || o->open,
        .metrics = (unsigned)o->metrics,
        .bytes = (unsigned)o->bytes,
        .ledger = o->ledger != NULL,
        .seed = state_seed(t->state),
    };
    enum rc rc = writer_new(&w, &t->writer, f);

    if (rc == RC_OK)
        rc = wheel_new(t->count + t->clones, t->env->now_ms, &t->wheel, f);
    if (rc == RC_OK && o->ledger)
        rc = ledger_open(o->ledger, &t->ledger, f);
    if (rc == RC_OK && RAND_bytes(t->bootseed, sizeof t->bootseed) != 1)
        rc = fail(f, RC_INTERNAL, "no randomness");
    return rc;
}

// A copy of the device as it was one start ago, without a certificate.
static bool open_clone(struct fleet *t, uint32_t n)
{
    struct unit *u = &t->units[t->count + n];

    u->copy = malloc(sizeof *u->copy);
    if (!u->copy)
        return false;
    *u->copy = *state_record(t->state, play_clone_of(t->play, n));
    u->copy->boot--;
    state_keep(u->copy, NULL);
    unit_init(u, t, play_clone_of(t->play, n), t->count + n);
    return true;
}

static enum rc open_units(struct fleet *t, struct fault *f)
{
    bool good = true;

    t->units = calloc(t->count + t->clones, sizeof *t->units);
    if (!t->units)
        return fail(f, RC_INTERNAL, "out of memory");
    // Whoever is to be cloned must have started before.
    for (uint32_t i = 0; i < t->clones; i++) {
        struct state_record *r = state_record(t->state, play_clone_of(t->play, i));
        r->boot = r->boot < 2 ? 2 : r->boot;
    }
    for (uint32_t i = 0; i < t->count; i++)
        unit_init(&t->units[i], t, i, i);
    for (uint32_t i = 0; good && i < t->clones; i++)
        good = open_clone(t, i);
    if (!good)
        return fail(f, RC_INTERNAL, "out of memory");
    if (!t->ledger)
        return RC_OK;
    t->books = calloc(t->count, sizeof *t->books);
    for (uint32_t i = 0; t->books && i < t->count; i++) {
        struct unit *u = &t->units[i];
        u->book = t->books[i] = calloc(1, sizeof *u->book);
        if (!u->book)
            return fail(f, RC_INTERNAL, "out of memory");
        memcpy(u->book->id, u->link.id, sizeof u->link.id);
        u->book->boot = u->link.boot;
    }
    return t->books ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

// The last devices are the odd ones, so that the same ones are odd in every run.
static void cast_parts(struct fleet *t)
{
    const struct {
        enum behaviour_id id;
        int64_t count;
    } parts[] = {
        { BEHAVIOUR_TAMPERED, t->o->tampered },
        { BEHAVIOUR_FLAKY, t->o->flaky },
        { BEHAVIOUR_SILENT, t->o->silent },
    };
    uint32_t at = t->count;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (int64_t n = 0; n < parts[i].count && at; n++)
            t->units[--at].behaviour = parts[i].id;
}

static enum rc open_fleet(struct fleet *t, struct fault *f)
{
    enum rc rc = state_open(t->o->dir, &t->state, f);

    if (rc != RC_OK)
        return rc;
    t->count = state_count(t->state);
    if (t->o->count > (int64_t)t->count)
        return fail(f, RC_INVALID, "there are only %u devices; make more with orrery-fleet init",
                    t->count);
    if (t->o->count)
        t->count = (uint32_t)t->o->count;
    if (t->o->story)
        rc = play_new(t, &t->play, f);
    t->clones = play_clones(t->play);
    if (rc == RC_OK)
        rc = raise_limit(t->count + t->clones, f);
    if (rc == RC_OK)
        rc = open_loop(t, f);
    if (rc == RC_OK)
        rc = open_env(t, f);
    if (rc == RC_OK)
        rc = state_boot(t->state, t->count, f);
    if (rc == RC_OK)
        rc = open_parts(t, f);
    return rc == RC_OK ? open_units(t, f) : rc;
}

static void close_fleet(struct fleet *t)
{
    for (uint32_t i = 0; t->units && i < t->count + t->clones; i++) {
        unit_done(&t->units[i]);
        if (t->units[i].book)
            ledger_entry_done(t->units[i].book);
        free(t->units[i].book);
    }
    free(t->units);
    free(t->books);
    play_free(t->play);
    wheel_free(t->wheel);
    writer_free(t->writer);
    ledger_close(t->ledger);
    link_env_close(t->env);
    state_close(t->state);
    if (t->epoll > 0)
        close(t->epoll);
    if (t->signals > 0)
        close(t->signals);
}

// ---------------------------------------------------------------- phases

static void enter(struct fleet *t, enum phase p)
{
    t->phase = p;
    t->phase_ms = t->env->now_ms;
    if (p == PHASE_MEASURE) {
        t->measure_us = t->open_start_us = clock_mono_us();
        t->acked_before = t->acked;
        t->cpu_before = report_cpu_s();
        for (uint32_t i = 0; t->o->closed && i < t->count; i++)
            link_pump(&t->units[i].link);
    } else if (p == PHASE_DRAIN) {
        t->drain_us = clock_mono_us();
        t->acked_measured = t->acked - t->acked_before;
        t->cpu_measured = report_cpu_s() - t->cpu_before;
    }
}

static bool all_connected(const struct fleet *t)
{
    if (t->up < t->count)
        return false;
    for (uint32_t i = 0; t->o->cycles && i < t->count; i++)
        if (t->units[i].cycles < (uint32_t)t->o->cycles)
            return false;
    return true;
}

static void move_on(struct fleet *t)
{
    int64_t in_phase = t->env->now_ms - t->phase_ms;
    bool paced = t->o->closed || t->o->open || t->o->cycles;

    switch (t->phase) {
    case PHASE_CONNECT:
        if (!paced || all_connected(t) || in_phase >= t->o->connect_timeout_ms)
            enter(t, PHASE_MEASURE);
        break;
    case PHASE_MEASURE:
        if (t->o->duration_ms && in_phase >= t->o->duration_ms)
            enter(t, PHASE_DRAIN);
        break;
    case PHASE_DRAIN:
        if (!t->outstanding || in_phase >= DRAIN_MS)
            enter(t, PHASE_END);
        break;
    case PHASE_END:
        break;
    }
}

static void write_ledger(const struct fleet *t)
{
    struct fault f = { 0 };

    if (t->ledger && ledger_write(t->ledger, (const struct ledger_entry *const *)t->books, t->count,
                                  &f) != RC_OK)
        fprintf(stderr, "orrery-fleet: %s\n", f.text);
}

static void each_second(struct fleet *t)
{
    if (t->env->now_ms - t->second_ms < 1000)
        return;
    t->second_ms = t->env->now_ms;
    write_ledger(t);
    if (t->o->stats)
        report_second(t);
}

// ---------------------------------------------------------------- open loop

static double gap_us(const struct fleet *t)
{
    return 1e6 * (double)t->o->frame / (double)t->o->open;
}

static int64_t frame_due_us(const struct fleet *t)
{
    return t->open_start_us + (int64_t)(gap_us(t) * (double)t->open_frames);
}

static void send_due(struct fleet *t)
{
    int64_t now_us = clock_mono_us(), due;

    if (!t->o->open || t->phase != PHASE_MEASURE)
        return;
    for (int n = 0; n < OPEN_BURST && (due = frame_due_us(t)) <= now_us; n++) {
        struct unit *u = &t->units[t->open_frames++ % t->count];
        if (unit_may_talk(u) && unit_add(u, ITEM_TELEMETRY, (unsigned)t->o->frame, due))
            link_pump(&u->link);
    }
}

// ---------------------------------------------------------------- the loop

static struct timespec timeout_of(const struct fleet *t)
{
    int64_t us = wheel_wait_ms(t->wheel, clock_mono_ms(), WAIT_MS) * 1000;

    if (t->o->open && t->phase == PHASE_MEASURE) {
        int64_t in = frame_due_us(t) - clock_mono_us();
        us = in < 0 ? 0 : in < us ? in : us;
    }
    return (struct timespec){ .tv_nsec = us * 1000 };
}

static void turn(struct fleet *t)
{
    static struct epoll_event e[EVENTS];
    struct timespec timeout = timeout_of(t);
    uint32_t i;
    int n = epoll_pwait2(t->epoll, e, EVENTS, &timeout, NULL);

    t->env->now_ms = clock_mono_ms();
    for (int k = 0; k < n; k++) {
        struct link *l = e[k].data.ptr;
        if (!l) {
            struct signalfd_siginfo info;
            if (read(t->signals, &info, sizeof info) > 0)
                enter(t, t->phase < PHASE_DRAIN ? PHASE_DRAIN : PHASE_END);
            continue;
        }
        link_event(l, e[k].events);
        unit_schedule(l->owner);
    }
    send_due(t);
    while (wheel_next(t->wheel, t->env->now_ms, &i))
        unit_tick(&t->units[i]);
    if (t->phase < PHASE_DRAIN)
        play_due(t->play, t, (clock_mono_us() - t->started_us) / 1000);
    each_second(t);
    move_on(t);
}

enum rc fleet_run(const struct fleet_options *o, struct fault *f)
{
    struct fleet t = { .o = o };
    enum rc rc = open_fleet(&t, f);

    if (rc == RC_OK) {
        cast_parts(&t);
        t.started_us = t.last_up_us = clock_mono_us();
        t.measure_us = t.started_us;
        t.second_ms = t.phase_ms = t.env->now_ms;
        play_due(t.play, &t, 0); // what is so from the start
        for (uint32_t i = 0; i < t.count; i++)
            unit_start(&t.units[i]);
        while (t.phase != PHASE_END)
            turn(&t);
        write_ledger(&t);
        report_result(&t);
    }
    close_fleet(&t);
    return rc;
}
