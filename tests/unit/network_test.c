// SPDX-License-Identifier: Apache-2.0
//
// Which network an address lies in, as devices are grouped by it.

#include <arpa/inet.h>
#include <string.h>

#include "gateway/identity.h"
#include "gateway/presence.h"
#include "test.h"

static void is_in(int family, const char *address, const char *network)
{
    struct sockaddr_storage from = { .ss_family = (sa_family_t)family };
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    char text[NETWORK_LEN];

    if (family == AF_INET) {
        assert_int_equal(inet_pton(AF_INET, address, &v4.sin_addr), 1);
        memcpy(&from, &v4, sizeof v4);
    } else if (family == AF_INET6) {
        assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
        memcpy(&from, &v6, sizeof v6);
    }
    address_network(&from, text, sizeof text);
    assert_string_equal(text, network);
}

static void an_address_becomes_its_network(void **state)
{
    (void)state;
    is_in(AF_INET, "192.0.2.77", "192.0.2.0/24");
    is_in(AF_INET, "255.255.255.255", "255.255.255.0/24");
    is_in(AF_INET6, "2001:db8:1:2:3:4:5:6", "2001:db8:1::/48");
    is_in(AF_INET6, "ffff:ffff:ffff:ffff::", "ffff:ffff:ffff::/48");
    is_in(AF_INET6, "::ffff:198.51.100.9", "198.51.100.0/24");
    is_in(AF_UNIX, NULL, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_becomes_its_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
