// SPDX-License-Identifier: Apache-2.0

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/seal.h"
#include "core/hex.h"
#include "protocol/jws.h"
#include "test.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct party {
    EVP_PKEY *key;
    X509 *cert;
};

static struct party root, signer, port, foreign_root, foreign;
static char *root_pem;

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(e);
    X509_add_ext(cert, e, -1);
    X509_EXTENSION_free(e);
}

// Valid for a day around now.
static struct party make(const char *name, const struct party *ca, const char *usage)
{
    struct party p = { .key = EVP_EC_gen("P-256"), .cert = X509_new() };
    X509_NAME *subject = X509_get_subject_name(p.cert);

    X509_set_version(p.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(p.cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(p.cert), -43200);
    X509_gmtime_adj(X509_getm_notAfter(p.cert), 43200);
    X509_set_pubkey(p.cert, p.key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(p.cert, X509_get_subject_name(ca ? ca->cert : p.cert));
    add_extension(p.cert, NID_basic_constraints, ca ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (usage)
        add_extension(p.cert, NID_ext_key_usage, usage);
    assert_true(X509_sign(p.cert, ca ? ca->key : p.key, EVP_sha256()) > 0);
    return p;
}

static void drop(struct party *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->cert);
}

static int setup(void **state)
{
    (void)state;
    BIO *out = BIO_new(BIO_s_mem());
    char *text;

    root = make("root", NULL, NULL);
    foreign_root = make("root", NULL, NULL);
    signer = make("Orrery time and audit", &root, "critical,timeStamping");
    port = make("localhost", &root, "serverAuth");
    foreign = make("Orrery time and audit", &foreign_root, "critical,timeStamping");
    PEM_write_bio_X509(out, root.cert);
    long len = BIO_get_mem_data(out, &text);
    root_pem = strndup(text, (size_t)len);
    BIO_free(out);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    drop(&root);
    drop(&foreign_root);
    drop(&signer);
    drop(&port);
    drop(&foreign);
    free(root_pem);
    return 0;
}

static char *seal_by(const struct party *p, const struct party *shown, int64_t time_ms)
{
    unsigned char *der = NULL;
    char x5c[4096], header[4300], payload[300], *jws = NULL;
    int len = i2d_X509(shown->cert, &der);
    struct fault f = { 0 };

    base64_encode(der, (size_t)len, x5c);
    OPENSSL_free(der);
    snprintf(header, sizeof header, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"x5c\":[\"%s\"]}", x5c);
    snprintf(payload, sizeof payload, "{\"chain\":3,\"seq\":7,\"hash\":\"" HASH "\",\"time\":%lld}",
             (long long)time_ms);
    assert_int_equal(jws_sign(p->key, header, payload, strlen(payload), &jws, &f), RC_OK);
    return jws;
}

static int64_t now(void)
{
    return (int64_t)time(NULL) * 1000;
}

static enum rc judge(char *owned, const char *pem, int32_t chain, int64_t seq)
{
    uint8_t hash[32];
    enum rc rc = seal_read(owned, pem, chain, seq, hash, NULL);

    free(owned);
    return rc;
}

static void a_seal_of_the_keeper_gives_the_hash(void **state)
{
    (void)state;
    char *seal = seal_by(&signer, &signer, now()), text[65];
    uint8_t hash[32];
    struct fault f = { 0 };

    assert_int_equal(seal_read(seal, root_pem, 3, 7, hash, &f), RC_OK);
    hex_encode(hash, 32, text);
    assert_string_equal(text, HASH);
    free(seal);
}

static void a_seal_of_another_entry_is_refused(void **state)
{
    (void)state;
    assert_int_equal(judge(seal_by(&signer, &signer, now()), root_pem, 4, 7), RC_DENIED);
    assert_int_equal(judge(seal_by(&signer, &signer, now()), root_pem, 3, 8), RC_DENIED);
    assert_int_equal(judge(seal_by(&signer, &signer, now()), NULL, 3, 8), RC_DENIED);
}

static void the_key_of_the_public_port_seals_nothing(void **state)
{
    (void)state;
    assert_int_equal(judge(seal_by(&port, &port, now()), root_pem, 3, 7), RC_DENIED);
    assert_int_equal(judge(seal_by(&port, &signer, now()), root_pem, 3, 7), RC_DENIED);
}

static void a_root_of_the_same_name_is_not_ours(void **state)
{
    (void)state;
    assert_int_equal(judge(seal_by(&foreign, &foreign, now()), root_pem, 3, 7), RC_DENIED);
}

static void a_seal_is_judged_at_the_time_it_names(void **state)
{
    (void)state;
    int64_t day = 86400000;

    assert_int_equal(judge(seal_by(&signer, &signer, now() - day), root_pem, 3, 7), RC_DENIED);
    assert_int_equal(judge(seal_by(&signer, &signer, now() + day), root_pem, 3, 7), RC_DENIED);
}

static void damage_is_refused(void **state)
{
    (void)state;
    char *seal = seal_by(&signer, &signer, now());
    uint8_t hash[32];

    for (size_t i = 0; i < strlen(seal); i += 7) {
        char was = seal[i];
        seal[i] = was == 'A' ? 'B' : 'A';
        assert_true(seal_read(seal, root_pem, 3, 7, hash, NULL) != RC_OK);
        seal[i] = was;
    }
    assert_true(seal_read("", root_pem, 3, 7, hash, NULL) != RC_OK);
    assert_true(seal_read("a.b.c", root_pem, 3, 7, hash, NULL) != RC_OK);
    free(seal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seal_of_the_keeper_gives_the_hash),
        cmocka_unit_test(a_seal_of_another_entry_is_refused),
        cmocka_unit_test(the_key_of_the_public_port_seals_nothing),
        cmocka_unit_test(a_root_of_the_same_name_is_not_ours),
        cmocka_unit_test(a_seal_is_judged_at_the_time_it_names),
        cmocka_unit_test(damage_is_refused),
    };
    return cmocka_run_group_tests_name("audit_seal", tests, setup, teardown);
}
