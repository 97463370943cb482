// SPDX-License-Identifier: Apache-2.0

#include "notify/fence.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/number.h"

#define BLOCK_TEXT 64

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

// Not public: IANA's special-purpose registries (RFC 6890 and what came after). IPv4 here stands
// for its mapped form too.
static const struct {
    const char *block, *what;
} refused[] = {
    { "0.0.0.0/8", "no address of a machine" },
    { "10.0.0.0/8", "a private address" },
    { "100.64.0.0/10", "a provider's internal address" },
    { "127.0.0.0/8", "a loopback address" },
    { "169.254.0.0/16", "a link-local address" },
    { "172.16.0.0/12", "a private address" },
    { "192.0.0.0/24", "an address for special purposes" },
    { "192.0.2.0/24", "an address for documentation" },
    { "192.88.99.0/24", "an address for special purposes" },
    { "192.168.0.0/16", "a private address" },
    { "198.18.0.0/15", "an address for measurements" },
    { "198.51.100.0/24", "an address for documentation" },
    { "203.0.113.0/24", "an address for documentation" },
    { "224.0.0.0/4", "a multicast address" },
    { "240.0.0.0/4", "a reserved address" },
    { "::/128", "no address of a machine" },
    { "::1/128", "a loopback address" },
    { "fc00::/7", "a private address" },
    { "fe80::/10", "a link-local address" },
    { "ff00::/8", "a multicast address" },
    { "2001::/23", "an address for special purposes" },
    { "2001:db8::/32", "an address for documentation" },
    { "2002::/16", "an address that holds another one" },
    { "3fff::/20", "an address for documentation" },
};

static bool read_address(const char *text, uint8_t out[16], int *width)
{
    *width = 128;
    if (inet_pton(AF_INET6, text, out) == 1)
        return true;
    memcpy(out, mapped, sizeof mapped);
    *width = 32;
    return inet_pton(AF_INET, text, out + sizeof mapped) == 1;
}

static bool is_within(const struct fence_block *b, const uint8_t address[16])
{
    int whole = b->bits / 8, rest = b->bits % 8;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));

    return memcmp(b->address, address, (size_t)whole) == 0 &&
           (rest == 0 || (b->address[whole] & mask) == (address[whole] & mask));
}

// "10.0.0.0/8", "127.0.0.1"; nothing may be set beyond the prefix.
static bool read_block(const char *text, struct fence_block *out)
{
    char address[BLOCK_TEXT];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    int64_t bits;
    int width;

    if (len >= sizeof address)
        return false;
    snprintf(address, sizeof address, "%.*s", (int)len, text);
    if (!read_address(address, out->address, &width))
        return false;
    bits = width;
    if (slash && (!number_read(slash + 1, &bits) || bits > width))
        return false;
    out->bits = (int)bits + 128 - width;
    for (int i = out->bits; i < 128; i++)
        if (out->address[i / 8] & (0x80 >> (i % 8)))
            return false;
    return true;
}

enum rc fence_parse(const char *cidrs, struct fence *out, struct fault *f)
{
    auto_free char *copy = strdup(cidrs);
    char *rest = copy, *one;

    if (!copy)
        return fail(f, RC_INTERNAL, "out of memory");
    *out = (struct fence){ 0 };
    while ((one = strsep(&rest, ", "))) {
        if (!*one)
            continue;
        if (out->count == FENCE_BLOCKS_MAX)
            return fail(f, RC_INVALID, "notify.allow holds more than %d networks",
                        FENCE_BLOCKS_MAX);
        if (!read_block(one, &out->allowed[out->count++]))
            return fail(f, RC_INVALID,
                        "notify.allow: '%.60s' is not a network such as 10.1.0.0/16 or fd00::/8",
                        one);
    }
    return RC_OK;
}

static bool is_allowed(const struct fence *fence, const uint8_t address[16])
{
    for (int i = 0; i < fence->count; i++)
        if (is_within(&fence->allowed[i], address))
            return true;
    return false;
}

static const char *judge(const struct fence *fence, const uint8_t address[16])
{
    struct fence_block b;

    if (is_allowed(fence, address))
        return NULL;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (read_block(refused[i].block, &b) && is_within(&b, address))
            return refused[i].what;
    // Of IPv6 only 2000::/3 is given out; all else is translation, or for later.
    if (memcmp(address, mapped, sizeof mapped) != 0 && (address[0] & 0xe0) != 0x20)
        return "a reserved address";
    return NULL;
}

const char *fence_refuses(const struct fence *fence, const struct sockaddr *to)
{
    uint8_t address[16];

    if (to->sa_family == AF_INET6) {
        struct sockaddr_in6 in;

        memcpy(&in, to, sizeof in);
        return judge(fence, in.sin6_addr.s6_addr);
    }
    if (to->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, to, sizeof in);
        memcpy(address, mapped, sizeof mapped);
        memcpy(address + sizeof mapped, &in.sin_addr, 4);
        return judge(fence, address);
    }
    return "no internet address";
}

const char *fence_refuses_host(const struct fence *fence, const char *host)
{
    char text[BLOCK_TEXT];
    uint8_t address[16];
    size_t len = strlen(host);
    int width;

    if (len >= sizeof text)
        return NULL;
    snprintf(text, sizeof text, "%s", host);
    if (len > 2 && *host == '[' && host[len - 1] == ']')
        snprintf(text, sizeof text, "%.*s", (int)len - 2, host + 1);
    return read_address(text, address, &width) ? judge(fence, address) : NULL;
}
