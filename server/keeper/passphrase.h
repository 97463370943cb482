// SPDX-License-Identifier: Apache-2.0
//
// passphrase: where the file with the keeper's passphrase is.
//
// The configuration, then $CREDENTIALS_DIRECTORY (systemd), then a file in the instance, which is
// no protection against whoever has the folder: docs/security.md says so.

#pragma once

#include <stddef.h>

#include "core/rc.h"

struct config;

// Whether or not there is such a file.
void passphrase_path(const struct config *c, char *path, size_t size);
// Makes one of random characters unless there is one.
enum rc passphrase_make(const char *path, struct fault *f);
