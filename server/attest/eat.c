// SPDX-License-Identifier: Apache-2.0

#include "attest/eat.h"

#include <inttypes.h>
#include <string.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/hex.h"
#include "protocol/jws.h"
#include "protocol/protocol.h"

#define UEID_RAND     0x01 // RFC 9711 4.2.1.1: type byte of a 128-bit value
#define UEID_LEN      17
#define TEXT_MAX      128
#define INTEGER_MAX   (INT64_C(1) << 53)
#define SHA256_DIGITS 64

DEFINE_AUTO(EVP_MD_CTX *, md_ctx_freep, EVP_MD_CTX_free)

struct header {
    const char *alg, *typ;
};

static const struct field header_fields[] = {
    { TEXT(struct header, alg), REQUIRED, 5, 5 },
    { TEXT(struct header, typ), REQUIRED, 7, 7 },
};

struct claims {
    const char *eat_profile, *eat_nonce, *ueid, *hwmodel, *swname, *swversion;
    int64_t iat, bootcount;
};

static const struct field claim_fields[] = {
    { TEXT(struct claims, eat_profile), REQUIRED, 1, 80 },
    { TEXT(struct claims, eat_nonce), REQUIRED, 43, 43 },
    { TEXT(struct claims, ueid), REQUIRED, 23, 23 },
    { TEXT(struct claims, hwmodel), OPTIONAL, 0, TEXT_MAX },
    { TEXT(struct claims, swname), OPTIONAL, 0, TEXT_MAX },
    { TEXT(struct claims, swversion), OPTIONAL, 0, TEXT_MAX },
    { INT(struct claims, iat), REQUIRED, 0, INTEGER_MAX },
    { INT(struct claims, bootcount), REQUIRED, 0, INTEGER_MAX },
};

static const char *const debug_names[] = {
    "enabled",
    "disabled",
    "disabled-since-boot",
    "disabled-permanently",
    "disabled-fully-and-permanently",
};

// How deep objects and arrays may nest, so that no later walk of the claims recurses far.
static bool is_shallow(json_t *v, int left)
{
    const char *key;
    json_t *member;
    size_t i;

    if (!json_is_object(v) && !json_is_array(v))
        return true;
    if (left == 0)
        return false;
    json_object_foreach (v, key, member)
        if (!is_shallow(member, left - 1))
            return false;
    json_array_foreach (v, i, member)
        if (!is_shallow(member, left - 1))
            return false;
    return true;
}

static enum rc check_header(const struct jws *j, struct fault *f)
{
    json_auto_t *o = json_loadb(j->header, j->header_len, JSON_REJECT_DUPLICATES, NULL);
    struct header h = { 0 };
    enum rc rc = o ? BODY_READ(o, header_fields, &h, f)
                   : fail(f, RC_INVALID, "the evidence's header is not JSON");

    if (rc != RC_OK)
        return rc;
    if (strcmp(h.alg, "ES256") != 0 || strcmp(h.typ, EAT_TYP) != 0)
        return fail(f, RC_INVALID, "the evidence's header must be alg ES256, typ " EAT_TYP);
    return RC_OK;
}

static enum rc read_debug(struct eat *e, struct fault *f)
{
    json_t *v = json_object_get(e->claims, "dbgstat");

    for (int i = 0; i < 5; i++)
        if ((json_is_integer(v) && json_integer_value(v) == i) ||
            (json_is_string(v) && !strcmp(json_string_value(v), debug_names[i]))) {
            e->debug = i;
            return RC_OK;
        }
    return fail(f, RC_INVALID, "dbgstat must be a debug state of RFC 9711, 0 to 4");
}

static bool is_text(const json_t *v, size_t min, size_t max)
{
    return json_is_string(v) && json_string_length(v) >= min && json_string_length(v) <= max;
}

static enum rc read_entry(json_t *v, size_t at, struct eat_entry *out, struct fault *f)
{
    const json_t *pcr = json_array_get(v, 0), *component = json_array_get(v, 1);
    const json_t *version = json_array_get(v, 2), *sha256 = json_array_get(v, 3);
    const json_t *svn = json_array_get(v, 4);
    uint8_t digest[SHA256_DIGITS / 2];

