// SPDX-License-Identifier: Apache-2.0

#include "keeper/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/auto.h"

#define FILE_MAX_BYTES 8192
#define PASSPHRASE_MAX 256
#define PASSPHRASE_MIN 16

// scrypt costs of RFC 7914 2: 16 MiB, some 40 ms a key.
#define SCRYPT_N 16384
#define SCRYPT_R 8
#define SCRYPT_P 1

DEFINE_AUTO(BIO *, bio_freep, BIO_free_all)
DEFINE_AUTO(X509_SIG *, sig_freep, X509_SIG_free)
DEFINE_AUTO(PKCS8_PRIV_KEY_INFO *, info_freep, PKCS8_PRIV_KEY_INFO_free)
DEFINE_AUTO(struct vault *, vault_closep, vault_close)

struct vault {
    int fd;
    char *dir;
    char passphrase[PASSPHRASE_MAX];
    int passphrase_len;
};

static void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static enum rc read_passphrase(struct vault *v, const char *path, struct fault *f)
{
    auto_with(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(f, RC_INVALID, "cannot read the keeper's passphrase file %.100s: %s", path,
                    strerror(errno));
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return fail(f, RC_DENIED, "others can read %.100s: chmod 600 it", path);
    n = read(fd, v->passphrase, sizeof v->passphrase);
    while (n > 0 && (v->passphrase[n - 1] == '\n' || v->passphrase[n - 1] == '\r'))
        n--;
    if (n < PASSPHRASE_MIN || n == sizeof v->passphrase)
        return fail(f, RC_INVALID, "%.100s must hold %d to %d characters", path, PASSPHRASE_MIN,
                    PASSPHRASE_MAX - 1);
    v->passphrase_len = (int)n;
    return RC_OK;
}

static enum rc open_folder(struct vault *v, const char *dir, struct fault *f)
{
    struct stat st;

    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return fail(f, RC_UNAVAILABLE, "cannot make %.100s: %s", dir, strerror(errno));
    v->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (v->fd < 0 || fstat(v->fd, &st) < 0)
        return fail(f, RC_UNAVAILABLE, "cannot open %.100s: %s", dir, strerror(errno));
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return fail(f, RC_DENIED, "others can read the key folder %.100s: chmod 700 it", dir);
    return RC_OK;
}

enum rc vault_open(const char *dir, const char *passphrase_file, struct vault **out,
                   struct fault *f)
{
    auto_with(vault_closep) struct vault *v = calloc(1, sizeof *v);
    enum rc rc;

    if (!v)
        return fail(f, RC_INTERNAL, "out of memory");
    v->fd = -1;
    v->dir = strdup(dir);
    rc = v->dir ? open_folder(v, dir, f) : RC_INTERNAL;
    if (rc == RC_OK)
        rc = read_passphrase(v, passphrase_file, f);
    if (rc == RC_OK)
        *out = take(&v);
    return rc;
}

void vault_close(struct vault *v)
{
    if (!v)
        return;
    fd_close(&v->fd);
    OPENSSL_cleanse(v->passphrase, sizeof v->passphrase);
    free(v->dir);
    free(v);
}

int vault_fd(const struct vault *v)
{
    return v->fd;
}

static bool file_name(const char *name, const char *suffix, char out[100])
{
    int n = snprintf(out, 100, "%s.%s", name, suffix);

    return n > 0 && n < 100;
}

bool vault_has(const struct vault *v, const char *name, const char *suffix)
{
    char file[100];

    return file_name(name, suffix, file) && faccessat(v->fd, file, F_OK, 0) == 0;
}

enum rc vault_make_key(EVP_PKEY **out, struct fault *f)
{
    *out = EVP_EC_gen("P-256");
    return *out ? RC_OK : fail(f, RC_INTERNAL, "could not make a key");
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return true;
}

static enum rc write_file(struct vault *v, const char *name, const char *suffix, BIO *content,
                          struct fault *f)
{
    char file[100], temporary[110], *bytes;
    long len = BIO_get_mem_data(content, &bytes);
    auto_with(fd_close) int fd = -1;

    if (!file_name(name, suffix, file))
        return fail(f, RC_INTERNAL, "key name '%.60s' is too long", name);
    snprintf(temporary, sizeof temporary, "%s.new", file);
    fd = openat(v->fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || !write_all(fd, bytes, (size_t)len) || fsync(fd) < 0 ||
        renameat(v->fd, temporary, v->fd, file) < 0 || fsync(v->fd) < 0)
        return fail(f, RC_UNAVAILABLE, "cannot write %.60s/%.60s: %s", v->dir, file,
                    strerror(errno));
    return RC_OK;
}

static X509_SIG *encrypt(const struct vault *v, EVP_PKEY *key)
{
    auto_with(info_freep) PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    X509_ALGOR *how =
        PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, SCRYPT_N, SCRYPT_R, SCRYPT_P);
    X509_SIG *sig =
        info && how ? PKCS8_set0_pbe(v->passphrase, v->passphrase_len, info, how) : NULL;

    if (!sig)
        X509_ALGOR_free(how);
    return sig;
}

