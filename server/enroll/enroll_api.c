// SPDX-License-Identifier: Apache-2.0

#include "enroll/enroll_api.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/json_out.h"
#include "device/change.h"
#include "device/device_api.h"
#include "enroll/claim.h"
#include "enroll/enroll.h"
#include "enroll/import.h"
#include "job/job_api.h"

DEFINE_AUTO(struct claim_groups *, groups_freep, claim_groups_free)

static handler add, claim, unclaim, claim_many;

#define CATALOG "/api/v1/catalogs/{catalog}"

const struct route enroll_routes[] = {
    { "POST", CATALOG "/devices", MAY_CLAIM, add, 0 },
    { "POST", CATALOG "/devices/{id}/claim", MAY_CLAIM, claim, 0 },
    { "POST", CATALOG "/devices/{id}/unclaim", MAY_CLAIM, unclaim, 0 },
    { "POST", CATALOG "/claims", MAY_CLAIM, claim_many, ROUTE_CSV },
    { 0 },
};

// What to announce once it is committed.
struct bulletin {
    size_t count;
    struct enroll_news news[];
};

static void announce(const struct services *s, void *arg)
{
    const struct bulletin *b = arg;

    for (size_t i = 0; i < b->count; i++)
        enroll_announce(s->roster, s->bus, &b->news[i]);
}

static struct bulletin *bulletin_new(size_t room)
{
    return calloc(1, sizeof(struct bulletin) + room * sizeof(struct enroll_news));
}

static void bulletin_add(struct bulletin *b, int32_t catalog, const char *id,
                         const struct device_touched *what)
{
    struct enroll_news *n = &b->news[b->count++];

    *n = (struct enroll_news){ .catalog = catalog, .what = *what };
    memcpy(n->id, id, DEVICE_ID_LEN);
}

static enum rc announce_one(struct req *q, const char *id, const struct device_touched *what,
                            bool revoked, struct fault *f)
{
    struct bulletin *b = bulletin_new(1);

    if (!b)
        return fail(f, RC_INTERNAL, "out of memory");
    bulletin_add(b, q->catalog, id, what);
    b->news[0].revoked = revoked;
    return req_after_commit(q, announce, b, f);
}

// ---------------------------------------------------------------- one device

struct device_body {
    const char *public_key;
    const char *name;
    json_t *tags;
};

static const struct field device_fields[] = {
    { TEXT_AS(struct device_body, public_key, "publicKey"), REQUIRED, 1, ENROLL_PEM_MAX },
    { TEXT(struct device_body, name), OPTIONAL, 1, DEVICE_NAME_MAX },
    { JSON(struct device_body, tags), OPTIONAL, 0, 0 },
};

static enum rc read_entry(json_t *body, struct device_entry *out, struct fault *f)
{
    struct device_body b = { 0 };
    enum rc rc = BODY_READ(body, device_fields, &b, f);

    if (rc == RC_OK && b.name)
        rc = device_name_check(b.name, f);
    if (rc == RC_OK && b.tags)
        rc = device_tags_check(b.tags, f);
    if (rc == RC_OK)
        rc = enroll_key_read(b.public_key, &out->key, f);
    out->name = b.name;
    out->tags = b.tags;
    return rc;
}

static enum rc add(struct req *q, struct reply *r, struct fault *f)
{
    struct device_entry e = { 0 };
    struct device_touched touched;
    bool created;
    enum rc rc = read_entry(q->body, &e, f);

    if (rc == RC_OK)
        rc = enroll_register(q->store, q->catalog, &e, &created, &touched, f);
    if (rc == RC_OK && created)
        rc = announce_one(q, e.key.id, &touched, false, f);
    if (rc != RC_OK)
        return rc;
    r->no_audit = !created;
    snprintf(r->object, sizeof r->object, "%s", e.key.id);
    snprintf(r->location, sizeof r->location, "/api/v1/catalogs/%s/devices/%s", q->catalog_name,
             e.key.id);
    return device_reply(q, r, created ? 201 : 200, e.key.id, f);
}

struct claim_body {
    const char *name;
};

static const struct field claim_fields[] = {
    { TEXT(struct claim_body, name), OPTIONAL, 1, DEVICE_NAME_MAX },
};

