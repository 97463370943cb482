// SPDX-License-Identifier: Apache-2.0
//
// Addresses as keys to count by and as texts for people.

#include "net/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

static struct sockaddr_storage of(const char *text)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    struct sockaddr_storage out = { 0 };

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        memcpy(&out, &v4, sizeof v4);
    else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
        memcpy(&out, &v6, sizeof v6);
    return out;
}

static bool same(const char *a, const char *b)
{
    struct sockaddr_storage x = of(a), y = of(b);
    uint8_t one[PEER_KEY_LEN], two[PEER_KEY_LEN];

    peer_key(&x, one);
    peer_key(&y, two);
    return memcmp(one, two, sizeof one) == 0;
}

static void a_mapped_address_is_the_address_itself(void **state)
{
    (void)state;
    assert_true(same("192.0.2.7", "::ffff:192.0.2.7"));
    assert_false(same("192.0.2.7", "192.0.2.8"));
}

static void a_network_of_64_bits_is_one_caller(void **state)
{
    (void)state;
    assert_true(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
    assert_false(same("2001:db8:1:2::1", "2001:db8:1:3::1"));
}

static void an_address_is_written_as_people_write_it(void **state)
{
    static const struct {
        const char *from, *text;
    } cases[] = {
        { "192.0.2.7", "192.0.2.7" },
        { "::ffff:192.0.2.7", "192.0.2.7" },
        { "2001:db8::1", "2001:db8::1" },
        { "", "" },
    };
    char text[PEER_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_storage a = of(cases[i].from);

        peer_text(&a, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void what_is_not_connected_has_no_address(void **state)
{
    struct sockaddr_storage a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_false(peer_of(fd, &a));
    assert_int_equal(a.ss_family, 0);
    assert_false(peer_of(-1, &a));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mapped_address_is_the_address_itself),
        cmocka_unit_test(a_network_of_64_bits_is_one_caller),
        cmocka_unit_test(an_address_is_written_as_people_write_it),
        cmocka_unit_test(what_is_not_connected_has_no_address),
    };

    return cmocka_run_group_tests_name("addresses", tests, NULL, NULL);
}
