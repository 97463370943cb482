// SPDX-License-Identifier: Apache-2.0
//
// agent: this machine as a device: reads its vitals, keeps them until the server has them.
//
//   vitals, log lines, events -> spool on disk -> link -> acknowledged -> deleted

#pragma once

#include <stdint.h>

#include "core/rc.h"

#define AGENT_NAME "orrery-device/0.1"

struct agent_options {
    const char *dir;
    const char *server; // host:port
    const char *ca_file;
    const char
        *ca_sha256;    // NULL, or: fetch the CA, which must have this hash, before anything else
    const char *claim; // a claim code, said until it is a device; NULL: none
    const char *crash_dir; // core files appear there; NULL: none
    int64_t interval_ms;
    int64_t buffer_bytes;
};

// Runs until SIGTERM or SIGINT (RC_OK), or until something only a person can mend: while it enrols
// (ca_sha256), that is every refusal.
enum rc agent_run(const struct agent_options *o, struct fault *f);
