// SPDX-License-Identifier: Apache-2.0

#include "notify/notifier.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert.h"
#include "alert/reach.h"
#include "alert/remedy.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/log.h"
#include "core/nap.h"
#include "notify/courier.h"
#include "notify/delivery.h"
#include "notify/locket.h"
#include "notify/message.h"
#include "notify/notify.h"
#include "notify/sign.h"
#include "store/arg.h"
#include "store/link.h"
#include "store/store.h"

#define LOCK_SPACE 0x0e4e4d1e // as the scheduler's leader
#define LOCK_KEY   3
#define LOCK_MS    500
#define LINK_MS    5000
#define IDLE_MS    1000
#define UPKEEP_MS  5000
#define MOST       8 // on their way at once
#define CONNECT_MS 5000
#define TOTAL_MS   15000

struct flight {
    int64_t id, route;
    int32_t catalog;
};

struct notifier {
    char *conninfo, *link;
    struct notifier_options o;
    struct courier *courier;
    struct flight flights[MOST]; // id 0: free
    int64_t upkeep_at;
    bool landed; // one has since the last look
    atomic_bool woken;
    struct nap nap;
    pthread_t thread;
    atomic_uint_fast64_t sent, failed, dead;
    atomic_int busy;
    pthread_mutex_t health_lock;
    char *health; // of the routes, as metrics; under the lock
};

static const struct log_ctx log_as = { .area = "notify" };

DEFINE_AUTO(struct link *, link_freep, link_close)
DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct store *, rollbackp, store_rollback)

static void secret_freep(char **p)
{
    if (*p)
        OPENSSL_cleanse(*p, strlen(*p));
    free(*p);
}

// ---------------------------------------------------------------- a route that does not work

// Only what this thread knows; whoever is told of it, the route itself is not (delivery_take).
static enum rc raise_alert(struct notifier *n, int32_t catalog, const struct delivery_outcome *o,
                           const char *error, struct fault *f)
{
    auto_with(rollbackp) struct store *tx = NULL;
    json_auto_t *evidence =
        json_pack("{s:s, s:i, s:s}", "route", o->name, "failures", o->failures, "error", error);
    auto_free char *text = evidence ? json_dumps(evidence, JSON_COMPACT) : NULL;
    char key[ALERT_KEY_MAX], title[ALERT_TITLE_MAX];
    const struct alert_cause cause = { .catalog = catalog,
                                       .key = key,
                                       .source = "system",
                                       .code = "notify",
                                       .severity = ALERT_HIGH,
                                       .title = title };
    const struct alert_hit hit = { .at = clock_now_ms(), .evidence = text };
    enum rc rc = store_begin(n->o.store, &tx, f);

    snprintf(key, sizeof key, "system:notify:%" PRId64, o->route);
    snprintf(title, sizeof title, "Notifications by '%s' do not arrive", o->name);
    if (rc == RC_OK)
        rc = alert_raise(tx, &cause, &hit, 1, f);
    return rc == RC_OK ? store_commit(take(&tx), f) : rc;
}

static enum rc clear_alert(struct notifier *n, int32_t catalog, const struct delivery_outcome *o,
                           struct fault *f)
{
    auto_with(rollbackp) struct store *tx = NULL;
    char key[ALERT_KEY_MAX];
    enum rc rc = store_begin(n->o.store, &tx, f);

    snprintf(key, sizeof key, "system:notify:%" PRId64, o->route);
    if (rc == RC_OK)
        rc = alert_clear(tx, catalog, key, NULL, 0, clock_now_ms(), f);
    return rc == RC_OK ? store_commit(take(&tx), f) : rc;
}

static void watch_route(struct notifier *n, int32_t catalog, const struct delivery_outcome *o,
                        const char *error)
{
    struct fault f = { 0 };
    enum rc rc = RC_OK;

    if (o->failures >= NOTIFY_DEAD_AFTER && !o->test)
        rc = raise_alert(n, catalog, o, error, &f);
    else if (o->failures == 0 && o->before >= NOTIFY_DEAD_AFTER)
        rc = clear_alert(n, catalog, o, &f);
    if (rc != RC_OK)
        log_warn(&log_as, "the alert about route %lld could not be changed: %s",
                 (long long)o->route, f.text);
}

