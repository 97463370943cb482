// SPDX-License-Identifier: Apache-2.0

#include "forge.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "forge: %s failed\n", #what);                                          \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

EVP_PKEY *forge_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    CHECK(key);
    return key;
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    if (!value)
        return;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
    CHECK(ext && X509_add_ext(cert, ext, -1));
    X509_EXTENSION_free(ext);
}

static X509 *blank(const char *cn, EVP_PKEY *key, X509 *issuer, int serial, int64_t from,
                   int64_t to)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);

    CHECK(X509_set_version(cert, X509_VERSION_3));
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial));
    CHECK(!cn || X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                            (const unsigned char *)cn, -1, -1, 0));
    CHECK(X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : name));
    CHECK(ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)from));
    CHECK(ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)to));
    CHECK(X509_set_pubkey(cert, key));
    return cert;
}

struct forged forge_ca(const char *cn, const struct forged *issuer, const char *constraint)
{
    int64_t now = clock_now_ms() / 1000;
    struct forged f = { .key = forge_key() };
    char text[200];

    f.cert = blank(cn, f.key, issuer ? issuer->cert : NULL, 7, now - 3600, now + 36000);
    extend(f.cert, f.cert, NID_basic_constraints, "critical,CA:TRUE");
    extend(f.cert, f.cert, NID_key_usage, "critical,keyCertSign");
    extend(f.cert, f.cert, NID_subject_key_identifier, "hash");
    extend(f.cert, issuer ? issuer->cert : f.cert, NID_authority_key_identifier, "keyid");
    if (constraint) {
        snprintf(text, sizeof text, "critical,permitted;URI:%s", constraint);
        extend(f.cert, f.cert, NID_name_constraints, text);
    }
    CHECK(X509_sign(f.cert, issuer ? issuer->key : f.key, EVP_sha256()));
    return f;
}

struct forged forge_leaf(const struct forge_leaf *what, const struct forged *issuer)
{
    struct forged f = { .key = forge_key() };
    char uri[200];

    f.cert = blank(what->cn, f.key, issuer->cert, what->serial, what->not_before, what->not_after);
    extend(f.cert, issuer->cert, NID_basic_constraints, "critical,CA:FALSE");
    extend(f.cert, issuer->cert, NID_key_usage, "critical,digitalSignature");
    extend(f.cert, issuer->cert, NID_ext_key_usage, what->eku);
    extend(f.cert, issuer->cert, NID_subject_key_identifier, "hash");
    extend(f.cert, issuer->cert, NID_authority_key_identifier, "keyid");
    if (what->uri) {
        snprintf(uri, sizeof uri, "URI:%s", what->uri);
        extend(f.cert, issuer->cert, NID_subject_alt_name, uri);
    }
    CHECK(X509_sign(f.cert, issuer->key, EVP_sha256()));
    return f;
}

X509 *forge_factory(EVP_PKEY *key)
{
    X509 *cert = blank("factory", key, NULL, 1, 1577836800, 4102444800);

    CHECK(X509_sign(cert, key, EVP_sha256()));
    return cert;
}

void forge_fingerprint(EVP_PKEY *key, uint8_t out[32])
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    CHECK(len > 0 && EVP_Digest(der, (size_t)len, out, NULL, EVP_sha256(), NULL));
    OPENSSL_free(der);
}

static char *text_of(BIO *bio)
{
    char *bytes, *copy;
    long len = BIO_get_mem_data(bio, &bytes);

    copy = strndup(bytes, (size_t)len);
    BIO_free(bio);
    CHECK(copy);
    return copy;
}

char *forge_pem(X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());

    CHECK(PEM_write_bio_X509(bio, cert));
    return text_of(bio);
}

char *forge_key_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    CHECK(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    return text_of(bio);
}

void forged_done(struct forged *f)
{
    X509_free(f->cert);
    EVP_PKEY_free(f->key);
    *f = (struct forged){ 0 };
}
