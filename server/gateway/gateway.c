// SPDX-License-Identifier: Apache-2.0

#include "gateway/gateway.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/catalog.h"
#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "core/log.h"
#include "gateway/levels.h"
#include "gateway/loop.h"
#include "gateway_sql.h"
#include "net/peer.h"
#include "protocol/protocol.h"
#include "window/doors.h"

#define LOOPS_MAX     16
#define BACKLOG       4096
#define STEP_MS       (5 * 60 * 1000) // of the wall clock against the monotonic one
#define DRAIN_MS      5000
#define PER_ADDRESS   64
#define REFUSALS_TOLD 5 // a second
#define CATALOG_PAGE  20
#define STRANGERS_MAX 512 // at a time: each says hello and goes

struct gateway {
    struct loop_shared shared;
    struct catalogs *catalogs;
    struct doors *doors;
    struct bus *bus;
    struct levels *levels;
    struct loop *loops[LOOPS_MAX];
    int count;
    int port;
    int64_t clock_offset; // wall - monotonic at start
    int64_t clock_floor;  // the last audit entry then; Unix ms
    _Atomic bool draining, clock_told;
    _Atomic int64_t refusals_at, refusals; // in this second
    pthread_rwlock_t lock;                 // held for reading by who posts, for writing to end that
    bool stopped;
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static const struct log_ctx area = { .area = "gateway" };

// ---------------------------------------------------------------- what the parts ask

static bool catalog_name(void *ctx, int32_t catalog, char out[KEEPER_CATALOG_MAX + 1])
{
    const struct gateway *g = ctx;

    return catalogs_name(g->catalogs, catalog, out);
}

// What is wrong with the clock; NULL if nothing is.
static const char *clock_trouble(const struct gateway *g)
{
    int64_t now = clock_now_ms(), step = now - clock_mono_ms() - g->clock_offset;

    if (step > STEP_MS || step < -STEP_MS)
        return "the server's clock was set by more than 5 minutes: set it back or restart";
    if (now < g->clock_floor)
        return "the server's clock lies before its last audit entry: set it right and restart";
    return NULL;
}

static bool door_is_open(void *ctx)
{
    const struct gateway *g = ctx;

    return doors_open(g->doors, NULL) > 0;
}

static bool may_knock(void *ctx, int fd)
{
    struct gateway *g = ctx;
    struct sockaddr_storage from;

    peer_of(fd, &from);
    if (g->shared.strangers < STRANGERS_MAX)
        return doors_knock(g->doors, &from);
    doors_add(g->doors, DOORS_CROWDED);
    return false;
}

static bool clock_is_good(void *ctx)
{
    struct gateway *g = ctx;
    const char *trouble = clock_trouble(g);

    if (trouble && !atomic_exchange(&g->clock_told, true))
        log_error(&area, "%s, until then nothing is issued or judged", trouble);
    return !trouble;
}

// ---------------------------------------------------------------- what others may want to know

static void publish(struct gateway *g, const struct identity *who, const char *name,
                    const struct sockaddr_storage *from, json_t *fields_owned)
{
    json_auto_t *o = fields_owned;
    auto_free char *fields = o ? json_dumps(o, JSON_COMPACT) : NULL;
    char source[PEER_TEXT_MAX];

    peer_text(from, source);
    bus_publish(g->bus, &(struct bus_event){ .kind = BUS_SIGNAL,
                                             .catalog = who->catalog,
                                             .device = who->device,
                                             .id = *who->id ? who->id : NULL,
                                             .at = clock_now_ms(),
                                             .name = name,
                                             .source = source,
                                             .fields = fields });
}

// And where an older session of the same device elsewhere had not ended.
static void arrived(void *ctx, const struct identity *who, const struct sockaddr_storage *from,
                    const struct place *before)
{
    uint8_t key[PEER_KEY_LEN];
    char text[PEER_TEXT_MAX];
    json_t *o;

    publish(ctx, who, "session", from, NULL);
    peer_key(from, key);
    if (before && memcmp(key, before->address, sizeof key) != 0) {
        o = json_object();
        peer_key_text(before->address, text);
        add_text(o, "before", text);
        publish(ctx, who, "displaced", from, o);
    }
}

// How a certificate was misused; NULL where it was not, or where it may be any clock's fault.
static const char *misuse(const struct refused *r)
{
    bool issued = r->who->kind == IDENTITY_OPERATIONAL || r->who->kind == IDENTITY_QUARANTINE;

    switch (r->error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "certificate-expired";
    case X509_V_ERR_CERT_REVOKED:
        return "certificate-revoked";
    case X509_V_ERR_INVALID_PURPOSE:
        return "certificate-foreign";
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_APPLICATION_VERIFICATION:
    case X509_V_ERR_OUT_OF_MEM:
        return NULL;
    default:
        return issued ? r->who->catalog ? "certificate-foreign" : "certificate-unknown" : NULL;
    }
}

static void tell_misuse(struct gateway *g, const struct refused *r)
{
    const char *name = misuse(r);
    struct sockaddr_storage from;
    json_t *o;

    if (!name || !peer_of(r->fd, &from))
        return;
    o = json_object();
    add_text(o, "claims", r->who->id);
    add_text(o, "why", r->why);
    publish(g, r->who, name, &from, o);
}

static void tell_refused(void *ctx, const struct refused *r)
{
    struct gateway *g = ctx;
    int64_t second = clock_mono_ms() / 1000;

    tell_misuse(g, r);

    g->shared.refused++;
    if (atomic_exchange(&g->refusals_at, second) != second)
        g->refusals = 0;
    // A stranger who knocks all day must not fill the disk with it.
    if (g->refusals++ < REFUSALS_TOLD)
        log_info(&area, "refused a connection: %s", r->why);
}

// ---------------------------------------------------------------- notes to the loops

static void post(void *ctx, uint32_t loop, struct note *owned)
{
    struct gateway *g = ctx;

    pthread_rwlock_rdlock(&g->lock);
    if (loop < (uint32_t)g->count && !g->stopped) {
        loop_post(g->loops[loop], owned);
        owned = NULL;
    }
    pthread_rwlock_unlock(&g->lock);
    note_free(owned);
}

static void post_all(struct gateway *g, enum note_kind kind)
{
    for (int i = 0; i < g->count; i++)
        post(g, (uint32_t)i, note_new(kind, 0));
}

static void answer(void *ctx, struct job *owned)
{
    struct note *n = note_new(NOTE_ANSWER, 0);

    n->job = owned;
    post(ctx, owned->loop, n);
}

// One note a loop, with the acks of its sessions.
static void acked(void *ctx, const struct ingest_ack *acks, size_t count)
{
    struct gateway *g = ctx;

    for (uint32_t loop = 0; loop < (uint32_t)g->count; loop++) {
        struct note *n;
        size_t mine = 0;

        for (size_t i = 0; i < count; i++)
            mine += acks[i].loop == loop;
        if (mine == 0)
            continue;
        n = note_new(NOTE_ACKS, mine);
        n->count = 0;
        for (size_t i = 0; i < count; i++)
            if (acks[i].loop == loop)
                n->acks[n->count++] = acks[i];
        post(g, loop, n);
    }
}

static void drained(void *ctx)
{
    post_all(ctx, NOTE_DRAINED);
}

static void tell_levels(void *ctx, const struct level_of *list, size_t count)
{
    struct gateway *g = ctx;

    for (int i = 0; i < g->count; i++) {
        struct note *n = note_new(NOTE_LEVELS, 0);

        n->levels = calloc(count + 1, sizeof *n->levels);
        if (!n->levels) {
            note_free(n);
            return; // told again in half a minute
        }
        memcpy(n->levels, list, count * sizeof *list);
        n->level_count = count;
        post(g, (uint32_t)i, n);
    }
}

// A store of OpenSSL's takes a certificate while others verify with it.
static void trust_new(struct gateway *g, const struct bus_event *e)
{
    struct trust *t = &g->shared.tls.trust;

    if (e->source && e->text) {
        trust_add(&t->catalogs, e->source, NULL);
        trust_add(&t->quarantine, e->text, NULL);
    }
}

static void stir_levels(struct gateway *g)
{
    pthread_rwlock_rdlock(&g->lock);
    if (!g->stopped)
        levels_stir(g->levels);
    pthread_rwlock_unlock(&g->lock);
}

static void on_bus(void *ctx, const struct bus_event *e)
{
    struct gateway *g = ctx;
    uint8_t device[16];

    if (e->kind == BUS_CATALOG)
        trust_new(g, e);
    if (e->kind == BUS_LEVELS)
        stir_levels(g);
    if (e->kind != BUS_REVOKE || !e->id || !hex_decode(e->id, device, sizeof device))
        return;
    for (int i = 0; i < g->count; i++) {
        struct note *n = note_new(NOTE_REVOKE, 0);

        memcpy(n->device, device, sizeof device);
        snprintf(n->why, sizeof n->why, "%s", e->text ? e->text : "");
        post(g, (uint32_t)i, n);
    }
}

// ---------------------------------------------------------------- start

static int listen_at(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, off = 0;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    char port[8];

    if (getsockname(fd, (struct sockaddr *)&at, &len) < 0 ||
        getnameinfo((struct sockaddr *)&at, len, NULL, 0, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return 0;
    return (int)strtol(port, NULL, 10);
}

// SO_REUSEPORT would also let another server of this user share the port: look first.
static bool is_taken(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, off = 0;
    bool taken;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    taken = fd < 0 || bind(fd, a->ai_addr, a->ai_addrlen) < 0;
    close(fd);
    return taken;
}

static enum rc open_socket(struct gateway *g, const char *listen_text, bool first, int *out,
                           struct fault *f)
{
    auto_free char *host = strdup(listen_text);
    char *colon = host ? strrchr(host, ':') : NULL, port[8], *name = host;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *a = NULL;
    bool taken;

    if (!colon || colon == host)
        return fail(f, RC_INVALID, "gateway.listen must be address:port, not '%.80s'", listen_text);
    *colon = '\0';
    if (*name == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        name++;
    }
    snprintf(port, sizeof port, "%s", colon + 1);
    if (!first)
        snprintf(port, sizeof port, "%d", g->port);
    if (getaddrinfo(name, port, &hints, &a) != 0)
        return fail(f, RC_INVALID, "gateway.listen: '%.80s' is not an address and port",
                    listen_text);
    taken = first && is_taken(a);
    *out = taken ? -1 : listen_at(a);
    freeaddrinfo(a);
    if (*out < 0)
        return fail(f, RC_UNAVAILABLE,
                    "cannot listen for devices on %.80s: %s; stop what uses it or set "
                    "gateway.listen",
                    listen_text, taken ? "the port is taken" : strerror(errno));
    g->port = first ? port_of(*out) : g->port;
    return RC_OK;
}

static int loop_count(int64_t wanted)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (wanted <= 0)
        wanted = cores > 2 ? cores - 1 : 1;
    return wanted < LOOPS_MAX ? (int)wanted : LOOPS_MAX;
}

static enum rc make_loops(struct gateway *g, const struct gateway_options *o, struct fault *f)
{
    int count = loop_count(o->loops);

    for (int i = 0; i < count; i++) {
        int fd = -1;
        enum rc rc = open_socket(g, o->listen, i == 0, &fd, f);

        if (rc == RC_OK)
            rc = loop_new(&g->shared, (uint32_t)i, fd, o->cert_pem, o->key_pem, &g->loops[i], f);
        if (rc == RC_OK)
            rc = tls_selftest(loop_tls(g->loops[i]), &g->shared.tls, f);
        if (rc != RC_OK)
            return rc;
        g->count = i + 1;
    }
    return RC_OK;
}

static enum rc load_clock_floor(struct gateway *g, struct store *store, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = store_run(store, &Q_GATEWAY_LAST_AUDIT, NULL, &r, f);

    if (rc == RC_OK)
        g->clock_floor = rows_int(r, 0, "at");
    return rc;
}

static enum rc start_clerks(struct gateway *g, const struct gateway_options *o, struct fault *f)
{
    struct clerk_options c = {
        .attest = { .store = o->store,
                    .keeper = o->keeper,
                    .bus = o->bus,
                    .lifetime_s = (int32_t)o->cert_lifetime_s,
                    .quarantine_s = (int32_t)o->cert_quarantine_s },
        .ingest = o->ingest,
        .intakes = o->intakes,
        .door = { .store = o->store, .roster = o->roster, .bus = o->bus, .doors = o->doors },
        .catalog_name = catalog_name,
        .clock_is_good = clock_is_good,
        .answer = answer,
        .ctx = g,
    };

    return clerks_start(&c, &g->shared.clerks, f);
}

static enum rc trust_ca(const struct gateway_options *o, enum ca_name which, const char *catalog,
                        X509_STORE **store, struct fault *f)
{
    auto_free char *pem = NULL;
    enum rc rc = keeper_ca(o->keeper, which, catalog, &pem, f);

    return rc == RC_OK ? trust_add(store, pem, f) : rc;
}

// The keeper makes both CAs with each catalog.
static enum rc trust_catalogs(const struct gateway_options *o, struct trust *t, struct fault *f)
{
    struct catalog page[CATALOG_PAGE];
    int32_t after = 0;
    int count = 0;

    do {
        enum rc rc = catalog_list(o->store, 0, after, CATALOG_PAGE, page, &count, f);

        for (int i = 0; rc == RC_OK && i < count; i++) {
            rc = trust_ca(o, CA_CATALOG, page[i].name, &t->catalogs, f);
            if (rc == RC_OK)
                rc = trust_ca(o, CA_QUARANTINE, page[i].name, &t->quarantine, f);
            after = page[i].id;
        }
        if (rc != RC_OK)
            return rc;
    } while (count == CATALOG_PAGE);
    return RC_OK;
}

static enum rc prepare(struct gateway *g, const struct gateway_options *o, struct fault *f)
{
    struct trust *t = &g->shared.tls.trust;
    enum rc rc = trust_add(&t->roots, o->device_root_pem, f);

    if (rc == RC_OK)
        rc = trust_catalogs(o, t, f);
    g->catalogs = o->catalogs;
    g->doors = o->doors;
    g->clock_offset = clock_now_ms() - clock_mono_ms();
    t->roster = o->roster;
    t->catalog_name = catalog_name;
    t->ctx = g;
    g->shared.tls.ctx = g;
    g->shared.ingest = o->ingest;
    g->shared.per_address = o->per_address > 0 ? (uint32_t)o->per_address : PER_ADDRESS;
    g->shared.ping_s = o->idle_s > 0 ? (uint16_t)o->idle_s : PING_S;
    g->shared.post = post;
    g->shared.arrived = arrived;
    g->bus = o->bus;
    g->shared.ctx = g;
    g->shared.presence = presence_new();
    if (rc == RC_OK && !g->shared.presence)
        rc = fail(f, RC_INTERNAL, "out of memory");
    return rc == RC_OK ? tls_init(&g->shared.tls, f) : rc;
}

static enum rc start(struct gateway *g, const struct gateway_options *o, struct fault *f)
{
    const struct ingest_hooks hooks = { .ctx = g, .acked = acked, .drained = drained };
    enum rc rc = prepare(g, o, f);

    if (rc == RC_OK)
        rc = make_loops(g, o, f);
    if (rc == RC_OK)
        rc = load_clock_floor(g, o->store, f);
    if (rc == RC_OK)
        rc = start_clerks(g, o, f);
    if (rc == RC_OK)
        rc = levels_start(o->store, tell_levels, g, &g->levels, f);
    if (rc != RC_OK)
        return rc;
    // Not while the self-tests prove that strangers are refused.
    g->shared.tls.trust.open = door_is_open;
    g->shared.tls.knock = may_knock;
    g->shared.tls.tell = tell_refused;
    ingest_hook(o->ingest, &hooks);
    if (o->bus)
        bus_subscribe(o->bus, on_bus, g);
    for (int i = 0; rc == RC_OK && i < g->count; i++)
        rc = loop_start(g->loops[i], f);
    return rc;
}

enum rc gateway_start(const struct gateway_options *o, struct gateway **out, struct fault *f)
{
    struct gateway *g = calloc(1, sizeof *g);
    enum rc rc;

    if (!g)
        return fail(f, RC_INTERNAL, "out of memory");
    pthread_rwlock_init(&g->lock, NULL);
    rc = start(g, o, f);
    if (rc == RC_OK) {
        *out = g;
        return rc;
    }
    gateway_stop(g);
    gateway_free(g);
    return rc;
}

int gateway_port(const struct gateway *g)
{
    return g->port;
}

enum rc gateway_reload(struct gateway *g, const char *cert_pem, const char *key_pem,
                       struct fault *f)
{
    SSL_CTX *trial = SSL_CTX_new(TLS_server_method());
    enum rc rc =
        trial ? tls_certify(trial, cert_pem, key_pem, f) : fail(f, RC_INTERNAL, "out of memory");

    SSL_CTX_free(trial);
    for (int i = 0; rc == RC_OK && i < g->count; i++) {
        struct note *n = note_new(NOTE_CERTIFY, 0);

        n->chain = strdup(cert_pem);
        n->key = strdup(key_pem);
        post(g, (uint32_t)i, n);
    }
    return rc;
}

// ---------------------------------------------------------------- end

void gateway_drain(struct gateway *g)
{
    if (!atomic_exchange(&g->draining, true))
        post_all(g, NOTE_DRAIN);
}

void gateway_stop(struct gateway *g)
{
    int64_t until = clock_mono_ms() + DRAIN_MS;

    if (!g || g->stopped) // only this thread sets it
        return;
    gateway_drain(g);
    while (g->shared.connections > 0 && clock_mono_ms() < until)
        usleep(10000);
    post_all(g, NOTE_STOP);
    for (int i = 0; i < g->count; i++)
        loop_join(g->loops[i]);
    pthread_rwlock_wrlock(&g->lock);
    g->stopped = true;
    pthread_rwlock_unlock(&g->lock);
    levels_stop(take(&g->levels));
    clerks_stop(take(&g->shared.clerks));
    // What is still connected is let go here, while ingest and the presence table exist.
    for (int i = 0; i < g->count; i++)
        loop_free(take(&g->loops[i]));
}

void gateway_free(struct gateway *g)
{
    if (!g)
        return;
    presence_free(g->shared.presence);
    pthread_rwlock_destroy(&g->lock);
    X509_STORE_free(g->shared.tls.trust.roots);
    X509_STORE_free(g->shared.tls.trust.catalogs);
    X509_STORE_free(g->shared.tls.trust.quarantine);
    tls_end(&g->shared.tls);
    free(g);
}

void gateway_stats(const struct gateway *g, struct gateway_stats *out)
{
    const struct loop_shared *s = &g->shared;

    *out = (struct gateway_stats){
        .connections = s->connections,
        .handshaking = s->arrivals,
        .sessions = s->sessions,
        .strangers = s->strangers,
        .accepted = s->accepted,
        .refused = s->refused,
        .established = s->established,
        .closed = s->closed,
        .frames = s->frames,
        .bytes_in = s->received,
        .bytes_out = s->sent,
        .jobs_waiting = s->clerks ? clerks_waiting(s->clerks) : 0,
    };
}

bool gateway_is_ready(const struct gateway *g, char *text, size_t size)
{
    const char *trouble = g->draining ? "draining" : clock_trouble(g);

    if (trouble)
        snprintf(text, size, "%s", trouble);
    return !trouble;
}
