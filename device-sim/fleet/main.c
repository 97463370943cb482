// SPDX-License-Identifier: Apache-2.0
//
// orrery-fleet: thousands of emulated devices for demonstrations, tests and measurements.

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/json_out.h"
#include "fleet/fleet.h"
#include "sdk/args.h"

#define CLAIMS_AT_ONCE 500

static const char usage[] =
    "usage: orrery-fleet COMMAND [options]\n"
    "\n"
    "  init --dir DIR --count N [--seed S]\n"
    "      make a fleet, or make it larger; the seed decides names, sites and signals\n"
    "  keys --dir DIR [--count N] [--claims] [--groups FILE]\n"
    "      print public keys, names and tags, one JSON object a line;\n"
    "      --claims: as bodies for POST claims, 500 devices a line;\n"
    "      --groups: with their groups, FILE being the answer of GET device-groups\n"
    "  products\n"
    "      print the products of a fleet as bodies for POST products, one a line\n"
    "  manifest --dir DIR\n"
    "      print the firmware's measurements as a body for POST reference-values\n"
    "  run --dir DIR --server HOST:PORT --ca FILE [--count N]\n"
    "      be the devices; prints one JSON line of results at the end\n"
    "        --interval TIME      between two readings of a device (2s); or --rate PER-SECOND\n"
    "        --tampered N --flaky N --silent N   so many devices are not healthy\n"
    "        --closed W           load: W messages on the way for each device\n"
    "        --open RATE          load: RATE messages a second over all devices\n"
    "        --frame N            messages a frame (16 under load, else 1)\n"
    "        --metrics N --bytes N   of a load message (8, 200)\n"
    "        --story NAME|FILE    what happens to whom: healthy, flaky, silent, site-outage,\n"
    "                             sensor-drift, tampered, clone, crash-loop, rollback, debug,\n"
    "                             clock-off, twin, loud, forged, replay, expired, unknown,\n"
    "                             guess, moved, bad-batch, bad-day, or steps in a file (docs/simulator.md)\n"
    "        --seed S             of the story (the fleet's)\n"
    "        --duration TIME      measure so long, then end (until SIGTERM)\n"
    "        --connect-rate N     connections begun a second (no limit)\n"
    "        --handshakes N       connections being opened at a time (256)\n"
    "        --connect-timeout TIME   measure even if not all are connected (120s)\n"
    "        --cycles N           each device connects N times; --resume: with TLS tickets\n"
    "        --sources N          spread over 127.0.0.1 … 127.0.0.N\n"
    "        --ledger FILE        keep account of what was sent and acknowledged\n"
    "        --stats              a line each second on stderr\n"
    "  check --ledger FILE\n"
    "      read lines 'id boot seq' of stored rows, compare; 1 if any is lost, double or a ghost\n";

static enum rc init(const struct args *a, struct fault *f)
{
    const char *dir;
    int64_t count = 0, seed = 0;
    enum rc rc = args_need(a, "dir", &dir, f);

    if (rc == RC_OK)
        rc = args_int(a, "count", 50, 1, 1000000, &count, f);
    if (rc == RC_OK)
        rc = args_int(a, "seed", 1, 0, INT32_MAX, &seed, f);
    return rc == RC_OK ? state_init(dir, (uint32_t)count, (uint64_t)seed, f) : rc;
}

// ---------------------------------------------------------------- keys

// The id of a product's group among those of the file; NULL if it is not there.
static const char *group_of(const json_t *groups, const struct persona *p)
{
    json_t *g;
    size_t i;

    json_array_foreach (json_object_get(groups, "items"), i, g) {
        const json_t *product = json_object_get(json_object_get(g, "product"), "name");
        const json_t *name = json_object_get(g, "name");
        if (json_is_string(product) && json_is_string(name) &&
            !strcmp(json_string_value(product), p->product) &&
            !strcmp(json_string_value(name), p->group))
            return json_string_value(json_object_get(g, "id"));
    }
    return NULL;
}

static json_t *device_to_json(struct state *s, uint32_t i, const json_t *groups)
{
    json_t *o = json_object(), *tags = json_object();
    auto_free char *pem = p256_public_pem(&state_record(s, i)->factory);
    struct persona p;

    persona_make(state_seed(s), i, &p);
    add_text(o, "publicKey", pem);
    add_text(o, "name", p.name);
    add_text(tags, "site", p.site);
    add_text(tags, "batch", p.batch);
    add_text(tags, "model", p.hwmodel);
    json_object_set_new(o, "tags", tags);
    if (group_of(groups, &p))
        add_text(o, "group", group_of(groups, &p));
    return o;
}