enum rc vault_put(struct vault *v, const char *name, EVP_PKEY *key, X509 *cert, struct fault *f)
{
    auto_with(sig_freep) X509_SIG *sig = encrypt(v, key);
    auto_with(bio_freep) BIO *key_text = BIO_new(BIO_s_mem());
    auto_with(bio_freep) BIO *cert_text = BIO_new(BIO_s_mem());
    enum rc rc;

    if (!sig || !key_text || !cert_text || !PEM_write_bio_PKCS8(key_text, sig) ||
        (cert && !PEM_write_bio_X509(cert_text, cert)))
        return fail(f, RC_INTERNAL, "could not encrypt the key '%.60s'", name);
    // The key first: a certificate without its key could not be told from an offline root.
    rc = write_file(v, name, "key", key_text, f);
    return rc == RC_OK && cert ? write_file(v, name, "crt", cert_text, f) : rc;
}

static enum rc read_file(struct vault *v, const char *name, const char *suffix, BIO **out,
                         struct fault *f)
{
    char file[100], bytes[FILE_MAX_BYTES];
    auto_with(fd_close) int fd = -1;
    ssize_t n;

    if (!file_name(name, suffix, file))
        return fail(f, RC_INTERNAL, "key name '%.60s' is too long", name);
    fd = openat(v->fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail(f, errno == ENOENT ? RC_NOT_FOUND : RC_UNAVAILABLE,
                    "cannot open %.60s/%.60s: %s", v->dir, file, strerror(errno));
    n = read(fd, bytes, sizeof bytes);
    if (n <= 0 || n == sizeof bytes)
        return fail(f, RC_INVALID, "%.60s/%.60s is empty or too long", v->dir, file);
    *out = BIO_new(BIO_s_mem());
    if (!*out || BIO_write(*out, bytes, (int)n) != n)
        return fail(f, RC_INTERNAL, "out of memory");
    OPENSSL_cleanse(bytes, sizeof bytes);
    return RC_OK;
}

enum rc vault_get_key(struct vault *v, const char *name, EVP_PKEY **out, struct fault *f)
{
    auto_with(bio_freep) BIO *text = NULL;
    auto_with(sig_freep) X509_SIG *sig = NULL;
    auto_with(info_freep) PKCS8_PRIV_KEY_INFO *info = NULL;
    EVP_PKEY *key;
    enum rc rc = read_file(v, name, "key", &text, f);

    if (rc != RC_OK)
        return rc;
    sig = PEM_read_bio_PKCS8(text, NULL, NULL, NULL);
    if (!sig)
        return fail(f, RC_INVALID, "%.60s/%.60s.key is not an encrypted PKCS#8 file", v->dir, name);
    info = PKCS8_decrypt(sig, v->passphrase, v->passphrase_len);
    key = info ? EVP_PKCS82PKEY(info) : NULL;
    if (!key)
        return fail(f, RC_DENIED, "the passphrase does not open %.60s/%.60s.key", v->dir, name);
    *out = key;
    return RC_OK;
}

enum rc vault_get_cert(struct vault *v, const char *name, X509 **out, struct fault *f)
{
    auto_with(bio_freep) BIO *text = NULL;
    enum rc rc = read_file(v, name, "crt", &text, f);
    X509 *cert;

    if (rc != RC_OK)
        return rc;
    cert = PEM_read_bio_X509(text, NULL, NULL, NULL);
    if (!cert)
        return fail(f, RC_INVALID, "%.60s/%.60s.crt is not a PEM certificate", v->dir, name);
    *out = cert;
    return RC_OK;
}
