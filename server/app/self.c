// SPDX-License-Identifier: Apache-2.0
//
// What the watch wants to know of the server it is in.

#include <limits.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "app/parts.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/config.h"

#define CERTS_MS     600000 // between looks at certificates
#define CATALOG_PAGE 20

DEFINE_AUTO(X509 *, x509_freep, X509_free)
DEFINE_AUTO(BIO *, bio_freep, BIO_free_all)

static void disk(const struct app *a, struct watch_facts *f)
{
    struct statvfs v;

    if (statvfs(a->config->dir, &v) < 0)
        return;
    f->disk_free = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
    f->disk_total = (int64_t)v.f_blocks * (int64_t)v.f_frsize;
}

static void ingest(const struct app *a, struct watch_facts *f)
{
    struct ingest_stats s;
    char why[200];

    ingest_stats(a->ingest, &s);
    f->ingest = ingest_is_ready(a->ingest, why, sizeof why);
    f->lag_s = s.lag_s;
    f->data = (int64_t)s.disk_bytes;
    f->data_forecast = (int64_t)s.disk_forecast_bytes;
}

// ---------------------------------------------------------------- certificates

static void note(struct self_certs *to, BIO *text, const char *name)
{
    auto_with(x509_freep) X509 *cert = text ? PEM_read_bio_X509(text, NULL, NULL, NULL) : NULL;
    struct tm tm;
    int64_t until;

    if (!cert || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
        return;
    until = (int64_t)timegm(&tm) * 1000;
    if (to->until && to->until <= until)
        return;
    to->until = until;
    snprintf(to->name, sizeof to->name, "%s", name);
}

static void note_file(struct self_certs *to, const char *dir, const char *path, const char *name)
{
    char full[PATH_MAX];

    snprintf(full, sizeof full, "%s%s", dir, path);
    auto_with(bio_freep) BIO *text = BIO_new_file(full, "r");
    note(to, text, name);
}

static void note_ca(struct self_certs *to, const struct app *a, enum ca_name which,
                    const char *catalog, const char *name)
{
    auto_free char *pem = NULL;

    if (keeper_ca(a->keeper, which, catalog, &pem, NULL) != RC_OK)
        return;
    auto_with(bio_freep) BIO *text = BIO_new_mem_buf(pem, -1);
    note(to, text, name);
}

static void note_catalogs(struct self_certs *to, const struct app *a)
{
    struct catalog page[CATALOG_PAGE];
    int32_t after = 0;
    int count = 0;

    do {
        if (catalog_list(a->store, 0, after, CATALOG_PAGE, page, &count, NULL) != RC_OK)
            return;
        for (int i = 0; i < count; i++) {
            note_ca(to, a, CA_CATALOG, page[i].name, "a catalog's CA");
            note_ca(to, a, CA_QUARANTINE, page[i].name, "a catalog's quarantine CA");
            after = page[i].id;
        }
    } while (count == CATALOG_PAGE);
}

static void certificates(struct app *a)
{
    struct self_certs found = { .looked_at = clock_mono_ms() };

    if (a->certs.looked_at && found.looked_at - a->certs.looked_at < CERTS_MS)
        return;
    note_file(&found, a->config->dir, "/pki/server.pem", "the server's");
    note_file(&found, a->config->dir, "/pki/server-ca.pem", "the server's CA");
    if (*a->config->edge_cert)
        note_file(&found, a->config->edge_cert, "", "edge.cert");
    note_ca(&found, a, CA_DEVICE_ROOT, NULL, "the devices' root");
    note_catalogs(&found, a);
    a->certs = found;
}

void self_look(void *app, struct watch_facts *f)
{
    struct app *a = app;

    f->database = store_is_up(a->store) && (!a->cluster || cluster_is_up(a->cluster));
    f->keeper = keeper_is_alive(a->keeper);
    disk(a, f);
    ingest(a, f);
    if (f->database && f->keeper)
        certificates(a);
    f->cert_until = a->certs.until;
    snprintf(f->cert, sizeof f->cert, "%s", a->certs.name);
}