static void print_owned(json_t *owned)
{
    json_dumpf(owned, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(owned);
}

static void print_claims(struct state *s, uint32_t count, const json_t *groups)
{
    for (uint32_t at = 0; at < count; at += CLAIMS_AT_ONCE) {
        json_t *list = json_array(), *body = json_object();
        for (uint32_t i = at; i < count && i < at + CLAIMS_AT_ONCE; i++)
            json_array_append_new(list, device_to_json(s, i, groups));
        json_object_set_new(body, "devices", list);
        print_owned(body);
    }
}

static enum rc keys(const struct args *a, struct fault *f)
{
    const char *dir, *file = args_get(a, "groups", NULL);
    json_auto_t *groups = file ? json_load_file(file, 0, NULL) : NULL;
    int64_t count;
    struct state *s;
    enum rc rc = args_need(a, "dir", &dir, f);

    if (rc == RC_OK && file && !groups)
        rc = fail(f, RC_INVALID, "%.120s is not the JSON of device groups", file);

    if (rc == RC_OK)
        rc = args_int(a, "count", INT32_MAX, 1, INT32_MAX, &count, f);
    if (rc == RC_OK)
        rc = state_open(dir, &s, f);
    if (rc != RC_OK)
        return rc;
    if (count > (int64_t)state_count(s))
        count = (int64_t)state_count(s);
    if (args_has(a, "claims"))
        print_claims(s, (uint32_t)count, groups);
    for (uint32_t i = 0; !args_has(a, "claims") && i < (uint32_t)count; i++)
        print_owned(device_to_json(s, i, groups));
    state_close(s);
    return RC_OK;
}

static void print_product(void *ctx, const char *product)
{
    json_t *o = json_object();

    (void)ctx;
    add_text(o, "name", product);
    add_text(o, "description", "Emulated by orrery-fleet");
    print_owned(o);
}

static enum rc products(const struct args *a, struct fault *f)
{
    (void)a;
    (void)f;
    persona_each_product(print_product, NULL);
    return RC_OK;
}

// ---------------------------------------------------------------- manifest

static bool listed(json_t *values, const char *component, const char *sha256)
{
    size_t i;
    json_t *v;

    json_array_foreach (values, i, v)
        if (!strcmp(json_string_value(json_object_get(v, "component")), component) &&
            !strcmp(json_string_value(json_object_get(v, "sha256")), sha256))
            return true;
    return false;
}

static void add_model(void *ctx, const struct measurement *log, size_t count)
{
    json_t *values = ctx;

    for (size_t i = 0; i < count; i++) {
        if (listed(values, log[i].component, log[i].sha256))
            continue;
        json_t *v = json_object();
        add_text(v, "component", log[i].component);
        add_text(v, "version", log[i].version);
        add_text(v, "sha256", log[i].sha256);
        add_int(v, "svn", log[i].svn);
        json_array_append_new(values, v);
    }
}

static enum rc manifest(const struct args *a, struct fault *f)
{
    json_t *values = json_array(), *o = json_object();

    (void)a;
    (void)f;
    persona_each_model(add_model, values);
    json_object_set_new(o, "values", values);
    print_owned(o);
    return RC_OK;
}

// ---------------------------------------------------------------- run

struct number {
    const char *name;
    int64_t *to;
    int64_t fallback, min, max;
};

static enum rc read_numbers(const struct args *a, const struct number *n, size_t count,
                            struct fault *f)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = args_int(a, n[i].name, n[i].fallback, n[i].min, n[i].max, n[i].to, f);
    return rc;
}

static enum rc read_counts(const struct args *a, struct fleet_options *o, struct fault *f)
{
    const struct number numbers[] = {
        { "count", &o->count, 0, 1, 1000000 },
        { "closed", &o->closed, 0, 1, 65535 },
        { "open", &o->open, 0, 1, 100000000 },
        { "metrics", &o->metrics, 8, 2, 64 },
        { "bytes", &o->bytes, 200, 0, 4096 },
        { "connect-rate", &o->connect_rate, 0, 1, 1000000 },
        { "handshakes", &o->handshakes, 256, 1, 100000 },
        { "cycles", &o->cycles, 0, 1, 100000 },
        { "tampered", &o->tampered, 0, 0, 1000000 },
        { "flaky", &o->flaky, 0, 0, 1000000 },
        { "silent", &o->silent, 0, 0, 1000000 },
        { "sources", &o->sources, 0, 1, 250 },
        { "seed", &o->seed, -1, 0, INT32_MAX },
    };
    enum rc rc = read_numbers(a, numbers, sizeof numbers / sizeof *numbers, f);

