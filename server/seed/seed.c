// SPDX-License-Identifier: Apache-2.0

#include "seed/seed.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "catalog/catalog.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "device/device.h"
#include "seed_sql.h"
#include "store/arg.h"
#include "store/link.h"
#include "store/store.h"

#define CHUNK    20000
#define ROW_ROOM 600
// device_mint() counts from the beginning of a millisecond; we count from its middle.
#define MINT_BASE (1LL << 19)
#define REASON    "Seeded for demonstration"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)
DEFINE_AUTO(struct catalogs *, catalogs_freep, catalogs_free)
DEFINE_AUTO(struct store *, store_rollbackp, store_rollback)

// Rows of one table, as COPY reads them.
struct pile {
    char *data;
    size_t len, size;
};

struct seeding {
    const struct seed_options *o;
    struct store *store;
    struct link *link;
    int32_t catalog;
    int64_t groups[SEED_PRODUCTS][2]; // Production, Field Test
    struct pile states, trusts, devices;
};

static void seeding_done(struct seeding *s)
{
    free(s->states.data);
    free(s->trusts.data);
    free(s->devices.data);
    link_close(s->link);
    store_close(s->store);
}

// ---------------------------------------------------------------- what must be there

static enum rc find_catalog(struct seeding *s, struct fault *f)
{
    auto_with(catalogs_freep) struct catalogs *all = NULL;
    enum rc rc = RC_OK;

    if (!strcmp(s->o->catalog, "demo"))
        return catalog_ensure(s->store, "demo", &s->catalog, f);
    rc = catalogs_load(s->store, &all, f);
    if (rc != RC_OK)
        return rc;
    s->catalog = catalogs_find(all, s->store, s->o->catalog);
    return s->catalog ? RC_OK : fail(f, RC_NOT_FOUND, "there is no catalog '%.50s'", s->o->catalog);
}

static enum rc check(struct seeding *s, int64_t *there, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    const char *args[] = { ARG_INT(s->catalog), s->o->beside };
    enum rc rc = store_run(s->store, &Q_SEED_THERE, args, &r, f);

    if (rc != RC_OK)
        return rc;
    *there = rows_int(r, 0, "seeded");
    if (*there < s->o->devices && rows_int(r, 0, "other") > 0 && !s->o->force)
        return fail(f, RC_CONFLICT,
                    "catalog '%.50s' has %" PRId64 " real devices; seed another catalog, or say "
                    "--force",
                    s->o->catalog, rows_int(r, 0, "other"));
    return RC_OK;
}

static enum rc number_of(struct store *s, const struct query *q, const char *const *args,
                         int64_t *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = store_run(s, q, args, &r, f);

    if (rc == RC_OK)
        *out = rows_int(r, 0, "id");
    return rc;
}

static enum rc make_groups(struct seeding *s, struct fault *f)
{
    static const char *const names[] = { "Production", "Field Test" };
    enum rc rc = RC_OK;

    for (int i = 0; rc == RC_OK && i < SEED_PRODUCTS; i++) {
        const struct seed_product *p = &seed_products[i];
        int64_t product = 0;

        rc = number_of(s->store, &Q_SEED_PRODUCT,
                       (const char *[]){ ARG_INT(s->catalog), p->name, p->description }, &product,
                       f);
        for (int k = 0; rc == RC_OK && k < 2; k++)
            rc = number_of(s->store, &Q_SEED_GROUP,
                           (const char *[]){ ARG_INT(s->catalog), ARG_INT(product), names[k] },
                           &s->groups[i][k], f);
    }
    return rc;
}

// ---------------------------------------------------------------- rows

static bool has_room(struct pile *p)
{
    if (p->size - p->len >= ROW_ROOM)
        return true;
    size_t size = p->size * 2 + 1024 * ROW_ROOM;
    char *grown = realloc(p->data, size);
    if (!grown)
        return false;
    p->data = grown;
    p->size = size;
    return true;
}

__attribute__((format(printf, 2, 3))) static void put(struct pile *p, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    int n = vsnprintf(p->data + p->len, p->size - p->len, format, ap);
    va_end(ap);
    if (n > 0 && (size_t)n < p->size - p->len)
        p->len += (size_t)n;
}

