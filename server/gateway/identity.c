// SPDX-License-Identifier: Apache-2.0

#include "gateway/identity.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "core/auto.h"
#include "core/hex.h"
#include "device/roster.h"
#include "keeper/keeper.h"
#include "protocol/protocol.h"

#define SPKI_MAX 1024

DEFINE_AUTO(X509_STORE_CTX *, store_ctx_freep, X509_STORE_CTX_free)
DEFINE_AUTO(EXTENDED_KEY_USAGE *, usage_freep, EXTENDED_KEY_USAGE_free)
DEFINE_AUTO(GENERAL_NAMES *, names_freep, GENERAL_NAMES_free)
DEFINE_AUTO(BIO *, bio_freep, BIO_free_all)
DEFINE_AUTO(X509 *, x509_freep, X509_free)

static void string_freep(unsigned char **p)
{
    OPENSSL_free(*p);
}

static enum rc refuse(int *alert, int error, enum rc rc, struct fault *f, const char *text)
{
    *alert = error;
    return fail(f, rc, "%s", text);
}

// SHA-256 of the SubjectPublicKeyInfo; only P-256 keys are devices' keys.
static bool spki_digest(X509 *cert, uint8_t out[32])
{
    auto_with(string_freep) unsigned char *der = NULL;
    EVP_PKEY *key = X509_get0_pubkey(cert);
    char group[32];
    size_t group_len;
    int len;

    if (!key || !EVP_PKEY_is_a(key, "EC") ||
        EVP_PKEY_get_group_name(key, group, sizeof group, &group_len) != 1 ||
        strcmp(group, "prime256v1") != 0)
        return false;
    len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    return len > 0 && len <= SPKI_MAX &&
           EVP_Digest(der, (size_t)len, out, NULL, EVP_sha256(), NULL) == 1;
}

static bool is_self_issued(X509 *cert)
{
    return X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
}

// Exactly one purpose, so that no certificate can be two kinds at once.
static bool kind_by_usage(X509 *leaf, enum identity_kind *out)
{
    auto_with(usage_freep) EXTENDED_KEY_USAGE *usage =
        X509_get_ext_d2i(leaf, NID_ext_key_usage, NULL, NULL);
    char oid[80];

    if (!usage || sk_ASN1_OBJECT_num(usage) != 1)
        return false;
    if (OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, 0)) == NID_client_auth) {
        *out = IDENTITY_OPERATIONAL;
        return true;
    }
    OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(usage, 0), 1);
    *out = IDENTITY_QUARANTINE;
    return !strcmp(oid, EKU_QUARANTINE);
}

// The only common name, as the 32 digits of an id.
static bool read_id(X509 *leaf, struct identity *out)
{
    X509_NAME *name = X509_get_subject_name(leaf);
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    const ASN1_STRING *text;

    if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
        return false;
    text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    if (ASN1_STRING_length(text) != DEVICE_ID_LEN)
        return false;
    memcpy(out->id, ASN1_STRING_get0_data(text), DEVICE_ID_LEN);
    out->id[DEVICE_ID_LEN] = '\0';
    return hex_decode(out->id, out->device_id, sizeof out->device_id);
}

// The certificate's only alternative name is the URI of this id in this catalog.
static bool names_match(X509 *leaf, const struct identity *who)
{
    auto_with(names_freep) GENERAL_NAMES *names =
        X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    char expected[KEEPER_CATALOG_MAX + DEVICE_ID_LEN + sizeof SAN_URI_FORMAT];
    const GENERAL_NAME *name;
    size_t len;

    if (!names || sk_GENERAL_NAME_num(names) != 1)
        return false;
    name = sk_GENERAL_NAME_value(names, 0);
    if (name->type != GEN_URI)
        return false;
    len = (size_t)snprintf(expected, sizeof expected, SAN_URI_FORMAT, who->catalog_name, who->id);
    return (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier) == len &&
           !memcmp(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier), expected, len);
}

static bool unix_time(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    *out = (int64_t)timegm(&tm);
    return true;
}

// Whom nobody has registered may come while a window is open.
static enum rc look_for_stranger(const struct trust *t, struct identity *out, int *alert,
                                 struct fault *f)
{
    if (!t->open || !t->open(t->ctx))
        return refuse(alert, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, RC_DENIED, f,
                      "this device is not registered here");
    out->kind = IDENTITY_STRANGER;
    return RC_OK;
}

