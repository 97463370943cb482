// SPDX-License-Identifier: Apache-2.0
//
// config: every setting, from one table.
//
// Sources, later ones win: the table's default, the instance's config file,
// ORRERY_<NAME> in the environment (dots as underscores), --set name=value. A setting is
// named after its member, the first underscore being a dot: "gateway.idle_s". The table also prints
// docs/configuration.md and `orreryd config`. Secrets are never values here, only paths of
// files that hold them.

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/rc.h"

struct config {
    const char *dir; // instance folder, absolute

    const char *database;       // conninfo; "" = the private cluster under dir/pg
    const char *database_owner; // conninfo that migrates; "" = same as database
    int64_t database_pool;

    const char *edge;        // "on" or "off"
    const char *edge_listen; // address:port
    const char *edge_names;  // names in the server certificate, by commas
    const char *edge_cert;   // own (public) certificate chain, PEM; "" = issued by the keeper
    const char *edge_key;
    const char *edge_proxy_secret; // file; edge=off only
    int64_t edge_per_address;      // connections

    const char *gateway_listen;
    int64_t gateway_loops; // 0 = cores - 1, at least 1
    int64_t gateway_per_address;
    int64_t gateway_idle_s; // silence before a ping

    const char *metrics_listen;

    const char *keeper_passphrase; // file; "" = dir/keeper-passphrase

    int64_t cert_lifetime_s;   // operational certificates; at most 24 h
    int64_t cert_quarantine_s; // at most 1 h

    int64_t ingest_writers;
    int64_t ingest_linger_ms;
    int64_t ingest_batch; // messages
    int64_t ingest_pending_max;

    int64_t history_pack_after_s;

    int64_t crash_keep_days;
    int64_t crash_device_day; // dumps
    int64_t crash_catalog_mb;

    int64_t session_idle_s;
    int64_t session_absolute_s;

    const char *notify_allow; // networks notifications may go to beside the public ones
    const char *notify_ca;    // PEM; "" = the system's CAs
    const char *notify_link;  // base address of the dashboard; "" = made of edge.names

    const char *web_dir; // built dashboard
    const char *log_level;
};

// Reads dir/config, which may be missing; sets are "name=value" texts. A fault names file, line and
// setting.
enum rc config_load(const char *dir, const char *const *sets, int count, struct config **out,
                    struct fault *f);
void config_free(struct config *c);
void config_print(const struct config *c, FILE *to); // as a config file
void config_print_markdown(FILE *to);                // docs/configuration.md
