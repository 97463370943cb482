// SPDX-License-Identifier: Apache-2.0

#include "keeper/profile.h"

#include <arpa/inet.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "keeper/keeper.h"
#include "protocol/protocol.h"

#define HOUR_S 3600LL
#define DAY_S  (24 * HOUR_S)
#define YEAR_S (365 * DAY_S)

DEFINE_AUTO(X509 *, x509_freep, X509_free)
DEFINE_AUTO(GENERAL_NAMES *, names_freep, GENERAL_NAMES_free)
DEFINE_AUTO(NAME_CONSTRAINTS *, constraints_freep, NAME_CONSTRAINTS_free)
DEFINE_AUTO(ASN1_INTEGER *, integer_freep, ASN1_INTEGER_free)

static const struct profile {
    int64_t lifetime_s;
    const char *basic, *usage, *extended;
} profiles[] = {
    [PROFILE_SERVER_ROOT] = { 10 * YEAR_S, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign",
                              NULL },
    [PROFILE_DEVICE_ROOT] = { 20 * YEAR_S, "critical,CA:TRUE,pathlen:1",
                              "critical,keyCertSign,cRLSign", NULL },
    [PROFILE_CATALOG] = { 5 * YEAR_S, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign",
                          NULL },
    [PROFILE_QUARANTINE_CA] = { 5 * YEAR_S, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign",
                                NULL },
    [PROFILE_SERVER] = { 90 * DAY_S, "critical,CA:FALSE", "critical,digitalSignature",
                         "serverAuth" },
    [PROFILE_SIGNING] = { YEAR_S, "critical,CA:FALSE", "critical,digitalSignature",
                          "critical,timeStamping" },
    [PROFILE_OPERATIONAL] = { DAY_S, "critical,CA:FALSE", "critical,digitalSignature",
                              "clientAuth" },
    [PROFILE_QUARANTINE] = { HOUR_S, "critical,CA:FALSE", "critical,digitalSignature",
                             "critical," EKU_QUARANTINE },
};

static bool add_named(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;
    bool ok;

    if (!value)
        return true;
    X509V3_set_ctx(&ctx, issuer ? issuer : cert, cert, NULL, NULL, 0);
    ext = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
    ok = ext && X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

static bool push_name(GENERAL_NAMES *names, int type, const void *bytes, size_t len)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *text =
        ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

    if (!name || !text || !ASN1_STRING_set(text, bytes, (int)len)) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(text);
        return false;
    }
    GENERAL_NAME_set0_value(name, type, text);
    if (sk_GENERAL_NAME_push(names, name) > 0)
        return true;
    GENERAL_NAME_free(name);
    return false;
}

// A DNS name or an IP address, whichever it reads as.
static bool push_host(GENERAL_NAMES *names, const char *host)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, host, address) == 1)
        return push_name(names, GEN_IPADD, address, 4);
    if (inet_pton(AF_INET6, host, address) == 1)
        return push_name(names, GEN_IPADD, address, 16);
    return push_name(names, GEN_DNS, host, strlen(host));
}

