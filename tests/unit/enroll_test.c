// SPDX-License-Identifier: Apache-2.0

#include "enroll/enroll.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/bus.h"
#include "device/roster.h"
#include "fake_store.h"
#include "test.h"

#define ID "0123456789abcdef0123456789abcdef"

static struct device_key key;
static struct fault fault;

static char *text_of(BIO *owned)
{
    char *at;
    long len = BIO_get_mem_data(owned, &at);
    char *text = strndup(at, (size_t)len);

    BIO_free(owned);
    return text;
}

static char *public_pem(EVP_PKEY *owned)
{
    BIO *out = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PUBKEY(out, owned), 1);
    EVP_PKEY_free(owned);
    return text_of(out);
}

static char *private_pem(EVP_PKEY *owned)
{
    BIO *out = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PrivateKey(out, owned, NULL, NULL, 0, NULL, NULL), 1);
    EVP_PKEY_free(owned);
    return text_of(out);
}

static enum rc read_key(const char *pem)
{
    fault = (struct fault){ 0 };
    return enroll_key_read(pem, &key, &fault);
}

static void refused(char *owned_pem, const char *because)
{
    auto_free char *pem = owned_pem;

    assert_int_equal(read_key(pem), RC_INVALID);
    if (!strstr(fault.text, because))
        fail_msg("'%s' should say '%s'", fault.text, because);
}

// ---------------------------------------------------------------- keys

static void the_fingerprint_is_the_hash_of_the_key_and_its_half_the_id(void **state)
{
    (void)state;
    // openssl pkey -pubin -outform DER | sha256sum
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
                              "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n"
                              "-----END PUBLIC KEY-----\n";

    assert_int_equal(read_key(pem), RC_OK);
    assert_int_equal(key.spki_len, 91);
    assert_int_equal(strlen(key.fingerprint), FINGERPRINT_LEN);
    assert_memory_equal(key.id, key.fingerprint, DEVICE_ID_LEN);
    assert_true(device_id_valid(key.id));
    assert_string_equal(key.fingerprint,
                        "5cd252fb0ce8932436faf8ccd1040981b89ee4ad6b9fe9e2a2b7e71aacb27cd3");
}

static void white_space_around_the_key_does_not_change_it(void **state)
{
    (void)state;
    auto_free char *pem = public_pem(EVP_EC_gen("P-256"));
    auto_free char *padded = NULL;
    char before[FINGERPRINT_LEN + 1];

    assert_int_equal(read_key(pem), RC_OK);
    memcpy(before, key.fingerprint, sizeof before);
    assert_true(asprintf(&padded, "\n\n%s \r\n\t\n", pem) > 0);
    assert_int_equal(read_key(padded), RC_OK);
    assert_string_equal(key.fingerprint, before);
}

