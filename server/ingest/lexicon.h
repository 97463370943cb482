// SPDX-License-Identifier: Apache-2.0
//
// lexicon: the index of words of a journal's hour, made when the hour has ended.
//
//   hour ends --a minute or less--> CREATE INDEX CONCURRENTLY journal_2026112221_words
//
// Kept while lines come, it would make taking them nine times as dear; made afterwards it costs
// nobody's wait. Lines that come late are put into it by PostgreSQL. What is cut short is left
// invalid, which no search uses, and made anew.

#pragma once

#include "core/rc.h"

struct ingest;

// The retention thread's; takes as long as there are hours without.
enum rc lexicon_round(struct ingest *g, struct fault *f);
// Any thread: ends what it is at.
void lexicon_stop(struct ingest *g);
