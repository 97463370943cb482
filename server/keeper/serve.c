// SPDX-License-Identifier: Apache-2.0
//
// The keeper's own process: one request, one check, one answer, in order.

#include <inttypes.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "core/log.h"
#include "keeper/confine.h"
#include "keeper/issuer.h"
#include "keeper/keeper.h"
#include "keeper/secret.h"
#include "keeper/wire.h"

#define CSR_MAX   8192
#define NAMES_MAX 16
#define HOST_SIZE 254

DEFINE_AUTO(struct vault *, vault_closep, vault_close)
DEFINE_AUTO(struct ledger *, ledger_closep, ledger_close)
DEFINE_AUTO(struct issuer *, issuer_closep, issuer_close)

static const struct log_ctx ctx = { .area = "keeper" };

struct server {
    struct issuer *issuer;
    struct vault *vault;
    struct secret_root secrets;
    bool own_namespace;
};

// Reads its fields from in and, on RC_OK, writes the answer's to out.
typedef enum rc operation(struct server *s, struct wire *in, struct wire *out, struct fault *f);

static enum rc malformed(struct fault *f)
{
    return fail(f, RC_INVALID, "malformed request");
}

static enum rc status(struct server *s, struct wire *in, struct wire *out, struct fault *f)
{
    if (!wire_ok(in))
        return malformed(f);
    wire_put_u32(out, s->own_namespace);
    return RC_OK;
}

static enum rc catalog(struct server *s, struct wire *in, struct wire *out, struct fault *f)
{
    char name[KEEPER_CATALOG_MAX + 1];

    (void)out;
    wire_get_text(in, name, sizeof name);
    return wire_ok(in) ? issuer_catalog(s->issuer, name, f) : malformed(f);
}

static enum rc issue(struct server *s, struct wire *in, struct wire *out, struct fault *f)
{
    char name[KEEPER_CATALOG_MAX + 1], id[33];
    struct cert_request q = { .catalog = name, .device_id = id };
    struct certificate cert = { 0 };
    enum rc rc;

    wire_get_text(in, name, sizeof name);
    wire_get_text(in, id, sizeof id);
    q.kind = (enum cert_kind)wire_get_u32(in);
    q.lifetime_s = (int32_t)wire_get_u32(in);
    wire_get_exact(in, q.evidence_sha256, sizeof q.evidence_sha256);
    q.csr = wire_get_bytes(in, CSR_MAX, &q.csr_len);
    if (!wire_ok(in) || q.lifetime_s < 0)
        return malformed(f);
    rc = issuer_issue(s->issuer, &q, &cert, f);
    if (rc != RC_OK)
        return rc;
    wire_put_text(out, cert.pem);
    wire_put_exact(out, cert.serial, sizeof cert.serial);
    wire_put_i64(out, cert.not_before);
    wire_put_i64(out, cert.not_after);
    free(cert.pem);
    return RC_OK;
}

static enum rc put_owned(struct wire *out, char *text, enum rc rc)
{
    if (rc == RC_OK)
        wire_put_text(out, text);
    free(text);
    return rc;
}

static enum rc ca(struct server *s, struct wire *in, struct wire *out, struct fault *f)
{
    char name[KEEPER_CATALOG_MAX + 1], *text = NULL;
    enum ca_name which = (enum ca_name)wire_get_u32(in);
    enum rc rc;

    wire_get_text(in, name, sizeof name);
    if (!wire_ok(in))
        return malformed(f);
    rc = issuer_ca(s->issuer, which, name, &text, f);
    return put_owned(out, text, rc);
}

static enum rc server_cert(struct server *s, struct wire *in, struct wire *out, struct fault *f)
{
    char hosts[NAMES_MAX][HOST_SIZE], *text = NULL;
    const char *names[NAMES_MAX];
    uint32_t count = wire_get_u32(in);
    const uint8_t *csr;
    size_t csr_len;
    enum rc rc;

    if (count > NAMES_MAX)
        return malformed(f);
    for (uint32_t i = 0; i < count; i++) {
        wire_get_text(in, hosts[i], sizeof hosts[i]);
        names[i] = hosts[i];
    }
    csr = wire_get_bytes(in, CSR_MAX, &csr_len);
    if (!wire_ok(in))
        return malformed(f);
    rc = issuer_server_cert(s->issuer, csr, csr_len, names, count, &text, f);
    return put_owned(out, text, rc);
}

static enum rc sign_time(struct server *s, struct wire *in, struct wire *out, struct fault *f)
{
    char payload[60], *text = NULL;
    enum rc rc;

