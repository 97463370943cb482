// SPDX-License-Identifier: Apache-2.0

#include "app/app.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/access.h"
#include "app/parts.h"
#include "backup/backup.h"
#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/log.h"
#include "http/http.h"
#include "keeper/passphrase.h"
#include "store/migrate.h"

#define DRAIN_MS 10000
#define WATCH_MS 10000

static const struct log_ctx ctx = { .area = "app" };

DEFINE_AUTO(struct app *, app_stopp, app_stop)

// ---------------------------------------------------------------- the instance folder

static enum rc make_folder(const char *dir, const char *name, struct fault *f)
{
    char path[600];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(f, RC_UNAVAILABLE, "cannot make %.120s: %s", path, strerror(errno));
    return RC_OK;
}

// Anybody may read server-ca.pem; the keys beside it are for the server alone.
static enum rc open_public(const char *dir, struct fault *f)
{
    char path[600];

    snprintf(path, sizeof path, "%s/pki", dir);
    if (chmod(path, 0755) < 0)
        return fail(f, RC_UNAVAILABLE, "cannot open %.120s to readers: %s", path, strerror(errno));
    return RC_OK;
}

// The lock's file says who holds it, for the sentence that the next one prints.
static enum rc lock_folder(struct app *a, struct fault *f)
{
    char path[600], holder[24] = "";
    ssize_t n;

    snprintf(path, sizeof path, "%s/run/lock", a->config->dir);
    a->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (a->lock < 0)
        return fail(f, RC_UNAVAILABLE, "cannot open %.120s: %s", path, strerror(errno));
    if (flock(a->lock, LOCK_EX | LOCK_NB) < 0) {
        n = read(a->lock, holder, sizeof holder - 1);
        holder[n > 0 ? n : 0] = '\0';
        return fail(f, RC_CONFLICT,
                    "another orreryd (process %s) runs on %.100s; stop it, or use another folder "
                    "(make run DIR=… PORT=…)",
                    holder, a->config->dir);
    }
    n = snprintf(holder, sizeof holder, "%d", (int)getpid());
    if (ftruncate(a->lock, 0) < 0 || write(a->lock, holder, (size_t)n) != n)
        return fail(f, RC_UNAVAILABLE, "cannot write %.120s: %s", path, strerror(errno));
    return RC_OK;
}

static enum rc check_whole(const char *dir, struct fault *f)
{
    char path[600];

    snprintf(path, sizeof path, "%s/" BACKUP_MARKER, dir);
    if (access(path, F_OK) == 0)
        return fail(f, RC_UNAVAILABLE,
                    "a restore into %.100s did not end: run orreryd restore again", dir);
    return RC_OK;
}

static enum rc open_folder(struct app *a, struct fault *f)
{
    static const char *const folders[] = { "", "run", "pki", "blobs", "log" };
    enum rc rc = check_whole(a->config->dir, f);

    for (size_t i = 0; rc == RC_OK && i < sizeof folders / sizeof *folders; i++)
        rc = make_folder(a->config->dir, folders[i], f);
    if (rc == RC_OK)
        rc = open_public(a->config->dir, f);
    return rc == RC_OK ? lock_folder(a, f) : rc;
}