// ---------------------------------------------------------------- what became of one

// Should it fail, the message is as due as before and goes again, with the same id.
static void settle(struct notifier *n, const struct delivery_result *r)
{
    struct delivery_outcome o;
    struct fault f = { 0 };
    enum rc rc = delivery_settle(n->o.store, r, &o, &f);

    atomic_fetch_add(r->arrived ? &n->sent : &n->failed, 1);
    if (rc != RC_OK) {
        log_warn(&log_as, "what became of delivery %lld was not kept: %s, it goes again",
                 (long long)r->id, f.text);
        return;
    }
    if (!o.route)
        return;
    if (o.dead) {
        atomic_fetch_add(&n->dead, 1);
        log_warn(&log_as, "delivery %lld by route %lld is given up: %s", (long long)r->id,
                 (long long)o.route, r->text);
    }
    if (!r->arrived && o.failures == 1 && !o.test)
        log_warn(&log_as, "route %lld: %s, trying again", (long long)o.route, r->text);
    watch_route(n, r->catalog, &o, r->text);
}

static void landed(void *ctx, const struct courier_report *c)
{
    struct notifier *n = ctx;
    struct flight *flight = &n->flights[c->id];
    const struct delivery_result r = { .catalog = flight->catalog,
                                       .id = flight->id,
                                       .arrived = c->arrived,
                                       .status = c->status,
                                       .ms = c->ms,
                                       .text = c->text };

    settle(n, &r);
    *flight = (struct flight){ 0 };
    n->landed = true;
    atomic_fetch_sub(&n->busy, 1);
}

// ---------------------------------------------------------------- sending one

// What is released when it has been handed to the courier.
struct parcel {
    struct notice notice;
    json_t *mail, *examples, *steps, *reach;
    char *secret, *body;
    char signature[SIGN_SIZE + 20], bearer[LOCKET_TEXT_MAX + 30], url[1100];
};

static void parcel_done(struct parcel *p)
{
    json_decref(p->mail);
    json_decref(p->examples);
    json_decref(p->steps);
    json_decref(p->reach);
    secret_freep(&p->secret);
    OPENSSL_cleanse(p->bearer, sizeof p->bearer);
    free(p->body);
}

static json_t *column(const struct rows *r, int row, const char *name)
{
    const char *text = rows_text(r, row, name);

    return text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
}

static void read_notice(struct notifier *n, const struct rows *r, int row, struct parcel *p)
{
    p->mail = column(r, row, "mail");
    p->examples = column(r, row, "examples");
    if (rows_text(r, row, "title")) {
        p->steps = remedy_steps(rows_text(r, row, "code"), rows_text(r, row, "remedy"));
        // Without it the message says how many, which is enough to go out with.
        (void)reach_show(n->o.store, (int32_t)rows_int(r, row, "catalog"),
                         rows_int(r, row, "alert"), &p->reach, NULL);
    }
    p->notice = (struct notice){
        .catalog = rows_text(r, row, "catalog_name"),
        .route = rows_text(r, row, "name"),
        .change = rows_text(r, row, "change"),
        .event = rows_text(r, row, "event"),
        .link = n->link,
        .alert = rows_int(r, row, "alert"),
        .at = rows_int(r, row, "at"),
        .since = rows_int(r, row, "since"),
        .resolved_at = rows_int(r, row, "resolved_at"),
        .title = rows_text(r, row, "title"),
        .severity = alert_severity_name((enum alert_severity)rows_int(r, row, "severity")),
        .source = rows_text(r, row, "source"),
        .code = rows_text(r, row, "code"),
        .state = rows_text(r, row, "alert_state"),
        .devices = rows_int(r, row, "devices"),
        .worst = rows_int(r, row, "worst"),
        .reach = json_string_value(json_object_get(p->reach, "text")),
        .examples = p->examples,
        .steps = p->steps,
    };
}

