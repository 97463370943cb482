// SPDX-License-Identifier: Apache-2.0

#include "support/pg.h"

#include <libpq-fe.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/migrate.h"
#include "store/program.h"
#include "support/folder.h"

#define DATABASES 200

static struct {
    char folder[32];
    char bin[PATH_MAX];
    char data[48];
    char log[48];
    char conninfo[128];
    pid_t postmaster;
} cluster;

static char databases[DATABASES][128];
static int database_count;

__attribute__((noreturn, format(printf, 1, 2))) static void give_up(const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "tests/support/pg: ");
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    exit(1);
}

static const struct passwd *unprivileged(void)
{
    static const char *const names[] = { "orrery", "postgres", "nobody" };
    const struct passwd *p = NULL;

    if (geteuid() != 0)
        return getpwuid(geteuid());
    for (int i = 0; i < 3 && !p; i++)
        p = getpwnam(names[i]);
    return p;
}

uid_t pg_uid(void)
{
    const struct passwd *p = unprivileged();

    return p ? p->pw_uid : geteuid();
}

gid_t pg_gid(void)
{
    const struct passwd *p = unprivileged();

    return p ? p->pw_gid : getegid();
}

static void run_as_user(const char *const *argv)
{
    int log = open(cluster.log, O_WRONLY | O_APPEND | O_CREAT, 0666);

    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    closefrom(3);
    if (geteuid() == 0 && (setgroups(0, NULL) || setgid(pg_gid()) || setuid(pg_uid())))
        _exit(126);
    if (chdir("/") == 0)
        execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static pid_t spawn(const char *const *argv)
{
    pid_t pid = fork();

    if (pid < 0)
        give_up("fork: %s", strerror(errno));
    if (!pid) {
        setsid();
        run_as_user(argv);
    }
    return pid;
}

static void initdb(void)
{
    char path[PATH_MAX + 16];
    const char *const argv[] = {
        path,          "-D",        cluster.data, "-U", "orrery", "--auth=trust", "--encoding=UTF8",
        "--no-locale", "--no-sync", NULL
    };
    int status = 0;

    snprintf(path, sizeof path, "%s/initdb", cluster.bin);
    if (waitpid(spawn(argv), &status, 0) < 0 || status != 0)
        give_up("initdb failed; PostgreSQL must be able to run as uid %d", (int)pg_uid());
}

static void wait_ready(void)
{
    for (int i = 0; i < 1500; i++) {
        if (PQping(cluster.conninfo) == PQPING_OK)
            return;
        if (waitpid(cluster.postmaster, NULL, WNOHANG) == cluster.postmaster) {
            usleep(200000); // children of a killed one are still leaving
            cluster.postmaster = 0;
            pg_restart();
            return;
        }
        usleep(20000);
    }
    give_up("PostgreSQL does not start; see %s", cluster.log);
}

void pg_restart(void)
{
    char path[PATH_MAX + 16], sockets[80];
    const char *const argv[] = { path,
                                 "-D",
                                 cluster.data,
                                 "-c",
                                 "fsync=off",
                                 "-c",
                                 "listen_addresses=",
                                 "-c",
                                 sockets,
                                 "-c",
                                 "max_connections=100",
                                 "-c",
                                 "shared_buffers=64MB",
                                 "-c",
                                 "timezone=UTC",
                                 NULL };
    static int tries;

    if (tries++ > 50)
        give_up("PostgreSQL does not start");
    snprintf(path, sizeof path, "%s/postgres", cluster.bin);
    snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", cluster.folder);
    cluster.postmaster = spawn(argv);
    wait_ready();
    tries = 0;
}

void pg_crash(void)
{
    kill(cluster.postmaster, SIGKILL);
    waitpid(cluster.postmaster, NULL, 0);
    cluster.postmaster = 0;
}

void pg_stop(void)
{
    kill(cluster.postmaster, SIGINT);
    waitpid(cluster.postmaster, NULL, 0);
    cluster.postmaster = 0;
}

bool pg_is_running(pid_t pid)
{
    char path[40], line[200] = "";

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *in = fopen(path, "r");
    if (!in)
        return false;
    if (!fgets(line, sizeof line, in))
        *line = 0;
    fclose(in);
    const char *name_end = strrchr(line, ')'); // "7 (postgres) Z 1 …"
    return name_end && name_end[1] && name_end[2] != 'Z' && name_end[2] != 'X';
}

static void start(void)
{
    struct fault f = { 0 };

    if (*cluster.folder)
        return;
    if (program_find(0, cluster.bin, &f) != RC_OK)
        give_up("%s", f.text);
    folder_make(cluster.folder, sizeof cluster.folder, "pg");
    if (geteuid() == 0 && chown(cluster.folder, pg_uid(), pg_gid()) != 0)
        give_up("chown: %s", strerror(errno));
    snprintf(cluster.data, sizeof cluster.data, "%s/pg", cluster.folder);
    snprintf(cluster.log, sizeof cluster.log, "%s/log", cluster.folder);
    snprintf(cluster.conninfo, sizeof cluster.conninfo,
             "host=%s port=5432 user=orrery dbname=postgres", cluster.folder);
    initdb();
    pg_restart();
}

// ---------------------------------------------------------------- databases

const char *pg_empty(void)
{
    char sql[40], *conninfo;

    start();
    if (database_count == DATABASES)
        give_up("more than %d databases", DATABASES);
    snprintf(sql, sizeof sql, "CREATE DATABASE t%d", database_count);
    PGconn *pg = PQconnectdb(cluster.conninfo);
    PGresult *r = PQexec(pg, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK)
        give_up("%s: %s", sql, PQerrorMessage(pg));
    PQclear(r);
    PQfinish(pg);
    conninfo = databases[database_count];
    snprintf(conninfo, sizeof databases[0], "host=%s port=5432 user=orrery dbname=t%d",
             cluster.folder, database_count++);
    return conninfo;
}

const char *pg_fresh(void)
{
    struct fault f = { 0 };
    const char *conninfo = pg_empty();

    if (migrate_run(conninfo, NULL, &f) != RC_OK)
        give_up("%s", f.text);
    return conninfo;
}

const char *pg_conninfo(void)
{
    static const char *shared;

    if (!shared)
        shared = pg_fresh();
    return shared;
}

const char *pg_folder(void)
{
    start();
    return cluster.folder;
}

pid_t pg_postmaster(void)
{
    start();
    return cluster.postmaster;
}

char *pg_script(const char *path)
{
    FILE *in = fopen(path, "re");
    char *text = calloc(1, 10000);

    if (!in || !text || fread(text, 1, 9999, in) == 0)
        give_up("%s is not readable", path);
    (void)fclose(in);
    return text;
}
