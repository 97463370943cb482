// SPDX-License-Identifier: Apache-2.0
//
// orreryd: arguments, start order, shutdown; nothing else.

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/access.h"
#include "app/app.h"
#include "backup/backup.h"
#include "core/auto.h"
#include "core/config.h"
#include "core/log.h"
#include "core/number.h"
#include "keeper/keeper.h"
#include "seed/seed.h"
#include "store/cluster.h"
#include "store/migrate.h"
#include "store/store.h"

#define SETS_MAX 64

DEFINE_AUTO(struct config *, config_freep, config_free)
DEFINE_AUTO(struct store *, store_closep, store_close)

static const struct log_ctx ctx = { .area = "main" };

struct arguments {
    const char *dir;
    const char *sets[SETS_MAX];
    int set_count;
    const char *words[4]; // the verb and what belongs to it
    int word_count;
    const char *catalog, *devices, *seed, *beside; // of seed
    bool force;
};

// Each returns the exit code.
typedef int verb(const struct arguments *a, const struct config *c);

static int complain(const struct fault *f)
{
    fprintf(stderr, "orreryd: %s\n", f->text);
    return 1;
}

static void reload(struct app *app, const struct arguments *a)
{
    auto_with(config_freep) struct config *now = NULL;
    struct fault f = { 0 };

    if (config_load(a->dir, a->sets, a->set_count, &now, &f) != RC_OK) {
        log_error(&ctx, "settings not read again: %s; the old ones stay in use", f.text);
        return;
    }
    log_level_set((enum level)log_level_from_name(now->log_level));
    app_reload(app, now);
}

static void await_signal(struct app *app, const struct arguments *a, const sigset_t *signals)
{
    static const struct timespec second = { .tv_sec = 1 };

    for (;;) {
        int got = sigtimedwait(signals, NULL, &second);

        if (got == SIGHUP)
            reload(app, a);
        else if (got > 0)
            return;
        else
            app_mind(app);
    }
}

static int serve(const struct arguments *a, const struct config *c)
{
    struct app_welcome welcome = { 0 };
    struct fault f = { 0 };
    struct app *app = NULL;
    sigset_t signals;
    char url[80];

    // Before any thread starts, so that all of them leave these to sigwait().
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (app_start(c, &app, &welcome, &f) != RC_OK)
        return complain(&f);
    if (*welcome.owner_password)
        printf("first sign-in: owner %s\n", welcome.owner_password);
    OPENSSL_cleanse(&welcome, sizeof welcome);
    app_url(app, url, sizeof url);
    printf("ready %s\n", url);
    (void)fflush(stdout);
    await_signal(app, a, &signals);
    log_info(&ctx, "stopping");
    app_stop(app);
    return 0;
}

static int migrate(const struct arguments *a, const struct config *c)
{
    struct cluster *cluster = NULL;
    struct fault f = { 0 };
    int applied = 0;
    enum rc rc = RC_OK;
    const char *conninfo = *c->database_owner ? c->database_owner : c->database;

    (void)a;
    if (!*conninfo) {
        rc = cluster_start(c->dir, &cluster, &f);
        conninfo = rc == RC_OK ? cluster_conninfo(cluster) : "";
    }
    if (rc == RC_OK)
        rc = migrate_run(conninfo, &applied, &f);
    cluster_stop(cluster);
    if (rc != RC_OK)
        return complain(&f);
    printf("%d migrations applied\n", applied);
    return 0;
}

static int print_config(const struct arguments *a, const struct config *c)
{
    (void)a;
    config_print(c, stdout);
    return 0;
}

static int print_settings(const struct arguments *a, const struct config *c)
{
    (void)a;
    (void)c;
    config_print_markdown(stdout);
    return 0;
}

static enum rc open_store(const struct config *c, struct store **out, struct fault *f)
{
    char conninfo[600];
    enum rc rc = app_conninfo(c, conninfo, sizeof conninfo, f);

    return rc == RC_OK ? store_open(conninfo, 1, out, f) : rc;
}

static int owner_reset(const struct arguments *a, const struct config *c)
{
    auto_with(store_closep) struct store *s = NULL;
    char name[81], password[24];
    struct fault f = { 0 };
    enum rc rc = open_store(c, &s, &f);

    (void)a;
    if (rc == RC_OK)
        rc = access_owner_reset(s, name, password, &f);
    if (rc != RC_OK)
        return complain(&f);
    printf("%s %s\n", name, password);
    OPENSSL_cleanse(password, sizeof password);
    return 0;
}