static enum rc pack_webhook(struct parcel *p, const char *url, struct courier_order *o,
                            struct fault *f)
{
    char value[SIGN_SIZE];
    enum rc rc = message_event(&p->notice, &p->body, f);

    o->url = url;
    o->headers[0] = "Content-Type: application/cloudevents+json";
    if (rc == RC_OK)
        rc = sign_header(p->secret ? p->secret : "", clock_now_ms() / 1000, p->body,
                         strlen(p->body), value, f);
    if (rc != RC_OK)
        return rc;
    snprintf(p->signature, sizeof p->signature, SIGN_NAME ": %s", value);
    o->headers[1] = p->signature;
    return RC_OK;
}

static enum rc pack_alertmanager(struct parcel *p, const char *url, struct courier_order *o,
                                 struct fault *f)
{
    static const char path[] = "/api/v2/alerts";
    size_t len = strlen(url), tail = sizeof path - 1;
    bool whole = len >= tail && strcmp(url + len - tail, path) == 0;

    while (!whole && len > 0 && url[len - 1] == '/')
        len--;
    snprintf(p->url, sizeof p->url, "%.*s%s", (int)len, url, whole ? "" : path);
    o->url = p->url;
    o->headers[0] = "Content-Type: application/json";
    if (p->secret) {
        snprintf(p->bearer, sizeof p->bearer, "Authorization: Bearer %s", p->secret);
        o->headers[1] = p->bearer;
    }
    return message_alertmanager(&p->notice, &p->body, f);
}

static enum rc pack_mail(struct parcel *p, struct courier_order *o, struct fault *f)
{
    const char *security = json_string_value(json_object_get(p->mail, "security"));
    const char *server = json_string_value(json_object_get(p->mail, "server"));
    json_t *to = json_object_get(p->mail, "to");
    struct message_mail m = { .from = json_string_value(json_object_get(p->mail, "from")),
                              .to = to,
                              .now = clock_now_ms() };

    if (!security || !server || !m.from || json_array_size(to) > COURIER_TO_MAX)
        return fail(f, RC_INVALID, "the settings of its mail server cannot be read");
    bool bare = strchr(server, ':') && *server != '[';
    snprintf(p->url, sizeof p->url, "%s://%s%s%s:%" JSON_INTEGER_FORMAT,
             strcmp(security, "tls") == 0 ? "smtps" : "smtp", bare ? "[" : "", server,
             bare ? "]" : "", json_integer_value(json_object_get(p->mail, "port")));
    o->url = p->url;
    o->from = m.from;
    for (size_t i = 0; i < json_array_size(to); i++)
        o->to[i] = json_string_value(json_array_get(to, i));
    o->user = p->secret ? json_string_value(json_object_get(p->mail, "user")) : NULL;
    o->password = o->user ? p->secret : NULL;
    o->starttls = strcmp(security, "starttls") == 0;
    return message_mail(&p->notice, &m, &p->body, f);
}

static enum rc pack(struct notifier *n, const struct rows *r, int row, struct parcel *p,
                    struct courier_order *o, struct fault *f)
{
    const char *kind = rows_text(r, row, "kind"), *url = rows_text(r, row, "url");
    const char *sealed = rows_text(r, row, "secret");
    enum rc rc = RC_OK;

    if (p->notice.alert && !p->notice.title)
        return fail(f, RC_NOT_FOUND, "the alert is no longer there");
    if (sealed)
        rc = locket_open(n->o.keeper, (int32_t)rows_int(r, row, "catalog"), sealed, &p->secret, f);
    if (rc != RC_OK)
        return rc;
    if (strcmp(kind, "email") == 0)
        return pack_mail(p, o, f);
    return strcmp(kind, "webhook") == 0 ? pack_webhook(p, url, o, f)
                                        : pack_alertmanager(p, url, o, f);
}

static int free_flight(const struct notifier *n)
{
    for (int i = 0; i < MOST; i++)
        if (!n->flights[i].id)
            return i;
    return -1;
}

