// SPDX-License-Identifier: Apache-2.0

#include "backup/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/dump.h"
#include "backup/keys.h"
#include "backup/tape.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/json_out.h"
#include "core/version.h"

DEFINE_AUTO(struct tape *, tape_freep, tape_free)
DEFINE_AUTO(struct dump *, dump_endp, dump_end)

static void fts_end(FTS *fts)
{
    (void)fts_close(fts);
}

DEFINE_AUTO(FTS *, fts_endp, fts_end)

// path is put as name; a file that is not there is no trouble.
static enum rc put(struct tape *t, const char *path, const char *name, struct fault *f)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    enum rc rc;

    if (fd < 0 && errno == ENOENT)
        return RC_OK;
    if (fd < 0 || fstat(fd, &st) < 0)
        rc = fail(f, RC_UNAVAILABLE, "cannot read %.120s: %s", path, strerror(errno));
    else
        rc = tape_put_file(t, name, fd, st.st_size, f);
    if (fd >= 0)
        close(fd);
    return rc;
}

// Blobs are named by their content and never change. What begins with a dot is being written.
static enum rc put_blobs(const char *dir, struct tape *t, struct fault *f)
{
    char root[600];
    char *const roots[] = { root, NULL };
    enum rc rc = RC_OK;

    snprintf(root, sizeof root, "%s/blobs", dir);
    auto_with(fts_endp) FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!fts)
        return fail(f, RC_UNAVAILABLE, "cannot read %.120s: %s", root, strerror(errno));
    for (const FTSENT *e; rc == RC_OK && (e = fts_read(fts));) {
        char name[700];

        snprintf(name, sizeof name, "blobs%s", e->fts_path + strlen(root));
        if (e->fts_info == FTS_F && *e->fts_name != '.')
            rc = put(t, e->fts_path, name, f);
    }
    return rc;
}

// The order matters: the issuance log after the database's moment (backup.h).
static enum rc write_parts(const char *dir, const char *conninfo, struct tape *t, json_t *facts,
                           struct fault *f)
{
    auto_with(dump_endp) struct dump *dump = NULL;
    char path[600];
    enum rc rc = dump_begin(conninfo, facts, &dump, f);

    if (rc == RC_OK)
        rc = dump_write(dump, t, f);
    snprintf(path, sizeof path, "%s/pki/keeper", dir);
    if (rc == RC_OK)
        rc = keys_write(path, t, f);
    if (rc == RC_OK)
        rc = put_blobs(dir, t, f);
    snprintf(path, sizeof path, "%s/config", dir);
    return rc == RC_OK ? put(t, path, "config", f) : rc;
}

static enum rc write_tape(const char *dir, const char *conninfo, int fd, struct backup_report *out,
                          struct fault *f)
{
    auto_with(tape_freep) struct tape *t = NULL;
    json_t *facts = json_object();
    enum rc rc = tape_create(fd, &t, f);

    add_int(facts, "format", 1);
    add_text(facts, "orrery", ORRERY_VERSION);
    clock_rfc3339(clock_now_ms(), out->at);
    add_text(facts, "at", out->at);
    if (rc == RC_OK)
        rc = write_parts(dir, conninfo, t, facts, f);
    out->devices = json_integer_value(json_object_get(facts, "devices"));
    out->audit_entries = json_integer_value(json_object_get(facts, "auditEntries"));
    if (rc == RC_OK)
        return tape_finish(t, facts, f);
    json_decref(facts);
    return rc;
}

// Under another name until it is whole and on disk.
static enum rc write_file(const char *dir, const char *conninfo, const char *file,
                          struct backup_report *out, struct fault *f)
{
    auto_free char *part = NULL;
    struct stat st = { 0 };
    enum rc rc;
    int fd;

    if (access(file, F_OK) == 0)
        return fail(f, RC_CONFLICT, "%.150s is there already; choose another name", file);
    if (asprintf(&part, "%s.part", file) < 0)
        return fail(f, RC_INTERNAL, "out of memory");
    (void)unlink(part); // of a backup that was interrupted
    fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(f, RC_UNAVAILABLE, "cannot write %.140s: %s", part, strerror(errno));
    rc = write_tape(dir, conninfo, fd, out, f);
    if (rc == RC_OK && (fsync(fd) < 0 || fstat(fd, &st) < 0 || link(part, file) < 0))
        rc = fail(f, RC_UNAVAILABLE, "cannot write %.140s: %s", file, strerror(errno));
    out->bytes = st.st_size;
    close(fd);
    (void)unlink(part);
    return rc;
}

enum rc backup_write(const char *dir, const char *conninfo, const char *file,
                     struct backup_report *out, struct fault *f)
{
    if (strcmp(file, "-") != 0)
        return write_file(dir, conninfo, file, out, f);
    if (isatty(STDOUT_FILENO))
        return fail(f, RC_INVALID, "a backup is not for a terminal: name a file, or a pipe");
    return write_tape(dir, conninfo, STDOUT_FILENO, out, f);
}
