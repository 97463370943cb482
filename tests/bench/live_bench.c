// SPDX-License-Identifier: Apache-2.0
//
// live_bench: how fast and how dear the live sockets are.
//
//   live_bench fanout SUBSCRIBERS STUCK SECONDS
//       a server of its own (TLS edge, live, a throw-away PostgreSQL) and subscribers of the fleet
//       in another process; ten frames a second, STUCK of them never read.
//       Prints {"p50","p99","max","frames","lost","kb","us"}: publish to frame in ms, memory that a
//       stuck one costs above an idle one, and the server's CPU time a frame.
//   live_bench latency ADDRESS PORT TOKEN-FILE SUBSCRIBERS DEVICES SECONDS
//       subscribers of DEVICES rows each on a running server whose devices send readings.
//       The same: from a reading's own time to its frame.

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access/access.h"
#include "core/clock.h"
#include "core/log.h"
#include "device/device.h"
#include "http/server.h"
#include "live/live.h"
#include "live/tickets.h"
#include "support/edge_rig.h"
#include "support/load.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"

#define DEVICES     10000
#define AT_ONCE     100 // devices that change between two frames
#define FRAME_MS    100
#define SAMPLES_MAX 4000000
#define IN_SIZE     (256 * 1024)

struct subscriber {
    struct conn c;
    bool stuck;
    unsigned char *in; // a frame as far as it came
    size_t have;
};

struct client {
    int epoll;
    struct subscriber *list;
    int count;
    char ids[20000]; // of a subscription to devices; "" for the fleet
    uint32_t *us;
    size_t samples;
    long frames, lost;
    int64_t since; // Unix ms; older readings come with some other change
};

struct cost {
    double kb, cpu_s;
};

// Between the two processes of fanout.
struct shared {
    int64_t published_us[DEVICES / AT_ONCE];
};

static struct shared *shared;

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "live_bench: %s failed (%s)\n", what, strerror(errno));
    exit(1);
}

// ---------------------------------------------------------------- a subscriber

static void say(struct subscriber *s, const char *text)
{
    unsigned char frame[32000];
    size_t len = strlen(text), n = 0;

    must(len < sizeof frame - 16, "a long message");
    frame[n++] = 0x81;
    if (len < 126) {
        frame[n++] = (unsigned char)(0x80 | len);
    } else {
        frame[n++] = 0x80 | 126;
        frame[n++] = (unsigned char)(len >> 8);
        frame[n++] = (unsigned char)len;
    }
    memset(frame + n, 0, 4); // a mask that changes nothing
    memcpy(frame + n + 4, text, len);
    n += 4 + len;
    must(SSL_write(s->c.ssl, frame, (int)n) == (int)n, "writing");
}

static void until_head(struct subscriber *s)
{
    char *end;

    do {
        int n = SSL_read(s->c.ssl, s->in + s->have, (int)(IN_SIZE - s->have));

        must(n > 0, "the upgrade");
        s->have += (size_t)n;
    } while (!(end = memmem(s->in, s->have, "\r\n\r\n", 4)));
    must(!memcmp(s->in, "HTTP/1.1 101", 12), "the upgrade");
    s->have -= (size_t)(end - (char *)s->in) + 4;
    memmove(s->in, end + 4, s->have);
}

