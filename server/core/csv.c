// SPDX-License-Identifier: Apache-2.0

#include "core/csv.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define BOM "\xef\xbb\xbf"

// ---------------------------------------------------------------- is it text at all?

static enum rc not_text(const char *bytes, size_t len, struct fault *f)
{
    if (len >= 4 && !memcmp(bytes, "PK\3\4", 4))
        return fail(f, RC_INVALID, "this is a workbook or an archive: save the sheet as CSV UTF-8");
    if (len >= 2 && (!memcmp(bytes, "\xff\xfe", 2) || !memcmp(bytes, "\xfe\xff", 2)))
        return fail(f, RC_INVALID, "this is UTF-16: save the file as CSV UTF-8");
    for (size_t i = 0; i < len; i++) {
        unsigned char b = (unsigned char)bytes[i];

        if ((b < 0x20 && b != '\t' && b != '\r' && b != '\n') || b == 0x7f)
            return fail(f, RC_INVALID,
                        "this is no text: it has the byte 0x%02x at offset %zu; send CSV in UTF-8",
                        b, i);
    }
    return RC_OK;
}

static size_t blank_lines(const char *text)
{
    return strspn(text, "\r\n");
}

// The one that the first line has most of outside quotes.
static char find_separator(const char *text)
{
    static const char separators[] = ",;\t";
    size_t counts[3] = { 0 }, best = 0;
    bool quoted = false;

    for (const char *p = text; *p && (quoted || (*p != '\n' && *p != '\r')); p++) {
        const char *which = strchr(separators, *p);

        quoted ^= *p == '"';
        if (!quoted && which)
            counts[which - separators]++;
    }
    for (size_t i = 1; i < 3; i++)
        if (counts[i] > counts[best])
            best = i;
    return separators[best];
}

enum rc csv_open(struct csv *out, const char *bytes, size_t len, struct fault *f)
{
    size_t mark = len >= 3 && !memcmp(bytes, BOM, 3) ? 3 : 0;
    enum rc rc = not_text(bytes, len, f);
    char *text;

    if (rc != RC_OK)
        return rc;
    text = strndup(bytes + mark, len - mark);
    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    *out = (struct csv){ .text = text,
                         .end = len - mark,
                         .line = 1,
                         .separator = find_separator(text + blank_lines(text)) };
    if (blank_lines(text) < out->end)
        return RC_OK;
    csv_done(out);
    return fail(f, RC_INVALID, "the file is empty");
}

void csv_done(struct csv *c)
{
    free(c->text);
    c->text = NULL;
}

// ---------------------------------------------------------------- rows

// What a row is, before anything is written into it.
struct span {
    size_t end;  // of its last field
    size_t next; // where the next row begins
    int64_t lines;
};

static size_t line_end(const struct csv *c, size_t at)
{
    while (at < c->end && c->text[at] != '\n' && c->text[at] != '\r')
        at++;
    return at;
}

static size_t behind_newline(const struct csv *c, size_t at)
{
    if (at < c->end && c->text[at] == '\r')
        at++;
    if (at < c->end && c->text[at] == '\n')
        at++;
    return at;
}

static bool ends_field(const struct csv *c, size_t at)
{
    return at == c->end || c->text[at] == c->separator || c->text[at] == '\n' ||
           c->text[at] == '\r';
}

// The end of a quoted field, behind its quote; 0 with a reason where it has none.
static size_t quoted_end(const struct csv *c, size_t at, const char **reason)
{
    for (at++; at < c->end; at++) {
        if (c->text[at] != '"')
            continue;
        if (at + 1 < c->end && c->text[at + 1] == '"') {
            at++;
            continue;
        }
        if (ends_field(c, at + 1))
            return at + 1;
        *reason = "there is text behind a closing quote: a quote within quotes is written twice";
        return 0;
    }
    *reason = "a quote is never closed";
    return 0;
}

static int64_t newlines(const struct csv *c, size_t from, size_t to)
{
    int64_t n = 0;

    for (size_t i = from; i < to; i++)
        n += c->text[i] == '\n' || (c->text[i] == '\r' && c->text[i + 1] != '\n');
    return n;
}

// Finds the row's end without a change to the text; false with a reason where it is bad.
static bool measure(const struct csv *c, struct span *out, const char **reason)
{
    size_t at = c->at, fields = 0;

    for (;; at++) {
        if (++fields > CSV_FIELDS_MAX) {
            *reason = "there are more than 64 columns";
            return false;
        }
        if (at < c->end && c->text[at] == '"')
            at = quoted_end(c, at, reason);
        else
            while (!ends_field(c, at))
                at++;
        if (*reason)
            return false;
        if (at == c->end || c->text[at] != c->separator)
            break;
    }
    out->end = at;
    out->next = behind_newline(c, at);
    out->lines = newlines(c, c->at, out->next);
    return true;
}

// Takes the quotes off, in place: what comes out is never longer. Returns where the field ended.
static size_t unquote(const struct csv *c, size_t at, char **out)
{
    char *to = &c->text[at];

    *out = to;
    for (at++; c->text[at] != '"' || c->text[at + 1] == '"'; at++) {
        at += c->text[at] == '"';
        *to++ = c->text[at];
    }
    *to = '\0';
    return at + 1;
}

static void split(const struct csv *c, const struct span *s, struct csv_row *row)
{
    for (size_t at = c->at; at <= s->end; at++) {
        char **field = &row->fields[row->count++];

        *field = &c->text[at];
        if (at < s->end && c->text[at] == '"')
            at = unquote(c, at, field);
        else
            while (at < s->end && c->text[at] != c->separator)
                at++;
        c->text[at] = '\0';
    }
}

static bool is_utf8(const char *text)
{
    json_t *s = json_string(text);

    json_decref(s);
    return s != NULL;
}

static enum csv_kind judge(struct csv_row *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (!is_utf8(row->fields[i])) {
            row->reason = "this is not UTF-8: save the file as CSV UTF-8";
            return CSV_BAD;
        }
    return CSV_ROW;
}

enum csv_kind csv_next(struct csv *c, struct csv_row *out)
{
    struct span s;

    for (; c->at < c->end && (c->text[c->at] == '\n' || c->text[c->at] == '\r'); c->line++)
        c->at = behind_newline(c, c->at);
    *out = (struct csv_row){ .line = c->line };
    if (c->at >= c->end)
        return CSV_END;
    if (!measure(c, &s, &out->reason)) {
        c->at = behind_newline(c, line_end(c, c->at));
        c->line++;
        return CSV_BAD;
    }
    split(c, &s, out);
    c->at = s.next;
    c->line += s.lines;
    return judge(out);
}
