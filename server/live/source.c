// SPDX-License-Identifier: Apache-2.0

#include "live/source.h"

#include "core/auto.h"
#include "store/arg.h"
#include "store/store.h"

enum rc source_of_devices(const struct source *s, const struct query *q, const int64_t *devices,
                          size_t count, struct rows **out, struct fault *f)
{
    auto_free char *list = arg_list(devices, count);

    if (!list)
        return fail(f, RC_INTERNAL, "out of memory");
    return store_run(s->store, q, (const char *[]){ ARG_INT(s->catalog), list }, out, f);
}
