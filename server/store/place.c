// SPDX-License-Identifier: Apache-2.0

#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/auto.h"
#include "store/program.h"

#define MB           (1024 * 1024LL)
#define NEW_NEEDS_MB 200 // 39 MB by initdb, the first WAL files, room to start

static enum rc join(char out[PATH_MAX], const char *dir, const char *name, struct fault *f)
{
    if (snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        return fail(f, RC_INVALID, "the instance folder's path is too long");
    return RC_OK;
}

static enum rc make_folder(const char *path, const char *user, struct fault *f)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return access(path, R_OK | W_OK | X_OK) == 0
                   ? RC_OK
                   : fail(
                         f, RC_DENIED,
                         "user '%s' may not write in %.100s: chown it, or choose another instance folder",
                         user, path);
    return fail(f, errno == ENOSPC ? RC_LIMIT : RC_DENIED,
                "cannot make %.90s: %s; choose another instance folder", path, strerror(errno));
}

static enum rc find_user(struct place *p, struct fault *f)
{
    const struct passwd *me = getpwuid(geteuid());

    if (geteuid() == 0)
        return fail(
            f, RC_DENIED,
            "PostgreSQL refuses to run as root: start orreryd as an ordinary user ('orrery'), "
            "or name a server with database=");
    if (!me)
        return fail(f, RC_DENIED, "user %d has no name in /etc/passwd, PostgreSQL wants one",
                    (int)geteuid());
    snprintf(p->user, sizeof p->user, "%s", me->pw_name);
    return RC_OK;
}

// PostgreSQL's socket is run/.s.PGSQL.5432; sockaddr_un holds 107 characters.
static enum rc check_socket_path(const struct place *p, struct fault *f)
{
    size_t room = sizeof((struct sockaddr_un *)NULL)->sun_path - sizeof "/.s.PGSQL.5432";

    if (strlen(p->run) > room)
        return fail(f, RC_INVALID,
                    "the path of the instance folder is %zu characters too long for a socket: "
                    "choose a shorter one",
                    strlen(p->run) - room);
    return RC_OK;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static enum rc check_space(const struct place *p, struct fault *f)
{
    struct statvfs fs;

    if (statvfs(p->run, &fs) != 0)
        return fail(f, RC_UNAVAILABLE, "%.100s: %s", p->run, strerror(errno));
    int64_t free_mb = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize / MB;
    if (free_mb < NEW_NEEDS_MB)
        return fail(f, RC_LIMIT,
                    "only %" PRId64
                    " MB are free for a new database in %.80s, it needs %d MB: free "
                    "some disk space, or choose another instance folder",
                    free_mb, p->data, NEW_NEEDS_MB);
    return RC_OK;
}

static enum rc append_include(const char *data, struct fault *f)
{
    char path[PATH_MAX];
    enum rc rc = join(path, data, "postgresql.conf", f);

    if (rc != RC_OK)
        return rc;
    FILE *conf = fopen(path, "ae");
    bool written = conf && fputs("\n# Written by orreryd at each start:\n"
                                 "include_if_exists = 'orrery.conf'\n"
                                 "# Your own settings go below and win.\n",
                                 conf) >= 0;
    if (conf && fclose(conf) != 0)
        written = false;
    return written ? RC_OK : fail(f, RC_LIMIT, "cannot write %.100s: %s", path, strerror(errno));
}

static void sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

static enum rc run_initdb(const struct place *p, const char *data, struct fault *f)
{
    char initdb[PATH_MAX], said[1000];
    const char *const argv[] = { initdb,
                                 "-D",
                                 data,
                                 "-U",
                                 p->user,
                                 "--auth-local=peer",
                                 "--auth-host=reject",
                                 "--encoding=UTF8",
                                 "--no-locale",
                                 "--no-instructions",
                                 NULL };
    enum rc rc = join(initdb, p->bin, "initdb", f);

    if (rc != RC_OK || program_run(argv, said, sizeof said, NULL) == RC_OK)
        return rc;
    const char *error = strstr(said, "error: ");
    if (!error)
        error = strstr(said, "FATAL: ");
    return fail(f, RC_UNAVAILABLE, "initdb cannot make the database in %.60s: %.*s", p->data,
                error ? (int)strcspn(error, "\n") : 0, error ? error : "");
}

static enum rc create(const struct place *p, const char *dir, struct fault *f)
{
    char fresh[PATH_MAX];
    enum rc rc = check_space(p, f);

