// SPDX-License-Identifier: Apache-2.0
//
// seal: the keeper's signature under the head of an audit chain.
//
//   JWS {"chain","seq","hash","time"}, x5c = a signing certificate under the server root
//
// Who took over the server can write rows, but not make a seal: its key is in the keeper, and
// the key of the public port, which has the same root, may not sign time and audit.

#pragma once

#include <stdint.h>

#include "core/rc.h"

// Hash of the sealed entry. RC_DENIED unless the seal speaks of (chain, seq) and, where root_pem
// is given, was signed below that root for the time it names.
enum rc seal_read(const char *jws, const char *root_pem, int32_t chain, int64_t seq,
                  uint8_t hash[32], struct fault *f);
