// SPDX-License-Identifier: Apache-2.0
//
// signed_time: the server's time, believed because the keeper signed it.
//
//   JWS {"time":ms}, x5c --chain to the pinned server CA--> floor = max(floor, time)
//
// A device without a battery clock starts in the past, and one that was set back would accept
// old certificates. So its time is never less than the newest signed time it has seen, nor than
// the day its software was built.

#pragma once

#include <openssl/types.h>
#include <stdint.h>

#include "core/rc.h"

// Unix ms said by the token. Its certificate must be valid at that very moment: the device's own
// clock is what is being set. RC_DENIED if the signer is not the server's.
enum rc signed_time_read(const char *token, X509_STORE *server_ca, int64_t *out, struct fault *f);

struct time_floor {
    int64_t floor_ms; // Unix ms, as of mono_ms
    int64_t mono_ms;
};

void time_floor_init(struct time_floor *t, int64_t saved_ms); // 0: nothing saved
void time_floor_raise(struct time_floor *t, int64_t signed_ms);
// max(clock, build time, last signed time + what passed since).
int64_t time_floor_now_ms(const struct time_floor *t);