static void enter(struct client *l, struct subscriber *s, const char *address, uint16_t port,
                  SSL_CTX *tls, const char *ticket)
{
    static const char upgrade[] = "GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    char text[24000];
    int small = 4096;

    must(load_conn_open(&s->c, address, port, tls), "connecting");
    if (s->stuck)
        setsockopt(s->c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    s->in = malloc(IN_SIZE);
    must(SSL_write(s->c.ssl, upgrade, sizeof upgrade - 1) > 0, "writing");
    until_head(s);
    snprintf(text, sizeof text, "{\"type\":\"ticket\",\"ticket\":\"%s\"}", ticket);
    say(s, text);
    snprintf(text, sizeof text, "{\"type\":\"subscribe\",\"topic\":\"%s\"%s}",
             *l->ids ? "devices" : "fleet", l->ids);
    say(s, text);
}

static void sample(struct client *l, int64_t us)
{
    if (us >= 0 && l->samples < SAMPLES_MAX)
        l->us[l->samples++] = (uint32_t)us;
}

// The first seat of a frame says when it was published.
static void judge_fleet(struct client *l, const char *text, int64_t now)
{
    const char *at = strstr(text, "\"changes\":[[");
    long seat = at ? strtol(at + 12, NULL, 10) : -1;

    if (seat < 0 || seat >= DEVICES)
        return;
    l->frames++;
    sample(l, now - shared->published_us[seat / AT_ONCE]);
}

static void judge_devices(struct client *l, const char *text)
{
    int64_t now = clock_now_ms();

    if (!strstr(text, "\"changes\":["))
        return;
    l->frames++;
    for (const char *at = text; (at = strstr(at, "\"t\":")); at += 4) {
        int64_t t = strtoll(at + 4, NULL, 10);

        if (t >= l->since)
            sample(l, (now - t) * 1000);
    }
}

// Takes whole frames out of what came.
static void take_frames(struct client *l, struct subscriber *s, int64_t now)
{
    size_t at = 0;

    for (;;) {
        const unsigned char *f = s->in + at;
        size_t have = s->have - at, header = have > 1 && (f[1] & 0x7f) == 127   ? 10
                                             : have > 1 && (f[1] & 0x7f) == 126 ? 4
                                                                                : 2;
        size_t len = have > 1 ? f[1] & 0x7f : 0;

        if (have < header)
            break;
        if (header > 2)
            len = 0;
        for (size_t i = 2; i < header; i++)
            len = len << 8 | f[i];
        if (have < header + len)
            break;
        if ((f[0] & 0x0f) == 1) {
            unsigned char kept = s->in[at + header + len]; // there is room for one more

            s->in[at + header + len] = '\0';
            if (*l->ids)
                judge_devices(l, (const char *)f + header);
            else
                judge_fleet(l, (const char *)f + header, now);
            s->in[at + header + len] = kept;
        }
        at += header + len;
    }
    memmove(s->in, s->in + at, s->have - at);
    s->have -= at;
}

static void hear(struct client *l, struct subscriber *s)
{
    for (;;) {
        int n = SSL_read(s->c.ssl, s->in + s->have, (int)(IN_SIZE - 1 - s->have));

        if (n <= 0) {
            if (SSL_get_error(s->c.ssl, n) != SSL_ERROR_WANT_READ) {
                l->lost++;
                epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->c.fd, NULL);
            }
            return;
        }
        s->have += (size_t)n;
        take_frames(l, s, load_now_us());
    }
}

static void listen_for(struct client *l, int64_t ms)
{
    int64_t until = load_now_us() + ms * 1000;
    struct epoll_event batch[256];

    while (load_now_us() < until) {
        int n = epoll_wait(l->epoll, batch, 256, 10);

        for (int i = 0; i < n; i++)
            hear(l, batch[i].data.ptr);
    }
}

static void watch(struct client *l, struct subscriber *s)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };

    fcntl(s->c.fd, F_SETFL, O_NONBLOCK);
    if (!s->stuck)
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, s->c.fd, &e);
}

static struct client *client_new(int count)
{
    struct client *l = calloc(1, sizeof *l);