    if (rc == RC_OK)
        rc = join(fresh, dir, "pg.new", f);
    if (rc != RC_OK)
        return rc;
    nftw(fresh, remove_one, 16, FTW_DEPTH | FTW_PHYS); // of an interrupted first start
    rc = run_initdb(p, fresh, f);
    if (rc == RC_OK)
        rc = append_include(fresh, f);
    if (rc == RC_OK && rename(fresh, p->data) != 0)
        rc = fail(f, RC_UNAVAILABLE, "cannot rename %.100s: %s", fresh, strerror(errno));
    sync_folder(dir);
    return rc;
}

// 0 where there is no cluster yet.
static int data_version(const struct place *p)
{
    char path[PATH_MAX], text[16] = "";

    if (join(path, p->data, "PG_VERSION", NULL) != RC_OK)
        return 0;
    FILE *in = fopen(path, "re");
    if (!in)
        return 0;
    if (!fgets(text, sizeof text, in))
        *text = 0;
    (void)fclose(in);
    return (int)strtol(text, NULL, 10);
}

static enum rc make_folders(struct place *p, const char *dir, struct fault *f)
{
    char log[PATH_MAX];
    enum rc rc = make_folder(dir, p->user, f);

    if (rc == RC_OK)
        rc = make_folder(p->run, p->user, f);
    if (rc == RC_OK)
        rc = join(log, dir, "log", f);
    if (rc == RC_OK)
        rc = make_folder(log, p->user, f);
    return rc;
}

static enum rc name_folders(struct place *p, const char *dir, struct fault *f)
{
    enum rc rc = join(p->data, dir, "pg", f);

    if (rc == RC_OK)
        rc = join(p->run, dir, "run", f);
    if (rc == RC_OK)
        rc = join(p->log, dir, "log/postgresql.log", f);
    return rc == RC_OK ? check_socket_path(p, f) : rc;
}

enum rc place_open(struct place *p, const char *dir, struct fault *f)
{
    enum rc rc = find_user(p, f);

