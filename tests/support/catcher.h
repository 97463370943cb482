// SPDX-License-Identifier: Apache-2.0
//
// catcher: an HTTP server of somebody else's, as good or as bad as a test wants it.
//
//   catcher_start() --> a thread on 127.0.0.1:port; catcher_wait() --> a request that came
//
// The manner is read for each request, so a test can let a server recover.

#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum manner {
    CATCH_OK,       // 204
    CATCH_ERROR,    // 500
    CATCH_REDIRECT, // 302 to 169.254.169.254
    CATCH_HANG,     // says nothing until the other end goes
    CATCH_DRIP,     // 200, then a byte now and then, without end
    CATCH_FLOOD,    // 200, then zeros without end
    CATCH_REFUSE,   // 500, then zeros without end
    CATCH_CLOSE,    // closes without an answer
};

#define CATCHER_MAX 2000

struct caught {
    char *head, *body; // owned by the catcher; head from the request line to the empty line
};

struct catcher {
    int listen_fd, port;
    pthread_t thread;
    atomic_int manner;
    atomic_bool stop;
    pthread_mutex_t lock;
    struct caught list[CATCHER_MAX];
    int count, connections; // under the lock
};

void catcher_start(struct catcher *c);
void catcher_stop(struct catcher *c);

// How many whole requests came.
int catcher_count(struct catcher *c);
int catcher_connections(struct catcher *c);
// The n-th request, as soon as it is there; NULL after 30 s.
const struct caught *catcher_wait(struct catcher *c, int n);
// Value of a header of it, "" if there is none; until the next call of this thread.
const char *caught_header(const struct caught *r, const char *name);
