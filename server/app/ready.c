// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "app/parts.h"
#include "core/config.h"

#define DISK_LOW_BYTES (256LL * 1024 * 1024)

// Each writes why not, for a person.
typedef bool check(const struct app *a, char *text, size_t size);

static bool database(const struct app *a, char *text, size_t size)
{
    if (a->cluster && !cluster_is_up(a->cluster)) {
        cluster_trouble(a->cluster, text, size);
        return false;
    }
    if (store_is_up(a->store))
        return true;
    snprintf(text, size, "the database does not answer");
    return false;
}

// Migrations ran before anything else started; a server that is up has them.
static bool migrations(const struct app *a, char *text, size_t size)
{
    (void)a, (void)text, (void)size;
    return true;
}

static bool ingest(const struct app *a, char *text, size_t size)
{
    return ingest_is_ready(a->ingest, text, size);
}

static bool gateway(const struct app *a, char *text, size_t size)
{
    return gateway_is_ready(a->gateway, text, size);
}

static bool disk(const struct app *a, char *text, size_t size)
{
    struct statvfs v;

    if (statvfs(a->config->dir, &v) < 0)
        return true;
    if ((long long)v.f_bavail * (long long)v.f_frsize >= DISK_LOW_BYTES)
        return true;
    snprintf(text, size, "less than 256 MiB are free; make room or shorten the retention");
    return false;
}

static bool keeper(const struct app *a, char *text, size_t size)
{
    if (keeper_is_alive(a->keeper))
        return true;
    snprintf(text, size, "the keeper died and is being started again; nothing is issued meanwhile");
    return false;
}

static bool drain(const struct app *a, char *text, size_t size)
{
    if (!atomic_load(&a->draining))
        return true;
    snprintf(text, size, "the server is stopping");
    return false;
}

static const struct {
    const char *name;
    check *run;
} checks[] = {
    { "database", database }, { "migrations", migrations }, { "disk", disk },
    { "ingest", ingest },     { "gateway", gateway },       { "keeper", keeper },
    { "drain", drain },
};

bool ready_text(void *app, char *out, size_t size)
{
    const struct app *a = app;
    bool all = true;
    size_t len = 0;

    for (size_t i = 0; i < sizeof checks / sizeof *checks && len < size; i++) {
        char text[200] = "";
        bool ok = checks[i].run(a, text, sizeof text);

        all = all && ok;
        for (char *at = text; *at; at++)
            if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ')
                *at = '\'';
        len += (size_t)snprintf(out + len, size - len, "%s\"%s\":{\"ok\":%s,\"text\":\"%s\"}",
                                i ? "," : "{", checks[i].name, ok ? "true" : "false", text);
    }
    if (len + 2 <= size)
        memcpy(out + len, "}", 2);
    return all;
}
