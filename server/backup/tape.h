// SPDX-License-Identifier: Apache-2.0
//
// tape: the one file that a backup is: a plain tar archive whose last member sums up the others.
//
//   tape_create --tape_put…--> orrery-backup/… --tape_finish--> orrery-backup/manifest.json
//   tape_check (every byte, nothing written) --> tape_replay (again, into the sink)
//
// The manifest lists path, size and SHA-256 of each member in its order, so a file that was cut
// short, altered, reordered or added to is refused before anybody acts on it. Sums tell of
// accidents: who can write the file can write the sums as well.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define TAPE_PATH_MAX 200

struct tape;

// Writes to fd, which may be a pipe and stays the caller's.
enum rc tape_create(int fd, struct tape **out, struct fault *f);
void tape_free(struct tape *t); // NULL is fine
enum rc tape_put(struct tape *t, const char *path, const void *bytes, size_t len, struct fault *f);
// The next size bytes of from.
enum rc tape_put_file(struct tape *t, const char *path, int from, int64_t size, struct fault *f);
// facts are the manifest but for its "files"; consumed even on failure.
enum rc tape_finish(struct tape *t, json_t *facts_owned, struct fault *f);

// Reads all of a seekable file and compares it with its manifest, which *out is.
enum rc tape_check(int fd, json_t **out, struct fault *f);

struct tape_sink {
    void *ctx;
    bool (*wants)(void *ctx, const char *path);
    enum rc (*open)(void *ctx, const char *path, struct fault *f);
    enum rc (*bytes)(void *ctx, const void *bytes, size_t len, struct fault *f);
    enum rc (*close)(void *ctx, struct fault *f);
};

// Hands on the members that the sink wants, in order, each compared with manifest once more.
enum rc tape_replay(int fd, json_t *manifest, const struct tape_sink *sink, struct fault *f);