static void put_state(struct pile *p, int32_t catalog, int64_t device, const struct seed_device *d,
                      int64_t now_s)
{
    static const char *const why[STATE_COUNT] = {
        [STATE_UNKNOWN] = ": it has never shown evidence",
        [STATE_HEALTHY] = "",
        [STATE_UPDATING] = ": 4.2.1 is being installed",
        [STATE_AT_RISK] = ": its sensor task restarts too often",
        [STATE_QUARANTINED] = ": its kernel is not the one that was accepted",
        [STATE_OFFLINE] = ": it has no session",
    };
    char since[RFC3339_LEN + 1], seen[RFC3339_LEN + 1];

    clock_rfc3339((now_s - d->ago_s) * 1000, since);
    clock_rfc3339((d->state == STATE_OFFLINE ? now_s - d->ago_s : now_s) * 1000, seen);
    put(p, "%" PRId32 "\t%" PRId64 "\t%d\t" REASON "%s\t%s\t%s\n", catalog, device, d->state,
        why[d->state], since, d->state == STATE_UNKNOWN ? "\\N" : seen);
}

static void put_trust(struct pile *p, int32_t catalog, int64_t device, const struct seed_device *d,
                      int64_t now_s)
{
    static const int verdicts[STATE_COUNT] = {
        [STATE_UNKNOWN] = VERDICT_NONE,       [STATE_HEALTHY] = VERDICT_AFFIRMING,
        [STATE_UPDATING] = VERDICT_AFFIRMING, [STATE_AT_RISK] = VERDICT_WARNING,
        [STATE_OFFLINE] = VERDICT_AFFIRMING,  [STATE_QUARANTINED] = VERDICT_CONTRAINDICATED,
    };
    bool never = d->state == STATE_UNKNOWN, refused = d->state == STATE_QUARANTINED;
    char at[RFC3339_LEN + 1];

    clock_rfc3339((now_s - d->ago_s % 43200) * 1000, at);
    put(p, "%" PRId32 "\t%" PRId64 "\t%d\t%s\tseeded\t%s\t%s\t%s\t%s\n", catalog, device,
        verdicts[d->state], never ? "\\N" : at, never ? "\\N" : d->version,
        never || refused ? "\\N" : d->version, seed_products[d->product].model,
        never ? "\\N" : d->network);
}

static bool put_device(struct seeding *s, int64_t device, int64_t i, int64_t seat,
                       const struct seed_device *d, const char *now)
{
    char text[120], hex[65];
    uint8_t hash[EVP_MAX_MD_SIZE];
    int n = snprintf(text, sizeof text, "orrery seed %.50s %" PRIu64 " %" PRId64, s->o->catalog,
                     s->o->seed, i);

    if (EVP_Digest(text, (size_t)n, hash, NULL, EVP_sha256(), NULL) != 1)
        return false;
    hex_encode(hash, 32, hex);
    put(&s->devices,
        "%" PRId32 "\t%" PRId64 "\t%.32s\t%s\t%s-%.6s\t1\t"
        "{\"site\": \"%s\", \"batch\": \"%s\", \"seeded\": \"yes\"}\t%" PRId64 "\t%" PRId64
        "\t%s\n",
        s->catalog, device, hex, hex, seed_products[d->product].prefix, hex, d->site, d->batch,
        s->groups[d->product][d->trial], seat, now);
    return true;
}

static bool fill(struct seeding *s, int64_t from, int64_t count, int64_t seat)
{
    int64_t now_ms = clock_now_ms(), base = (now_ms << 20) + MINT_BASE;
    char now[RFC3339_LEN + 1];
    bool good = true;

    clock_rfc3339(now_ms, now);
    s->states.len = s->trusts.len = s->devices.len = 0;
    for (int64_t i = 0; good && i < count; i++) {
        struct seed_device d;

        good = has_room(&s->states) && has_room(&s->trusts) && has_room(&s->devices);
        if (!good)
            break;
        seed_plan(s->o->seed, from + i, s->o->devices, &d);
        put_state(&s->states, s->catalog, base + i, &d, now_ms / 1000);
        put_trust(&s->trusts, s->catalog, base + i, &d, now_ms / 1000);
        good = put_device(s, base + i, from + i, seat + i, &d, now);
    }
    return good;
}

// ---------------------------------------------------------------- writing

