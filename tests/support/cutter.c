// SPDX-License-Identifier: Apache-2.0

#include "support/cutter.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/folder.h"

#define PAIRS_MAX   32
#define CHUNK       65536
#define SOCKET_NAME ".s.PGSQL.5432"

struct pair {
    int client, server;
    bool first, chosen;
};

struct cutter {
    char folder[40], real[100], application[40];
    int listener;
    pthread_t thread;
    atomic_bool stopping, apart;
    atomic_int cut, count;
    struct pair pairs[PAIRS_MAX];
    int pair_count;
};

static struct sockaddr_un address(const char *folder)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    snprintf(a.sun_path, sizeof a.sun_path, "%.80s/" SOCKET_NAME, folder);
    return a;
}

static void drop(struct cutter *c, int i)
{
    close(c->pairs[i].client);
    close(c->pairs[i].server);
    c->pairs[i] = c->pairs[--c->pair_count];
}

static bool write_all(int fd, const char *at, size_t len)
{
    while (len) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static void welcome(struct cutter *c)
{
    struct sockaddr_un real = address(c->real);
    int client = accept(c->listener, NULL, NULL), server = socket(AF_UNIX, SOCK_STREAM, 0);

    if (client < 0 || c->pair_count == PAIRS_MAX || atomic_load(&c->cut) == CUT_ALL ||
        connect(server, (struct sockaddr *)&real, sizeof real) != 0) {
        close(client);
        close(server);
        return;
    }
    c->pairs[c->pair_count++] = (struct pair){ client, server, true, false };
}

// CopyDone from the client, or CommandComplete of a COMMIT from the server.
static bool is_moment(struct cutter *c, struct pair *p, bool up, const char *data, size_t len)
{
    static const char copy_done[] = { 'c', 0, 0, 0, 4 }, committed[] = "COMMIT";

    if (up && p->first) {
        p->first = false;
        p->chosen = memmem(data, len, c->application, strlen(c->application)) != NULL;
    }
    if (!p->chosen)
        return false;
    if (atomic_load(&c->cut) == CUT_BEFORE_COMMIT)
        return up && memmem(data, len, copy_done, sizeof copy_done) != NULL;
    return atomic_load(&c->cut) == CUT_AFTER_COMMIT && !up &&
           memmem(data, len, committed, sizeof committed) != NULL;
}

// False: the pair is gone.
static bool pass(struct cutter *c, int i, bool up)
{
    static char data[CHUNK];
    struct pair *p = &c->pairs[i];
    ssize_t n = recv(up ? p->client : p->server, data, sizeof data, 0);
    bool moment = n > 0 && is_moment(c, p, up, data, (size_t)n);

    if (n > 0 && !moment && write_all(up ? p->server : p->client, data, (size_t)n))
        return true;
    if (moment) {
        atomic_store(&c->cut, CUT_NOTHING);
        atomic_fetch_add(&c->count, 1);
    }
    drop(c, i);
    return false;
}

static void turn(struct cutter *c)
{
    struct pollfd fds[2 * PAIRS_MAX + 1] = { { .fd = c->listener, .events = POLLIN } };
    int count = c->pair_count;

    for (int i = 0; i < count; i++) {
        fds[2 * i + 1] = (struct pollfd){ .fd = c->pairs[i].client, .events = POLLIN };
        fds[2 * i + 2] = (struct pollfd){ .fd = c->pairs[i].server, .events = POLLIN };
    }
    if (poll(fds, (nfds_t)(2 * count + 1), 20) <= 0)
        return;
    for (int i = count - 1; i >= 0; i--) { // drop() moves a later one, already served
        if (fds[2 * i + 1].revents && !pass(c, i, true))
            continue;
        if (fds[2 * i + 2].revents)
            pass(c, i, false);
    }
    if (fds[0].revents)
        welcome(c);
}

static void *run(void *cutter)
{
    struct cutter *c = cutter;

    while (!atomic_load(&c->stopping)) {
        if (atomic_load(&c->cut) == CUT_ALL) {
            while (c->pair_count)
                drop(c, 0);
            atomic_store(&c->apart, true);
        }
        turn(c);
    }
    while (c->pair_count)
        drop(c, 0);
    return NULL;
}

struct cutter *cutter_start(const char *folder, const char *application)
{
    struct cutter *c = calloc(1, sizeof *c);
    struct sockaddr_un own;

    if (!c)
        abort();
    folder_make(c->folder, sizeof c->folder, "cut");
    snprintf(c->real, sizeof c->real, "%s", folder);
    snprintf(c->application, sizeof c->application, "%s", application);
    own = address(c->folder);
    c->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(c->listener, (struct sockaddr *)&own, sizeof own) || listen(c->listener, 16) ||
        pthread_create(&c->thread, NULL, run, c))
        abort();
    return c;
}

void cutter_stop(struct cutter *c)
{
    atomic_store(&c->stopping, true);
    pthread_join(c->thread, NULL);
    close(c->listener);
    folder_remove(c->folder);
    free(c);
}

const char *cutter_folder(const struct cutter *c)
{
    return c->folder;
}

void cutter_set(struct cutter *c, enum cut cut)
{
    atomic_store(&c->apart, false);
    atomic_store(&c->cut, cut);
}

bool cutter_is_apart(const struct cutter *c)
{
    return atomic_load(&c->apart);
}

int cutter_count(const struct cutter *c)
{
    return atomic_load(&c->count);
}
