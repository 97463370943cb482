// SPDX-License-Identifier: Apache-2.0

#include "keeper/issuer.h"

#include <ctype.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "keeper/profile.h"
#include "protocol/jws.h"
#include "protocol/protocol.h"

#define RENEW_SIGNING_S (60LL * 24 * 3600)
#define NAMES_MAX       16
#define HOST_MAX        253

DEFINE_AUTO(X509 *, x509_freep, X509_free)
DEFINE_AUTO(X509_REQ *, req_freep, X509_REQ_free)
DEFINE_AUTO(EVP_PKEY *, pkey_freep, EVP_PKEY_free)
DEFINE_AUTO(BIO *, bio_freep, BIO_free_all)
DEFINE_AUTO(struct issuer *, issuer_closep, issuer_close)

struct authority {
    char name[KEEPER_CATALOG_MAX + 20]; // first: the tree's key; the file's name
    X509 *cert;
    EVP_PKEY *key; // NULL while offline
};

struct issuer {
    struct vault *vault;
    struct ledger *ledger;
    struct authority server_root, device_root, signing;
    void *cas; // tsearch tree of struct authority: catalog-NAME, quarantine-NAME
};

static int64_t now_s(void)
{
    return clock_now_ms() / 1000;
}

static void authority_done(struct authority *a)
{
    X509_free(a->cert);
    EVP_PKEY_free(a->key);
}

static void authority_free(void *p)
{
    authority_done(p);
    free(p);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool is_catalog_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return len >= 1 && len <= KEEPER_CATALOG_MAX && name[len] == '\0';
}

static enum rc load(struct issuer *i, const char *name, struct authority *a, struct fault *f)
{
    enum rc rc = vault_get_cert(i->vault, name, &a->cert, f);

    if (rc != RC_OK)
        return rc;
    rc = vault_get_key(i->vault, name, &a->key, f);
    if (rc == RC_NOT_FOUND)
        return RC_OK; // taken offline: verifies, but signs nothing
    if (rc == RC_OK && X509_check_private_key(a->cert, a->key) != 1)
        return fail(f, RC_INVALID, "the key and certificate '%.60s' do not belong together", name);
    return rc;
}

// Makes key and certificate, signed by parent or by itself, and keeps both.
static enum rc make(struct issuer *i, enum profile_kind kind, const struct subject *s,
                    const struct authority *parent, struct authority *a, struct fault *f)
{
    auto_with(pkey_freep) EVP_PKEY *key = NULL;
    auto_with(x509_freep) X509 *cert = NULL;
    enum rc rc = vault_make_key(&key, f);

    if (rc == RC_OK)
        rc = profile_make(kind, s, key, parent ? parent->cert : NULL, parent ? parent->key : key,
                          &cert, f);
    if (rc == RC_OK)
        rc = vault_put(i->vault, a->name, key, cert, f);
    if (rc != RC_OK)
        return rc;
    authority_done(a);
    a->key = take(&key);
    a->cert = take(&cert);
    return RC_OK;
}

static enum rc load_or_make(struct issuer *i, const char *name, enum profile_kind kind,
                            const struct subject *s, const struct authority *parent,
                            struct authority *a, struct fault *f)
{
    snprintf(a->name, sizeof a->name, "%s", name);
    if (vault_has(i->vault, name, "crt"))
        return load(i, name, a, f);
    if (parent && !parent->key)
        return fail(f, RC_UNAVAILABLE,
                    "the device root key is offline: put device-root.key back to make a new CA");
    return make(i, kind, s, parent, a, f);
}

static enum rc open_root(struct issuer *i, const char *name, enum profile_kind kind,
                         const char *title, struct authority *a, struct fault *f)
{
    uint8_t random[4];
    char hex[9], common_name[64];

    if (RAND_bytes(random, sizeof random) != 1)
        return fail(f, RC_INTERNAL, "no random numbers");
    hex_encode(random, sizeof random, hex);
    snprintf(common_name, sizeof common_name, "%s %s", title, hex);
    return load_or_make(
        i, name, kind, &(struct subject){ .common_name = common_name, .now = now_s() }, NULL, a, f);
}

