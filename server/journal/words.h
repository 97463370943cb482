// SPDX-License-Identifier: Apache-2.0
//
// journal/words: what a person types to find log lines.
//
//   pump "timed out" -retry app.pump --words_read--> terms, all of which a line must satisfy
//
// Words are runs of letters and digits; punctuation parts them, in what is typed as in the lines,
// and a word with punctuation inside is a phrase. Upper and lower case are alike. Nothing is an
// operator but a leading minus and the double quote; one that is never closed ends with the text.

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/rc.h"

#define WORDS_TEXT_MAX 200
#define WORDS_MAX      16

struct words_term {
    bool unwanted;
    char text[WORDS_TEXT_MAX + 3]; // " timed out ": runs, parted and framed by single spaces
};

struct words {
    size_t count; // 0: everything is found
    struct words_term terms[WORDS_MAX];
};

// RC_INVALID for too much of it, or for what holds no word.
enum rc words_read(const char *text, struct words *out, struct fault *f);
// What websearch_to_tsquery() takes.
void words_query(const struct words *w, char *out, size_t size);
#define WORDS_QUERY_MAX (WORDS_TEXT_MAX * 2 + WORDS_MAX * 6)
// The longest run that each line found must contain; "" if none must.
void words_hint(const struct words *w, char out[WORDS_TEXT_MAX + 1]);
// Whether a line would be found; each part may be NULL.
bool words_match(const struct words *w, const char *name, const char *source, const char *text);
