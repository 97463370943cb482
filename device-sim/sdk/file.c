// SPDX-License-Identifier: Apache-2.0

#include "sdk/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/auto.h"

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static enum rc fail_errno(struct fault *f, const char *what, const char *path)
{
    enum rc rc = errno == ENOENT ? RC_NOT_FOUND : RC_UNAVAILABLE;

    return fail(f, rc, "cannot %s '%.120s': %s", what, path, strerror(errno));
}

enum rc file_read(const char *path, size_t max, char **out, size_t *len, struct fault *f)
{
    auto_with(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    auto_free char *text = malloc(max + 1);
    size_t have = 0;

    if (fd < 0)
        return fail_errno(f, "read", path);
    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    for (ssize_t n = 1; n != 0; have += (size_t)n) {
        n = read(fd, text + have, max + 1 - have);
        if (n < 0)
            return fail_errno(f, "read", path);
        if (have + (size_t)n > max)
            return fail(f, RC_INVALID, "'%.120s' is longer than %zu bytes", path, max);
    }
    text[have] = 0;
    if (len)
        *len = have;
    *out = take(&text);
    return RC_OK;
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static enum rc sync_folder_of(const char *path, struct fault *f)
{
    auto_free char *copy = strdup(path);
    const char *folder = copy ? dirname(copy) : ".";
    auto_with(close_fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd))
        return fail_errno(f, "sync the folder of", path);
    return RC_OK;
}

enum rc file_replace(const char *path, const void *data, size_t len, struct fault *f)
{
    char beside[512];

    if ((size_t)snprintf(beside, sizeof beside, "%s.new", path) >= sizeof beside)
        return fail(f, RC_INVALID, "the path '%.60s…' is too long", path);
    auto_with(close_fd) int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || !write_all(fd, data, len) || fsync(fd) || rename(beside, path))
        return fail_errno(f, "write", path);
    return sync_folder_of(path, f);
}

enum rc file_read_number(const char *path, int64_t fallback, int64_t *out, struct fault *f)
{
    auto_free char *text = NULL;
    enum rc rc = file_read(path, 32, &text, NULL, f);
    char *end = NULL;

    if (rc == RC_NOT_FOUND) {
        *out = fallback;
        return RC_OK;
    }
    if (rc != RC_OK)
        return rc;
    long long n = strtoll(text, &end, 10);
    if (end == text || (*end && *end != '\n'))
        return fail(f, RC_INVALID, "'%.120s' holds no number", path);
    *out = n;
    return RC_OK;
}

enum rc file_write_number(const char *path, int64_t n, struct fault *f)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%" PRId64 "\n", n);

    return file_replace(path, text, (size_t)len, f);
}
