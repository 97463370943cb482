// SPDX-License-Identifier: Apache-2.0

#include "sdk/p256.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "core/hex.h"

// SEQUENCE { SEQUENCE { ecPublicKey, prime256v1 }, BIT STRING }, up to the point.
static const uint8_t spki_head[P256_SPKI_LEN - P256_POINT_LEN] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
};

DEFINE_AUTO(BIGNUM *, free_bn, BN_clear_free)
DEFINE_AUTO(EVP_PKEY_CTX *, free_ctx, EVP_PKEY_CTX_free)
DEFINE_AUTO(OSSL_PARAM_BLD *, free_bld, OSSL_PARAM_BLD_free)
DEFINE_AUTO(OSSL_PARAM *, free_params, OSSL_PARAM_free)
DEFINE_AUTO(X509_REQ *, free_req, X509_REQ_free)
DEFINE_AUTO(BIO *, free_bio, BIO_free_all)

void p256_key_free_(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

void p256_x509_free_(X509 **cert)
{
    X509_free(*cert);
}

bool p256_from_key(const EVP_PKEY *key, struct p256 *out)
{
    auto_with(free_bn) BIGNUM *secret = NULL;
    size_t len = 0;

    if (!EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &secret) ||
        BN_bn2binpad(secret, out->secret, sizeof out->secret) != (int)sizeof out->secret)
        return false;
    return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, out->point,
                                           sizeof out->point, &len) &&
           len == sizeof out->point;
}

enum rc p256_new(struct p256 *out, struct fault *f)
{
    auto_key EVP_PKEY *key = EVP_EC_gen("P-256");

    if (!key || !p256_from_key(key, out))
        return fail(f, RC_INTERNAL, "OpenSSL cannot make a P-256 key");
    return RC_OK;
}

static OSSL_PARAM *key_params(const struct p256 *k, const BIGNUM *secret)
{
    auto_with(free_bld) OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();

    if (!b || !OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) ||
        !OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, secret) ||
        !OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, k->point, sizeof k->point))
        return NULL;
    return OSSL_PARAM_BLD_to_param(b);
}

EVP_PKEY *p256_key(const struct p256 *k)
{
    auto_with(free_bn) BIGNUM *secret = BN_secure_new();
    auto_with(free_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;

    if (!secret || !ctx || !BN_bin2bn(k->secret, sizeof k->secret, secret))
        return NULL;
    auto_with(free_params) OSSL_PARAM *params = key_params(k, secret);
    if (!params || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
        return NULL;
    return key;
}

void p256_spki(const struct p256 *k, uint8_t out[P256_SPKI_LEN])
{
    memcpy(out, spki_head, sizeof spki_head);
    memcpy(out + sizeof spki_head, k->point, sizeof k->point);
}

void p256_id(const struct p256 *k, char out[P256_ID_LEN + 1])
{
    uint8_t spki[P256_SPKI_LEN], hash[EVP_MAX_MD_SIZE];

    p256_spki(k, spki);
    EVP_Digest(spki, sizeof spki, hash, NULL, EVP_sha256(), NULL);
    hex_encode(hash, P256_ID_LEN / 2, out);
}

char *p256_public_pem(const struct p256 *k)
{
    auto_with(free_bio) BIO *to = BIO_new(BIO_s_mem());
    uint8_t spki[P256_SPKI_LEN];
    char *text = NULL;

    p256_spki(k, spki);
    if (!to || !PEM_write_bio(to, "PUBLIC KEY", "", spki, sizeof spki))
        return NULL;
    long len = BIO_get_mem_data(to, &text);
    return strndup(text, (size_t)len);
}

static bool name_it(X509_NAME *n, const char *id)
{
    return X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)id, -1, -1, 0);
}

X509 *p256_self_signed(EVP_PKEY *key, const char *id)
{
    auto_x509 X509 *c = X509_new();

    if (!c || !X509_set_version(c, X509_VERSION_3) ||
        !ASN1_INTEGER_set(X509_get_serialNumber(c), 1) ||
        !ASN1_TIME_set_string_X509(X509_getm_notBefore(c), "20200101000000Z") ||
        !ASN1_TIME_set_string_X509(X509_getm_notAfter(c), "99991231235959Z") ||
        !name_it(X509_get_subject_name(c), id) ||
        !X509_set_issuer_name(c, X509_get_subject_name(c)) || !X509_set_pubkey(c, key) ||
        !X509_sign(c, key, EVP_sha256()))
        return NULL;
    return take(&c);
}

size_t p256_csr(EVP_PKEY *key, const char *id, uint8_t **out)
{
    auto_with(free_req) X509_REQ *q = X509_REQ_new();

    *out = NULL;
    if (!q || !X509_REQ_set_version(q, X509_REQ_VERSION_1) ||
        !name_it(X509_REQ_get_subject_name(q), id) || !X509_REQ_set_pubkey(q, key) ||
        !X509_REQ_sign(q, key, EVP_sha256()))
        return 0;
    int len = i2d_X509_REQ(q, out);
    return len > 0 ? (size_t)len : 0;
}
