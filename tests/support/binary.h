// SPDX-License-Identifier: Apache-2.0
//
// binary: the programs that were built, run as processes: orreryd, orrery-device, orrery-fleet.
//
// They stand where the test was built: of build/asan/tests/server/x_test, in build/asan. A command
// is a line for the shell that begins with the program's name.

#pragma once

#include <stddef.h>
#include <sys/types.h>

const char *binary_folder(void);

// To its end: what it prints is in out; returns the exit code.
int binary_run(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// On its own from here.
pid_t binary_start(const char *format, ...) __attribute__((format(printf, 1, 2)));
// With a signal; its exit code, or that signal's number below zero.
int binary_stop(pid_t pid, int sig);
