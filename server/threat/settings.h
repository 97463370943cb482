// SPDX-License-Identifier: Apache-2.0
//
// settings: from which number on a catalog wants to hear of a threat.
//
//   {"codes":{"T18":{"times":3,"minutes":10},"T08":{"enabled":false}},"networks":["10.0.0.0/8"]}
//
// What is not said is as usual (threat/table.h). Only this module writes threat_settings.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"
#include "threat/networks.h"
#include "threat/table.h"

struct store;

struct threat_settings {
    int32_t catalog;
    int64_t version;
    bool off[THREAT_CODES];
    int64_t limits[THREAT_CODES][THREAT_LIMITS];
    size_t network_count; // 0: devices may come from anywhere
    struct network networks[NETWORKS_MAX];
};

void threat_settings_usual(struct threat_settings *out);
// From the JSON of a request or of the table; a fault names what is wrong where.
enum rc threat_settings_read(json_t *body, struct threat_settings *out, struct fault *f);
// All codes, with what is usual beside what is set, and the networks.
json_t *threat_settings_to_json(const struct threat_settings *s);

enum rc threat_settings_load(struct store *s, int32_t catalog, struct threat_settings *out,
                             struct fault *f);
// body was read. RC_CONFLICT unless version is the present one.
enum rc threat_settings_save(struct store *tx, int32_t catalog, int64_t version, json_t *body,
                             struct fault *f);
// Those of all catalogs that have any: malloc'd.
enum rc threat_settings_all(struct store *s, struct threat_settings **out, size_t *count,
                            struct fault *f);
