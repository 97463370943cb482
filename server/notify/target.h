// SPDX-License-Identifier: Apache-2.0
//
// target: whether what people typed can be a receiver, said at once rather than at three in the
// morning. What it means in the end (which address a name leads to) the fence decides when a
// message goes.

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/rc.h"
#include "notify/fence.h"

#define TARGET_URL_MAX  1000
#define TARGET_MAIL_MAX 254

// http or https, a host, no user or password in it, no fragment; a host written as an address must
// be allowed.
enum rc target_check_url(const char *url, const struct fence *fence, struct fault *f);
// The same for the host of a mail server.
enum rc target_check_host(const char *host, const struct fence *fence, struct fault *f);
// One bare address, a@b.example, of characters that mean nothing in a header or a command.
bool target_is_mail(const char *address);
// "https://hooks.example.org/…": what everybody may see; the rest of a URL is often a secret.
void target_origin(const char *url, char *out, size_t size);