// As many connections as the system allows; each device is one descriptor.
static void raise_limits(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

// ---------------------------------------------------------------- database

static enum rc start_database(struct app *a, struct fault *f)
{
    const struct config *c = a->config;
    const char *owner = *c->database_owner ? c->database_owner : c->database;
    enum rc rc = RC_OK;
    int applied = 0;

    a->conninfo = c->database;
    if (!*c->database) {
        rc = cluster_start(c->dir, &a->cluster, f);
        if (rc != RC_OK)
            return rc;
        owner = a->conninfo = cluster_conninfo(a->cluster);
    }
    rc = migrate_run(owner, &applied, f);
    if (rc == RC_OK && applied > 0)
        log_info(&ctx, "%d migrations applied", applied);
    if (rc == RC_OK)
        rc = store_open(a->conninfo, (int)c->database_pool, &a->store, f);
    return rc;
}

// A private cluster lets in the user it runs as, and only while its server runs.
static enum rc check_reach(const struct config *c, struct fault *f)
{
    char path[600];
    struct stat st;

    if (stat(c->dir, &st) < 0)
        return fail(f, RC_NOT_FOUND, "there is no instance in %.120s", c->dir);
    if (st.st_uid != geteuid()) {
        const struct passwd *owner = getpwuid(st.st_uid);

        return fail(f, RC_DENIED, "%.80s belongs to '%.30s': runuser -u %.30s -- orreryd …", c->dir,
                    owner ? owner->pw_name : "another user", owner ? owner->pw_name : "USER");
    }
    snprintf(path, sizeof path, "%s/run/.s.PGSQL.5432", c->dir);
    if (access(path, F_OK) < 0)
        return fail(f, RC_UNAVAILABLE, "no server runs on %.120s; start it first", c->dir);
    return RC_OK;
}

enum rc app_conninfo(const struct config *c, char *out, size_t size, struct fault *f)
{
    enum rc rc = *c->database ? RC_OK : check_reach(c, f);
    int n = *c->database ? snprintf(out, size, "%s", c->database)
                         : snprintf(out, size, "host=%s/run dbname=orrery", c->dir);

    if (rc != RC_OK)
        return rc;
    if (n < 0 || (size_t)n >= size)
        return fail(f, RC_INVALID, "the path of the instance folder is too long for a socket");
    return RC_OK;
}

static enum rc borrow_cluster(const struct config *c, struct cluster **out, struct fault *f)
{
    char path[600];
    enum rc rc = check_whole(c->dir, f);

    snprintf(path, sizeof path, "%s/pg/PG_VERSION", c->dir);
    if (rc == RC_OK && access(path, F_OK) < 0)
        rc = errno == EACCES ? check_reach(c, f)
                             : fail(f, RC_NOT_FOUND, "there is no instance in %.120s", c->dir);
    return rc == RC_OK ? cluster_start(c->dir, out, f) : rc;
}

enum rc app_borrow(const struct config *c, struct cluster **out, char *conninfo, size_t size,
                   struct fault *f)
{
    enum rc rc = *c->database ? RC_OK : borrow_cluster(c, out, f);

    if (rc == RC_CONFLICT && !*out)
        return app_conninfo(c, conninfo, size, f); // its server runs
    if (rc != RC_OK)
        return rc;
    snprintf(conninfo, size, "%s",
             *out                 ? cluster_conninfo(*out)
             : *c->database_owner ? c->database_owner
                                  : c->database);
    return RC_OK;
}

// ---------------------------------------------------------------- keys

static enum rc start_keeper(struct app *a, struct fault *f)
{
    char dir[600], passphrase[600];
    struct keeper_options o = { .dir = dir, .passphrase_file = passphrase };
    enum rc rc;

    passphrase_path(a->config, passphrase, sizeof passphrase);
    snprintf(dir, sizeof dir, "%s/pki/keeper", a->config->dir);
    rc = access(passphrase, F_OK) == 0 ? RC_OK : passphrase_make(passphrase, f);
    if (rc == RC_OK)
        rc = keeper_start(&o, &a->keeper, f);
    return rc;
}

static enum rc open_catalogs(struct app *a, struct fault *f)
{
    int32_t id = 0, after = 0;
    struct catalog list[50];
    int count = 0;
    enum rc rc = catalog_ensure(a->store, "demo", &id, f);

    do {
        if (rc == RC_OK)
            rc = catalog_list(a->store, 0, after, 50, list, &count, f);
        for (int i = 0; rc == RC_OK && i < count; i++) {
            rc = keeper_catalog(a->keeper, list[i].name, f);
            after = list[i].id;
        }
    } while (rc == RC_OK && count == 50);
    return rc == RC_OK ? catalogs_load(a->store, &a->catalogs, f) : rc;
}

static enum rc first_owner(struct app *a, struct app_welcome *welcome, struct fault *f)
{
    enum rc rc = access_first_owner(a->store, welcome->owner_password, f);

    if (rc != RC_CONFLICT)
        return rc;
    *welcome->owner_password = '\0';
    return RC_OK;
}

// ---------------------------------------------------------------- the parts that serve

static int device_port(void *arg)
{
    const struct app *a = arg;

    return a->gateway ? gateway_port(a->gateway) : 0;
}

static enum rc start_http(struct app *a, struct fault *f)
{
    struct services services = { .config = a->config,
                                 .bus = a->bus,
                                 .keeper = a->keeper,
                                 .tickets = a->tickets,
                                 .streams = a->streams,
                                 .exports = a->exports,
                                 .fleet = a->fleet,
                                 .ingest = a->ingest,
                                 .roster = a->roster,
                                 .catalogs = a->catalogs,
                                 .patterns = a->patterns,
                                 .doors = a->doors,
                                 .jobs = a->jobs,
                                 .threats = a->threats,
                                 .notifier = a->notifier,
                                 .backtests = a->backtests,
                                 .server_ca_pem = a->tls.server_ca,
                                 .ready = ready_text,
                                 .ready_ctx = a,
                                 .device_port = device_port,
                                 .started_at = a->started_at };

    return http_start(&(struct http_options){ .store = a->store, .services = &services }, &a->http,
                      f);
}

static enum rc start_exports(struct app *a, struct fault *f)
{
    return exports_start(a->conninfo, a->streams, &a->exports, f);
}

// Before readings come.
static enum rc start_fleet(struct app *a, struct fault *f)
{
    bus_subscribe(a->bus, fleet_take, a->fleet);
    return fleet_start(a->fleet, a->store, f);
}

static enum rc start_live(struct app *a, struct fault *f)
{
    return live_start(&(struct live_options){ .store = a->store,
                                              .tickets = a->tickets,
                                              .streams = a->streams,
                                              .access = http_access(a->http),
                                              .bus = a->bus,
                                              .names = a->config->edge_names },
                      &a->live, f);
}

static enum rc start_intakes(struct app *a, struct fault *f)
{
    const struct config *c = a->config;
    const struct intake_limits limits = { .day = c->crash_device_day,
                                          .bytes = c->crash_catalog_mb << 20,
                                          .dumps = CRASH_DUMPS_MAX };
    char folder[600];

    snprintf(folder, sizeof folder, "%s/blobs", c->dir);
    return intakes_new(a->store, folder, &limits, &a->intakes, f);
}

static enum rc start_gateway(struct app *a, struct fault *f)
{
    const struct config *c = a->config;

    return gateway_start(&(struct gateway_options){ .listen = c->gateway_listen,
                                                    .loops = c->gateway_loops,
                                                    .per_address = c->gateway_per_address,
                                                    .idle_s = c->gateway_idle_s,
                                                    .store = a->store,
                                                    .roster = a->roster,
                                                    .catalogs = a->catalogs,
                                                    .doors = a->doors,
                                                    .keeper = a->keeper,
                                                    .ingest = a->ingest,
                                                    .intakes = a->intakes,
                                                    .bus = a->bus,
                                                    .cert_pem = a->tls.chain,
                                                    .key_pem = a->tls.key,
                                                    .device_root_pem = a->tls.device_root,
                                                    .cert_lifetime_s = c->cert_lifetime_s,
                                                    .cert_quarantine_s = c->cert_quarantine_s },
                         &a->gateway, f);
}

static struct edge_tls edge_certificates(const struct app *a, const struct config *c)
{
    bool own = *c->edge_cert;

    return (struct edge_tls){ .cert_file = own ? c->edge_cert : NULL,
                              .key_file = own ? c->edge_key : NULL,
                              .cert_pem = a->tls.cert,
                              .key_pem = a->tls.key,
                              .client_ca_pem = a->tls.device_root };
}

static bool is_slow(void *arg, const char *method, const char *path)
{
    (void)arg;
    return http_is_slow(method, path);
}

static bool adopt(void *arg, int fd, const char *head, size_t head_len, const char *remote)
{
    struct app *a = arg;

    return live_adopt(a->live, fd, head, head_len, remote);
}

static bool open_stream(void *arg, const char *ticket, int fd)
{
    struct app *a = arg;

    return streams_open(a->streams, ticket, fd);
}

// The first line of a file that must not be in the configuration itself.
static enum rc read_secret(const char *path, char *out, size_t size, struct fault *f)
{
    FILE *file;

    *out = '\0';
    if (!*path)
        return RC_OK;
    file = fopen(path, "re");
    if (!file || !fgets(out, (int)size, file)) {
        if (file)
            (void)fclose(file);
        return fail(f, RC_INVALID, "cannot read edge.proxy_secret %.100s: %s", path,
                    strerror(errno));
    }
    (void)fclose(file);
    out[strcspn(out, "\r\n")] = '\0';
    return RC_OK;
}

static enum rc start_edge(struct app *a, struct fault *f)
{
    const struct config *c = a->config;
    char secret[200];
    enum rc rc = read_secret(c->edge_proxy_secret, secret, sizeof secret, f);
    struct edge_options o = { .listen = c->edge_listen,
                              .plain = !strcmp(c->edge, "off"),
                              .proxy_secret = *secret ? secret : NULL,
                              .metrics_listen = c->metrics_listen,
                              .tls = edge_certificates(a, c),
                              .web_dir = c->web_dir,
                              .live_protocol = LIVE_PROTOCOL,
                              .backend_port = (uint16_t)http_port(a->http),
                              .backend_secret = http_secret(a->http),
                              .per_address = (int)c->edge_per_address,
                              .hooks = { .ctx = a,
                                         .slow = is_slow,
                                         .live_adopt = adopt,
                                         .stream_open = open_stream,
                                         .ready = ready_text,
                                         .metrics = metrics_text } };

    if (rc == RC_OK)
        rc = edge_start(&o, &a->edge, f);
    OPENSSL_cleanse(secret, sizeof secret);
    return rc;
}

static enum rc load_tls(struct app *a, struct fault *f)
{
    return server_tls_load(a->config, a->keeper, &a->tls, NULL, f);
}

static enum rc load_roster(struct app *a, struct fault *f)
{
    return roster_load(a->store, &a->roster, f);
}

static enum rc load_doors(struct app *a, struct fault *f)
{
    return doors_load(a->store, &a->doors, f);
}

static enum rc start_threats(struct app *a, struct fault *f)
{
    return threats_start(&(struct threats_options){ .store = a->store, .bus = a->bus }, &a->threats,
                         f);
}

static enum rc start_ingest(struct app *a, struct fault *f)
{
    return ingest_start(a->config, a->conninfo, a->bus, &a->ingest, f);
}

static void forget_hour(void *app, int64_t hour)
{
    const struct app *a = app;

    ingest_forget(a->ingest, hour);
}

static enum rc start_compactor(struct app *a, struct fault *f)
{
    return compactor_start(
        &(struct compactor_options){ .conninfo = a->conninfo,
                                     .pack_after_s = a->config->history_pack_after_s,
                                     .ctx = a,
                                     .dropped = forget_hour },
        &a->compactor, f);
}

static enum rc start_rules(struct app *a, struct fault *f)
{
    return rule_watch_start(a->store, a->ingest, a->bus, a->config->history_pack_after_s * 1000,
                            &a->rules, f);
}

static enum rc start_backtests(struct app *a, struct fault *f)
{
    return backtests_start(a->store, &a->backtests, f);
}

static enum rc start_scheduler(struct app *a, struct fault *f)
{
    return scheduler_start(
        &(struct scheduler_options){
            .conninfo = a->conninfo, .store = a->store, .keeper = a->keeper, .config = a->config },
        &a->scheduler, f);
}

static enum rc make_jobs(struct app *a, struct fault *f)
{
    const struct job_services services = { .roster = a->roster, .bus = a->bus };

    return job_runner_new(a->conninfo, a->store, &services, &a->jobs, f);
}

static enum rc watch_alerts(struct app *a, struct fault *f)
{
    return alert_watch_start(a->conninfo, a->bus, &a->alerts, f);
}

static enum rc start_watch(struct app *a, struct fault *f)
{
    return watch_start(
        &(struct watch_options){
            .store = a->store, .look = self_look, .ctx = a, .every_ms = WATCH_MS },
        &a->watch, f);
}

static enum rc start_jobs(struct app *a, struct fault *f)
{
    return job_runner_start(a->jobs, f);
}

static enum rc start_notifier(struct app *a, struct fault *f)
{
    return notifier_start(
        &(struct notifier_options){
            .conninfo = a->conninfo, .store = a->store, .keeper = a->keeper, .config = a->config },
        &a->notifier, f);
}

// In the order of need.
static enum rc (*const steps[])(struct app *a, struct fault *f) = {
    open_folder,   start_database,  start_keeper,  open_catalogs, load_tls,    load_roster,
    load_doors,    start_fleet,     start_threats, start_ingest,  start_rules, start_backtests,
    make_jobs,     start_notifier,  start_exports, start_http,    start_live,  start_intakes,
    start_gateway, start_scheduler, start_jobs,    watch_alerts,  start_watch, start_compactor,
};

enum rc app_start(const struct config *c, struct app **out, struct app_welcome *welcome,
                  struct fault *f)
{
    auto_with(app_stopp) struct app *a = calloc(1, sizeof *a);
    enum rc rc = RC_OK;

    if (!a)
        return fail(f, RC_INTERNAL, "out of memory");
    a->config = c;
    a->lock = -1;
    a->started_at = clock_now_ms();
    a->bus = bus_new();
    a->tickets = tickets_new();
    a->patterns = patterns_new();
    a->streams = streams_new();
    a->fleet = fleet_new(FLEET_BYTES_MAX);
    if (!a->bus || !a->tickets || !a->patterns || !a->streams || !a->fleet)
        return fail(f, RC_INTERNAL, "out of memory");
    raise_limits();
    for (size_t i = 0; rc == RC_OK && i < sizeof steps / sizeof *steps; i++)
        rc = steps[i](a, f);
    // From here on people come in.
    if (rc == RC_OK)
        rc = start_edge(a, f);
    // Last: a password that a failing start had made would never be shown.
    if (rc == RC_OK)
        rc = first_owner(a, welcome, f);
    if (rc != RC_OK)
        return rc;
    log_info(&ctx, "serving in %lld ms", (long long)(clock_now_ms() - a->started_at));
    *out = take(&a);
    return RC_OK;
}

void app_stop(struct app *a)
{
    if (!a)
        return;
    atomic_store(&a->draining, true);
    if (a->gateway)
        gateway_drain(a->gateway);
    if (a->edge && !edge_drain(a->edge, DRAIN_MS))
        log_warn(&ctx, "some requests were still running after %d ms", DRAIN_MS);
    alert_watch_stop(a->alerts);
    watch_stop(a->watch);
    scheduler_stop(a->scheduler);
    compactor_stop(a->compactor);
    job_runner_stop(a->jobs);
    edge_stop(a->edge);
    if (a->gateway)
        gateway_stop(a->gateway);
    exports_stop(a->exports);
    http_stop(a->http);
    backtests_stop(a->backtests);
    notifier_stop(a->notifier);
    job_runner_free(a->jobs);
    ingest_stop(a->ingest);
    rule_watch_stop(a->rules);
    fleet_stop(a->fleet);
    gateway_free(a->gateway);
    intakes_free(a->intakes);
    live_stop(a->live);
    threats_stop(a->threats);
    roster_free(a->roster);
    doors_free(a->doors);
    catalogs_free(a->catalogs);
    keeper_stop(a->keeper);
    store_close(a->store);
    cluster_stop(a->cluster);
    tickets_free(a->tickets);
    patterns_free(a->patterns);
    streams_free(a->streams);
    bus_free(a->bus);
    fleet_free(a->fleet);
    server_tls_done(&a->tls);
    if (a->lock >= 0)
        close(a->lock);
    free(a);
}

void app_mind(struct app *a)
{
    struct fault f = { 0 };

    if (keeper_is_alive(a->keeper))
        return;
    log_warn(&ctx, "the keeper died, starting it again");
    if (keeper_check(a->keeper, &f) != RC_OK)
        log_error(&ctx, "no keeper: %s; nothing is issued, trying again", f.text);
}

void app_reload(struct app *a, const struct config *now)
{
    struct server_tls tls = { 0 };
    struct fault f = { 0 };
    bool renewed = false;
    enum rc rc = server_tls_load(a->config, a->keeper, &tls, &renewed, &f);

    if (rc == RC_OK) {
        free(tls.server_ca); // requests hold the one that is there, and it never changes
        tls.server_ca = take(&a->tls.server_ca);
        server_tls_done(&a->tls);
        a->tls = tls;
        const struct edge_tls edge = edge_certificates(a, now);
        rc = edge_reload(a->edge, &edge, &f);
    }
    if (rc == RC_OK)
        rc = gateway_reload(a->gateway, a->tls.chain, a->tls.key, &f);
    if (rc == RC_OK)
        log_info(&ctx, "certificates read again");
    else
        log_error(&ctx, "certificates not reloaded: %s; the old ones stay in use", f.text);
}

void app_url(const struct app *a, char *out, size_t size)
{
    snprintf(out, size, "%s://localhost:%d", strcmp(a->config->edge, "off") ? "https" : "http",
             edge_port(a->edge));
}
