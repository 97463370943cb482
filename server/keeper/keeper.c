// SPDX-License-Identifier: Apache-2.0
//
// The server's side: starts the keeper's process and asks it.

#include "keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "keeper/wire.h"

#define ANSWER_MS 15000 // a new catalog takes scrypt too
#define START_MS  60000 // scrypt for each key, on a busy machine
#define RETRY_MS  1000  // between starts of a keeper that keeps dying
#define TEXT_MAX  16384

extern char **environ;

struct keeper {
    char *dir, *passphrase_file, *exe;
    pthread_mutex_t lock; // one question at a time; also guards all below
    int fd;
    pid_t pid;
    uint32_t id;
    int64_t started_at;
    struct wire out, in;
};

DEFINE_AUTO(struct keeper *, keeper_stopp, keeper_stop)

static void unlock(pthread_mutex_t **lock)
{
    pthread_mutex_unlock(*lock);
}

static void reap(struct keeper *k)
{
    if (k->fd >= 0)
        close(k->fd);
    k->fd = -1;
    if (k->pid > 0) {
        kill(k->pid, SIGKILL);
        while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    k->pid = 0;
}

// SIG_DFL and an empty mask for the child, its end of the socket as KEEPER_FD, all else closed by
// it.
static int spawn(struct keeper *k, int child_fd)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    char *const argv[] = { k->exe, (char[]){ "keeper" }, k->dir, k->passphrase_file, NULL };
    int error;

    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, child_fd, KEEPER_FD);
    error = posix_spawn(&k->pid, k->exe, &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    return error;
}

// The keeper's first message says whether it is ready.
static enum rc await_ready(struct keeper *k, struct fault *f)
{
    char text[200];
    enum rc rc;

    if (wire_receive(k->fd, &k->in, START_MS) != 1)
        return fail(f, RC_UNAVAILABLE, "the keeper did not start; its lines above say why");
    rc = (enum rc)wire_get_u32(&k->in);
    wire_get_u32(&k->in);
    wire_get_text(&k->in, text, sizeof text);
    if (!wire_ok(&k->in))
        return fail(f, RC_INTERNAL, "the keeper's greeting is malformed");
    return rc == RC_OK ? RC_OK : fail(f, rc, "%s", text);
}

static enum rc start(struct keeper *k, struct fault *f)
{
    int64_t now = clock_mono_ms();
    int fds[2], error;
    enum rc rc;

    if (k->started_at && now - k->started_at < RETRY_MS)
        return fail(f, RC_UNAVAILABLE, "the keeper is starting again");
    k->started_at = now;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return fail(f, RC_UNAVAILABLE, "no socket for the keeper: %s", strerror(errno));
    // dup2() onto itself would keep the close-on-exec flag.
    if (fds[1] == KEEPER_FD)
        fcntl(fds[1], F_SETFD, 0);
    k->fd = fds[0];
    error = spawn(k, fds[1]);
    close(fds[1]);
    if (error) {
        k->pid = 0;
        reap(k);
        return fail(f, RC_UNAVAILABLE, "cannot start the keeper %.100s: %s", k->exe,
                    strerror(error));
    }
    rc = await_ready(k, f);
    if (rc != RC_OK)
        reap(k);
    return rc;
}

enum rc keeper_start(const struct keeper_options *o, struct keeper **out, struct fault *f)
{
    auto_with(keeper_stopp) struct keeper *k = calloc(1, sizeof *k);
    enum rc rc;

    if (!k)
        return fail(f, RC_INTERNAL, "out of memory");
    k->fd = -1;
    pthread_mutex_init(&k->lock, NULL);
    k->dir = strdup(o->dir);
    k->passphrase_file = strdup(o->passphrase_file);
    k->exe = strdup(o->exe ? o->exe : "/proc/self/exe");
    if (!k->dir || !k->passphrase_file || !k->exe)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = start(k, f);
    if (rc == RC_OK)
        *out = take(&k);
    return rc;
}

