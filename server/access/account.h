// SPDX-License-Identifier: Apache-2.0
//
// account: a person or a program that may sign in.
//
//   made with a password to be changed --> in use --> disabled <--> in use --> dropped
//
// It has one role, and sees every catalog or one. At least one enabled owner who
// sees every catalog always remains. Any change of an account ends its sessions.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "access/access.h"

#define ACCOUNT_NAME_MAX 80

struct store;
struct rows;

struct account {
    int64_t id;
    char name[ACCOUNT_NAME_MAX + 1];
    enum role role;
    int32_t catalog; // 0: every one
    char catalog_name[51];
    bool disabled;
    bool must_change;
    int64_t version;
    int64_t created_at; // Unix ms
};

struct account_change {
    int64_t version; // the one that was seen
    enum role role;
    bool disabled;
    int32_t catalog;
    const char *password; // NULL: as it is; else one to be changed at the next sign-in
};

// [A-Za-z0-9._@+-]{1,80}
bool account_name_valid(const char *name);

// only: 0, or the one catalog whose accounts exist for the caller.
enum rc account_load(struct store *s, int64_t id, int32_t only, struct account *out,
                     struct fault *f);
enum rc account_list(struct store *s, int64_t after, int32_t only, int max, struct account *out,
                     int *count, struct fault *f);
enum rc account_make(struct store *s, const char *name, const char *password, enum role role,
                     int32_t catalog, int64_t *out, struct fault *f);
// RC_CONFLICT and *stale when version is not the current one; RC_CONFLICT for the last owner.
enum rc account_alter(struct store *tx, const struct account *now, const struct account_change *to,
                      bool *stale, struct fault *f);
enum rc account_drop(struct store *tx, const struct account *now, int64_t version, bool *stale,
                     struct fault *f);

// Whether password is the one of account id.
enum rc account_knows(struct store *s, int64_t id, const char *password, bool *match,
                      struct fault *f);
// The account's own choice; ends its sessions.
enum rc account_choose(struct store *tx, int64_t id, const char *password, struct fault *f);

// Name, role and catalog of a row, with all permissions of the role.
bool identity_from_row(const struct rows *r, int row, struct identity *out);
// "7" and NULL for 0, as SQL parameters.
const char *sql_int(int64_t n, char out[24]);
const char *sql_int_or_null(int64_t n, char out[24]);
// bytea: "\x…", 67 bytes
const char *sql_hash(const uint8_t hash[32], char out[67]);
