// SPDX-License-Identifier: Apache-2.0
//
// alarm: what threats a gate has seen, for tests that play stories against it (support/tale.h).
//
//   alarm_set(thresholds) --> story --> alarm_become("twin", "T01", where, 2)
//
// story is the tag "fleet" of devices; where is SQL over a, the alert, and h, its device. All wait
// until it comes, however slow the machine is, and fail the test when it never does.

#pragma once

#include "support/gate.h"
#include "support/model.h"

// GET or PUT of a catalog's thresholds.
void alarm_ask(struct gate *g, const char *method, int32_t catalog, const char *body,
               const char *version, struct model_answer *out);
// Sets them, whatever they were.
void alarm_set(struct gate *g, int32_t catalog, const char *body);

// Devices of a story that an alert of this code stands for, where it looks like that.
int64_t alarm_devices(const char *story, const char *code, const char *where);
void alarm_become(const char *story, const char *code, const char *where, int64_t wanted);
// Alerts that any device of the story was ever in.
int64_t alarm_count(const char *story);
// What comes from an address of which no device can be told; key is "T09:foreign" and the like.
void alarm_from(int32_t catalog, const char *key, const char *where);

// A signal of catalog acme.
void alarm_publish(struct gate *g, const char *name, int64_t device);
// Signals are heard in their order: what was said before this one has been weighed.
void alarm_settle(struct gate *g);
