// SPDX-License-Identifier: Apache-2.0
//
// Every module's routes, one line a table.

#include "access/account_api.h"
#include "access/api_token_api.h"
#include "access/web_session_api.h"
#include "alert/alert_api.h"
#include "attest/attest_api.h"
#include "attest/reference_api.h"
#include "audit/audit_api.h"
#include "bulk/bulk_api.h"
#include "catalog/catalog_api.h"
#include "crash/crash_api.h"
#include "device/custody_api.h"
#include "device/device_api.h"
#include "device/export_api.h"
#include "device/list_api.h"
#include "enroll/enroll_api.h"
#include "group/group_api.h"
#include "http/route.h"
#include "http/system_api.h"
#include "job/job_api.h"
#include "journal/insight_api.h"
#include "journal/journal_api.h"
#include "journal/loudness_api.h"
#include "journal/search_api.h"
#include "live/events_api.h"
#include "live/tickets_api.h"
#include "notify/notify_api.h"
#include "overview/overview_api.h"
#include "pattern/pattern_api.h"
#include "product/product_api.h"
#include "rule/rule_api.h"
#include "telemetry/band_api.h"
#include "telemetry/fleet_api.h"
#include "telemetry/metric_api.h"
#include "telemetry/readings_api.h"
#include "telemetry/series_api.h"
#include "telemetry/telemetry_api.h"
#include "threat/threat_api.h"
#include "timeline/timeline_api.h"
#include "view/view_api.h"
#include "window/arrival_api.h"
#include "window/window_api.h"

// clang-format off
const struct route *const route_tables[] = {
    system_routes,
    web_session_routes,
    user_routes,
    token_routes,
    audit_routes,
    ticket_routes,
    event_routes,
    catalog_routes,
    list_routes,
    device_routes,
    export_routes,
    custody_routes,
    product_routes,
    group_routes,
    enroll_routes,
    window_routes,
    arrival_routes,
    job_routes,
    bulk_routes,
    attest_routes,
    reference_routes,
    telemetry_routes,
    metric_routes,
    fleet_routes,
    series_routes,
    band_routes,
    readings_routes,
    journal_routes,
    search_routes,
    insight_routes,
    loudness_routes,
    pattern_routes,
    overview_routes,
    view_routes,
    rule_routes,
    crash_routes,
    alert_routes,
    threat_routes,
    timeline_routes,
    notify_routes,
    NULL,
};
// clang-format on
