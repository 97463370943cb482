// SPDX-License-Identifier: Apache-2.0

#include "access/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/hex.h"

#define SALT_LEN   16
#define HASH_LEN   32
#define LN_MAX     17
#define AT_ONCE    2
#define WAIT_S     5
#define MEMORY_MAX ((uint64_t)160 * 1024 * 1024)

struct phc {
    unsigned ln, r, p;
    uint8_t salt[SALT_LEN];
    uint8_t hash[HASH_LEN];
};

static const struct phc now_used = { .ln = 15, .r = 8, .p = 3 };

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static int inside;

static enum rc gate_enter(struct fault *f)
{
    struct timespec until;
    int err = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&gate);
    while (inside >= AT_ONCE && err == 0)
        err = pthread_cond_timedwait(&gate_opened, &gate, &until);
    bool in = inside < AT_ONCE;
    if (in)
        inside++;
    pthread_mutex_unlock(&gate);
    return in ? RC_OK : fail(f, RC_UNAVAILABLE, "too many sign-ins at once, try again");
}

static void gate_leave(void)
{
    pthread_mutex_lock(&gate);
    inside--;
    pthread_cond_signal(&gate_opened);
    pthread_mutex_unlock(&gate);
}

static enum rc derive(const char *password, const struct phc *with, uint8_t out[HASH_LEN],
                      struct fault *f)
{
    enum rc rc = gate_enter(f);

    if (rc != RC_OK)
        return rc;
    int ok = EVP_PBE_scrypt(password, strlen(password), with->salt, SALT_LEN, 1ull << with->ln,
                            with->r, with->p, MEMORY_MAX, out, HASH_LEN);
    gate_leave();
    return ok == 1 ? RC_OK : fail(f, RC_INTERNAL, "scrypt failed");
}

// PHC strings use base64 without padding.
static void unpadded(const uint8_t *bytes, size_t len, char *out)
{
    size_t n = base64_encode(bytes, len, out);

    while (n > 0 && out[n - 1] == '=')
        out[--n] = '\0';
}

static bool padded_decode(const char *text, uint8_t *out, size_t len)
{
    char full[64];
    size_t n = strlen(text);

    if (n + 4 > sizeof full)
        return false;
    memcpy(full, text, n);
    while (n % 4)
        full[n++] = '=';
    return base64_decode(full, n, out, len) == (long)len;
}

static bool phc_read(const char *text, struct phc *out)
{
    char salt[32], hash[64];
    int end = 0;

    if (sscanf(text, "$scrypt$ln=%2u,r=%2u,p=%2u$%31[A-Za-z0-9+/]$%63[A-Za-z0-9+/]%n", &out->ln,
               &out->r, &out->p, salt, hash, &end) != 5 ||
        text[end] != '\0')
        return false;
    return out->ln >= 10 && out->ln <= LN_MAX && out->r >= 1 && out->p >= 1 &&
           padded_decode(salt, out->salt, SALT_LEN) && padded_decode(hash, out->hash, HASH_LEN);
}

enum rc password_hash(const char *password, char out[PASSWORD_PHC_SIZE], struct fault *f)
{
    struct phc p = now_used;
    char salt[BASE64_SIZE(SALT_LEN)], hash[BASE64_SIZE(HASH_LEN)];

    if (RAND_bytes(p.salt, SALT_LEN) != 1)
        return fail(f, RC_INTERNAL, "no random bytes");
    enum rc rc = derive(password, &p, p.hash, f);
    if (rc != RC_OK)
        return rc;
    unpadded(p.salt, SALT_LEN, salt);
    unpadded(p.hash, HASH_LEN, hash);
    snprintf(out, PASSWORD_PHC_SIZE, "$scrypt$ln=%u,r=%u,p=%u$%s$%s", p.ln, p.r, p.p, salt, hash);
    OPENSSL_cleanse(&p, sizeof p);
    return RC_OK;
}

enum rc password_verify(const char *phc, const char *password, bool *match, struct fault *f)
{
    struct phc kept = now_used;
    uint8_t hash[HASH_LEN];
    bool known = phc && phc_read(phc, &kept);

    if (!known)
        kept = now_used;
    enum rc rc = derive(password, &kept, hash, f);
    if (rc != RC_OK)
        return rc;
    bool same = CRYPTO_memcmp(hash, kept.hash, HASH_LEN) == 0;
    *match = known && same;
    OPENSSL_cleanse(hash, sizeof hash);
    return RC_OK;
}

enum rc password_check(const char *password, const char *account_name, struct fault *f)
{
    size_t len = strlen(password);

    if (len < PASSWORD_MIN || len > PASSWORD_MAX)
        return fail(f, RC_INVALID, "a password has %d to %d bytes", PASSWORD_MIN, PASSWORD_MAX);
    if (strcasestr(password, account_name) && strlen(account_name) * 2 > len)
        return fail(f, RC_INVALID, "a password is not the account's name");
    if (strspn(password, (const char[]){ password[0], '\0' }) == len)
        return fail(f, RC_INVALID, "a password is more than one character repeated");
    return RC_OK;
}

enum rc password_invent(char out[24], struct fault *f)
{
    // 31 characters that are not mistaken for one another.
    static const char alphabet[] = "abcdefghjkmnpqrstuvwxyz23456789";
    size_t n = 0;

    while (n < 23) {
        uint8_t byte;
        if (n % 6 == 5) {
            out[n++] = '-';
            continue;
        }
        if (RAND_bytes(&byte, 1) != 1)
            return fail(f, RC_INTERNAL, "no random bytes");
        if (byte < 248) // the largest multiple of 31 in a byte, so that none is likelier
            out[n++] = alphabet[byte % 31];
    }
    out[n] = '\0';
    return RC_OK;
}
