// SPDX-License-Identifier: Apache-2.0

#include "app/server_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/config.h"
#include "keeper/keeper.h"

#define RENEW_BEFORE_S (30LL * 24 * 3600)
#define NAMES_MAX      16
#define CSR_MAX        4096
#define FILE_MAX_BYTES (64 * 1024)

DEFINE_AUTO(EVP_PKEY *, pkey_freep, EVP_PKEY_free)
DEFINE_AUTO(X509 *, x509_freep, X509_free)
DEFINE_AUTO(X509_REQ *, req_freep, X509_REQ_free)
DEFINE_AUTO(BIO *, bio_freep, BIO_free_all)

static void path_of(const struct config *c, const char *name, char out[600])
{
    snprintf(out, 600, "%s/pki/%s", c->dir, name);
}

static enum rc write_file(const struct config *c, const char *name, const char *text, mode_t mode,
                          struct fault *f)
{
    char path[600], temporary[610];
    size_t len = strlen(text);
    int fd;
    bool ok;

    path_of(c, name, path);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return fail(f, RC_UNAVAILABLE, "cannot write %.120s: %s", temporary, strerror(errno));
    // Whatever the umask says.
    ok = fchmod(fd, mode) == 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    close(fd);
    if (!ok || rename(temporary, path) < 0)
        return fail(f, RC_UNAVAILABLE, "cannot write %.120s: %s", path, strerror(errno));
    return RC_OK;
}

// NULL when there is no such file.
static char *read_file(const struct config *c, const char *name)
{
    char path[600];
    auto_free char *text = calloc(1, FILE_MAX_BYTES);
    FILE *file;
    size_t n;

    path_of(c, name, path);
    file = text ? fopen(path, "re") : NULL;
    if (!file)
        return NULL;
    n = fread(text, 1, FILE_MAX_BYTES - 1, file);
    (void)fclose(file);
    return n > 0 ? take(&text) : NULL;
}

static char *text_of(BIO *bio)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);

    return len > 0 ? strndup(bytes, (size_t)len) : NULL;
}

static EVP_PKEY *key_from(const char *pem)
{
    auto_with(bio_freep) BIO *text = pem ? BIO_new_mem_buf(pem, -1) : NULL;

    return text ? PEM_read_bio_PrivateKey(text, NULL, NULL, NULL) : NULL;
}

static enum rc make_key(const struct config *c, char **out, struct fault *f)
{
    auto_with(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    auto_with(bio_freep) BIO *text = BIO_new(BIO_s_mem());

    if (!key || !text || !PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL))
        return fail(f, RC_INTERNAL, "could not make the server's key");
    *out = text_of(text);
    return *out ? write_file(c, "server.key", *out, 0600, f) : RC_INTERNAL;
}

// Splits "a,b" in place; names point into list.
static size_t split_names(char *list, const char *names[NAMES_MAX])
{
    size_t count = 0;
    char *rest = list, *name;

    while ((name = strsep(&rest, ", ")) && count < NAMES_MAX)
        if (*name)
            names[count++] = name;
    return count;
}

static bool has_name(X509 *cert, const char *name)
{
    return X509_check_host(cert, name, 0, 0, NULL) == 1 || X509_check_ip_asc(cert, name, 0) == 1;
}

// Is what is on disk still right: the same key, all names, enough days left?
static bool still_good(const char *pem, EVP_PKEY *key, const char *const *names, size_t count)
{
    auto_with(bio_freep) BIO *text = BIO_new_mem_buf(pem, -1);
    auto_with(x509_freep) X509 *cert = text ? PEM_read_bio_X509(text, NULL, NULL, NULL) : NULL;
    time_t soon = (time_t)(clock_now_ms() / 1000 + RENEW_BEFORE_S);

    if (!cert || X509_check_private_key(cert, key) != 1 ||
        X509_cmp_time(X509_get0_notAfter(cert), &soon) <= 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!has_name(cert, names[i]))
            return false;
    return true;
}

static enum rc certify(struct keeper *k, EVP_PKEY *key, const char *const *names, size_t count,
                       char **out, struct fault *f)
{
    auto_with(req_freep) X509_REQ *req = X509_REQ_new();
    unsigned char der[CSR_MAX], *at = der;
    int len = -1;

    if (req && X509_REQ_set_pubkey(req, key) && X509_REQ_sign(req, key, EVP_sha256()) > 0 &&
        i2d_X509_REQ(req, NULL) <= CSR_MAX)
        len = i2d_X509_REQ(req, &at);
    if (len <= 0)
        return fail(f, RC_INTERNAL, "could not make the server's certificate request");
    return keeper_server_cert(k, der, (size_t)len, names, count, out, f);
}

static enum rc load_pair(const struct config *c, struct keeper *k, struct server_tls *t,
                         bool *renewed, struct fault *f)
{
    const char *names[NAMES_MAX];
    auto_free char *list = strdup(c->edge_names);
    size_t count = list ? split_names(list, names) : 0;
    auto_with(pkey_freep) EVP_PKEY *key = NULL;
    enum rc rc;

    t->key = read_file(c, "server.key");
    rc = t->key ? RC_OK : make_key(c, &t->key, f);
    if (rc != RC_OK)
        return rc;
    key = key_from(t->key);
    if (!key)
        return fail(f, RC_INVALID,
                    "%.100s/pki/server.key is not a private key; remove it to have "
                    "a new one made",
                    c->dir);
    t->cert = read_file(c, "server.pem");
    if (t->cert && still_good(t->cert, key, names, count))
        return RC_OK;
    free(t->cert);
    t->cert = NULL;
    rc = certify(k, key, names, count, &t->cert, f);
    if (rc == RC_OK)
        rc = write_file(c, "server.pem", t->cert, 0644, f);
    if (rc == RC_OK && renewed)
        *renewed = true;
    return rc;
}

enum rc server_tls_load(const struct config *c, struct keeper *k, struct server_tls *out,
                        bool *renewed, struct fault *f)
{
    struct server_tls t = { 0 };
    enum rc rc = load_pair(c, k, &t, renewed, f);

    if (rc == RC_OK)
        rc = keeper_ca(k, CA_SERVER_ROOT, NULL, &t.server_ca, f);
    if (rc == RC_OK)
        rc = keeper_ca(k, CA_DEVICE_ROOT, NULL, &t.device_root, f);
    if (rc == RC_OK)
        rc = write_file(c, "server-ca.pem", t.server_ca, 0644, f);
    if (rc == RC_OK && asprintf(&t.chain, "%s%s", t.cert, t.server_ca) < 0)
        rc = fail(f, RC_INTERNAL, "out of memory");
    if (rc == RC_OK)
        *out = t;
    else
        server_tls_done(&t);
    return rc;
}

void server_tls_done(struct server_tls *t)
{
    free(t->key);
    free(t->cert);
    free(t->chain);
    free(t->server_ca);
    free(t->device_root);
    *t = (struct server_tls){ 0 };
}