    if (!json_is_integer(pcr) || json_integer_value(pcr) < 0 || json_integer_value(pcr) > 23 ||
        !is_text(component, 1, TEXT_MAX) || !is_text(version, 0, TEXT_MAX) ||
        !is_text(sha256, SHA256_DIGITS, SHA256_DIGITS) ||
        !hex_decode(json_string_value(sha256), digest, sizeof digest) ||
        (svn && (!json_is_integer(svn) || json_integer_value(svn) < 0)))
        return fail(f, RC_INVALID,
                    "orrery_log[%zu] must be [pcr, \"component\", \"version\", \"sha256\", svn]",
                    at);
    *out = (struct eat_entry){
        .pcr = json_integer_value(pcr),
        .component = json_string_value(component),
        .version = json_string_value(version),
        .sha256 = json_string_value(sha256),
        .svn = json_integer_value(svn),
    };
    return RC_OK;
}

static enum rc read_log(struct eat *e, struct fault *f)
{
    json_t *log = json_object_get(e->claims, "orrery_log"), *v;
    enum rc rc = RC_OK;
    size_t i;

    if (!json_is_array(log) || json_array_size(log) > EAT_LOG_MAX)
        return fail(f, RC_INVALID, "orrery_log must be an array of at most %d entries",
                    EAT_LOG_MAX);
    e->count = json_array_size(log);
    json_array_foreach (log, i, v) {
        rc = read_entry(v, i, &e->log[i], f);
        if (rc != RC_OK)
            break;
    }
    return rc;
}

static enum rc read_fixed(struct eat *e, const struct claims *c, struct fault *f)
{
    uint8_t ueid[UEID_LEN + 1];

    if (strcmp(c->eat_profile, EAT_PROFILE) != 0)
        return fail(f, RC_INVALID, "eat_profile must be " EAT_PROFILE);
    if (base64url_decode(c->eat_nonce, 43, e->binding, sizeof e->binding) != 32)
        return fail(f, RC_INVALID, "eat_nonce must be 32 bytes in base64url");
    if (base64url_decode(c->ueid, 23, ueid, sizeof ueid) != UEID_LEN || ueid[0] != UEID_RAND)
        return fail(f, RC_INVALID, "ueid must be 0x01 and the 16 bytes of the id in base64url");
    memcpy(e->id, ueid + 1, sizeof e->id);
    e->issued_at = c->iat;
    e->boot_count = c->bootcount;
    e->hw_model = c->hwmodel;
    e->sw_name = c->swname;
    e->sw_version = c->swversion;
    return RC_OK;
}

static enum rc read_claims(struct eat *e, struct fault *f)
{
    struct claims c = { 0 };
    enum rc rc;

    if (!is_shallow(e->claims, EAT_DEPTH_MAX))
        return fail(f, RC_INVALID, "the claims nest deeper than %d", EAT_DEPTH_MAX);
    rc = BODY_PICK(e->claims, claim_fields, &c, f);
    if (rc == RC_OK)
        rc = read_fixed(e, &c, f);
    if (rc == RC_OK)
        rc = read_debug(e, f);
    return rc == RC_OK ? read_log(e, f) : rc;
}

enum rc eat_read(const char *payload, size_t len, struct eat *out, struct fault *f)
{
    struct eat e = { .claims = json_loadb(payload, len, JSON_REJECT_DUPLICATES, NULL) };
    enum rc rc = e.claims ? read_claims(&e, f)
                          : fail(f, RC_INVALID, "the claims are not JSON, or name one twice");

    if (rc == RC_OK)
        *out = e;
    else
        eat_done(&e);
    return rc;
}

enum rc eat_open(const char *text, size_t len, EVP_PKEY *key, struct eat *out, struct fault *f)
{
    auto_with(jws_done) struct jws j = { 0 };
    enum rc rc = jws_parse(text, len, &j, f);

    if (rc == RC_OK)
        rc = check_header(&j, f);
    if (rc == RC_OK)
        rc = jws_verify(&j, key, f);
    return rc == RC_OK ? eat_read(j.payload, j.payload_len, out, f) : rc;
}

void eat_done(struct eat *e)
{
    json_decref(e->claims);
    *e = (struct eat){ 0 };
}

void eat_expected_nonce(const uint8_t nonce[32], const uint8_t *spki, size_t spki_len,
                        const uint8_t exporter[32], uint8_t out[32])
{
    auto_with(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    memset(out, 0, 32);
    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(ctx, nonce, 32) != 1 || EVP_DigestUpdate(ctx, spki, spki_len) != 1 ||
        EVP_DigestUpdate(ctx, exporter, 32) != 1 || EVP_DigestFinal_ex(ctx, out, NULL) != 1)
        abort(); // out of memory; a guessable binding would be worse
}
