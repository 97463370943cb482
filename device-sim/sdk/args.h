// SPDX-License-Identifier: Apache-2.0
//
// args: the command line of the device programs: a command, then --name value pairs.
//
// Each command has a table of the options it takes; "name=" wants a value, "name" stands alone.
// Anything else is refused with its name.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define ARGS_MAX 40

struct args {
    const char *names[ARGS_MAX];
    const char *values[ARGS_MAX]; // NULL for options that stand alone
    int count;
};

struct command {
    const char *name;
    const char *const *options;
    enum rc (*run)(const struct args *a, struct fault *f);
};

// Finds the command, reads its options, runs it; prints the fault. Returns the exit code:
// 0, 1 when the command failed, 2 when it was called wrongly.
int args_run(const char *program, const char *usage, const struct command *commands, int argc,
             char **argv);

bool args_has(const struct args *a, const char *name);
const char *args_get(const struct args *a, const char *name, const char *fallback);
enum rc args_need(const struct args *a, const char *name, const char **out, struct fault *f);
enum rc args_int(const struct args *a, const char *name, int64_t fallback, int64_t min, int64_t max,
                 int64_t *out, struct fault *f);
// 500ms, 2s, 5m, 1h; a bare number is seconds. *out in ms.
enum rc args_time(const struct args *a, const char *name, int64_t fallback, int64_t min,
                  int64_t max, int64_t *out, struct fault *f);
// 4096, 64K, 16M, 1G
enum rc args_size(const struct args *a, const char *name, int64_t fallback, int64_t min,
                  int64_t max, int64_t *out, struct fault *f);
