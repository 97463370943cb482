// SPDX-License-Identifier: Apache-2.0

#include "fleet/forged.h"

#include <openssl/x509v3.h>

#include "core/auto.h"

#define LIFETIME_MS 86400000

static void free_extension(X509_EXTENSION **x)
{
    X509_EXTENSION_free(*x);
}

static bool name_it(X509_NAME *to, const char *name)
{
    return X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                      0) == 1;
}

static X509 *forge(EVP_PKEY *key, const char *id)
{
    auto_x509 X509 *c = X509_new();
    auto_with(free_extension) X509_EXTENSION *usage =
        X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, "clientAuth");

    if (!c || !usage || !X509_set_version(c, X509_VERSION_3) ||
        !ASN1_INTEGER_set(X509_get_serialNumber(c), 7) ||
        !X509_gmtime_adj(X509_getm_notBefore(c), -300) ||
        !X509_gmtime_adj(X509_getm_notAfter(c), LIFETIME_MS / 1000) ||
        !name_it(X509_get_subject_name(c), id) ||
        !name_it(X509_get_issuer_name(c), "Somebody's CA") || !X509_set_pubkey(c, key) ||
        !X509_add_ext(c, usage, -1) || !X509_sign(c, key, EVP_sha256()))
        return NULL;
    return take(&c);
}

bool forged_credential(const struct p256 *key, int64_t now_ms, struct credential *out)
{
    char id[P256_ID_LEN + 1];

    p256_id(key, id);
    *out = (struct credential){ .kind = CREDENTIAL_OPERATIONAL,
                                .not_after = now_ms + LIFETIME_MS,
                                .renew_at = now_ms + LIFETIME_MS / 2,
                                .key = p256_key(key) };
    out->leaf = out->key ? forge(out->key, id) : NULL;
    return out->leaf != NULL;
}
