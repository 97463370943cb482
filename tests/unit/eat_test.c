// SPDX-License-Identifier: Apache-2.0

#include "attest/eat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "protocol/jws.h"
#include "protocol/protocol.h"
#include "support/forge.h"
#include "test.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define GOOD                                                                                       \
    "{\"eat_profile\":\"" EAT_PROFILE "\","                                                        \
    "\"eat_nonce\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","                               \
    "\"ueid\":\"AQAAAAAAAAAAAAAAAAAAAAA\",\"iat\":1790000000,\"bootcount\":17,"                    \
    "\"dbgstat\":2,\"swversion\":\"12.1\","                                                        \
    "\"orrery_log\":[[8,\"loader\",\"2\",\"" SHA "\",3],[10,\"app\",\"1.0\",\"" SHA "\"]]}"
#define HEADER "{\"alg\":\"ES256\",\"typ\":\"eat+jwt\"}"

static EVP_PKEY *key;

static int make_key(void **state)
{
    (void)state;
    key = forge_key();
    return 0;
}

static int drop_key(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    return 0;
}

static char *sign(const char *header, const char *payload)
{
    struct fault f = { 0 };
    char *text = NULL;

    assert_int_equal(jws_sign(key, header, payload, strlen(payload), &text, &f), RC_OK);
    return text;
}

static enum rc open_text(const char *header, const char *payload, struct eat *out, struct fault *f)
{
    auto_free char *text = sign(header, payload);

    return eat_open(text, strlen(text), key, out, f);
}

static void good_evidence_is_read(void **state)
{
    struct eat e = { 0 };
    struct fault f = { 0 };

    (void)state;
    if (open_text(HEADER, GOOD, &e, &f) != RC_OK)
        fail_msg("%s", f.text);
    assert_int_equal(e.issued_at, 1790000000);
    assert_int_equal(e.boot_count, 17);
    assert_int_equal(e.debug, 2);
    assert_string_equal(e.sw_version, "12.1");
    assert_null(e.hw_model);
    assert_int_equal(e.count, 2);
    assert_string_equal(e.log[0].component, "loader");
    assert_int_equal(e.log[0].svn, 3);
    assert_int_equal(e.log[1].svn, 0);
    eat_done(&e);
}

static void debug_state_may_be_a_word(void **state)
{
    auto_free char *text = strdup(GOOD);
    char other[2000], *at = strstr(text, "\"dbgstat\":2");
    struct eat e = { 0 };
    struct fault f = { 0 };

    (void)state;
    *at = '\0';
    snprintf(other, sizeof other, "%s\"dbgstat\":\"disabled-permanently\"%s", text,
             at + strlen("\"dbgstat\":2"));
    assert_int_equal(eat_read(other, strlen(other), &e, &f), RC_OK);
    assert_int_equal(e.debug, 3);
    eat_done(&e);
}

static void a_signature_of_another_key_is_denied(void **state)
{
    auto_free char *text = sign(HEADER, GOOD);
    EVP_PKEY *other = forge_key();
    struct eat e;
    struct fault f = { 0 };

    (void)state;
    assert_int_equal(eat_open(text, strlen(text), other, &e, &f), RC_DENIED);
    EVP_PKEY_free(other);
}

static void every_changed_byte_is_noticed(void **state)
{
    auto_free char *text = sign(HEADER, GOOD);
    size_t len = strlen(text);

    (void)state;
    for (size_t i = 0; i < len; i += 7) {
        struct eat e = { 0 };
        struct fault f = { 0 };
        char was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        if (was != '.' && eat_open(text, len, key, &e, &f) == RC_OK)
            fail_msg("byte %zu may be changed", i);
        text[i] = was;
    }
}

static void the_header_is_exactly_ours(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\",\"typ\":\"eat+jwt\"}",
        "{\"alg\":\"HS256\",\"typ\":\"eat+jwt\"}",
        "{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"ES256\"}",
        "{\"typ\":\"eat+jwt\"}",
        "{\"alg\":\"ES256\",\"typ\":\"eat+jwt\",\"crit\":[\"x\"]}",
        "{\"alg\":\"ES256\",\"typ\":\"eat+jwt\",\"jwk\":{}}",
        "{\"alg\":\"ES256\",\"alg\":\"none\",\"typ\":\"eat+jwt\"}",
        "[]",
        "x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct eat e;
        struct fault f = { 0 };

        if (open_text(headers[i], GOOD, &e, &f) != RC_INVALID)
            fail_msg("taken: %s", headers[i]);
    }
}

static void what_is_not_a_jws_is_invalid(void **state)
{
    static const char *const texts[] = { "", ".", "..", "a.b", "a.b.c", "....", "\xff.\xff.\xff" };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct eat e;
        struct fault f = { 0 };

        assert_int_equal(eat_open(texts[i], strlen(texts[i]), key, &e, &f), RC_INVALID);
    }
}

