// SPDX-License-Identifier: Apache-2.0

#include "gate.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/eat.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "crash/intake.h"
#include "enroll/enroll.h"
#include "protocol/jws.h"
#include "protocol/protocol.h"
#include "support/folder.h"
#include "support/forge.h"
#include "support/model.h"
#include "support/pg.h"
#include "window/window.h"

#define CHECK(what, f)                                                                             \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "gate: %s: %s\n", #what, (f).text);                                    \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static char folder[64];
static struct config *config;

bool gate_is_keeper(int argc, char **argv)
{
    return argc == 4 && !strcmp(argv[1], "keeper");
}

int gate_keeper(char **argv)
{
    return keeper_main(argv[2], argv[3]);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    if (!file || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, 0600) != 0) {
        perror(path);
        exit(1);
    }
}

static struct keeper *start_keeper(void)
{
    char keys[80], passphrase[80];
    struct keeper_options o = { .dir = keys, .passphrase_file = passphrase };
    struct keeper *k = NULL;
    struct fault f = { 0 };

    snprintf(keys, sizeof keys, "%s/pki", folder);
    snprintf(passphrase, sizeof passphrase, "%s/passphrase", folder);
    write_file(passphrase, "correct horse battery staple\n");
    CHECK(keeper_start(&o, &k, &f) == RC_OK, f);
    CHECK(keeper_catalog(k, "demo", &f) == RC_OK, f);
    CHECK(keeper_catalog(k, "acme", &f) == RC_OK, f);
    return k;
}

static size_t make_csr(EVP_PKEY *key, unsigned char **der)
{
    X509_REQ *req = X509_REQ_new();
    struct fault f = { .text = "OpenSSL" };
    int len;

    CHECK(X509_REQ_set_pubkey(req, key) && X509_REQ_sign(req, key, EVP_sha256()), f);
    len = i2d_X509_REQ(req, der);
    CHECK(len > 0, f);
    X509_REQ_free(req);
    return (size_t)len;
}

static void start_gateway(struct gate *g, const struct gate_options *o)
{
    const char *host = o->host ? o->host : "127.0.0.1", *const names[] = { "localhost", host };
    auto_free char *root = NULL, *leaf = NULL, *ca = NULL, *chain = NULL, *key_pem = NULL;
    char listen[80];
    EVP_PKEY *key = forge_key();
    unsigned char *csr = NULL;
    struct fault f = { 0 };
    size_t len = make_csr(key, &csr);

    key_pem = forge_key_pem(key);
    CHECK(keeper_ca(g->keeper, CA_DEVICE_ROOT, NULL, &root, &f) == RC_OK, f);
    CHECK(keeper_server_cert(g->keeper, csr, len, names, 2, &leaf, &f) == RC_OK, f);
    CHECK(keeper_ca(g->keeper, CA_SERVER_ROOT, NULL, &ca, &f) == RC_OK, f);
    CHECK(asprintf(&chain, "%s%s", leaf, ca) > 0, f);
    snprintf(listen, sizeof listen, "%s:0", o->host ? "0.0.0.0" : host);
    struct gateway_options options = {
        .listen = listen,
        .loops = o->loops ? o->loops : 1,
        .per_address = o->per_address ? o->per_address : 10000,
        .idle_s = o->idle_s,
        .store = g->store,
        .roster = g->roster,
        .catalogs = g->catalogs,
        .doors = g->doors,
        .keeper = g->keeper,
        .ingest = g->ingest,
        .intakes = g->intakes,
        .bus = g->bus,
        .cert_pem = chain,
        .key_pem = key_pem,
        .device_root_pem = root,
        .cert_lifetime_s = o->lifetime_s,
        .cert_quarantine_s = o->quarantine_s,
    };
    CHECK(gateway_start(&options, &g->gateway, &f) == RC_OK, f);
    g->port = gateway_port(g->gateway);
    OPENSSL_free(csr);
    EVP_PKEY_free(key);
}

static void start_intakes(struct gate *g)
{
    const struct intake_limits limits = { .day = 3, .bytes = 40 << 20, .dumps = 5 };
    struct fault f = { 0 };

    snprintf(g->blobs, sizeof g->blobs, "%s/blobs", folder);
    CHECK(mkdir(g->blobs, 0700) == 0 || errno == EEXIST, f);
    CHECK(intakes_new(g->store, g->blobs, &limits, &g->intakes, &f) == RC_OK, f);
}

