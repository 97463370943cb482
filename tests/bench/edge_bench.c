// SPDX-License-Identifier: Apache-2.0
//
// edge_bench: the public port beside nginx, each before a civetweb of the same code.
//
//   this process (load) --TLS--> child: edge + civetweb     then the same to
//                       --TLS--> nginx, one worker --> child: civetweb
//
// Prints one JSON object a line. Bounded: some 60 s, loopback only, no fixed port.

#include <arpa/inet.h>
#include <civetweb.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "support/edge_rig.h"

#define IDLE_CONNECTIONS 2000
#define KEPT             1000
#define KEPT_MS          3000
#define STORM_MS         6000
#define STORM_RATE       500 // REST requests a second
#define STORM_KEPT       100
#define STORM_HANDS      16 // handshakes under way at once
#define SAMPLES          1000000
#define ROUNDS           3

static const char ask[] = "GET /api/v1/thing HTTP/1.1\r\nHost: localhost\r\n\r\n";
static struct rig rig; // for its identities
static char folder[64];
static SSL_CTX *plain_ctx, *device_ctx;

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "edge_bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

// ---------------------------------------------------------------- servers

static int thing(struct mg_connection *conn, void *ctx)
{
    static char text[1400];
    static int len;

    (void)ctx;
    if (len == 0)
        len = snprintf(text, sizeof text,
                       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       "Content-Length: 1024\r\n\r\n{\"name\":\"%01013d\"}",
                       0);
    mg_write(conn, text, (size_t)len);
    return 200;
}

static int start_civetweb(void)
{
    static const char *options[] = { "listening_ports",
                                     "127.0.0.1:0",
                                     "num_threads",
                                     "8",
                                     "enable_keep_alive",
                                     "yes",
                                     "keep_alive_timeout_ms",
                                     "600000",
                                     "tcp_nodelay",
                                     "1",
                                     NULL };
    struct mg_callbacks callbacks = { 0 };
    struct mg_server_port ports[1];
    struct mg_context *ctx;

    mg_init_library(0);
    ctx = mg_start(&callbacks, NULL, options);
    must(ctx && mg_get_server_ports(ctx, 1, ports) == 1, "civetweb");
    mg_set_request_handler(ctx, "/", thing, NULL);
    return ports[0].port;
}

static uint16_t start_edge(int backend)
{
    struct edge_options o = rig.options;
    struct edge *e;
    struct fault f;

    o.backend_port = (uint16_t)backend;
    o.per_address = 20000;
    o.web_dir = NULL;
    if (edge_start(&o, &e, &f) != RC_OK) {
        fprintf(stderr, "edge_bench: %s\n", f.text);
        exit(1);
    }
    return edge_port(e);
}

struct server {
    pid_t pid, behind; // behind: the civetweb of nginx; 0 if it is in pid
    uint16_t port;
};

static pid_t fork_server(bool with_edge, uint16_t *port)
{
    int up[2];
    pid_t pid;

    must(pipe(up) == 0, "pipe");
    pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        log_level_set(LEVEL_ERROR);
        *port = (uint16_t)start_civetweb();
        if (with_edge)
            *port = start_edge(*port);
        must(write(up[1], port, sizeof *port) == sizeof *port, "pipe");
        for (;;)
            pause();
    }
    close(up[1]);
    must(read(up[0], port, sizeof *port) == sizeof *port, "a server did not start");
    close(up[0]);
    return pid;
}

static uint16_t free_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    must(bind(fd, (struct sockaddr *)&at, len) == 0 &&
             getsockname(fd, (struct sockaddr *)&at, &len) == 0,
         "port");
    close(fd);
    return ntohs(at.sin_port);
}

static void put_file(const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    must(f && fputs(text, f) >= 0 && fclose(f) == 0, path);
}

static void put_conf(uint16_t port, uint16_t backend)
{
    char text[2000];

    snprintf(
        text, sizeof text,
        "daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 16384;\n"
        "pid %s/pid; error_log %s/error crit;\n"
        "events { worker_connections 12000; }\n"
        "http { access_log off; client_body_temp_path %s/1; proxy_temp_path %s/2;\n"
        "fastcgi_temp_path %s/3; uwsgi_temp_path %s/4; scgi_temp_path %s/5;\n"
        "upstream cw { server 127.0.0.1:%u; keepalive 7; }\n"
        "server { listen 127.0.0.1:%u ssl backlog=1024; ssl_certificate %s/cert;\n"
        "ssl_certificate_key %s/key; ssl_client_certificate %s/ca; ssl_verify_client optional;\n"
        "ssl_ecdh_curve X25519:prime256v1; keepalive_requests 100000000; tcp_nodelay on;\n"
        "location / { proxy_pass http://cw; proxy_http_version 1.1;\n"
        "proxy_set_header Connection \"\"; } } }\n",
        folder, folder, folder, folder, folder, folder, folder, backend, port, folder, folder,
        folder);
    put_file("conf", text);
    put_file("cert", rig.server.cert_pem);
    put_file("key", rig.server.key_pem);
    put_file("ca", rig.device_ca.cert_pem);
}