    must(l && (l->list = calloc((size_t)count, sizeof *l->list)) &&
             (l->us = malloc(SAMPLES_MAX * sizeof *l->us)),
         "memory");
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->count = count;
    return l;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static double quantile_ms(const struct client *l, double q)
{
    return l->samples ? l->us[(size_t)(q * (double)(l->samples - 1))] / 1000.0 : 1e9;
}

static void print_client(struct client *l, const struct cost *c)
{
    qsort(l->us, l->samples, sizeof *l->us, by_size);
    printf("{\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f,\"frames\":%ld,\"lost\":%ld,\"kb\":%.1f,"
           "\"us\":%.1f}\n",
           quantile_ms(l, 0.5), quantile_ms(l, 0.99), quantile_ms(l, 1), l->frames, l->lost, c->kb,
           l->frames ? c->cpu_s * 1e6 / (double)l->frames : 0);
}

// ---------------------------------------------------------------- fanout

static struct rest rest;
static struct live *live;
static struct edge *edge;
static struct rig rig;

static bool adopt(void *ctx, int fd, const char *head, size_t len, const char *remote)
{
    (void)ctx;
    return live_adopt(live, fd, head, len, remote);
}

static void serve(void)
{
    struct fault f = { 0 };

    rig_init(&rig);
    log_level_set(LEVEL_ERROR);
    rest_start(&rest, pg_conninfo());
    rest_account(&rest, "olga", "owner", NULL);
    model_sql(pg_conninfo(),
              "INSERT INTO device (catalog, device, id, fingerprint, public_key, lifecycle, seat)"
              " SELECT c.id, 1 + i, md5(i::text), md5(i::text) || md5(i::text), '', 1, i"
              " FROM generate_series(0, %d) i, catalog c WHERE c.name = 'demo'",
              DEVICES - 1);
    const struct live_options l = { .store = rest.store,
                                    .tickets = rest.services.tickets,
                                    .streams = rest.services.streams,
                                    .access = http_access(rest.http),
                                    .bus = rest.bus,
                                    .names = "localhost" };
    must(live_start(&l, &live, &f) == RC_OK, f.text);
    const struct edge_options e = { .listen = "127.0.0.1:0",
                                    .live_protocol = LIVE_PROTOCOL,
                                    .per_address = 100000,
                                    .tls = { .cert_pem = rig.server.cert_pem,
                                             .key_pem = rig.server.key_pem },
                                    .hooks = { .live_adopt = adopt } };
    must(edge_start(&e, &edge, &f) == RC_OK, f.text);
}

// A ticket each time the client asks for one.
static void give_tickets(int fd, int count)
{
    struct rest_browser olga = rest_sign_in(&rest, "olga");
    struct identity who;
    struct ticket t = { .catalog = (int32_t)rest_sql(
                            pg_conninfo(), "SELECT id FROM catalog WHERE name = 'demo'") };
    char text[TICKET_TEXT_LEN + 1], one;
    struct fault f = { 0 };

    must(access_by_cookie(http_access(rest.http), rest.store, olga.cookie, &who, &f) == RC_OK,
         f.text);
    t.who = who.who;
    for (int i = 0; i < count; i++) {
        must(read(fd, &one, 1) == 1, "the client");
        must(tickets_issue(rest.services.tickets, &t, text, &f) == RC_OK, f.text);
        must(write(fd, text, TICKET_TEXT_LEN) == TICKET_TEXT_LEN, "the client");
    }
    must(read(fd, &one, 1) == 1, "the client"); // all are in
}

static void be_client(int fd, uint16_t port, int count, int stuck, int seconds)
{
    struct client *l = client_new(count);
    SSL_CTX *tls = load_tls(NULL);
    char ticket[TICKET_TEXT_LEN + 1] = "";

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < count; i++) {
        l->list[i].stuck = i < stuck;
        must(write(fd, "t", 1) == 1 && read(fd, ticket, TICKET_TEXT_LEN) == TICKET_TEXT_LEN,
             "a ticket");
        enter(l, &l->list[i], "127.0.0.1", port, tls, ticket);
        watch(l, &l->list[i]);
    }
    listen_for(l, 2000);
    must(write(fd, "r", 1) == 1, "the server");
    listen_for(l, seconds * 1000 + 500);
    must(write(fd, "d", 1) == 1, "the server");
    struct cost c;
    must(read(fd, &c, sizeof c) == sizeof c, "the server");
    print_client(l, &c);
    fflush(stdout);
    _exit(0);
}

