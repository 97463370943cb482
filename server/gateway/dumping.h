// SPDX-License-Identifier: Apache-2.0
//
// dumping: the part of a session that brings a crash dump.
//
//   offer --worker--> next: 0 --piece--worker--> next: n … --> stored, or refused with code and
//   words
//
// One dump at a time, one piece at a time. A refusal ends the dump, not the session; who speaks out
// of turn or offers without end is shown out.

#pragma once

#include <jansson.h>
#include <stdint.h>

struct job;
struct number;
struct session;

// Messages of the device: handlers of session.c.
void dumping_offer(struct session *s, json_t *o, const struct number *n, int64_t now_ms);
void dumping_piece(struct session *s, json_t *o, const struct number *n, int64_t now_ms);
void dumping_answer(struct session *s, struct job *j); // takes the step out of j
void dumping_tick(struct session *s, int64_t now_ms);  // forgets one whose pieces do not come
void dumping_end(struct session *s);
