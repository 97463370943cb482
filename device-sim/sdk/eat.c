// SPDX-License-Identifier: Apache-2.0

#include "sdk/eat.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <string.h>

#include "core/auto.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "protocol/jws.h"
#include "protocol/protocol.h"

DEFINE_AUTO(EVP_MD_CTX *, free_md, EVP_MD_CTX_free)

void eat_binding(const uint8_t *nonce, size_t nonce_len, const uint8_t *spki, size_t spki_len,
                 const uint8_t *exporter, size_t exporter_len, uint8_t out[32])
{
    auto_with(free_md) EVP_MD_CTX *md = EVP_MD_CTX_new();

    EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    EVP_DigestUpdate(md, nonce, nonce_len);
    EVP_DigestUpdate(md, spki, spki_len);
    EVP_DigestUpdate(md, exporter, exporter_len);
    EVP_DigestFinal_ex(md, out, NULL);
}

static void add_bytes(json_t *o, const char *name, const uint8_t *bytes, size_t len)
{
    char text[BASE64_SIZE(64)];

    base64url_encode(bytes, len, text);
    add_text(o, name, text);
}

static void add_ueid(json_t *o, const char *id)
{
    uint8_t ueid[17] = { 0x01 };

    if (hex_decode(id, ueid + 1, 16))
        add_bytes(o, "ueid", ueid, sizeof ueid);
}

static json_t *log_to_json(const struct eat_facts *facts)
{
    json_t *log = json_array();

    for (size_t i = 0; i < facts->log_count; i++) {
        const struct measurement *m = &facts->log[i];
        json_t *entry = json_array();

        json_array_append_new(entry, json_integer(m->pcr));
        json_array_append_new(entry, json_string(m->component));
        json_array_append_new(entry, json_string(m->version));
        json_array_append_new(entry, json_string(m->sha256));
        json_array_append_new(entry, json_integer(m->svn));
        json_array_append_new(log, entry);
    }
    return log;
}

static json_t *claims(const char *id, const uint8_t binding[32], const struct eat_facts *facts)
{
    json_t *o = json_object();

    add_text(o, "eat_profile", EAT_PROFILE);
    add_bytes(o, "eat_nonce", binding, 32);
    add_int(o, "iat", facts->iat_s);
    add_ueid(o, id);
    add_text(o, "hwmodel", facts->hwmodel);
    add_text(o, "swname", facts->swname);
    add_text(o, "swversion", facts->swversion);
    add_int(o, "bootcount", facts->bootcount);
    add_bytes(o, "bootseed", facts->bootseed, sizeof facts->bootseed);
    add_bool(o, "oemboot", facts->oemboot);
    add_int(o, "dbgstat", facts->dbgstat);
    add_int(o, "uptime", facts->uptime_s);
    json_object_set_new(o, "orrery_log", log_to_json(facts));
    return o;
}

enum rc eat_build(EVP_PKEY *factory, const char *id, const uint8_t binding[32],
                  const struct eat_facts *facts, char **out, struct fault *f)
{
    json_auto_t *o = claims(id, binding, facts);
    auto_free char *payload = json_dumps(o, JSON_COMPACT);

    if (!payload)
        return fail(f, RC_INTERNAL, "out of memory");
    return jws_sign(factory, "{\"alg\":\"ES256\",\"typ\":\"" EAT_TYP "\"}", payload,
                    strlen(payload), out, f);
}
