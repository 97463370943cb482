// SPDX-License-Identifier: Apache-2.0
//
// peer: the address at the other end of a socket: as text for people, as a key for limits.
//
//   accept, getpeername --> sockaddr --peer_key--> 17 bytes to count by
//
// An IPv6 network of 64 bits is one key, as one household or machine has all of it; an IPv4 address
// mapped into IPv6 is the IPv4 address.

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define PEER_KEY_LEN  17
#define PEER_TEXT_MAX 46

void peer_key(const struct sockaddr_storage *from, uint8_t key[PEER_KEY_LEN]);
// "192.0.2.1", "2001:db8::1"; "" for another family.
void peer_text(const struct sockaddr_storage *from, char out[PEER_TEXT_MAX]);
// "192.0.2.1", "2001:db8::/64".
void peer_key_text(const uint8_t key[PEER_KEY_LEN], char out[PEER_TEXT_MAX]);
// Of a connected socket; false and an empty address if it has none.
bool peer_of(int fd, struct sockaddr_storage *out);
