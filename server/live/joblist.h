// SPDX-License-Identifier: Apache-2.0
//
// joblist: the topic jobs: the bulk jobs of a catalog that run or just ended.
//
//   bus event --joblist_due--> joblist_load reads all of them --joblist_tick--> one whole frame

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

struct source;
struct track;

struct joblist { // under the board's lock
    bool due, fresh;
    int64_t due_at; // not before; monotonic ms
    char *list;     // owned; a JSON array, NULL until the first load
};

void joblist_drop(struct joblist *j);
void joblist_due(struct joblist *j); // something happened to a job
enum rc joblist_load(struct joblist *j, const struct source *from, struct fault *f);
// Whether it made a frame.
bool joblist_tick(struct joblist *j, struct track *t);
