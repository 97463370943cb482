// SPDX-License-Identifier: Apache-2.0

#include "gateway/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "protocol/protocol.h"

#define CHAIN_MAX 8192 // bytes of client certificates
#define STEPS     20   // of the self-test's handshake

static const unsigned char session_context[] = PROTOCOL_NAME;

DEFINE_AUTO(X509 *, x509_freep, X509_free)
DEFINE_AUTO(EVP_PKEY *, pkey_freep, EVP_PKEY_free)
DEFINE_AUTO(BIO *, bio_freep, BIO_free_all)
DEFINE_AUTO(SSL *, ssl_freep, SSL_free)
DEFINE_AUTO(SSL_CTX *, ssl_ctx_freep, SSL_CTX_free)

// One who is told to come back later must not learn that as "unknown".
static enum rc admit_stranger(struct tls *t, X509_STORE_CTX *ctx, int *error, struct fault *f)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());

    if (!t->knock || t->knock(t->ctx, ssl ? SSL_get_fd(ssl) : -1))
        return RC_OK;
    *error = X509_V_ERR_APPLICATION_VERIFICATION;
    return fail(f, RC_LIMIT, "too many strangers knock");
}

static void tell(struct tls *t, SSL *ssl, int error, const struct identity *who, const char *why)
{
    const struct refused r = {
        .why = why, .error = error, .fd = ssl ? SSL_get_fd(ssl) : -1, .who = who
    };

    if (t->tell)
        t->tell(t->ctx, &r);
}

// Instead of OpenSSL's own verification, so that nothing is accepted that is not accepted here.
static int verify(X509_STORE_CTX *ctx, void *arg)
{
    struct tls *t = arg;
    int error = X509_V_ERR_APPLICATION_VERIFICATION;
    struct identity who = { 0 };
    struct fault f = { 0 };
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
    enum rc rc = leaf ? identity_verify(&t->trust, leaf, X509_STORE_CTX_get0_untrusted(ctx),
                                        clock_now_ms() / 1000, &who, &error, &f)
                      : RC_DENIED;

    if (rc == RC_OK && who.kind == IDENTITY_STRANGER)
        rc = admit_stranger(t, ctx, &error, &f);
    X509_STORE_CTX_set_error(ctx, rc == RC_OK ? X509_V_OK : error);
    if (rc == RC_OK) {
        t->accepted++;
        return 1;
    }
    t->refused++;
    tell(t, X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx()), error, &who,
         f.text);
    return 0;
}

enum rc tls_init(struct tls *t, struct fault *f)
{
    t->resume = resume_new();
    return t->resume ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

void tls_end(struct tls *t)
{
    resume_free(t->resume);
    t->resume = NULL;
}

enum rc tls_setup(SSL_CTX *ctx, struct tls *t, struct fault *f)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify, t);
    SSL_CTX_set_max_cert_list(ctx, CHAIN_MAX);
    resume_serve(t->resume, ctx);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
        SSL_CTX_set_session_id_context(ctx, session_context, sizeof session_context - 1) != 1)
        return fail(f, RC_INTERNAL, "TLS cannot be set up for the device port");
    return RC_OK;
}

enum rc tls_certify(SSL_CTX *ctx, const char *chain_pem, const char *key_pem, struct fault *f)
{
    auto_with(bio_freep) BIO *chain = BIO_new_mem_buf(chain_pem, -1);
    auto_with(bio_freep) BIO *key_bio = BIO_new_mem_buf(key_pem, -1);
    auto_with(x509_freep) X509 *leaf = chain ? PEM_read_bio_X509(chain, NULL, NULL, NULL) : NULL;
    auto_with(pkey_freep) EVP_PKEY *key =
        key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL) : NULL;
    X509 *more;

    if (!leaf || !key || X509_check_private_key(leaf, key) != 1)
        return fail(f, RC_INVALID, "the server's certificate and key do not belong together");
    if (SSL_CTX_use_cert_and_key(ctx, leaf, key, NULL, 1) != 1)
        return fail(f, RC_INVALID, "the server's certificate cannot be used");
    while ((more = PEM_read_bio_X509(chain, NULL, NULL, NULL)))
        if (SSL_CTX_add0_chain_cert(ctx, more) != 1)
            X509_free(more);
    ERR_clear_error(); // the end of the chain is one
    return RC_OK;
}

