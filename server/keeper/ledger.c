// SPDX-License-Identifier: Apache-2.0

#include "keeper/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"

#define DAY_S          (24 * 3600)
#define CLOCK_SLACK_S  300
#define LINE_MAX_BYTES 400

// Token buckets: how many at once, and how long until one more.
struct allowance {
    double burst, per_s;
};
static const struct allowance per_device[] = {
    [CERT_OPERATIONAL] = { 100, 1.0 / 600 },     // 144 a day; two are needed
    [CERT_QUARANTINE] = { 6, 1.0 / (4 * 3600) }, // a few a day
};
static const struct allowance per_catalog = { 50000, 50 }; // a million devices need 23 a second

struct bucket {
    double left;
    int64_t at;
};

#define EVIDENCE_KEPT 4

struct device_record {
    uint8_t device[16];                  // first: the tree's key
    uint8_t key[32];                     // the live one
    uint8_t evidence[EVIDENCE_KEPT][32]; // newest first
    struct bucket buckets[2];
};

struct catalog_record {
    char name[KEEPER_CATALOG_MAX + 1];
    struct bucket bucket;
};

struct ledger {
    int folder, fd;
    char day[11];
    int64_t last_at;
    void *devices, *catalogs; // tsearch trees
};

DEFINE_AUTO(struct ledger *, ledger_closep, ledger_close)
static void file_close(FILE *file)
{
    (void)fclose(file); // only read from
}

DEFINE_AUTO(FILE *, file_closep, file_close)

