// SPDX-License-Identifier: Apache-2.0

#include "net/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static bool is_mapped(const struct in6_addr *a)
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    return memcmp(a, mapped, sizeof mapped) == 0;
}

void peer_key(const struct sockaddr_storage *from, uint8_t key[PEER_KEY_LEN])
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    memset(key, 0, PEER_KEY_LEN);
    if (from->ss_family == AF_INET) {
        memcpy(&v4, from, sizeof v4);
        key[0] = 4;
        memcpy(key + 1, &v4.sin_addr, 4);
        return;
    }
    memcpy(&v6, from, sizeof v6);
    if (is_mapped(&v6.sin6_addr)) {
        key[0] = 4;
        memcpy(key + 1, v6.sin6_addr.s6_addr + 12, 4);
    } else {
        key[0] = 6;
        memcpy(key + 1, &v6.sin6_addr, 8);
    }
}

void peer_text(const struct sockaddr_storage *from, char out[PEER_TEXT_MAX])
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    *out = '\0';
    if (from->ss_family == AF_INET) {
        memcpy(&v4, from, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, out, PEER_TEXT_MAX);
    } else if (from->ss_family == AF_INET6) {
        memcpy(&v6, from, sizeof v6);
        if (is_mapped(&v6.sin6_addr))
            inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, out, PEER_TEXT_MAX);
        else
            inet_ntop(AF_INET6, &v6.sin6_addr, out, PEER_TEXT_MAX);
    }
}

void peer_key_text(const uint8_t key[PEER_KEY_LEN], char out[PEER_TEXT_MAX])
{
    uint8_t network[16] = { 0 };
    char text[INET6_ADDRSTRLEN] = "";

    memcpy(network, key + 1, key[0] == 4 ? 4 : 8);
    inet_ntop(key[0] == 4 ? AF_INET : AF_INET6, network, text, sizeof text);
    snprintf(out, PEER_TEXT_MAX, "%.40s%s", text, key[0] == 6 ? "/64" : "");
}

bool peer_of(int fd, struct sockaddr_storage *out)
{
    socklen_t len = sizeof *out;

    memset(out, 0, sizeof *out);
    return fd >= 0 && getpeername(fd, (struct sockaddr *)out, &len) == 0;
}
