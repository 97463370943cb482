// SPDX-License-Identifier: Apache-2.0

#include "enroll/enroll.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <string.h>

#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "device/roster.h"
#include "store/store.h"
#include "window/arrival.h"

DEFINE_AUTO(EVP_PKEY *, pkey_freep, EVP_PKEY_free)
DEFINE_AUTO(BIO *, bio_freep, BIO_free_all)
DEFINE_AUTO(EC_POINT *, point_freep, EC_POINT_free)
DEFINE_AUTO(struct rows *, rows_freep, rows_free)

static void openssl_freep(void *p)
{
    OPENSSL_free(*(void **)p);
}

// ---------------------------------------------------------------- the key

static enum rc not_a_key(const char *label, struct fault *f)
{
    if (strstr(label, "PRIVATE KEY"))
        return fail(f, RC_INVALID,
                    "publicKey holds a private key: keep it where it was made and "
                    "send its public half (openssl pkey -pubout)");
    if (strstr(label, "CERTIFICATE"))
        return fail(f, RC_INVALID,
                    "publicKey holds a certificate: send the key in it "
                    "(openssl x509 -noout -pubkey)");
    return fail(f, RC_INVALID,
                "publicKey must be one PEM block BEGIN PUBLIC KEY, not another kind");
}

// The DER inside of the only block in pem.
static enum rc read_block(const char *pem, uint8_t **der, long *len, struct fault *f)
{
    auto_with(bio_freep) BIO *in = BIO_new_mem_buf(pem, -1);
    auto_with(openssl_freep) char *label = NULL, *header = NULL;
    char rest;

    if (!in || !PEM_read_bio(in, &label, &header, der, len))
        return fail(f, RC_INVALID,
                    "publicKey is not PEM: it begins with "
                    "-----BEGIN PUBLIC KEY----- on a line of its own");
    if (strcmp(label, PEM_STRING_PUBLIC) != 0 || *header)
        return not_a_key(label, f);
    while (BIO_read(in, &rest, 1) == 1)
        if (!strchr(" \t\r\n", rest))
            return fail(f, RC_INVALID, "publicKey holds more than one PEM block: send one key");
    return RC_OK;
}

static enum rc check_kind(EVP_PKEY *key, struct fault *f)
{
    char group[64] = "";
    const char *kind = OBJ_nid2sn(EVP_PKEY_get_base_id(key));

    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC)
        return fail(f, RC_INVALID, "publicKey is %s: only P-256 (prime256v1) keys are accepted",
                    kind ? kind : "of an unknown kind");
    if (EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1 ||
        strcmp(group, SN_X9_62_prime256v1) != 0)
        return fail(f, RC_INVALID, "publicKey is on curve %s: only P-256 (prime256v1) is accepted",
                    *group ? group : "of its own");
    return RC_OK;
}

// A fingerprint is over bytes, so a key must have only one form: the one all software writes.
static enum rc check_form(EVP_PKEY *key, const uint8_t *der, long len, struct fault *f)
{
    auto_with(openssl_freep) uint8_t *usual = NULL;

    EVP_PKEY_set_utf8_string_param(key, "point-format", "uncompressed");
    int n = i2d_PUBKEY(key, &usual);
    if (n != len || memcmp(usual, der, (size_t)n) != 0)
        return fail(f, RC_INVALID, "publicKey must name its curve and hold an uncompressed point");
    return RC_OK;
}

static void name_it(struct device_key *key)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];

    SHA256(key->spki, key->spki_len, hash);
    hex_encode(hash, sizeof hash, key->fingerprint);
    memcpy(key->id, key->fingerprint, DEVICE_ID_LEN);
    key->id[DEVICE_ID_LEN] = '\0';
}

// The usual form of a P-256 key in DER is these bytes and two coordinates.
static const uint8_t usual_head[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 };

static EC_GROUP *p256;

static void make_p256(void)
{
    p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
}

// Almost every key of a file is; the decoder that explains what is wrong with the others takes a
// hundred times as long.
static bool is_usual(const uint8_t *der, size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    auto_with(point_freep) EC_POINT *point = NULL;

    if (len != sizeof usual_head + 64 || memcmp(der, usual_head, sizeof usual_head) != 0)
        return false;
    pthread_once(&once, make_p256);
    point = p256 ? EC_POINT_new(p256) : NULL;
    return point && EC_POINT_oct2point(p256, point, der + sizeof usual_head - 1, 65, NULL) == 1;
}

// Says what is wrong with it, or that it is a good key in an unusual shape.
static enum rc check_der(const uint8_t *der, long len, struct fault *f)
{
    const uint8_t *at = der;
    auto_with(pkey_freep) EVP_PKEY *key = d2i_PUBKEY(NULL, &at, len);

    if (!key || at != der + len)
        return fail(f, RC_INVALID, "publicKey is damaged: the PEM block holds no public key");
    enum rc rc = check_kind(key, f);
    return rc == RC_OK ? check_form(key, der, len, f) : rc;
}

enum rc enroll_key_read(const char *pem, struct device_key *out, struct fault *f)
{
    auto_with(openssl_freep) uint8_t *der = NULL;
    struct device_key k = { 0 };
    long len = 0;
    enum rc rc;