static enum rc look_up(const struct trust *t, struct identity *out, struct roster_entry *e,
                       int *alert, struct fault *f)
{
    if (!roster_find(t->roster, out->device_id, e)) {
        if (out->kind == IDENTITY_FACTORY)
            return look_for_stranger(t, out, alert, f);
        return refuse(alert, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, RC_DENIED, f,
                      "this device is not registered here");
    }
    if (!t->catalog_name(t->ctx, e->catalog, out->catalog_name))
        return refuse(alert, X509_V_ERR_APPLICATION_VERIFICATION, RC_DENIED, f,
                      "the device's catalog is not known");
    out->catalog = e->catalog;
    out->device = e->device;
    out->lifecycle = e->lifecycle;
    return RC_OK;
}

// A factory identity is its key. Its dates are of the device's own clock, so they mean nothing; the
// second half of the fingerprint is compared with the database before anything is believed.
static enum rc check_factory(const struct trust *t, X509 *leaf, struct identity *out, int *alert,
                             struct fault *f)
{
    struct roster_entry e = { 0 };
    enum rc rc;

    out->kind = IDENTITY_FACTORY;
    if (!spki_digest(leaf, out->fingerprint))
        return refuse(alert, X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM, RC_DENIED, f,
                      "a factory key must be ECDSA P-256");
    memcpy(out->device_id, out->fingerprint, sizeof out->device_id);
    hex_encode(out->device_id, sizeof out->device_id, out->id);
    rc = look_up(t, out, &e, alert, f);
    if (rc == RC_OK && e.lifecycle == DEVICE_RETIRED)
        return refuse(alert, X509_V_ERR_CERT_REVOKED, RC_DENIED, f, "this device is retired");
    return rc;
}

static enum rc check_dates(X509 *leaf, int64_t now, const struct roster_entry *e,
                           struct identity *out, int *alert, struct fault *f)
{
    if (!unix_time(X509_get0_notBefore(leaf), &out->not_before) ||
        !unix_time(X509_get0_notAfter(leaf), &out->not_after))
        return refuse(alert, X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, RC_DENIED, f,
                      "the certificate's dates cannot be read");
    if (now < out->not_before)
        return refuse(alert, X509_V_ERR_CERT_NOT_YET_VALID, RC_DENIED, f,
                      "the certificate is not valid yet");
    if (now >= out->not_after)
        return refuse(alert, X509_V_ERR_CERT_HAS_EXPIRED, RC_DENIED, f,
                      "the certificate has expired");
    if (e->refused_before > 0 && out->not_before + KEEPER_BACK_DATE_S < e->refused_before)
        return refuse(alert, X509_V_ERR_CERT_REVOKED, RC_DENIED, f, "the certificate was revoked");
    return RC_OK;
}

static enum rc check_issued(const struct trust *t, X509 *leaf, int64_t now, struct identity *out,
                            int *alert, struct fault *f)
{
    struct roster_entry e;
    enum rc rc;

    if (!kind_by_usage(leaf, &out->kind))
        return refuse(alert, X509_V_ERR_INVALID_PURPOSE, RC_DENIED, f,
                      "the certificate is not for devices of this server");
    if (!read_id(leaf, out))
        return refuse(alert, X509_V_ERR_SUBJECT_ISSUER_MISMATCH, RC_DENIED, f,
                      "the certificate's common name is not a device id");
    rc = look_up(t, out, &e, alert, f);
    if (rc != RC_OK)
        return rc;
    if (e.lifecycle != DEVICE_CLAIMED)
        return refuse(alert, X509_V_ERR_CERT_REVOKED, RC_DENIED, f, "this device is not claimed");
    if (!names_match(leaf, out))
        return refuse(alert, X509_V_ERR_SUBJECT_ISSUER_MISMATCH, RC_DENIED, f,
                      "the certificate is of another catalog than the device");
    return check_dates(leaf, now, &e, out, alert, f);
}

enum rc identity_check(const struct trust *t, X509 *leaf, int64_t now, struct identity *out,
                       int *alert, struct fault *f)
{
    struct identity who = { 0 };
    enum rc rc = is_self_issued(leaf) ? check_factory(t, leaf, &who, alert, f)
                                      : check_issued(t, leaf, now, &who, alert, f);

    *out = who;
    return rc;
}

