// SPDX-License-Identifier: Apache-2.0

#include "enroll/claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/hex.h"
#include "core/number.h"
#include "enroll/enroll.h"
#include "enroll_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define GROUP_TEXT_MAX   120 // "Product / Group", 50 characters each, and what it takes to say so
#define DIGEST_PREFIX    "sha256:"
#define PEM_BEGIN        "-----BEGIN PUBLIC KEY-----\n"
#define PEM_END          "\n-----END PUBLIC KEY-----\n"
#define FINGERPRINT_TEXT 120

struct claim_groups {
    struct rows *rows; // the paths live there
    int last;          // the one found before is often the next too
    int count;
    struct {
        int32_t id;
        const char *path;
    } list[];
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// ---------------------------------------------------------------- groups

enum rc claim_groups_load(struct store *s, int32_t catalog, struct claim_groups **out,
                          struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    enum rc rc = store_run(s, &Q_ENROLL_GROUPS, (const char *[]){ ARG_INT(catalog) }, &rows, f);

    if (rc != RC_OK)
        return rc;
    int n = rows_count(rows);
    struct claim_groups *g = calloc(1, sizeof *g + (size_t)n * sizeof g->list[0]);
    if (!g)
        return fail(f, RC_INTERNAL, "out of memory");
    for (int i = 0; i < n; i++) {
        g->list[i].id = (int32_t)rows_int(rows, i, "id");
        g->list[i].path = rows_text(rows, i, "path");
    }
    g->count = n;
    g->rows = take(&rows);
    *out = g;
    return RC_OK;
}

void claim_groups_free(struct claim_groups *g)
{
    if (!g)
        return;
    rows_free(g->rows);
    free(g);
}

static bool is_group(const struct claim_groups *g, int i, int64_t id, const char *path)
{
    return id > 0 ? g->list[i].id == id : strcasecmp(g->list[i].path, path) == 0;
}

static enum rc find_group(struct claim_groups *g, const char *text, int32_t *out, struct fault *f)
{
    int64_t id = 0;

    if (!number_read(text, &id))
        id = 0;
    for (int i = 0; i < g->count; i++) {
        int at = (g->last + i) % g->count;

        if (is_group(g, at, id, text)) {
            g->last = at;
            *out = g->list[at].id;
            return RC_OK;
        }
    }
    return fail(f, RC_INVALID,
                "this catalog has no group '%.100s': name it by id or as "
                "\"Product / Group\"",
                text);
}

// ---------------------------------------------------------------- the key

// Base64 without its frame, as it stands in one cell of a table, is a key too.
static enum rc read_key(const char *text, struct device_key *out, struct fault *f)
{
    char pem[sizeof PEM_BEGIN + ENROLL_PEM_MAX + sizeof PEM_END];
    size_t len = strlen(text);

    if (strstr(text, "-----") || len > 200)
        return enroll_key_read(text, out, f);
    snprintf(pem, sizeof pem, PEM_BEGIN "%s" PEM_END, text);
    return enroll_key_read(pem, out, f);
}

static enum rc read_fingerprint(const char *text, struct device_key *out, struct fault *f)
{
    char plain[FINGERPRINT_LEN + 2];
    uint8_t bytes[FINGERPRINT_LEN / 2];
    size_t n = 0;

    if (!strncasecmp(text, DIGEST_PREFIX, sizeof DIGEST_PREFIX - 1))
        text += sizeof DIGEST_PREFIX - 1;
    for (; *text && n <= FINGERPRINT_LEN; text++)
        if (*text != ':' && *text != ' ')
            plain[n++] = *text >= 'A' && *text <= 'F' ? (char)(*text | 0x20) : *text;
    plain[n] = '\0';
    if (!hex_decode(plain, bytes, sizeof bytes))
        return fail(f, RC_INVALID,
                    "fingerprint must be the SHA-256 of the public key (DER), 64 hex digits");
    memcpy(out->fingerprint, plain, FINGERPRINT_LEN + 1);
    memcpy(out->id, plain, DEVICE_ID_LEN);
    out->id[DEVICE_ID_LEN] = '\0';
    return RC_OK;
}

static enum rc read_id(const char *text, struct device_key *out, struct fault *f)
{
    char plain[DEVICE_ID_LEN + 1] = "";

