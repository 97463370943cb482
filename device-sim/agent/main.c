// SPDX-License-Identifier: Apache-2.0
//
// orrery-device: makes any Linux machine a device of an Orrery server.

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/identity.h"
#include "agent/measure.h"
#include "core/auto.h"
#include "core/json_out.h"
#include "sdk/args.h"
#include "sdk/file.h"

#define SERVER_MAX 300

static const char usage[] =
    "usage: orrery-device COMMAND [options]\n"
    "\n"
    "  enroll --server HOST:PORT --ca-sha256 HEX [--claim CODE] [--dir DIR]\n"
    "      become a device of a server seen for the first time, then be one until SIGTERM;\n"
    "      the dashboard's claim page shows this command\n"
    "        --ca-sha256 HEX   SHA-256 of the server's CA; nothing else is trusted\n"
    "        --claim CODE      of a registration window; without, a person claims it there\n"
    "        --dir DIR         state folder (/var/lib/orrery-device; without root, below ~)\n"
    "  run --dir DIR [--server HOST:PORT] [--ca FILE]\n"
    "      be a device until SIGTERM; where it enrolled, the folder knows server and CA\n"
    "        --interval TIME   between two readings (1s)\n"
    "        --buffer BYTES    disk space for what the server does not have yet (16M)\n"
    "        --crash-dir DIR   where core files of programs appear: each is told of, and brought\n"
    "                          where the device's group lets crash dumps be collected\n"
    "  identity --dir DIR [--claims]\n"
    "      print this device's id and public key, made on first use;\n"
    "      --claims: as a body for POST claims\n"
    "  measure\n"
    "      print what runs here as a body for POST reference-values\n"
    "  manifest\n"
    "      the same of this program alone, for whoever built it\n";

static enum rc run_with(const struct args *a, struct agent_options *o, struct fault *f)
{
    o->crash_dir = args_get(a, "crash-dir", NULL);
    enum rc rc = args_time(a, "interval", 1000, 100, 3600000, &o->interval_ms, f);

    if (rc == RC_OK)
        rc = args_size(a, "buffer", 16 << 20, 128 << 10, 1LL << 40, &o->buffer_bytes, f);
    return rc == RC_OK ? agent_run(o, f) : rc;
}

static enum rc run(const struct args *a, struct fault *f)
{
    struct agent_options o = { .ca_file = args_get(a, "ca", NULL) };
    auto_free char *known = NULL;
    char path[PATH_SIZE];
    enum rc rc = args_need(a, "dir", &o.dir, f);

    if (rc != RC_OK)
        return rc;
    identity_path(o.dir, "server", path);
    if (!args_has(a, "server") && file_read(path, SERVER_MAX, &known, NULL, NULL) == RC_OK)
        o.server = known; // it has enrolled there
    else
        rc = args_need(a, "server", &o.server, f);
    if (rc == RC_OK && !o.ca_file && !known)
        rc = args_need(a, "ca", &o.ca_file, f);
    return rc == RC_OK ? run_with(a, &o, f) : rc;
}

static enum rc enroll(const struct args *a, struct fault *f)
{
    char standard[PATH_SIZE] = "";
    struct agent_options o = { .dir = args_get(a, "dir", standard),
                               .claim = args_get(a, "claim", NULL) };
    enum rc rc = args_need(a, "server", &o.server, f);

    if (rc == RC_OK)
        rc = args_need(a, "ca-sha256", &o.ca_sha256, f);
    identity_standard_folder(standard);
    return rc == RC_OK ? run_with(a, &o, f) : rc;
}

static void print_claims(const char *pem)
{
    json_auto_t *o = json_object();
    json_t *device = json_object(), *list = json_array();
    char name[65] = "this machine";

    gethostname(name, sizeof name - 1);
    add_text(device, "publicKey", pem);
    add_text(device, "name", name);
    json_array_append_new(list, device);
    json_object_set_new(o, "devices", list);
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
}

static enum rc identity(const struct args *a, struct fault *f)
{
    const char *dir;
    char id[P256_ID_LEN + 1];
    struct p256 key;
    enum rc rc = args_need(a, "dir", &dir, f);

    if (rc == RC_OK)
        rc = identity_folder(dir, f);
    if (rc == RC_OK)
        rc = identity_load(dir, &key, f);
    if (rc != RC_OK)
        return rc;
    auto_free char *pem = p256_public_pem(&key);
    if (!pem)
        return fail(f, RC_INTERNAL, "out of memory");
    p256_id(&key, id);
    if (args_has(a, "claims"))
        print_claims(pem);
    else
        printf("%s\n%s", id, pem);
    return RC_OK;
}

static enum rc print_values(const char *only, struct fault *f)
{
    struct measured m;
    enum rc rc = measure_machine(&m, f);

    if (rc != RC_OK)
        return rc;
    auto_free char *text = measure_manifest(&m, only);
    puts(text ? text : "");
    return RC_OK;
}

static enum rc measure(const struct args *a, struct fault *f)
{
    (void)a;
    return print_values(NULL, f);
}

// What whoever built this program can vouch for, on any machine.
static enum rc manifest(const struct args *a, struct fault *f)
{
    (void)a;
    return print_values("agent", f);
}

static const char *const run_options[] = { "dir=",    "server=",    "ca=", "interval=",
                                           "buffer=", "crash-dir=", NULL };
static const char *const enroll_options[] = { "dir=",      "server=", "ca-sha256=", "claim=",
                                              "interval=", "buffer=", "crash-dir=", NULL };
static const char *const identity_options[] = { "dir=", "claims", NULL };
static const char *const no_options[] = { NULL };

static const struct command commands[] = {
    { "enroll", enroll_options, enroll },       { "run", run_options, run },
    { "identity", identity_options, identity }, { "measure", no_options, measure },
    { "manifest", no_options, manifest },       { 0 },
};

int main(int argc, char **argv)
{
    close_range(3, ~0U, 0); // whatever the parent left open is not ours
    return args_run("orrery-device", usage, commands, argc, argv);
}
