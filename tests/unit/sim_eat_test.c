// SPDX-License-Identifier: Apache-2.0

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sdk/credential.h"
#include "sdk/eat.h"
#include "sdk/file.h"
#include "sdk/p256.h"
#include "support/folder.h"
#include "support/sim_ca.h"
#include "test.h"

static struct p256 new_key(void)
{
    struct p256 k;

    assert_int_equal(p256_new(&k, NULL), RC_OK);
    return k;
}

// OpenSSL's own base64, so that our codec is not judge in its own case.
static size_t unbase64url(const char *text, size_t len, uint8_t *out)
{
    char padded[4096];
    size_t n = 0;

    assert_true(len + 4 < sizeof padded);
    for (; n < len; n++)
        padded[n] = text[n] == '-' ? '+' : text[n] == '_' ? '/' : text[n];
    size_t pad = (4 - n % 4) % 4;
    for (size_t i = 0; i < pad; i++)
        padded[n++] = '=';
    int got = EVP_DecodeBlock(out, (const unsigned char *)padded, (int)n);
    assert_true(got >= 0);
    return (size_t)got - pad;
}

static size_t der_integer(uint8_t *to, const uint8_t *n)
{
    size_t skip = 0, at = 2;

    while (skip < 31 && !n[skip])
        skip++;
    if (n[skip] & 0x80)
        to[at++] = 0;
    memcpy(to + at, n + skip, 32 - skip);
    to[0] = 2;
    to[1] = (uint8_t)(at - 2 + 32 - skip);
    return at + 32 - skip;
}

static bool signature_holds(const char *token, const struct p256 *k)
{
    const char *last = strrchr(token, '.');
    uint8_t raw[80], der[80], spki[P256_SPKI_LEN];
    const uint8_t *p = spki;

    assert_int_equal(unbase64url(last + 1, strlen(last + 1), raw), 64);
    size_t n = 2 + der_integer(der + 2, raw);
    n += der_integer(der + n, raw + 32);
    der[0] = 0x30;
    der[1] = (uint8_t)(n - 2);
    p256_spki(k, spki);
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, sizeof spki);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    assert_non_null(key);
    bool ok = EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestVerify(md, der, n, (const uint8_t *)token, (size_t)(last - token)) == 1;
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    return ok;
}

static char *build(const struct p256 *k, const uint8_t binding[32])
{
    static const struct measurement log[] = {
        { 4, "kernel", "6.1", "aa", 2 },
        { 8, "os \"quoted\"", "12", "bb", 3 },
    };
    struct eat_facts facts = { .hwmodel = "ORR-P200",
                               .swname = "linux",
                               .swversion = "12",
                               .bootcount = 17,
                               .uptime_s = 5,
                               .iat_s = 1790000000,
                               .dbgstat = 3,
                               .log = log,
                               .log_count = 2 };
    EVP_PKEY *key = p256_key(k);
    char id[P256_ID_LEN + 1], *token = NULL;

    p256_id(k, id);
    assert_int_equal(eat_build(key, id, binding, &facts, &token, NULL), RC_OK);
    EVP_PKEY_free(key);
    return token;
}

static void evidence_is_signed_by_the_factory_key_and_by_no_other(void **state)
{
    (void)state;
    struct p256 k = new_key(), other = new_key();
    uint8_t binding[32] = { 1, 2, 3 };
    char *token = build(&k, binding);

    assert_true(signature_holds(token, &k));
    assert_false(signature_holds(token, &other));
    char *body = strchr(token, '.') + 5;
    *body = *body == 'A' ? 'B' : 'A';
    assert_false(signature_holds(token, &k));
    free(token);
}

static json_t *part(const char *at)
{
    uint8_t text[4096];
    size_t n = unbase64url(at, strcspn(at, "."), text);

    return json_loadb((const char *)text, n, JSON_REJECT_DUPLICATES, NULL);
}

static void the_claims_say_what_the_device_is(void **state)
{
    (void)state;
    struct p256 k = new_key();
    uint8_t binding[32] = { 9 }, got[64], id[20];
    char hex[P256_ID_LEN + 1], *token = build(&k, binding);
    json_t *header = part(token), *c = part(strchr(token, '.') + 1);
    const char *nonce = json_string_value(json_object_get(c, "eat_nonce"));
    const char *ueid = json_string_value(json_object_get(c, "ueid"));

    assert_string_equal(json_string_value(json_object_get(header, "alg")), "ES256");
    assert_string_equal(json_string_value(json_object_get(header, "typ")), "eat+jwt");
    assert_string_equal(json_string_value(json_object_get(c, "eat_profile")),
                        "tag:orrery,2026:eat#1");
    assert_int_equal(unbase64url(nonce, strlen(nonce), got), 32);
    assert_memory_equal(got, binding, 32);
    assert_int_equal(unbase64url(ueid, strlen(ueid), id), 17);
    assert_int_equal(id[0], 1);
    p256_id(&k, hex);
    for (int i = 0; i < 16; i++) {
        char two[3];
        snprintf(two, sizeof two, "%02x", id[i + 1]);
        assert_memory_equal(two, hex + 2 * i, 2);
    }
    assert_int_equal(json_integer_value(json_object_get(c, "bootcount")), 17);
    json_t *entry = json_array_get(json_object_get(c, "orrery_log"), 1);
    assert_int_equal(json_integer_value(json_array_get(entry, 0)), 8);
    assert_string_equal(json_string_value(json_array_get(entry, 1)), "os \"quoted\"");
    assert_int_equal(json_integer_value(json_array_get(entry, 4)), 3);
    json_decref(header);
    json_decref(c);
    free(token);
}

