// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "core/auto.h"
#include "edge/client.h"

#define TICKET_KEYS_SIZE 80 // OpenSSL's name, HMAC and AES keys

DEFINE_AUTO(SSL_CTX *, ctx_freep, SSL_CTX_free)
DEFINE_AUTO(BIO *, bio_freep, BIO_free_all)
DEFINE_AUTO(X509 *, x509_freep, X509_free)
DEFINE_AUTO(EVP_PKEY *, key_freep, EVP_PKEY_free)

static enum rc tls_fail(struct fault *f, const char *what)
{
    char reason[120];

    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    ERR_clear_error();
    return fail(f, RC_INVALID, "%s: %s", what, reason);
}

static BIO *open_pem(const char *file, const char *text)
{
    if (file && *file)
        return BIO_new_file(file, "r");
    return text ? BIO_new_mem_buf(text, -1) : NULL;
}

static enum rc use_chain(SSL_CTX *ctx, const struct edge_tls *t, struct fault *f)
{
    auto_with(bio_freep) BIO *pem = open_pem(t->cert_file, t->cert_pem);
    auto_with(x509_freep) X509 *leaf = pem ? PEM_read_bio_X509_AUX(pem, NULL, NULL, NULL) : NULL;

    if (!leaf || SSL_CTX_use_certificate(ctx, leaf) != 1)
        return tls_fail(f, "the server certificate cannot be used");
    for (X509 *ca; (ca = PEM_read_bio_X509(pem, NULL, NULL, NULL));)
        if (SSL_CTX_add0_chain_cert(ctx, ca) != 1) {
            X509_free(ca);
            return tls_fail(f, "the server certificate's chain cannot be used");
        }
    ERR_clear_error();
    return RC_OK;
}

static enum rc use_key(SSL_CTX *ctx, const struct edge_tls *t, struct fault *f)
{
    auto_with(bio_freep) BIO *pem = open_pem(t->key_file, t->key_pem);
    auto_with(key_freep) EVP_PKEY *key =
        pem ? PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL) : NULL;

    if (!key || SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        return tls_fail(f, "the server key cannot be used with its certificate");
    return RC_OK;
}

// Only these CAs are named in the request, so a browser without such a certificate
// asks its user nothing.
static enum rc ask_clients(SSL_CTX *ctx, const char *pem_text, struct fault *f)
{
    auto_with(bio_freep) BIO *pem = BIO_new_mem_buf(pem_text, -1);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    int n = 0;

    for (X509 *ca; pem && (ca = PEM_read_bio_X509(pem, NULL, NULL, NULL)); n++) {
        bool good = X509_STORE_add_cert(store, ca) == 1 && SSL_CTX_add_client_CA(ctx, ca) == 1;

        X509_free(ca);
        if (!good)
            return tls_fail(f, "a device CA cannot be used");
    }
    ERR_clear_error();
    if (n == 0)
        return fail(f, RC_INVALID, "the device CAs hold no certificate");
    // A leaf may chain to the catalog CA without the offline root being here.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_verify_depth(ctx, 4);
    return RC_OK;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *found;

    (void)ssl, (void)arg;
    if (SSL_select_next_proto(&found, out_len, ours, sizeof ours - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = found;
    return SSL_TLSEXT_ERR_OK;
}

// The old context's ticket keys go on, so that a reload costs nobody a full handshake.
static bool share_tickets(SSL_CTX *ctx, SSL_CTX *old)
{
    unsigned char keys[TICKET_KEYS_SIZE];
    bool good;

    if (!old)
        return true;
    good = SSL_CTX_get_tlsext_ticket_keys(old, keys, sizeof keys) == 1 &&
           SSL_CTX_set_tlsext_ticket_keys(ctx, keys, sizeof keys) == 1;
    OPENSSL_cleanse(keys, sizeof keys);
    return good;
}

static bool set_rules(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1); // one read a record; conn_has_more() knows what is left
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, 3600);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1 &&
           SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"orrery-edge", 11) == 1;
}

enum rc tls_new(const struct edge_tls *t, SSL_CTX *old, SSL_CTX **out, struct fault *f)
{
    auto_with(ctx_freep) SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    enum rc rc = RC_OK;

    if (!ctx || !set_rules(ctx) || !share_tickets(ctx, old))
        return tls_fail(f, "TLS cannot be set up");
    rc = use_chain(ctx, t, f);
    if (rc == RC_OK)
        rc = use_key(ctx, t, f);
    if (rc == RC_OK && t->client_ca_pem)
        rc = ask_clients(ctx, t->client_ca_pem, f);
    if (rc == RC_OK)
        *out = take(&ctx);
    return rc;
}

static bool copy_text(const char *from, const char **to)
{
    if (from && !(*to = strdup(from)))
        return false;
    return true;
}

enum rc tls_copy(const struct edge_tls *from, struct edge_tls *to, struct fault *f)
{
    struct edge_tls t = { 0 };

    if (!copy_text(from->cert_file, &t.cert_file) || !copy_text(from->key_file, &t.key_file) ||
        !copy_text(from->cert_pem, &t.cert_pem) || !copy_text(from->key_pem, &t.key_pem) ||
        !copy_text(from->client_ca_pem, &t.client_ca_pem)) {
        tls_done(&t);
        return fail(f, RC_INTERNAL, "out of memory");
    }
    *to = t;
    return RC_OK;
}

static void wipe(const char **text)
{
    char *s = (char *)(uintptr_t)*text;

    if (s)
        OPENSSL_cleanse(s, strlen(s));
    free(s);
    *text = NULL;
}

void tls_done(struct edge_tls *t)
{
    wipe(&t->cert_file);
    wipe(&t->key_file);
    wipe(&t->cert_pem);
    wipe(&t->key_pem);
    wipe(&t->client_ca_pem);
}
