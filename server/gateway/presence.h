// SPDX-License-Identifier: Apache-2.0
//
// presence: which devices have a session, and how many connections an address has.
//
//   session --presence_claim--> the one session of its device; an older one must end first
//
// Shared by all loops; each call holds a lock for a few instructions.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/peer.h"

struct presence;

struct place { // of a session
    uint32_t loop;
    uint64_t session;
    uint8_t address[PEER_KEY_LEN]; // it comes from
};

struct presence *presence_new(void);
void presence_free(struct presence *p);

// Makes now the device's session. True, and *before, if there was another.
bool presence_claim(struct presence *p, const uint8_t device[16], const struct place *now,
                    struct place *before);
// Only if it is still this session's.
void presence_release(struct presence *p, const uint8_t device[16], const struct place *now);

// "192.0.2.0/24" or "2001:db8:1::/48": where devices sit together. "" for other families.
void address_network(const struct sockaddr_storage *from, char *out, size_t size);

// A connection from an address (an IPv6 network of 64 bits counts as one): NULL if there are max
// already.
struct address;
struct address *address_enter(struct presence *p, const struct sockaddr_storage *from,
                              uint32_t max);
void address_leave(struct presence *p, struct address *a); // NULL is fine
// One of its connections is a stranger's: false if max are already.
bool address_stranger_enter(struct presence *p, struct address *a, uint32_t max);
void address_stranger_leave(struct presence *p, struct address *a);
