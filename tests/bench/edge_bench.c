// SPDX-License-Identifier: Apache-2.0
//
// edge_bench: the public port beside nginx, each before a civetweb of the same code.
//
//   this process (load) --TLS--> child: edge + civetweb     then the same to
//                       --TLS--> nginx, one worker --> child: civetweb
//
//   edge_bench [connection|kept|storm]   all without one
//
// Prints one JSON object a line. Bounded: some 60 s, loopback only, no fixed port.

#include <civetweb.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/log.h"
#include "support/folder.h"
#include "support/load.h"

#define IDLE_CONNECTIONS 2000
#define KEPT             1000
#define KEPT_MS          3000
#define STORM_MS         6000
#define STORM_RATE       500 // REST requests a second
#define STORM_KEPT       100
#define STORM_HANDS      16 // handshakes under way at once
#define ROUNDS           3
#define LOOPBACK         "127.0.0.1"

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
        fd = load_reach(LOOPBACK, s->port);
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

// ---------------------------------------------------------------- results

static void open_load(struct load *l, uint16_t port, int count)
{
    must(load_open(l, LOOPBACK, port, plain_ctx, count, ask), "a connection was refused");
}

static void row(const char *name, double value, const char *unit, double limit, const char *goal,
                bool met, const char *note)
{
    printf("{\"name\":\"%s\",\"value\":%.2f,\"unit\":\"%s\",", name, value, unit);
    if (limit > 0)
        printf("\"limit\":%.2f,\"ratio\":%.3f,", limit, value / limit);
    else
        printf("\"limit\":null,\"ratio\":null,");
    printf("\"goal\":\"%s\",\"met\":%s,\"note\":\"%s\"}\n", goal, met ? "true" : "false", note);
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
    open_load(&warm, s.port, 20);
    load_run(&warm, 300, 0);
    before = resident_kb(s.pid);
    open_load(&l, s.port, IDLE_CONNECTIONS);
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

    row("connection.edge", edge, "kB", nginx, "<= 17 kB", edge <= 17,
        "an idle TLS connection; beside: nginx");
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
    open_load(&l, s.port, KEPT);
    load_run(&l, 500, 0); // until all run; these answers count for nothing
    l.answered = 0;
    load_run(&l, KEPT_MS, 0);
    *out = (struct figures){ .rate = (double)l.answered * 1000 / KEPT_MS,
                             .p50 = load_quantile_ms(&l, 0.5),
                             .p99 = load_quantile_ms(&l, 0.99),
                             .max = load_quantile_ms(&l, 1),
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
    char note[120];

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
    snprintf(note, sizeof note, "worst %.0f ms; beside: nginx, worst %.0f ms", worst, nginx_worst);
    row("rest.kept_1000", edge / ROUNDS, "req/s", nginx / ROUNDS,
        ">= 0.95 of nginx, worst <= 100 ms", edge >= 0.95 * nginx && worst <= 100, note);
}

// ---------------------------------------------------------------- the storm

static void hold_sockets(uint16_t port)
{
    static struct conn heads[200], bodies[100];

    for (int i = 0; i < 300; i++)
        load_reach(LOOPBACK, port);
    for (size_t i = 0; i < 200; i++)
        if (load_conn_open(&heads[i], LOOPBACK, port, plain_ctx))
            SSL_write(heads[i].ssl, ask, 20);
    for (size_t i = 0; i < 100; i++)
        if (load_conn_open(&bodies[i], LOOPBACK, port, plain_ctx))
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
    until = load_now_us() + STORM_MS * 1000;
    for (int i = 0; i < STORM_HANDS; i++)
        begin(&hands[i], port, epoll);
    while (load_now_us() < until) {
        int n = epoll_wait(epoll, batch, STORM_HANDS, 50);

        for (int i = 0; i < n; i++) {
            struct conn *c = batch[i].data.ptr;
            int r = SSL_do_handshake(c->ssl);

            if (r != 1 && SSL_get_error(c->ssl, r) == SSL_ERROR_WANT_READ)
                continue;
            done += r == 1;
            ERR_clear_error();
            load_conn_close(c);
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
    open_load(&l, s.port, STORM_KEPT);
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
    *out = (struct figures){ .p50 = load_quantile_ms(&l, 0.5),
                             .p99 = load_quantile_ms(&l, 0.99),
                             .max = load_quantile_ms(&l, 1),
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
    char note[120];

    storm(true, &edge);
    storm(false, &nginx);
    snprintf(note, sizeof note, "p99 in %.0f handshakes/s; beside: nginx, in %.0f", edge.rate,
             nginx.rate);
    row("rest.storm", edge.p99, "ms", nginx.p99, "<= 20 ms", edge.p99 <= 20 && edge.lost == 0,
        note);
}

// ---------------------------------------------------------------- the whole

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = { { "connection", bench_connection },
                  { "kept", bench_kept },
                  { "storm", bench_storm } };
    struct rlimit fds;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    getrlimit(RLIMIT_NOFILE, &fds);
    fds.rlim_cur = fds.rlim_max < 16384 ? fds.rlim_max : 16384;
    setrlimit(RLIMIT_NOFILE, &fds);
    rig_init(&rig);
    folder_make(folder, sizeof folder, "bench");
    plain_ctx = load_tls(NULL);
    device_ctx = load_tls(&rig.device);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (argc < 2 || !strcmp(argv[1], parts[i].name))
            parts[i].run();
    return 0;
}
