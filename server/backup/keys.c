// SPDX-License-Identifier: Apache-2.0

#include "backup/keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/tape.h"
#include "core/auto.h"

#define FILE_MAX 65536
#define TRIES    20
#define PAUSE_US 50000

struct file {
    char name[256];
    char *bytes;
    size_t len;
};

struct files {
    struct file *list;
    size_t count;
};

static void files_done(struct files *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->list[i].bytes);
    free(s->list);
    *s = (struct files){ 0 };
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), n = strlen(end);

    return len > n && !strcmp(name + len - n, end);
}

static int is_key(const struct dirent *e)
{
    return ends_with(e->d_name, ".key") || ends_with(e->d_name, ".crt");
}

static int is_log(const struct dirent *e)
{
    return !strncmp(e->d_name, "issued-", strlen("issued-")) && ends_with(e->d_name, ".log");
}

static enum rc unreadable(const char *name, struct fault *f)
{
    return fail(f, RC_UNAVAILABLE, "cannot read pki/keeper/%.100s: %s", name, strerror(errno));
}

static enum rc read_file(int folder, struct file *out, struct fault *f)
{
    auto_with(close_fd) int fd = openat(folder, out->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n;

    out->bytes = malloc(FILE_MAX);
    if (!out->bytes)
        return fail(f, RC_INTERNAL, "out of memory");
    n = fd < 0 ? -1 : read(fd, out->bytes, FILE_MAX);
    if (n < 0)
        return unreadable(out->name, f);
    if (n == FILE_MAX)
        return fail(f, RC_INVALID, "pki/keeper/%.100s is too long for a key", out->name);
    out->len = (size_t)n;
    return RC_OK;
}

// What the folder holds, by name; the caller frees list and names.
static enum rc list_names(int folder, int (*wanted)(const struct dirent *), struct dirent ***out,
                          size_t *count, struct fault *f)
{
    int n = scandirat(folder, ".", out, wanted, alphasort);

    *count = n > 0 ? (size_t)n : 0;
    return n >= 0 ? RC_OK : unreadable("", f);
}

static void names_free(struct dirent **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static enum rc read_keys(int folder, struct files *out, struct fault *f)
{
    struct dirent **names = NULL;
    size_t count = 0;
    enum rc rc = list_names(folder, is_key, &names, &count, f);

    if (rc != RC_OK)
        return rc;
    out->list = calloc(count + 1, sizeof *out->list);
    if (!out->list)
        rc = fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        struct file *file = &out->list[out->count++];

        snprintf(file->name, sizeof file->name, "%s", names[i]->d_name);
        rc = read_file(folder, file, f);
    }
    names_free(names, count);
    return rc;
}

static bool same(const struct files *a, const struct files *b)
{
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++)
        same = !strcmp(a->list[i].name, b->list[i].name) && a->list[i].len == b->list[i].len &&
               !memcmp(a->list[i].bytes, b->list[i].bytes, a->list[i].len);
    return same;
}

// Until two readings agree.
static enum rc read_steady(int folder, struct files *out, struct fault *f)
{
    enum rc rc = read_keys(folder, out, f);

    for (int i = 0; rc == RC_OK && i < TRIES; i++) {
        struct files again = { 0 };
        bool steady;

        rc = read_keys(folder, &again, f);
        steady = rc == RC_OK && same(out, &again);
        files_done(out);
        *out = again;
        if (rc != RC_OK || steady)
            return rc;
        usleep(PAUSE_US);
    }
    return rc == RC_OK ? fail(f, RC_UNAVAILABLE, "the keeper's keys change all the time") : rc;
}

static enum rc put_keys(int folder, struct tape *t, struct fault *f)
{
    auto_with(files_done) struct files keys = { 0 };
    enum rc rc = read_steady(folder, &keys, f);

    if (rc == RC_OK && keys.count == 0)
        return fail(f, RC_NOT_FOUND, "pki/keeper holds no keys");
    for (size_t i = 0; rc == RC_OK && i < keys.count; i++) {
        char path[300];

        snprintf(path, sizeof path, "keeper/%s", keys.list[i].name);
        rc = tape_put(t, path, keys.list[i].bytes, keys.list[i].len, f);
    }
    return rc;
}

// Up to the end of the last whole line.
static int64_t whole_lines(int fd)
{
    char tail[1024];
    struct stat st;
    int64_t from;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return 0;
    from = st.st_size > (off_t)sizeof tail ? st.st_size - (off_t)sizeof tail : 0;
    n = pread(fd, tail, (size_t)(st.st_size - from), from);
    while (n > 0 && tail[n - 1] != '\n')
        n--;
    return n > 0 ? from + n : 0;
}

static enum rc put_log(int folder, const char *name, struct tape *t, struct fault *f)
{
    auto_with(close_fd) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char path[300];

    if (fd < 0)
        return unreadable(name, f);
    snprintf(path, sizeof path, "keeper/%s", name);
    return tape_put_file(t, path, fd, whole_lines(fd), f);
}

static enum rc put_logs(int folder, struct tape *t, struct fault *f)
{
    struct dirent **names = NULL;
    size_t count = 0;
    enum rc rc = list_names(folder, is_log, &names, &count, f);

    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = put_log(folder, names[i]->d_name, t, f);
    names_free(names, count);
    return rc;
}

enum rc keys_write(const char *folder, struct tape *t, struct fault *f)
{
    auto_with(close_fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum rc rc = fd >= 0 ? put_keys(fd, t, f) : unreadable("", f);

    return rc == RC_OK ? put_logs(fd, t, f) : rc;
}
