// SPDX-License-Identifier: Apache-2.0
//
// blob: files named by their SHA-256, under blobs/ of the instance folder.
//
//   blob_begin --blob_write…--> .part-… --blob_keep: hash right--> blobs/ab/ab12… + row
//   blob_release: no table refers to it any more --> gone, row and file
//
// What is written is hashed on the way and never whole in memory. A row of table blob is there as
// long as its file; whoever refers to a blob does so in the transaction that keeps it. A file
// without a row is what a crash between the two left: the same content takes its place again.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define BLOB_NAME_LEN 64 // lowercase hex digits

struct blob_part;
struct store;

// folder: blobs/ itself. One that ends unkept leaves nothing.
enum rc blob_begin(const char *folder, struct blob_part **out, struct fault *f);
enum rc blob_write(struct blob_part *p, const void *bytes, size_t len, struct fault *f);
int64_t blob_length(const struct blob_part *p); // so far
// On disk and under its name; RC_INVALID if its content is not that of the name. Once, at the end.
enum rc blob_keep(struct blob_part *p, struct store *tx, const char *name, struct fault *f);
void blob_part_free(struct blob_part *p); // NULL is fine

// *fd is the caller's. RC_NOT_FOUND if the file is not there.
enum rc blob_open(const char *folder, const char *name, int *fd, struct fault *f);
// After the last row that referred to it was deleted in tx; does nothing while another does.
enum rc blob_release(struct store *tx, const char *folder, const char *name, struct fault *f);
// Before anything is written: removes what a crash left half written.
void blob_tidy(const char *folder);