static enum rc open_signing(struct issuer *i, struct fault *f)
{
    struct subject s = { .common_name = "Orrery time and audit", .now = now_s() };
    time_t soon = (time_t)(s.now + RENEW_SIGNING_S);
    enum rc rc = load_or_make(i, "signing", PROFILE_SIGNING, &s, &i->server_root, &i->signing, f);

    if (rc != RC_OK || X509_cmp_time(X509_get0_notAfter(i->signing.cert), &soon) > 0)
        return rc;
    return make(i, PROFILE_SIGNING, &s, &i->server_root, &i->signing, f);
}

enum rc issuer_open(struct vault *v, struct ledger *l, struct issuer **out, struct fault *f)
{
    auto_with(issuer_closep) struct issuer *i = calloc(1, sizeof *i);
    enum rc rc;

    if (!i)
        return fail(f, RC_INTERNAL, "out of memory");
    i->vault = v;
    i->ledger = l;
    rc = open_root(i, "server-root", PROFILE_SERVER_ROOT, "Orrery server root", &i->server_root, f);
    if (rc == RC_OK)
        rc = open_root(i, "device-root", PROFILE_DEVICE_ROOT, "Orrery device root", &i->device_root,
                       f);
    if (rc == RC_OK)
        rc = open_signing(i, f);
    if (rc == RC_OK)
        *out = take(&i);
    return rc;
}

void issuer_close(struct issuer *i)
{
    if (!i)
        return;
    authority_done(&i->server_root);
    authority_done(&i->device_root);
    authority_done(&i->signing);
    tdestroy(i->cas, authority_free);
    free(i);
}

// The CA of this kind of a catalog; only makes it when told to.
static enum rc find_ca(struct issuer *i, enum profile_kind kind, const char *catalog, bool may_make,
                       struct authority **out, struct fault *f)
{
    char name[KEEPER_CATALOG_MAX + 20], title[100], host[KEEPER_CATALOG_MAX + 20];
    struct subject s = {
        .common_name = title, .organization = catalog, .constraint = host, .now = now_s()
    };
    bool quarantine = kind == PROFILE_QUARANTINE_CA;
    struct authority **found, *a;
    enum rc rc;

    if (!is_catalog_name(catalog))
        return fail(f, RC_INVALID, "a catalog name is 1 to 50 of a-z, 0-9 and -");
    snprintf(name, sizeof name, "%s-%s", quarantine ? "quarantine" : "catalog", catalog);
    snprintf(title, sizeof title, "Orrery %s %s", quarantine ? "quarantine" : "catalog", catalog);
    snprintf(host, sizeof host, "%s.orrery.invalid", catalog);
    found = tfind(name, &i->cas, by_name);
    if (found) {
        *out = *found;
        return RC_OK;
    }
    if (!may_make && !vault_has(i->vault, name, "crt"))
        return fail(f, RC_NOT_FOUND, "there is no CA for the catalog '%s'", catalog);
    a = calloc(1, sizeof *a);
    rc = a ? load_or_make(i, name, kind, &s, quarantine ? NULL : &i->device_root, a, f)
           : fail(f, RC_INTERNAL, "out of memory");
    if (rc == RC_OK && !tsearch(a, &i->cas, by_name))
        rc = fail(f, RC_INTERNAL, "out of memory");
    if (rc != RC_OK) {
        if (a)
            authority_free(a);
        return rc;
    }
    *out = a;
    return RC_OK;
}

enum rc issuer_catalog(struct issuer *i, const char *catalog, struct fault *f)
{
    struct authority *a;
    enum rc rc = find_ca(i, PROFILE_CATALOG, catalog, true, &a, f);

    return rc == RC_OK ? find_ca(i, PROFILE_QUARANTINE_CA, catalog, true, &a, f) : rc;
}