    if (!wire_ok(in))
        return malformed(f);
    snprintf(payload, sizeof payload, "{\"time\":%" PRId64 "}", clock_now_ms());
    rc = issuer_sign(s->issuer, payload, &text, f);
    return put_owned(out, text, rc);
}

static enum rc seal(struct server *s, struct wire *in, struct wire *out, struct fault *f)
{
    uint32_t chain = wire_get_u32(in);
    int64_t seq = wire_get_i64(in);
    uint8_t hash[32];
    char hex[65], payload[240], *text = NULL;
    enum rc rc;

    wire_get_exact(in, hash, sizeof hash);
    if (!wire_ok(in))
        return malformed(f);
    hex_encode(hash, sizeof hash, hex);
    snprintf(payload, sizeof payload,
             "{\"chain\":%" PRIu32 ",\"seq\":%" PRId64 ",\"hash\":\"%s\",\"time\":%" PRId64 "}",
             chain, seq, hex, clock_now_ms());
    rc = issuer_sign(s->issuer, payload, &text, f);
    return put_owned(out, text, rc);
}

static enum rc secret(struct server *s, struct wire *in, struct wire *out, struct fault *f)
{
    char label[40];
    uint8_t key[KEEPER_SECRET_LEN];
    enum rc rc;

    wire_get_text(in, label, sizeof label);
    if (!wire_ok(in))
        return malformed(f);
    rc = secret_derive(s->vault, &s->secrets, label, key, f);
    if (rc == RC_OK)
        wire_put_exact(out, key, sizeof key);
    OPENSSL_cleanse(key, sizeof key);
    return rc;
}

static operation *const operations[OP_COUNT] = {
    [OP_STATUS] = status, [OP_CATALOG] = catalog,         [OP_ISSUE] = issue,
    [OP_CA] = ca,         [OP_SERVER_CERT] = server_cert, [OP_TIME] = sign_time,
    [OP_SEAL] = seal,     [OP_SECRET] = secret,
};

static void answer(struct server *s, struct wire *in, struct wire *out)
{
    uint32_t op = wire_get_u32(in), id = wire_get_u32(in);
    struct fault f = { 0 };
    enum rc rc;

    wire_start(out, RC_OK, id);
    if (in->bad || op >= OP_COUNT || !operations[op])
        rc = fail(&f, RC_INVALID, "no such request");
    else
        rc = operations[op](s, in, out, &f);
    if (rc == RC_OK && !out->bad)
        return;
    wire_start(out, rc == RC_OK ? RC_INTERNAL : rc, id);
    wire_put_text(out, f.text);
}

static void serve(struct server *s, int fd)
{
    static struct wire in, out; // one request at a time, and too large for a stack
    int got;

    while ((got = wire_receive(fd, &in, -1)) == 1 || in.bad) {
        answer(s, &in, &out);
        if (!wire_send(fd, &out))
            return;
    }
}

// Says in a first message whether the keeper is ready, and if not, why.
static bool announce(int fd, enum rc rc, const struct fault *f)
{
    static struct wire hello;

    wire_start(&hello, rc, 0);
    wire_put_text(&hello, rc == RC_OK ? "ready" : f->text);
    return wire_send(fd, &hello) && rc == RC_OK;
}

int keeper_main(const char *dir, const char *passphrase_file)
{
    auto_with(vault_closep) struct vault *vault = NULL;
    auto_with(ledger_closep) struct ledger *ledger = NULL;
    auto_with(issuer_closep) struct issuer *issuer = NULL;
    struct server s = { 0 };
    struct fault f = { 0 };
    enum rc rc;

    // Ctrl-C reaches the whole group; the keeper goes when its parent does.
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    prctl(PR_SET_NAME, "orrery-keeper", 0, 0, 0);
    umask(077);
    rc = confine_enter(KEEPER_FD, &s.own_namespace, &f);
    if (rc == RC_OK)
        rc = vault_open(dir, passphrase_file, &vault, &f);
    if (rc == RC_OK)
        rc = ledger_open(vault_fd(vault), &ledger, &f);
    if (rc == RC_OK)
        rc = issuer_open(vault, ledger, &issuer, &f);
    s.issuer = issuer;
    s.vault = vault;
    if (!announce(KEEPER_FD, rc, &f))
        return 1;
    if (!s.own_namespace)
        log_warn(&ctx, "no network namespace of its own here, relying on the system call filter");
    serve(&s, KEEPER_FD);
    return 0;
}
