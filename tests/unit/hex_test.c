// SPDX-License-Identifier: Apache-2.0

#include "core/hex.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static void hex_goes_there_and_back(void **state)
{
    (void)state;
    uint8_t all[256], back[256];
    char text[2 * 256 + 1];

    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    hex_encode(all, sizeof all, text);
    assert_int_equal(strlen(text), 512);
    assert_int_equal(strncmp(text, "000102030405060708090a0b", 24), 0);
    assert_true(hex_decode(text, back, sizeof back));
    assert_memory_equal(all, back, sizeof all);
    hex_encode(all, 0, text);
    assert_string_equal(text, "");
    assert_true(hex_decode("", back, 0));
}

static void hex_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = { "",     "0",    "00f",  "00ff0", "00FF", "00f ",
                                       " 00f", "0x0f", "00fg", "00\n0", "-0ff", "00ff\n" };
    uint8_t out[2];

    assert_true(hex_decode("00ff", out, 2));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(hex_decode(bad[i], out, 2));
}

// RFC 4648 section 10.
static const struct {
    const char *bytes, *padded, *url;
} vectors[] = {
    { "", "", "" },
    { "f", "Zg==", "Zg" },
    { "fo", "Zm8=", "Zm8" },
    { "foo", "Zm9v", "Zm9v" },
    { "foob", "Zm9vYg==", "Zm9vYg" },
    { "fooba", "Zm9vYmE=", "Zm9vYmE" },
    { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
    { "\xfb\xff\xbf", "+/+/", "-_-_" },
};

static void base64_vectors_of_the_rfc_hold(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        size_t len = strlen(vectors[i].bytes);
        uint8_t out[8];
        char text[16];

        assert_int_equal(base64_encode((const uint8_t *)vectors[i].bytes, len, text),
                         strlen(vectors[i].padded));
        assert_string_equal(text, vectors[i].padded);
        assert_int_equal(base64url_encode((const uint8_t *)vectors[i].bytes, len, text),
                         strlen(vectors[i].url));
        assert_string_equal(text, vectors[i].url);
        assert_int_equal(
            base64_decode(vectors[i].padded, strlen(vectors[i].padded), out, sizeof out), len);
        assert_memory_equal(out, vectors[i].bytes, len);
        assert_int_equal(base64url_decode(vectors[i].url, strlen(vectors[i].url), out, sizeof out),
                         len);
        assert_memory_equal(out, vectors[i].bytes, len);
    }
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Zg",   "Zg=",  "Zg===", "Zh==",   "Zm9=", "Zg==Zg==", "=", "==",    "====",
        "Z===", "Zm 9", "Zm9v ", "Zm9v\n", "-_-_", "Zm=v",     "Z", "Zm9vY",
    };
    uint8_t out[16];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(base64_decode(bad[i], strlen(bad[i]), out, sizeof out), -1);
}

static void base64url_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = { "Z",   "Zg==",  "Zh",   "Zm9",  "+/+/",    "Zm9v=",
                                       "Zm ", "Zm9vY", "Zg\n", "Zm.v", "\xff\xff" };
    uint8_t out[16];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(base64url_decode(bad[i], strlen(bad[i]), out, sizeof out), -1);
    // A NUL inside is a byte like any other wrong one.
    assert_int_equal(base64url_decode("Zm\0v", 4, out, sizeof out), -1);
}

static void a_decoder_never_writes_past_its_room(void **state)
{
    (void)state;
    uint8_t out[4] = { 0, 0, 0, 0x55 };

    assert_int_equal(base64_decode("Zm9vYmFy", 8, out, 3), -1);
    assert_int_equal(base64url_decode("Zm9v", 4, out, 3), 3);
    assert_int_equal(base64url_decode("Zm9vYg", 6, out, 3), -1);
    assert_int_equal(out[3], 0x55);
}

static void bytes_of_every_length_come_back(void **state)
{
    (void)state;
    uint8_t bytes[64], back[64];
    char text[BASE64_SIZE(64)];

    for (size_t len = 0; len <= sizeof bytes; len++) {
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(i * 37 + len * 101);
        size_t n = base64url_encode(bytes, len, text);
        assert_int_equal(base64url_decode(text, n, back, len), (long)len);
        assert_memory_equal(bytes, back, len);
        n = base64_encode(bytes, len, text);
        assert_true(n < BASE64_SIZE(len));
        assert_int_equal(base64_decode(text, n, back, len), (long)len);
        assert_memory_equal(bytes, back, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_goes_there_and_back),
        cmocka_unit_test(hex_is_strict),
        cmocka_unit_test(base64_vectors_of_the_rfc_hold),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(base64url_is_strict),
        cmocka_unit_test(a_decoder_never_writes_past_its_room),
        cmocka_unit_test(bytes_of_every_length_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
