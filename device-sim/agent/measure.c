// SPDX-License-Identifier: Apache-2.0

#include "agent/measure.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "core/auto.h"
#include "core/hex.h"
#include "core/json_out.h"

#define PCR_KERNEL 4
#define PCR_OS     8
#define PCR_AGENT  10

static void close_file(FILE **f)
{
    if (*f)
        (void)fclose(*f);
}
#define auto_file auto_with(close_file)

DEFINE_AUTO(EVP_MD_CTX *, free_md, EVP_MD_CTX_free)

static bool hash_file(const char *path, char out[65])
{
    auto_file FILE *in = fopen(path, "re");
    auto_with(free_md) EVP_MD_CTX *md = EVP_MD_CTX_new();
    uint8_t part[16384], hash[EVP_MAX_MD_SIZE];
    size_t n, all = 0;

    if (!in || !md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
        return false;
    while ((n = fread(part, 1, sizeof part, in)) > 0) {
        EVP_DigestUpdate(md, part, n);
        all += n;
    }
    if (ferror(in) || !all || EVP_DigestFinal_ex(md, hash, NULL) != 1)
        return false;
    hex_encode(hash, 32, out);
    return true;
}

static void add(struct measured *m, int pcr, const char *component, const char *version,
                const char *sha256)
{
    struct measurement *to = &m->log[m->count++];

    to->pcr = pcr;
    to->svn = 1;
    snprintf(to->component, sizeof to->component, "%s", component);
    snprintf(to->version, sizeof to->version, "%.90s", version);
    snprintf(to->sha256, sizeof to->sha256, "%s", sha256);
}

static enum rc measure_kernel(struct measured *m, struct fault *f)
{
    struct utsname u;
    char path[160], hash[65];

    if (uname(&u))
        return fail(f, RC_INTERNAL, "uname: %s", strerror(errno));
    snprintf(path, sizeof path, "/boot/vmlinuz-%.100s", u.release);
    if (!hash_file(path, hash) && !hash_file("/proc/version", hash))
        return fail(f, RC_UNAVAILABLE, "neither the kernel image nor /proc/version can be read");
    add(m, PCR_KERNEL, "kernel", u.release, hash);
    return RC_OK;
}

// NAME="Debian GNU/Linux" -> Debian GNU/Linux
static void os_field(const char *line, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);

    if (strncmp(line, name, n) || line[n] != '=')
        return;
    line += n + 1;
    if (*line == '"')
        line++;
    snprintf(out, size, "%.*s", (int)strcspn(line, "\"\n"), line);
}

static enum rc measure_os(struct measured *m, struct fault *f)
{
    static const char path[] = "/etc/os-release";
    auto_file FILE *in = fopen(path, "re");
    char line[256], hash[65];

    if (!in || !hash_file(path, hash))
        return fail(f, RC_UNAVAILABLE, "cannot read %s: %s", path, strerror(errno));
    snprintf(m->swname, sizeof m->swname, "linux");
    snprintf(m->swversion, sizeof m->swversion, "unknown");
    while (fgets(line, sizeof line, in)) {
        os_field(line, "NAME", m->swname, sizeof m->swname);
        os_field(line, "VERSION_ID", m->swversion, sizeof m->swversion);
    }
    add(m, PCR_OS, "os", m->swversion, hash);
    return RC_OK;
}

static void read_model(struct measured *m)
{
    static const char *const paths[] = { "/sys/class/dmi/id/product_name",
                                         "/proc/device-tree/model" };

    snprintf(m->hwmodel, sizeof m->hwmodel, "linux");
    for (size_t i = 0; i < 2; i++) {
        auto_file FILE *in = fopen(paths[i], "re");
        char line[64];
        if (in && fgets(line, sizeof line, in) && *line > ' ') {
            line[strcspn(line, "\n")] = 0;
            snprintf(m->hwmodel, sizeof m->hwmodel, "%s", line);
            return;
        }
    }
}

enum rc measure_machine(struct measured *out, struct fault *f)
{
    char hash[65];

    *out = (struct measured){ 0 };
    read_model(out);
    enum rc rc = measure_kernel(out, f);
    if (rc == RC_OK)
        rc = measure_os(out, f);
    if (rc != RC_OK)
        return rc;
    if (!hash_file("/proc/self/exe", hash))
        return fail(f, RC_UNAVAILABLE, "the agent cannot read its own program");
    add(out, PCR_AGENT, "agent", "0.1", hash);
    return RC_OK;
}

char *measure_manifest(const struct measured *m, const char *only)
{
    json_auto_t *o = json_object();
    json_t *values = json_array();

    json_object_set_new(o, "values", values);
    for (size_t i = 0; i < m->count; i++) {
        if (only && strcmp(m->log[i].component, only) != 0)
            continue;
        json_t *v = json_object();
        add_text(v, "component", m->log[i].component);
        add_text(v, "version", m->log[i].version);
        add_text(v, "sha256", m->log[i].sha256);
        add_int(v, "svn", m->log[i].svn);
        json_array_append_new(values, v);
    }
    return json_dumps(o, JSON_COMPACT);
}
