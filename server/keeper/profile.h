// SPDX-License-Identifier: Apache-2.0
//
// profile: what each kind of certificate says, as one table, and the making of one.

#pragma once

#include <openssl/x509.h>
#include <stdint.h>

#include "core/rc.h"

enum profile_kind {
    PROFILE_SERVER_ROOT,
    PROFILE_DEVICE_ROOT,
    PROFILE_CATALOG,
    PROFILE_QUARANTINE_CA,
    PROFILE_SERVER,
    PROFILE_SIGNING,
    PROFILE_OPERATIONAL,
    PROFILE_QUARANTINE,
};

struct subject {
    const char *common_name;
    const char *organization; // NULL: none
    const char *uri;          // SAN, or NULL
    const char *const *names; // SAN DNS names and IP addresses
    size_t name_count;
    const char *constraint; // the only URI host this CA may vouch for, or NULL
    int64_t now;            // Unix s
    int64_t lifetime_s;     // 0: the profile's; never longer
};

// Signs key with the issuer's key; issuer NULL: self-signed with issuer_key. The certificate ends
// with its issuer's at the latest. *out is owned by the caller.
enum rc profile_make(enum profile_kind kind, const struct subject *s, EVP_PKEY *key, X509 *issuer,
                     EVP_PKEY *issuer_key, X509 **out, struct fault *f);
