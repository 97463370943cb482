// SPDX-License-Identifier: Apache-2.0

#include "notify/locket.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/hex.h"
#include "keeper/keeper.h"

#define NONCE 12
#define TAG   16

DEFINE_AUTO(EVP_CIPHER_CTX *, cipher_freep, EVP_CIPHER_CTX_free)

// Starts a cipher of that key, with the catalog as what it is bound to.
static bool begin(EVP_CIPHER_CTX *c, struct keeper *k, int32_t catalog, const uint8_t *nonce,
                  int seal, struct fault *f)
{
    uint8_t key[KEEPER_SECRET_LEN];
    int len;
    bool ok = keeper_secret(k, "notify", key, f) == RC_OK &&
              EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce, seal) &&
              EVP_CipherUpdate(c, NULL, &len, (const uint8_t *)&catalog, sizeof catalog);

    OPENSSL_cleanse(key, sizeof key);
    return ok;
}

enum rc locket_seal(struct keeper *k, int32_t catalog, const char *text, char out[LOCKET_SIZE],
                    struct fault *f)
{
    auto_with(cipher_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t bytes[NONCE + LOCKET_TEXT_MAX + TAG];
    size_t len = strlen(text);
    int n = 0, rest = 0;

    if (len > LOCKET_TEXT_MAX)
        return fail(f, RC_INVALID, "a secret has at most %d bytes", LOCKET_TEXT_MAX);
    fail(f, RC_UNAVAILABLE, "the secret could not be sealed");
    if (!c || RAND_bytes(bytes, NONCE) != 1 || !begin(c, k, catalog, bytes, 1, f) ||
        !EVP_CipherUpdate(c, bytes + NONCE, &n, (const uint8_t *)text, (int)len) ||
        !EVP_CipherFinal_ex(c, bytes + NONCE + n, &rest) ||
        !EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, bytes + NONCE + n))
        return RC_UNAVAILABLE;
    base64url_encode(bytes, NONCE + (size_t)n + TAG, out);
    return RC_OK;
}

enum rc locket_open(struct keeper *k, int32_t catalog, const char *sealed, char **out,
                    struct fault *f)
{
    auto_with(cipher_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t bytes[NONCE + LOCKET_TEXT_MAX + TAG], text[LOCKET_TEXT_MAX + 1];
    long size = base64url_decode(sealed, strlen(sealed), bytes, sizeof bytes);
    int n = 0, rest = 0;

    if (!c || size < NONCE + TAG)
        return fail(f, RC_INVALID, "the secret cannot be read: set it again");
    fail(f, RC_UNAVAILABLE, "the keeper did not answer");
    if (!begin(c, k, catalog, bytes, 0, f))
        return RC_UNAVAILABLE;
    if (!EVP_CipherUpdate(c, text, &n, bytes + NONCE, (int)size - NONCE - TAG) ||
        !EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, bytes + size - TAG) ||
        !EVP_CipherFinal_ex(c, text + n, &rest)) {
        OPENSSL_cleanse(text, sizeof text);
        return fail(f, RC_INVALID, "the secret was sealed by another keeper: set it again");
    }
    *out = strndup((const char *)text, (size_t)n);
    OPENSSL_cleanse(text, sizeof text);
    return *out ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}
