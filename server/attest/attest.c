// SPDX-License-Identifier: Apache-2.0

#include "attest/attest.h"

#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "attest_sql.h"
#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "protocol/protocol.h"
#include "store/arg.h"

#define SPKI_MAX 1024

DEFINE_AUTO(EVP_PKEY *, pkey_freep, EVP_PKEY_free)
DEFINE_AUTO(X509_REQ *, req_freep, X509_REQ_free)
DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct reference_list *, list_freep, reference_list_free)
DEFINE_AUTO(struct store *, rollbackp, store_rollback)

static void string_freep(unsigned char **p)
{
    OPENSSL_free(*p);
}

// What the database knows of the device before this evidence.
struct record {
    EVP_PKEY *key;
    uint8_t fingerprint[32];
    enum device_lifecycle lifecycle;
    int64_t boot_count;
    bool by_hand, alerted;
    json_t *log;
};

static void record_done(struct record *r)
{
    EVP_PKEY_free(r->key);
    json_decref(r->log);
}

static EVP_PKEY *key_from_hex(const char *hex)
{
    size_t len = strlen(hex) / 2;
    uint8_t der[SPKI_MAX];
    const uint8_t *at = der;

    if (len > sizeof der || !hex_decode(hex, der, len))
        return NULL;
    return d2i_PUBKEY(NULL, &at, (long)len);
}

// A device that was claimed by its fingerprint shows its key with the first connection: TLS has
// proved that it holds it, and the fingerprint that it is the one that was meant.
static enum rc learn_key(const struct attest *a, const struct attest_device *d, struct record *out,
                         struct fault *f)
{
    const uint8_t *at = d->spki;
    uint8_t hash[32];

    if (!d->spki_len)
        return fail(f, RC_DENIED, "its key is not known yet: connect with the factory identity");
    if (EVP_Digest(d->spki, d->spki_len, hash, NULL, EVP_sha256(), NULL) != 1)
        return fail(f, RC_INTERNAL, "out of memory");
    if (CRYPTO_memcmp(hash, out->fingerprint, sizeof hash) != 0)
        return fail(f, RC_DENIED, "the factory key is not the one that was claimed");
    out->key = d2i_PUBKEY(NULL, &at, (long)d->spki_len);
    if (!out->key)
        return fail(f, RC_DENIED, "the factory key cannot be read");
    return device_learn_key(a->store, d->catalog, d->device, d->spki, d->spki_len, f);
}

// With whom the connection was opened, beside who is registered.
static enum rc check_record(const struct attest *a, const struct attest_device *d,
                            const char *public_key, struct record *out, struct fault *f)
{
    if (d->fingerprint && CRYPTO_memcmp(d->fingerprint, out->fingerprint, 32) != 0)
        return fail(f, RC_DENIED, "the factory key is not the one that was registered");
    if (out->lifecycle == DEVICE_RETIRED)
        return fail(f, RC_DENIED, "this device is retired");
    if (!public_key)
        return learn_key(a, d, out, f);
    out->key = key_from_hex(public_key);
    return out->key ? RC_OK : fail(f, RC_INTERNAL, "the key of device %s cannot be read", d->id);
}

static enum rc load_record(const struct attest *a, const struct attest_device *d,
                           struct record *out, struct fault *f)
{
    const char *args[] = { ARG_INT(d->catalog), ARG_INT(d->device) };
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = store_run(a->store, &Q_ATTEST_DEVICE, args, &r, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(r) != 1)
        return fail(f, RC_NOT_FOUND, "this device is not registered any more");
    out->lifecycle = (enum device_lifecycle)rows_int(r, 0, "lifecycle");
    out->boot_count = rows_int(r, 0, "boot_count");
    out->by_hand = rows_bool(r, 0, "by_hand");
    out->alerted = rows_bool(r, 0, "alerted");
    out->log = json_loads(rows_text(r, 0, "log"), 0, NULL);
    if (!hex_decode(rows_text(r, 0, "fingerprint"), out->fingerprint, 32))
        return fail(f, RC_INTERNAL, "the fingerprint of device %s cannot be read", d->id);
    return check_record(a, d, rows_text(r, 0, "public_key"), out, f);
}

