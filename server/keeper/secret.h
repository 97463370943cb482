// SPDX-License-Identifier: Apache-2.0
//
// secret: keys for what the server itself must keep from whoever reads its database.
//
//   secrets.key, as all keys under the passphrase --HMAC of a label--> one key a purpose
//
// The root never leaves the keeper; with the key files it is part of each backup.

#pragma once

#include <stdint.h>

#include "keeper/keeper.h"
#include "keeper/vault.h"

struct secret_root {
    uint8_t bytes[32];
    bool loaded;
};

// Makes the root at first use. RC_INVALID unless label is 1 to 20 lowercase letters.
enum rc secret_derive(struct vault *v, struct secret_root *root, const char *label,
                      uint8_t out[KEEPER_SECRET_LEN], struct fault *f);
