// SPDX-License-Identifier: Apache-2.0

#include "access/changed.h"

#include <stdlib.h>

#include "access/access.h"

struct changed {
    int64_t account;
};

static void tell(const struct services *s, void *arg)
{
    const struct changed *c = arg;

    access_changed(s->access, c->account);
}

enum rc changed_after_commit(struct req *q, int64_t account, struct fault *f)
{
    struct changed *c = malloc(sizeof *c);

    if (!c)
        return fail(f, RC_INTERNAL, "out of memory");
    c->account = account;
    return req_after_commit(q, tell, c, f);
}
