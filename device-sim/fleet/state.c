// SPDX-License-Identifier: Apache-2.0

#include "fleet/state.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/auto.h"

#define MAGIC       0x6f72727966743031u // "orryft01"
#define ISSUERS_MAX 8

_Static_assert(sizeof(struct state_record) == 2048, "records are 2 kB");

struct header {
    uint64_t magic;
    uint64_t seed;
    uint32_t count, record_size;
    int64_t time_ms;
    uint8_t reserved[2048 - 32];
};

struct issuer {
    uint8_t *der;
    uint32_t len;
    X509 *cert;
};

struct state {
    int fd;
    size_t size;
    struct header *header;
    struct state_record *records;
    struct issuer issuers[ISSUERS_MAX];
    size_t issuer_count;
};

static enum rc path_of(const char *dir, char *out, size_t size, struct fault *f)
{
    if ((size_t)snprintf(out, size, "%s/fleet.state", dir) >= size)
        return fail(f, RC_INVALID, "the path of --dir is too long");
    return RC_OK;
}

static enum rc open_locked(const char *path, int flags, int *out, struct fault *f)
{
    int fd = open(path, flags | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        return fail(f, errno == ENOENT ? RC_NOT_FOUND : RC_UNAVAILABLE, "cannot open '%.120s': %s",
                    path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        return fail(f, RC_CONFLICT, "another orrery-fleet is using '%.120s'", path);
    }
    *out = fd;
    return RC_OK;
}

static enum rc map(struct state *s, const char *path, struct fault *f)
{
    struct stat st;

    if (fstat(s->fd, &st) || (size_t)st.st_size < sizeof *s->header)
        return fail(f, RC_INVALID, "'%.120s' is not a fleet's state", path);
    s->size = (size_t)st.st_size;
    void *at = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
    if (at == MAP_FAILED)
        return fail(f, RC_UNAVAILABLE, "cannot map '%.120s': %s", path, strerror(errno));
    s->header = at;
    s->records = (struct state_record *)(s->header + 1);
    if (s->header->magic != MAGIC || s->header->record_size != sizeof *s->records ||
        s->header->count > (s->size - sizeof *s->header) / sizeof *s->records)
        return fail(f, RC_INVALID, "'%.120s' is not a fleet's state of this version", path);
    return RC_OK;
}

static enum rc open_state(const char *dir, int flags, struct state **out, struct fault *f)
{
    char path[400];
    struct state *s = calloc(1, sizeof *s);

    if (!s)
        return fail(f, RC_INTERNAL, "out of memory");
    s->fd = -1;
    enum rc rc = path_of(dir, path, sizeof path, f);
    if (rc == RC_OK)
        rc = open_locked(path, flags, &s->fd, f);
    if (rc == RC_OK)
        rc = map(s, path, f);
    if (rc != RC_OK) {
        state_close(s);
        return rc;
    }
    *out = s;
    return RC_OK;
}

enum rc state_open(const char *dir, struct state **out, struct fault *f)
{
    enum rc rc = open_state(dir, 0, out, f);

    if (rc == RC_NOT_FOUND)
        return fail(f, rc, "there is no fleet in '%.100s'; make one with orrery-fleet init", dir);
    return rc;
}

void state_close(struct state *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->issuer_count; i++) {
        free(s->issuers[i].der);
        X509_free(s->issuers[i].cert);
    }
    if (s->header)
        munmap(s->header, s->size);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

// ---------------------------------------------------------------- making one

static enum rc write_header(const char *dir, uint64_t seed, struct fault *f)
{
    struct header h = { .magic = MAGIC, .seed = seed, .record_size = sizeof(struct state_record) };
    char path[400];
    int fd = -1;

    if (mkdir(dir, 0700) && errno != EEXIST)
        return fail(f, RC_UNAVAILABLE, "cannot make the folder '%.120s': %s", dir, strerror(errno));
    enum rc rc = path_of(dir, path, sizeof path, f);
    if (rc == RC_OK)
        rc = open_locked(path, O_CREAT, &fd, f);
    if (rc != RC_OK)
        return rc;
    off_t size = lseek(fd, 0, SEEK_END);
    if (!size && pwrite(fd, &h, sizeof h, 0) != (ssize_t)sizeof h)
        rc = fail(f, RC_UNAVAILABLE, "cannot write '%.120s': %s", path, strerror(errno));
    close(fd);
    return rc;
}

// posix_fallocate, so that a full disk is an error now and not a SIGBUS later.
static enum rc make_room(struct state *s, uint32_t count, struct fault *f)
{
    size_t size = sizeof *s->header + (size_t)count * sizeof *s->records;
    int err = posix_fallocate(s->fd, 0, (off_t)size);

