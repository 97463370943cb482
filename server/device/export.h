// SPDX-License-Identifier: Apache-2.0
//
// device/export: all devices of a filter, or what a writer of another module has to tell, as CSV
// (RFC 4180) or NDJSON, in a stream.
//
//   cursor on a connection of its own --1,000 rows--> text --blocking write--> edge --> reader
//
// A thread an export, at most EXPORTS_MAX: it writes no faster than its reader reads, holds one
// page, and takes nothing from anybody else. The body ends with its last chunk only if every row
// was written, so a cut file cannot be taken for a whole one. A cell that a spreadsheet would take
// for a formula gets an apostrophe in front.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/rc.h"
#include "store/store.h"

#define EXPORTS_MAX        4
#define EXPORT_COLUMNS_MAX 40

enum export_format {
    EXPORT_CSV,
    EXPORT_NDJSON,
};

// Where an export goes. export_put() fails when its reader left or it took too long; nothing but
// returning what it said is left to do then. len may be 0: only to ask.
struct export_out;
enum rc export_put(struct export_out *to, const char *text, size_t len, struct fault *f);

// Runs in the export's thread and counts into *total what it wrote.
typedef enum rc export_write(void *what, struct export_out *to, int64_t *total, struct fault *f);

struct export_ask {
    enum export_format format;
    int columns[EXPORT_COLUMNS_MAX]; // their numbers, in order
    size_t column_count;
    char *filter;        // owned; the argument of device_found()
    export_write *write; // NULL: the devices of filter
    void *what;          // its argument
    void (*what_free)(void *what);
    char request[33];
};

void export_ask_free(struct export_ask *a); // NULL is fine

struct exports;
struct streams;

// Provides STREAM_EXPORT.
enum rc exports_start(const char *conninfo, struct streams *streams, struct exports **out,
                      struct fault *f);
void exports_stop(struct exports *e); // cuts what runs; NULL is fine
// Whether EXPORTS_MAX run.
bool exports_are_full(struct exports *e);

// Names by commas into numbers; "" for all. RC_INVALID names what is no column, or twice there.
enum rc export_columns(const char *names, struct export_ask *out, struct fault *f);
// How many devices it will have, as of now.
enum rc export_count(struct store *s, const struct export_ask *a, int64_t *out, struct fault *f);
void export_head(const struct export_ask *a, FILE *to);
void export_row(const struct export_ask *a, const struct rows *r, int row, FILE *to);
// A field of CSV.
void export_cell(const char *text, FILE *to);