struct gate *gate_up(const struct gate_options *o)
{
    static const char *const sets[] = { "log.level=error" };
    struct gate *g = calloc(1, sizeof *g);
    struct fault f = { 0 };

    folder_make(folder, sizeof folder, "gate");
    CHECK(config_load(folder, sets, 1, &config, &f) == RC_OK, f);
    g->keeper = start_keeper();
    g->store = model_store(pg_conninfo());
    g->demo = model_catalog(g->store, "demo");
    g->acme = model_catalog(g->store, "acme");
    g->bus = bus_new();
    CHECK(catalogs_load(g->store, &g->catalogs, &f) == RC_OK, f);
    CHECK(roster_load(g->store, &g->roster, &f) == RC_OK, f);
    CHECK(doors_load(g->store, &g->doors, &f) == RC_OK, f);
    if (o->threats)
        CHECK(threats_start(&(struct threats_options){ .store = g->store, .bus = g->bus },
                            &g->threats, &f) == RC_OK,
              f);
    CHECK(ingest_start(config, pg_conninfo(), g->bus, &g->ingest, &f) == RC_OK, f);
    start_intakes(g);
    start_gateway(g, o);
    return g;
}

void gate_down(struct gate *g)
{
    gateway_stop(g->gateway);
    ingest_stop(g->ingest);
    threats_stop(g->threats);
    gateway_free(g->gateway);
    intakes_free(g->intakes);
    keeper_stop(g->keeper);
    catalogs_free(g->catalogs);
    roster_free(g->roster);
    doors_free(g->doors);
    bus_free(g->bus);
    store_close(g->store);
    config_free(config);
    folder_remove(folder);
    free(g);
}

int gate_teardown(void **state)
{
    gate_down(*state);
    return 0;
}

void gate_ca_file(struct gate *g, const char *path)
{
    auto_free char *root = NULL;
    struct fault f = { 0 };
    FILE *file = fopen(path, "w");

    CHECK(keeper_ca(g->keeper, CA_SERVER_ROOT, NULL, &root, &f) == RC_OK, f);
    CHECK(file && fputs(root, file) >= 0 && fclose(file) == 0, f);
}

// ---------------------------------------------------------------- devices

void gate_admit(struct gate *g, int32_t catalog, const char *pem, bool claim,
                char id[DEVICE_ID_LEN + 1])
{
    struct device_entry entry = { 0 };
    struct device_touched touched = { 0 };
    struct enroll_news news = { .catalog = catalog };
    struct fault f = { 0 };
    bool created;

    CHECK(enroll_key_read(pem, &entry.key, &f) == RC_OK, f);
    CHECK(enroll_register(g->store, catalog, &entry, &created, &touched, &f) == RC_OK, f);
    snprintf(id, DEVICE_ID_LEN + 1, "%s", entry.key.id);
    if (claim)
        CHECK(enroll_claim(g->store, catalog, id, NULL, &touched, &f) == RC_OK, f);
    memcpy(news.id, id, sizeof news.id);
    news.what = touched;
    enroll_announce(g->roster, g->bus, &news);
}

static void enroll(struct gate *g, struct gate_device *d, int32_t catalog, bool claim)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct fault f = { 0 };
    char *pem;

    CHECK(PEM_write_bio_PUBKEY(bio, d->factory) && BIO_write(bio, "", 1) == 1, f);
    BIO_get_mem_data(bio, &pem);
    gate_admit(g, catalog, pem, claim, d->id);
    BIO_free(bio);
}

void gate_accept(struct gate *g, int32_t catalog, const char *component, const char *version,
                 const char *sha256, int svn)
{
    (void)g;
    model_sql(pg_conninfo(),
              "INSERT INTO reference_value (catalog, component, version, sha256, svn, source) "
              "VALUES (%d, '%s', '%s', '%s', %d, 'test') ON CONFLICT DO NOTHING",
              catalog, component, version, sha256, svn);
}

struct gate_device *gate_stranger(struct gate *g)
{
    struct gate_device *d = calloc(1, sizeof *d);
    uint8_t digest[32];

    (void)g;
    d->factory = forge_key();
    d->factory_cert = forge_factory(d->factory);
    d->key = forge_key();
    d->boot = 1;
    d->dbgstat = 2;
    RAND_bytes(digest, sizeof digest);
    hex_encode(digest, sizeof digest, d->sha256);
    forge_fingerprint(d->factory, digest);
    hex_encode(digest, sizeof digest / 2, d->id);
    return d;
}

struct gate_device *gate_device(struct gate *g, int32_t catalog, bool claim)
{
    struct gate_device *d = gate_stranger(g);

