// SPDX-License-Identifier: Apache-2.0

#include "threat/networks.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/number.h"

static bool read_address(const char *text, struct network *out)
{
    bool v4 = !strchr(text, ':');

    memset(out, 0, sizeof *out);
    out->bytes = v4 ? 4 : 16;
    out->bits = v4 ? 32 : 128;
    return inet_pton(v4 ? AF_INET : AF_INET6, text, out->address) == 1;
}

bool network_read(const char *text, struct network *out)
{
    const char *slash = strchr(text, '/');
    char address[NETWORK_TEXT];
    int64_t bits;

    if (strlen(text) >= sizeof address)
        return false;
    snprintf(address, sizeof address, "%.*s", slash ? (int)(slash - text) : (int)strlen(text),
             text);
    if (!read_address(address, out))
        return false;
    if (!slash)
        return true;
    if (!number_read(slash + 1, &bits) || bits > out->bits)
        return false;
    out->bits = (uint8_t)bits;
    return true;
}

static bool holds(const struct network *n, const struct network *address)
{
    size_t whole = n->bits / 8;
    uint8_t mask = (uint8_t)(0xff00 >> n->bits % 8);

    return n->bytes == address->bytes && !memcmp(n->address, address->address, whole) &&
           (n->bits % 8 == 0 || !((n->address[whole] ^ address->address[whole]) & mask));
}

bool network_holds(const struct network *list, size_t count, const char *address)
{
    struct network a;

    if (!read_address(address, &a))
        return false;
    for (size_t i = 0; i < count; i++)
        if (holds(&list[i], &a))
            return true;
    return false;
}