    if (rc == RC_OK && o->closed && o->open)
        return fail(f, RC_INVALID, "--closed and --open exclude each other");
    if (rc == RC_OK)
        rc = args_int(a, "frame", o->closed || o->open ? 16 : 1, 1, 256, &o->frame, f);
    if (rc == RC_OK && o->closed && o->closed < o->frame)
        return fail(f, RC_INVALID, "--closed must be at least --frame");
    return rc;
}

static enum rc read_times(const struct args *a, struct fleet_options *o, struct fault *f)
{
    int64_t rate = 0;
    enum rc rc = args_time(a, "interval", 2000, 10, 86400000, &o->interval_ms, f);

    if (rc == RC_OK)
        rc = args_int(a, "rate", 0, 1, 100, &rate, f);
    if (rc == RC_OK)
        rc = args_time(a, "duration", 0, 0, INT32_MAX, &o->duration_ms, f);
    if (rc == RC_OK)
        rc = args_time(a, "connect-timeout", 120000, 0, INT32_MAX, &o->connect_timeout_ms, f);
    if (rate)
        o->interval_ms = 1000 / rate;
    if (o->closed || o->open || o->cycles)
        o->interval_ms = 0;
    return rc;
}

static enum rc run(const struct args *a, struct fault *f)
{
    struct fleet_options o = { .ledger = args_get(a, "ledger", NULL),
                               .story = args_get(a, "story", NULL) };
    enum rc rc = args_need(a, "dir", &o.dir, f);

    if (rc == RC_OK)
        rc = args_need(a, "server", &o.server, f);
    if (rc == RC_OK)
        rc = args_need(a, "ca", &o.ca_file, f);
    if (rc == RC_OK)
        rc = read_counts(a, &o, f);
    if (rc == RC_OK)
        rc = read_times(a, &o, f);
    if (rc == RC_OK && o.story && o.ledger)
        rc = fail(f, RC_INVALID, "--story and --ledger exclude each other: what crashes forgets");
    o.stats = args_has(a, "stats");
    o.resume = args_has(a, "resume");
    return rc == RC_OK ? fleet_run(&o, f) : rc;
}

// ---------------------------------------------------------------- check

static enum rc check(const struct args *a, struct fault *f)
{
    const char *path;
    struct ledger_result r;
    enum rc rc = args_need(a, "ledger", &path, f);

    if (rc == RC_OK)
        rc = ledger_check(path, stdin, &r, f);
    if (rc != RC_OK)
        return rc;
    printf("{\"lines\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"acked\":%" PRIu64 ",\"rows\":%" PRIu64
           ",\"unacked\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"dup\":%" PRIu64 ",\"ghost\":%" PRIu64
           "}\n",
           r.devices, r.sent, r.acked, r.rows, r.unacked, r.lost, r.dup, r.ghost);
    if (r.lost || r.dup || r.ghost)
        return fail(f, RC_CONFLICT, "the database and the ledger disagree");
    return RC_OK;
}

static const char *const init_options[] = { "dir=", "count=", "seed=", NULL };
static const char *const keys_options[] = { "dir=", "count=", "claims", "groups=", NULL };
static const char *const products_options[] = { NULL };
static const char *const manifest_options[] = { "dir=", NULL };
static const char *const check_options[] = { "ledger=", NULL };
static const char *const run_options[] = {
    "dir=",      "server=", "ca=",           "count=",  "closed=",          "open=",
    "metrics=",  "bytes=",  "connect-rate=", "cycles=", "handshakes=",      "tampered=",
    "flaky=",    "silent=", "sources=",      "frame=",  "connect-timeout=", "interval=",
    "duration=", "ledger=", "rate=",         "stats",   "resume",           "story=",
    "seed=",     NULL,
};

static const struct command commands[] = {
    { "init", init_options, init },
    { "keys", keys_options, keys },
    { "products", products_options, products },
    { "manifest", manifest_options, manifest },
    { "run", run_options, run },
    { "check", check_options, check },
    { 0 },
};

int main(int argc, char **argv)
{
    close_range(3, ~0U, 0); // whatever the parent left open is not ours
    return args_run("orrery-fleet", usage, commands, argc, argv);
}
