// SPDX-License-Identifier: Apache-2.0

#include "support/binary.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define LINE 2000

const char *binary_folder(void)
{
    static char folder[PATH_MAX];
    ssize_t n;

    if (*folder)
        return folder;
    n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    assert_true(n > 0);
    folder[n] = '\0';
    for (int i = 0; i < 3; i++) {
        char *slash = strrchr(folder, '/');

        assert_non_null(slash);
        *slash = '\0';
    }
    return folder;
}

static void put_line(char line[LINE], const char *format, va_list args, const char *end)
{
    int n = snprintf(line, LINE, "exec %s/", binary_folder());

    n += vsnprintf(line + n, LINE - (size_t)n, format, args);
    assert_true(n < LINE);
    n += snprintf(line + n, LINE - (size_t)n, "%s", end);
    assert_true(n < LINE);
}

int binary_run(char *out, size_t size, const char *format, ...)
{
    char line[LINE];
    va_list args;

    va_start(args, format);
    put_line(line, format, args, " 2>&1");
    va_end(args);
    FILE *p = popen(line, "r");
    assert_non_null(p);
    size_t n = fread(out, 1, size - 1, p);
    out[n] = '\0';
    return WEXITSTATUS(pclose(p));
}

pid_t binary_start(const char *format, ...)
{
    char line[LINE];
    va_list args;
    pid_t pid;

    va_start(args, format);
    put_line(line, format, args, "");
    va_end(args);
    pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

int binary_stop(pid_t pid, int sig)
{
    int status = 0;

    kill(pid, sig);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
