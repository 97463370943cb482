// SPDX-License-Identifier: Apache-2.0

#include "support/sim_ca.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hex.h"
#include "protocol/jws.h"

static X509 *blank(const char *cn, EVP_PKEY *key, int64_t from_s, int64_t to_s)
{
    static long serial = 100;
    X509 *c = X509_new();

    X509_set_version(c, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c), ++serial);
    ASN1_TIME_set(X509_getm_notBefore(c), (time_t)from_s);
    ASN1_TIME_set(X509_getm_notAfter(c), (time_t)to_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
                               (const unsigned char *)cn, -1, -1, 0);
    X509_set_pubkey(c, key);
    return c;
}

static void extend(X509 *c, int nid, const char *value)
{
    X509_EXTENSION *e = value ? X509V3_EXT_conf_nid(NULL, NULL, nid, value) : NULL;

    if (e)
        X509_add_ext(c, e, -1);
    X509_EXTENSION_free(e);
}

void sim_ca_init(struct sim_ca *ca)
{
    ca->key = EVP_EC_gen("P-256");
    ca->cert = blank("test server CA", ca->key, 0, INT64_C(4000000000));
    X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert));
    extend(ca->cert, NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(ca->cert, ca->key, EVP_sha256());
}

void sim_ca_done(struct sim_ca *ca)
{
    EVP_PKEY_free(ca->key);
    X509_free(ca->cert);
}

X509 *sim_ca_issue(const struct sim_ca *ca, const struct sim_leaf *l, EVP_PKEY **key)
{
    *key = EVP_EC_gen("P-256");
    X509 *c = blank("test leaf", *key, l->from_s, l->to_s ? l->to_s : INT64_C(4000000000));

    X509_set_issuer_name(c, X509_get_subject_name(ca->cert));
    extend(c, NID_subject_alt_name, l->san);
    extend(c, NID_ext_key_usage, l->eku);
    X509_sign(c, ca->key, EVP_sha256());
    return c;
}

X509 *sim_ca_certify(const struct sim_ca *ca, const char *cn, EVP_PKEY *key, int64_t to_s)
{
    X509 *c = blank(cn, key, 0, to_s);

    X509_set_issuer_name(c, X509_get_subject_name(ca->cert));
    extend(c, NID_ext_key_usage, "clientAuth");
    X509_sign(c, ca->key, EVP_sha256());
    return c;
}

char *sim_ca_time(X509 *cert, EVP_PKEY *key, int64_t time_ms)
{
    char payload[64], *header = NULL, *out = NULL;
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    char *x5c = malloc(BASE64_SIZE((size_t)len));

    base64_encode(der, (size_t)len, x5c);
    if (asprintf(&header, "{\"alg\":\"ES256\",\"x5c\":[\"%s\"]}", x5c) > 0) {
        int n = snprintf(payload, sizeof payload, "{\"time\":%" PRId64 "}", time_ms);
        jws_sign(key, header, payload, (size_t)n, &out, NULL);
    }
    free(header);
    free(x5c);
    OPENSSL_free(der);
    return out;
}

X509_STORE *sim_ca_store(const struct sim_ca *ca)
{
    X509_STORE *s = X509_STORE_new();

    X509_STORE_add_cert(s, ca->cert);
    return s;
}

char *sim_ca_pem(X509 *cert)
{
    BIO *b = BIO_new(BIO_s_mem());
    char *text;

    PEM_write_bio_X509(b, cert);
    long n = BIO_get_mem_data(b, &text);
    char *copy = strndup(text, (size_t)n);
    BIO_free(b);
    return copy;
}