static void the_binding_is_the_hash_of_nonce_key_and_channel(void **state)
{
    (void)state;
    uint8_t want[EVP_MAX_MD_SIZE], got[32];

    EVP_Digest("nonce|key|channel", 17, want, NULL, EVP_sha256(), NULL);
    eat_binding((const uint8_t *)"nonce|", 6, (const uint8_t *)"key|", 4,
                (const uint8_t *)"channel", 7, got);
    assert_memory_equal(got, want, 32);
}

static void a_key_survives_its_bytes(void **state)
{
    (void)state;
    struct p256 k = new_key(), back;
    EVP_PKEY *key = p256_key(&k);
    uint8_t spki[P256_SPKI_LEN], *der = NULL;

    assert_non_null(key);
    assert_true(p256_from_key(key, &back));
    assert_memory_equal(&k, &back, sizeof k);
    p256_spki(&k, spki);
    assert_int_equal(i2d_PUBKEY(key, &der), P256_SPKI_LEN);
    assert_memory_equal(der, spki, P256_SPKI_LEN);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    k.point[10] ^= 1; // not on the curve
    assert_null(p256_key(&k));
}

static void a_request_names_the_device_and_proves_the_key(void **state)
{
    (void)state;
    struct p256 k = new_key();
    EVP_PKEY *key = p256_key(&k);
    uint8_t *der = NULL;
    size_t len = p256_csr(key, "0123", &der);
    const uint8_t *p = der;
    X509_REQ *q = d2i_X509_REQ(NULL, &p, (long)len);
    char cn[10];

    assert_non_null(q);
    assert_int_equal(X509_REQ_verify(q, key), 1);
    X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(q), NID_commonName, cn, sizeof cn);
    assert_string_equal(cn, "0123");
    X509_REQ_free(q);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

static void a_certificate_is_kept_with_its_key_and_comes_back_whole(void **state)
{
    (void)state;
    struct p256 k = new_key();
    EVP_PKEY *key = p256_key(&k);
    X509 *cert = p256_self_signed(key, "abcd");
    char *pem = sim_ca_pem(cert), dir[64], path[80];
    struct credential c = { 0 }, back = { 0 };
    struct fault f = { 0 };
    struct stat st;

    folder_make(dir, sizeof dir, "cert");
    snprintf(path, sizeof path, "%s/device.pem", dir);
    EVP_PKEY_up_ref(key);
    assert_int_equal(credential_parse("quarantine", pem, strlen(pem), 2000, 1000, key, &c, &f),
                     RC_OK);
    assert_int_equal(credential_save(path, &c, &f), RC_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(credential_load(path, &back, &f), RC_OK);
    assert_int_equal(back.kind, CREDENTIAL_QUARANTINE);
    assert_int_equal(back.not_after, 2000);
    assert_int_equal(back.renew_at, 1000);
    assert_int_equal(X509_cmp(back.leaf, cert), 0);
    assert_int_equal(EVP_PKEY_eq(back.key, key), 1);
    credential_done(&c);
    credential_done(&back);
    assert_int_equal(file_replace(path, "operational until", 17, &f), RC_OK);
    assert_int_equal(credential_load(path, &back, &f), RC_INVALID);
    folder_remove(dir);
    free(pem);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void a_certificate_for_another_key_is_refused(void **state)
{
    (void)state;
    struct p256 k = new_key(), other = new_key();
    EVP_PKEY *key = p256_key(&k), *wrong = p256_key(&other);
    X509 *cert = p256_self_signed(key, "abcd");
    char *pem = sim_ca_pem(cert);
    struct credential c = { 0 };
    struct fault f = { 0 };

    assert_int_equal(credential_parse("operational", pem, strlen(pem), 2, 1, wrong, &c, &f),
                     RC_INVALID);
    assert_non_null(strstr(f.text, "another key"));
    assert_int_equal(credential_parse("imperial", pem, strlen(pem), 2, 1, key, &c, &f), RC_INVALID);
    assert_int_equal(credential_parse("operational", "?", 1, 2, 1, key, &c, &f), RC_INVALID);
    free(pem);
    X509_free(cert);
    EVP_PKEY_free(key);
    EVP_PKEY_free(wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evidence_is_signed_by_the_factory_key_and_by_no_other),
        cmocka_unit_test(the_claims_say_what_the_device_is),
        cmocka_unit_test(the_binding_is_the_hash_of_nonce_key_and_channel),
        cmocka_unit_test(a_key_survives_its_bytes),
        cmocka_unit_test(a_request_names_the_device_and_proves_the_key),
        cmocka_unit_test(a_certificate_is_kept_with_its_key_and_comes_back_whole),
        cmocka_unit_test(a_certificate_for_another_key_is_refused),
    };
    return cmocka_run_group_tests_name("sim eat", tests, NULL, NULL);
}