static int reach(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0, "socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool start_nginx(struct server *s)
{
    char conf[128];
    uint16_t backend;
    int fd = -1;

    if (access("/usr/sbin/nginx", X_OK) != 0)
        return false;
    s->behind = fork_server(false, &backend);
    s->port = free_port();
    put_conf(s->port, backend);
    snprintf(conf, sizeof conf, "%s/conf", folder);
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("/usr/sbin/nginx", "nginx", "-c", conf, "-p", folder, (char *)NULL);
        _exit(1);
    }
    for (int i = 0; i < 200 && fd < 0; i++) {
        usleep(20000);
        fd = reach(s->port);
    }
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void stop(struct server *s)
{
    pid_t pids[] = { s->pid, s->behind };

    for (int i = 0; i < 2; i++)
        if (pids[i] > 0) {
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
        }
}

static bool start(struct server *s, bool edge)
{
    *s = (struct server){ 0 };
    if (!edge)
        return start_nginx(s);
    s->pid = fork_server(true, &s->port);
    return true;
}

static long resident_kb(pid_t pid)
{
    char path[64];
    long size, resident = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    f = fopen(path, "r");
    if (f && fscanf(f, "%ld %ld", &size, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

// ---------------------------------------------------------------- load

struct conn {
    int fd;
    SSL *ssl;
    bool asked;
    int64_t asked_at;
    size_t want, got; // of the answer; want 0: its head is not here yet
    char head[2048];
};

struct load {
    int epoll;
    struct conn *list;
    int count;
    uint32_t *us; // latencies
    size_t answered;
    long lost, skipped; // broken; not sent because every connection still waited
};

static SSL_CTX *client_ctx(const struct rig_identity *as)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    must(ctx, "TLS");
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (as)
        must(SSL_CTX_use_certificate(ctx, as->cert) == 1 &&
                 SSL_CTX_use_PrivateKey(ctx, as->key) == 1,
             "client certificate");
    return ctx;
}

static bool conn_open(struct conn *c, uint16_t port, SSL_CTX *ctx)
{
    *c = (struct conn){ .fd = reach(port) };
    if (c->fd < 0)
        return false;
    c->ssl = SSL_new(ctx);
    SSL_set_fd(c->ssl, c->fd);
    if (SSL_connect(c->ssl) == 1)
        return true;
    ERR_clear_error();
    return false;
}

static void conn_close(struct conn *c)
{
    SSL_free(c->ssl);
    if (c->fd >= 0)
        close(c->fd);
    *c = (struct conn){ .fd = -1 };
}

static void send_ask(struct load *l, struct conn *c)
{
    c->asked = true;
    c->want = c->got = 0;
    c->asked_at = now_us();
    if (SSL_write(c->ssl, ask, sizeof ask - 1) != (int)sizeof ask - 1)
        l->lost++;
}

static void find_size(struct conn *c)
{
    const char *end = memmem(c->head, c->got, "\r\n\r\n", 4);
    const char *length = end ? memmem(c->head, c->got, "Content-Length: ", 16) : NULL;

    if (length)
        c->want = (size_t)(end - c->head) + 4 + strtoul(length + 16, NULL, 10);
}

// True when the answer is here whole.
static bool take_answer(struct load *l, struct conn *c)
{
    for (;;) {
        char junk[8192];
        bool headless = c->want == 0 && c->got < sizeof c->head;
        int n = SSL_read(c->ssl, headless ? c->head + c->got : junk,
                         headless ? (int)(sizeof c->head - c->got) : (int)sizeof junk);

        if (n <= 0) {
            if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ) {
                ERR_clear_error();
                l->lost++;
                epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->fd, NULL);
                c->asked = true; // never again
            }
            return false;
        }
        c->got += (size_t)n;
        if (c->want == 0)
            find_size(c);
        if (c->want && c->got >= c->want)
            break;
    }
    c->asked = false;
    if (l->answered < SAMPLES)
        l->us[l->answered++] = (uint32_t)(now_us() - c->asked_at);
    return true;
}

static void load_open(struct load *l, uint16_t port, int count)
{
    *l = (struct load){ .epoll = epoll_create1(EPOLL_CLOEXEC),
                        .list = calloc((size_t)count, sizeof *l->list),
                        .us = malloc(SAMPLES * sizeof *l->us),
                        .count = count };
    must(l->list && l->us, "memory");
    for (int i = 0; i < count; i++) {
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = &l->list[i] };

        must(conn_open(&l->list[i], port, plain_ctx), "a connection was refused");
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->list[i].fd, &e);
    }
    for (int i = 0; i < count; i++) // from here on without blocking
        fcntl(l->list[i].fd, F_SETFL, O_NONBLOCK);
}