static bool add_names(X509 *cert, const struct subject *s)
{
    auto_with(names_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();

    if (!s->uri && s->name_count == 0)
        return true;
    if (!names || (s->uri && !push_name(names, GEN_URI, s->uri, strlen(s->uri))))
        return false;
    for (size_t i = 0; i < s->name_count; i++)
        if (!push_host(names, s->names[i]))
            return false;
    return X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1;
}

static bool push_subtree(STACK_OF(GENERAL_SUBTREE) * *list, int type, const void *bytes, size_t len)
{
    GENERAL_SUBTREE *subtree = GENERAL_SUBTREE_new();
    ASN1_STRING *text =
        ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

    if (!*list)
        *list = sk_GENERAL_SUBTREE_new_null();
    if (!*list || !subtree || !text || !ASN1_STRING_set(text, bytes, (int)len)) {
        GENERAL_SUBTREE_free(subtree);
        ASN1_STRING_free(text);
        return false;
    }
    GENERAL_NAME_set0_value(subtree->base, type, text);
    if (sk_GENERAL_SUBTREE_push(*list, subtree) > 0)
        return true;
    GENERAL_SUBTREE_free(subtree);
    return false;
}

// One URI host, no DNS name, no address; mail only at that same, unroutable host: RFC 5280
// has no way to exclude every mailbox, so the only permitted ones lead nowhere.
static bool add_constraints(X509 *cert, const char *host)
{
    static const unsigned char any[32] = { 0 };
    auto_with(constraints_freep) NAME_CONSTRAINTS *c = NAME_CONSTRAINTS_new();

    if (!host)
        return true;
    return c && push_subtree(&c->permittedSubtrees, GEN_URI, host, strlen(host)) &&
           push_subtree(&c->permittedSubtrees, GEN_EMAIL, host, strlen(host)) &&
           push_subtree(&c->excludedSubtrees, GEN_DNS, "", 0) &&
           push_subtree(&c->excludedSubtrees, GEN_IPADD, any, 8) &&
           push_subtree(&c->excludedSubtrees, GEN_IPADD, any, 32) &&
           X509_add1_ext_i2d(cert, NID_name_constraints, c, 1, 0) == 1;
}

static bool set_serial(X509 *cert)
{
    unsigned char bytes[SERIAL_LEN];
    BIGNUM *n;
    bool ok;

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    // Positive and of full length (RFC 5280 4.1.2.2).
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
    n = BN_bin2bn(bytes, sizeof bytes, NULL);
    auto_with(integer_freep) ASN1_INTEGER *serial = n ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
    ok = serial && X509_set_serialNumber(cert, serial);
    BN_free(n);
    return ok;
}

static bool set_subject(X509 *cert, const struct subject *s)
{
    X509_NAME *name = X509_get_subject_name(cert);

    return (!s->organization ||
            X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8,
                                       (const unsigned char *)s->organization, -1, -1, 0)) &&
           X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)s->common_name, -1, -1, 0);
}

static bool set_validity(X509 *cert, const struct profile *p, const struct subject *s, X509 *issuer)
{
    int64_t lifetime =
        s->lifetime_s > 0 && s->lifetime_s < p->lifetime_s ? s->lifetime_s : p->lifetime_s;
    time_t from = (time_t)(s->now - KEEPER_BACK_DATE_S), to = (time_t)(s->now + lifetime);

    if (!ASN1_TIME_set(X509_getm_notBefore(cert), from) ||
        !ASN1_TIME_set(X509_getm_notAfter(cert), to))
        return false;
    if (!issuer || ASN1_TIME_compare(X509_get0_notAfter(issuer), X509_get0_notAfter(cert)) >= 0)
        return true;
    return X509_set1_notAfter(cert, X509_get0_notAfter(issuer)) == 1;
}

enum rc profile_make(enum profile_kind kind, const struct subject *s, EVP_PKEY *key, X509 *issuer,
                     EVP_PKEY *issuer_key, X509 **out, struct fault *f)
{
    auto_with(x509_freep) X509 *cert = X509_new();
    const struct profile *p = &profiles[kind];

    if (!cert || !X509_set_version(cert, X509_VERSION_3) || !set_serial(cert) ||
        !set_subject(cert, s) || !X509_set_pubkey(cert, key) || !set_validity(cert, p, s, issuer) ||
        !X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert)) ||
        !add_named(cert, issuer, NID_basic_constraints, p->basic) ||
        !add_named(cert, issuer, NID_key_usage, p->usage) ||
        !add_named(cert, issuer, NID_ext_key_usage, p->extended) ||
        !add_named(cert, issuer, NID_subject_key_identifier, "hash") ||
        !add_named(cert, issuer, NID_authority_key_identifier, issuer ? "keyid:always" : NULL) ||
        !add_names(cert, s) || !add_constraints(cert, s->constraint) ||
        !X509_sign(cert, issuer_key, EVP_sha256()))
        return fail(f, RC_INTERNAL, "could not make the certificate of '%.80s'", s->common_name);
    *out = take(&cert);
    return RC_OK;
}
