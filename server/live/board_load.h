// SPDX-License-Identifier: Apache-2.0
//
// board_load: reads from the database what a board begins with and what its events do not say.
//
//   boards --wake--> seats, names, jobs by SQL --> boards
//
// One thread of its own, so that a slow database delays a picture and never a frame.

#pragma once

#include "core/rc.h"

struct board_loader;
struct boards;
struct store;

enum rc board_loader_start(struct boards *b, struct store *s, struct board_loader **out,
                           struct fault *f);
void board_loader_stop(struct board_loader *l); // NULL is fine
