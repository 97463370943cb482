// SPDX-License-Identifier: Apache-2.0
//
// Claim codes as people write them, and how fast strangers may knock.

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "fake_store.h"
#include "test.h"
#include "window/code.h"
#include "window/doors.h"

static int64_t mono_ms = 1000000, wall_ms = 1790000000000;

int64_t clock_mono_ms(void)
{
    return mono_ms;
}

int64_t clock_now_ms(void)
{
    return wall_ms;
}

static struct sockaddr_storage address(uint32_t n)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(n) };
    struct sockaddr_storage out = { 0 };

    memcpy(&out, &a, sizeof a);
    return out;
}

// ---------------------------------------------------------------- codes

static bool same(const char *a, const char *b)
{
    uint8_t x[32], y[32];

    return code_read(a, x) && code_read(b, y) && !memcmp(x, y, 32);
}

static void a_code_is_read_however_it_was_written(void **state)
{
    (void)state;
    assert_true(same("7K2M-9QXT-C4VN-8HRD", "7k2m9qxtc4vn8hrd"));
    assert_true(same("7K2M-9QXT-C4VN-8HRD", " 7K2M 9QXT C4VN 8HRD "));
    assert_true(same("0011-0011-0011-0011", "OoIl-oOLi-0011-0011"));
    assert_false(same("7K2M-9QXT-C4VN-8HRD", "7K2M-9QXT-C4VN-8HRE"));
}

static void what_is_no_code_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "7K2M",
        "7K2M-9QXT-C4VN-8HR",
        "7K2M-9QXT-C4VN-8HRDX",
        "7K2M-9QXT-C4VN-8HRU",
        "7K2M_9QXT_C4VN_8HRD",
        "\xc3\xa4"
        "K2M-9QXT-C4VN-8HRD",
        "7K2M-9QXT-C4VN-8HR\n",
    };
    uint8_t hash[32];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (code_read(texts[i], hash))
            fail_msg("read: '%s'", texts[i]);
}

static void a_minted_code_can_be_read_and_is_never_the_same(void **state)
{
    char one[CODE_LEN + 1], two[CODE_LEN + 1];
    struct fault f = { 0 };
    uint8_t hash[32];

    (void)state;
    assert_int_equal(code_mint(one, &f), RC_OK);
    assert_int_equal(code_mint(two, &f), RC_OK);
    assert_int_equal(strlen(one), CODE_LEN);
    assert_true(code_read(one, hash));
    assert_string_not_equal(one, two);
}

// ---------------------------------------------------------------- doors

static struct doors *doors_new(void)
{
    struct doors *d = NULL;
    struct fault f = { 0 };

    store_will("window_all_open", RC_OK, &no_rows);
    assert_int_equal(doors_load(NULL, &d, &f), RC_OK);
    store_was_asked();
    return d;
}

static void a_door_is_open_until_its_time_and_can_be_closed_before(void **state)
{
    struct doors *d = doors_new();
    struct door only;

    (void)state;
    assert_int_equal(doors_open(d, NULL), 0);
    doors_put(d, &(struct door){ 1, 7, wall_ms + 1000 });
    doors_put(d, &(struct door){ 2, 7, wall_ms + 5000 });
    assert_int_equal(doors_open(d, NULL), 2);
    wall_ms += 2000;
    assert_int_equal(doors_open(d, &only), 1);
    assert_int_equal(only.catalog, 2);
    doors_put(d, &(struct door){ 2, 7, 0 });
    assert_int_equal(doors_open(d, NULL), 0);
    assert_int_equal(doors_open(NULL, NULL), 0);
    doors_free(d);
}

static void one_address_cannot_use_up_what_is_everybodys(void **state)
{
    struct doors *d = doors_new();
    struct sockaddr_storage loud = address(1), quiet = address(2);
    int let_in = 0;

    (void)state;
    for (int i = 0; i < 10000; i++)
        let_in += doors_knock(d, &loud);
    assert_int_equal(let_in, 200);
    assert_true(doors_knock(d, &quiet));
    mono_ms += 1000;
    for (int i = 0; i < 10000; i++)
        let_in += doors_knock(d, &loud);
    assert_int_equal(let_in, 250);
    assert_int_equal(doors_total(d, DOORS_KNOCKS), 251);
    assert_int_equal(doors_total(d, DOORS_CROWDED), 20000 - 250);
    doors_free(d);
}

static void ten_thousand_addresses_together_are_bounded_too(void **state)
{
    struct doors *d = doors_new();
    int let_in = 0;

    (void)state;
    for (uint32_t i = 0; i < 10000; i++) {
        struct sockaddr_storage from = address(0x0a000000 + i);

        let_in += doors_knock(d, &from);
    }
    assert_int_equal(let_in, 1000);
    doors_free(d);
}

static void wrong_codes_make_an_address_wait_longer_and_longer(void **state)
{
    struct doors *d = doors_new();
    struct sockaddr_storage from = address(3), other = address(4);
    int before;

    (void)state;
    for (int i = 0; i < 10; i++)
        doors_wrong(d, &from);
    assert_int_equal(doors_wait_s(d, &from), 0);
    doors_wrong(d, &from);
    before = doors_wait_s(d, &from);
    assert_int_equal(before, 2);
    doors_wrong(d, &from);
    assert_int_equal(doors_wait_s(d, &from), 4);
    assert_int_equal(doors_wait_s(d, &other), 0);
    mono_ms += 4000;
    assert_int_equal(doors_wait_s(d, &from), 0);
    for (int i = 0; i < 100; i++)
        doors_wrong(d, &from);
    assert_int_equal(doors_wait_s(d, &from), 300);
    doors_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_read_however_it_was_written),
        cmocka_unit_test(what_is_no_code_is_refused),
        cmocka_unit_test(a_minted_code_can_be_read_and_is_never_the_same),
        cmocka_unit_test(a_door_is_open_until_its_time_and_can_be_closed_before),
        cmocka_unit_test(one_address_cannot_use_up_what_is_everybodys),
        cmocka_unit_test(ten_thousand_addresses_together_are_bounded_too),
        cmocka_unit_test(wrong_codes_make_an_address_wait_longer_and_longer),
    };

    return cmocka_run_group_tests_name("registration windows", tests, NULL, NULL);
}
