// SPDX-License-Identifier: Apache-2.0

#include "history/column.h"

#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define LEVEL       3
#define SQUEEZED    0x80 // flag beside the form
#define SQUEEZE_LEN 24   // shorter ones never pay
#define SCALE_MAX   12
#define EXACT_MAX   ((int64_t)1 << 53) // a double holds each whole number up to here
#define WHOLE_MAX   9.2e18
#define VARINT_LEN  10
#define WIDE        5 // bytes a value: decimals this long are hardly decimals

enum form {
    FORM_SAME,
    FORM_STEPS,
    FORM_BENDS,
    FORM_XOR,
    FORM_PLAIN,
};

struct squeezer {
    ZSTD_CCtx *pack;
    ZSTD_DCtx *unpack;
    size_t packed_room;
    char *form, *packed; // COLUMN_BOUND of the most rows, and what zstd wants for that
    int64_t *whole;
};

static const double tens[SCALE_MAX + 1] = { 1,   1e1, 1e2, 1e3,  1e4,  1e5, 1e6,
                                            1e7, 1e8, 1e9, 1e10, 1e11, 1e12 };

void squeezer_free(struct squeezer *z)
{
    if (!z)
        return;
    ZSTD_freeCCtx(z->pack);
    ZSTD_freeDCtx(z->unpack);
    free(z->form);
    free(z->packed);
    free(z->whole);
    free(z);
}

struct squeezer *squeezer_new(void)
{
    struct squeezer *z = calloc(1, sizeof *z);

    if (!z)
        return NULL;
    z->pack = ZSTD_createCCtx();
    z->unpack = ZSTD_createDCtx();
    z->packed_room = ZSTD_compressBound(COLUMN_BOUND(COLUMN_ROWS_MAX));
    z->form = malloc(COLUMN_BOUND(COLUMN_ROWS_MAX));
    z->packed = malloc(z->packed_room);
    z->whole = malloc(COLUMN_ROWS_MAX * sizeof *z->whole);
    if (z->pack && z->unpack && z->form && z->packed && z->whole)
        return z;
    squeezer_free(z);
    return NULL;
}

// ---------------------------------------------------------------- bytes

static uint64_t bits_of(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double real_of(uint64_t bits)
{
    double v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

static uint64_t zigzag(uint64_t v)
{
    return v << 1 ^ (0 - (v >> 63));
}

static uint64_t unzigzag(uint64_t v)
{
    return v >> 1 ^ (0 - (v & 1));
}

static char *put_varint(char *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (char)(v | 0x80);
    *p++ = (char)v;
    return p;
}

static char *put_word(char *p, uint64_t v)
{
    v = htole64(v);
    return (char *)mempcpy(p, &v, sizeof v);
}

struct input {
    const unsigned char *at, *end;
};

static bool get_varint(struct input *in, uint64_t *out)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        unsigned char c = *in->at++;

        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            *out = v;
            return true;
        }
    }
    return false;
}

static bool get_word(struct input *in, uint64_t *out)
{
    if (in->end - in->at < 8)
        return false;
    memcpy(out, in->at, sizeof *out);
    *out = le64toh(*out);
    in->at += 8;
    return true;
}

// ---------------------------------------------------------------- the smallest of some forms

struct choice {
    char *out;
    size_t len; // 0: none yet
};

static void take_form(struct choice *c, int form, const char *at, size_t len)
{
    *c->out = (char)form;
    memcpy(c->out + 1, at, len);
    c->len = len + 1;
}

// What is in z->form, as it is and squeezed, if that is better than what was found so far.
static void offer(struct squeezer *z, struct choice *c, enum form form, const char *end)
{
    size_t len = (size_t)(end - z->form), packed;

    if (!c->len || len + 1 < c->len)
        take_form(c, (int)form, z->form, len);
    if (len < SQUEEZE_LEN)
        return;
    packed = ZSTD_compressCCtx(z->pack, z->packed, z->packed_room, z->form, len, LEVEL);
    if (!ZSTD_isError(packed) && packed + packed / 32 + 1 < c->len)
        take_form(c, (int)form | SQUEEZED, z->packed, packed);
}