// P-256 only: the one curve that every root of trust Orrery knows can sign with.
static enum rc read_csr(const uint8_t *der, size_t len, X509_REQ **out, struct fault *f)
{
    const unsigned char *at = der;
    auto_with(req_freep) X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)len);
    EVP_PKEY *key = req ? X509_REQ_get0_pubkey(req) : NULL;
    char group[32];
    size_t group_len;

    if (!req || at != der + len || !key)
        return fail(f, RC_INVALID, "the CSR is not a PKCS#10 request in DER");
    if (!EVP_PKEY_is_a(key, "EC") ||
        !EVP_PKEY_get_group_name(key, group, sizeof group, &group_len) ||
        strcmp(group, "prime256v1") != 0)
        return fail(f, RC_INVALID, "the CSR's key must be on the curve P-256");
    if (X509_REQ_verify(req, key) != 1)
        return fail(f, RC_DENIED, "the CSR is not signed by its own key");
    *out = take(&req);
    return RC_OK;
}

static bool key_hash(EVP_PKEY *key, uint8_t out[32])
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    bool ok = len > 0 && EVP_Digest(der, (size_t)len, out, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    return ok;
}

static int64_t unix_of(const ASN1_TIME *t)
{
    struct tm tm;

    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void serial_of(const X509 *cert, uint8_t out[SERIAL_LEN])
{
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);

    if (n)
        BN_bn2binpad(n, out, SERIAL_LEN);
    BN_free(n);
}

static char *pem_of(X509 *leaf, X509 *issuer)
{
    auto_with(bio_freep) BIO *text = BIO_new(BIO_s_mem());
    char *bytes;
    long len;

    if (!text || !PEM_write_bio_X509(text, leaf) || (issuer && !PEM_write_bio_X509(text, issuer)))
        return NULL;
    len = BIO_get_mem_data(text, &bytes);
    return strndup(bytes, (size_t)len);
}

static enum rc entry_of(const struct cert_request *q, EVP_PKEY *key, struct ledger_entry *e,
                        struct fault *f)
{
    if (q->kind != CERT_OPERATIONAL && q->kind != CERT_QUARANTINE)
        return fail(f, RC_INVALID, "no such kind of certificate");
    if (!hex_decode(q->device_id, e->device, sizeof e->device))
        return fail(f, RC_INVALID, "a device id is 32 lowercase hex digits");
    if (!key_hash(key, e->key))
        return fail(f, RC_INTERNAL, "could not hash the CSR's key");
    snprintf(e->catalog, sizeof e->catalog, "%s", q->catalog);
    memcpy(e->evidence, q->evidence_sha256, sizeof e->evidence);
    e->kind = q->kind;
    e->issued_at = now_s();
    return RC_OK;
}

static enum rc make_leaf(const struct cert_request *q, const struct authority *ca, EVP_PKEY *key,
                         int64_t now, X509 **out, struct fault *f)
{
    char uri[160];
    struct subject s = {
        .common_name = q->device_id, .uri = uri, .now = now, .lifetime_s = q->lifetime_s
    };

    if (!ca->key)
        return fail(f, RC_UNAVAILABLE, "the key of '%s' is offline", ca->name);
    snprintf(uri, sizeof uri, SAN_URI_FORMAT, q->catalog, q->device_id);
    return profile_make(q->kind == CERT_QUARANTINE ? PROFILE_QUARANTINE : PROFILE_OPERATIONAL, &s,
                        key, ca->cert, ca->key, out, f);
}

enum rc issuer_issue(struct issuer *i, const struct cert_request *q, struct certificate *out,
                     struct fault *f)
{
    auto_with(req_freep) X509_REQ *csr = NULL;
    auto_with(x509_freep) X509 *cert = NULL;
    struct ledger_entry e = { 0 };
    struct authority *ca;
    auto_free char *pem = NULL;
    enum rc rc = find_ca(i, q->kind == CERT_QUARANTINE ? PROFILE_QUARANTINE_CA : PROFILE_CATALOG,
                         q->catalog, false, &ca, f);

