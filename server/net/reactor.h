// SPDX-License-Identifier: Apache-2.0
//
// reactor: one thread's event loop over epoll.
//
//   turn: wait -> ready() of each watch -> tasks -> overdue timers -> turn() -> frees
//
// Work that would call back into its caller is posted as a task instead, so nothing
// here is re-entered. Timers live in queues of one fixed duration each: arming is
// O(1). Memory handed to reactor_free() is freed at the end of the turn, when no
// event of the batch can point to it any more. All but reactor_wake() belongs to
// the loop's own thread.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

struct reactor;

struct watch {
    int fd; // -1: not watched
    uint32_t events;
    void (*ready)(struct watch *w, uint32_t events);
};

struct task {
    struct task *next;
    bool posted;
    void (*run)(struct task *t);
};

struct timer {
    struct timer *prev, *next;
    int64_t due; // 0: not armed
    struct timer_queue *queue;
};

struct timer_queue {
    struct timer head;
    int64_t after_ms;
    void (*expired)(struct timer *t);
    struct timer_queue *next;
};

// What is embedded in the memory that reactor_free() takes.
struct grave {
    struct grave *next;
    void (*bury)(struct grave *g);
};

enum rc reactor_open(struct reactor **out, struct fault *f);
void reactor_close(struct reactor *r); // NULL is fine

// turn runs once a turn; true means it has more to do and the loop must not wait.
// woken runs in the loop after reactor_wake().
void reactor_hooks(struct reactor *r, bool (*turn)(void *ctx), void (*woken)(void *ctx), void *ctx);
void reactor_run(struct reactor *r); // until reactor_quit()
void reactor_quit(struct reactor *r);
void reactor_wake(struct reactor *r); // any thread

bool reactor_watch(struct reactor *r, struct watch *w, uint32_t events);
void reactor_change(struct reactor *r, struct watch *w, uint32_t events);
void reactor_unwatch(struct reactor *r, struct watch *w); // does not close the descriptor

void reactor_post(struct reactor *r, struct task *t); // once, however often it is posted
void reactor_unpost(struct reactor *r, struct task *t);

void reactor_queue(struct reactor *r, struct timer_queue *q, int64_t after_ms,
                   void (*expired)(struct timer *t));
void reactor_arm(struct reactor *r, struct timer_queue *q, struct timer *t); // or again
void reactor_disarm(struct timer *t);

void reactor_free(struct reactor *r, struct grave *g, void (*bury)(struct grave *g));
int64_t reactor_now(const struct reactor *r); // monotonic ms at the start of the turn