static uint64_t step(const int64_t *v, size_t i)
{
    return (uint64_t)v[i] - (uint64_t)v[i - 1];
}

static unsigned width(uint64_t zigzagged)
{
    return 64 - (unsigned)__builtin_clzll(zigzagged | 1);
}

// Whether differences of differences are the smaller numbers.
static bool bends_are_smaller(const int64_t *v, size_t n)
{
    uint64_t steps = 0, bends = 0;

    for (size_t i = 2; i < n; i++) {
        steps += width(zigzag(step(v, i)));
        bends += width(zigzag(step(v, i) - step(v, i - 1)));
    }
    return bends < steps;
}

static size_t offer_whole(struct squeezer *z, struct choice *c, const int64_t *v, size_t n,
                          int scale)
{
    bool bends = bends_are_smaller(v, n);
    uint64_t before = 0;
    char *p = z->form;

    *p++ = (char)scale;
    p = put_varint(p, zigzag((uint64_t)v[0]));
    for (size_t i = 1; i < n; i++) {
        uint64_t d = step(v, i);

        p = put_varint(p, zigzag(bends ? d - before : d));
        before = d;
    }
    offer(z, c, bends ? FORM_BENDS : FORM_STEPS, p);
    return (size_t)(p - z->form);
}

size_t column_put_ints(struct squeezer *z, const int64_t *v, size_t n, char *out)
{
    struct choice c = { .out = out };

    offer_whole(z, &c, v, n, 0);
    return c.len;
}

// ---------------------------------------------------------------- reals

static bool is_decimal(double v, int scale, int64_t *out)
{
    double scaled = v * tens[scale];

    if (!(fabs(scaled) < WHOLE_MAX))
        return false;
    *out = llrint(scaled);
    if (scale > 0 && (*out > EXACT_MAX || *out < -EXACT_MAX))
        return false;
    return bits_of((double)*out / tens[scale]) == bits_of(v);
}

// The smallest scale that does for all; -1 if there is none. z->whole has the numbers then.
static int find_scale(struct squeezer *z, const double *v, size_t n)
{
    int scale = 0;

    for (size_t i = 0; i < n; i++)
        while (!is_decimal(v[i], scale, &z->whole[i]))
            if (++scale > SCALE_MAX)
                return -1;
    for (size_t i = 0; i < n; i++) // those that came before the scale was known
        if (!is_decimal(v[i], scale, &z->whole[i]))
            return -1;
    return scale;
}

static bool all_same(const double *v, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (bits_of(v[i]) != bits_of(v[0]))
            return false;
    return true;
}

static char *put_xor(char *p, uint64_t x)
{
    int lead = x ? __builtin_clzll(x) / 8 : 8, trail = x ? __builtin_ctzll(x) / 8 : 0;
    int len = 8 - lead - trail;
    uint64_t low = htole64(len ? x >> 8 * trail : 0);

    *p++ = (char)(lead << 4 | len);
    return (char *)mempcpy(p, &low, (size_t)len);
}

static void offer_bits(struct squeezer *z, struct choice *c, const double *v, size_t n)
{
    uint64_t before = 0;
    char *p = z->form;

    for (size_t i = 0; i < n; i++) {
        p = put_xor(p, bits_of(v[i]) ^ before);
        before = bits_of(v[i]);
    }
    offer(z, c, FORM_XOR, p);
    p = z->form;
    for (size_t i = 0; i < n; i++)
        p = put_word(p, bits_of(v[i]));
    offer(z, c, FORM_PLAIN, p);
}

size_t column_put_reals(struct squeezer *z, const double *v, size_t n, char *out)
{
    struct choice c = { .out = out };
    int scale;

    if (all_same(v, n)) {
        put_word(z->form, bits_of(v[0]));
        take_form(&c, FORM_SAME, z->form, 8);
        return c.len;
    }
    scale = find_scale(z, v, n);
    if (scale < 0 || offer_whole(z, &c, z->whole, n, scale) > WIDE * n)
        offer_bits(z, &c, v, n);
    return c.len;
}