enum rc attest_admit(const struct attest *a, const struct attest_device *d, struct fault *f)
{
    auto_with(record_done) struct record r = { 0 };

    return load_record(a, d, &r, f);
}

// The CSR's public key; the keeper checks that the CSR is signed by it.
static enum rc csr_spki(const struct attest_evidence *e, unsigned char **out, size_t *len,
                        struct fault *f)
{
    const unsigned char *at = e->csr;
    auto_with(req_freep) X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)e->csr_len);
    int n =
        req && at == e->csr + e->csr_len ? i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), out) : -1;

    if (n <= 0)
        return fail(f, RC_INVALID, "csr must be one PKCS#10 request in DER");
    *len = (size_t)n;
    return RC_OK;
}

// Signature, id and binding. Any of them wrong means: this is not that device on this connection.
// *replayed: the device signed it, but not as an answer to this.
static enum rc prove(const struct record *r, const struct attest_device *d,
                     const struct attest_evidence *e, struct eat *out, bool *replayed,
                     struct fault *f)
{
    auto_with(string_freep) unsigned char *spki = NULL;
    uint8_t id[16], binding[32];
    size_t len = 0;
    enum rc rc = csr_spki(e, &spki, &len, f);

    if (rc == RC_OK)
        rc = eat_open(e->eat, e->eat_len, r->key, out, f);
    if (rc != RC_OK)
        return rc;
    if (!hex_decode(d->id, id, sizeof id) || CRYPTO_memcmp(id, out->id, sizeof id) != 0)
        return fail(f, RC_DENIED, "ueid is not this device's id");
    eat_expected_nonce(e->nonce, spki, len, e->exporter, binding);
    *replayed = true;
    if (CRYPTO_memcmp(binding, out->binding, sizeof binding) != 0)
        return fail(f, RC_DENIED, "eat_nonce does not bind this challenge, key and connection");
    if (clock_now_ms() - e->nonce_at > NONCE_TTL_S * 1000LL)
        return fail(f, RC_DENIED, "the challenge is older than %d s; ask for a new one",
                    NONCE_TTL_S);
    *replayed = false;
    return RC_OK;
}

// The values of the components that were measured.
static enum rc load_references(const struct attest *a, int32_t catalog, const struct eat *e,
                               struct reference_list **out, struct fault *f)
{
    const char *names[EAT_LOG_MAX];

    for (size_t i = 0; i < e->count; i++)
        names[i] = e->log[i].component;
    return reference_of(a->store, catalog, names, e->count, out, f);
}

static enum rc judge(const struct attest *a, const struct attest_device *d, const struct record *r,
                     const struct eat *e, json_t *reasons, struct attest_result *out,
                     struct fault *f)
{
    const struct attest_before before = { .boot_count = r->boot_count, .log = r->log };
    auto_with(list_freep) struct reference_list *list = NULL;
    auto_free struct reference *refs = NULL;
    enum rc rc = load_references(a, d->catalog, e, &list, f);
    int count = rc == RC_OK ? reference_count(list) : 0;

    if (rc != RC_OK)
        return rc;
    refs = calloc((size_t)count + 1, sizeof *refs);
    out->findings = json_array();
    if (!refs || !out->findings)
        return fail(f, RC_INTERNAL, "out of memory");
    for (int i = 0; i < count; i++)
        reference_at(list, i, &refs[i]);
    out->verdict = attest_judge(e, refs, (size_t)count, &before, clock_now_ms() / 1000,
                                out->findings, reasons);
    return RC_OK;
}

// The row stays locked until the certificate is written: an unclaim comes before, and there is no
// certificate, or after, and denies it.
static enum rc lock(struct store *tx, const struct attest_device *d, struct record *r,
                    struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *args[] = { ARG_INT(d->catalog), ARG_INT(d->device) };
    enum rc rc = store_run(tx, &Q_ATTEST_LOCK, args, &rows, f);

    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) != 1)
        return fail(f, RC_NOT_FOUND, "this device is not registered any more");
    r->lifecycle = (enum device_lifecycle)rows_int(rows, 0, "lifecycle");
    return RC_OK;
}

