// SPDX-License-Identifier: Apache-2.0
//
// job: what takes longer than a request may: claims from a file, a change to all of a query.
//
//   job_add() → waiting → running, chunk by chunk → done
//                  ^          |--stop--> stopped, or failed after several attempts
//                  '--------- resume ---'
//
// A chunk is one transaction: its rows, its audit entry and the position behind it. So a job goes
// on after a crash where it was, and loses and repeats nothing. changed + unchanged + refused is
// what has been done of total.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define JOB_CHUNK        500
#define JOB_OPEN_MAX     1000 // waiting or running, a catalog
#define JOB_PROBLEMS_MAX 1000
#define JOB_TITLE_MAX    200

struct bus;
struct roster;
struct store;

// ---------------------------------------------------------------- what a kind of job is

// What a kind may tell others once a chunk is committed.
struct job_services {
    struct roster *roster;
    struct bus *bus;
};

// One chunk: position says where to begin; the kind fills in the rest. count is how far it got,
// at least 1 while there is something left; changed + unchanged + refused must be count.
struct job_chunk {
    int64_t id;
    int32_t catalog;
    int64_t position;
    int64_t count, changed, unchanged, refused;
    json_t *problems; // to append to: {"line" | "index" | "device", "text"}
    void (*tell)(const struct job_services *s, void *arg); // NULL: nothing to tell
    void *arg;                                             // released with free()
};

struct job_kind {
    const char *name;
    const char *action; // in the audit trail
    // State that lasts for several chunks; request is borrowed for as long. s is the pool.
    enum rc (*open)(struct store *s, int32_t catalog, json_t *request, int64_t position, void **out,
                    struct fault *f);
    // tx is the chunk's transaction.
    enum rc (*step)(void *state, struct store *tx, struct job_chunk *c, struct fault *f);
    void (*close)(void *state);
};

extern const struct job_kind *const job_kinds[]; // ends with NULL
const struct job_kind *job_kind_named(const char *name);

// ---------------------------------------------------------------- jobs

#define JOB_COUNT_SIZE 28
// 8605 as "8,605", for titles; returns out.
const char *job_count_text(int64_t n, char out[JOB_COUNT_SIZE]);

struct job_new {
    int32_t catalog;
    const char *kind, *title;
    json_t *request;      // borrowed
    const uint8_t *input; // SHA-256 of a file; NULL: none
    int64_t total;
    int64_t refused;  // before it begins: rows that cannot be read
    json_t *problems; // why; borrowed; NULL: none
    uint32_t needs;   // enum permission: of whoever stops it or lets it go on
    int64_t account;
    const char *actor;
};

// RC_LIMIT when the catalog has too many open ones.
enum rc job_add(struct store *tx, const struct job_new *j, int64_t *id, struct fault *f);
// What could only be known once it had its id.
enum rc job_settle(struct store *tx, int32_t catalog, int64_t id, int64_t total, const char *title,
                   struct fault *f);
// The newest job for that file, 0 if there is none. One that had stopped goes on.
enum rc job_again(struct store *tx, int32_t catalog, const uint8_t input[32], int64_t *id,
                  struct fault *f);
// As it is for people. RC_NOT_FOUND also for a job of another catalog.
enum rc job_show(struct store *s, int32_t catalog, int64_t id, json_t **out, struct fault *f);
// Newest first, below before (0: the newest), each with its first few problems; *next is where to
// go on, 0 at the end.
enum rc job_list(struct store *s, int32_t catalog, int64_t before, int limit, json_t **out,
                 int64_t *next, struct fault *f);
// Those that are open, and for ten minutes those that have ended, without their problems; newest
// first, at most 20.
enum rc job_recent(struct store *s, int32_t catalog, json_t **out, struct fault *f);
// What whoever turns it must hold, as enum permission.
enum rc job_needs(struct store *s, int32_t catalog, int64_t id, uint32_t *out, struct fault *f);
// After the chunk that runs. RC_CONFLICT where it has ended.
enum rc job_stop(struct store *tx, int32_t catalog, int64_t id, struct fault *f);
// A stopped or failed one goes on where it was. RC_CONFLICT where it is neither.
enum rc job_resume(struct store *tx, int32_t catalog, int64_t id, struct fault *f);
// Forgets those that ended 90 days ago. For the scheduler.
enum rc job_expire(struct store *s, struct fault *f);
