// SPDX-License-Identifier: Apache-2.0

#include "journal/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"

// As journal_vector() in SQL has it: ASCII punctuation and space part words, all else is letters.
static bool is_letter(unsigned char c)
{
    return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

// Appends the runs of text to to, which ends in a space; returns its new end.
static char *put_runs(char *to, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (is_letter((unsigned char)text[i]))
            *to++ = lower(text[i]);
        else if (to[-1] != ' ')
            *to++ = ' ';
    }
    if (to[-1] != ' ')
        *to++ = ' ';
    *to = '\0';
    return to;
}

static enum rc add_term(struct words *w, const char *text, size_t len, bool unwanted,
                        struct fault *f)
{
    struct words_term *t = &w->terms[w->count];

    if (w->count == WORDS_MAX)
        return fail(f, RC_INVALID, "q may have at most %d words and phrases", WORDS_MAX);
    t->text[0] = ' ';
    t->unwanted = unwanted;
    if (put_runs(t->text + 1, text, len) > t->text + 1)
        w->count++;
    return RC_OK;
}

enum rc words_read(const char *text, struct words *out, struct fault *f)
{
    enum rc rc = RC_OK;

    out->count = 0;
    if (strlen(text) > WORDS_TEXT_MAX)
        return fail(f, RC_INVALID, "q must be at most %d bytes", WORDS_TEXT_MAX);
    while (rc == RC_OK && *text) {
        bool unwanted = *text == '-';
        const char *word = text + unwanted, *end;
        bool quoted = *word == '"';

        word += quoted;
        end = word + strcspn(word, quoted ? "\"" : " \t\r\n\"");
        rc = add_term(out, word, (size_t)(end - word), unwanted, f);
        text = end + ((quoted && *end) || (*end && *end != '"'));
    }
    if (rc == RC_OK && out->count == 0)
        return fail(f, RC_INVALID, "q holds no word: letters or digits to look for");
    return rc;
}

void words_query(const struct words *w, char *out, size_t size)
{
    size_t len = 0;

    *out = '\0';
    for (size_t i = 0; i < w->count && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s\"%s\" ", w->terms[i].unwanted ? "-" : "",
                                w->terms[i].text);
}

void words_hint(const struct words *w, char out[WORDS_TEXT_MAX + 1])
{
    size_t longest = 0;

    *out = '\0';
    for (size_t i = 0; i < w->count; i++) {
        for (const char *at = w->terms[i].text + 1; !w->terms[i].unwanted && *at;) {
            size_t len = strcspn(at, " ");

            if (len > longest) {
                longest = len;
                memcpy(out, at, len);
                out[len] = '\0';
            }
            at += len + 1;
        }
    }
}

static size_t length(const char *text)
{
    return text ? strlen(text) : 0;
}

bool words_match(const struct words *w, const char *name, const char *source, const char *text)
{
    auto_free char *line =
        w->count ? malloc(length(name) + length(source) + length(text) + 6) : NULL;
    char *to = line;

    if (!line)
        return w->count == 0;
    *to++ = ' ';
    to = put_runs(to, name ? name : "", length(name));
    to = put_runs(to, source ? source : "", length(source));
    put_runs(to, text ? text : "", length(text));
    for (size_t i = 0; i < w->count; i++)
        if (!strstr(line, w->terms[i].text) != w->terms[i].unwanted)
            return false;
    return true;
}
