// SPDX-License-Identifier: Apache-2.0

#include "overview/overview_api.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "alert/alert.h"
#include "alert/inbox.h"
#include "attest/attest.h"
#include "core/auto.h"
#include "core/config.h"
#include "core/json_out.h"
#include "keeper/keeper.h"
#include "overview/overview.h"
#include "overview_sql.h"
#include "store/arg.h"
#include "store/store.h"

static handler show;

const struct route overview_routes[] = {
    { "GET", "/api/v1/catalogs/{catalog}/overview", MAY_SEE_DEVICES, show, 0 },
    { 0 },
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(X509 *, x509_freep, X509_free)
DEFINE_AUTO(BIO *, bio_freep, BIO_free)

// ---------------------------------------------------------------- certificates

// notAfter of the first certificate, Unix ms; 0 if it cannot be read.
static int64_t ends_at(BIO *pem)
{
    auto_with(x509_freep) X509 *cert = pem ? PEM_read_bio_X509(pem, NULL, NULL, NULL) : NULL;
    struct tm tm;

    if (!cert || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm) * 1000;
}

static void add_authority(json_t *list, const char *name, const char *kind, int64_t until)
{
    json_t *o;

    if (!until)
        return;
    o = json_object();
    add_text(o, "name", name);
    add_text(o, "kind", kind);
    add_time(o, "notAfter", until);
    json_array_append_new(list, o);
}

// What edge shows: the instance's own certificate unless another is configured.
static int64_t server_cert_until(const struct config *c)
{
    auto_with(bio_freep) BIO *file = NULL;
    char path[600];

    if (!c)
        return 0;
    snprintf(path, sizeof path, "%s/pki/server.pem", c->dir);
    file = BIO_new_file(*c->edge_cert ? c->edge_cert : path, "r");
    return ends_at(file);
}

static enum rc add_authorities(const struct req *q, int64_t server_until, json_t *list,
                               struct fault *f)
{
    static const struct {
        enum ca_name which;
        const char *kind;
    } authorities[] = {
        { CA_CATALOG, "catalog" },
        { CA_QUARANTINE, "quarantine" },
        { CA_DEVICE_ROOT, "deviceRoot" },
        { CA_SERVER_ROOT, "serverRoot" },
    };
    char names[][80] = { "", "", "Device root", "Server root" };

    snprintf(names[0], sizeof names[0], "CA of catalog %s", q->catalog_name);
    snprintf(names[1], sizeof names[1], "Quarantine CA of %s", q->catalog_name);
    for (size_t i = 0; i < sizeof authorities / sizeof *authorities; i++) {
        auto_free char *pem = NULL;
        enum rc rc = keeper_ca(q->services->keeper, authorities[i].which, q->catalog_name, &pem, f);

        if (rc != RC_OK)
            return rc;
        auto_with(bio_freep) BIO *bio = BIO_new_mem_buf(pem, -1);
        add_authority(list, names[i], authorities[i].kind, ends_at(bio));
    }
    add_authority(list, "Server certificate", "server", server_until);
    return RC_OK;
}

// ---------------------------------------------------------------- facts

static enum rc load_counts(const struct req *q, struct overview_facts *x, struct fault *f)
{
    const struct device_facts overdue = {
        .attested_once = true, .online = true, .renewal_due_at = 1, .now = 2
    };
    const char *why = NULL;
    auto_with(rows_freep) struct rows *r = NULL;

    (void)device_state_of(&overdue, &why);
    enum rc rc = store_run(q->store, &Q_OVERVIEW_COUNTS,
                           (const char *[]){ ARG_INT(q->catalog), why }, &r, f);
    if (rc != RC_OK)
        return rc;
    x->quarantined = rows_int(r, 0, "quarantined");
    x->overdue = rows_int(r, 0, "overdue");
    x->arrivals = rows_int(r, 0, "arrivals");
    x->arrived_at = rows_int(r, 0, "arrived_at");
    return RC_OK;
}

static enum severity severity_of(const char *name)
{
    int s = alert_severity_from_name(name);

    switch (s) {
    case ALERT_CRITICAL:
        return SEVERITY_CRITICAL;
    case ALERT_HIGH:
        return SEVERITY_HIGH;
    default:
        return s == ALERT_MEDIUM ? SEVERITY_MEDIUM : SEVERITY_LOW;
    }
}

// list (owned by the caller) holds the texts.
static enum rc load_alerts(const struct req *q, json_t **list, struct overview_facts *x,
                           struct fault *f)
{
    const struct inbox_search open = {
        .states = "{open,acknowledged,assigned}", .owner = -1, .device = -1, .worst_first = true
    };
    int64_t next;
    enum rc rc = inbox_find(q->store, q->catalog, &open, 0, OVERVIEW_ALERTS, list, &next, f);

    for (size_t i = 0; rc == RC_OK && i < json_array_size(*list); i++) {
        json_t *a = json_array_get(*list, i), *who = json_object_get(a, "assignee");

        x->alerts[x->alert_count++] = (struct overview_alert){
            .id = strtoll(json_string_value(json_object_get(a, "id")), NULL, 10),
            .devices = json_integer_value(json_object_get(a, "devices")),
            .severity = severity_of(json_string_value(json_object_get(a, "severity"))),
            .title = json_string_value(json_object_get(a, "title")),
            .with = json_string_value(json_object_get(who, "name")),
        };
    }
    return rc;
}

static void look_around(const struct config *c, struct overview_facts *x)
{
    struct statvfs v;

    x->now = clock_now_ms();
    x->server_cert_until = server_cert_until(c);
    if (!c || statvfs(c->dir, &v) < 0)
        return;
    x->disk_free = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
    x->disk_size = (int64_t)v.f_blocks * (int64_t)v.f_frsize;
}

// ---------------------------------------------------------------- the answer

static void add_refusal(void *ctx, const char *reason, int64_t n)
{
    json_t *o = json_object();

    add_text(o, "reason", reason);
    add_int(o, "n", n);
    json_array_append_new(ctx, o);
}

static json_t *need_to_json(const struct need *n)
{
    json_t *o = json_object();

    add_text(o, "severity", severity_name(n->severity));
    add_text(o, "title", n->title);
    add_text(o, "text", n->text);
    add_int(o, "count", n->count);
    add_text(o, "filter", *n->filter ? n->filter : NULL);
    add_text(o, "page", n->page);
    if (n->alert)
        add_id(o, "alert", n->alert);
    else
        add_null(o, "alert");
    add_time(o, "at", n->at);
    return o;
}

static json_t *needs_to_json(const struct overview_facts *x)
{
    auto_free struct need *needs = calloc(NEEDS_MAX, sizeof *needs);
    size_t count = needs ? overview_needs(x, needs) : 0;
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, need_to_json(&needs[i]));
    return list;
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    auto_free struct pattern_list *patterns = calloc(1, sizeof *patterns);
    json_auto_t *refusals = json_array(), *authorities = json_array();
    json_auto_t *alerts = NULL;
    struct overview_facts x = { .patterns = patterns };
    enum rc rc = patterns ? RC_OK : fail(f, RC_INTERNAL, "out of memory");

    look_around(q->services->config, &x);
    if (rc == RC_OK)
        rc = patterns_get(q->services->patterns, q->store, q->catalog, patterns, f);
    if (rc == RC_OK)
        rc = load_counts(q, &x, f);
    if (rc == RC_OK)
        rc = load_alerts(q, &alerts, &x, f);
    if (rc == RC_OK)
        rc = attest_refusals(q->store, q->catalog, add_refusal, refusals, f);
    if (rc == RC_OK)
        rc = add_authorities(q, x.server_cert_until, authorities, f);
    if (rc != RC_OK)
        return rc;
    json_t *o = json_object();
    json_object_set(o, "refusals", refusals);
    add_int(o, "renewalsOverdue", x.overdue);
    json_object_set(o, "authorities", authorities);
    add_json(o, "needsYou", needs_to_json(&x));
    return reply_json(r, 200, o);
}