// The chain must be of exactly len certificates up to one of store.
static enum rc verify_up_to(X509_STORE *store, int len, X509 *leaf, STACK_OF(X509) * chain,
                            int64_t now, int *alert, struct fault *f)
{
    auto_with(store_ctx_freep) X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    if (!ctx || !store || X509_STORE_CTX_init(ctx, store, leaf, chain) != 1)
        return refuse(alert, X509_V_ERR_OUT_OF_MEM, RC_INTERNAL, f, "out of memory");
    X509_STORE_CTX_set_time(ctx, 0, (time_t)now);
    X509_STORE_CTX_set_depth(ctx, len - 1);
    if (X509_verify_cert(ctx) != 1) {
        *alert = X509_STORE_CTX_get_error(ctx);
        return fail(f, RC_DENIED, "the certificate chain is refused: %s",
                    X509_verify_cert_error_string(*alert));
    }
    if (sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) != len)
        return refuse(alert, X509_V_ERR_CERT_CHAIN_TOO_LONG, RC_DENIED, f,
                      "the certificate was not issued by a catalog's CA");
    return RC_OK;
}

// Operational: leaf, catalog CA, device root. Quarantine: leaf, the catalog's quarantine CA.
static enum rc verify_chain(const struct trust *t, enum identity_kind kind, X509 *leaf,
                            STACK_OF(X509) * chain, int64_t now, int *alert, struct fault *f)
{
    if (kind == IDENTITY_QUARANTINE)
        return verify_up_to(t->quarantine, 2, leaf, chain, now, alert, f);
    // A CA that is known already need not be verified, nor its key decoded, each time.
    if (t->catalogs && verify_up_to(t->catalogs, 2, leaf, NULL, now, alert, NULL) == RC_OK)
        return RC_OK;
    return verify_up_to(t->roots, 3, leaf, chain, now, alert, f);
}

size_t identity_spki(X509 *leaf, uint8_t *out, size_t size)
{
    auto_with(string_freep) unsigned char *der = NULL;
    int len = leaf ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der) : 0;

    if (len <= 0 || (size_t)len > size)
        return 0;
    memcpy(out, der, (size_t)len);
    return (size_t)len;
}

// Nobody has looked at a stranger's key yet: it comes alone, in the one form that has one
// fingerprint.
static enum rc check_stranger(X509 *leaf, STACK_OF(X509) * chain, int *alert, struct fault *f)
{
    static const uint8_t usual[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                     0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                     0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 };
    uint8_t spki[IDENTITY_SPKI_LEN];

    if (sk_X509_num(chain) > 1)
        return refuse(alert, X509_V_ERR_CERT_CHAIN_TOO_LONG, RC_DENIED, f,
                      "a factory certificate comes alone");
    if (identity_spki(leaf, spki, sizeof spki) != sizeof spki ||
        memcmp(spki, usual, sizeof usual) != 0)
        return refuse(alert, X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM, RC_DENIED, f,
                      "a factory key must name its curve and hold an uncompressed point");
    return RC_OK;
}

enum rc identity_verify(const struct trust *t, X509 *leaf, STACK_OF(X509) * chain, int64_t now,
                        struct identity *out, int *alert, struct fault *f)
{
    // The cheap questions first: a stranger costs no signature check.
    enum rc rc = identity_check(t, leaf, now, out, alert, f);
    const struct identity who = *out;

    if (rc != RC_OK)
        return rc;
    if (who.kind == IDENTITY_STRANGER)
        rc = check_stranger(leaf, chain, alert, f);
    if (rc != RC_OK)
        return rc;
    if (who.kind == IDENTITY_OPERATIONAL || who.kind == IDENTITY_QUARANTINE)
        rc = verify_chain(t, who.kind, leaf, chain, now, alert, f);
    else if (X509_verify(leaf, X509_get0_pubkey(leaf)) != 1)
        rc = refuse(alert, X509_V_ERR_CERT_SIGNATURE_FAILURE, RC_DENIED, f,
                    "the factory certificate is not signed by its own key");
    return rc;
}

enum rc trust_add(X509_STORE **store, const char *pem, struct fault *f)
{
    auto_with(bio_freep) BIO *bio = BIO_new_mem_buf(pem, -1);
    auto_with(x509_freep) X509 *root = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    if (!*store)
        *store = X509_STORE_new();
    if (!*store || !root || X509_STORE_add_cert(*store, root) != 1)
        return fail(f, RC_INVALID, "the device root or a quarantine CA is not a PEM certificate");
    X509_STORE_set_flags(*store, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);
    return RC_OK;
}
