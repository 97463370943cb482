// SPDX-License-Identifier: Apache-2.0
//
// courier: carries messages to other people's servers, several at once, in the caller's thread.
//
//   courier_send() --> on its way --courier_turn()--> arrived | did not: done(ctx, report)
//
// Whatever the other end does (hangs, drips, floods, redirects, lies about its name), a message is
// over within courier_options.total_ms. Each one opens a connection of its own, to an address that
// the fence was asked about; redirects are not followed, proxies of the environment not used.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "notify/fence.h"

#define COURIER_TEXT_MAX   200
#define COURIER_TO_MAX     10
#define COURIER_HEADER_MAX 6

struct courier;

struct courier_order {
    int64_t id;      // the caller's, for the report
    const char *url; // http:, https:; smtp:, smtps: for a mail
    const char *body;
    size_t len;
    const char *headers[COURIER_HEADER_MAX]; // of http: "Name: value"
    const char *from, *to[COURIER_TO_MAX];   // of a mail: bare addresses
    const char *user, *password;             // of a mail: NULL for none
    bool starttls;                           // of smtp: or it does not go
};

struct courier_report {
    int64_t id;
    bool arrived;
    int status;                  // the other end's, 0 if it said none
    int64_t ms;                  // from send to end
    char text[COURIER_TEXT_MAX]; // what happened, for people; never holds a path or a secret
};

typedef void courier_done(void *ctx, const struct courier_report *r);

struct courier_options {
    struct fence fence;
    const char *ca_file; // NULL: the system's CAs
    int64_t connect_ms, total_ms;
    courier_done *done;
    void *ctx;
};

enum rc courier_new(const struct courier_options *o, struct courier **out, struct fault *f);
void courier_free(struct courier *c); // drops what is on its way; NULL is fine

// o is copied.
enum rc courier_send(struct courier *c, const struct courier_order *o, struct fault *f);
int courier_busy(const struct courier *c); // how many are on their way
// Moves them on, waiting at most ms for something to happen.
void courier_turn(struct courier *c, int ms);
void courier_wake(struct courier *c); // ends that waiting; any thread