    if (rc == RC_OK)
        rc = name_folders(p, dir, f);
    if (rc == RC_OK)
        rc = make_folders(p, dir, f);
    if (rc != RC_OK)
        return rc;
    int version = data_version(p);
    if (!version && access(p->data, F_OK) == 0 && rmdir(p->data) != 0)
        return fail(f, RC_CONFLICT,
                    "%.100s holds no readable PostgreSQL cluster of user '%s': move it away, or "
                    "restore a backup",
                    p->data, p->user);
    rc = program_find(version, p->bin, f);
    return rc == RC_OK && !version ? create(p, dir, f) : rc;
}

// ---------------------------------------------------------------- tuning

// What a container may use is less than what the machine has.
static int64_t memory_mb(void)
{
    int64_t mb = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / MB;
    char text[32] = "";
    FILE *in = fopen("/sys/fs/cgroup/memory.max", "re");

    if (in) {
        if (!fgets(text, sizeof text, in))
            *text = 0;
        (void)fclose(in);
    }
    int64_t limit = strtoll(text, NULL, 10) / MB; // "max" is 0
    return limit > 0 && limit < mb ? limit : mb;
}

static int64_t within(int64_t n, int64_t low, int64_t high)
{
    return n < low ? low : n > high ? high : n;
}

// Redo runs at some 225 MB/s, so 4 GB of WAL mean an outage of at most 20 s after a crash. A small
// disk gets less. A quarter of it is kept to be written again: commits wait for each new file of
// WAL.
static int64_t wal_mb(const struct place *p)
{
    struct statvfs fs;

    if (statvfs(p->data, &fs) != 0)
        return 1024;
    return within((int64_t)fs.f_blocks * (int64_t)fs.f_frsize / MB / 16, 128, 4096);
}

void place_quote(const char *path, char *out, size_t size)
{
    size_t len = 0;

    for (; *path && len + 3 < size; path++) {
        if (*path == '\'' || *path == '\\')
            out[len++] = '\\';
        out[len++] = *path;
    }
    out[len] = 0;
}

static char *conf_text(const struct place *p)
{
    char *text = NULL;
    char run[2 * PATH_MAX];
    int64_t ram = memory_mb();

    place_quote(p->run, run, sizeof run);
    int n = asprintf(&text,
                     "# Written by orreryd at each start; settings of your own go to the end of "
                     "postgresql.conf.\n"
                     "listen_addresses = ''\n"
                     "port = 5432\n"
                     "unix_socket_directories = '%s'\n"
                     "unix_socket_permissions = 0700\n"
                     "max_connections = 64\n"
                     "max_locks_per_transaction = 256\n" // a backup locks each hour's partitions
                     "shared_buffers = %" PRId64 "MB\n"
                     "effective_cache_size = %" PRId64 "MB\n"
                     "work_mem = %" PRId64 "MB\n"
                     "maintenance_work_mem = %" PRId64 "MB\n"
                     "wal_buffers = 16MB\n"
                     "min_wal_size = %" PRId64 "MB\n"
                     "max_wal_size = %" PRId64 "MB\n"
                     "checkpoint_timeout = 15min\n"
                     "random_page_cost = 1.1\n"
                     "jit = off\n"
                     "max_parallel_workers_per_gather = 1\n"
                     "autovacuum_naptime = 15s\n"
                     "timezone = 'UTC'\n"
                     "log_timezone = 'UTC'\n"
                     "logging_collector = off\n"
                     "log_destination = 'stderr'\n"
                     "log_line_prefix = '%%m [%%p] '\n"
                     "log_checkpoints = off\n"
                     "log_min_messages = warning\n"
                     "log_min_error_statement = panic\n", // statements may hold what is private
                     run, within(ram / 8, 16, 1024), within(ram / 2, 64, 1 << 20),
                     within(ram / 256, 4, 32), within(ram / 32, 16, 256), wal_mb(p) / 4, wal_mb(p));
    return n < 0 ? NULL : text;
}

static bool same_as_file(const char *path, const char *text)
{
    char old[4096] = "";
    FILE *in = fopen(path, "re");

    if (!in)
        return false;
    size_t n = fread(old, 1, sizeof old - 1, in);
    (void)fclose(in);
    old[n] = 0;
    return !strcmp(old, text);
}

enum rc place_tune(const struct place *p, bool *changed, struct fault *f)
{
    char path[PATH_MAX];
    auto_free char *text = conf_text(p);
    enum rc rc = join(path, p->data, "orrery.conf", f);

    if (rc != RC_OK)
        return rc;
    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    *changed = !same_as_file(path, text);
    if (!*changed)
        return RC_OK;
    FILE *out = fopen(path, "we");
    bool written = out && fputs(text, out) >= 0;
    if (out && fclose(out) != 0)
        written = false;
    return written ? RC_OK
                   : fail(f, RC_LIMIT, "cannot write %.100s: %s; free some disk space", path,
                          strerror(errno));
}

// ---------------------------------------------------------------- the log

// The text after the last mark in the log's last 4 kB.
static const char *last_line(const char *text, const char *mark)
{
    const char *at = NULL;

    for (const char *p = text; (p = strstr(p, mark)); p++)
        at = p + strlen(mark);
    return at;
}

static const char *way_out(const char *why)
{
    if (strstr(why, "No space left"))
        return "; free some disk space";
    if (strstr(why, "ermission denied"))
        return "; give the folder back to the user orreryd runs as";
    return "";
}

enum rc place_blame(const struct place *p, struct fault *f)
{
    char tail[4097] = "";
    int fd = open(p->log, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    ssize_t n = fd < 0 ? 0 : pread(fd, tail, sizeof tail - 1, size > 4096 ? size - 4096 : 0);

    if (fd >= 0)
        close(fd);
    tail[n < 0 ? 0 : n] = 0;
    const char *why = last_line(tail, "PANIC:  ");
    if (!why)
        why = last_line(tail, "FATAL:  ");
    if (!why)
        return fail(f, RC_UNAVAILABLE, "PostgreSQL stopped; see %.100s", p->log);
    return fail(f, RC_UNAVAILABLE, "PostgreSQL stopped: %.*s%s; see %.50s",
                (int)within((int64_t)strcspn(why, "\n"), 0, 80), why, way_out(why), p->log);
}