    for (size_t i = 0; i <= DEVICE_ID_LEN && text[i]; i++)
        plain[i < DEVICE_ID_LEN ? i : DEVICE_ID_LEN - 1] =
            text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] | 0x20) : text[i];
    if (strlen(text) != DEVICE_ID_LEN || !device_id_valid(plain))
        return fail(f, RC_INVALID, "id must be the 32 hex digits of a device's id");
    memcpy(out->id, plain, sizeof plain);
    return RC_OK;
}

struct claim_body {
    const char *public_key, *fingerprint, *id, *name;
    json_t *group, *tags;
};

static const struct field claim_fields[] = {
    { TEXT_AS(struct claim_body, public_key, "publicKey"), OPTIONAL, 1, ENROLL_PEM_MAX },
    { TEXT(struct claim_body, fingerprint), OPTIONAL, 1, FINGERPRINT_TEXT },
    { TEXT(struct claim_body, id), OPTIONAL, 1, DEVICE_ID_LEN + 1 },
    { TEXT(struct claim_body, name), OPTIONAL, 1, DEVICE_NAME_MAX },
    { JSON(struct claim_body, group), OPTIONAL, 0, 0 },
    { JSON(struct claim_body, tags), OPTIONAL, 0, 0 },
};

// The strongest that is said counts, and what else is said must agree with it.
static enum rc read_who(const struct claim_body *b, struct device_key *out, struct fault *f)
{
    struct device_key other = { 0 };
    enum rc rc = RC_OK;

    if (!b->public_key && !b->fingerprint && !b->id)
        return fail(f, RC_INVALID, "name the device by publicKey, fingerprint or id");
    if (b->public_key)
        rc = read_key(b->public_key, out, f);
    if (rc == RC_OK && b->fingerprint)
        rc = read_fingerprint(b->fingerprint, b->public_key ? &other : out, f);
    if (rc == RC_OK && *other.fingerprint && strcmp(other.fingerprint, out->fingerprint) != 0)
        return fail(f, RC_INVALID, "fingerprint is not that of publicKey");
    if (rc == RC_OK && b->id)
        rc = read_id(b->id, *out->id ? &other : out, f);
    if (rc == RC_OK && b->id && *other.id && strcmp(other.id, out->id) != 0)
        return fail(f, RC_INVALID,
                    "id is not that of the key: it is the first 32 digits of its "
                    "fingerprint");
    return rc;
}

static enum rc read_group(json_t *group, struct claim_groups *groups, int32_t *out, struct fault *f)
{
    const char *text = json_string_value(group);

    if (!group || json_is_null(group) || !groups)
        return RC_OK;
    if (json_is_integer(group))
        return find_group(groups, ARG_INT(json_integer_value(group)), out, f);
    if (!text || strlen(text) > 2 * GROUP_TEXT_MAX)
        return fail(f, RC_INVALID, "group must be the id of a group, or \"Product / Group\"");
    return find_group(groups, text, out, f);
}

enum rc claim_read(json_t *row, struct claim_groups *groups, struct device_entry *out,
                   struct fault *f)
{
    struct claim_body b = { 0 };
    enum rc rc = BODY_READ(row, claim_fields, &b, f);

    *out = (struct device_entry){ 0 };
    if (rc == RC_OK && b.name)
        rc = device_name_check(b.name, f);
    if (rc == RC_OK && b.tags)
        rc = device_tags_check(b.tags, f);
    if (rc == RC_OK)
        rc = read_who(&b, &out->key, f);
    if (rc == RC_OK)
        rc = read_group(b.group, groups, &out->group, f);
    out->name = b.name;
    out->tags = b.tags;
    return rc;
}
