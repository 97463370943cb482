// SPDX-License-Identifier: Apache-2.0
//
// Which addresses notifications may go to.

#include "notify/fence.h"

#include <netdb.h>
#include <string.h>

#include "test.h"

static const char *ask(const char *allow, const char *address)
{
    struct addrinfo how = { .ai_flags = AI_NUMERICHOST }, *found = NULL;
    struct fence fence;
    struct fault f = { 0 };

    if (fence_parse(allow, &fence, &f) != RC_OK)
        fail_msg("%s", f.text);
    assert_int_equal(getaddrinfo(address, NULL, &how, &found), 0);
    const char *why = fence_refuses(&fence, found->ai_addr);
    freeaddrinfo(found);
    return why;
}

static void what_is_not_public_is_refused_in_words(void **state)
{
    static const struct {
        const char *address, *why;
    } cases[] = {
        { "127.0.0.1", "loopback" },
        { "127.255.255.254", "loopback" },
        { "0.0.0.0", "no address" },
        { "0.1.2.3", "no address" },
        { "10.0.0.1", "private" },
        { "172.16.0.1", "private" },
        { "172.31.255.255", "private" },
        { "192.168.255.1", "private" },
        { "169.254.169.254", "link-local" },
        { "100.64.0.1", "internal" },
        { "192.0.0.192", "special" },
        { "198.19.255.255", "measurements" },
        { "203.0.113.7", "documentation" },
        { "224.0.0.1", "multicast" },
        { "255.255.255.255", "reserved" },
        { "::", "no address" },
        { "::1", "loopback" },
        { "::ffff:127.0.0.1", "loopback" },
        { "::ffff:169.254.169.254", "link-local" },
        { "::ffff:10.1.2.3", "private" },
        { "::127.0.0.1", "reserved" },
        { "64:ff9b::7f00:1", "reserved" },
        { "64:ff9b:1::a00:1", "reserved" },
        { "2002:7f00:1::", "another" },
        { "2001::1", "special" },
        { "fe80::1", "link-local" },
        { "fd12:3456::1", "private" },
        { "ff02::1", "multicast" },
        { "2001:db8::1", "documentation" },
        { "fec0::1", "reserved" },
        { "4000::1", "reserved" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *why = ask("", cases[i].address);
        if (!why || !strstr(why, cases[i].why))
            fail_msg("%s: %s", cases[i].address, why ? why : "allowed");
    }
}

static void public_addresses_are_allowed(void **state)
{
    static const char *const cases[] = { "1.1.1.1",        "9.255.255.255", "172.32.0.1",
                                         "100.128.0.1",    "223.255.255.1", "2606:4700::1111",
                                         "::ffff:1.1.1.1", "2a00::1" };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (ask("", cases[i]))
            fail_msg("%s: %s", cases[i], ask("", cases[i]));
}

static void what_the_operator_lists_is_allowed_and_nothing_beside_it(void **state)
{
    (void)state;
    assert_null(ask("127.0.0.2", "127.0.0.2"));
    assert_non_null(ask("127.0.0.2", "127.0.0.1"));
    assert_non_null(ask("127.0.0.2", "127.0.0.3"));
    assert_null(ask("10.1.0.0/16, fd00::/8", "10.1.255.255"));
    assert_non_null(ask("10.1.0.0/16,fd00::/8", "10.2.0.0"));
    assert_null(ask("10.1.0.0/16,fd00::/8", "fd99::1"));
    assert_null(ask("10.1.0.0/17", "::ffff:10.1.127.1"));
    assert_non_null(ask("10.1.0.0/17", "10.1.128.1"));
    assert_null(ask("::1", "::1"));
    assert_null(ask("0.0.0.0/0", "127.0.0.1"));
    assert_non_null(ask("0.0.0.0/0", "::1"));
}

static void bad_lists_are_refused_with_the_word(void **state)
{
    static const char *const cases[] = {
        "10.0.0.0/33", "10.0.0.1/8",  "::1/129", "10.0.0.0/",  "10.0.0.0/-1", "localhost",
        "10.0.0",      "10.0.0.0/8/", "1/2",     "fe80::1%lo", "/8",          "10.0.0.0/ 8",
    };
    struct fence fence;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault f = { 0 };
        if (fence_parse(cases[i], &fence, &f) != RC_INVALID || !strstr(f.text, "notify.allow"))
            fail_msg("%s was taken", cases[i]);
    }
}

static void a_host_that_is_an_address_is_judged_at_once(void **state)
{
    struct fence fence = { 0 };

    (void)state;
    assert_non_null(fence_refuses_host(&fence, "127.0.0.1"));
    assert_non_null(fence_refuses_host(&fence, "[::1]"));
    assert_null(fence_refuses_host(&fence, "[2606:4700::1111]"));
    assert_null(fence_refuses_host(&fence, "example.org"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_public_is_refused_in_words),
        cmocka_unit_test(public_addresses_are_allowed),
        cmocka_unit_test(what_the_operator_lists_is_allowed_and_nothing_beside_it),
        cmocka_unit_test(bad_lists_are_refused_with_the_word),
        cmocka_unit_test(a_host_that_is_an_address_is_judged_at_once),
    };

    return cmocka_run_group_tests_name("fence", tests, NULL, NULL);
}
