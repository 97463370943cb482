// SPDX-License-Identifier: Apache-2.0
//
// Every module's routes, one line a table.

#include "attest/attest_api.h"
#include "attest/reference_api.h"
#include "catalog/catalog_api.h"
#include "device/device_api.h"
#include "enroll/enroll_api.h"
#include "http/route.h"
#include "journal/journal_api.h"
#include "telemetry/telemetry_api.h"

const struct route *const route_tables[] = {
    catalog_routes,   device_routes,    enroll_routes,  attest_routes,
    reference_routes, telemetry_routes, journal_routes, NULL,
};
