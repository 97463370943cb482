// SPDX-License-Identifier: Apache-2.0
//
// What a server may send a device: the answer to the upgrade, then frames, cut anywhere.
// The first byte says how the rest arrives.

#include <stdlib.h>
#include <string.h>

#include "sdk/ws.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct ws_frame *m)
{
    uint8_t sum = 0;

    if (m->len > WS_PAYLOAD_MAX || (m->op >= WS_CLOSE && m->len > 125))
        abort();
    for (size_t i = 0; i < m->len; i++) // every byte must be ours to read
        sum ^= m->data[i];
    if (sum && m->op == WS_CONTINUATION)
        abort(); // a whole message has a kind of its own
}

static void read_frames(const uint8_t *data, size_t size, size_t step)
{
    struct ws_inbox inbox = { 0 };
    size_t have = 0, used = 0;

    while (have < size) {
        have = have + step < size ? have + step : size;
        // A copy of just what has come, so that reading beyond it is seen.
        uint8_t *in = malloc(have - used ? have - used : 1);
        struct ws_frame f, m;
        long n;
        int whole = 0;
        if (!in)
            break;
        memcpy(in, data + used, have - used);
        n = ws_parse(in, have - used, &f);
        if (n > 0 && (whole = ws_join(&inbox, &f, &m)) == 1)
            check(&m);
        free(in);
        if (n < 0 || whole < 0)
            break;
        used += (size_t)n;
        if (n > 0 && have > used)
            have = used + (have - used > step ? step : 0);
    }
    ws_inbox_done(&inbox);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault f = { 0 };

    if (size < 2)
        return 0;
    if (data[0] == 'H') {
        long n = ws_response((const char *)data, size, "orrery.device.v1", KEY, &f);
        if (n > (long)size || (n < 0 && !*f.text))
            abort();
        return 0;
    }
    read_frames(data + 1, size - 1, (size_t)data[0] + 1);
    return 0;
}
