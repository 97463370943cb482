// SPDX-License-Identifier: Apache-2.0
//
// window: a registration window: for some minutes, devices that nobody has registered may come.
//
//   open --minutes pass, or a person closes it--> closed
//   device --with the window's code--> claimed into its group, with its tags
//   device --without--> arrival (arrival.h), until a person claims it
//
// So many arrivals are held, and so many devices claimed, by its code or by hand. Its code is shown
// once and kept as a hash. Only this module writes its tables.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"
#include "window/code.h"

#define WINDOW_MINUTES_MAX (7 * 24 * 60)
#define WINDOW_DEVICES_MAX 100000
#define WINDOW_LABEL_MAX   80

struct store;
struct rows;

struct window_request {
    const char *label;
    bool code;        // make one
    int64_t group;    // 0: none
    const char *tags; // JSON text; NULL: none
    int64_t most, minutes;
    const char *actor;
};

// A row as people see it; texts are borrowed from the rows.
struct window {
    int64_t id;
    const char *label, *code_hint, *group_name, *product_name, *tags, *actor;
    int64_t group; // 0: none
    int64_t most, arrived, claimed;
    int64_t opens_at, closes_at; // Unix ms
    bool open;
};

// code holds "" where none was asked for. RC_INVALID: no such group; RC_LIMIT: too many are open.
enum rc window_add(struct store *s, int32_t catalog, const struct window_request *what, int64_t *id,
                   char code[CODE_LEN + 1], struct fault *f);
// Newest first, below before (INT64_MAX: all).
enum rc window_page(struct store *s, int32_t catalog, int64_t before, int limit, struct rows **out,
                    struct fault *f);
void window_at(const struct rows *rows, int row, struct window *out);
enum rc window_load(struct store *s, int32_t catalog, int64_t id, struct rows **out,
                    struct fault *f);
// RC_CONFLICT if it is closed already.
enum rc window_close(struct store *s, int32_t catalog, int64_t id, struct fault *f);
// Closes what an account opened that may no more; but: the catalog where it still may, or 0.
enum rc window_close_of(struct store *tx, const char *actor, int32_t but, struct fault *f);
// RC_INVALID unless the catalog has that group.
enum rc window_group_check(struct store *s, int32_t catalog, int64_t group, struct fault *f);