// Writes dir/admin-token, readable by its owner alone.
static int admin_token(const struct arguments *a, const struct config *c)
{
    auto_with(store_closep) struct store *s = NULL;
    char token[TOKEN_TEXT_LEN + 2], path[600], temporary[610];
    struct fault f = { 0 };
    enum rc rc = open_store(c, &s, &f);
    int fd;

    (void)a;
    if (rc == RC_OK)
        rc = access_admin_token(s, token, &f);
    if (rc != RC_OK)
        return complain(&f);
    snprintf(path, sizeof path, "%s/admin-token", c->dir);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    memcpy(token + strlen(token), "\n", 2);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || write(fd, token, strlen(token)) != (ssize_t)strlen(token) || fsync(fd) < 0 ||
        rename(temporary, path) < 0)
        rc = fail(&f, RC_UNAVAILABLE, "cannot write %.120s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    OPENSSL_cleanse(token, sizeof token);
    return rc == RC_OK ? 0 : complain(&f);
}

static enum rc read_seed(const struct arguments *a, struct seed_options *o, struct fault *f)
{
    int64_t seed = 1;

    *o = (struct seed_options){ .catalog = a->catalog ? a->catalog : "demo",
                                .beside = a->beside,
                                .force = a->force };
    if (!a->devices || !number_read(a->devices, &o->devices) || o->devices < 1 ||
        o->devices > SEED_MAX)
        return fail(f, RC_INVALID, "--devices must be a number from 1 to %d", SEED_MAX);
    if (a->seed && (!number_read(a->seed, &seed) || seed < 0))
        return fail(f, RC_INVALID, "--seed must be a number");
    o->seed = (uint64_t)seed;
    return RC_OK;
}

// Beside a server that runs, or before it is started, in which case the database is for us alone.
static int seed(const struct arguments *a, const struct config *c)
{
    struct cluster *cluster = NULL;
    struct seed_options o;
    struct seed_result done;
    struct fault f = { 0 };
    char conninfo[600];
    int applied;
    enum rc rc = read_seed(a, &o, &f);

    if (rc == RC_OK && app_conninfo(c, conninfo, sizeof conninfo, NULL) != RC_OK) {
        rc = cluster_start(c->dir, &cluster, &f);
        if (rc == RC_OK)
            rc = migrate_run(cluster_conninfo(cluster), &applied, &f);
        if (rc == RC_OK)
            snprintf(conninfo, sizeof conninfo, "%s", cluster_conninfo(cluster));
    }
    if (rc == RC_OK)
        rc = seed_run(conninfo, &o, &done, &f);
    cluster_stop(cluster);
    if (rc != RC_OK)
        return complain(&f);
    printf("%lld devices seeded, %lld were there\n", (long long)done.added, (long long)done.there);
    return 0;
}

static int backup(const struct arguments *a, const struct config *c)
{
    struct backup_report report = { 0 };
    struct cluster *cluster = NULL;
    char conninfo[600];
    struct fault f = { 0 };
    enum rc rc = app_borrow(c, &cluster, conninfo, sizeof conninfo, &f);

    if (rc == RC_OK)
        rc = backup_write(c->dir, conninfo, a->words[1], &report, &f);
    cluster_stop(cluster);
    if (rc != RC_OK)
        return complain(&f);
    fprintf(stderr,
            "orreryd: backed up as of %s: %lld devices, %lld audit entries\n"
            "orreryd: the keeper's passphrase is not in it: keep a copy of that elsewhere\n",
            report.at, (long long)report.devices, (long long)report.audit_entries);
    return 0;
}

