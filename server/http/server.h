// SPDX-License-Identifier: Apache-2.0
//
// http/server: the REST side's civetweb, behind the edge.
//
//   edge --loopback, secret header--> 8 civetweb workers --> dispatcher --> handlers
//
// Plain HTTP on a port of 127.0.0.1 that the kernel chooses. A request without the
// secret of this start is refused before its body is read, so that no local stranger can
// claim an address or reach a route. The edge (edge/edge.h has
// the header names) puts its own headers first and takes such names out of what clients send.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define HTTP_SECRET_LEN 64 // hex digits
#define HTTP_WORKERS    8

struct http;
struct store;
struct services;
struct access;

struct http_options {
    struct store *store;             // the pool
    const struct services *services; // copied
};

enum rc http_start(const struct http_options *o, struct http **out, struct fault *f);
// New requests get 503, those in flight finish (at most 10 s), then civetweb stops.
void http_stop(struct http *h); // NULL is fine
// From now on 503 with Connection: close; /readyz says so. For a drain before http_stop.
void http_drain(struct http *h);

int http_port(const struct http *h);
const char *http_secret(const struct http *h); // HTTP_SECRET_LEN digits
// For sockets that stay open: access_recheck().
struct access *http_access(struct http *h);

// Whether the request belongs to the slow pool. path is raw, without the query; any text is fine.
bool http_is_slow(const char *method, const char *path);

// One line of counters a route, for the metrics page.
struct http_count {
    const char *method, *pattern; // "other" for what matched no route
    uint64_t answers[6];          // [2] = 2xx, …
    uint64_t us;                  // spent in all
    uint64_t bucket[8];           // answered within 1, 5, 10, 25, 100, 250, 1000 ms, later
};
// Fills at most max, returns how many routes there are.
size_t http_counts(const struct http *h, struct http_count *out, size_t max);

// Drops what has expired: sessions, tokens, idempotency keys. For the scheduler, about hourly.
enum rc http_upkeep(struct store *s, const struct services *services, struct fault *f);
