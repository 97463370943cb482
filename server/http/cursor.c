// SPDX-License-Identifier: Apache-2.0

#include "http/cursor.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "core/hex.h"

#define MAC_LEN   16
#define SCOPE_MAX 1024

static bool mac(const uint8_t key[CURSOR_KEY_LEN], const char *scope, const char *text, size_t len,
                uint8_t out[EVP_MAX_MD_SIZE])
{
    uint8_t input[SCOPE_MAX + 1 + CURSOR_TEXT_MAX];
    size_t scope_len = strlen(scope);

    if (scope_len > SCOPE_MAX || len > CURSOR_TEXT_MAX)
        return false;
    memcpy(input, scope, scope_len + 1);
    memcpy(input + scope_len + 1, text, len);
    return HMAC(EVP_sha256(), key, CURSOR_KEY_LEN, input, scope_len + 1 + len, out, NULL) != NULL;
}

bool cursor_seal(const uint8_t key[CURSOR_KEY_LEN], const char *scope, const char *text,
                 char out[CURSOR_SIZE])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    uint8_t sealed[MAC_LEN + CURSOR_TEXT_MAX];
    size_t len = strlen(text);

    if (!mac(key, scope, text, len, digest))
        return false;
    memcpy(sealed, digest, MAC_LEN);
    memcpy(sealed + MAC_LEN, text, len);
    base64url_encode(sealed, MAC_LEN + len, out);
    return true;
}

bool cursor_open(const uint8_t key[CURSOR_KEY_LEN], const char *scope, const char *cursor,
                 char *out, size_t size)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    uint8_t sealed[CURSOR_SIZE];
    size_t chars = strlen(cursor);

    if (chars >= CURSOR_SIZE)
        return false;
    long len = base64url_decode(cursor, chars, sealed, sizeof sealed);
    if (len < MAC_LEN || len > MAC_LEN + CURSOR_TEXT_MAX)
        return false;
    size_t text_len = (size_t)len - MAC_LEN;
    const char *text = (const char *)sealed + MAC_LEN;
    if (text_len >= size || memchr(text, '\0', text_len) ||
        !mac(key, scope, text, text_len, digest) || CRYPTO_memcmp(digest, sealed, MAC_LEN) != 0)
        return false;
    memcpy(out, text, text_len);
    out[text_len] = '\0';
    return true;
}
