// SPDX-License-Identifier: Apache-2.0

#include "core/token.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// As jansson's JSON_PARSER_MAX_DEPTH.
#define DEPTH_MAX 2048
// Keys remembered at a time, to find duplicates: a full "m" and some members around it.
#define SEEN_MAX (TOKEN_METRICS_MAX + 32)
// Comparing keys with escapes is slow; longer ones are refused instead.
#define ESCAPED_KEY_MAX 256
// Digits that can decide how a decimal rounds to a double: 767, and one that says "and more".
#define DIGITS_MAX 800
#define DIGITS_U64 19

enum class {
    PLAIN = 1, // stands for itself in a string
    NAME = 2,  // may stand in a metric's name
    BLANK = 4,
};

static const unsigned char class_of[256] = {
    ['\t'] = BLANK,
    ['\n'] = BLANK,
    ['\r'] = BLANK,
    [' '] = PLAIN | BLANK,
    ['!'] = PLAIN,
    ['#' ... ','] = PLAIN,
    ['-' ... ':'] = PLAIN | NAME, // - . / 0-9 :
    [';' ... '@'] = PLAIN,
    ['A' ... 'Z'] = PLAIN | NAME,
    ['['] = PLAIN,
    [']' ... '^'] = PLAIN,
    ['_'] = PLAIN | NAME,
    ['`'] = PLAIN,
    ['a' ... 'z'] = PLAIN | NAME,
    ['{' ... 0x7f] = PLAIN,
};

struct text {
    struct token_slice s;
    unsigned char all; // classes that every byte has
    bool escapes;
};

struct number {
    bool whole; // without fraction and exponent
    int64_t i;
    double d;
};

struct key {
    struct token_slice s;
    uint64_t mark; // differs for keys that differ in length or ends; 0 = has escapes
};

// One object on its way through the cursor's frame.
struct scan {
    const char *at, *end;
    struct token_reading *reading;
    const char *broken; // why it is not JSON
    const char *refused, *code;
    bool telemetry, has_seq, has_t, has_m;
    size_t seen_count;
    struct key seen[SEEN_MAX];
};

static bool broken(struct scan *s, const char *why)
{
    s->broken = why;
    return false;
}

static void refuse(struct scan *s, const char *code, const char *why)
{
    if (s->refused)
        return;
    s->refused = why;
    s->code = code;
}

static inline void blanks(struct scan *s)
{
    while (s->at < s->end && class_of[(unsigned char)*s->at] & BLANK)
        s->at++;
}

static inline bool here(const struct scan *s, char c)
{
    return s->at < s->end && *s->at == c;
}

static inline bool digit(const char *p, const char *end)
{
    return p < end && (unsigned char)(*p - '0') < 10;
}

