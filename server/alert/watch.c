// SPDX-License-Identifier: Apache-2.0

#include "alert/watch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert_sql.h"
#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/nap.h"
#include "store/arg.h"
#include "store/link.h"
#include "store/store.h"

#define LISTEN_MS  500 // until it looks whether it is to stop
#define TIMEOUT_MS 5000
#define RETRY_MS   2000

struct alert_watch {
    char *conninfo;
    struct bus *bus;
    struct link *link; // NULL while it is lost
    struct nap nap;
    pthread_t thread;
};

static const struct log_ctx log_as = { .area = "alert" };

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static void tell(struct alert_watch *w, int32_t catalog, const char *text)
{
    bus_publish(w->bus,
                &(struct bus_event){
                    .kind = BUS_ALERT, .catalog = catalog, .at = clock_now_ms(), .text = text });
}

// "7", or "7 opened 12" where people like to read of it.
static enum rc hear(struct alert_watch *w, const char *payload, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char change[12] = "", text[300];
    long long alert = 0;
    int catalog = 0;
    int n = sscanf(payload, "%d %11s %lld", &catalog, change, &alert);
    enum rc rc = RC_OK;

    if (n == 3)
        rc = link_run(w->link, &Q_ALERT_TITLE, (const char *[]){ ARG_INT(catalog), ARG_INT(alert) },
                      &rows, f);
    if (rc != RC_OK)
        return rc;
    if (n == 3 && rows_count(rows) > 0) {
        snprintf(text, sizeof text, "%s: %s", rows_text(rows, 0, "title"), change);
        tell(w, catalog, text);
    } else if (n >= 1) {
        tell(w, catalog, NULL);
    }
    return RC_OK;
}

// What happened while nobody listened is read again.
static enum rc open_link(struct alert_watch *w, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = link_open(w->conninfo, "orrery alert watch", TIMEOUT_MS, &w->link, f);

    if (rc == RC_OK)
        rc = link_listen(w->link, "alert", f);
    if (rc == RC_OK)
        rc = link_run(w->link, &Q_ALERT_CATALOGS, NULL, &rows, f);
    for (int i = 0; rc == RC_OK && i < rows_count(rows); i++)
        tell(w, (int32_t)rows_int(rows, i, "id"), NULL);
    return rc;
}

static enum rc listen_once(struct alert_watch *w, struct fault *f)
{
    char payload[64] = "";
    enum rc rc = w->link ? RC_OK : open_link(w, f);

    if (rc == RC_OK)
        rc = link_hear(w->link, LISTEN_MS, payload, sizeof payload, f);
    if (rc == RC_OK && *payload)
        rc = hear(w, payload, f);
    return rc;
}

static void *run(void *arg)
{
    struct alert_watch *w = arg;
    bool lost = false;

    pthread_setname_np(pthread_self(), "alert-watch");
    while (nap_take(&w->nap, lost ? RETRY_MS : 0)) {
        struct fault f = { 0 };
        bool was = lost;

        lost = listen_once(w, &f) != RC_OK;
        if (lost) {
            link_close(w->link);
            w->link = NULL;
        }
        if (lost && !was)
            log_warn(&log_as, "changes of alerts are not heard: %s, retrying", f.text);
    }
    return NULL;
}

enum rc alert_watch_start(const char *conninfo, struct bus *b, struct alert_watch **out,
                          struct fault *f)
{
    struct alert_watch *w = calloc(1, sizeof *w);

    if (w)
        w->conninfo = strdup(conninfo);
    if (!w || !w->conninfo) {
        free(w);
        return fail(f, RC_INTERNAL, "out of memory");
    }
    w->bus = b;
    nap_init(&w->nap);
    if (pthread_create(&w->thread, NULL, run, w) != 0) {
        nap_done(&w->nap);
        free(w->conninfo);
        free(w);
        return fail(f, RC_UNAVAILABLE, "cannot start a thread");
    }
    *out = w;
    return RC_OK;
}

void alert_watch_stop(struct alert_watch *w)
{
    if (!w)
        return;
    nap_stop(&w->nap);
    pthread_join(w->thread, NULL);
    nap_done(&w->nap);
    link_close(w->link);
    free(w->conninfo);
    free(w);
}
