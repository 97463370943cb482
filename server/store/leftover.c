// SPDX-License-Identifier: Apache-2.0

#include "store/leftover.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The first line of a small file; "" if there is none.
static void first_line(const char *path, char *out, size_t size)
{
    FILE *in = fopen(path, "re");

    *out = 0;
    if (!in)
        return;
    if (!fgets(out, (int)size, in))
        *out = 0;
    (void)fclose(in);
}

static pid_t pid_in(const char *path)
{
    char line[32];

    first_line(path, line, sizeof line);
    return (pid_t)strtol(line, NULL, 10);
}

// A process that has ended and waits to be waited for has no folder any more.
static bool works_in(long pid, const char *folder)
{
    char path[64], cwd[PATH_MAX];

    snprintf(path, sizeof path, "/proc/%ld/cwd", pid);
    ssize_t n = readlink(path, cwd, sizeof cwd - 1);
    if (n < 0)
        return false;
    cwd[n] = 0;
    return !strcmp(cwd, folder);
}

pid_t leftover_postmaster(const char *data)
{
    char path[PATH_MAX + 32], folder[PATH_MAX];

    snprintf(path, sizeof path, "%s/postmaster.pid", data);
    pid_t pid = pid_in(path);
    return pid > 1 && realpath(data, folder) && works_in(pid, folder) ? pid : 0;
}

static bool has_ended_unnoticed(pid_t pid)
{
    char path[64], line[256];

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    first_line(path, line, sizeof line);
    const char *name_end = strrchr(line, ')'); // "7 (postgres) Z 1 …"
    return name_end && !strncmp(name_end, ") Z", 3);
}

static bool somebody_works_in(const char *folder)
{
    bool found = false;
    DIR *proc = opendir("/proc");
    const struct dirent *e;

    while (proc && !found && (e = readdir(proc))) {
        long pid = strtol(e->d_name, NULL, 10);
        found = pid > 1 && works_in(pid, folder);
    }
    if (proc)
        closedir(proc);
    return found || !proc;
}

static void clear(const char *path, const char *data)
{
    char folder[PATH_MAX];
    pid_t pid = pid_in(path);

    if (pid > 1 && has_ended_unnoticed(pid) && realpath(data, folder) && !somebody_works_in(folder))
        (void)unlink(path);
}

void leftover_clear(const char *data, const char *run)
{
    char path[PATH_MAX + 32];

    snprintf(path, sizeof path, "%s/postmaster.pid", data);
    clear(path, data);
    snprintf(path, sizeof path, "%s/.s.PGSQL.5432.lock", run);
    clear(path, data);
}
