// SPDX-License-Identifier: Apache-2.0

#include "keeper/secret.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <string.h>

#include "core/auto.h"

#define NAME      "secrets"
#define LABEL_MAX 20

DEFINE_AUTO(EVP_PKEY *, pkey_freep, EVP_PKEY_free)
DEFINE_AUTO(BIGNUM *, bn_freep, BN_clear_free)

static enum rc make_key(struct vault *v, EVP_PKEY **out, struct fault *f)
{
    enum rc rc = vault_make_key(out, f);

    return rc == RC_OK ? vault_put(v, NAME, *out, NULL, f) : rc;
}

static enum rc load(struct vault *v, struct secret_root *root, struct fault *f)
{
    auto_with(pkey_freep) EVP_PKEY *key = NULL;
    auto_with(bn_freep) BIGNUM *scalar = NULL;
    enum rc rc = vault_has(v, NAME, "key") ? vault_get_key(v, NAME, &key, f) : make_key(v, &key, f);

    if (rc != RC_OK)
        return rc;
    if (!EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) ||
        BN_bn2binpad(scalar, root->bytes, sizeof root->bytes) != (int)sizeof root->bytes)
        return fail(f, RC_INVALID, "the key '" NAME "' is of another kind");
    root->loaded = true;
    return RC_OK;
}

enum rc secret_derive(struct vault *v, struct secret_root *root, const char *label,
                      uint8_t out[KEEPER_SECRET_LEN], struct fault *f)
{
    size_t len = strspn(label, "abcdefghijklmnopqrstuvwxyz");
    unsigned size = 0;
    enum rc rc = RC_OK;

    if (len < 1 || len > LABEL_MAX || label[len])
        return fail(f, RC_INVALID, "no such secret");
    if (!root->loaded)
        rc = load(v, root, f);
    if (rc != RC_OK)
        return rc;
    return HMAC(EVP_sha256(), root->bytes, sizeof root->bytes, (const uint8_t *)label, len, out,
                &size)
               ? RC_OK
               : fail(f, RC_INTERNAL, "could not derive a secret");
}