static enum rc read_claim(json_t *body, struct claim_body *out, struct fault *f)
{
    enum rc rc = body ? BODY_READ(body, claim_fields, out, f) : RC_OK;

    return rc == RC_OK && out->name ? device_name_check(out->name, f) : rc;
}

// Answers with the device as it now is, so the dashboard needs no second call.
static enum rc claim(struct req *q, struct reply *r, struct fault *f)
{
    const char *id = q->params[1];
    struct device_touched touched;
    struct claim_body b = { 0 };
    enum rc rc = read_claim(q->body, &b, f);

    if (rc == RC_OK)
        rc = enroll_claim(q->store, q->catalog, id, b.name, &touched, f);
    if (rc == RC_OK)
        rc = announce_one(q, id, &touched, false, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "%s", id);
    return device_reply(q, r, 200, id, f);
}

static enum rc unclaim(struct req *q, struct reply *r, struct fault *f)
{
    const char *id = q->params[1];
    struct device_touched touched;
    enum rc rc = device_unclaim(q->store, q->catalog, id, &touched, f);

    if (rc == RC_OK)
        rc = announce_one(q, id, &touched, true, f);
    if (rc != RC_OK)
        return rc;
    snprintf(r->object, sizeof r->object, "%s", id);
    return device_reply(q, r, 200, id, f);
}

// ---------------------------------------------------------------- many

struct batch {
    size_t count;
    int64_t claimed;
    json_t *already; // the indexes of those that were claimed
    json_t *problems;
    struct device_entry entries[ENROLL_BATCH_MAX];
    struct device_touched touched[ENROLL_BATCH_MAX];
    struct fault why[ENROLL_BATCH_MAX]; // of those that are skipped
};

static struct batch *batch_new(void)
{
    struct batch *b = calloc(1, sizeof *b);

    if (b) {
        b->already = json_array();
        b->problems = json_array();
    }
    return b;
}

static void batch_free(struct batch *b)
{
    if (b) {
        json_decref(b->already);
        json_decref(b->problems);
    }
    free(b);
}

DEFINE_AUTO(struct batch *, batch_freep, batch_free)

static void add_problem(struct batch *b, size_t index, const char *text)
{
    json_t *p = json_object();

    add_int(p, "index", (int64_t)index);
    add_text(p, "text", text);
    json_array_append_new(b->problems, p);
}

static size_t earlier(const struct batch *b, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (!b->entries[i].skip && !strcmp(b->entries[i].key.id, b->entries[index].key.id))
            return i;
    return index;
}

static void read_row(struct batch *b, json_t *row, struct claim_groups *groups)
{
    size_t index = b->count++, same = index;
    enum rc rc = claim_read(row, groups, &b->entries[index], &b->why[index]);

    if (rc == RC_OK)
        same = earlier(b, index);
    if (same != index)
        rc = fail(&b->why[index], RC_INVALID, "the same device as index %zu", same);
    b->entries[index].skip = rc != RC_OK;
}

static enum rc read_batch(struct req *q, json_t *devices, struct batch *b, struct fault *f)
{
    auto_with(groups_freep) struct claim_groups *groups = NULL;
    enum rc rc = claim_groups_load(q->store, q->catalog, &groups, f);
    json_t *row;
    size_t i;

    if (rc != RC_OK)
        return rc;
    json_array_foreach (devices, i, row)
        read_row(b, row, groups);
    return RC_OK;
}

static enum rc count_up(struct req *q, struct batch *b, struct fault *f)
{
    struct bulletin *news = bulletin_new(b->count);

    if (!news)
        return fail(f, RC_INTERNAL, "out of memory");
    for (size_t i = 0; i < b->count; i++) {
        const struct device_touched *t = &b->touched[i];
        const char *why = b->entries[i].skip ? b->why[i].text : enroll_refusal(&b->entries[i], t);

        if (why)
            add_problem(b, i, why);
        else if (!t->changed)
            json_array_append_new(b->already, json_integer((json_int_t)i));
        else
            bulletin_add(news, q->catalog, b->entries[i].key.id, t);
    }
    b->claimed = (int64_t)news->count;
    return req_after_commit(q, announce, news, f);
}

static enum rc reply_batch(struct reply *r, struct batch *b)
{
    json_t *o = json_object();

