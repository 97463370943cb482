// SPDX-License-Identifier: Apache-2.0

#include "support/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES 1000000

int64_t load_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int load_reach(const char *address, uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

SSL_CTX *load_tls(const struct rig_identity *as)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (!ctx)
        return NULL;
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (as && (SSL_CTX_use_certificate(ctx, as->cert) != 1 ||
               SSL_CTX_use_PrivateKey(ctx, as->key) != 1)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

bool load_conn_open(struct conn *c, const char *address, uint16_t port, SSL_CTX *ctx)
{
    *c = (struct conn){ .fd = load_reach(address, port) };
    if (c->fd < 0)
        return false;
    c->ssl = SSL_new(ctx);
    SSL_set_fd(c->ssl, c->fd);
    if (SSL_connect(c->ssl) == 1)
        return true;
    ERR_clear_error();
    return false;
}

void load_conn_close(struct conn *c)
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
    c->asked_at = load_now_us();
    if (SSL_write(c->ssl, l->ask, (int)strlen(l->ask)) != (int)strlen(l->ask))
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
    if (c->head[9] != '2')
        l->refused++;
    if (l->answered < SAMPLES)
        l->us[l->answered++] = (uint32_t)(load_now_us() - c->asked_at);
    return true;
}

bool load_open(struct load *l, const char *address, uint16_t port, SSL_CTX *ctx, int count,
               const char *ask)
{
    *l = (struct load){ .epoll = epoll_create1(EPOLL_CLOEXEC),
                        .list = calloc((size_t)count, sizeof *l->list),
                        .us = malloc(SAMPLES * sizeof *l->us),
                        .ask = ask };
    if (!l->list || !l->us)
        return false;
    for (; l->count < count; l->count++) {
        struct conn *c = &l->list[l->count];
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

        if (!load_conn_open(c, address, port, ctx))
            return false;
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e);
    }
    for (int i = 0; i < count; i++) // from here on without blocking
        fcntl(l->list[i].fd, F_SETFL, O_NONBLOCK);
    return true;
}

void load_close(struct load *l)
{
    for (int i = 0; i < l->count; i++)
        load_conn_close(&l->list[i]);
    close(l->epoll);
    free(l->list);
    free(l->us);
}

// rate 0: every connection asks again as soon as it is answered.
void load_run(struct load *l, int64_t ms, int rate)
{
    int64_t start = load_now_us(), until = start + ms * 1000, sent = 0;
    struct epoll_event batch[256];
    int next = 0;

    for (int i = 0; rate == 0 && i < l->count; i++)
        if (!l->list[i].asked)
            send_ask(l, &l->list[i]);
    while (load_now_us() < until) {
        int n = epoll_wait(l->epoll, batch, 256, rate ? 1 : 10);

        for (int i = 0; i < n; i++) {
            struct conn *c = batch[i].data.ptr;

            if (take_answer(l, c) && rate == 0)
                send_ask(l, c);
        }
        while (rate && (load_now_us() - start) * rate / 1000000 > sent) {
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

double load_quantile_ms(struct load *l, double q)
{
    size_t at;

    if (l->answered == 0)
        return 1e9;
    qsort(l->us, l->answered, sizeof *l->us, by_size);
    at = (size_t)(q * (double)(l->answered - 1));
    return l->us[at] / 1000.0;
}
