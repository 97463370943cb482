// SPDX-License-Identifier: Apache-2.0
//
// networks: where a catalog's devices may come from, "192.0.2.0/24" and the like.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETWORKS_MAX 64
#define NETWORK_TEXT 49 // with a NUL: an IPv6 address, "/128"

struct network {
    uint8_t address[16];
    uint8_t bytes; // of it: 4 or 16
    uint8_t bits;
};

// False where text is no network. An address alone is a network of its own.
bool network_read(const char *text, struct network *out);
// False also where address is none.
bool network_holds(const struct network *list, size_t count, const char *address);
