// SPDX-License-Identifier: Apache-2.0
//
// nap: how a thread that has something to do now and then sleeps in between.
//
//   nap_take() --time is up, or nap_wake()--> true: the next turn      --nap_stop()--> false
//
// A wake that finds nobody asleep ends the next nap at once, so that none is missed. After
// nap_stop() nobody sleeps any more.

#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct nap {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool woken, stopped;
};

void nap_init(struct nap *n);
void nap_done(struct nap *n);

// False when it is time to stop.
bool nap_take(struct nap *n, int64_t ms);
bool nap_is_stopped(struct nap *n);

void nap_wake(struct nap *n);
void nap_stop(struct nap *n);