// Counted, for people who watch the whole fleet. Nothing of the verdict depends on it.
static enum rc count_refusal(struct store *s, const struct attest_device *d, json_t *reasons,
                             struct fault *f)
{
    auto_free char *text = json_dumps(reasons, JSON_COMPACT);
    const char *args[] = { ARG_INT(d->catalog), text };

    if (json_array_size(reasons) == 0)
        return RC_OK;
    return text ? store_run(s, &Q_ATTEST_REFUSED, args, NULL, f)
                : fail(f, RC_INTERNAL, "out of memory");
}

// Only a claimed device earns a certificate; one in quarantine only a certificate for that.
static bool pick_kind(const struct record *r, const struct attest_evidence *e,
                      struct attest_result *out)
{
    out->unclaimed = r->lifecycle != DEVICE_CLAIMED;
    if (out->unclaimed)
        return false;
    out->kind =
        out->verdict == VERDICT_CONTRAINDICATED || r->by_hand ? CERT_QUARANTINE : CERT_OPERATIONAL;
    return out->kind == CERT_OPERATIONAL || e->may_quarantine;
}

static enum rc certify(const struct attest *a, const struct attest_device *d,
                       const struct attest_evidence *e, const uint8_t hash[32],
                       struct attest_result *out, struct fault *f)
{
    struct cert_request q = {
        .catalog = d->catalog_name,
        .device_id = d->id,
        .kind = out->kind,
        .csr = e->csr,
        .csr_len = e->csr_len,
        .lifetime_s = out->kind == CERT_QUARANTINE ? a->quarantine_s : a->lifetime_s,
    };
    enum rc rc;

    memcpy(q.evidence_sha256, hash, sizeof q.evidence_sha256);
    rc = keeper_issue(a->keeper, &q, &out->certificate, f);
    out->certified = rc == RC_OK;
    // A quota of the keeper leaves the verdict standing, without a certificate.
    return rc == RC_LIMIT ? RC_OK : rc;
}

// The security version of the whole is that of its weakest part.
static int64_t lowest_svn(const struct eat *e)
{
    int64_t lowest = e->count > 0 ? e->log[0].svn : 0;

    for (size_t i = 1; i < e->count; i++)
        if (e->log[i].svn < lowest)
            lowest = e->log[i].svn;
    return lowest;
}

static enum rc write_verdict(struct store *tx, const struct attest_device *d,
                             const struct attest_evidence *e, const struct eat *claims,
                             const uint8_t hash[32], const struct attest_result *out,
                             struct fault *f)
{
    auto_free char *findings = json_dumps(out->findings, JSON_COMPACT);
    auto_free char *text = json_dumps(claims->claims, JSON_COMPACT);
    auto_free char *eat = strndup(e->eat, e->eat_len);
    char digest[65];
    const char *args[] = {
        ARG_INT(d->catalog),
        ARG_INT(d->device),
        ARG_INT((int64_t)out->verdict),
        findings,
        eat,
        digest,
        text,
        e->attester,
        claims->sw_version,
        claims->hw_model,
        ARG_INT(lowest_svn(claims)),
        ARG_INT(claims->boot_count),
        e->network,
    };

    hex_encode(hash, 32, digest);
    if (!findings || !text || !eat)
        return fail(f, RC_INTERNAL, "out of memory");
    return store_run(tx, &Q_ATTEST_VERDICT, args, NULL, f);
}

static enum rc write_certificate(struct store *tx, const struct attest_device *d,
                                 const struct attest_evidence *e, const struct attest_result *out,
                                 struct fault *f)
{
    char serial[2 * SERIAL_LEN + 1], key[65];
    auto_with(string_freep) unsigned char *spki = NULL;
    uint8_t digest[32];
    size_t len = 0;
    const char *args[] = {
        ARG_INT(d->catalog),
        ARG_INT(d->device),
        ARG_INT((int64_t)out->kind),
        serial,
        key,
        ARG_INT(out->certificate.not_before),
        ARG_INT(out->certificate.not_after),
    };