void keeper_stop(struct keeper *k)
{
    if (!k)
        return;
    // An idle keeper has nothing to lose: each certificate was synced before it left.
    reap(k);
    pthread_mutex_destroy(&k->lock);
    free(k->dir);
    free(k->passphrase_file);
    free(k->exe);
    free(k);
}

// Skips the answers to questions whose askers gave up.
static int receive_mine(struct keeper *k, uint32_t id, uint32_t *rc)
{
    int64_t deadline = clock_mono_ms() + ANSWER_MS;
    int got;

    for (;;) {
        int64_t left = deadline - clock_mono_ms();

        got = wire_receive(k->fd, &k->in, left > 0 ? (int)left : 0);
        if (got != 1)
            return got;
        *rc = wire_get_u32(&k->in);
        if (wire_get_u32(&k->in) == id)
            return 1;
    }
}

// Sends k->out, leaves k->in at the answer's first field. Call with the lock held.
static enum rc ask(struct keeper *k, struct fault *f)
{
    char text[200];
    uint32_t rc;
    int got;

    if (k->out.bad)
        return fail(f, RC_LIMIT, "the request is too long for the keeper");
    got = wire_send(k->fd, &k->out) ? receive_mine(k, k->id, &rc) : 0;
    if (got == 0)
        reap(k);
    if (got != 1)
        return fail(f, RC_UNAVAILABLE, "the keeper did not answer");
    if (rc == RC_OK)
        return RC_OK;
    wire_get_text(&k->in, text, sizeof text);
    return fail(f, rc <= RC_INTERNAL ? (enum rc)rc : RC_INTERNAL, "%s", text);
}

// Takes the lock, makes sure that there is a keeper, starts a request.
static enum rc begin(struct keeper *k, enum keeper_op op, struct fault *f)
{
    enum rc rc = k->fd >= 0 ? RC_OK : start(k, f);

    wire_start(&k->out, op, ++k->id);
    return rc;
}

// The answer is one text.
static enum rc take_text(struct keeper *k, char **out, struct fault *f)
{
    size_t len;
    const uint8_t *text = wire_get_bytes(&k->in, TEXT_MAX, &len);

    if (!wire_ok(&k->in))
        return fail(f, RC_INTERNAL, "the keeper's answer is malformed");
    *out = strndup((const char *)text, len);
    return *out ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

#define LOCKED(k)                                                                                  \
    __attribute__((cleanup(unlock))) pthread_mutex_t *locked = &(k)->lock;                         \
    pthread_mutex_lock(locked)

bool keeper_is_alive(struct keeper *k)
{
    bool alive;

    // Somebody is being answered, or the answer's absence is being found out.
    if (pthread_mutex_trylock(&k->lock) != 0)
        return true;
    if (k->pid > 0 && waitpid(k->pid, NULL, WNOHANG) == k->pid) {
        k->pid = 0;
        reap(k);
    }
    alive = k->pid > 0;
    pthread_mutex_unlock(&k->lock);
    return alive;
}

enum rc keeper_check(struct keeper *k, struct fault *f)
{
    LOCKED(k);
    enum rc rc = begin(k, OP_STATUS, f);

    return rc == RC_OK ? ask(k, f) : rc;
}

enum rc keeper_catalog(struct keeper *k, const char *catalog, struct fault *f)
{
    LOCKED(k);
    enum rc rc = begin(k, OP_CATALOG, f);

    if (rc != RC_OK)
        return rc;
    wire_put_text(&k->out, catalog);
    return ask(k, f);
}

static enum rc take_certificate(struct keeper *k, struct certificate *out, struct fault *f)
{
    struct certificate c = { 0 };
    size_t len;
    const uint8_t *pem = wire_get_bytes(&k->in, TEXT_MAX, &len);

