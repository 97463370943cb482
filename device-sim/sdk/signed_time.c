// SPDX-License-Identifier: Apache-2.0

#include "sdk/signed_time.h"

#include <jansson.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "protocol/jws.h"

#define CHAIN_MAX   4
#define BUILT_AT_MS 1795305600000LL // 22 November 2026; moved forward with each release

static void free_stack(STACK_OF(X509) * *s)
{
    sk_X509_pop_free(*s, X509_free);
}

DEFINE_AUTO(X509_STORE_CTX *, free_store_ctx, X509_STORE_CTX_free)

static X509 *decode_cert(json_t *v)
{
    const char *text = json_string_value(v);
    size_t len = text ? json_string_length(v) : 0;
    auto_free uint8_t *der = malloc(len + 1);
    long n = text && der ? base64_decode(text, len, der, len) : -1;
    const uint8_t *p = der;

    return n > 0 ? d2i_X509(NULL, &p, n) : NULL;
}

static STACK_OF(X509) * chain_of(json_t *header)
{
    json_t *x5c = json_object_get(header, "x5c");
    STACK_OF(X509) *chain = sk_X509_new_null();

    for (size_t i = 0; chain && i < json_array_size(x5c) && i < CHAIN_MAX; i++) {
        X509 *c = decode_cert(json_array_get(x5c, i));
        if (!c || !sk_X509_push(chain, c)) {
            X509_free(c);
            break;
        }
    }
    return chain;
}

static enum rc check_chain(X509_STORE *trust, STACK_OF(X509) * chain, int64_t at_s, struct fault *f)
{
    auto_with(free_store_ctx) X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    if (!ctx || !X509_STORE_CTX_init(ctx, trust, sk_X509_value(chain, 0), chain))
        return fail(f, RC_INTERNAL, "out of memory");
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)at_s);
    if (X509_verify_cert(ctx) == 1)
        return RC_OK;
    return fail(f, RC_DENIED, "the signer of the server's time is not trusted: %s",
                X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
}

static enum rc check_signer(const struct jws *j, json_t *header, X509_STORE *trust, int64_t at_ms,
                            struct fault *f)
{
    const char *alg = json_string_value(json_object_get(header, "alg"));
    auto_with(free_stack) STACK_OF(X509) *chain = chain_of(header);

    if (!alg || strcmp(alg, "ES256"))
        return fail(f, RC_DENIED, "the server's time is not signed with ES256");
    if (!chain || sk_X509_num(chain) < 1)
        return fail(f, RC_INVALID, "the server's time has no certificate (x5c)");
    // Else the key of the public port, which is not the keeper's, could set clocks.
    X509 *signer = sk_X509_value(chain, 0);
    if (!(X509_get_extension_flags(signer) & EXFLAG_XKUSAGE) ||
        !(X509_get_extended_key_usage(signer) & XKU_TIMESTAMP))
        return fail(f, RC_DENIED, "the signer of the server's time is not one for time");
    EVP_PKEY *key = X509_get0_pubkey(signer);
    if (!key || jws_verify(j, key, f) != RC_OK)
        return fail(f, RC_DENIED, "the signature of the server's time is wrong");
    return check_chain(trust, chain, at_ms / 1000, f);
}

enum rc signed_time_read(const char *token, X509_STORE *server_ca, int64_t *out, struct fault *f)
{
    auto_with(jws_done) struct jws j = { 0 };
    enum rc rc = jws_parse(token, strlen(token), &j, f);

    if (rc != RC_OK)
        return rc;
    json_auto_t *header = json_loadb(j.header, j.header_len, JSON_REJECT_DUPLICATES, NULL);
    json_auto_t *payload = json_loadb(j.payload, j.payload_len, JSON_REJECT_DUPLICATES, NULL);
    json_t *time = json_object_get(payload, "time");
    if (!json_is_integer(time) || json_integer_value(time) <= 0)
        return fail(f, RC_INVALID, "the server's time lacks time");
    rc = check_signer(&j, header, server_ca, json_integer_value(time), f);
    if (rc == RC_OK)
        *out = json_integer_value(time);
    return rc;
}

void time_floor_init(struct time_floor *t, int64_t saved_ms)
{
    t->floor_ms = saved_ms > BUILT_AT_MS ? saved_ms : BUILT_AT_MS;
    t->mono_ms = clock_mono_ms();
}

static int64_t floor_now(const struct time_floor *t)
{
    return t->floor_ms + (clock_mono_ms() - t->mono_ms);
}

void time_floor_raise(struct time_floor *t, int64_t signed_ms)
{
    if (signed_ms <= floor_now(t))
        return;
    t->floor_ms = signed_ms;
    t->mono_ms = clock_mono_ms();
}

int64_t time_floor_now_ms(const struct time_floor *t)
{
    int64_t clock = clock_now_ms(), least = floor_now(t);

    return clock > least ? clock : least;
}
