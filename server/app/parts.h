// SPDX-License-Identifier: Apache-2.0
//
// parts: what app.c put together, for those that look at all of it.

#pragma once

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/watch.h"
#include "app/server_tls.h"
#include "catalog/catalog.h"
#include "core/hex.h"
#include "crash/intake.h"
#include "device/export.h"
#include "device/roster.h"
#include "edge/edge.h"
#include "gateway/gateway.h"
#include "history/compactor.h"
#include "http/server.h"
#include "http/stream.h"
#include "ingest/ingest.h"
#include "job/runner.h"
#include "keeper/keeper.h"
#include "live/live.h"
#include "live/tickets.h"
#include "notify/notifier.h"
#include "pattern/pattern.h"
#include "rule/backtest.h"
#include "rule/watch.h"
#include "scheduler/scheduler.h"
#include "store/cluster.h"
#include "store/store.h"
#include "telemetry/fleet.h"
#include "threat/threat.h"
#include "threat/watch.h"
#include "window/doors.h"

struct self_certs {    // the one of the server's own certificates that ends first
    int64_t looked_at; // monotonic ms; 0: never
    int64_t until;     // Unix ms
    char name[60];
};

struct app {
    const struct config *config;
    int lock;
    int64_t started_at;
    atomic_bool draining;
    struct cluster *cluster; // NULL with a database of its own
    const char *conninfo;
    struct store *store;
    struct keeper *keeper;
    struct catalogs *catalogs;
    struct server_tls tls;
    struct bus *bus;
    struct roster *roster;
    struct doors *doors;
    struct tickets *tickets;
    struct patterns *patterns;
    struct threats *threats;
    struct watch *watch;
    struct self_certs certs; // the watch's own
    struct streams *streams;
    struct exports *exports;
    struct fleet *fleet;
    struct intakes *intakes;
    struct ingest *ingest;
    struct compactor *compactor;
    struct rule_watch *rules;
    struct backtests *backtests;
    struct job_runner *jobs;
    struct alert_watch *alerts;
    struct notifier *notifier;
    struct http *http;
    struct live *live;
    struct gateway *gateway;
    struct scheduler *scheduler;
    struct edge *edge;
};

// /readyz: each part as {"ok":bool,"text":…}; false when one of them cannot work. Never blocks.
bool ready_text(void *app, char *out, size_t size);
// What the watch asks, in its thread.
void self_look(void *app, struct watch_facts *f);
// /metrics: Prometheus text format 0.0.4; malloc'd.
char *metrics_text(void *app, size_t *len);
