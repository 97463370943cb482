// SPDX-License-Identifier: Apache-2.0
//
// identity: the agent's folder: who this device is and what it must not forget.
//
//   identity.key   factory key, made once, 0600
//   boot           counter, raised and fsynced at each start
//   time           newest signed time
//   server, server-ca.pem   where to connect, whom to trust there
//   certificate.pem, spool/, lock

#pragma once

#include <stdint.h>

#include "core/rc.h"
#include "sdk/p256.h"

#define PATH_SIZE 400

// Makes the folder, and those above it, if it is missing and says so when it cannot be written.
enum rc identity_folder(const char *dir, struct fault *f);
// Reads the factory key; makes it if there is none.
enum rc identity_load(const char *dir, struct p256 *out, struct fault *f);
// The lock lives as long as the process. RC_CONFLICT if another agent uses the folder.
enum rc identity_lock(const char *dir, struct fault *f);
enum rc identity_next_boot(const char *dir, int64_t *out, struct fault *f);
// $STATE_DIRECTORY of systemd, /var/lib/orrery-device for root, else below the home folder.
void identity_standard_folder(char out[PATH_SIZE]);
void identity_path(const char *dir, const char *name, char out[PATH_SIZE]);