    if (err)
        return fail(f, RC_UNAVAILABLE, "no room for %u devices: %s", count, strerror(err));
    munmap(s->header, s->size);
    s->header = NULL;
    return map(s, "fleet.state", f);
}

enum rc state_init(const char *dir, uint32_t count, uint64_t seed, struct fault *f)
{
    struct state *s = NULL;
    enum rc rc = write_header(dir, seed, f);

    if (rc == RC_OK)
        rc = state_open(dir, &s, f);
    if (rc == RC_OK && s->header->count < count)
        rc = make_room(s, count, f);
    while (rc == RC_OK && s->header->count < count) {
        struct state_record *r = &s->records[s->header->count];
        *r = (struct state_record){ 0 };
        rc = p256_new(&r->factory, f);
        if (rc == RC_OK)
            s->header->count++;
    }
    if (rc == RC_OK && msync(s->header, s->size, MS_SYNC))
        rc = fail(f, RC_UNAVAILABLE, "cannot write the fleet's state: %s", strerror(errno));
    state_close(s);
    return rc;
}

// ---------------------------------------------------------------- using it

uint32_t state_count(const struct state *s)
{
    return s->header->count;
}

uint64_t state_seed(const struct state *s)
{
    return s->header->seed;
}

int64_t state_time(const struct state *s)
{
    return s->header->time_ms;
}

void state_set_time(struct state *s, int64_t ms)
{
    s->header->time_ms = ms;
}

struct state_record *state_record(struct state *s, uint32_t i)
{
    return &s->records[i];
}

enum rc state_boot(struct state *s, uint32_t count, struct fault *f)
{
    for (uint32_t i = 0; i < count; i++)
        s->records[i].boot++;
    if (msync(s->header, s->size, MS_SYNC))
        return fail(f, RC_UNAVAILABLE, "cannot write the fleet's state: %s", strerror(errno));
    return RC_OK;
}

static uint32_t sum_of(const struct state_record *r) // FNV-1a
{
    const uint8_t *from = (const uint8_t *)&r->key;
    uint32_t sum = 2166136261u;

    for (const uint8_t *p = from; p < (const uint8_t *)&r->sum; p++)
        sum = (sum ^ *p) * 16777619u;
    for (size_t i = 0; i < r->leaf_len + r->issuer_len; i++)
        sum = (sum ^ r->certs[i]) * 16777619u;
    return sum;
}

static uint32_t put_der(struct state_record *r, size_t at, X509 *cert)
{
    int len = cert ? i2d_X509(cert, NULL) : 0;
    uint8_t *to = r->certs + at;

    if (len <= 0 || (size_t)len > sizeof r->certs - at)
        return 0;
    return (uint32_t)i2d_X509(cert, &to);
}

void state_keep(struct state_record *r, const struct credential *c)
{
    r->kind = CREDENTIAL_NONE;
    if (!c || !p256_from_key(c->key, &r->key))
        return;
    r->leaf_len = put_der(r, 0, c->leaf);
    r->issuer_len = put_der(r, r->leaf_len, c->issuer);
    if (!r->leaf_len || (c->issuer && !r->issuer_len))
        return; // too long to keep: attests again
    r->not_after = c->not_after;
    r->renew_at = c->renew_at;
    r->kind = c->kind;
    r->sum = sum_of(r);
}

static X509 *issuer_of(struct state *s, const uint8_t *der, uint32_t len)
{
    const uint8_t *p = der;

    for (size_t i = 0; i < s->issuer_count; i++) {
        struct issuer *have = &s->issuers[i];
        if (have->len == len && !memcmp(have->der, der, len)) {
            X509_up_ref(have->cert);
            return have->cert;
        }
    }
    X509 *cert = d2i_X509(NULL, &p, (long)len);
    uint8_t *copy = cert && s->issuer_count < ISSUERS_MAX ? malloc(len) : NULL;
    if (copy) {
        memcpy(copy, der, len);
        X509_up_ref(cert);
        s->issuers[s->issuer_count++] = (struct issuer){ .der = copy, .len = len, .cert = cert };
    }
    return cert;
}

bool state_credential(struct state *s, const struct state_record *r, struct credential *out)
{
    const uint8_t *p = r->certs;

    if (r->kind == CREDENTIAL_NONE || r->leaf_len > sizeof r->certs ||
        r->issuer_len > sizeof r->certs - r->leaf_len || r->sum != sum_of(r))
        return false;
    *out = (struct credential){
        .kind = r->kind,
        .not_after = r->not_after,
        .renew_at = r->renew_at,
        .key = p256_key(&r->key),
        .leaf = d2i_X509(NULL, &p, (long)r->leaf_len),
        .issuer = r->issuer_len ? issuer_of(s, r->certs + r->leaf_len, r->issuer_len) : NULL,
    };
    if (out->key && out->leaf)
        return true;
    credential_done(out);
    return false;
}