    enroll(g, d, catalog, claim);
    gate_accept(g, catalog, "app.pump", "1.0", d->sha256, 0);
    return d;
}

int64_t gate_window(struct gate *g, int32_t catalog, int64_t most, char code[CODE_LEN + 1])
{
    const struct window_request what = {
        .actor = "test", .code = code != NULL, .minutes = 10, .most = most
    };
    char made[CODE_LEN + 1];
    struct fault f = { 0 };
    int64_t id;

    CHECK(window_add(g->store, catalog, &what, &id, made, &f) == RC_OK, f);
    if (code)
        memcpy(code, made, sizeof made);
    doors_put(g->doors, &(struct door){ catalog, id, clock_now_ms() + 600000 });
    return id;
}

void gate_window_close(struct gate *g, int32_t catalog, int64_t window)
{
    struct fault f = { 0 };

    CHECK(window_close(g->store, catalog, window, &f) == RC_OK, f);
    doors_put(g->doors, &(struct door){ catalog, window, 0 });
}

static void forget(struct gate_device *d)
{
    X509_free(d->cert);
    X509_free(d->ca);
    d->cert = d->ca = NULL;
}

void gate_device_free(struct gate_device *d)
{
    forget(d);
    X509_free(d->factory_cert);
    EVP_PKEY_free(d->factory);
    EVP_PKEY_free(d->key);
    free(d);
}

static void announce(struct gate *g, struct gate_device *d, const struct device_touched *touched,
                     bool revoked)
{
    struct enroll_news news = { .catalog = g->demo, .revoked = revoked, .what = *touched };

    memcpy(news.id, d->id, sizeof news.id);
    enroll_announce(g->roster, g->bus, &news);
}

void gate_unclaim(struct gate *g, struct gate_device *d)
{
    struct device_touched touched = { 0 };
    struct fault f = { 0 };

    CHECK(device_unclaim(g->store, g->demo, d->id, &touched, &f) == RC_OK, f);
    announce(g, d, &touched, true);
}

void gate_custody(struct gate *g, const char *id, enum custody_act act)
{
    struct custody_change change = { 0 };
    struct fault f = { 0 };
    size_t changed = 0;
    int64_t device;

    CHECK(device_find(g->store, g->demo, id, &device, &f) == RC_OK, f);
    CHECK(custody_act(g->store, g->demo, act, &device, 1, "test", &change, &changed, &f) == RC_OK &&
              changed == 1,
          f);
    custody_announce(g->roster, g->bus, g->demo, &change);
}

void gate_claim(struct gate *g, struct gate_device *d)
{
    struct device_touched touched = { 0 };
    struct fault f = { 0 };

    CHECK(enroll_claim(g->store, g->demo, d->id, NULL, &touched, &f) == RC_OK, f);
    announce(g, d, &touched, false);
}

struct wire_options gate_as_factory(const struct gate *g, const struct gate_device *d)
{
    return (struct wire_options){ .port = g->port, .key = d->factory, .cert = d->factory_cert };
}

struct wire_options gate_as_certified(const struct gate *g, const struct gate_device *d)
{
    return (struct wire_options){ .port = g->port, .key = d->key, .cert = d->cert, .ca = d->ca };
}

// ---------------------------------------------------------------- what a device says

json_t *gate_hello(const struct gate_device *d)
{
    json_t *o = json_object();

    add_text(o, "type", "hello");
    add_text(o, "protocol", PROTOCOL_NAME);
    add_text(o, "agent", "test/1");
    add_text(o, "attester", "soft");
    add_int(o, "boot", d->boot);
    return o;
}

void gate_exporter(struct wire *w, uint8_t out[32])
{
    struct fault f = { .text = "exporter" };

    CHECK(SSL_export_keying_material(wire_ssl(w), out, 32, EXPORTER_LABEL, strlen(EXPORTER_LABEL),
                                     NULL, 0, 0) == 1,
          f);
}

static void add_bytes(json_t *o, const char *name, const uint8_t *bytes, size_t len)
{
    char text[BASE64_SIZE(64)];

    base64url_encode(bytes, len, text);
    add_text(o, name, text);
}

static json_t *log_of(const struct gate_device *d)
{
    json_t *log = json_array(), *entry = json_array();

    json_array_append_new(entry, json_integer(10));
    json_array_append_new(entry, json_string("app.pump"));
    json_array_append_new(entry, json_string("1.0"));
    json_array_append_new(entry, json_string(d->sha256));
    json_array_append_new(entry, json_integer(d->svn));
    json_array_append_new(log, entry);
    return log;
}

