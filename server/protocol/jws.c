// SPDX-License-Identifier: Apache-2.0

#include "protocol/jws.h"

#include <openssl/ecdsa.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/hex.h"

#define HALF 32 // bytes of r and of s for P-256

DEFINE_AUTO(EVP_MD_CTX *, md_ctx_freep, EVP_MD_CTX_free)
DEFINE_AUTO(ECDSA_SIG *, ecdsa_sig_freep, ECDSA_SIG_free)

static void openssl_freep(unsigned char **p)
{
    OPENSSL_free(*p);
}

// DER, as OpenSSL signs, to r || s.
static bool raw_from_der(const unsigned char *der, size_t len, unsigned char raw[2 * HALF])
{
    auto_with(ecdsa_sig_freep) ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);

    return sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, HALF) == HALF &&
           BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + HALF, HALF) == HALF;
}

static int der_from_raw(const unsigned char raw[2 * HALF], unsigned char **out)
{
    auto_with(ecdsa_sig_freep) ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, HALF, NULL);
    BIGNUM *s = BN_bin2bn(raw + HALF, HALF, NULL);

    if (!sig || !r || !s || !ECDSA_SIG_set0(sig, r, s)) {
        BN_free(r);
        BN_free(s);
        return -1;
    }
    return i2d_ECDSA_SIG(sig, out);
}

static bool is_p256(EVP_PKEY *key)
{
    char group[32];
    size_t len;

    return key && EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, group, sizeof group, &len) && !strcmp(group, "prime256v1");
}

static bool sign_raw(EVP_PKEY *key, const char *text, size_t len, unsigned char raw[2 * HALF])
{
    auto_with(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char der[128];
    size_t der_len = sizeof der;

    return ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
           EVP_DigestSign(ctx, der, &der_len, (const unsigned char *)text, len) == 1 &&
           raw_from_der(der, der_len, raw);
}

enum rc jws_sign(EVP_PKEY *key, const char *header, const char *payload, size_t len, char **out,
                 struct fault *f)
{
    size_t header_len = strlen(header);
    auto_free char *text =
        malloc(BASE64_SIZE(header_len) + BASE64_SIZE(len) + BASE64_SIZE(2 * HALF) + 2);
    unsigned char raw[2 * HALF];
    size_t n;

    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    if (!is_p256(key))
        return fail(f, RC_INVALID, "ES256 needs a P-256 key");
    n = base64url_encode((const uint8_t *)header, header_len, text);
    text[n++] = '.';
    n += base64url_encode((const uint8_t *)payload, len, text + n);
    if (!sign_raw(key, text, n, raw))
        return fail(f, RC_INTERNAL, "signing failed");
    text[n++] = '.';
    base64url_encode(raw, sizeof raw, text + n);
    *out = take(&text);
    return RC_OK;
}

// Decodes one part into a new NUL-terminated buffer.
static char *decode(const char *text, size_t len, size_t *out_len)
{
    auto_free char *bytes = malloc(len + 1);
    long n = bytes ? base64url_decode(text, len, (uint8_t *)bytes, len) : -1;

    if (n < 0)
        return NULL;
    bytes[n] = '\0';
    *out_len = (size_t)n;
    return take(&bytes);
}

enum rc jws_parse(const char *text, size_t len, struct jws *out, struct fault *f)
{
    const char *end = text + len, *dot1, *dot2;
    auto_free char *header = NULL, *payload = NULL;
    struct jws j = { .signed_text = text };

    if (len > JWS_MAX)
        return fail(f, RC_LIMIT, "the signed text is longer than %d bytes", JWS_MAX);
    dot1 = memchr(text, '.', len);
    dot2 = dot1 ? memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1)) : NULL;
    if (!dot2)
        return fail(f, RC_INVALID, "not a compact JWS: it needs three parts");
    j.signed_len = (size_t)(dot2 - text);
    header = decode(text, (size_t)(dot1 - text), &j.header_len);
    payload = decode(dot1 + 1, (size_t)(dot2 - dot1 - 1), &j.payload_len);
    if (!header || !payload ||
        base64url_decode(dot2 + 1, (size_t)(end - dot2 - 1), j.signature, sizeof j.signature) !=
            (long)sizeof j.signature)
        return fail(f, RC_INVALID, "not a compact JWS: a part is not base64url of the right size");
    j.header = take(&header);
    j.payload = take(&payload);
    *out = j;
    return RC_OK;
}

enum rc jws_verify(const struct jws *j, EVP_PKEY *key, struct fault *f)
{
    auto_with(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    auto_with(openssl_freep) unsigned char *der = NULL;
    int der_len = is_p256(key) ? der_from_raw(j->signature, &der) : -1;

    if (!ctx || der_len < 0 || EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestVerify(ctx, der, (size_t)der_len, (const unsigned char *)j->signed_text,
                         j->signed_len) != 1)
        return fail(f, RC_DENIED, "the signature does not match the key");
    return RC_OK;
}

void jws_done(struct jws *j)
{
    free(j->header);
    free(j->payload);
    *j = (struct jws){ 0 };
}