static enum rc copy(struct link *l, const char *sql, const struct pile *p, struct fault *f)
{
    enum rc rc = link_copy_begin(l, sql, f);

    if (rc == RC_OK)
        rc = link_copy_put(l, p->data, p->len, f);
    return rc == RC_OK ? link_copy_end(l, NULL, f) : rc;
}

static enum rc take_seats(struct seeding *s, int64_t count, int64_t *out, struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    const char *args[] = { ARG_INT(s->catalog), ARG_INT(count) };
    enum rc rc = link_run(s->link, &Q_SEED_SEATS, args, &r, f);

    if (rc == RC_OK)
        *out = rows_int(r, 0, "seat");
    return rc;
}

// State and trust first: the trigger of device then makes each row of the index once, as it is.
static enum rc write_chunk(struct seeding *s, int64_t from, int64_t count, struct fault *f)
{
    int64_t seat = 0;
    enum rc rc = link_exec(s->link, "BEGIN", f);

    if (rc == RC_OK)
        rc = take_seats(s, count, &seat, f);
    if (rc == RC_OK && !fill(s, from, count, seat))
        rc = fail(f, RC_INTERNAL, "out of memory");
    if (rc == RC_OK)
        rc = copy(s->link,
                  "COPY device_state (catalog, device, state, reason, state_since, last_seen)"
                  " FROM STDIN",
                  &s->states, f);
    if (rc == RC_OK)
        rc = copy(s->link,
                  "COPY device_trust (catalog, device, verdict, attested_at, attester, os_version,"
                  " attested_version, hw_model, network) FROM STDIN",
                  &s->trusts, f);
    if (rc == RC_OK)
        rc = copy(s->link,
                  "COPY device (catalog, device, id, fingerprint, name, lifecycle, tags,"
                  " device_group, seat, claimed_at) FROM STDIN",
                  &s->devices, f);
    return rc == RC_OK ? link_exec(s->link, "COMMIT", f) : rc;
}

static enum rc write_all(struct seeding *s, const char *conninfo, struct seed_result *out,
                         struct fault *f)
{
    int64_t at = out->there;
    enum rc rc = link_open(conninfo, "orrery seed", 0, &s->link, f);

    while (rc == RC_OK && at < s->o->devices) {
        int64_t count = s->o->devices - at < CHUNK ? s->o->devices - at : CHUNK;

        rc = write_chunk(s, at, count, f);
        if (rc == RC_OK)
            at += count;
    }
    out->added = at > out->there ? at - out->there : 0;
    if (rc == RC_OK && out->added > 0)
        rc = link_run(s->link, &Q_SEED_REFUSALS,
                      (const char *[]){ ARG_INT(s->catalog), ARG_INT(at) }, NULL, f);
    return rc;
}

static enum rc write_audit(struct seeding *s, const struct seed_result *done, struct fault *f)
{
    auto_with(store_rollbackp) struct store *tx = NULL;
    const struct audit_entry e = { .chain = s->catalog,
                                   .actor = "local",
                                   .action = "seed",
                                   .object = "devices",
                                   .count = done->added,
                                   .outcome = "ok",
                                   .detail = REASON };
    enum rc rc = store_begin(s->store, &tx, f);

    if (rc == RC_OK)
        rc = audit_append(tx, &e, f);
    return rc == RC_OK ? store_commit(take(&tx), f) : rc;
}

static enum rc add(struct seeding *s, const char *conninfo, struct seed_result *out,
                   struct fault *f)
{
    enum rc rc = make_groups(s, f);

    if (rc == RC_OK)
        rc = write_all(s, conninfo, out, f);
    return rc == RC_OK ? write_audit(s, out, f) : rc;
}

enum rc seed_run(const char *conninfo, const struct seed_options *o, struct seed_result *out,
                 struct fault *f)
{
    auto_with(seeding_done) struct seeding s = { .o = o };
    enum rc rc = store_open(conninfo, 1, &s.store, f);

    *out = (struct seed_result){ 0 };
    if (rc == RC_OK)
        rc = find_catalog(&s, f);
    if (rc == RC_OK)
        rc = check(&s, &out->there, f);
    return rc == RC_OK && out->there < o->devices ? add(&s, conninfo, out, f) : rc;
}