// ---------------------------------------------------------------- self-test

static X509 *foreign_certificate(EVP_PKEY *key)
{
    auto_with(x509_freep) X509 *cert = X509_new();
    X509_NAME *name = cert ? X509_get_subject_name(cert) : NULL;

    if (!name || !X509_set_version(cert, X509_VERSION_3) ||
        !ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) ||
        !X509_gmtime_adj(X509_getm_notBefore(cert), -60) ||
        !X509_gmtime_adj(X509_getm_notAfter(cert), 3600) || !X509_set_pubkey(cert, key) ||
        !X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC,
                                    (const unsigned char *)"stranger", -1, -1, 0) ||
        !X509_set_issuer_name(cert, name) || !X509_sign(cert, key, EVP_sha256()))
        return NULL;
    return take(&cert);
}

// Runs a handshake in memory; true when the server's side completes it.
static bool handshake(SSL_CTX *server_ctx, SSL_CTX *client_ctx)
{
    auto_with(ssl_freep) SSL *server = SSL_new(server_ctx);
    auto_with(ssl_freep) SSL *client = SSL_new(client_ctx);
    BIO *a = NULL, *b = NULL;
    int done = 0;

    if (!server || !client || BIO_new_bio_pair(&a, 0, &b, 0) != 1)
        return true; // the test cannot tell, so it does not pass
    SSL_set_bio(server, a, a);
    SSL_set_bio(client, b, b);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int i = 0; i < STEPS && done != 1; i++) {
        SSL_do_handshake(client);
        done = SSL_do_handshake(server);
    }
    ERR_clear_error();
    return done == 1;
}

enum rc tls_selftest(SSL_CTX *ctx, struct tls *t, struct fault *f)
{
    auto_with(ssl_ctx_freep) SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    auto_with(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    auto_with(x509_freep) X509 *cert = key ? foreign_certificate(key) : NULL;
    uint64_t before = t->refused;

    if (!client || !cert)
        return fail(f, RC_INTERNAL, "out of memory");
    if (handshake(ctx, client))
        return fail(f, RC_INTERNAL, "self-test: a client without a certificate was let in");
    if (SSL_CTX_use_certificate(client, cert) != 1 || SSL_CTX_use_PrivateKey(client, key) != 1)
        return fail(f, RC_INTERNAL, "self-test: the foreign certificate cannot be used");
    if (handshake(ctx, client))
        return fail(f, RC_INTERNAL, "self-test: a foreign certificate was let in");
    if (t->refused != before + 1)
        return fail(f, RC_INTERNAL, "self-test: the verify hook was not asked");
    return RC_OK;
}

// ---------------------------------------------------------------- established connections

enum rc tls_identity(SSL *ssl, struct tls *t, struct identity *out, struct fault *f)
{
    X509 *leaf = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
    int error = X509_V_ERR_APPLICATION_VERIFICATION;
    enum rc rc = leaf && SSL_get_verify_result(ssl) == X509_V_OK
                     ? identity_check(&t->trust, leaf, clock_now_ms() / 1000, out, &error, f)
                     : fail(f, RC_DENIED, "no verified client certificate");

    if (rc != RC_OK)
        tell(t, ssl, error, out, f ? f->text : "");
    return rc;
}

// The leaf is all that a resumption asks for.
void tls_keep(SSL *ssl, struct tls *t, bool resumable)
{
    STACK_OF(X509) *chain = ssl ? SSL_get_peer_cert_chain(ssl) : NULL;

    while (chain && sk_X509_num(chain) > 0)
        X509_free(sk_X509_pop(chain));
    if (ssl && resumable)
        resume_keep(t->resume, ssl);
}

bool tls_exporter(SSL *ssl, uint8_t out[32])
{
    // Without the extended master secret, 1.2 does not bind the exporter to this handshake
    // (RFC 9266 3).
    if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
        return false;
    return SSL_export_keying_material(ssl, out, EXPORTER_LEN, EXPORTER_LABEL,
                                      strlen(EXPORTER_LABEL), NULL, 0, 0) == 1;
}
