// SPDX-License-Identifier: Apache-2.0

#include "blob/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blob_sql.h"
#include "core/auto.h"
#include "core/hex.h"
#include "store/arg.h"
#include "store/store.h"

#define PATH_SIZE 700
#define PART      ".part-" // backups pass over what begins with a dot

struct blob_part {
    int fd;
    int64_t length;
    EVP_MD_CTX *hash;
    char *folder;
    char path[PATH_SIZE]; // "" once it has its name
};

DEFINE_AUTO(struct blob_part *, blob_part_freep, blob_part_free)
DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static void closedirp(DIR **d)
{
    if (*d)
        closedir(*d);
}

// ---------------------------------------------------------------- writing one

static enum rc open_part(const char *folder, struct blob_part *p, struct fault *f)
{
    p->folder = strdup(folder);
    p->hash = EVP_MD_CTX_new();
    if (!p->folder || !p->hash || EVP_DigestInit_ex(p->hash, EVP_sha256(), NULL) != 1)
        return fail(f, RC_INTERNAL, "out of memory");
    snprintf(p->path, sizeof p->path, "%s/" PART "XXXXXX", folder);
    p->fd = mkostemp(p->path, O_CLOEXEC);
    if (p->fd >= 0)
        return RC_OK;
    *p->path = '\0';
    return fail(f, RC_UNAVAILABLE, "cannot write to the folder of blobs: %s", strerror(errno));
}

enum rc blob_begin(const char *folder, struct blob_part **out, struct fault *f)
{
    auto_with(blob_part_freep) struct blob_part *p = calloc(1, sizeof *p);
    enum rc rc;

    if (!p)
        return fail(f, RC_INTERNAL, "out of memory");
    p->fd = -1;
    rc = open_part(folder, p, f);
    if (rc == RC_OK)
        *out = take(&p);
    return rc;
}

void blob_part_free(struct blob_part *p)
{
    if (!p)
        return;
    if (p->fd >= 0)
        close(p->fd);
    if (*p->path)
        (void)unlink(p->path);
    EVP_MD_CTX_free(p->hash);
    free(p->folder);
    free(p);
}

enum rc blob_write(struct blob_part *p, const void *bytes, size_t len, struct fault *f)
{
    const uint8_t *at = bytes;

    if (EVP_DigestUpdate(p->hash, bytes, len) != 1)
        return fail(f, RC_INTERNAL, "SHA-256 fails");
    p->length += (int64_t)len;
    while (len > 0) {
        ssize_t n = write(p->fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(f, RC_UNAVAILABLE, "cannot write a blob: %s", strerror(errno));
        at += n;
        len -= (size_t)n;
    }
    return RC_OK;
}

int64_t blob_length(const struct blob_part *p)
{
    return p->length;
}

// ---------------------------------------------------------------- its name

static void path_of(const char *folder, const char *name, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%.2s/%s", folder, name, name);
}

static enum rc check_name(struct blob_part *p, const char *name, struct fault *f)
{
    uint8_t sum[32];
    char text[BLOB_NAME_LEN + 1];

    if (EVP_DigestFinal_ex(p->hash, sum, NULL) != 1)
        return fail(f, RC_INTERNAL, "SHA-256 fails");
    hex_encode(sum, sizeof sum, text);
    return strcmp(text, name) == 0
               ? RC_OK
               : fail(f, RC_INVALID, "its SHA-256 is %.16s…, not the one announced", text);
}

static bool sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return good;
}

// The row is locked by now: nobody removes the file that is put in place.
static enum rc put_in_place(struct blob_part *p, const char *name, struct fault *f)
{
    char under[PATH_SIZE], path[PATH_SIZE];

    snprintf(under, sizeof under, "%s/%.2s", p->folder, name);
    path_of(p->folder, name, path);
    if ((mkdir(under, 0700) < 0 && errno != EEXIST) || fsync(p->fd) < 0 ||
        rename(p->path, path) < 0 || !sync_folder(under) || !sync_folder(p->folder))
        return fail(f, RC_UNAVAILABLE, "cannot keep a blob: %s", strerror(errno));
    *p->path = '\0';
    return RC_OK;
}

enum rc blob_keep(struct blob_part *p, struct store *tx, const char *name, struct fault *f)
{
    const char *args[] = { name, ARG_INT(p->length) };
    enum rc rc = check_name(p, name, f);

    if (rc == RC_OK)
        rc = store_run(tx, &Q_BLOB_HOLD, args, NULL, f);
    return rc == RC_OK ? put_in_place(p, name, f) : rc;
}

// ---------------------------------------------------------------- reading, removing

enum rc blob_open(const char *folder, const char *name, int *fd, struct fault *f)
{
    char path[PATH_SIZE];

    path_of(folder, name, path);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd >= 0)
        return RC_OK;
    return errno == ENOENT ? fail(f, RC_NOT_FOUND, "its file is not in the folder of blobs")
                           : fail(f, RC_UNAVAILABLE, "cannot read a blob: %s", strerror(errno));
}

// Two statements: what was committed while the lock was waited for must be seen.
enum rc blob_release(struct store *tx, const char *folder, const char *name, struct fault *f)
{
    auto_with(rows_freep) struct rows *gone = NULL;
    const char *args[] = { name };
    char path[PATH_SIZE];
    enum rc rc = store_run(tx, &Q_BLOB_LOCK, args, NULL, f);

    if (rc == RC_OK)
        rc = store_run(tx, &Q_BLOB_DROP, args, &gone, f);
    if (rc != RC_OK || rows_count(gone) == 0)
        return rc;
    path_of(folder, name, path);
    if (unlink(path) < 0 && errno != ENOENT)
        return fail(f, RC_UNAVAILABLE, "cannot remove a blob: %s", strerror(errno));
    return RC_OK;
}

void blob_tidy(const char *folder)
{
    auto_with(closedirp) DIR *d = opendir(folder);

    for (struct dirent *e; d && (e = readdir(d));)
        if (!strncmp(e->d_name, PART, strlen(PART)))
            (void)unlinkat(dirfd(d), e->d_name, 0);
}