// ---------------------------------------------------------------- back

// What follows the first byte, unsqueezed; false if it is too long for n values.
static bool open_form(struct squeezer *z, const void *in, size_t len, size_t n, enum form *form,
                      struct input *out)
{
    const unsigned char *at = in;
    size_t unpacked;

    if (len < 1 || n < 1 || n > COLUMN_ROWS_MAX)
        return false;
    *form = (enum form)(*at & ~SQUEEZED);
    *out = (struct input){ at + 1, at + len };
    if (!(*at & SQUEEZED))
        return true;
    unpacked = ZSTD_decompressDCtx(z->unpack, z->form, COLUMN_BOUND(n), at + 1, len - 1);
    if (ZSTD_isError(unpacked))
        return false;
    *out = (struct input){ (const unsigned char *)z->form, (const unsigned char *)z->form };
    out->end += unpacked;
    return true;
}

static bool get_whole(struct input *in, bool bends, size_t n, int64_t *out)
{
    uint64_t v = 0, d = 0, x;

    for (size_t i = 0; i < n; i++) {
        if (!get_varint(in, &x))
            return false;
        x = unzigzag(x);
        d = bends && i > 1 ? d + x : x;
        v = i ? v + d : x;
        out[i] = (int64_t)v;
    }
    return in->at == in->end;
}

static bool get_scale(struct input *in, int *out)
{
    if (in->at == in->end || *in->at > SCALE_MAX)
        return false;
    *out = *in->at++;
    return true;
}

bool column_ints(struct squeezer *z, const void *in, size_t len, size_t n, int64_t *out)
{
    struct input from;
    enum form form;
    int scale;

    return open_form(z, in, len, n, &form, &from) && (form == FORM_STEPS || form == FORM_BENDS) &&
           get_scale(&from, &scale) && scale == 0 && get_whole(&from, form == FORM_BENDS, n, out);
}

static bool get_decimals(struct squeezer *z, struct input *in, bool bends, size_t n, double *out)
{
    int scale;

    if (!get_scale(in, &scale) || !get_whole(in, bends, n, z->whole))
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = (double)z->whole[i] / tens[scale];
    return true;
}

static bool get_xor(struct input *in, uint64_t *x)
{
    unsigned lead, len;
    uint64_t low = 0;

    if (in->at == in->end)
        return false;
    lead = *in->at >> 4;
    len = *in->at++ & 15;
    if (lead + len > 8 || (size_t)(in->end - in->at) < len)
        return false;
    memcpy(&low, in->at, len);
    in->at += len;
    *x = len ? le64toh(low) << 8 * (8 - lead - len) : 0;
    return true;
}

static bool get_xors(struct input *in, size_t n, double *out)
{
    uint64_t bits = 0, x;

    for (size_t i = 0; i < n; i++) {
        if (!get_xor(in, &x))
            return false;
        bits ^= x;
        out[i] = real_of(bits);
    }
    return in->at == in->end;
}

static bool get_words(struct input *in, size_t count, size_t n, double *out)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < n; i++) {
        if (i < count && !get_word(in, &bits))
            return false;
        out[i] = real_of(bits);
    }
    return in->at == in->end;
}

bool column_reals(struct squeezer *z, const void *in, size_t len, size_t n, double *out)
{
    struct input from;
    enum form form;

    if (!open_form(z, in, len, n, &form, &from))
        return false;
    switch (form) {
    case FORM_SAME:
        return get_words(&from, 1, n, out);
    case FORM_STEPS:
    case FORM_BENDS:
        return get_decimals(z, &from, form == FORM_BENDS, n, out);
    case FORM_XOR:
        return get_xors(&from, n, out);
    case FORM_PLAIN:
        return get_words(&from, n, n, out);
    }
    return false;
}