    add_int(o, "claimed", b->claimed);
    add_int(o, "already", (int64_t)json_array_size(b->already));
    json_object_set(o, "alreadyAt", b->already);
    json_object_set(o, "problems", b->problems);
    r->no_audit = b->claimed == 0;
    r->audit_count = b->claimed;
    snprintf(r->object, sizeof r->object, "devices");
    snprintf(r->detail, sizeof r->detail, "claimed %lld, already %zu, problems %zu",
             (long long)b->claimed, json_array_size(b->already), json_array_size(b->problems));
    return reply_json(r, 200, o);
}

// Good rows count although others are bad: each bad one is reported by its index.
static enum rc claim_now(struct req *q, struct reply *r, json_t *devices, struct fault *f)
{
    auto_with(batch_freep) struct batch *b = batch_new();
    enum rc rc = b ? read_batch(q, devices, b, f) : fail(f, RC_INTERNAL, "out of memory");

    if (rc != RC_OK)
        return rc;
    rc = enroll_many(q->store, q->catalog, b->entries, b->count, b->touched, f);
    if (rc == RC_OK)
        rc = count_up(q, b, f);
    return rc == RC_OK ? reply_batch(r, b) : rc;
}

// ---------------------------------------------------------------- more than a request may do

static enum rc start_job(struct req *q, const struct import *im, const uint8_t input[32],
                         int64_t *id, struct fault *f)
{
    json_auto_t *request = json_object();
    int64_t total = (int64_t)json_array_size(im->devices) + im->bad;
    char title[JOB_TITLE_MAX], count[JOB_COUNT_SIZE];
    const struct job_new j = {
        .catalog = q->catalog,
        .kind = import_job.name,
        .title = title,
        .request = request,
        .input = input,
        .total = total,
        .refused = im->bad,
        .problems = im->problems,
        .needs = MAY_CLAIM,
        .account = q->who->account,
        .actor = q->who->name,
    };

    json_object_set(request, "devices", im->devices);
    if (im->lines)
        json_object_set(request, "lines", im->lines);
    snprintf(title, sizeof title, "Claim %s device%s", job_count_text(total, count),
             total == 1 ? "" : "s");
    return job_add(q->store, &j, id, f);
}

// The same file twice is one job: it goes on, or its outcome is told.
static enum rc claim_later(struct req *q, struct reply *r, const struct import *im,
                           const char *text, size_t len, struct fault *f)
{
    uint8_t input[SHA256_DIGEST_LENGTH];
    char again[8];
    int64_t id = 0;
    enum rc rc = RC_OK;

    SHA256((const uint8_t *)text, len, input);
    if (!req_query(q, "again", again, sizeof again) || strcmp(again, "true") != 0)
        rc = job_again(q->store, q->catalog, input, &id, f);
    if (rc == RC_OK && id == 0)
        rc = start_job(q, im, input, &id, f);
    return rc == RC_OK ? job_reply(q, r, 202, id, f) : rc;
}

static enum rc claim_file(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(import_done) struct import im = { 0 };
    enum rc rc = import_csv(q->text, q->text_len, &im, f);

    return rc == RC_OK ? claim_later(q, r, &im, q->text, q->text_len, f) : rc;
}

static enum rc claim_list(struct req *q, struct reply *r, json_t *devices, struct fault *f)
{
    const struct import im = { .devices = devices };
    auto_free char *text = json_dumps(devices, JSON_COMPACT);

    return text ? claim_later(q, r, &im, text, strlen(text), f)
                : fail(f, RC_INTERNAL, "out of memory");
}

struct claims_body {
    json_t *devices;
};

static const struct field claims_fields[] = {
    { JSON(struct claims_body, devices), REQUIRED, 0, 0 },
};

static enum rc claim_many(struct req *q, struct reply *r, struct fault *f)
{
    struct claims_body c = { 0 };

    if (q->text)
        return claim_file(q, r, f);
    enum rc rc = BODY_READ(q->body, claims_fields, &c, f);
    if (rc != RC_OK)
        return rc;
    if (!json_is_array(c.devices) || json_array_size(c.devices) < 1)
        return fail(f, RC_INVALID, "devices must be an array of at least one");
    return json_array_size(c.devices) > ENROLL_BATCH_MAX ? claim_list(q, r, c.devices, f)
                                                         : claim_now(q, r, c.devices, f);
}