    wire_get_exact(&k->in, c.serial, sizeof c.serial);
    c.not_before = wire_get_i64(&k->in);
    c.not_after = wire_get_i64(&k->in);
    if (!wire_ok(&k->in))
        return fail(f, RC_INTERNAL, "the keeper's answer is malformed");
    c.pem = strndup((const char *)pem, len);
    if (!c.pem)
        return fail(f, RC_INTERNAL, "out of memory");
    *out = c;
    return RC_OK;
}

enum rc keeper_issue(struct keeper *k, const struct cert_request *q, struct certificate *out,
                     struct fault *f)
{
    LOCKED(k);
    enum rc rc = begin(k, OP_ISSUE, f);

    if (rc != RC_OK)
        return rc;
    wire_put_text(&k->out, q->catalog);
    wire_put_text(&k->out, q->device_id);
    wire_put_u32(&k->out, q->kind);
    wire_put_u32(&k->out, (uint32_t)q->lifetime_s);
    wire_put_exact(&k->out, q->evidence_sha256, sizeof q->evidence_sha256);
    wire_put_bytes(&k->out, q->csr, q->csr_len);
    rc = ask(k, f);
    return rc == RC_OK ? take_certificate(k, out, f) : rc;
}

void certificate_done(struct certificate *c)
{
    free(c->pem);
    *c = (struct certificate){ 0 };
}

enum rc keeper_ca(struct keeper *k, enum ca_name which, const char *catalog, char **out,
                  struct fault *f)
{
    LOCKED(k);
    enum rc rc = begin(k, OP_CA, f);

    if (rc != RC_OK)
        return rc;
    wire_put_u32(&k->out, which);
    wire_put_text(&k->out, catalog ? catalog : "");
    rc = ask(k, f);
    return rc == RC_OK ? take_text(k, out, f) : rc;
}

enum rc keeper_server_cert(struct keeper *k, const uint8_t *csr, size_t csr_len,
                           const char *const *names, size_t count, char **out, struct fault *f)
{
    LOCKED(k);
    enum rc rc = begin(k, OP_SERVER_CERT, f);

    if (rc != RC_OK)
        return rc;
    wire_put_u32(&k->out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        wire_put_text(&k->out, names[i]);
    wire_put_bytes(&k->out, csr, csr_len);
    rc = ask(k, f);
    return rc == RC_OK ? take_text(k, out, f) : rc;
}

enum rc keeper_time(struct keeper *k, char **out, struct fault *f)
{
    LOCKED(k);
    enum rc rc = begin(k, OP_TIME, f);

    if (rc == RC_OK)
        rc = ask(k, f);
    return rc == RC_OK ? take_text(k, out, f) : rc;
}

enum rc keeper_seal_audit(struct keeper *k, int32_t chain, int64_t seq, const uint8_t hash[32],
                          char **out, struct fault *f)
{
    LOCKED(k);
    enum rc rc = begin(k, OP_SEAL, f);

    if (rc != RC_OK)
        return rc;
    wire_put_u32(&k->out, (uint32_t)chain);
    wire_put_i64(&k->out, seq);
    wire_put_exact(&k->out, hash, 32);
    rc = ask(k, f);
    return rc == RC_OK ? take_text(k, out, f) : rc;
}

enum rc keeper_secret(struct keeper *k, const char *label, uint8_t out[KEEPER_SECRET_LEN],
                      struct fault *f)
{
    LOCKED(k);
    uint8_t key[KEEPER_SECRET_LEN];
    enum rc rc = begin(k, OP_SECRET, f);

    if (rc != RC_OK)
        return rc;
    wire_put_text(&k->out, label);
    rc = ask(k, f);
    if (rc != RC_OK)
        return rc;
    wire_get_exact(&k->in, key, sizeof key);
    if (!wire_ok(&k->in))
        return fail(f, RC_INTERNAL, "the keeper's answer is malformed");
    memcpy(out, key, sizeof key);
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(k->in.bytes, k->in.len);
    return RC_OK;
}
