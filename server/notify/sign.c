// SPDX-License-Identifier: Apache-2.0

#include "notify/sign.h"

#include <inttypes.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

#include "core/auto.h"
#include "core/hex.h"

DEFINE_AUTO(EVP_MAC *, mac_freep, EVP_MAC_free)
DEFINE_AUTO(EVP_MAC_CTX *, mac_ctx_freep, EVP_MAC_CTX_free)

enum rc sign_header(const char *key, int64_t at, const char *body, size_t len, char out[SIGN_SIZE],
                    struct fault *f)
{
    auto_with(mac_freep) EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    auto_with(mac_ctx_freep) EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    const OSSL_PARAM how[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
        OSSL_PARAM_construct_end(),
    };
    uint8_t digest[32];
    size_t size = 0;
    char time[24], text[65];
    int n = snprintf(time, sizeof time, "%" PRId64 ".", at);

    if (!ctx || !EVP_MAC_init(ctx, (const uint8_t *)key, strlen(key), how) ||
        !EVP_MAC_update(ctx, (const uint8_t *)time, (size_t)n) ||
        !EVP_MAC_update(ctx, (const uint8_t *)body, len) ||
        !EVP_MAC_final(ctx, digest, &size, sizeof digest))
        return fail(f, RC_INTERNAL, "could not sign the message");
    hex_encode(digest, sizeof digest, text);
    snprintf(out, SIGN_SIZE, "t=%" PRId64 ",v1=%s", at, text);
    return RC_OK;
}