    if (rc == RC_OK)
        rc = read_csr(q->csr, q->csr_len, &csr, f);
    if (rc == RC_OK)
        rc = entry_of(q, X509_REQ_get0_pubkey(csr), &e, f);
    if (rc == RC_OK)
        rc = ledger_check(i->ledger, &e, f);
    if (rc == RC_OK)
        rc = make_leaf(q, ca, X509_REQ_get0_pubkey(csr), e.issued_at, &cert, f);
    if (rc != RC_OK)
        return rc;
    serial_of(cert, e.serial);
    e.not_after = unix_of(X509_get0_notAfter(cert));
    pem = pem_of(cert, ca->cert);
    if (!pem)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = ledger_append(i->ledger, &e, f);
    if (rc != RC_OK)
        return rc;
    *out = (struct certificate){ .pem = take(&pem),
                                 .not_before = unix_of(X509_get0_notBefore(cert)),
                                 .not_after = e.not_after };
    memcpy(out->serial, e.serial, SERIAL_LEN);
    return RC_OK;
}

enum rc issuer_ca(struct issuer *i, enum ca_name which, const char *catalog, char **out,
                  struct fault *f)
{
    struct authority *a = NULL;
    enum rc rc = RC_OK;

    switch (which) {
    case CA_SERVER_ROOT:
        a = &i->server_root;
        break;
    case CA_DEVICE_ROOT:
        a = &i->device_root;
        break;
    case CA_CATALOG:
        rc = find_ca(i, PROFILE_CATALOG, catalog, false, &a, f);
        break;
    case CA_QUARANTINE:
        rc = find_ca(i, PROFILE_QUARANTINE_CA, catalog, false, &a, f);
        break;
    default:
        return fail(f, RC_INVALID, "no such CA");
    }
    if (rc != RC_OK)
        return rc;
    *out = pem_of(a->cert, NULL);
    return *out ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

// Letters, digits, dots and dashes; also what an IP address is written with.
static bool is_host(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > HOST_MAX || name[0] == '-' || name[0] == '.')
        return false;
    for (size_t k = 0; k < len; k++)
        if (!isalnum((unsigned char)name[k]) && !strchr(".-:", name[k]))
            return false;
    return true;
}

enum rc issuer_server_cert(struct issuer *i, const uint8_t *csr, size_t csr_len,
                           const char *const *names, size_t count, char **out, struct fault *f)
{
    auto_with(req_freep) X509_REQ *req = NULL;
    auto_with(x509_freep) X509 *cert = NULL;
    struct subject s = {
        .common_name = "Orrery server", .names = names, .name_count = count, .now = now_s()
    };
    enum rc rc = read_csr(csr, csr_len, &req, f);

    if (rc != RC_OK)
        return rc;
    if (count < 1 || count > NAMES_MAX)
        return fail(f, RC_INVALID, "a server certificate has 1 to %d names", NAMES_MAX);
    for (size_t k = 0; k < count; k++)
        if (!is_host(names[k]))
            return fail(f, RC_INVALID, "'%.80s' is neither a DNS name nor an IP address", names[k]);
    rc = profile_make(PROFILE_SERVER, &s, X509_REQ_get0_pubkey(req), i->server_root.cert,
                      i->server_root.key, &cert, f);
    if (rc != RC_OK)
        return rc;
    *out = pem_of(cert, NULL);
    return *out ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

enum rc issuer_sign(struct issuer *i, const char *payload, char **out, struct fault *f)
{
    unsigned char *der = NULL;
    int len = i2d_X509(i->signing.cert, &der);
    size_t room = len > 0 ? BASE64_SIZE((size_t)len) + 60 : 0;
    auto_free char *header = room ? malloc(room) : NULL;
    auto_free char *x5c = room ? malloc(room) : NULL;

    if (header && x5c) {
        base64_encode(der, (size_t)len, x5c);
        snprintf(header, room, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"x5c\":[\"%s\"]}", x5c);
    }
    OPENSSL_free(der);
    if (!header || !x5c)
        return fail(f, RC_INTERNAL, "out of memory");
    return jws_sign(i->signing.key, header, payload, strlen(payload), out, f);
}
