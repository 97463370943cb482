// SPDX-License-Identifier: Apache-2.0

#include "support/catcher.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "test.h"

#define REQUEST_MAX (256 * 1024)
#define WAIT_MS     30000
#define LOOK_MS     20

struct guest {
    struct catcher *of;
    int fd;
};

static atomic_int guests; // threads that serve one

static bool is_writable(struct catcher *c, int fd, int ms)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };

    (void)poll(&p, 1, ms);
    return !atomic_load(&c->stop) && !(p.revents & (POLLERR | POLLHUP));
}

// Until the other end goes, or the test ends.
static void outwait(struct catcher *c, int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDHUP };

    while (!atomic_load(&c->stop) && poll(&p, 1, LOOK_MS) == 0)
        ;
}

static bool say(int fd, const char *bytes, size_t len)
{
    return send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void say_text(int fd, const char *text)
{
    (void)say(fd, text, strlen(text));
}

static void pour(struct catcher *c, int fd, size_t chunk, int pause_ms)
{
    static const char zeros[16384];

    while (is_writable(c, fd, LOOK_MS) && send(fd, zeros, chunk, MSG_NOSIGNAL) > 0)
        if (pause_ms)
            usleep((useconds_t)pause_ms * 1000);
}

static void answer(struct catcher *c, int fd)
{
    static const char *const heads[] = {
        [CATCH_OK] = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        [CATCH_ERROR] = "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        [CATCH_REDIRECT] = "HTTP/1.1 302 There\r\nLocation: http://169.254.169.254/latest/\r\n"
                           "Content-Length: 0\r\nConnection: close\r\n\r\n",
        [CATCH_HANG] = "",
        [CATCH_DRIP] = "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n",
        [CATCH_FLOOD] = "HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n",
        [CATCH_REFUSE] = "HTTP/1.1 500 No\r\nContent-Length: 9000000000\r\n\r\n",
        [CATCH_CLOSE] = "",
    };
    int manner = atomic_load(&c->manner);

    say_text(fd, heads[manner]);
    if (manner == CATCH_HANG)
        outwait(c, fd);
    else if (manner == CATCH_DRIP)
        pour(c, fd, 1, 50);
    else if (manner == CATCH_FLOOD || manner == CATCH_REFUSE)
        pour(c, fd, 16384, 0);
}

// False when the other end went before its request was whole.
static bool read_request(struct catcher *c, int fd, char *bytes, size_t *head, size_t *len)
{
    size_t want = REQUEST_MAX;

    *head = *len = 0;
    while (*len < want && *len < REQUEST_MAX - 1) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (atomic_load(&c->stop))
            return false;
        if (poll(&p, 1, LOOK_MS) == 0)
            continue;
        ssize_t n = recv(fd, bytes + *len, REQUEST_MAX - 1 - *len, 0);
        if (n <= 0)
            return false;
        *len += (size_t)n;
        bytes[*len] = '\0';
        const char *end = strstr(bytes, "\r\n\r\n");
        const char *length = strcasestr(bytes, "\r\nContent-Length:");
        if (end && !*head) {
            *head = (size_t)(end - bytes) + 4;
            want = *head + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
        }
    }
    return true;
}

static void keep(struct catcher *c, const char *bytes, size_t head, size_t len)
{
    pthread_mutex_lock(&c->lock);
    if (c->count < CATCHER_MAX)
        c->list[c->count++] = (struct caught){ .head = strndup(bytes, head),
                                               .body = strndup(bytes + head, len - head) };
    pthread_mutex_unlock(&c->lock);
}

static void *serve(void *arg)
{
    struct guest *g = arg;
    char *bytes = malloc(REQUEST_MAX);
    size_t head, len;

    if (bytes && read_request(g->of, g->fd, bytes, &head, &len)) {
        keep(g->of, bytes, head, len);
        if (atomic_load(&g->of->manner) != CATCH_CLOSE)
            answer(g->of, g->fd);
    }
    close(g->fd);
    free(bytes);
    free(g);
    atomic_fetch_sub(&guests, 1);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct catcher *c = arg;
    struct pollfd p = { .fd = c->listen_fd, .events = POLLIN };

    while (!atomic_load(&c->stop)) {
        if (poll(&p, 1, LOOK_MS) <= 0)
            continue;
        struct guest *g = calloc(1, sizeof *g);
        pthread_t thread;
        *g = (struct guest){ .of = c, .fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC) };
        pthread_mutex_lock(&c->lock);
        c->connections++;
        pthread_mutex_unlock(&c->lock);
        atomic_fetch_add(&guests, 1);
        assert_int_equal(pthread_create(&thread, NULL, serve, g), 0);
        pthread_detach(thread);
    }
    return NULL;
}

void catcher_start(struct catcher *c)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;

    memset(c, 0, sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    c->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(c->listen_fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(c->listen_fd, 128), 0);
    assert_int_equal(getsockname(c->listen_fd, (struct sockaddr *)&at, &size), 0);
    c->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&c->thread, NULL, accept_all, c), 0);
}

void catcher_stop(struct catcher *c)
{
    atomic_store(&c->stop, true);
    pthread_join(c->thread, NULL);
    while (atomic_load(&guests) > 0)
        usleep(1000);
    for (int i = 0; i < c->count; i++) {
        free(c->list[i].head);
        free(c->list[i].body);
    }
    close(c->listen_fd);
    pthread_mutex_destroy(&c->lock);
}

int catcher_count(struct catcher *c)
{
    pthread_mutex_lock(&c->lock);
    int n = c->count;
    pthread_mutex_unlock(&c->lock);
    return n;
}

int catcher_connections(struct catcher *c)
{
    pthread_mutex_lock(&c->lock);
    int n = c->connections;
    pthread_mutex_unlock(&c->lock);
    return n;
}

const struct caught *catcher_wait(struct catcher *c, int n)
{
    int64_t until = clock_mono_ms() + WAIT_MS;

    while (catcher_count(c) <= n) {
        if (clock_mono_ms() > until)
            return NULL;
        usleep(1000);
    }
    return &c->list[n];
}

const char *caught_header(const struct caught *r, const char *name)
{
    static _Thread_local char value[400];
    char line[80];

    snprintf(line, sizeof line, "\r\n%s:", name);
    const char *at = strcasestr(r->head, line);
    if (!at)
        return "";
    at += strlen(line);
    at += strspn(at, " ");
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r\n"), at);
    return value;
}