// One that cannot even be written is a failed attempt like any other.
static void send_one(struct notifier *n, const struct rows *r, int row)
{
    auto_with(parcel_done) struct parcel p = { 0 };
    struct courier_order o = { 0 };
    struct fault f = { 0 };
    int i = free_flight(n);
    const struct flight flight = { .id = rows_int(r, row, "id"),
                                   .route = rows_int(r, row, "route"),
                                   .catalog = (int32_t)rows_int(r, row, "catalog") };
    enum rc rc;

    if (i < 0)
        return;
    read_notice(n, r, row, &p);
    rc = pack(n, r, row, &p, &o, &f);
    o.id = i;
    o.body = p.body;
    o.len = p.body ? strlen(p.body) : 0;
    if (rc == RC_OK)
        rc = courier_send(n->courier, &o, &f);
    if (rc == RC_OK) {
        n->flights[i] = flight;
        atomic_fetch_add(&n->busy, 1);
        return;
    }
    const struct delivery_result failed = { .catalog = flight.catalog,
                                            .id = flight.id,
                                            .text = f.text };
    settle(n, &failed);
}

static char *busy_routes(const struct notifier *n)
{
    int64_t routes[MOST];
    size_t count = 0;

    for (int i = 0; i < MOST; i++)
        if (n->flights[i].id)
            routes[count++] = n->flights[i].route;
    return arg_list(routes, count);
}

static enum rc send_due(struct notifier *n, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    auto_free char *busy = busy_routes(n);
    int room = MOST - courier_busy(n->courier);
    enum rc rc;

    if (room <= 0)
        return RC_OK;
    if (!busy)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = delivery_due(n->o.store, busy, room, &rows, f);
    for (int i = 0; rc == RC_OK && i < rows_count(rows); i++)
        send_one(n, rows, i);
    return rc;
}

// ---------------------------------------------------------------- health, for /metrics

static void write_health(FILE *to, const struct rows *r, const char *name, const char *help,
                         const char *column_name)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
    for (int i = 0; i < rows_count(r); i++)
        fprintf(to, "%s{catalog=\"%s\",route=\"%" PRId64 "\"} %" PRId64 "\n", name,
                rows_text(r, i, "catalog_name"), rows_int(r, i, "id"), rows_int(r, i, column_name));
}

static enum rc look_at_health(struct notifier *n, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    char *text = NULL;
    size_t len = 0;
    enum rc rc = delivery_health(n->o.store, &rows, f);
    FILE *to = rc == RC_OK ? open_memstream(&text, &len) : NULL;

    if (!to)
        return rc;
    write_health(to, rows, "orrery_notification_route_failures", "Failed attempts in a row.",
                 "failures");
    write_health(to, rows, "orrery_notification_route_delivered_timestamp_seconds",
                 "When a notification arrived last, Unix time; 0: never.", "delivered_s");
    (void)fclose(to);
    pthread_mutex_lock(&n->health_lock);
    char *old = n->health;
    n->health = text;
    pthread_mutex_unlock(&n->health_lock);
    free(old);
    return RC_OK;
}

void notifier_metrics(struct notifier *n, FILE *to)
{
    pthread_mutex_lock(&n->health_lock);
    if (n->health)
        fputs(n->health, to);
    pthread_mutex_unlock(&n->health_lock);
}

// ---------------------------------------------------------------- the thread

static enum rc look(struct notifier *n, struct fault *f)
{
    int64_t now = clock_mono_ms();
    bool more = true;
    enum rc rc = RC_OK;

    if (now >= n->upkeep_at) {
        n->upkeep_at = now + UPKEEP_MS;
        rc = delivery_upkeep(n->o.store, f);
        if (rc == RC_OK)
            rc = look_at_health(n, f);
    }
    while (rc == RC_OK && more && !nap_is_stopped(&n->nap))
        rc = delivery_take(n->o.store, &more, f);
    return rc == RC_OK ? send_due(n, f) : rc;
}

// A receiver that drips its answer keeps the courier busy, but not the database.
static void wait_for_news(struct notifier *n)
{
    int64_t now = clock_mono_ms(), until = now + IDLE_MS;

    n->landed = false;
    while (now < until && !n->landed && !nap_is_stopped(&n->nap) &&
           !atomic_exchange(&n->woken, false)) {
        courier_turn(n->courier, (int)(until - now));
        now = clock_mono_ms();
    }
}

