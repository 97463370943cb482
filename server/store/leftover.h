// SPDX-License-Identifier: Apache-2.0
//
// leftover: processes that an earlier orreryd left in the folder of its cluster.
//
// PostgreSQL's processes all work in the data folder, which tells them from a stranger who got
// an old pid. Internal to cluster.

#pragma once

#include <sys/types.h>

// The pid in data/postmaster.pid, if that process is alive and works in this very folder; else 0.
pid_t leftover_postmaster(const char *data);

// Removes the lock files in data and run where they would keep PostgreSQL from starting for no
// reason: their process has ended, but whoever should have waited for it did not (the first process
// of many containers), and nobody works in the folder any more.
void leftover_clear(const char *data, const char *run);