static void load_close(struct load *l)
{
    for (int i = 0; i < l->count; i++)
        conn_close(&l->list[i]);
    close(l->epoll);
    free(l->list);
    free(l->us);
}

// rate 0: every connection asks again as soon as it is answered.
static void load_run(struct load *l, int64_t ms, int rate)
{
    int64_t start = now_us(), until = start + ms * 1000, sent = 0;
    struct epoll_event batch[256];
    int next = 0;

    for (int i = 0; rate == 0 && i < l->count; i++)
        if (!l->list[i].asked)
            send_ask(l, &l->list[i]);
    while (now_us() < until) {
        int n = epoll_wait(l->epoll, batch, 256, rate ? 1 : 10);

        for (int i = 0; i < n; i++) {
            struct conn *c = batch[i].data.ptr;

            if (take_answer(l, c) && rate == 0)
                send_ask(l, c);
        }
        while (rate && (now_us() - start) * rate / 1000000 > sent) {
            for (int i = 0; i < l->count && l->list[next].asked; i++)
                next = (next + 1) % l->count;
            if (!l->list[next].asked)
                send_ask(l, &l->list[next]);
            else
                l->skipped++;
            sent++;
        }
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static double quantile_ms(struct load *l, double q)
{
    size_t at;

    if (l->answered == 0)
        return 1e9;
    qsort(l->us, l->answered, sizeof *l->us, by_size);
    at = (size_t)(q * (double)(l->answered - 1));
    return l->us[at] / 1000.0;
}

// ---------------------------------------------------------------- results

static void row(const char *name, double value, const char *unit, double limit, double ratio,
                const char *goal, bool met)
{
    printf("{\"name\":\"%s\",\"value\":%.2f,\"unit\":\"%s\",", name, value, unit);
    if (limit > 0)
        printf("\"limit\":%.2f,\"ratio\":%.3f,", limit, ratio);
    else
        printf("\"limit\":null,\"ratio\":null,");
    printf("\"goal\":\"%s\",\"met\":%s}\n", goal, met ? "true" : "false");
    fflush(stdout);
}

static double idle_kb(bool edge)
{
    struct server s;
    struct load warm, l;
    long before;
    double kb;

    if (!start(&s, edge))
        return 0;
    load_open(&warm, s.port, 20);
    load_run(&warm, 300, 0);
    before = resident_kb(s.pid);
    load_open(&l, s.port, IDLE_CONNECTIONS);
    load_run(&l, 1000, 2000); // about one request each
    usleep(300000);
    kb = (double)(resident_kb(s.pid) - before) / IDLE_CONNECTIONS;
    load_close(&l);
    load_close(&warm);
    stop(&s);
    return kb;
}

static void bench_connection(void)
{
    double edge = idle_kb(true), nginx = idle_kb(false);

    row("connection.edge", edge, "kB resident per idle TLS connection", nginx,
        nginx > 0 ? edge / nginx : 0, "<= 17", edge <= 17);
}

struct figures {
    double rate, p50, p99, max;
    long lost;
};

static bool kept(bool edge, struct figures *out)
{
    struct server s;
    struct load l;

    if (!start(&s, edge))
        return false;
    load_open(&l, s.port, KEPT);
    load_run(&l, 500, 0); // until all run; these answers count for nothing
    l.answered = 0;
    load_run(&l, KEPT_MS, 0);
    *out = (struct figures){ .rate = (double)l.answered * 1000 / KEPT_MS,
                             .p50 = quantile_ms(&l, 0.5),
                             .p99 = quantile_ms(&l, 0.99),
                             .max = quantile_ms(&l, 1),
                             .lost = l.lost };
    fprintf(stderr, "  %s 1000 kept: %.0f/s p50 %.1f p99 %.1f max %.1f ms, %ld lost\n",
            edge ? "edge " : "nginx", out->rate, out->p50, out->p99, out->max, out->lost);
    load_close(&l);
    stop(&s);
    return true;
}

static void bench_kept(void)
{
    double edge = 0, nginx = 0, worst = 0, nginx_worst = 0;
    struct figures f;

    // In turn, so that a busy moment of the machine meets both.
    for (int i = 0; i < ROUNDS; i++) {
        kept(true, &f);
        edge += f.rate;
        worst = f.max > worst ? f.max : worst;
        if (kept(false, &f)) {
            nginx += f.rate;
            nginx_worst = f.max > nginx_worst ? f.max : nginx_worst;
        }
    }
    row("rest.kept_1000", edge / ROUNDS, "answers/s", nginx / ROUNDS, nginx > 0 ? edge / nginx : 0,
        ">= 0.95 of nginx", nginx <= 0 || edge / nginx >= 0.95);
    row("rest.kept_1000_worst", worst, "ms", nginx_worst, nginx_worst > 0 ? worst / nginx_worst : 0,
        "<= 100", worst <= 100);
}

// ---------------------------------------------------------------- the storm

static void hold_sockets(uint16_t port)
{
    static struct conn heads[200], bodies[100];

    for (int i = 0; i < 300; i++)
        reach(port);
    for (size_t i = 0; i < 200; i++)
        if (conn_open(&heads[i], port, plain_ctx))
            SSL_write(heads[i].ssl, ask, 20);
    for (size_t i = 0; i < 100; i++)
        if (conn_open(&bodies[i], port, plain_ctx))
            SSL_write(bodies[i].ssl,
                      "POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\nx", 63);
}

// Another process: its own work must not be taken for the server's.
static pid_t fork_quiet(uint16_t port)
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) { // what the server hung up on comes again
            hold_sockets(port);
            usleep(4500000);
        }
    }
    return pid;
}

