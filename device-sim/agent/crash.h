// SPDX-License-Identifier: Apache-2.0
//
// crash: the core files of a folder: told of, brought to the server, deleted.
//
//   core.pump.4711 --event "crash"--> ….told --offered, piece by piece--> stored: deleted
//                                          `--refused for good--> ….kept
//
// The kernel, or who else watches over programs, writes files there under a name it makes up at the
// end (kernel.core_pattern = DIR/core.%e.%p); one that has not changed for two seconds is taken.
// What the group does not want stays here and is offered again a day later.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "sdk/link.h"

struct crashes;

// A program fell over: fields are for its event.
typedef void crash_tell(void *ctx, const char *program, const char *text, json_t *owned_fields);
typedef void crash_note(void *ctx, const char *text); // worth a log line

// All but dir is borrowed. NULL: out of memory.
struct crashes *crashes_open(const char *dir, struct link *link, crash_tell *tell, crash_note *note,
                             void *ctx);
void crashes_close(struct crashes *c); // NULL is fine
// Now and then: looks for files, offers one. now_ms is monotonic.
void crashes_tick(struct crashes *c, int64_t now_ms);
void crashes_answer(struct crashes *c, const struct link_dump *d);
void crashes_down(struct crashes *c); // the connection ended
