// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>

#include "http/http.h"

struct after {
    struct after *next;
    after_commit *run;
    void *arg;
};

enum rc req_after_commit(struct req *q, after_commit *run, void *owned, struct fault *f)
{
    struct after *a = calloc(1, sizeof *a);
    struct after **end = &q->after;

    if (!a) {
        free(owned);
        return fail(f, RC_INTERNAL, "out of memory");
    }
    *a = (struct after){ .run = run, .arg = owned };
    while (*end)
        end = &(*end)->next;
    *end = a;
    return RC_OK;
}

void req_after_done(struct req *q, bool committed)
{
    while (q->after) {
        struct after *a = q->after;

        q->after = a->next;
        if (committed)
            a->run(q->services, a->arg);
        free(a->arg);
        free(a);
    }
}
