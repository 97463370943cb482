// SPDX-License-Identifier: Apache-2.0

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "backup/backup.h"
#include "backup/dump.h"
#include "backup/tape.h"
#include "catalog/catalog.h"
#include "core/auto.h"
#include "core/body.h"
#include "core/config.h"
#include "keeper/keeper.h"
#include "keeper/passphrase.h"
#include "store/cluster.h"
#include "store/migrate.h"
#include "store/store.h"

#define FILES_MAX 1000000
#define PATH_SIZE 800

struct manifest {
    int64_t format, devices, audit;
    const char *orrery, *at;
    json_t *schema, *files;
};

// One restore under way; what is NULL is not there yet.
struct restore {
    const struct restore_options *o;
    int fd; // of the backup
    json_t *json;
    struct manifest said; // borrows from json
    bool made_folder, began, had_config;
    int out; // of the file being written
    struct config *config;
    struct cluster *cluster;
    struct keeper *keeper;
    struct store *store;
    struct load *load;
    const char *conninfo, *owner;
};

static void fts_end(FTS *fts)
{
    (void)fts_close(fts);
}

DEFINE_AUTO(FTS *, fts_endp, fts_end)

static void dir_end(DIR *d)
{
    (void)closedir(d);
}

DEFINE_AUTO(DIR *, dir_endp, dir_end)

// ---------------------------------------------------------------- the manifest

static const struct field manifest_fields[] = {
    { INT(struct manifest, format), REQUIRED, 1, INT64_MAX },
    { TEXT(struct manifest, orrery), REQUIRED, 1, 19 },
    { TEXT(struct manifest, at), REQUIRED, 24, 24 },
    { INT(struct manifest, devices), REQUIRED, 0, INT64_MAX },
    { INT_AS(struct manifest, audit, "auditEntries"), REQUIRED, 0, INT64_MAX },
    { LIST(struct manifest, schema), REQUIRED, 1, 10000 },
    { LIST(struct manifest, files), REQUIRED, 1, FILES_MAX },
};

struct step {
    int64_t version;
    const char *name, *sha256;
};

static const struct field step_fields[] = {
    { INT(struct step, version), REQUIRED, 1, INT32_MAX },
    { TEXT(struct step, name), REQUIRED, 1, 100 },
    { TEXT(struct step, sha256), REQUIRED, 64, 64 },
};

static enum rc check_schema(const struct manifest *m, struct fault *f)
{
    struct fault why = { 0 };
    size_t i;
    json_t *o;

    json_array_foreach (m->schema, i, o) {
        struct step s = { 0 };
        enum rc rc = BODY_READ(o, step_fields, &s, f);

        if (rc != RC_OK)
            return rc;
        if (migrate_knows((int)s.version, s.name, s.sha256, &why) != RC_OK)
            return fail(f, RC_CONFLICT, "the backup does not fit this version: %s", why.text);
    }
    return RC_OK;
}

static enum rc read_manifest(struct restore *r, struct fault *f)
{
    struct fault why = { 0 };
    enum rc rc = BODY_PICK(r->json, manifest_fields, &r->said, &why);

    if (rc != RC_OK)
        return fail(f, RC_INVALID, "the manifest is not one of Orrery: %s", why.text);
    if (r->said.format != 1)
        return fail(f, RC_CONFLICT,
                    "the backup was made by a newer version (%s): restore it with that",
                    r->said.orrery);
    return check_schema(&r->said, f);
}

// Reads every byte before anything is made.
static enum rc check_file(struct restore *r, struct fault *f)
{
    struct stat st;
    enum rc rc;

    r->fd = open(r->o->file, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0 || fstat(r->fd, &st) < 0)
        return fail(f, RC_NOT_FOUND, "cannot read %.120s: %s", r->o->file, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail(f, RC_INVALID, "%.120s is not a file", r->o->file);
    rc = tape_check(r->fd, &r->json, f);
    return rc == RC_OK ? read_manifest(r, f) : rc;
}

// ---------------------------------------------------------------- the folder

static void path_of(const struct restore *r, const char *name, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%s", r->config->dir, name);
}

static void remove_tree(const char *path)
{
    char *const roots[] = { (char *)(uintptr_t)path, NULL };
    auto_with(fts_endp) FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);