static int by_device(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void refill(struct bucket *b, const struct allowance *a, int64_t now)
{
    if (now > b->at)
        b->left += (double)(now - b->at) * a->per_s;
    if (b->left > a->burst)
        b->left = a->burst;
    b->at = now;
}

// Finds the record with this key, or makes one with full buckets.
static void *record(void **tree, const void *key, size_t key_len, size_t size,
                    int (*order)(const void *, const void *))
{
    void **found = tfind(key, tree, order);
    auto_free void *made = NULL;

    if (found)
        return *found;
    made = calloc(1, size);
    if (!made)
        return NULL;
    memcpy(made, key, key_len);
    if (!tsearch(made, tree, order))
        return NULL;
    return take(&made);
}

static struct device_record *device_of(struct ledger *l, const struct ledger_entry *e)
{
    return record(&l->devices, e->device, sizeof e->device, sizeof(struct device_record),
                  by_device);
}

static struct catalog_record *catalog_of(struct ledger *l, const struct ledger_entry *e)
{
    return record(&l->catalogs, e->catalog, strlen(e->catalog) + 1, sizeof(struct catalog_record),
                  by_name);
}

static bool is_zero(const uint8_t bytes[32])
{
    static const uint8_t zero[32];

    return !memcmp(bytes, zero, sizeof zero);
}

static bool is_known_evidence(const struct device_record *d, const uint8_t evidence[32])
{
    for (size_t i = 0; i < EVIDENCE_KEPT; i++)
        if (!memcmp(d->evidence[i], evidence, 32))
            return true;
    return false;
}

enum rc ledger_check(struct ledger *l, const struct ledger_entry *e, struct fault *f)
{
    struct device_record *d = device_of(l, e);
    struct catalog_record *c = catalog_of(l, e);

    if (!d || !c)
        return fail(f, RC_INTERNAL, "out of memory");
    if (e->issued_at < l->last_at - CLOCK_SLACK_S)
        return fail(f, RC_UNAVAILABLE,
                    "the clock is %" PRId64 " s behind the last certificate issued; set it right",
                    l->last_at - e->issued_at);
    if (is_zero(e->evidence))
        return fail(f, RC_DENIED, "a certificate needs the hash of the evidence that earned it");
    if (memcmp(d->key, e->key, sizeof e->key) != 0 && is_known_evidence(d, e->evidence))
        return fail(f, RC_DENIED, "this evidence has earned a certificate for another key already");
    refill(&d->buckets[e->kind], &per_device[e->kind], e->issued_at);
    refill(&c->bucket, &per_catalog, e->issued_at);
    if (d->buckets[e->kind].left < 1)
        return fail(f, RC_LIMIT, "too many %s certificates for this device",
                    e->kind == CERT_QUARANTINE ? "quarantine" : "operational");
    if (c->bucket.left < 1)
        return fail(f, RC_LIMIT, "too many certificates for this catalog at once");
    return RC_OK;
}

static void remember(struct ledger *l, const struct ledger_entry *e)
{
    struct device_record *d = device_of(l, e);
    struct catalog_record *c = catalog_of(l, e);

    if (e->issued_at > l->last_at)
        l->last_at = e->issued_at;
    if (!d || !c)
        return;
    memcpy(d->key, e->key, sizeof d->key);
    if (!is_known_evidence(d, e->evidence)) {
        memmove(d->evidence[1], d->evidence[0], sizeof d->evidence - sizeof d->evidence[0]);
        memcpy(d->evidence[0], e->evidence, sizeof d->evidence[0]);
    }
    refill(&d->buckets[e->kind], &per_device[e->kind], e->issued_at);
    refill(&c->bucket, &per_catalog, e->issued_at);
    d->buckets[e->kind].left -= 1;
    c->bucket.left -= 1;
}

static void day_of(int64_t unix_s, char out[11])
{
    time_t t = (time_t)unix_s;
    struct tm tm;

    gmtime_r(&t, &tm);
    if (strftime(out, 11, "%Y-%m-%d", &tm) == 0)
        out[0] = '\0';
}

// A crash may have cut the last line short; the next one must not be glued to it.
static bool end_line(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char last = '\n';

    if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
        return false;
    return last == '\n' || write(fd, "\n", 1) == 1;
}

static enum rc open_day(struct ledger *l, int64_t unix_s, struct fault *f)
{
    char day[11], name[40];
    enum rc rc;
    int fd;

    day_of(unix_s, day);
    if (l->fd >= 0 && !strcmp(day, l->day))
        return RC_OK;
    snprintf(name, sizeof name, "issued-%s.log", day);
    fd = openat(l->folder, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || !end_line(fd)) {
        rc = fail(f, RC_UNAVAILABLE, "cannot open the issuance log %s: %s", name, strerror(errno));
        if (fd >= 0)
            close(fd);
        return rc;
    }
    if (l->fd >= 0)
        close(l->fd);
    l->fd = fd;
    memcpy(l->day, day, sizeof day);
    return RC_OK;
}

enum rc ledger_append(struct ledger *l, const struct ledger_entry *e, struct fault *f)
{
    char device[33], key[65], evidence[65], serial[33], line[LINE_MAX_BYTES];
    enum rc rc = open_day(l, e->issued_at, f);
    int n;

    if (rc != RC_OK)
        return rc;
    hex_encode(e->device, sizeof e->device, device);
    hex_encode(e->key, sizeof e->key, key);
    hex_encode(e->evidence, sizeof e->evidence, evidence);
    hex_encode(e->serial, sizeof e->serial, serial);
    n = snprintf(line, sizeof line, "%" PRId64 " %s %s %d %s %s %s %" PRId64 "\n", e->issued_at,
                 e->catalog, device, (int)e->kind, key, evidence, serial, e->not_after);
    if (write(l->fd, line, (size_t)n) != n || fdatasync(l->fd) < 0)
        return fail(f, RC_UNAVAILABLE, "cannot write the issuance log: %s; nothing is issued",
                    strerror(errno));
    remember(l, e);
    return RC_OK;
}

// A line cut short by a crash was never answered and is passed over.
static void replay_line(struct ledger *l, const char *line)
{
    char device[33], key[65], evidence[65], serial[33];
    struct ledger_entry e = { 0 };
    int kind;

    if (sscanf(line, "%" SCNd64 " %50s %32s %d %64s %64s %32s %" SCNd64, &e.issued_at, e.catalog,
               device, &kind, key, evidence, serial, &e.not_after) != 8 ||
        (kind != CERT_OPERATIONAL && kind != CERT_QUARANTINE) ||
        !hex_decode(device, e.device, sizeof e.device) || !hex_decode(key, e.key, sizeof e.key) ||
        !hex_decode(evidence, e.evidence, sizeof e.evidence))
        return;
    e.kind = kind == CERT_QUARANTINE ? CERT_QUARANTINE : CERT_OPERATIONAL;
    remember(l, &e);
}

static void replay_day(struct ledger *l, int64_t unix_s)
{
    char day[11], name[40], line[LINE_MAX_BYTES];
    int fd;

    day_of(unix_s, day);
    snprintf(name, sizeof name, "issued-%s.log", day);
    fd = openat(l->folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    auto_with(file_closep) FILE *file = fdopen(fd, "r");
    while (file && fgets(line, sizeof line, file))
        replay_line(l, line);
}

enum rc ledger_open(int folder, struct ledger **out, struct fault *f)
{
    auto_with(ledger_closep) struct ledger *l = calloc(1, sizeof *l);
    int64_t now = clock_now_ms() / 1000;
    enum rc rc;

    if (!l)
        return fail(f, RC_INTERNAL, "out of memory");
    l->folder = folder;
    l->fd = -1;
    // The day ahead too: a clock that ran ahead must not be forgotten.
    for (int ago = 2; ago >= -1; ago--)
        replay_day(l, now - (int64_t)ago * DAY_S);
    rc = open_day(l, now, f);
    if (rc == RC_OK)
        *out = take(&l);
    return rc;
}

void ledger_close(struct ledger *l)
{
    if (!l)
        return;
    tdestroy(l->devices, free);
    tdestroy(l->catalogs, free);
    if (l->fd >= 0)
        close(l->fd);
    free(l);
}
