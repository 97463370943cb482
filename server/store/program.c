// SPDX-License-Identifier: Apache-2.0

#include "store/program.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// Where distributions and PostgreSQL's own build put them.
static const char *const places[] = {
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/usr/local/bin",
    "/usr/bin",
};

// A child's standard descriptors; in may be -1.
struct files {
    int in, out, err;
};

static int spawn(const char *const *argv, const struct files *to, pid_t *out)
{
    // NOTIFY_SOCKET would make postgres speak to systemd in our place, PG… would mislead it.
    char *const env[] = { (char[]){ "PATH=/usr/bin:/bin" }, (char[]){ "LC_ALL=C" }, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    if (to->in < 0)
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    else
        posix_spawn_file_actions_adddup2(&files, to->in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, to->out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, to->err, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int err = posix_spawn(out, argv[0], &files, &attr, (char *const *)(uintptr_t)argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return err;
}

enum rc program_spawn(const char *const *argv, int log, pid_t *out, struct fault *f)
{
    int err = spawn(argv, &(struct files){ -1, log, log }, out);

    return err ? fail(f, RC_INTERNAL, "%s does not start: %s", argv[0], strerror(err)) : RC_OK;
}

// Keeps the last size - 1 bytes of what comes.
static void drain(int fd, char *said, size_t size)
{
    char buf[1024];
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR)) {
        for (ssize_t i = 0; i < n; i++) {
            if (len == size - 1)
                memmove(said, said + size / 2, len -= size / 2);
            said[len++] = buf[i];
        }
    }
    said[len] = 0;
}

enum rc program_run(const char *const *argv, char *said, size_t size, struct fault *f)
{
    int fds[2], status = 0;
    pid_t pid = 0;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return fail(f, RC_INTERNAL, "no pipe: %s", strerror(errno));
    int err = spawn(argv, &(struct files){ -1, fds[1], fds[1] }, &pid);
    close(fds[1]);
    if (!err)
        drain(fds[0], said, size);
    close(fds[0]);
    if (err)
        return fail(f, RC_INTERNAL, "%s does not start: %s", argv[0], strerror(err));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail(f, RC_INTERNAL, "%s failed", argv[0]);
    return RC_OK;
}

enum rc program_pipe(const char *const *argv, bool feeds, int said, struct program_pipe *out,
                     struct fault *f)
{
    int fds[2], err;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return fail(f, RC_INTERNAL, "no pipe: %s", strerror(errno));
    if (feeds)
        err = spawn(argv, &(struct files){ fds[0], said, said }, &out->pid);
    else
        err = spawn(argv, &(struct files){ -1, fds[1], said }, &out->pid);
    close(fds[feeds ? 0 : 1]);
    out->fd = fds[feeds ? 1 : 0];
    if (!err)
        return RC_OK;
    close(out->fd);
    return fail(f, RC_INTERNAL, "%s does not start: %s", argv[0], strerror(err));
}

bool program_end(struct program_pipe *p)
{
    int status = 0;

    close(p->fd);
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// "postgres (PostgreSQL) 15.20 (Debian …)"; 0 if it is none of that form.
static int major_of(const char *program)
{
    char said[200];
    const char *const argv[] = { program, "-V", NULL };

    if (program_run(argv, said, sizeof said, NULL) != RC_OK)
        return 0;
    const char *number = strstr(said, "(PostgreSQL) ");
    return number ? (int)strtol(number + strlen("(PostgreSQL) "), NULL, 10) : 0;
}

// Takes over the fittest of g's programs into out; *best is its version.
static void choose(const glob_t *g, int major, int *best, char out[PATH_MAX])
{
    for (size_t i = 0; i < g->gl_pathc; i++) {
        const char *path = g->gl_pathv[i];
        int v = strlen(path) < PATH_MAX ? major_of(path) : 0;

        if (v <= *best || (major ? v != major : v < PROGRAM_OLDEST))
            continue;
        *best = v;
        snprintf(out, PATH_MAX, "%.*s", (int)(strrchr(path, '/') - path), path);
    }
}

// The version of the fittest, 0 if there is none.
static int search(const char *name, int major, char out[PATH_MAX])
{
    int best = 0;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char pattern[PATH_MAX];
        glob_t g = { 0 };

        snprintf(pattern, sizeof pattern, "%s/%s", places[i], name);
        if (!glob(pattern, 0, NULL, &g))
            choose(&g, major, &best, out);
        globfree(&g);
    }
    return best;
}

enum rc program_client(const char *name, char out[PATH_MAX], struct fault *f)
{
    char folder[PATH_MAX];

    if (!search(name, 0, folder))
        return fail(f, RC_NOT_FOUND,
                    "no %s of PostgreSQL %d or newer is installed: install the package "
                    "postgresql-client",
                    name, PROGRAM_OLDEST);
    if (snprintf(out, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
        return fail(f, RC_INTERNAL, "the path of %s is too long", name);
    return RC_OK;
}

enum rc program_find(int major, char out[PATH_MAX], struct fault *f)
{
    if (search("postgres", major, out))
        return RC_OK;
    if (major)
        return fail(f, RC_NOT_FOUND,
                    "the data in pg/ was made by PostgreSQL %d, which is not installed: install "
                    "postgresql-%d, or move the data with pg_upgrade",
                    major, major);
    return fail(f, RC_NOT_FOUND,
                "no PostgreSQL %d or newer is installed: install the package postgresql, or name a "
                "server with database=",
                PROGRAM_OLDEST);
}
