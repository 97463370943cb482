// SPDX-License-Identifier: Apache-2.0

#include "keeper/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/config.h"
#include "core/hex.h"

void passphrase_path(const struct config *c, char *path, size_t size)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");

    if (*c->keeper_passphrase) {
        snprintf(path, size, "%s", c->keeper_passphrase);
        return;
    }
    if (credentials) {
        snprintf(path, size, "%s/keeper-passphrase", credentials);
        if (access(path, R_OK) == 0)
            return;
    }
    snprintf(path, size, "%s/keeper-passphrase", c->dir);
}

enum rc passphrase_make(const char *path, struct fault *f)
{
    uint8_t random[32];
    char text[BASE64_SIZE(sizeof random) + 1];
    size_t len;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok;

    if (fd < 0)
        return errno == EEXIST
                   ? RC_OK
                   : fail(f, RC_UNAVAILABLE, "cannot make %.120s: %s", path, strerror(errno));
    ok = RAND_bytes(random, sizeof random) == 1;
    len = base64url_encode(random, sizeof random, text);
    text[len++] = '\n';
    ok = ok && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    close(fd);
    OPENSSL_cleanse(text, sizeof text);
    return ok ? RC_OK : fail(f, RC_UNAVAILABLE, "cannot write %.120s: %s", path, strerror(errno));
}
