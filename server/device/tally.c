// SPDX-License-Identifier: Apache-2.0

#include "device/tally.h"

#include "core/json_out.h"
#include "store/store.h"

void tally_read(const struct rows *r, int row, int64_t out[STATE_COUNT])
{
    static const char *const columns[STATE_COUNT] = { "n0", "n1", "n2", "n3", "n4", "n5" };

    for (int s = 0; s < STATE_COUNT; s++)
        out[s] = rows_int(r, row, columns[s]);
}

json_t *tally_counts(const int64_t n[STATE_COUNT])
{
    json_t *counts = json_object();

    for (int s = 0; s < STATE_COUNT; s++)
        add_int(counts, device_state_name((enum device_state)s), n[s]);
    return counts;
}

void tally_add(json_t *o, const int64_t n[STATE_COUNT])
{
    int64_t devices = 0;

    for (int s = 0; s < STATE_COUNT; s++)
        devices += n[s];
    add_int(o, "devices", devices);
    add_json(o, "counts", tally_counts(n));
}