// ---------------------------------------------------------------- strings

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The four digits at p, or -1.
static long hex4(const char *p, const char *end)
{
    long v = 0;

    for (int i = 0; i < 4; i++) {
        int d = p + i < end ? hex_value(p[i]) : -1;

        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

// s->at is behind "\u".
static bool unicode_escape(struct scan *s)
{
    long v = hex4(s->at, s->end), low;

    if (v < 0)
        return broken(s, "a \\u escape needs four hexadecimal digits");
    if (v == 0)
        return broken(s, "\\u0000 is not allowed");
    s->at += 4;
    if (v < 0xd800 || v > 0xdfff)
        return true;
    if (v >= 0xdc00 || s->end - s->at < 6 || s->at[0] != '\\' || s->at[1] != 'u')
        return broken(s, "a \\u escape is half of a surrogate pair");
    low = hex4(s->at + 2, s->end);
    if (low < 0xdc00 || low > 0xdfff)
        return broken(s, "a \\u escape is half of a surrogate pair");
    s->at += 6;
    return true;
}

static bool escape(struct scan *s)
{
    s->at++;
    if (s->at == s->end)
        return broken(s, "a string does not end");
    if (*s->at == 'u') {
        s->at++;
        return unicode_escape(s);
    }
    if (*s->at == '\0' || !strchr("\"\\/bfnrt", *s->at))
        return broken(s, "unknown escape in a string");
    s->at++;
    return true;
}

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
static bool utf8(struct scan *s)
{
    const unsigned char *p = (const unsigned char *)s->at;
    size_t n = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
    unsigned char min = 0x80, max = 0xbf;

    if (*p < 0xc2 || *p > 0xf4 || (size_t)(s->end - s->at) < n)
        return broken(s, "not UTF-8");
    if (*p == 0xe0)
        min = 0xa0;
    if (*p == 0xed)
        max = 0x9f;
    if (*p == 0xf0)
        min = 0x90;
    if (*p == 0xf4)
        max = 0x8f;
    if (p[1] < min || p[1] > max)
        return broken(s, "not UTF-8");
    for (size_t i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return broken(s, "not UTF-8");
    }
    s->at += n;
    return true;
}

// What ended a run of plain bytes: an escape, a longer character, or trouble.
static bool odd_byte(struct scan *s, struct text *t)
{
    t->all = 0;
    if (s->at == s->end)
        return broken(s, "a string does not end");
    if (*s->at == '\\') {
        t->escapes = true;
        return escape(s);
    }
    if ((unsigned char)*s->at >= 0x80)
        return utf8(s);
    return broken(s, "a control character in a string");
}

static inline bool string(struct scan *s, struct text *t)
{
    const char *start = s->at + 1;
    unsigned char all = PLAIN | NAME;

    t->escapes = false;
    t->all = PLAIN | NAME;
    s->at = start;
    for (;;) {
        const char *p = s->at, *end = s->end;

        for (; p < end; p++) {
            unsigned char k = class_of[(unsigned char)*p];

            if (!(k & PLAIN))
                break;
            all &= k;
        }
        s->at = p;
        if (p < end && *p == '"')
            break;
        if (!odd_byte(s, t))
            return false;
    }
    t->all &= all;
    t->s = (struct token_slice){ start, (size_t)(s->at - start) };
    s->at++;
    return true;
}

// The next code point of the inside of a valid string.
static uint32_t point(const char **p)
{
    static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
    const char *found;
    uint32_t v;
    unsigned char c = (unsigned char)*(*p)++;

    if (c >= 0x80) {
        v = c >= 0xf0 ? c & 7 : c >= 0xe0 ? c & 15 : c & 31;
        while (((unsigned char)**p & 0xc0) == 0x80)
            v = v << 6 | (*(*p)++ & 63);
        return v;
    }
    if (c != '\\')
        return c;
    c = (unsigned char)*(*p)++;
    if (c != 'u') {
        found = strchr(letters, c);
        return found ? (uint32_t)meant[found - letters] : c;
    }
    v = (uint32_t)hex4(*p, *p + 4);
    *p += 4;
    if (v < 0xd800 || v > 0xdfff)
        return v;
    v = 0x10000 + ((v - 0xd800) << 10) + ((uint32_t)hex4(*p + 2, *p + 6) - 0xdc00);
    *p += 6;
    return v;
}

// Of the insides of two strings, which may say the same with and without escapes.
static bool same_text(struct token_slice a, struct token_slice b)
{
    const char *p = a.at, *q = b.at;

    while (p < a.at + a.len && q < b.at + b.len) {
        if (point(&p) != point(&q))
            return false;
    }
    return p == a.at + a.len && q == b.at + b.len;
}

static bool is(const struct text *t, const char *word, size_t len)
{
    if (!t->escapes)
        return t->s.len == len && memcmp(t->s.at, word, len) == 0;
    return same_text(t->s, (struct token_slice){ word, len });
}
#define IS(text, word) is(text, word, sizeof word - 1)

// ---------------------------------------------------------------- duplicate keys

static inline uint64_t mark_of(struct token_slice s)
{
    uint32_t first = 0, last = 0;

    if (s.len >= 4) {
        memcpy(&first, s.at, 4);
        memcpy(&last, s.at + s.len - 4, 4);
    } else if (s.len) {
        first = (unsigned char)s.at[0];
        last = (uint32_t)(unsigned char)s.at[s.len / 2] << 8 | (unsigned char)s.at[s.len - 1];
    }
    return ((uint64_t)first << 32 | last) + s.len * 0x9e3779b97f4a7c15u + 1;
}

static bool same_key(const struct key *k, const struct text *t)
{
    if (!k->mark)
        return same_text(k->s, t->s);
    return k->s.len == t->s.len && memcmp(k->s.at, t->s.at, t->s.len) == 0;
}

// Remembers a key of the object whose keys start at first; false if it is there already. Keys
// that do not fit make the object refused, so that a missed duplicate does no harm.
static inline bool remember(struct scan *s, size_t first, const struct text *t)
{
    uint64_t mark = t->escapes ? 0 : mark_of(t->s);

    if (s->seen_count == SEEN_MAX || (t->escapes && t->s.len > ESCAPED_KEY_MAX)) {
        refuse(s, "malformed", "too many members in one message, or too long a name");
        return true;
    }
    for (size_t i = first; i < s->seen_count; i++) {
        const struct key *k = &s->seen[i];

        if (k->mark == mark ? same_key(k, t) : (!k->mark || !mark) && same_text(k->s, t->s))
            return broken(s, "an object has the same name twice");
    }
    s->seen[s->seen_count++] = (struct key){ t->s, mark };
    return true;
}

// A key and its colon.
static inline bool key(struct scan *s, size_t first, struct text *t)
{
    if (!here(s, '"'))
        return broken(s, "a member's name is missing");
    if (!string(s, t) || !remember(s, first, t))
        return false;
    blanks(s);
    if (!here(s, ':'))
        return broken(s, "a colon is missing");
    s->at++;
    blanks(s);
    return true;
}

// ---------------------------------------------------------------- numbers

static const double exact_power[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

// A decimal: digits * 10^power. long_tail: digits did not all fit.
struct decimal {
    uint64_t digits;
    int count; // significant ones in digits
    long power;
    bool long_tail;
};

static inline void decimal_digit(struct decimal *d, unsigned v, bool fraction)
{
    if (d->count < DIGITS_U64) {
        d->digits = d->digits * 10 + v;
        d->count += d->digits != 0;
        d->power -= fraction;
        return;
    }
    d->long_tail = true;
    d->power += !fraction;
}

// The number at from, whose first significant digits did not suffice, by strtod. Its text is made
// again without a decimal point, so that no locale matters, and short, so that no heap does.
static double slow_double(const char *from, const char *to, long exponent)
{
    char text[DIGITS_MAX + 32];
    size_t n = 0;
    bool fraction = false, more = false;

    for (const char *p = from; p < to && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        if (n < DIGITS_MAX) {
            if (n || *p != '0')
                text[n++] = *p;
            exponent -= fraction;
        } else {
            more |= *p != '0';
            exponent += !fraction;
        }
    }
    if (!n)
        return 0;
    if (more && text[n - 1] == '0')
        text[n - 1] = '1';
    snprintf(text + n, sizeof text - n, "e%ld", exponent);
    return strtod(text, NULL);
}

// s->at is behind the "e"; false without digits. Far exponents are cut, still far.
static bool exponent(struct scan *s, long *out)
{
    bool minus = here(s, '-');
    long e = 0;

    if (minus || here(s, '+'))
        s->at++;
    if (!digit(s->at, s->end))
        return broken(s, "a number's exponent has no digits");
    for (; digit(s->at, s->end); s->at++) {
        if (e < 100000000)
            e = e * 10 + (*s->at - '0');
    }
    *out = minus ? -e : e;
    return true;
}

static bool real(struct scan *s, const char *start, bool minus, struct decimal *d,
                 struct number *out)
{
    long e = 0, power;
    double v;

    if (here(s, '.')) {
        s->at++;
        if (!digit(s->at, s->end))
            return broken(s, "a number's fraction has no digits");
        for (; digit(s->at, s->end); s->at++)
            decimal_digit(d, (unsigned)(*s->at - '0'), true);
    }
    if (here(s, 'e') || here(s, 'E')) {
        s->at++;
        if (!exponent(s, &e))
            return false;
    }
    power = d->power + e;
    // Both exact, so that one rounding remains (Clinger's fast path).
    if (!d->long_tail && d->digits <= 1ull << 53 && power >= -22 && power <= 22)
        v = power < 0 ? (double)d->digits / exact_power[-power]
                      : (double)d->digits * exact_power[power];
    else
        v = slow_double(start, s->at, e);
    if (isinf(v))
        return broken(s, "a number is too large");
    out->d = minus ? -v : v;
    return true;
}

static inline bool number(struct scan *s, struct number *out)
{
    struct decimal d = { 0 };
    bool minus = here(s, '-');
    const char *start;

    s->at += minus;
    start = s->at;
    if (!digit(s->at, s->end))
        return broken(s, "a value is missing");
    if (*s->at == '0' && digit(s->at + 1, s->end))
        return broken(s, "a number has a leading zero");
    for (; digit(s->at, s->end); s->at++)
        decimal_digit(&d, (unsigned)(*s->at - '0'), false);
    out->whole = !here(s, '.') && !here(s, 'e') && !here(s, 'E');
    if (!out->whole)
        return real(s, start, minus, &d, out);
    if (d.long_tail || d.digits > (uint64_t)INT64_MAX + minus)
        return broken(s, "a whole number does not fit 64 bits");
    out->i = minus ? (int64_t)-d.digits : (int64_t)d.digits;
    out->d = (double)out->i;
    return true;
}

// ---------------------------------------------------------------- values that do not matter

static bool literal(struct scan *s)
{
    static const struct token_slice words[] = { { "true", 4 }, { "false", 5 }, { "null", 4 } };

    for (size_t i = 0; i < 3; i++) {
        if ((size_t)(s->end - s->at) >= words[i].len &&
            memcmp(s->at, words[i].at, words[i].len) == 0) {
            s->at += words[i].len;
            return true;
        }
    }
    return broken(s, "a value is missing");
}

static bool scalar(struct scan *s)
{
    struct number n;
    struct text t;

    if (here(s, '"'))
        return string(s, &t);
    if (here(s, '-') || digit(s->at, s->end))
        return number(s, &n);
    return literal(s);
}

// The containers open around a value being skipped: which are objects, where their keys start.
struct nest {
    int depth, base;
    bool empty; // what was opened last
    bool object[DEPTH_MAX + 1];
    unsigned char first[DEPTH_MAX + 1];
};

// Enters the container at s->at; if it has members, s->at is then before the first one's value.
static bool nest_open(struct scan *s, struct nest *n)
{
    bool object = *s->at == '{';
    struct text t;

    if (n->depth == DEPTH_MAX - n->base + 1)
        return broken(s, "nested too deeply");
    s->at++;
    blanks(s);
    n->object[n->depth] = object;
    n->first[n->depth] = (unsigned char)s->seen_count;
    n->depth++;
    n->empty = here(s, object ? '}' : ']');
    return n->empty || !object || key(s, n->first[n->depth - 1], &t);
}

// Behind a value: closes what ends here. On true with depth > 0, the next value follows.
static bool nest_next(struct scan *s, struct nest *n)
{
    while (n->depth) {
        bool object = n->object[n->depth - 1];
        struct text t;

        blanks(s);
        if (here(s, object ? '}' : ']')) {
            s->at++;
            s->seen_count = n->first[--n->depth];
            continue;
        }
        if (!here(s, ','))
            return broken(s, "a comma or a closing bracket is missing");
        s->at++;
        blanks(s);
        return !object || key(s, n->first[n->depth - 1], &t);
    }
    return true;
}

// Validates the value at s->at; base: how deep it stands.
__attribute__((noinline)) static bool skip_nested(struct scan *s, int base)
{
    struct nest n = { .base = base };

    do {
        if (here(s, '{') || here(s, '[')) {
            if (!nest_open(s, &n))
                return false;
            if (!n.empty)
                continue;
        } else if (n.depth == DEPTH_MAX - n.base + 1) {
            return broken(s, "nested too deeply");
        } else if (!scalar(s)) {
            return false;
        }
        if (!nest_next(s, &n))
            return false;
    } while (n.depth);
    return true;
}

static bool skip(struct scan *s, int base)
{
    return here(s, '{') || here(s, '[') ? skip_nested(s, base) : scalar(s);
}

// ---------------------------------------------------------------- telemetry

static bool metric(struct scan *s, const struct text *name, int depth)
{
    struct token_reading *r = s->reading;
    struct number n;

    if (!here(s, '-') && !digit(s->at, s->end)) {
        refuse(s, "malformed", "a metric's value must be a number");
        return skip(s, depth);
    }
    if (!number(s, &n))
        return false;
    if (name->escapes)
        refuse(s, "metrics", "a metric's name must not contain escapes");
    else if (!(name->all & NAME) || name->s.len < 1 || name->s.len > TOKEN_NAME_MAX)
        refuse(s, "metrics", "a metric's name must be 1 to 64 characters of A-Z a-z 0-9 . _ : / -");
    else if (r->count == TOKEN_METRICS_MAX)
        refuse(s, "metrics", "a message may have at most 64 metrics");
    else
        r->metrics[r->count++] = (struct token_metric){ name->s, n.d };
    return true;
}

// s->at is behind an opening brace: reads the members, up to and with the closing one.
static bool metrics(struct scan *s, int depth)
{
    size_t first = s->seen_count;
    struct text name;

    s->has_m = true;
    blanks(s);
    if (!here(s, '}')) {
        for (;;) {
            if (!key(s, first, &name) || !metric(s, &name, depth + 1))
                return false;
            blanks(s);
            if (!here(s, ','))
                break;
            s->at++;
            blanks(s);
        }
    }
    if (!here(s, '}'))
        return broken(s, "a comma or a closing bracket is missing");
    s->at++;
    s->seen_count = first;
    return true;
}

static bool whole(struct scan *s, int depth, int64_t *out, const char *why)
{
    struct number n = { 0 };

    if (!here(s, '-') && !digit(s->at, s->end)) {
        refuse(s, "malformed", why);
        return skip(s, depth);
    }
    if (!number(s, &n))
        return false;
    if (!n.whole || n.i < 1)
        refuse(s, "malformed", why);
    else
        *out = n.i;
    return true;
}

static bool type(struct scan *s, int depth)
{
    struct text t;

    if (!here(s, '"'))
        return skip(s, depth);
    if (!string(s, &t))
        return false;
    s->telemetry = IS(&t, "telemetry");
    return true;
}

static bool member(struct scan *s, const struct text *name, int depth)
{
    if (IS(name, "type"))
        return type(s, depth);
    if (IS(name, "seq")) {
        s->has_seq = true;
        return whole(s, depth, &s->reading->seq, "'seq' must be a whole number from 1");
    }
    if (IS(name, "t")) {
        s->has_t = true;
        return whole(s, depth, &s->reading->t, "'t' must be Unix milliseconds");
    }
    if (IS(name, "boot"))
        return whole(s, depth, &s->reading->boot, "'boot' must be a whole number from 1");
    if (IS(name, "m") && here(s, '{')) {
        s->at++;
        return metrics(s, depth);
    }
    if (IS(name, "m")) {
        s->has_m = true;
        refuse(s, "malformed", "'m' must be an object");
    }
    return skip(s, depth);
}

// s->at is at an opening brace.
static bool object(struct scan *s, int depth)
{
    struct text name;

    s->at++;
    blanks(s);
    if (!here(s, '}')) {
        for (;;) {
            if (!key(s, 0, &name) || !member(s, &name, depth + 1))
                return false;
            blanks(s);
            if (!here(s, ','))
                break;
            s->at++;
            blanks(s);
        }
    }
    if (!here(s, '}'))
        return broken(s, "a comma or a closing bracket is missing");
    s->at++;
    return true;
}

static enum token_kind judge(struct token_cursor *c, struct scan *s, const char *start)
{
    c->object = (struct token_slice){ start, (size_t)(s->at - start) };
    if (!s->telemetry)
        return TOKEN_OTHER;
    if (!s->has_seq)
        refuse(s, "malformed", "'seq' is missing");
    if (!s->has_t)
        refuse(s, "malformed", "'t' is missing");
    if (!s->has_m)
        refuse(s, "malformed", "'m' is missing");
    c->reason = s->refused;
    c->code = s->code;
    return s->refused ? TOKEN_REFUSED : TOKEN_TELEMETRY;
}

static enum token_kind lost(struct token_cursor *c, const char *why)
{
    c->at = c->end; // whoever asks again is told the same
    c->array = true;
    c->started = true;
    c->reason = why;
    return TOKEN_BROKEN;
}

static enum token_kind read_object(struct token_cursor *c, struct scan *s)
{
    const char *start = s->at;

    if (!here(s, '{'))
        return lost(c, "a message must be a JSON object");
    if (!object(s, c->array ? 2 : 1))
        return lost(c, s->broken);
    c->at = s->at;
    return judge(c, s, start);
}

// Only blanks may follow.
static enum token_kind finish(struct token_cursor *c, struct scan *s)
{
    blanks(s);
    c->at = s->at;
    c->array = false;
    return s->at == s->end ? TOKEN_END : lost(c, "something follows the end of the frame");
}

void token_start(struct token_cursor *c, const char *frame, size_t len)
{
    c->at = frame;
    c->end = frame + len;
    c->array = false;
    c->started = false;
    c->reason = NULL;
    c->code = NULL;
}

enum token_kind token_next(struct token_cursor *c)
{
    struct scan s;

    s.at = c->at;
    s.end = c->end;
    s.reading = &c->reading;
    s.broken = s.refused = s.code = NULL;
    s.telemetry = s.has_seq = s.has_t = s.has_m = false;
    s.seen_count = 0;
    c->reading.seq = c->reading.t = c->reading.boot = 0;
    c->reading.count = 0;
    blanks(&s);
    if (c->started && !c->array)
        return finish(c, &s);
    if (!c->started) {
        c->started = true;
        c->array = here(&s, '[');
        if (!c->array)
            return read_object(c, &s);
        s.at++;
        blanks(&s);
        if (!here(&s, ']'))
            return read_object(c, &s);
    }
    if (here(&s, ']')) {
        s.at++;
        return finish(c, &s);
    }
    if (!here(&s, ','))
        return lost(c, "a comma or a closing bracket is missing");
    s.at++;
    blanks(&s);
    return read_object(c, &s);
}
