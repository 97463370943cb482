// SPDX-License-Identifier: Apache-2.0
//
// catalog: a walled garden of devices, keys, data and people.
//
//   orreryd start --catalog_ensure("demo")--> catalog --> everything else carries its number
//
// A name is in addresses, in certificates and in file names, so it is short, plain
// and never one of the words that mean something else there. Retention is a
// catalog's: how long readings and journal entries are kept.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define CATALOG_NAME_MAX  50
#define CATALOG_HOURS_MAX 87600
#define CATALOG_CALM_MAX  86400

struct catalog {
    int32_t id;
    char name[CATALOG_NAME_MAX + 1];
    int64_t telemetry_hours;
    int64_t journal_hours;
    int64_t minute_hours;
    int64_t rollup_hours;
    int64_t alert_calm_s; // how long an alert that resolved itself may come back unheard
    int64_t version;
    int64_t created_at; // Unix ms
};

struct rows;
struct store;

// [a-z0-9-]{1,50} and not reserved. f (may be NULL) says which rule it breaks.
bool catalog_name_valid(const char *name, struct fault *f);

// RC_CONFLICT if there is one of that name.
enum rc catalog_make(struct store *s, const char *name, int32_t *out, struct fault *f);
// Makes it unless it is there; *out is its number.
enum rc catalog_ensure(struct store *s, const char *name, int32_t *out, struct fault *f);
enum rc catalog_load(struct store *s, int32_t id, struct catalog *out, struct fault *f);
// What is kept for how long, and its calm time, as wanted has it. RC_CONFLICT when its version is
// not the current one.
enum rc catalog_retain(struct store *s, const struct catalog *wanted, struct fault *f);

// Every catalog by name and number, in memory, so that no request pays for that
// question. Thread-safe. A name it does not know makes it read the table again, at most
// once a second.
struct catalogs;

enum rc catalogs_load(struct store *s, struct catalogs **out, struct fault *f);
void catalogs_free(struct catalogs *c);
// The number, or 0.
int32_t catalogs_find(struct catalogs *c, struct store *s, const char *name);
bool catalogs_name(struct catalogs *c, int32_t id, char out[CATALOG_NAME_MAX + 1]);

// Up to max catalogs with a number above after, by number; id > 0: only that one.
enum rc catalog_list(struct store *s, int32_t only, int32_t after, int max, struct catalog *out,
                     int *count, struct fault *f);
// Rows "catalog", n0 … n5 (device/tally.h) of those from first to last that have devices.
enum rc catalog_tallies(struct store *s, int32_t first, int32_t last, struct rows **out,
                        struct fault *f);