static void begin(struct conn *c, uint16_t port, int epoll)
{
    struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };

    *c = (struct conn){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0) };
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        return;
    c->ssl = SSL_new(device_ctx);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e);
}

// Full mutual handshakes as fast as they go, STORM_HANDS at once; counted in shared memory.
static pid_t fork_storm(uint16_t port, int report)
{
    pid_t pid = fork();
    static struct conn hands[STORM_HANDS];
    struct epoll_event batch[STORM_HANDS];
    int epoll;
    int64_t until;
    long done = 0;

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    epoll = epoll_create1(0);
    until = now_us() + STORM_MS * 1000;
    for (int i = 0; i < STORM_HANDS; i++)
        begin(&hands[i], port, epoll);
    while (now_us() < until) {
        int n = epoll_wait(epoll, batch, STORM_HANDS, 50);

        for (int i = 0; i < n; i++) {
            struct conn *c = batch[i].data.ptr;
            int r = SSL_do_handshake(c->ssl);

            if (r != 1 && SSL_get_error(c->ssl, r) == SSL_ERROR_WANT_READ)
                continue;
            done += r == 1;
            ERR_clear_error();
            conn_close(c);
            begin(c, port, epoll);
        }
    }
    _exit(write(report, &done, sizeof done) == sizeof done ? 0 : 1);
}

static bool storm(bool edge, struct figures *out)
{
    pid_t quiet, hands;
    struct server s;
    struct load l;
    int report[2];
    long done = 0;

    if (!start(&s, edge))
        return false;
    must(pipe(report) == 0, "pipe");
    load_open(&l, s.port, STORM_KEPT);
    quiet = fork_quiet(s.port);
    usleep(800000);
    hands = fork_storm(s.port, report[1]);
    load_run(&l, STORM_MS, STORM_RATE);
    waitpid(hands, NULL, 0);
    must(read(report[0], &done, sizeof done) == sizeof done, "storm");
    kill(quiet, SIGKILL);
    waitpid(quiet, NULL, 0);
    close(report[0]);
    close(report[1]);
    *out = (struct figures){ .p50 = quantile_ms(&l, 0.5),
                             .p99 = quantile_ms(&l, 0.99),
                             .max = quantile_ms(&l, 1),
                             .rate = (double)done * 1000 / STORM_MS,
                             .lost = l.lost };
    fprintf(stderr,
            "  %s storm: %.0f handshakes/s, REST p50 %.1f p99 %.1f max %.1f ms, %zu "
            "answered, %ld lost\n",
            edge ? "edge " : "nginx", out->rate, out->p50, out->p99, out->max, l.answered,
            out->lost);
    load_close(&l);
    stop(&s);
    return true;
}

static void bench_storm(void)
{
    struct figures edge, nginx = { 0 };

    storm(true, &edge);
    storm(false, &nginx);
    row("rest.storm", edge.p99, "ms p99", nginx.p99, nginx.p99 > 0 ? edge.p99 / nginx.p99 : 0,
        "<= 20", edge.p99 <= 20 && edge.lost == 0);
}

// ---------------------------------------------------------------- the whole

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

int main(void)
{
    struct rlimit fds;

    getrlimit(RLIMIT_NOFILE, &fds);
    fds.rlim_cur = fds.rlim_max < 16384 ? fds.rlim_max : 16384;
    setrlimit(RLIMIT_NOFILE, &fds);
    rig_init(&rig);
    snprintf(folder, sizeof folder, "/tmp/orrery-bench-XXXXXX");
    must(mkdtemp(folder) != NULL, "folder");
    plain_ctx = client_ctx(NULL);
    device_ctx = client_ctx(&rig.device);
    bench_connection();
    bench_kept();
    bench_storm();
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    nftw(rig.web, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}
