// SPDX-License-Identifier: Apache-2.0

#include "sdk/credential.h"

#include <inttypes.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "core/auto.h"
#include "sdk/file.h"
#include "sdk/p256.h"

#define FILE_MAX (64 * 1024)

DEFINE_AUTO(BIO *, free_bio, BIO_free_all)

static enum credential_kind kind_from_name(const char *name)
{
    if (!strcmp(name, "operational"))
        return CREDENTIAL_OPERATIONAL;
    return !strcmp(name, "quarantine") ? CREDENTIAL_QUARANTINE : CREDENTIAL_NONE;
}

enum rc credential_parse(const char *kind, const char *pem, size_t len, int64_t not_after,
                         int64_t renew_at, EVP_PKEY *key, struct credential *out, struct fault *f)
{
    auto_with(free_bio) BIO *in = BIO_new_mem_buf(pem, (int)len);
    auto_x509 X509 *leaf = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;

    if (kind_from_name(kind) == CREDENTIAL_NONE)
        return fail(f, RC_INVALID, "'%.40s' is no kind of certificate known here", kind);
    if (!leaf)
        return fail(f, RC_INVALID, "the certificate is not PEM");
    if (X509_check_private_key(leaf, key) != 1)
        return fail(f, RC_INVALID, "the certificate is for another key");
    *out = (struct credential){
        .kind = kind_from_name(kind),
        .not_after = not_after,
        .renew_at = renew_at,
        .key = key,
        .leaf = take(&leaf),
        .issuer = PEM_read_bio_X509(in, NULL, NULL, NULL),
    };
    return RC_OK;
}

static enum rc parse_file(const char *path, const char *text, struct credential *out,
                          struct fault *f)
{
    char kind[16];
    int64_t not_after, renew_at;

    if (sscanf(text, "%15s until %" SCNd64 " renew %" SCNd64, kind, &not_after, &renew_at) != 3)
        return fail(f, RC_INVALID, "'%.100s' does not begin with the certificate's facts", path);
    auto_with(free_bio) BIO *in = BIO_new_mem_buf(text, -1);
    auto_key EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
    if (!key)
        return fail(f, RC_INVALID, "'%.100s' holds no key", path);
    const char *rest = strstr(text, "-----BEGIN CERTIFICATE");
    if (!rest)
        return fail(f, RC_INVALID, "'%.100s' holds no certificate", path);
    enum rc rc = credential_parse(kind, rest, strlen(rest), not_after, renew_at, key, out, f);
    if (rc == RC_OK)
        key = NULL;
    return rc;
}

enum rc credential_load(const char *path, struct credential *out, struct fault *f)
{
    auto_free char *text = NULL;
    enum rc rc = file_read(path, FILE_MAX, &text, NULL, f);

    return rc == RC_OK ? parse_file(path, text, out, f) : rc;
}

enum rc credential_save(const char *path, const struct credential *c, struct fault *f)
{
    auto_with(free_bio) BIO *to = BIO_new(BIO_s_mem());
    char *text = NULL;

    if (!to || BIO_printf(to, "%s until %" PRId64 " renew %" PRId64 "\n",
                          c->kind == CREDENTIAL_QUARANTINE ? "quarantine" : "operational",
                          c->not_after, c->renew_at) <= 0)
        return fail(f, RC_INTERNAL, "out of memory");
    if (!PEM_write_bio_PrivateKey(to, c->key, NULL, NULL, 0, NULL, NULL) ||
        !PEM_write_bio_X509(to, c->leaf) || (c->issuer && !PEM_write_bio_X509(to, c->issuer)))
        return fail(f, RC_INTERNAL, "OpenSSL cannot write the certificate");
    long len = BIO_get_mem_data(to, &text);
    enum rc rc = file_replace(path, text, (size_t)len, f);
    OPENSSL_cleanse(text, (size_t)len);
    return rc;
}

void credential_done(struct credential *c)
{
    EVP_PKEY_free(c->key);
    X509_free(c->leaf);
    X509_free(c->issuer);
    *c = (struct credential){ 0 };
}