    for (const FTSENT *e; fts && (e = fts_read(fts));)
        if (e->fts_info != FTS_D)
            (void)remove(e->fts_path);
}

// The marker goes last: until then the next restore clears what is left.
static void clear_folder(struct restore *r)
{
    static const char *const made[] = { "pki", "pg",  "pg.new",        "blobs",
                                        "run", "log", "config.backup", BACKUP_MARKER };
    char path[PATH_SIZE];

    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        path_of(r, made[i], path);
        remove_tree(path);
    }
}

static bool may_stay(const char *name)
{
    static const char *const names[] = { ".", "..", "config", "keeper-passphrase", "lost+found" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static enum rc check_folder(struct restore *r, struct fault *f)
{
    char path[PATH_SIZE];
    auto_with(dir_endp) DIR *d = opendir(r->config->dir);

    path_of(r, BACKUP_MARKER, path);
    if (!d)
        return errno == ENOENT
                   ? RC_OK
                   : fail(f, RC_DENIED, "cannot read %.120s: %s", r->config->dir, strerror(errno));
    if (access(path, F_OK) == 0)
        clear_folder(r); // an interrupted restore's
    for (const struct dirent *e; (e = readdir(d));)
        if (!may_stay(e->d_name) && faccessat(dirfd(d), e->d_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return fail(f, RC_CONFLICT,
                        "%.90s is not empty ('%.30s' is in it): restore into a new folder with "
                        "--dir",
                        r->config->dir, e->d_name);
    return RC_OK;
}

static enum rc make(const char *path, struct fault *f)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(f, RC_DENIED, "cannot make %.120s: %s", path, strerror(errno));
    return RC_OK;
}

static enum rc mark_folder(struct restore *r, struct fault *f)
{
    char path[PATH_SIZE];
    int fd;

    r->made_folder = mkdir(r->config->dir, 0700) == 0;
    if (!r->made_folder && errno != EEXIST)
        return fail(f, RC_DENIED, "cannot make %.120s: %s", r->config->dir, strerror(errno));
    path_of(r, "config", path);
    r->had_config = access(path, F_OK) == 0;
    path_of(r, BACKUP_MARKER, path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(f, RC_DENIED, "cannot write %.120s: %s", path, strerror(errno));
    close(fd);
    r->began = true;
    return RC_OK;
}

// ---------------------------------------------------------------- files

static bool is_database(const char *path)
{
    return !strncmp(path, "database/", strlen("database/"));
}

static bool wants_file(void *ctx, const char *path)
{
    (void)ctx;
    return !is_database(path);
}

static enum rc make_parents(char *path, size_t from, struct fault *f)
{
    enum rc rc = RC_OK;

    for (char *p = strchr(path + from, '/'); rc == RC_OK && p; p = strchr(p + 1, '/')) {
        *p = '\0';
        rc = make(path, f);
        *p = '/';
    }
    return rc;
}

static enum rc open_file(void *ctx, const char *path, struct fault *f)
{
    struct restore *r = ctx;
    char full[PATH_SIZE];
    enum rc rc;

    snprintf(full, sizeof full, "%s/%s%s%s", r->config->dir,
             !strncmp(path, "keeper/", strlen("keeper/")) ? "pki/" : "", path,
             !strcmp(path, "config") && r->had_config ? ".backup" : "");
    rc = make_parents(full, strlen(r->config->dir) + 1, f);
    if (rc != RC_OK)
        return rc;
    r->out = open(full, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return r->out >= 0 ? RC_OK
                       : fail(f, RC_UNAVAILABLE, "cannot make %.120s: %s", full, strerror(errno));
}

static enum rc write_file(void *ctx, const void *bytes, size_t len, struct fault *f)
{
    struct restore *r = ctx;

    for (const char *at = bytes; len > 0;) {
        ssize_t n = write(r->out, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(f, RC_UNAVAILABLE, "cannot write: %s", strerror(errno));
        at += n;
        len -= (size_t)n;
    }
    return RC_OK;
}

static enum rc close_file(void *ctx, struct fault *f)
{
    struct restore *r = ctx;
    int fd = r->out;

    r->out = -1;
    return close(fd) == 0 ? RC_OK : fail(f, RC_UNAVAILABLE, "cannot write: %s", strerror(errno));
}

static enum rc put_files(struct restore *r, struct fault *f)
{
    const struct tape_sink sink = {
        .ctx = r, .wants = wants_file, .open = open_file, .bytes = write_file, .close = close_file
    };
    struct config *now = NULL;
    enum rc rc = tape_replay(r->fd, r->json, &sink, f);

    // The configuration restored may name passphrase and database.
    if (rc == RC_OK)
        rc = config_load(r->o->dir, r->o->sets, r->o->set_count, &now, f);
    if (rc != RC_OK)
        return rc;
    config_free(r->config);
    r->config = now;
    return RC_OK;
}

// ---------------------------------------------------------------- keys

// The keeper itself says whether the passphrase opens what was restored.
static enum rc open_keys(struct restore *r, struct fault *f)
{
    char dir[PATH_SIZE], passphrase[PATH_SIZE];
    struct keeper_options o = { .dir = dir, .passphrase_file = passphrase };

    passphrase_path(r->config, passphrase, sizeof passphrase);
    if (access(passphrase, R_OK) < 0)
        return fail(
            f, RC_NOT_FOUND,
            "the keeper's passphrase is not in a backup: put yours into %.70s, mode 0600, or "
            "name it with --set keeper.passphrase=FILE",
            passphrase);
    path_of(r, "pki/keeper", dir);
    return keeper_start(&o, &r->keeper, f);
}

// ---------------------------------------------------------------- database

static bool wants_database(void *ctx, const char *path)
{
    (void)ctx;
    return is_database(path);
}

static enum rc open_part(void *ctx, const char *path, struct fault *f)
{
    (void)ctx;
    (void)path;
    (void)f;
    return RC_OK;
}

static enum rc feed_part(void *ctx, const void *bytes, size_t len, struct fault *f)
{
    struct restore *r = ctx;

    return dump_feed(r->load, bytes, len, f);
}

static enum rc close_part(void *ctx, struct fault *f)
{
    (void)ctx;
    (void)f;
    return RC_OK;
}

static enum rc reach_database(struct restore *r, struct fault *f)
{
    const struct config *c = r->config;
    enum rc rc;

    r->conninfo = c->database;
    r->owner = *c->database_owner ? c->database_owner : c->database;
    if (*c->database)
        return RC_OK;
    rc = cluster_start(c->dir, &r->cluster, f);
    if (rc == RC_OK)
        r->owner = r->conninfo = cluster_conninfo(r->cluster);
    return rc;
}

static enum rc put_database(struct restore *r, struct fault *f)
{
    const struct tape_sink sink = { .ctx = r,
                                    .wants = wants_database,
                                    .open = open_part,
                                    .bytes = feed_part,
                                    .close = close_part };
    struct load *load;
    enum rc rc = reach_database(r, f);

    if (rc == RC_OK)
        rc = dump_load(r->owner, &r->load, f);
    if (rc == RC_OK)
        rc = tape_replay(r->fd, r->json, &sink, f);
    if (rc != RC_OK)
        return rc;
    load = take(&r->load);
    return dump_settle(load, f);
}

static enum rc check_counts(struct restore *r, struct fault *f)
{
    int64_t devices = 0, audit = 0;
    enum rc rc = dump_counts(r->owner, &devices, &audit, f);

    if (rc == RC_OK && (devices != r->said.devices || audit != r->said.audit))
        return fail(
            f, RC_INTERNAL,
            "%lld devices and %lld audit entries came back, not %lld and %lld as there were",
            (long long)devices, (long long)audit, (long long)r->said.devices,
            (long long)r->said.audit);
    return rc;
}

// ---------------------------------------------------------------- audit

static enum rc check_chain(struct restore *r, int32_t chain, const char *root,
                           struct backup_report *out, struct fault *f)
{
    struct audit_report report = { 0 };
    enum rc rc = audit_verify(r->store, chain, root, &report, f);

    if (rc == RC_OK && report.first_bad && !out->broken_entry) {
        out->broken_chain = chain;
        out->broken_entry = report.first_bad;
    }
    audit_report_done(&report);
    out->chains++;
    return rc;
}

static enum rc check_chains(struct restore *r, struct backup_report *out, struct fault *f)
{
    auto_free char *root = NULL;
    struct catalog list[50];
    int32_t after = 0;
    int count = 0;
    enum rc rc = keeper_ca(r->keeper, CA_SERVER_ROOT, "", &root, f);

    if (rc == RC_OK)
        rc = check_chain(r, 0, root, out, f);
    do {
        if (rc == RC_OK)
            rc = catalog_list(r->store, 0, after, 50, list, &count, f);
        for (int i = 0; rc == RC_OK && i < count; i++) {
            rc = check_chain(r, list[i].id, root, out, f);
            after = list[i].id;
        }
    } while (rc == RC_OK && count == 50);
    return rc;
}

// An older schema is brought to this version; the first start has nothing left to do.
static enum rc check_database(struct restore *r, struct backup_report *out, struct fault *f)
{
    enum rc rc = check_counts(r, f);

    if (rc == RC_OK)
        rc = migrate_run(r->owner, NULL, f);
    if (rc == RC_OK)
        rc = store_open(r->conninfo, 1, &r->store, f);
    return rc == RC_OK ? check_chains(r, out, f) : rc;
}

// ---------------------------------------------------------------- all of it

static void stop_parts(struct restore *r)
{
    dump_abandon(r->load);
    store_close(r->store);
    keeper_stop(r->keeper);
    cluster_stop(r->cluster);
    if (r->fd >= 0)
        close(r->fd);
    if (r->out >= 0)
        close(r->out);
    json_decref(r->json);
}

static void undo(struct restore *r)
{
    char path[PATH_SIZE];

    path_of(r, "config", path);
    if (!r->had_config)
        (void)unlink(path);
    clear_folder(r);
    if (r->made_folder)
        (void)rmdir(r->config->dir);
}

static enum rc unmark_folder(struct restore *r, struct fault *f)
{
    char path[PATH_SIZE];
    int fd = open(r->config->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum rc rc = RC_OK;

    path_of(r, BACKUP_MARKER, path);
    if (fd < 0 || syncfs(fd) < 0 || unlink(path) < 0 || fsync(fd) < 0)
        rc = fail(f, RC_UNAVAILABLE, "cannot finish %.120s: %s", r->config->dir, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

static bool database_differs(const struct restore *r)
{
    struct config *file = NULL;
    bool differs = config_load(r->o->dir, NULL, 0, &file, NULL) == RC_OK &&
                   strcmp(file->database, r->config->database) != 0;

    config_free(file);
    return differs;
}

static enum rc run(struct restore *r, struct backup_report *out, struct fault *f)
{
    static enum rc (*const steps[])(struct restore * r, struct fault * f) = {
        check_file, check_folder, mark_folder, put_files, open_keys, put_database,
    };
    enum rc rc = config_load(r->o->dir, r->o->sets, r->o->set_count, &r->config, f);

    for (size_t i = 0; rc == RC_OK && i < sizeof steps / sizeof *steps; i++)
        rc = steps[i](r, f);
    return rc == RC_OK ? check_database(r, out, f) : rc;
}

static void tell(const struct restore *r, struct backup_report *out)
{
    char path[PATH_SIZE];

    out->devices = r->said.devices;
    out->audit_entries = r->said.audit;
    snprintf(out->version, sizeof out->version, "%s", r->said.orrery);
    snprintf(out->at, sizeof out->at, "%s", r->said.at);
    out->database_differs = database_differs(r);
    path_of(r, "config.backup", path);
    out->config_beside = access(path, F_OK) == 0;
}

enum rc backup_restore(const struct restore_options *o, struct backup_report *out, struct fault *f)
{
    struct restore r = { .o = o, .fd = -1, .out = -1 };
    enum rc rc = run(&r, out, f);

    if (rc == RC_OK)
        tell(&r, out);
    stop_parts(&r);
    if (rc == RC_OK)
        rc = unmark_folder(&r, f);
    else if (r.began)
        undo(&r);
    config_free(r.config);
    return rc;
}
