// SPDX-License-Identifier: Apache-2.0
//
// link_inner: what the three files of link need of each other.
//
//   link_env.c   shared context: TLS, addresses, randomness
//   link.c       socket, TLS, WebSocket, time and back-off
//   link_talk.c  the messages of orrery.device.v1

#pragma once

#include "sdk/link.h"

#define RX_SIZE (2 * 65536)
#define TX_SIZE (96 * 1024)

// ---- link_env.c
bool env_lookup(struct link_env *e, struct fault *f);
void env_random(struct link_env *e, void *out, size_t len);
uint32_t env_below(struct link_env *e, uint32_t limit); // 0 … limit - 1

// ---- link.c
void link_set_state(struct link *l, enum link_state s, int64_t for_ms);
bool link_send_text(struct link *l, const char *text, size_t len);
// The connection ends; the next one comes after the back-off, but not before at_least_ms.
__attribute__((format(printf, 3, 4))) void link_fail(struct link *l, int64_t at_least_ms,
                                                     const char *fmt, ...);
void link_forget(struct link *l); // the certificate is of no use

// ---- link_talk.c
void talk_hello(struct link *l);
void talk_renew(struct link *l);
void talk_text(struct link *l, const char *text, size_t len); // may end the connection