    if (!out->certified)
        return RC_OK;
    if (csr_spki(e, &spki, &len, f) != RC_OK ||
        EVP_Digest(spki, len, digest, NULL, EVP_sha256(), NULL) != 1)
        return fail(f, RC_INTERNAL, "the key of a certificate cannot be hashed");
    hex_encode(digest, sizeof digest, key);
    hex_encode(out->certificate.serial, SERIAL_LEN, serial);
    return store_run(tx, &Q_ATTEST_CERTIFICATE, args, NULL, f);
}

static enum rc write_state(struct store *tx, const struct attest_device *d,
                           const struct device_facts *facts, struct fault *f)
{
    const char *why = NULL;
    enum device_state state = device_state_of(facts, &why);
    const char *args[] = { ARG_INT(d->catalog), ARG_INT(d->device), ARG_INT((int64_t)state), why };

    return store_run(tx, &Q_ATTEST_STATE, args, NULL, f);
}

// When a renewal is overdue: it is due at half of the lifetime, and a quarter is grace.
static int64_t overdue_at(int64_t not_before_ms, int64_t not_after_ms)
{
    int64_t issued_ms = not_before_ms + KEEPER_BACK_DATE_S * 1000;

    return not_after_ms > 0 ? not_after_ms - (not_after_ms - issued_ms) / 4 : 0;
}

static void set_facts(const struct attest_device *d, const struct record *r,
                      struct attest_result *out)
{
    const struct certificate *c = &out->certificate;

    out->facts = (struct device_facts){
        .verdict = out->verdict,
        .quarantined_by_hand = r->by_hand,
        .high_alert = r->alerted,
        .attested_once = true,
        .online = d->online,
        .last_session_at = clock_now_ms(),
        .renewal_due_at =
            out->certified ? overdue_at(c->not_before * 1000, c->not_after * 1000) : 0,
        .now = clock_now_ms(),
        .ping_ms = PING_S * 1000,
    };
}

// Each finding, and then that there was evidence: what it did not find again is over.
static void tell(const struct attest *a, const struct attest_device *d,
                 const struct attest_result *out)
{
    struct bus_event e = { .kind = BUS_SIGNAL,
                           .catalog = d->catalog,
                           .device = d->device,
                           .id = d->id,
                           .at = out->facts.now };
    json_t *finding;
    size_t i;

    json_array_foreach (out->findings, i, finding) {
        auto_free char *fields = json_dumps(finding, JSON_COMPACT);

        e.name = json_string_value(json_object_get(finding, "kind"));
        e.text = json_string_value(json_object_get(finding, "component"));
        e.fields = fields;
        bus_publish(a->bus, &e);
    }
    e.name = "attested";
    e.text = e.fields = NULL;
    bus_publish(a->bus, &e);
}

// Signed by the device, but for another challenge, key or connection, or for one too long ago.
static void tell_replay(const struct attest *a, const struct attest_device *d, const char *why)
{
    json_auto_t *o = json_object();

    add_text(o, "why", why);
    auto_free char *fields = json_dumps(o, JSON_COMPACT);
    bus_publish(a->bus, &(struct bus_event){ .kind = BUS_SIGNAL,
                                             .catalog = d->catalog,
                                             .device = d->device,
                                             .id = d->id,
                                             .at = clock_now_ms(),
                                             .name = "replay",
                                             .fields = fields });
}

static void publish(const struct attest *a, const struct attest_device *d,
                    const struct device_facts *facts)
{
    struct bus_event e = {
        .kind = BUS_STATE,
        .catalog = d->catalog,
        .device = d->device,
        .id = d->id,
        .at = facts->now,
        .online = facts->online,
    };

    e.state = (int)device_state_of(facts, &e.text);
    bus_publish(a->bus, &e);
}

