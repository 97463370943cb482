// SPDX-License-Identifier: Apache-2.0
//
// partition: telemetry and journal are kept in one table an hour, what is packed, and the sums of
// its minutes, in one a day, the sums of its hours in one a week.
//
//   missing hour --CREATE LIKE + ATTACH--> telemetry_2026112221 --retention--> DETACH, DROP
//
// There is no DEFAULT partition: one row in it would stop an hour from ever being attached. So a
// batch makes the hours it needs before it is copied; those of the next hours are made ahead.
// ATTACH, unlike PARTITION OF, lets others write meanwhile.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define HOUR_MS       (3600 * 1000LL)
#define HOURS_RING    1024 // more than the 30 days and some that a message may be late
#define PARTITION_LEN 31

#define PARTITION_SQL_LEN 400

// An advisory lock: whoever holds it may count on no empty partition being dropped.
#define PARTITION_DROP_SPACE 0x6f727264 // "orrd"
#define PARTITION_DROP_KEY   1

enum partition_table {
    PARTITION_TELEMETRY,
    PARTITION_JOURNAL,
    PARTITION_TABLES,                   // those that ingest writes to
    PARTITION_CHUNK = PARTITION_TABLES, // history does, to these
    PARTITION_ROLLUP,
    PARTITION_MINUTE,
    PARTITION_ALL,
};

struct link;

// A set of hours, none further from another than HOURS_RING.
struct hours {
    uint64_t bits[HOURS_RING / 64];
};

static inline void hours_add(struct hours *h, int64_t hour)
{
    h->bits[(uint64_t)hour % HOURS_RING / 64] |= 1ull << (uint64_t)hour % 64;
}

static inline bool hours_has(const struct hours *h, int64_t hour)
{
    return h->bits[(uint64_t)hour % HOURS_RING / 64] >> (uint64_t)hour % 64 & 1;
}

// How many hours a partition holds, and the first one of that which an hour belongs to.
int64_t partition_span(enum partition_table t);
int64_t partition_start(enum partition_table t, int64_t hour);
// Of the partition that starts with that hour: writes "telemetry_2026112221" and a NUL.
void partition_name(enum partition_table t, int64_t hour, char out[PARTITION_LEN + 1]);
const char *partition_parent(enum partition_table t);
// The first hour by a name, or -1 if it is no name of t's partitions.
int64_t partition_hour(enum partition_table t, const char *name);
// The SQL that makes it.
void partition_sql(enum partition_table t, int64_t hour, char *out, size_t size);

struct partitions; // which exist

struct partitions *partitions_new(void);
void partitions_free(struct partitions *p); // NULL is fine
enum rc partitions_load(struct partitions *p, struct link *l, struct fault *f);
// Makes those of wanted, a set of hours around now_ms, that do not exist. Any thread.
enum rc partitions_ensure(struct partitions *p, struct link *l, enum partition_table t,
                          const struct hours *wanted, int64_t now_ms, struct fault *f);
void partitions_forget(struct partitions *p, enum partition_table t, int64_t hour);
