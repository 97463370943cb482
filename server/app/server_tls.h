// SPDX-License-Identifier: Apache-2.0
//
// server_tls: the server's own key and certificate, for browsers and devices alike.
//
//   dir/pki/server.key (made here, 0600)   server.pem (90 days, from the keeper)   server-ca.pem
//
// Made at first start, made again when fewer than 30 days are left or the names in the
// configuration changed. An own (public) certificate for the edge replaces it there only.

#pragma once

#include <stdbool.h>

#include "core/rc.h"

struct config;
struct keeper;

// All PEM, owned by the struct.
struct server_tls {
    char *key, *cert;
    char *chain; // cert, then server_ca: a new device finds there what it pins by its hash
    char *server_ca;
    char *device_root;
};

// Loads or makes; *renewed (may be NULL) tells whether the certificate is a new one.
enum rc server_tls_load(const struct config *c, struct keeper *k, struct server_tls *out,
                        bool *renewed, struct fault *f);
void server_tls_done(struct server_tls *t);
