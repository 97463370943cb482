// SPDX-License-Identifier: Apache-2.0
//
// board_own: what board.c and board_load.c share.
//
// What stands below lock is used under it, what stands below users by the live thread alone.

#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "device/device.h"
#include "live/board.h"
#include "live/seats.h"

#define LOOKUPS_MAX 5000 // more than that, and reading all is cheaper

struct track { // the frames of a topic
    uint64_t seq;
    struct frame *ring[BOARD_RING]; // the one of seq s is at s % BOARD_RING
    uint64_t oldest;                // in the ring
    struct frame *snapshot;         // made when last asked for
    uint64_t snapshot_seq;
};

struct board_item { // of events, not yet told
    int64_t at, device;
    const char *kind; // static
    char id[DEVICE_ID_LEN + 1];
    char text[200];
    int level; // -1: none
    int state; // -1: none
    bool journal;
};

struct lookups { // devices to read again
    int64_t *devices;
    size_t count, room;
};

struct board_text { // an item, told
    char *json;     // owned
    bool journal;
};

struct board {
    struct board *next;
    struct boards *all;
    int32_t catalog;
    atomic_uint_fast64_t messages, refused;
    atomic_bool watched;

    pthread_mutex_t lock;
    struct seats *seats; // NULL until the first load
    bool loaded, layout;
    int64_t next_seat, looked_at; // of the catalog, when last looked
    int64_t load_at, loaded_at;   // when to read all again, and when that was; monotonic ms
    struct lookups soon, later;
    int64_t later_at;
    struct board_item items[BOARD_EVENTS];
    size_t item_count, item_at;           // a ring: the newest
    struct board_text told[BOARD_EVENTS]; // by the loader, oldest first
    size_t told_count;
    bool jobs_due, jobs_new;
    int64_t jobs_at;
    char *jobs; // owned; a JSON array

    // The live thread's.
    int users;
    int64_t left_at, layout_at, census_at, news_at, intake_at;
    int64_t census[STATE_COUNT];
    uint64_t messages_before, refused_before;
    bool was_loaded;
    struct board_text shown[BOARD_EVENTS]; // newest first
    size_t shown_count;
    struct track tracks[BOARD_TOPICS];
};

struct boards {
    _Atomic(struct board *) first;
    int64_t ticked_at;  // when it last made frames
    uint64_t published; // frames
    void (*stir)(void *ctx);
    void *ctx;
    pthread_mutex_t lock; // for wake
    pthread_cond_t wake;  // of the loader
    bool stopping, woken;
};

void boards_wake(struct boards *b);