// Replaces one claim of the good ones; NULL takes it away.
static char *with(const char *name, const char *value)
{
    json_auto_t *o = json_loads(GOOD, 0, NULL);

    if (value)
        json_object_set_new(o, name, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(o, name);
    return json_dumps(o, JSON_COMPACT);
}

static void a_bad_claim_is_refused_by_its_name(void **state)
{
    static const struct {
        const char *claim, *value;
    } cases[] = {
        { "eat_profile", NULL },
        { "eat_profile", "\"tag:other\"" },
        { "eat_nonce", NULL },
        { "eat_nonce", "\"AAAA\"" },
        { "eat_nonce", "7" },
        { "eat_nonce", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA*A\"" },
        { "ueid", NULL },
        { "ueid", "\"AgAAAAAAAAAAAAAAAAAAAAA\"" },
        { "ueid", "\"AQAAAAAAAAAAAAAAAAAAAA\"" },
        { "iat", NULL },
        { "iat", "1.5" },
        { "iat", "-1" },
        { "iat", "\"now\"" },
        { "bootcount", NULL },
        { "bootcount", "9223372036854775807" },
        { "dbgstat", NULL },
        { "dbgstat", "5" },
        { "dbgstat", "-1" },
        { "dbgstat", "\"off\"" },
        { "dbgstat", "true" },
        { "hwmodel", "7" },
        { "swversion", "null" },
        { "orrery_log", NULL },
        { "orrery_log", "{}" },
        { "orrery_log", "[7]" },
        { "orrery_log", "[[]]" },
        { "orrery_log", "[[24,\"a\",\"1\",\"" SHA "\",0]]" },
        { "orrery_log", "[[8,\"\",\"1\",\"" SHA "\",0]]" },
        { "orrery_log", "[[8,\"a\",\"1\",\"ABC\",0]]" },
        { "orrery_log", "[[8,\"a\",\"1\",\"" SHA "\",-1]]" },
        { "orrery_log", "[[8,\"a\",\"1\",\"" SHA "\",\"x\"]]" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        auto_free char *text = with(cases[i].claim, cases[i].value);
        struct eat e;
        struct fault f = { 0 };

        if (eat_read(text, strlen(text), &e, &f) != RC_INVALID || !strstr(f.text, cases[i].claim))
            fail_msg("%s = %s: %s", cases[i].claim, cases[i].value ? cases[i].value : "missing",
                     f.text);
    }
}

static void claims_that_are_no_flat_object_are_refused(void **state)
{
    static char deep[4000];
    static const char *const texts[] = { "", "7", "[]", "{\"iat\":1,\"iat\":2}", "{" };
    struct eat e;
    struct fault f = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(eat_read(texts[i], strlen(texts[i]), &e, &f), RC_INVALID);
    memset(deep, '[', 1000);
    memset(deep + 1000, ']', 1000);
    auto_free char *text = with("submods", deep);
    assert_int_equal(eat_read(text, strlen(text), &e, &f), RC_INVALID);
}

static void a_log_has_at_most_64_lines(void **state)
{
    json_auto_t *log = json_array();
    json_t *line = json_loads("[8,\"a\",\"1\",\"" SHA "\",0]", 0, NULL);
    auto_free char *value = NULL, *text = NULL;
    struct eat e;
    struct fault f = { 0 };

    (void)state;
    for (int i = 0; i <= EAT_LOG_MAX; i++)
        json_array_append(log, line);
    json_decref(line);
    value = json_dumps(log, 0);
    text = with("orrery_log", value);
    assert_int_equal(eat_read(text, strlen(text), &e, &f), RC_INVALID);
}

static void the_binding_depends_on_all_three(void **state)
{
    uint8_t nonce[32] = { 1 }, exporter[32] = { 2 }, spki[91] = { 3 }, first[32], other[32];

    (void)state;
    eat_expected_nonce(nonce, spki, sizeof spki, exporter, first);
    for (int i = 0; i < 3; i++) {
        uint8_t *part = i == 0 ? nonce : i == 1 ? exporter : spki;

        part[5] ^= 1;
        eat_expected_nonce(nonce, spki, sizeof spki, exporter, other);
        part[5] ^= 1;
        assert_memory_not_equal(first, other, 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_evidence_is_read),
        cmocka_unit_test(debug_state_may_be_a_word),
        cmocka_unit_test(a_signature_of_another_key_is_denied),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(the_header_is_exactly_ours),
        cmocka_unit_test(what_is_not_a_jws_is_invalid),
        cmocka_unit_test(a_bad_claim_is_refused_by_its_name),
        cmocka_unit_test(claims_that_are_no_flat_object_are_refused),
        cmocka_unit_test(a_log_has_at_most_64_lines),
        cmocka_unit_test(the_binding_depends_on_all_three),
    };

    return cmocka_run_group_tests_name("evidence", tests, make_key, drop_key);
}