    if (strlen(pem) > ENROLL_PEM_MAX)
        return fail(f, RC_INVALID, "publicKey must be at most %d bytes long", ENROLL_PEM_MAX);
    rc = read_block(pem, &der, &len, f);
    if (rc != RC_OK)
        return rc;
    rc = is_usual(der, (size_t)len) ? RC_OK : check_der(der, len, f);
    if (rc != RC_OK)
        return rc;
    if ((size_t)len > sizeof k.spki)
        return fail(f, RC_INVALID, "publicKey is too long for a P-256 key");
    memcpy(k.spki, der, (size_t)len);
    k.spki_len = (size_t)len;
    name_it(&k);
    *out = k;
    return RC_OK;
}

enum rc enroll_key_from(const uint8_t *der, size_t len, struct device_key *out, struct fault *f)
{
    const uint8_t *at = der;
    auto_with(pkey_freep) EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)len);
    struct device_key k = { 0 };
    enum rc rc;

    if (!key || at != der + len || len > sizeof k.spki)
        return fail(f, RC_INVALID, "this is no public key of a device");
    rc = check_kind(key, f);
    if (rc == RC_OK)
        rc = check_form(key, der, (long)len, f);
    if (rc != RC_OK)
        return rc;
    memcpy(k.spki, der, len);
    k.spki_len = len;
    name_it(&k);
    *out = k;
    return RC_OK;
}

// ---------------------------------------------------------------- the steps

static enum rc elsewhere(struct fault *f)
{
    return fail(f, RC_CONFLICT, "this key cannot be registered here: it is in use");
}

enum rc enroll_register(struct store *s, int32_t catalog, struct device_entry *entry, bool *created,
                        struct device_touched *touched, struct fault *f)
{
    enum rc rc;

    entry->device = device_mint();
    rc = device_add(s, catalog, DEVICE_REGISTERED, entry, 1, touched, f);
    if (rc != RC_OK)
        return rc;
    *created = touched->changed;
    if (*created)
        return RC_OK;
    rc = device_find(s, catalog, entry->key.id, &touched->device, f);
    return rc == RC_NOT_FOUND ? elsewhere(f) : rc;
}

enum rc enroll_claim(struct store *s, int32_t catalog, const char *id, const char *name,
                     struct device_touched *touched, struct fault *f)
{
    struct device_entry entry = { .name = name };
    int64_t device;
    enum rc rc = device_find(s, catalog, id, &device, f);

    if (rc != RC_OK)
        return rc;
    memcpy(entry.key.id, id, DEVICE_ID_LEN);
    rc = enroll_many(s, catalog, &entry, 1, touched, f);
    if (rc != RC_OK)
        return rc;
    if (touched->full)
        return fail(f, RC_CONFLICT, "%s", enroll_refusal(&entry, touched));
    if (!touched->changed)
        return fail(f, RC_CONFLICT, "this device is already %s",
                    device_lifecycle_name(touched->lifecycle));
    return RC_OK;
}

// ---------------------------------------------------------------- many

enum rc enroll_many(struct store *s, int32_t catalog, struct device_entry *entries, size_t count,
                    struct device_touched *touched, struct fault *f)
{
    enum rc rc = arrivals_fill(s, catalog, entries, count, f);

    for (size_t i = 0; i < count; i++)
        entries[i].device = device_mint();
    if (rc == RC_OK)
        rc = device_add(s, catalog, DEVICE_CLAIMED, entries, count, touched, f);
    if (rc == RC_OK)
        rc = device_claim(s, catalog, entries, count, touched, f);
    return rc == RC_OK ? arrivals_settle(s, catalog, entries, touched, count, f) : rc;
}

const char *enroll_refusal(const struct device_entry *e, const struct device_touched *t)
{
    if (t->other_key)
        return "the device with this id has another key: compare all 64 digits of the fingerprint";
    if (t->full)
        return "this device would have more than 32 tags, those of its claim, its registration "
               "window and its own together: claim it with fewer";
    if (!t->device)
        return *e->key.fingerprint ? "this key cannot be registered here: it is in use"
                                   : "this catalog has no device and no arrival with this id: "
                                     "claim it by its key or fingerprint";
    return t->lifecycle == DEVICE_RETIRED ? "this device is retired" : NULL;
}

void enroll_announce(struct roster *r, struct bus *b, const struct enroll_news *news)
{
    struct roster_entry e = {
        .catalog = news->catalog,
        .device = news->what.device,
        .refused_before = news->what.refused_before,
        .lifecycle = news->what.lifecycle,
    };
    struct bus_event event = {
        .kind = BUS_DEVICE,
        .catalog = news->catalog,
        .device = news->what.device,
        .id = news->id,
        .at = clock_now_ms(),
        .lifecycle = news->what.lifecycle,
    };

    // The roster first: a device that is thrown out must not slip in again.
    if (r && hex_decode(news->id, e.id, sizeof e.id))
        roster_put(r, &e);
    if (news->revoked) {
        event.kind = BUS_REVOKE;
        event.text = "unclaimed";
        bus_publish(b, &event);
        event.kind = BUS_DEVICE;
        event.text = NULL;
    }
    bus_publish(b, &event);
}