static double resident_kb(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long pages = 0;

    must(file && fscanf(file, "%*s %ld", &pages) == 1, "statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static double cpu_s(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

// Changes a hundred devices; the frame that tells it starts with the first of them.
static void publish(int round)
{
    int block = round % (DEVICES / AT_ONCE);
    int64_t now = load_now_us();

    shared->published_us[block] = now;
    for (int i = 0; i < AT_ONCE; i++)
        bus_publish(rest.bus, &(struct bus_event){ .kind = BUS_STATE,
                                                   .catalog = 1,
                                                   .device = 1 + block * AT_ONCE + i,
                                                   .id = "",
                                                   .at = now / 1000,
                                                   .state = 1 + round / (DEVICES / AT_ONCE) % 5 });
}

static void fanout(int count, int stuck, int seconds)
{
    int pair[2];
    pid_t pid;
    double before, used;
    struct cost cost = { 0 };
    char one;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "memory");
    serve();
    pid = fork();
    if (pid == 0)
        be_client(pair[1], edge_port(edge), count, stuck, seconds);
    give_tickets(pair[0], count);
    before = resident_kb();
    used = cpu_s();
    for (int round = 0; round < seconds * 1000 / FRAME_MS; round++) {
        publish(round);
        usleep(FRAME_MS * 1000);
    }
    cost.kb = stuck ? (resident_kb() - before) / stuck : 0;
    cost.cpu_s = cpu_s() - used;
    must(read(pair[0], &one, 1) == 1 && write(pair[0], &cost, sizeof cost) == sizeof cost,
         "the client");
    waitpid(pid, NULL, 0);
    edge_stop(edge);
    live_stop(live);
    rest_stop(&rest);
}

// ---------------------------------------------------------------- latency

// One request on a connection of its own; the body.
static json_t *ask(const char *address, uint16_t port, SSL_CTX *tls, const char *request)
{
    static char text[1 << 20];
    struct conn c;
    size_t have = 0;
    int n;

    must(load_conn_open(&c, address, port, tls), "connecting");
    must(SSL_write(c.ssl, request, (int)strlen(request)) > 0, "writing");
    while (have < sizeof text - 1 &&
           (n = SSL_read(c.ssl, text + have, (int)(sizeof text - 1 - have))) > 0)
        have += (size_t)n;
    load_conn_close(&c);
    text[have] = '\0';
    char *body = strstr(text, "\r\n\r\n");
    json_t *o = body ? json_loads(body + 4, 0, NULL) : NULL;
    must(o && strncmp(text, "HTTP/1.1 2", 10) == 0, "a request");
    return o;
}

static void new_ticket(const char *address, uint16_t port, SSL_CTX *tls, const char *token,
                       char *out)
{
    char request[500];

    snprintf(request, sizeof request,
             "POST /api/v1/live-tickets HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
             "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
             "Content-Length: 18\r\n\r\n{\"catalog\":\"demo\"}",
             token);
    json_auto_t *o = ask(address, port, tls, request);
    snprintf(out, TICKET_TEXT_LEN + 1, "%s", json_string_value(json_object_get(o, "ticket")));
}

// ,"ids":[…] of the first devices.
static void read_ids(struct client *l, const char *address, uint16_t port, SSL_CTX *tls,
                     const char *token, int devices)
{
    char request[500];
    size_t i, n = 0;
    json_t *item;

    snprintf(request, sizeof request,
             "GET /api/v1/catalogs/demo/devices?limit=%d HTTP/1.1\r\nHost: localhost\r\n"
             "Connection: close\r\nAuthorization: Bearer %s\r\n\r\n",
             devices, token);
    json_auto_t *o = ask(address, port, tls, request);
    n += (size_t)snprintf(l->ids, sizeof l->ids, ",\"ids\":[");
    json_array_foreach (json_object_get(o, "items"), i, item)
        n += (size_t)snprintf(l->ids + n, sizeof l->ids - n, "%s\"%s\"", i ? "," : "",
                              json_string_value(json_object_get(item, "id")));
    snprintf(l->ids + n, sizeof l->ids - n, "]");
}

static void latency(char **argv)
{
    const char *address = argv[2];
    uint16_t port = (uint16_t)strtol(argv[3], NULL, 10);
    int count = (int)strtol(argv[5], NULL, 10), devices = (int)strtol(argv[6], NULL, 10);
    struct client *l = client_new(count);
    SSL_CTX *tls = load_tls(NULL);
    char token[200] = "", ticket[TICKET_TEXT_LEN + 1];
    FILE *file = fopen(argv[4], "re");

    must(file && fgets(token, sizeof token, file), "the token's file");
    fclose(file);
    token[strcspn(token, "\r\n")] = '\0';
    read_ids(l, address, port, tls, token, devices);
    for (int i = 0; i < count; i++) {
        new_ticket(address, port, tls, token, ticket);
        enter(l, &l->list[i], address, port, tls, ticket);
        watch(l, &l->list[i]);
    }
    listen_for(l, 2000); // snapshots, and what was merged while they came
    l->samples = 0;
    l->frames = 0;
    l->since = clock_now_ms();
    listen_for(l, strtol(argv[7], NULL, 10) * 1000);
    print_client(l, &(struct cost){ 0 });
}

int main(int argc, char **argv)
{
    struct rlimit fds;

    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &fds);
    fds.rlim_cur = fds.rlim_max;
    setrlimit(RLIMIT_NOFILE, &fds);
    if (argc == 5 && !strcmp(argv[1], "fanout"))
        fanout((int)strtol(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10),
               (int)strtol(argv[4], NULL, 10));
    else if (argc == 8 && !strcmp(argv[1], "latency"))
        latency(argv);
    else {
        fprintf(stderr, "usage: live_bench fanout SUBSCRIBERS STUCK SECONDS\n"
                        "       live_bench latency ADDRESS PORT TOKEN-FILE SUBSCRIBERS DEVICES "
                        "SECONDS\n");
        return 2;
    }
    return 0;
}
