// SPDX-License-Identifier: Apache-2.0
//
// program: PostgreSQL's own programs, found on this machine and run.
//
// Children get a clean environment, no descriptor of ours but the log, their own session (so that
// Ctrl-C in a terminal reaches orreryd alone) and default signals.

#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/rc.h"

#define PROGRAM_OLDEST 15

// The folder that holds initdb and postgres of that major version; 0: the newest, at least
// PROGRAM_OLDEST.
enum rc program_find(int major, char out[PATH_MAX], struct fault *f);

// Starts argv, a NULL-ended list; its output is appended to the descriptor log.
enum rc program_spawn(const char *const *argv, int log, pid_t *out, struct fault *f);

// Runs argv to its end; said gets the last of its output. RC_INTERNAL unless it exits with 0.
enum rc program_run(const char *const *argv, char *said, size_t size, struct fault *f);

// The newest installed program of that name that is a client ("pg_dump"): its path.
enum rc program_client(const char *name, char out[PATH_MAX], struct fault *f);

// A running program and our end of its standard output, or input where we feed it.
struct program_pipe {
    pid_t pid;
    int fd;
};

// What it says goes to the descriptor said (its output too where we feed it).
enum rc program_pipe(const char *const *argv, bool feeds, int said, struct program_pipe *out,
                     struct fault *f);
// Closes our end and waits; true if it exited with 0.
bool program_end(struct program_pipe *p);
