// SPDX-License-Identifier: Apache-2.0
//
// resume: the TLS sessions that devices may come back with, in memory.
//
//   established --resume_keep--> table --get_session hook--> the next handshake, once
//
// A session ticket would carry the device's certificate, and OpenSSL decodes it for each
// resumption: a third of what that costs. Here the ticket is only a number. A session is good once,
// for RESUME_S, until the server ends or 4 newer ones want its place. Thread-safe: all loops share
// one table, so that a device that comes back to another loop resumes.

#pragma once

#include <openssl/ssl.h>

#include "core/rc.h"

#define RESUME_S 3600

struct resume;

struct resume *resume_new(void); // NULL: out of memory
void resume_free(struct resume *r);
// Handshakes of ctx look here; ctx must be gone before r.
void resume_serve(struct resume *r, SSL_CTX *ctx);
// Keeps a copy of the session that the client of ssl was given.
void resume_keep(struct resume *r, SSL *ssl);