static enum rc record(const struct attest *a, const struct attest_device *d,
                      const struct attest_evidence *e, struct record *r, const struct eat *claims,
                      json_t *reasons, struct attest_result *out, struct fault *f)
{
    auto_with(rollbackp) struct store *tx = NULL;
    uint8_t hash[32];
    enum rc rc;

    if (EVP_Digest(e->eat, e->eat_len, hash, NULL, EVP_sha256(), NULL) != 1)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = store_begin(a->store, &tx, f);
    if (rc == RC_OK)
        rc = lock(tx, d, r, f);
    if (rc == RC_OK)
        rc = write_verdict(tx, d, e, claims, hash, out, f);
    if (rc == RC_OK && pick_kind(r, e, out))
        rc = certify(a, d, e, hash, out, f);
    set_facts(d, r, out);
    if (rc == RC_OK)
        rc = write_certificate(tx, d, e, out, f);
    if (rc == RC_OK)
        rc = write_state(tx, d, &out->facts, f);
    if (rc == RC_OK)
        rc = count_refusal(tx, d, reasons, f);
    return rc == RC_OK ? store_commit(take(&tx), f) : rc;
}

static enum rc attest_with(const struct attest *a, const struct attest_device *d,
                           const struct attest_evidence *e, struct record *r, struct eat *claims,
                           struct attest_result *out, struct fault *f)
{
    json_auto_t *reasons = json_array();
    bool replayed = false;
    enum rc rc = load_record(a, d, r, f);

    if (rc == RC_OK) {
        rc = prove(r, d, e, claims, &replayed, f);
        if (replayed)
            tell_replay(a, d, f->text);
        if (rc == RC_DENIED) {
            json_array_append_new(reasons, json_string("Identity not proven"));
            (void)count_refusal(a->store, d, reasons, NULL);
        }
    }
    if (rc == RC_OK)
        rc = judge(a, d, r, claims, reasons, out, f);
    return rc == RC_OK ? record(a, d, e, r, claims, reasons, out, f) : rc;
}

enum rc attest_evidence(const struct attest *a, const struct attest_device *d,
                        const struct attest_evidence *e, struct attest_result *out, struct fault *f)
{
    auto_with(record_done) struct record r = { 0 };
    auto_with(eat_done) struct eat claims = { 0 };
    struct attest_result result = { 0 };
    enum rc rc = attest_with(a, d, e, &r, &claims, &result, f);

    if (rc != RC_OK) {
        attest_result_done(&result);
        return rc;
    }
    publish(a, d, &result.facts);
    tell(a, d, &result);
    *out = result;
    return RC_OK;
}

void attest_result_done(struct attest_result *r)
{
    json_decref(r->findings);
    certificate_done(&r->certificate);
    *r = (struct attest_result){ 0 };
}

enum rc attest_facts(struct store *s, int32_t catalog, int64_t device, struct device_facts *out,
                     struct fault *f)
{
    const char *args[] = { ARG_INT(catalog), ARG_INT(device) };
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = store_run(s, &Q_ATTEST_FACTS, args, &r, f);
    struct device_facts facts = { .now = clock_now_ms(), .ping_ms = PING_S * 1000 };

    if (rc != RC_OK)
        return rc;
    if (rows_count(r) > 0) {
        facts.verdict = (enum verdict)rows_int(r, 0, "verdict");
        facts.quarantined_by_hand = rows_bool(r, 0, "by_hand");
        facts.attested_once = rows_bool(r, 0, "attested");
        facts.high_alert = rows_bool(r, 0, "alerted");
        facts.renewal_due_at =
            overdue_at(rows_int(r, 0, "not_before"), rows_int(r, 0, "not_after"));
    }
    facts.online = true;
    facts.last_session_at = facts.now;
    *out = facts;
    return RC_OK;
}

enum rc attest_refusals(struct store *s, int32_t catalog,
                        void (*each)(void *ctx, const char *reason, int64_t n), void *ctx,
                        struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = store_run(s, &Q_ATTEST_REFUSALS, (const char *[]){ ARG_INT(catalog) }, &r, f);

    for (int i = 0; rc == RC_OK && i < rows_count(r); i++)
        each(ctx, rows_text(r, i, "reason"), rows_int(r, i, "n"));
    return rc;
}

enum rc attest_upkeep(struct store *s, struct fault *f)
{
    return store_run(s, &Q_ATTEST_REFUSALS_EXPIRE, NULL, NULL, f);
}