json_t *gate_claims(const struct gate_device *d, const char *nonce, EVP_PKEY *key,
                    const uint8_t exporter[32])
{
    json_t *o = json_object();
    uint8_t raw[33], binding[32], ueid[17] = { 1 };
    unsigned char *spki = NULL;
    int len = i2d_PUBKEY(key, &spki);
    struct fault f = { .text = "nonce" };

    CHECK(base64url_decode(nonce, strlen(nonce), raw, sizeof raw) == 32, f);
    eat_expected_nonce(raw, spki, (size_t)len, exporter, binding);
    OPENSSL_free(spki);
    hex_decode(d->id, ueid + 1, 16);
    add_text(o, "eat_profile", EAT_PROFILE);
    add_bytes(o, "eat_nonce", binding, sizeof binding);
    add_bytes(o, "ueid", ueid, sizeof ueid);
    add_int(o, "iat", clock_now_ms() / 1000 + d->clock_off_s);
    add_text(o, "hwmodel", "test board");
    add_text(o, "swversion", "12.1");
    add_int(o, "bootcount", d->boot);
    add_int(o, "dbgstat", d->dbgstat);
    json_object_set_new(o, "orrery_log", log_of(d));
    return o;
}

json_t *gate_evidence(const struct gate_device *d, json_t *claims_owned, EVP_PKEY *csr_key,
                      EVP_PKEY *signer)
{
    json_auto_t *claims = claims_owned;
    auto_free char *payload = json_dumps(claims, JSON_COMPACT), *eat = NULL;
    unsigned char *csr = NULL;
    size_t len = make_csr(csr_key, &csr);
    auto_free char *csr_text = malloc(BASE64_SIZE(len));
    json_t *o = json_object();
    struct fault f = { 0 };

    (void)d;
    CHECK(jws_sign(signer, "{\"alg\":\"ES256\",\"typ\":\"" EAT_TYP "\"}", payload, strlen(payload),
                   &eat, &f) == RC_OK,
          f);
    base64_encode(csr, len, csr_text);
    OPENSSL_free(csr);
    add_text(o, "type", "evidence");
    add_text(o, "eat", eat);
    add_text(o, "csr", csr_text);
    return o;
}

static void keep_certificate(struct gate_device *d, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);

    forget(d);
    d->cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    d->ca = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
}

json_t *gate_answer(struct gate_device *d, struct wire *w, json_t *challenge_owned)
{
    json_auto_t *challenge = challenge_owned;
    const char *nonce = json_string_value(json_object_get(challenge, "nonce")), *pem;
    uint8_t exporter[32];
    json_t *verdict;

    if (!nonce)
        return NULL;
    gate_exporter(w, exporter);
    if (!wire_say_json(
            w, gate_evidence(d, gate_claims(d, nonce, d->key, exporter), d->key, d->factory)))
        return NULL;
    verdict = wire_hear(w, "verdict");
    pem = json_string_value(json_object_get(json_object_get(verdict, "certificate"), "pem"));
    if (pem)
        keep_certificate(d, pem);
    return verdict;
}

json_t *gate_attest(struct gate *g, struct gate_device *d, struct wire *w)
{
    (void)g;
    if (!w || !wire_say_json(w, gate_hello(d)))
        return NULL;
    return gate_answer(d, w, wire_hear(w, "challenge"));
}

bool gate_enroll(struct gate *g, struct gate_device *d, const char *status)
{
    struct wire_options o = gate_as_factory(g, d);
    struct wire *w = wire_connect(&o);
    json_auto_t *verdict = w ? gate_attest(g, d, w) : NULL;
    const char *got = json_string_value(json_object_get(verdict, "status"));
    int code = verdict ? wire_close_code(w) : -1;
    bool same = got && !strcmp(got, status) && code == CLOSE_NORMAL;

    if (!same)
        fprintf(stderr, "gate: wanted verdict %s, close 1000; got %s, %d\n", status,
                got ? got : "none", code);
    wire_free(w);
    return same;
}

struct wire *gate_session(struct gate *g, struct gate_device *d, json_t **settings)
{
    struct wire_options o = gate_as_certified(g, d);
    struct wire *w = wire_connect(&o);
    json_t *got = w && wire_say_json(w, gate_hello(d)) ? wire_hear(w, "settings") : NULL;

    if (!got) {
        wire_free(w);
        return NULL;
    }
    if (settings)
        *settings = got;
    else
        json_decref(got);
    return w;
}
