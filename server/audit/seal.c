// SPDX-License-Identifier: Apache-2.0

#include "audit/seal.h"

#include <jansson.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "core/hex.h"
#include "protocol/jws.h"

#define CERT_MAX 4096

DEFINE_AUTO(X509 *, x509_freep, X509_free)
DEFINE_AUTO(X509_STORE *, x509_store_freep, X509_STORE_free)
DEFINE_AUTO(X509_STORE_CTX *, x509_ctx_freep, X509_STORE_CTX_free)
DEFINE_AUTO(BIO *, bio_freep, BIO_free_all)

static X509 *signer_of(const struct jws *j)
{
    json_auto_t *header = json_loadb(j->header, j->header_len, JSON_REJECT_DUPLICATES, NULL);
    const char *alg = json_string_value(json_object_get(header, "alg"));
    json_t *first = json_array_get(json_object_get(header, "x5c"), 0);
    const char *text = json_string_value(first);
    uint8_t der[CERT_MAX];
    const uint8_t *p = der;

    if (!alg || strcmp(alg, "ES256") != 0 || !text)
        return NULL;
    long len = base64_decode(text, strlen(text), der, sizeof der);
    return len > 0 ? d2i_X509(NULL, &p, len) : NULL;
}

static X509_STORE *trust_of(const char *root_pem)
{
    auto_with(bio_freep) BIO *in = BIO_new_mem_buf(root_pem, -1);
    auto_with(x509_freep) X509 *root = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
    auto_with(x509_store_freep) X509_STORE *trust = root ? X509_STORE_new() : NULL;

    if (!trust || X509_STORE_add_cert(trust, root) != 1)
        return NULL;
    return take(&trust);
}

// A seal is judged at the time it names: its certificate is long gone when an old one is read.
static enum rc check_signature(const struct jws *j, const char *root_pem, int64_t at_ms,
                               struct fault *f)
{
    auto_with(x509_freep) X509 *signer = signer_of(j);
    auto_with(x509_store_freep) X509_STORE *trust = trust_of(root_pem);
    auto_with(x509_ctx_freep) X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    if (!signer || !(X509_get_extension_flags(signer) & EXFLAG_XKUSAGE) ||
        !(X509_get_extended_key_usage(signer) & XKU_TIMESTAMP))
        return fail(f, RC_DENIED, "the seal has no certificate that may sign one");
    if (!trust || !ctx || X509_STORE_CTX_init(ctx, trust, signer, NULL) != 1)
        return fail(f, RC_INTERNAL, "the server's root cannot be used");
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)(at_ms / 1000));
    if (X509_verify_cert(ctx) != 1)
        return fail(f, RC_DENIED, "the seal's certificate is not trusted: %s",
                    X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    return jws_verify(j, X509_get0_pubkey(signer), f);
}

enum rc seal_read(const char *jws, const char *root_pem, int32_t chain, int64_t seq,
                  uint8_t hash[32], struct fault *f)
{
    auto_with(jws_done) struct jws j = { 0 };
    enum rc rc = jws_parse(jws, strlen(jws), &j, f);

    if (rc != RC_OK)
        return rc;
    json_auto_t *claims = json_loadb(j.payload, j.payload_len, JSON_REJECT_DUPLICATES, NULL);
    const char *text = json_string_value(json_object_get(claims, "hash"));
    if (!text || !hex_decode(text, hash, 32) ||
        json_integer_value(json_object_get(claims, "chain")) != chain ||
        json_integer_value(json_object_get(claims, "seq")) != seq)
        return fail(f, RC_DENIED, "the seal speaks of another entry");
    if (!root_pem)
        return RC_OK;
    return check_signature(&j, root_pem, json_integer_value(json_object_get(claims, "time")), f);
}
