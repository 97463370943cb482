// SPDX-License-Identifier: Apache-2.0

#include <inttypes.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "protocol/protocol.h"
#include "sdk/link_inner.h"

#define STEP_MS   30000
#define JUDGED_MS 5000

static bool send_json(struct link *l, json_t *owned)
{
    auto_free char *text = json_dumps(owned, JSON_COMPACT);

    json_decref(owned);
    return text && link_send_text(l, text, strlen(text));
}

void talk_hello(struct link *l)
{
    const char *own = l->ops->claim ? l->ops->claim(l->owner) : NULL;
    const char *claim = own ? own : l->env->claim;
    json_t *o = json_object();

    add_text(o, "type", MSG_HELLO);
    add_text(o, "protocol", PROTOCOL_NAME);
    add_text(o, "agent", l->env->agent);
    add_text(o, "attester", ATTESTER_SOFT);
    add_int(o, "boot", l->boot);
    if (claim && l->kind == CREDENTIAL_NONE)
        add_text(o, "claim", claim);
    l->retry_s = 0;
    link_set_state(l, LINK_HELLO, STEP_MS);
    send_json(l, o);
}

void talk_renew(struct link *l)
{
    static const char text[] = "{\"type\":\"renew\"}";

    link_send_text(l, text, sizeof text - 1);
}