static void other_kinds_of_keys_are_refused_by_name(void **state)
{
    (void)state;
    refused(public_pem(EVP_EC_gen("P-384")), "secp384r1");
    refused(public_pem(EVP_EC_gen("secp256k1")), "secp256k1");
    refused(public_pem(EVP_RSA_gen(2048)), "rsaEncryption");
    refused(public_pem(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")), "ED25519");
}

static void a_private_key_is_refused_with_advice_and_not_repeated(void **state)
{
    (void)state;
    auto_free char *pem = private_pem(EVP_EC_gen("P-256"));

    refused(strdup(pem), "private key");
    assert_null(strstr(fault.text, "MI"));
}

static void what_is_not_one_pem_block_of_a_key_is_refused(void **state)
{
    (void)state;
    auto_free char *pem = public_pem(EVP_EC_gen("P-256"));
    auto_free char *twice = NULL, *cut = strdup(pem), *certificate = NULL;

    refused(strdup(""), "not PEM");
    refused(strdup("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"), "not PEM");
    assert_true(asprintf(&twice, "%s%s", pem, pem) > 0);
    refused(strdup(twice), "more than one");
    memcpy(cut + strlen("-----BEGIN PUBLIC KEY-----\n") + 8, "AAAAAAAA", 8);
    refused(strdup(cut), "damaged");
    assert_true(asprintf(&certificate, "%s%s", "-----BEGIN CERTIFICATE-----\nMFkw\n",
                         "-----END CERTIFICATE-----\n") > 0);
    refused(strdup(certificate), "certificate");
    refused(strdup("-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"), "damaged");
}

static void a_text_too_long_is_refused_before_it_is_parsed(void **state)
{
    (void)state;
    char *pem = malloc(ENROLL_PEM_MAX + 2);

    memset(pem, '\n', ENROLL_PEM_MAX + 1);
    pem[ENROLL_PEM_MAX + 1] = '\0';
    refused(pem, "at most");
}

// The same key written otherwise would be another identity.
static void unusual_forms_of_a_good_key_are_refused(void **state)
{
    (void)state;
    EVP_PKEY *compressed = EVP_EC_gen("P-256"), *explicit_curve = EVP_EC_gen("P-256");

    EVP_PKEY_set_utf8_string_param(compressed, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                   OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED);
    refused(public_pem(compressed), "uncompressed");
    EVP_PKEY_set_utf8_string_param(explicit_curve, OSSL_PKEY_PARAM_EC_ENCODING,
                                   OSSL_PKEY_EC_ENCODING_EXPLICIT);
    auto_free char *pem = public_pem(explicit_curve);
    assert_int_equal(read_key(pem), RC_INVALID);
}

// ---------------------------------------------------------------- steps

static const char *const device_column[] = { "device", NULL };
static const char *const nine[] = { "9" };
static const struct rows device_nine = { 1, device_column, nine };
static const char *const claim_columns[] = { "n",    "device",         "lifecycle", "changed",
                                             "same", "refused_before", NULL };

static void a_known_key_is_fine_here_and_a_conflict_elsewhere(void **state)
{
    (void)state;
    struct device_entry e = { 0 };
    struct device_touched touched;
    bool created = true;

    memcpy(e.key.id, ID, sizeof e.key.id);
    store_will("device_add", RC_OK, &no_rows);
    store_will("device_number", RC_OK, &device_nine);
    assert_int_equal(enroll_register(NULL, 1, &e, &created, &touched, &fault), RC_OK);
    assert_false(created);
    assert_int_equal(touched.device, 9);
    store_will("device_add", RC_OK, &no_rows);
    store_will("device_number", RC_OK, &no_rows);
    assert_int_equal(enroll_register(NULL, 1, &e, &created, &touched, &fault), RC_CONFLICT);
    store_was_asked();
}

static void a_claim_of_a_retired_device_says_so(void **state)
{
    (void)state;
    static const char *const cells[] = { "0", "9", "2", "f", "t", NULL };
    static const struct rows retired = { 1, claim_columns, cells };
    struct device_touched touched;

    store_will("device_number", RC_OK, &device_nine);
    store_will("arrival_known", RC_OK, &no_rows);
    store_will("device_add", RC_OK, &no_rows);
    store_will("device_claim", RC_OK, &retired);
    assert_int_equal(enroll_claim(NULL, 1, ID, NULL, &touched, &fault), RC_CONFLICT);
    assert_non_null(strstr(fault.text, "retired"));
    store_will("device_number", RC_OK, &no_rows);
    assert_int_equal(enroll_claim(NULL, 1, ID, NULL, &touched, &fault), RC_NOT_FOUND);
    store_was_asked();
}

static void skipped_entries_are_not_sent_to_the_database(void **state)
{
    (void)state;
    static const char *const cells[] = { "1", "9", "0", "t", "t", NULL };
    static const struct rows claimed = { 1, claim_columns, cells };
    struct device_entry e[2] = { { .skip = true }, { .name = "pump" } };
    struct device_touched touched[2];

    memcpy(e[1].key.id, ID, sizeof e[1].key.id);
    store_will("arrival_known", RC_OK, &no_rows);
    store_will("device_add", RC_OK, &no_rows);
    store_will("device_claim", RC_OK, &claimed);
    store_will("arrival_settle", RC_OK, &no_rows);
    assert_int_equal(enroll_many(NULL, 1, e, 2, touched, &fault), RC_OK);
    json_auto_t *sent = json_loads(fake_args[1], 0, NULL);
    assert_int_equal(json_array_size(sent), 1);
    assert_int_equal(touched[0].device, 0);
    assert_int_equal(touched[1].device, 9);
    assert_true(touched[1].changed);
    store_was_asked();
}

// ---------------------------------------------------------------- news

static struct roster *roster;
static int heard;

static void hear(void *ctx, const struct bus_event *e)
{
    struct roster_entry entry;
    static const uint8_t id[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };

    (void)ctx;
    assert_int_equal(e->kind, heard ? BUS_DEVICE : BUS_REVOKE);
    assert_true(roster_find(roster, id, &entry));
    assert_int_equal(entry.refused_before, 77);
    heard++;
}

static void the_roster_knows_before_anybody_else_hears(void **state)
{
    (void)state;
    struct bus *bus = bus_new();
    struct enroll_news news = { .catalog = 1,
                                .revoked = true,
                                .id = ID,
                                .what = { .device = 9, .changed = true, .refused_before = 77 } };

    store_will("roster_page", RC_OK, &no_rows);
    assert_int_equal(roster_load(NULL, &roster, &fault), RC_OK);
    store_was_asked();
    bus_subscribe(bus, hear, NULL);
    enroll_announce(roster, bus, &news);
    assert_int_equal(heard, 2);
    bus_free(bus);
    roster_free(roster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fingerprint_is_the_hash_of_the_key_and_its_half_the_id),
        cmocka_unit_test(white_space_around_the_key_does_not_change_it),
        cmocka_unit_test(other_kinds_of_keys_are_refused_by_name),
        cmocka_unit_test(a_private_key_is_refused_with_advice_and_not_repeated),
        cmocka_unit_test(what_is_not_one_pem_block_of_a_key_is_refused),
        cmocka_unit_test(a_text_too_long_is_refused_before_it_is_parsed),
        cmocka_unit_test(unusual_forms_of_a_good_key_are_refused),
        cmocka_unit_test(a_known_key_is_fine_here_and_a_conflict_elsewhere),
        cmocka_unit_test(a_claim_of_a_retired_device_says_so),
        cmocka_unit_test(skipped_entries_are_not_sent_to_the_database),
        cmocka_unit_test(the_roster_knows_before_anybody_else_hears),
    };
    return cmocka_run_group_tests_name("enroll", tests, NULL, NULL);
}
