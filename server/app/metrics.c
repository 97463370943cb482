// SPDX-License-Identifier: Apache-2.0
//
// The metrics page. Names follow Prometheus' conventions: base units, _total for counters; the
// tests hold it against "promtool check metrics".

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/parts.h"
#include "core/clock.h"
#include "core/config.h"

#define ROUTES_MAX 256

static void head(FILE *to, const char *name, const char *kind, const char *help)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void counter(FILE *to, const char *name, const char *help, uint64_t n)
{
    head(to, name, "counter", help);
    fprintf(to, "%s %" PRIu64 "\n", name, n);
}

static void gauge(FILE *to, const char *name, const char *help, double n)
{
    head(to, name, "gauge", help);
    fprintf(to, "%s %.15g\n", name, n);
}

static int64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long long pages = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%*s %lld", &pages) != 1)
        pages = 0;
    (void)fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void process(FILE *to, const struct app *a)
{
    struct rusage used;

    (void)getrusage(RUSAGE_SELF, &used);
    head(to, "process_cpu_seconds_total", "counter", "CPU time used by the server.");
    fprintf(to, "process_cpu_seconds_total %.3f\n",
            (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    gauge(to, "process_resident_memory_bytes", "Resident memory of the server.",
          (double)resident_bytes());
    gauge(to, "process_start_time_seconds", "When the server started, Unix time.",
          (double)a->started_at / 1000);
}

static void database(FILE *to, const struct app *a)
{
    gauge(to, "orrery_database_up", "1 while the database answers.", store_is_up(a->store));
    if (a->cluster)
        counter(to, "orrery_database_restarts_total", "Restarts of the private cluster.",
                (uint64_t)cluster_restarts(a->cluster));
}

static void ingest(FILE *to, const struct app *a)
{
    struct ingest_stats s;
    struct statvfs v;
    double free_bytes = 0;

    ingest_stats(a->ingest, &s);
    counter(to, "orrery_ingest_messages_total", "Messages committed.", s.messages);
    counter(to, "orrery_ingest_batches_total", "Batches committed.", s.batches);
    counter(to, "orrery_ingest_replays_total", "Messages that were known already.", s.replays);
    counter(to, "orrery_ingest_nacks_total", "Messages refused for what they say.", s.nacks);
    counter(to, "orrery_ingest_refused_rows_total", "Rows the database did not want.", s.refused);
    counter(to, "orrery_ingest_resent_batches_total", "Batches sent again after a lost connection.",
            s.resent_batches);
    counter(to, "orrery_ingest_recovered_batches_total",
            "Batches found committed after a lost connection.", s.recovered_batches);
    gauge(to, "orrery_ingest_pending_messages", "Messages not committed yet.", (double)s.pending);
    gauge(to, "orrery_ingest_pending_bytes", "Memory they take.", (double)s.pending_bytes);
    gauge(to, "orrery_ingest_lag_seconds", "Age of the oldest message not committed yet.", s.lag_s);
    gauge(to, "orrery_data_bytes", "Telemetry and journal on disk.", (double)s.disk_bytes);
    gauge(to, "orrery_data_growth_bytes_per_hour", "Growth during the last whole hour.",
          (double)s.disk_bytes_per_hour);
    gauge(to, "orrery_data_forecast_bytes", "Where retention will hold it at that growth.",
          (double)s.disk_forecast_bytes);
    if (statvfs(a->config->dir, &v) == 0)
        free_bytes = (double)v.f_bavail * (double)v.f_frsize;
    gauge(to, "orrery_disk_free_bytes", "Free space where the instance lives.", free_bytes);
}

static void history(FILE *to, const struct app *a)
{
    struct compactor_stats s;

    compactor_stats(a->compactor, &s);
    counter(to, "orrery_history_packed_rows_total", "Messages of telemetry packed.", s.rows);
    counter(to, "orrery_history_packed_points_total", "Values of them.", s.points);
    counter(to, "orrery_history_packed_bytes_total",
            "What they take now, without their rows' heads.", s.bytes);
    counter(to, "orrery_history_failures_total", "Rounds of packing that failed.", s.failures);
}

static void gateway(FILE *to, const struct app *a)
{
    struct gateway_stats s;

    gateway_stats(a->gateway, &s);
    gauge(to, "orrery_gateway_connections", "Open device connections.", (double)s.connections);
    gauge(to, "orrery_gateway_handshakes", "Handshakes under way.", (double)s.handshaking);
    gauge(to, "orrery_gateway_sessions", "Devices in steady state.", (double)s.sessions);
    gauge(to, "orrery_gateway_strangers", "Unknown devices connected.", (double)s.strangers);
    counter(to, "orrery_gateway_accepted_total", "Connections accepted.", s.accepted);
    counter(to, "orrery_gateway_refused_total", "Connections refused.", s.refused);
    counter(to, "orrery_gateway_established_total", "WebSockets opened.", s.established);
    counter(to, "orrery_gateway_frames_total", "Frames received.", s.frames);
    counter(to, "orrery_gateway_received_bytes_total", "Bytes of frames received.", s.bytes_in);
    counter(to, "orrery_gateway_sent_bytes_total", "Bytes of frames sent.", s.bytes_out);
}

static void doors(FILE *to, const struct app *a)
{
    gauge(to, "orrery_windows_open", "Open registration windows.", doors_open(a->doors, NULL));
    counter(to, "orrery_strangers_total", "Unknown devices let in to say hello.",
            doors_total(a->doors, DOORS_KNOCKS));
    counter(to, "orrery_strangers_crowded_total", "Unknown devices turned away by a limit.",
            doors_total(a->doors, DOORS_CROWDED));
    counter(to, "orrery_strangers_held_total", "Unknown devices held as arrivals.",
            doors_total(a->doors, DOORS_HELD));
    counter(to, "orrery_claim_codes_good_total", "Devices claimed by a code.",
            doors_total(a->doors, DOORS_CLAIMED));
    counter(to, "orrery_claim_codes_bad_total", "Claim codes that were wrong, expired or used up.",
            doors_total(a->doors, DOORS_WRONG));
}

static void threats(FILE *to, const struct app *a)
{
    struct threats_stats s;

    threats_stats(a->threats, &s);
    counter(to, "orrery_threat_signals_total", "Signals of protocol and access code.", s.signals);
    counter(to, "orrery_threat_lost_total", "Signals there was no room for.", s.lost);
    counter(to, "orrery_threat_raised_total", "Hits of threats given to alerts.", s.raised);
    counter(to, "orrery_threat_cleared_total", "Devices found well again.", s.cleared);
}

static void notifications(FILE *to, const struct app *a)
{
    struct notifier_stats s;

    notifier_stats(a->notifier, &s);
    counter(to, "orrery_notifications_sent_total", "Notifications that arrived.", s.sent);
    counter(to, "orrery_notifications_failed_total", "Attempts that did not.", s.failed);
    counter(to, "orrery_notifications_dead_total", "Notifications given up.", s.dead);
    gauge(to, "orrery_notifications_in_flight", "Notifications on their way.", s.busy);
    notifier_metrics(a->notifier, to);
}

static void edge(FILE *to, const struct app *a)
{
    struct edge_counts c;

    edge_stats(a->edge, &c);
    gauge(to, "orrery_edge_clients", "Open connections of the public port.", (double)c.clients);
    gauge(to, "orrery_edge_queued_requests", "Requests waiting for a worker.", (double)c.queued);
    gauge(to, "orrery_edge_queued_requests_max", "Longest queue since the start.",
          (double)c.queued_max);
    gauge(to, "orrery_edge_backend_connections", "Kept connections to the workers.",
          (double)c.backend_open);
    gauge(to, "orrery_edge_live_sockets", "WebSockets pumped for browsers.", (double)c.lives);
    counter(to, "orrery_edge_live_opened_total", "WebSockets handed over.", c.live_opened);
    counter(to, "orrery_edge_backend_opens_total", "Connections to the workers opened.",
            c.backend_opens);
    counter(to, "orrery_edge_backend_retries_total", "Reads asked again on a new connection.",
            c.backend_retries);
    counter(to, "orrery_edge_backend_failures_total", "Requests lost or not answered in time.",
            c.backend_failures);
    gauge(to, "orrery_edge_buffered_bytes", "Bodies and answers in memory.", (double)c.buffered);
    counter(to, "orrery_edge_accepted_total", "Connections accepted.", c.accepted);
    counter(to, "orrery_edge_refused_total", "Connections over a limit.",
            c.refused_address + c.refused_full);
    head(to, "orrery_edge_handshakes_total", "counter", "TLS handshakes.");
    fprintf(to,
            "orrery_edge_handshakes_total{kind=\"full\"} %" PRIu64
            "\norrery_edge_handshakes_total{kind=\"resumed\"} %" PRIu64
            "\norrery_edge_handshakes_total{kind=\"failed\"} %" PRIu64 "\n",
            c.handshakes_full, c.handshakes_resumed, c.handshakes_failed);
    head(to, "orrery_edge_requests_total", "counter", "Requests answered, by class of status.");
    for (int class = 1; class < 6; class ++)
        fprintf(to, "orrery_edge_requests_total{class=\"%dxx\"} %" PRIu64 "\n", class,
                c.requests[class]);
    counter(to, "orrery_edge_timeouts_total", "Heads, bodies and answers that took too long.",
            c.timeouts_head + c.timeouts_body + c.timeouts_write);
}

static void live(FILE *to, const struct app *a)
{
    struct live_counts c;

    live_stats(a->live, &c);
    gauge(to, "orrery_live_sockets", "Browsers that watch.", (double)c.sockets);
    gauge(to, "orrery_live_streams", "Readers of server-sent events.", (double)c.streams);
    counter(to, "orrery_live_frames_total", "Frames sent to browsers.", c.frames);
    counter(to, "orrery_live_sent_bytes_total", "Bytes sent to browsers.", c.bytes);
    counter(to, "orrery_live_refused_total", "Sockets refused.", c.refused);
}

static void routes(FILE *to, const struct app *a)
{
    static const char *const limits[] = { "0.001", "0.005", "0.01", "0.025",
                                          "0.1",   "0.25",  "1",    "+Inf" };
    struct http_count *counts = calloc(ROUTES_MAX, sizeof *counts);
    size_t count = counts ? http_counts(a->http, counts, ROUTES_MAX) : 0;

    head(to, "orrery_http_request_duration_seconds", "histogram", "REST answers, by route.");
    for (size_t i = 0; i < count && i < ROUTES_MAX; i++) {
        const struct http_count *c = &counts[i];
        uint64_t sum = 0;

        for (size_t k = 0; k < 8; k++)
            fprintf(to,
                    "orrery_http_request_duration_seconds_bucket{method=\"%s\",route=\"%s\","
                    "le=\"%s\"} %" PRIu64 "\n",
                    c->method, c->pattern, limits[k], sum += c->bucket[k]);
        fprintf(to,
                "orrery_http_request_duration_seconds_sum{method=\"%s\",route=\"%s\"} %.6f\n"
                "orrery_http_request_duration_seconds_count{method=\"%s\",route=\"%s\"} %" PRIu64
                "\n",
                c->method, c->pattern, (double)c->us / 1e6, c->method, c->pattern, sum);
    }
    free(counts);
}

static void rules(FILE *to, const struct app *a)
{
    struct rule_watch_stats s;

    rule_watch_stats(a->rules, &s);
    gauge(to, "orrery_rules_enabled", "Rules at work.", (double)s.rules);
    gauge(to, "orrery_rules_keys", "Windows and verdicts that rules keep.", (double)s.keys);
    counter(to, "orrery_rules_turns_total", "Times a rule began or ceased to fire.", s.turns);
    counter(to, "orrery_rules_replays_total", "Times rules began anew from stored telemetry.",
            s.replays);
    counter(to, "orrery_rules_lost_total", "Times rules fell so far behind that they did.", s.lost);
    gauge(to, "orrery_rules_late_readings",
          "Readings too late for a window, since its rules began.", (double)s.late);
}

char *metrics_text(void *app, size_t *len)
{
    static void (*const pages[])(FILE * to, const struct app *a) = {
        process, database, ingest, history, rules,         gateway,
        doors,   threats,  edge,   live,    notifications, routes,
    };
    char *text = NULL;
    FILE *to = open_memstream(&text, len);

    if (!to)
        return NULL;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        pages[i](to, app);
    (void)fclose(to);
    return text;
}
