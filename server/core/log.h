// SPDX-License-Identifier: Apache-2.0
//
// log: one logfmt line per event on stderr, with a <level> prefix for journald.
//
//   <6>t=2026-11-22T21:40:01.123Z level=info area=gateway device=3f… msg="connected"
//
// Only http, gateway, the workers and main log; core, store and the modules
// return. Messages are lower-case, end without a full stop, and a non-fatal one
// ends in what happens next (", retrying in 5 s"). Never a token, key or body.

#pragma once

enum level {
    LEVEL_ERROR, // someone must act
    LEVEL_WARN,
    LEVEL_INFO, // state changes
    LEVEL_DEBUG,
};

// What the lines of one request, session or worker have in common. Any member
// but area may be NULL.
struct log_ctx {
    const char *area;   // folder name: "gateway"
    const char *req;    // request id
    const char *device; // device id
    const char *peer;   // remote address
};

// Lines above this level are dropped. Safe to call from any thread.
void log_level_set(enum level max);

// "error", "warn", "info", "debug"; -1 for anything else.
int log_level_from_name(const char *name);

__attribute__((format(printf, 2, 3))) void log_error(const struct log_ctx *c, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void log_warn(const struct log_ctx *c, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void log_info(const struct log_ctx *c, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void log_debug(const struct log_ctx *c, const char *fmt, ...);
