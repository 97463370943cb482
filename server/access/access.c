// SPDX-License-Identifier: Apache-2.0

#include "access/access.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "access/api_token.h"
#include "access/web_session.h"
#include "access_sql.h"
#include "core/auto.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/hex.h"
#include "store/store.h"

#define CACHE_SLOTS 512
#define CACHE_MS    1000

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

struct remembered {
    struct identity who; // who.who.credential is the key; account 0: empty
    int64_t until;       // clock_mono_ms
};

struct access {
    int64_t idle_s, absolute_s;
    struct bus *bus;
    struct guard *guard;
    uint8_t secret[KEY_LEN];
    uint8_t csrf_key[KEY_LEN];
    pthread_mutex_t lock;
    uint64_t generation; // grows with every forgetting
    struct remembered cache[CACHE_SLOTS];
};

// ---------------------------------------------------------------- the cache

static struct remembered *slot_of(struct access *a, const uint8_t hash[32])
{
    return &a->cache[(hash[0] | (unsigned)hash[1] << 8) % CACHE_SLOTS];
}

static bool recall(struct access *a, const uint8_t hash[32], struct identity *out,
                   uint64_t *generation)
{
    pthread_mutex_lock(&a->lock);
    struct remembered *m = slot_of(a, hash);
    bool known = m->who.who.account && m->until > clock_mono_ms() &&
                 CRYPTO_memcmp(m->who.who.credential, hash, 32) == 0;
    if (known)
        *out = m->who;
    *generation = a->generation;
    pthread_mutex_unlock(&a->lock);
    return known;
}

// Not if something was forgotten since the question was asked: the answer may be the old one.
static void remember(struct access *a, const struct identity *who, uint64_t generation)
{
    pthread_mutex_lock(&a->lock);
    if (a->generation == generation)
        *slot_of(a, who->who.credential) =
            (struct remembered){ .who = *who, .until = clock_mono_ms() + CACHE_MS };
    pthread_mutex_unlock(&a->lock);
}

static void forget(void *ctx, const struct bus_event *e)
{
    struct access *a = ctx;

    if (e->kind != BUS_ACCESS)
        return;
    pthread_mutex_lock(&a->lock);
    a->generation++;
    memset(a->cache, 0, sizeof a->cache);
    pthread_mutex_unlock(&a->lock);
}

void access_changed(struct access *a, int64_t account)
{
    const struct bus_event e = {
        .kind = BUS_ACCESS,
        .account = account,
        .at = clock_now_ms(),
    };

    forget(a, &e);
    bus_publish(a->bus, &e);
}

// ---------------------------------------------------------------- life

static enum rc load_secret(struct access *a, struct store *s, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    uint8_t fresh[KEY_LEN];
    char text[2 + 2 * KEY_LEN + 1] = "\\x";

    if (RAND_bytes(fresh, sizeof fresh) != 1)
        return fail(f, RC_INTERNAL, "no random bytes");
    hex_encode(fresh, sizeof fresh, text + 2);
    enum rc rc = store_run(s, &Q_SECRET_MAKE, (const char *[]){ "installation", text }, NULL, f);
    if (rc == RC_OK)
        rc = store_run(s, &Q_SECRET_READ, (const char *[]){ "installation" }, &rows, f);
    if (rc != RC_OK)
        return rc;
    if (rows_count(rows) != 1 || !hex_decode(rows_text(rows, 0, "value"), a->secret, KEY_LEN))
        return fail(f, RC_INTERNAL, "the installation's secret in the database is damaged");
    return RC_OK;
}

enum rc access_new(struct store *s, const struct config *c, struct bus *bus, struct access **out,
                   struct fault *f)
{
    struct access *a = calloc(1, sizeof *a);

    if (!a)
        return fail(f, RC_INTERNAL, "out of memory");
    pthread_mutex_init(&a->lock, NULL);
    a->idle_s = c->session_idle_s;
    a->absolute_s = c->session_absolute_s;
    a->bus = bus;
    a->guard = guard_new();
    enum rc rc = a->guard ? load_secret(a, s, f) : fail(f, RC_INTERNAL, "out of memory");
    if (rc != RC_OK) {
        access_free(a);
        return rc;
    }
    access_key(a, "csrf", a->csrf_key);
    if (bus)
        bus_subscribe(bus, forget, a);
    *out = a;
    return RC_OK;
}

