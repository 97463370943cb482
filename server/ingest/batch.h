// SPDX-License-Identifier: Apache-2.0
//
// batch: messages on their way into one transaction.
//
//   batch_reading, batch_entry, batch_mark --> rows in COPY's binary form --> batch_…_next
//
// Rows are encoded where they are taken, by the loop that has the values at hand; the writer only
// moves bytes. A batch also knows, for each of its devices, how far its sequence goes: that is
// its body, the row of ingest_batch. Only one thread at a time uses a batch.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/token.h"
#include "ingest/ingest.h"
#include "ingest/partition.h"

#define BATCH_BODY_ENTRY 28
#define BATCH_NO_ROW     UINT32_MAX

struct shape;
struct slot;

struct pile {
    char *data;
    size_t len, room;
};

bool pile_room(struct pile *b, size_t more);

// A device's part of a batch.
struct batch_part {
    struct slot *slot;
    int32_t catalog;
    int64_t device;
    int64_t boot, seq;    // the highest
    int64_t newest_at;    // Unix ms
    uint32_t first, last; // its rows, chained
    uint32_t newest;      // the row of newest_at
    uint32_t messages;
    uint32_t fresh;            // readings that were sent when they were taken
    const struct shape *shape; // of that row
};

struct batch_row {
    uint32_t at;   // in rows
    uint32_t next; // of the same device
    bool refused;  // PostgreSQL does not want it
};

struct batch_line { // of the journal
    uint32_t at;    // in lines
    uint32_t part;
    bool refused;
};

struct batch {
    struct batch *next;
    uint32_t number;      // unique in its shard
    int64_t born_us;      // when the first message came; monotonic
    int64_t due_us;       // when it is committed at the latest
    unsigned char id[16]; // the token
    uint32_t messages;
    size_t charged; // bytes, to the shard's account

    struct pile rows, lines;
    struct batch_row *row;
    struct batch_line *line;
    struct batch_part *part;
    struct shape **shapes; // new when they were met
    uint32_t row_count, row_room, line_count, line_room, part_count, part_room, shape_count,
        shape_room;
    struct hours hours[PARTITION_TABLES];
};

struct batch *batch_new(void);
void batch_free(struct batch *b); // NULL is fine
void batch_reset(struct batch *b, uint32_t number);

// Adds a device; its index, or BATCH_NO_ROW when out of memory.
uint32_t batch_join(struct batch *b, struct slot *slot, int32_t catalog, int64_t device);
// The next message of a device. False: out of memory, nothing changed.
bool batch_reading(struct batch *b, uint32_t part, const struct token_reading *m,
                   struct shape *shape);
bool batch_entry(struct batch *b, uint32_t part, const struct ingest_entry *e);
// Its sequence number counts.
void batch_count(struct batch *b, uint32_t part, int64_t boot, int64_t seq, size_t bytes);

// A walk over what COPY is to get, a piece at a time, with header and trailer.
struct batch_walk {
    struct batch *b;
    uint32_t *order; // of parts, by (catalog, device)
    uint32_t part, row;
    int stage;
};

// Rows by device, in the order they came: that is nearly the index's order.
bool batch_walk_start(struct batch_walk *w, struct batch *b);
void batch_walk_done(struct batch_walk *w);
// Fills out with whole rows; how much, 0 at the end.
size_t batch_rows_next(struct batch_walk *w, char *out, size_t size);
// All lines, or the body's row, as one piece. False when out of memory.
bool batch_lines(const struct batch *b, struct pile *out);
bool batch_body(const struct batch *b, struct pile *out);

// The values of a row, back from the wire form: as many as its shape has, at most
// TOKEN_METRICS_MAX.
size_t batch_row_values(const struct batch *b, uint32_t row, double *out);

struct batch_text { // NULL: at is NULL
    const char *at;
    uint32_t len;
};

struct batch_line_view {
    int64_t at; // Unix ms
    bool event;
    int level;
    struct batch_text name, source, text, fields;
};

void batch_line_read(const struct batch *b, uint32_t line, struct batch_line_view *out);

#define COPY_HEAD_LEN 19
extern const char copy_head[COPY_HEAD_LEN];
extern const char copy_tail[2];

uint32_t batch_row_len(const struct batch *b, uint32_t row);
uint32_t batch_line_len(const struct batch *b, uint32_t line);