static const char *text_of(json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

static int64_t int_of(json_t *o, const char *name, int64_t fallback)
{
    json_t *v = json_object_get(o, name);

    return json_is_integer(v) ? json_integer_value(v) : fallback;
}

static int64_t within(int64_t n, int64_t least, int64_t most)
{
    return n < least ? least : n > most ? most : n;
}

static void take_limits(struct link *l, json_t *limits)
{
    l->frame_bytes =
        (uint32_t)within(int_of(limits, "frameBytes", LIMIT_FRAME_BYTES), 256, WS_PAYLOAD_MAX);
    l->in_flight_max = (uint32_t)within(int_of(limits, "inFlight", LIMIT_IN_FLIGHT), 1, 1 << 20);
    l->ping_ms = (uint32_t)(within(int_of(limits, "pingSeconds", PING_S), 1, 3600) * 1000);
}

// ---------------------------------------------------------------- attestation

static size_t read_nonce(json_t *o, uint8_t out[64])
{
    const char *text = text_of(o, "nonce");
    long n = base64url_decode(text, strlen(text), out, 64);

    return n >= 8 ? (size_t)n : 0;
}

static enum rc make_eat(struct link *l, const uint8_t *nonce, size_t nonce_len, char **out,
                        struct fault *f)
{
    struct p256 factory, fresh;
    struct eat_facts facts = { 0 };
    uint8_t spki[P256_SPKI_LEN], exporter[EXPORTER_LEN], binding[32];

    if (SSL_export_keying_material(l->ssl, exporter, sizeof exporter, EXPORTER_LABEL,
                                   strlen(EXPORTER_LABEL), NULL, 0, 0) != 1)
        return fail(f, RC_INTERNAL, "TLS gives no channel binding");
    if (!l->ops->factory(l->owner, &factory) || !p256_from_key(l->fresh, &fresh))
        return fail(f, RC_INTERNAL, "the factory key cannot be read");
    p256_spki(&fresh, spki);
    OPENSSL_cleanse(&fresh, sizeof fresh);
    eat_binding(nonce, nonce_len, spki, sizeof spki, exporter, sizeof exporter, binding);
    l->ops->facts(l->owner, &facts);
    facts.bootcount = l->boot;
    facts.iat_s += link_now_ms(l) / 1000;
    if (facts.replayed)
        memset(binding, 0, sizeof binding);
    auto_key EVP_PKEY *key = p256_key(&factory);
    OPENSSL_cleanse(&factory, sizeof factory);
    if (!key)
        return fail(f, RC_INTERNAL, "the factory key cannot be read");
    return eat_build(key, l->id, binding, &facts, out, f);
}

static bool add_csr(struct link *l, json_t *o)
{
    uint8_t *der = NULL;
    size_t len = p256_csr(l->fresh, l->id, &der);
    auto_free char *text = len ? malloc(BASE64_SIZE(len)) : NULL;

    if (text) {
        base64_encode(der, len, text);
        add_text(o, "csr", text);
    }
    OPENSSL_free(der);
    return text != NULL;
}

static enum rc answer(struct link *l, const uint8_t *nonce, size_t nonce_len, struct fault *f)
{
    struct p256 bytes;
    auto_free char *eat = NULL;
    enum rc rc = p256_new(&bytes, f);

    if (rc != RC_OK)
        return rc;
    EVP_PKEY_free(l->fresh);
    l->fresh = p256_key(&bytes);
    OPENSSL_cleanse(&bytes, sizeof bytes);
    if (!l->fresh)
        return fail(f, RC_INTERNAL, "a new key cannot be made");
    rc = make_eat(l, nonce, nonce_len, &eat, f);
    if (rc != RC_OK)
        return rc;
    json_t *o = json_object();
    add_text(o, "type", MSG_EVIDENCE);
    add_text(o, "eat", eat);
    if (!add_csr(l, o)) {
        json_decref(o);
        return fail(f, RC_INTERNAL, "a certificate request cannot be made");
    }
    send_json(l, o); // a failure has ended the connection already
    return RC_OK;
}

static void on_challenge(struct link *l, json_t *o)
{
    struct fault f = { 0 };
    uint8_t nonce[64];
    size_t nonce_len = read_nonce(o, nonce);
    int64_t time = 0;
    enum rc rc = RC_INVALID;

    if (l->state != LINK_HELLO && l->state != LINK_READY) {
        link_fail(l, 10000, "the server challenged out of turn");
        return;
    }
    if (!nonce_len)
        fail(&f, rc, "the server's challenge has no nonce");
    else
        rc = signed_time_read(text_of(o, "time"), l->env->server_ca, &time, &f);
    if (rc == RC_OK) {
        time_floor_raise(&l->env->time, time);
        if (l->state == LINK_HELLO) {
            take_limits(l, json_object_get(o, "limits"));
            link_set_state(l, LINK_EVIDENCE, STEP_MS);
        }
        rc = answer(l, nonce, nonce_len, &f);
    }
    if (rc != RC_OK)
        link_fail(l, 10000, "%s", f.text);
}

// When the server says; devices that attested together shall not all renew in the same second. A
// new certificate that is due already (a clock ahead, a life shorter than its back-dating) is kept
// for half of what is left of it, or it would be renewed without end.
static int64_t renew_at(const struct link *l, const struct credential *c)
{
    int64_t now = link_now_ms(l);

    if (c->renew_at <= now)
        return now + within((c->not_after - now) / 2, 0, INT64_MAX);
    return c->renew_at +
           env_below(l->env, (uint32_t)within((c->renew_at - now) / 10, 0, UINT32_MAX));
}

static bool take_certificate(struct link *l, json_t *o, struct fault *f)
{
    struct credential c = { 0 };
    json_t *pem = json_object_get(o, "pem");
    const char *text = json_string_value(pem);

    if (!text || !l->fresh)
        return fail(f, RC_INVALID, "a certificate came that was not asked for"), false;
    if (credential_parse(text_of(o, "kind"), text, json_string_length(pem),
                         int_of(o, "notAfter", 0), int_of(o, "renewAt", 0), l->fresh, &c,
                         f) != RC_OK)
        return false;
    l->fresh = NULL;
    l->renewed = true;
    l->not_after = c.not_after;
    l->renew_at = renew_at(l, &c);
    c.renew_at = l->renew_at;
    SSL_SESSION_free(l->session); // a ticket of the old certificate
    l->session = NULL;
    l->ops->keep(l->owner, &c);
    credential_done(&c);
    return true;
}

static void on_verdict(struct link *l, json_t *o)
{
    json_t *cert = json_object_get(o, "certificate");
    struct fault f = { 0 };

    if (!l->fresh) {
        link_fail(l, 10000, "the server judged what it had not asked for");
        return;
    }
    l->renewing = false;
    if (json_is_object(cert)) {
        if (!take_certificate(l, cert, &f)) {
            link_fail(l, 60000, "%s", f.text);
            return;
        }
    } else if (l->state == LINK_EVIDENCE) {
        l->renew_at = 0;
    }
    if (l->state == LINK_EVIDENCE)
        link_set_state(l, LINK_JUDGED, JUDGED_MS);
    else
        l->wake_ms = l->env->now_ms;
    l->ops->changed(l->owner, LINK_ATTESTED, text_of(o, "status"));
}

// ---------------------------------------------------------------- steady state

int link_level_of(const char *name)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };

    for (int i = 0; i < 4; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

// A server that says nothing, or a level not known here, means the usual one.
static void take_log_level(struct link *l, const char *name)
{
    int level = link_level_of(name);

    l->log_level = level < 0 ? LINK_LOG_USUAL : level;
}

static void on_settings(struct link *l, json_t *o)
{
    json_t *ack = json_object_get(o, "ack");
    bool first = l->state == LINK_HELLO;

    if ((!first && l->state != LINK_READY) || l->kind == CREDENTIAL_NONE) {
        link_fail(l, 10000, "the server sent settings out of turn");
        return;
    }
    take_limits(l, json_object_get(o, "limits"));
    l->settings = int_of(o, "version", 0);
    take_log_level(l, text_of(o, "logLevel"));
    l->quarantined = json_is_true(json_object_get(o, "quarantined"));
    if (first && !l->renew_at)
        l->renew_at = int_of(o, "renewAt", 0);
    if (first) {
        l->state = LINK_READY;
        l->wake_ms = l->env->now_ms; // tick works out when to wake
        l->attempt = 0;
        if (json_is_object(ack))
            l->ops->settled(l->owner, int_of(ack, "boot", 0), int_of(ack, "seq", 0));
        l->ops->rewind(l->owner);
    }
    l->ops->changed(l->owner, first ? LINK_UP : LINK_SETTINGS, "");
}

static void on_ack(struct link *l, json_t *o)
{
    l->ops->settled(l->owner, int_of(o, "boot", l->boot), int_of(o, "seq", 0));
}

static void on_nack(struct link *l, json_t *o)
{
    if (int_of(o, "seq", 0) == 0) // of the session: a close follows
        l->retry_s = (uint16_t)within(int_of(o, "retrySeconds", 0), 0, 3600);
    l->ops->nacked(l->owner, int_of(o, "seq", 0), text_of(o, "code"), text_of(o, "text"));
}

// ---------------------------------------------------------------- crash dumps

bool link_offer_dump(struct link *l, const char *sha256, int64_t bytes, const char *name,
                     int64_t at_ms)
{
    json_t *o = json_object();

    add_text(o, "type", MSG_DUMP);
    add_text(o, "sha256", sha256);
    add_int(o, "bytes", bytes);
    add_text(o, "name", name);
    add_int(o, "t", at_ms);
    return send_json(l, o);
}

bool link_send_piece(struct link *l, int64_t from, const void *bytes, size_t len)
{
    auto_free char *data = malloc(BASE64_SIZE(len));
    json_t *o = json_object();

    if (data)
        base64_encode(bytes, len, data);
    add_text(o, "type", MSG_PIECE);
    add_int(o, "from", from);
    add_text(o, "data", data);
    return send_json(l, o) && data;
}

static void on_dump(struct link *l, json_t *o)
{
    const struct link_dump d = { .sha256 = text_of(o, "sha256"),
                                 .refused = json_string_value(json_object_get(o, "refused")),
                                 .text = text_of(o, "text"),
                                 .retry_s = within(int_of(o, "retrySeconds", 0), 0, 30 * 86400),
                                 .next = int_of(o, "next", 0),
                                 .stored = json_is_true(json_object_get(o, "stored")) };

    if (l->ops->dump)
        l->ops->dump(l->owner, &d);
}

static const struct {
    const char *type;
    void (*handle)(struct link *l, json_t *o);
} handlers[] = {
    { MSG_CHALLENGE, on_challenge }, { MSG_VERDICT, on_verdict },
    { MSG_SETTINGS, on_settings },   { MSG_ACK, on_ack },
    { MSG_NACK, on_nack },           { MSG_DUMP, on_dump },
};

static const char *digits(const char *at, const char *end, int64_t *out)
{
    int64_t n = 0;
    const char *start = at;

    while (at < end && *at >= '0' && *at <= '9' && at - start < 18)
        n = n * 10 + (*at++ - '0');
    *out = n;
    return at > start ? at : NULL;
}

// {"type":"ack","seq":813}, what a busy device reads nearly all the time.
static bool plain_ack(struct link *l, const char *text, size_t len)
{
    static const char head[] = "{\"type\":\"ack\",\"seq\":";
    const char *end = text + len;
    int64_t seq;

    if (l->state != LINK_READY || len < sizeof head || memcmp(text, head, sizeof head - 1))
        return false;
    const char *at = digits(text + sizeof head - 1, end, &seq);
    if (!at || at + 1 != end || *at != '}')
        return false;
    l->ops->settled(l->owner, l->boot, seq);
    return true;
}

void talk_text(struct link *l, const char *text, size_t len)
{
    if (plain_ack(l, text, len))
        return;
    json_auto_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(o)) {
        link_fail(l, 10000, "the server sent something that is not a JSON object");
        return;
    }
    const char *type = text_of(o, "type");
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (!strcmp(type, handlers[i].type)) {
            handlers[i].handle(l, o);
            return;
        }
    }
}