void access_free(struct access *a)
{
    if (!a)
        return;
    guard_free(a->guard);
    pthread_mutex_destroy(&a->lock);
    OPENSSL_cleanse(a->secret, sizeof a->secret);
    free(a);
}

int64_t access_idle_s(const struct access *a)
{
    return a->idle_s;
}

int64_t access_absolute_s(const struct access *a)
{
    return a->absolute_s;
}

struct guard *access_guard(struct access *a)
{
    return a->guard;
}

void access_key(const struct access *a, const char *purpose, uint8_t out[KEY_LEN])
{
    HMAC(EVP_sha256(), a->secret, KEY_LEN, (const uint8_t *)purpose, strlen(purpose), out, NULL);
}

void access_csrf(const struct access *a, const uint8_t credential[32],
                 char out[CREDENTIAL_TEXT_LEN + 1])
{
    uint8_t mac[SHA256_DIGEST_LENGTH];

    HMAC(EVP_sha256(), a->csrf_key, KEY_LEN, credential, 32, mac, NULL);
    base64url_encode(mac, sizeof mac, out);
}

// ---------------------------------------------------------------- who

typedef enum rc finder(const struct access *a, struct store *s, const uint8_t hash[32],
                       struct identity *out, struct fault *f);

static enum rc by_session(const struct access *a, struct store *s, const uint8_t hash[32],
                          struct identity *out, struct fault *f)
{
    return web_session_find(s, hash, a->idle_s, a->absolute_s, out, f);
}

static enum rc by_api_token(const struct access *a, struct store *s, const uint8_t hash[32],
                            struct identity *out, struct fault *f)
{
    (void)a;
    return api_token_find(s, hash, out, f);
}

static enum rc identify(struct access *a, struct store *s, const uint8_t hash[32], finder *find,
                        struct identity *out, struct fault *f)
{
    uint64_t generation;
    struct identity found = { 0 };

    if (recall(a, hash, out, &generation))
        return RC_OK;
    enum rc rc = find(a, s, hash, &found, f);
    if (rc != RC_OK)
        return rc;
    memcpy(found.who.credential, hash, 32);
    remember(a, &found, generation);
    *out = found;
    return RC_OK;
}

enum rc access_by_cookie(struct access *a, struct store *s, const char *cookie,
                         struct identity *out, struct fault *f)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];

    if (strlen(cookie) != CREDENTIAL_TEXT_LEN)
        return fail(f, RC_DENIED, "the session has ended, sign in again");
    SHA256((const uint8_t *)cookie, strlen(cookie), hash);
    return identify(a, s, hash, by_session, out, f);
}

enum rc access_by_token(struct access *a, struct store *s, const char *token, struct identity *out,
                        struct fault *f)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];

    if (strlen(token) != TOKEN_TEXT_LEN)
        return fail(f, RC_DENIED, "the token is not valid or no longer so");
    SHA256((const uint8_t *)token, strlen(token), hash);
    return identify(a, s, hash, by_api_token, out, f);
}

enum rc access_recheck(struct access *a, struct store *s, const struct principal *who,
                       struct fault *f)
{
    struct identity now;
    enum rc rc =
        identify(a, s, who->credential, who->by_token ? by_api_token : by_session, &now, f);

    if (rc != RC_OK)
        return rc;
    if (now.who.role != who->role || now.who.catalog != who->catalog ||
        now.who.permissions != who->permissions)
        return fail(f, RC_DENIED, "the account's role or rights changed, sign in again");
    return RC_OK;
}

enum rc access_upkeep(struct store *s, const struct config *c, struct fault *f)
{
    char idle[24], absolute[24];

    snprintf(idle, sizeof idle, "%lld", (long long)c->session_idle_s);
    snprintf(absolute, sizeof absolute, "%lld", (long long)c->session_absolute_s);
    enum rc rc = store_run(s, &Q_SESSION_EXPIRE, (const char *[]){ idle, absolute }, NULL, f);
    return rc == RC_OK ? store_run(s, &Q_TOKEN_EXPIRE, NULL, NULL, f) : rc;
}
