// SPDX-License-Identifier: Apache-2.0
//
// tale: a fleet of its own for each story, played by the real simulator against a gate.
//
//   tale_open(gate) --> tale_begin("clone", catalog, "3s count=2 clone", …) --> binary_stop()
//
// Each device has the tag "fleet" with the name of its story.

#pragma once

#include <stdint.h>

#include "support/gate.h"

#define TALE_DEVICES 40

// Accepts the fleet's firmware in both catalogs of the gate.
void tale_open(struct gate *g);
void tale_close(void);
const char *tale_folder(void);

// Registered, claimed, with its tags.
void tale_make(const char *story, int32_t catalog, int seed);
void tale_write(const char *story, const char *text); // FOLDER/story.story
// Makes the fleet and plays in the background, until binary_stop(); more: further options.
pid_t tale_begin(const char *story, int32_t catalog, const char *text, const char *more);
// Another story for a fleet that was stopped.
pid_t tale_again(const char *story, const char *text, const char *more);