static void lead(struct notifier *n, struct link *l)
{
    while (!nap_is_stopped(&n->nap) && link_answers(l)) {
        struct fault f = { 0 };
        if (look(n, &f) != RC_OK)
            log_warn(&log_as, "%s, trying again", f.text);
        wait_for_news(n);
    }
}

static void *work(void *arg)
{
    struct notifier *n = arg;

    do {
        auto_with(link_freep) struct link *l = NULL;
        struct fault f = { 0 };
        enum rc rc = link_open(n->conninfo, "orrery notifications", LINK_MS, &l, &f);

        if (rc == RC_OK)
            rc = link_lock(l, LOCK_SPACE, LOCK_KEY, LOCK_MS, &f);
        if (rc == RC_OK)
            lead(n, l);
    } while (nap_take(&n->nap, IDLE_MS));
    return NULL;
}

// "https://orrery.example.org:8443": settings are enough of it for a link in a mail.
static char *make_link(const struct config *c)
{
    const char *port = strrchr(c->edge_listen, ':');
    size_t len = strcspn(c->edge_names, ", ");
    char *link = NULL;

    if (*c->notify_link) {
        link = strdup(c->notify_link);
        for (size_t n = link ? strlen(link) : 0; n > 0 && link[n - 1] == '/'; n--)
            link[n - 1] = '\0';
        return link;
    }
    return asprintf(&link, "https://%.*s%s", (int)len, c->edge_names, port ? port : "") < 0 ? NULL
                                                                                            : link;
}

static void release(struct notifier *n)
{
    courier_free(n->courier);
    nap_done(&n->nap);
    pthread_mutex_destroy(&n->health_lock);
    free(n->health);
    free(n->conninfo);
    free(n->link);
    free(n);
}

static enum rc prepare(struct notifier *n, const struct notifier_options *o, struct fault *f)
{
    struct courier_options c = { .ca_file = *o->config->notify_ca ? o->config->notify_ca : NULL,
                                 .connect_ms = o->connect_ms ? o->connect_ms : CONNECT_MS,
                                 .total_ms = o->total_ms ? o->total_ms : TOTAL_MS,
                                 .done = landed,
                                 .ctx = n };
    enum rc rc = fence_parse(o->config->notify_allow, &c.fence, f);

    n->o = *o;
    n->conninfo = strdup(o->conninfo);
    n->link = make_link(o->config);
    if (rc == RC_OK && (!n->conninfo || !n->link))
        rc = fail(f, RC_INTERNAL, "out of memory");
    return rc == RC_OK ? courier_new(&c, &n->courier, f) : rc;
}

enum rc notifier_start(const struct notifier_options *o, struct notifier **out, struct fault *f)
{
    struct notifier *n = calloc(1, sizeof *n);
    enum rc rc;

    if (!n)
        return fail(f, RC_INTERNAL, "out of memory");
    nap_init(&n->nap);
    pthread_mutex_init(&n->health_lock, NULL);
    rc = prepare(n, o, f);
    if (rc == RC_OK && pthread_create(&n->thread, NULL, work, n) != 0)
        rc = fail(f, RC_INTERNAL, "no thread for notifications");
    if (rc != RC_OK) {
        release(n);
        return rc;
    }
    *out = n;
    return RC_OK;
}

void notifier_wake(struct notifier *n)
{
    if (!n)
        return;
    atomic_store(&n->woken, true);
    courier_wake(n->courier);
}

void notifier_stop(struct notifier *n)
{
    if (!n)
        return;
    nap_stop(&n->nap);
    courier_wake(n->courier);
    pthread_join(n->thread, NULL);
    release(n);
}

void notifier_stats(struct notifier *n, struct notifier_stats *out)
{
    *out = (struct notifier_stats){ .sent = atomic_load(&n->sent),
                                    .failed = atomic_load(&n->failed),
                                    .dead = atomic_load(&n->dead),
                                    .busy = atomic_load(&n->busy) };
}
