// SPDX-License-Identifier: Apache-2.0
//
// tls: how the device port speaks TLS: mutual, 1.2 or later, resumed within an hour at most.
//
//   SSL_CTX of a loop --tls_setup--> verify hook --> identity_verify
//
// The whole chain verification is ours: a callback that is
// missing or overwritten refuses everybody instead of letting anybody in.

#pragma once

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "gateway/identity.h"
#include "gateway/resume.h"

// A handshake, or a connection after it, that was refused.
struct refused {
    const char *why;
    int error; // X509_V_ERR_…
    int fd;
    const struct identity *who; // it claims to be; nothing is proven
};

struct tls {
    struct trust trust;
    struct resume *resume;
    _Atomic uint64_t accepted, refused;
    void (*tell)(void *ctx, const struct refused *r); // may be NULL
    bool (*knock)(void *ctx, int fd);                 // may a stranger come in there now? NULL: yes
    void *ctx;
};

enum rc tls_init(struct tls *t, struct fault *f);
void tls_end(struct tls *t); // once no SSL_CTX of it exists
enum rc tls_setup(SSL_CTX *ctx, struct tls *t, struct fault *f);
// Certificate chain and key, PEM. Connections that exist keep theirs.
enum rc tls_certify(SSL_CTX *ctx, const char *chain_pem, const char *key_pem, struct fault *f);
// Proves in memory that ctx refuses a client without a certificate and one with a foreign one.
enum rc tls_selftest(SSL_CTX *ctx, struct tls *t, struct fault *f);
// The client's identity now, on an established connection, resumed or not.
enum rc tls_identity(SSL *ssl, struct tls *t, struct identity *out, struct fault *f);
// After admission: the session may be resumed, unless it is a stranger's. Frees the CA certificates
// that the client sent: they have done their work, and are some kilobytes a connection.
void tls_keep(SSL *ssl, struct tls *t, bool resumable);
bool tls_exporter(SSL *ssl, uint8_t out[32]);