static int restore(const struct arguments *a, const struct config *c)
{
    const struct restore_options o = {
        .dir = a->dir, .file = a->words[1], .sets = a->sets, .set_count = a->set_count
    };
    struct backup_report report = { 0 };
    struct fault f = { 0 };

    if (backup_restore(&o, &report, &f) != RC_OK)
        return complain(&f);
    printf("restored as of %s, made by version %s: %lld devices, %lld audit entries\n", report.at,
           report.version, (long long)report.devices, (long long)report.audit_entries);
    if (report.broken_entry)
        printf("warning: the audit chain %d is broken at entry %lld, as it was when backed up\n",
               (int)report.broken_chain, (long long)report.broken_entry);
    else
        printf("%d audit chains verified\n", report.chains);
    if (report.config_beside)
        printf("your config was kept; the backup's is config.backup\n");
    if (report.database_differs)
        printf("the config in %s names another database: change it before you start\n", c->dir);
    printf("all must sign in again; never start the old instance as well\n"
           "now: orreryd --dir %s\n",
           c->dir);
    return 0;
}

static const struct {
    const char *name, *sub;
    verb *run;
    const char *help;
    bool operand; // sub is the name of one that must be given
} verbs[] = {
    { "serve", NULL, serve, "run the server (also without a verb)", false },
    { "migrate", NULL, migrate, "bring the database to this version", false },
    { "backup", "FILE|-", backup, "write the instance to one file; the server may run", true },
    { "restore", "FILE", restore, "make DIR, which must be empty, from such a file", true },
    { "config", NULL, print_config, "print the settings in force", false },
    { "config", "markdown", print_settings, "print all settings there are, for the documentation",
      false },
    { "owner", "reset", owner_reset, "print a new password for the owner", false },
    { "admin-token", NULL, admin_token, "write DIR/admin-token, an owner's API token for 30 days",
      false },
    { "seed", NULL, seed,
      "fill --catalog C with --devices N --seed S that do not exist, to look at", false },
};

static int usage(void)
{
    fputs("usage: orreryd [--dir DIR] [--set name=value]… [verb]\n\n", stderr);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        fprintf(stderr, "  %-12s %-9s %s\n", verbs[i].name, verbs[i].sub ? verbs[i].sub : "",
                verbs[i].help);
    fputs("\nsettings: docs/configuration.md, or orreryd config\n", stderr);
    return 2;
}

static bool read_option(const char *name, const char *value, struct arguments *a)
{
    const struct {
        const char *name;
        const char **to;
    } options[] = {
        { "--dir", &a->dir },   { "--catalog", &a->catalog }, { "--devices", &a->devices },
        { "--seed", &a->seed }, { "--beside", &a->beside },
    };

    for (size_t i = 0; value && i < sizeof options / sizeof *options; i++)
        if (!strcmp(name, options[i].name)) {
            *options[i].to = value;
            return true;
        }
    return false;
}

static bool read_arguments(int argc, char **argv, struct arguments *a)
{
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;

        if (read_option(argv[i], more ? argv[i + 1] : NULL, a))
            i++;
        else if (!strcmp(argv[i], "--force"))
            a->force = true;
        else if (!strcmp(argv[i], "--set") && more && a->set_count < SETS_MAX)
            a->sets[a->set_count++] = argv[++i];
        else if ((argv[i][0] != '-' || !argv[i][1]) && a->word_count < 4)
            a->words[a->word_count++] = argv[i];
        else
            return false;
    }
    return true;
}

static verb *find_verb(const struct arguments *a)
{
    if (a->word_count == 0)
        return serve;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(a->words[0], verbs[i].name) && a->word_count == (verbs[i].sub ? 2 : 1) &&
            (!verbs[i].sub || verbs[i].operand || !strcmp(a->words[1], verbs[i].sub)))
            return verbs[i].run;
    return NULL;
}

int main(int argc, char **argv)
{
    auto_with(config_freep) struct config *c = NULL;
    struct arguments a = { .dir = "var" };
    struct fault f = { 0 };
    verb *run;

    // Started by the server itself, before anything else is read. What it wrote is synced; confined
    // as it is, nothing that runs at exit would work.
    if (argc == 4 && !strcmp(argv[1], "keeper"))
        _exit(keeper_main(argv[2], argv[3]));
    (void)signal(SIGPIPE, SIG_IGN);
    umask(077);
    run = read_arguments(argc, argv, &a) ? find_verb(&a) : NULL;
    if (!run)
        return usage();
    if (config_load(a.dir, a.sets, a.set_count, &c, &f) != RC_OK)
        return complain(&f);
    log_level_set((enum level)log_level_from_name(c->log_level));
    return run(&a, c);
}
