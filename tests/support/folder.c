// SPDX-License-Identifier: Apache-2.0

#include "support/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDERS 1000

static struct {
    pid_t of;     // who has it; a child of ours does not
    int lifeline; // it cleans up once this end is closed
    int done;     // ends once it has
} guardian;

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "tests/support/folder: %s: %s\n", what, strerror(errno));
    exit(1);
}

// ---------------------------------------------------------------- removing

// It has nothing worth keeping. At its end it removes the file of its pid.
static void end_postmaster(const char *path)
{
    char file[200], line[32] = "";
    FILE *in;
    pid_t pid;

    snprintf(file, sizeof file, "%s/pg/postmaster.pid", path);
    in = fopen(file, "r");
    if (!in)
        return;
    pid = fgets(line, sizeof line, in) ? (pid_t)strtol(line, NULL, 10) : 0;
    fclose(in);
    if (pid > 1)
        kill(pid, SIGQUIT);
    for (int i = 0; i < 250 && pid > 1 && kill(pid, 0) == 0 && access(file, F_OK) == 0; i++)
        usleep(20000);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

// Whoever still writes into it is at its end too.
void folder_remove(const char *path)
{
    end_postmaster(path);
    for (int i = 0; i < 50 && access(path, F_OK) == 0; i++) {
        if (i > 0)
            usleep(20000);
        nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

// ---------------------------------------------------------------- the guardian

// It holds nothing that others may wait for the end of.
static void leave_everything(int lifeline, int done)
{
    int null = open("/dev/null", O_RDWR);

    setsid();
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    for (int i = 0; i < 3; i++)
        dup2(null, i);
    for (int fd = 3; fd < 1024; fd++)
        if (fd != lifeline && fd != done)
            close(fd);
}

// Paths come in lines, each in one piece.
static void guard(int end)
{
    static char paths[FOLDERS][80];
    FILE *in = fdopen(end, "r");
    size_t count = 0;

    while (in && count < FOLDERS && fgets(paths[count], sizeof paths[count], in)) {
        paths[count][strcspn(paths[count], "\n")] = '\0';
        count++;
    }
    while (count > 0)
        folder_remove(paths[--count]);
}

static void release(void)
{
    char byte;

    if (guardian.of != getpid())
        return;
    close(guardian.lifeline);
    while (read(guardian.done, &byte, 1) < 0 && errno == EINTR)
        continue;
}

// Not a child of ours, which a test may count or kill.
static void start_guardian(void)
{
    int lifeline[2], done[2];
    pid_t between;

    must(pipe2(lifeline, O_CLOEXEC) == 0 && pipe2(done, O_CLOEXEC) == 0, "pipe");
    between = fork();
    must(between >= 0, "fork");
    if (between == 0) {
        if (fork() == 0) {
            leave_everything(lifeline[0], done[1]);
            guard(lifeline[0]);
        }
        _exit(0);
    }
    waitpid(between, NULL, 0);
    close(lifeline[0]);
    close(done[1]);
    guardian.of = getpid();
    guardian.lifeline = lifeline[1];
    guardian.done = done[0];
    atexit(release);
}

void folder_make(char *out, size_t size, const char *name)
{
    static size_t made;
    char line[80];
    int n;

    if (guardian.of != getpid())
        start_guardian();
    must(made++ < FOLDERS, "too many folders");
    snprintf(out, size, "/tmp/orrery-%s-XXXXXX", name);
    must(mkdtemp(out) != NULL, out);
    n = snprintf(line, sizeof line, "%s\n", out);
    must(write(guardian.lifeline, line, (size_t)n) == n, "write");
}
