// SPDX-License-Identifier: Apache-2.0
//
// whole: a topic that says all it has in each frame: jobs, alerts.
//
//   bus event --whole_due--> whole_load reads all of it --whole_tick--> one whole frame
//
// jobs: those that run or just ended. alerts: how many wait, and the worst and newest of them.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

struct source;
struct track;

// Reads what the frame says beside its topic and number, as an object.
typedef enum rc whole_read(const struct source *from, json_t **out, struct fault *f);

whole_read whole_jobs, whole_alerts;

struct whole { // under the board's lock
    bool due, fresh;
    int64_t due_at; // not before; monotonic ms
    char *text;     // owned; a JSON object, NULL until the first load
};

void whole_drop(struct whole *w);
void whole_due(struct whole *w); // something happened to it
enum rc whole_load(struct whole *w, whole_read *read, const struct source *from, struct fault *f);
// Whether it made a frame.
bool whole_tick(struct whole *w, struct track *t);
