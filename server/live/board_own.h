// SPDX-License-Identifier: Apache-2.0
//
// board_own: what board.c and board_load.c share.
//
// The topics stand below lock, but for what they say is another's; what follows them is used by
// the live thread alone.

#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "live/board.h"
#include "live/census.h"
#include "live/intake.h"
#include "live/news.h"
#include "live/picture.h"
#include "live/whole.h"

struct board {
    struct board *next;
    struct boards *all;
    int32_t catalog;
    atomic_bool watched;

    pthread_mutex_t lock;
    struct picture picture;
    struct census census;
    struct news news;
    struct intake intake;
    struct whole jobs, alerts;

    int users;
    int64_t left_at;
    bool began; // has frames
    struct track tracks[BOARD_TOPICS];
};

struct boards {
    _Atomic(struct board *) first;
    int64_t ticked_at; // when it last made frames
    void (*stir)(void *ctx);
    void *ctx;
    pthread_mutex_t lock; // for wake
    pthread_cond_t wake;  // of the loader
    bool stopping, woken;
};

void boards_wake(struct boards *b);
