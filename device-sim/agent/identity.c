// SPDX-License-Identifier: Apache-2.0

#include "agent/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/auto.h"
#include "sdk/file.h"

DEFINE_AUTO(BIO *, free_bio, BIO_free_all)

void identity_path(const char *dir, const char *name, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%s", dir, name);
}

void identity_standard_folder(char out[PATH_SIZE])
{
    const char *given = getenv("STATE_DIRECTORY"), *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");

    if (given && *given)
        snprintf(out, PATH_SIZE, "%s", given);
    else if (geteuid() == 0 || !home)
        snprintf(out, PATH_SIZE, "/var/lib/orrery-device");
    else if (state && *state)
        snprintf(out, PATH_SIZE, "%s/orrery-device", state);
    else
        snprintf(out, PATH_SIZE, "%s/.local/state/orrery-device", home);
}

// What goes wrong here goes wrong again for the folder itself, and is told there.
static void make_parents(const char *dir)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s", dir);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
}

enum rc identity_folder(const char *dir, struct fault *f)
{
    if (strlen(dir) > PATH_SIZE - 32)
        return fail(f, RC_INVALID, "the path of --dir is longer than %d bytes", PATH_SIZE - 32);
    make_parents(dir);
    if (mkdir(dir, 0700) && errno != EEXIST)
        return fail(f, RC_UNAVAILABLE, "cannot make the folder '%.120s': %s", dir, strerror(errno));
    if (access(dir, R_OK | W_OK | X_OK))
        return fail(f, RC_UNAVAILABLE,
                    "the folder '%.100s' cannot be written (%s); give another one with --dir", dir,
                    strerror(errno));
    return RC_OK;
}

static enum rc save_key(const char *path, const struct p256 *k, struct fault *f)
{
    auto_key EVP_PKEY *key = p256_key(k);
    auto_with(free_bio) BIO *to = BIO_new(BIO_s_secmem());
    char *text = NULL;

    if (!key || !to || !PEM_write_bio_PrivateKey(to, key, NULL, NULL, 0, NULL, NULL))
        return fail(f, RC_INTERNAL, "OpenSSL cannot write the factory key");
    long len = BIO_get_mem_data(to, &text);
    return file_replace(path, text, (size_t)len, f);
}

enum rc identity_load(const char *dir, struct p256 *out, struct fault *f)
{
    char path[PATH_SIZE];
    auto_free char *text = NULL;

    identity_path(dir, "identity.key", path);
    enum rc rc = file_read(path, 4096, &text, NULL, f);
    if (rc == RC_NOT_FOUND) {
        rc = p256_new(out, f);
        return rc == RC_OK ? save_key(path, out, f) : rc;
    }
    if (rc != RC_OK)
        return rc;
    auto_with(free_bio) BIO *in = BIO_new_mem_buf(text, -1);
    auto_key EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
    OPENSSL_cleanse(text, strlen(text));
    if (!key || !p256_from_key(key, out))
        return fail(f, RC_INVALID, "'%.120s' holds no P-256 key", path);
    return RC_OK;
}

enum rc identity_lock(const char *dir, struct fault *f)
{
    char path[PATH_SIZE];

    identity_path(dir, "lock", path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(f, RC_UNAVAILABLE, "cannot write '%.120s': %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        return fail(f, RC_CONFLICT, "another orrery-device is using '%.120s'", dir);
    }
    return RC_OK;
}

enum rc identity_next_boot(const char *dir, int64_t *out, struct fault *f)
{
    char path[PATH_SIZE];
    int64_t boot;

    identity_path(dir, "boot", path);
    enum rc rc = file_read_number(path, 0, &boot, f);
    if (rc != RC_OK)
        return rc;
    rc = file_write_number(path, boot + 1, f);
    if (rc == RC_OK)
        *out = boot + 1;
    return rc;
}
