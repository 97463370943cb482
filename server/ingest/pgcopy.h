// SPDX-License-Identifier: Apache-2.0
//
// pgcopy: fields of a row in the binary form of PostgreSQL's COPY (docs: sql-copy, File Formats).
// All numbers are big-endian. Each call writes at p and returns what follows; room is the caller's.

#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define PG_EPOCH_MS   946684800000LL // 2000-01-01
#define PG_FLOAT8_OID 701
#define PG_NULL       ((uint32_t)-1)

static inline char *put16(char *p, uint16_t v)
{
    v = htobe16(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline char *put32(char *p, uint32_t v)
{
    v = htobe32(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline char *put64(char *p, uint64_t v)
{
    v = htobe64(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline char *put_bool(char *p, int v)
{
    p = put32(p, 1);
    *p = (char)(v != 0);
    return p + 1;
}

static inline char *put_int2(char *p, int16_t v)
{
    return put16(put32(p, 2), (uint16_t)v);
}

static inline char *put_int4(char *p, int32_t v)
{
    return put32(put32(p, 4), (uint32_t)v);
}

static inline char *put_int8(char *p, int64_t v)
{
    return put64(put32(p, 8), (uint64_t)v);
}

static inline char *put_time(char *p, int64_t unix_ms)
{
    return put_int8(p, (unix_ms - PG_EPOCH_MS) * 1000);
}

static inline char *put_bytes(char *p, const void *at, size_t len)
{
    return (char *)mempcpy(put32(p, (uint32_t)len), at, len);
}

// NULL gives SQL NULL.
static inline char *put_text(char *p, const char *text)
{
    return text ? put_bytes(p, text, strlen(text)) : put32(p, PG_NULL);
}

#define PUT_FLOATS_LEN(count) (24 + 12 * (count))

// The start of a float8[] field; count times put_int8 with the bits follow.
static inline char *put_floats(char *p, uint32_t count)
{
    p = put32(p, 20 + 12 * count);
    p = put32(p, 1); // dimensions
    p = put32(p, 0); // no NULLs
    p = put32(p, PG_FLOAT8_OID);
    p = put32(p, count);
    return put32(p, 1); // first index
}

static inline char *put_float(char *p, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    return put64(put32(p, 8), bits);
}

static inline uint32_t get32(const char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return be32toh(v);
}

static inline uint64_t get64(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return be64toh(v);
}
