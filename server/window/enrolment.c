// SPDX-License-Identifier: Apache-2.0

#include "window/enrolment.h"

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/config.h"
#include "core/hex.h"

DEFINE_AUTO(X509 *, x509_freep, X509_free)
DEFINE_AUTO(BIO *, bio_freep, BIO_free_all)

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

static bool is_loopback(const char *host)
{
    return !strcmp(host, "localhost") || begins(host, "127.") || !strcmp(host, "::1") ||
           begins(host, "[::1]") || begins(host, "localhost:");
}

// How likely another machine knows it: addresses and full names before the bare name of a host.
static int rank(const char *name)
{
    if (!*name)
        return 0;
    if (is_loopback(name))
        return 1;
    return strpbrk(name, ".:") ? 3 : 2;
}

// The best name of the list; false if it is good for this machine alone.
static bool pick_name(const char *names, char *out, size_t size)
{
    auto_free char *list = strdup(names);
    char *rest = list, *name;
    int best = 0;

    snprintf(out, size, "localhost");
    while ((name = strsep(&rest, ", "))) {
        if (rank(name) <= best)
            continue;
        best = rank(name);
        snprintf(out, size, strchr(name, ':') ? "[%s]" : "%s", name);
    }
    return best > 1;
}

static int port_of(const struct services *s)
{
    const char *colon = strrchr(s->config->gateway_listen, ':');
    int port = s->device_port ? s->device_port(s->ready_ctx) : 0;

    return port || !colon ? port : (int)strtol(colon + 1, NULL, 10);
}

static bool pin(const char *pem, char out[65])
{
    auto_with(bio_freep) BIO *bio = pem ? BIO_new_mem_buf(pem, -1) : NULL;
    auto_with(x509_freep) X509 *ca = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    uint8_t digest[SHA256_DIGEST_LENGTH];

    if (!ca || X509_digest(ca, EVP_sha256(), digest, NULL) != 1)
        return false;
    hex_encode(digest, sizeof digest, out);
    return true;
}

enum rc enrolment_read(const struct services *s, struct enrolment *out, struct fault *f)
{
    char host[256];
    bool known = pick_name(s->config->edge_names, host, sizeof host);

    *out = (struct enrolment){ 0 };
    if (!pin(s->server_ca_pem, out->ca_sha256))
        return fail(f, RC_INTERNAL, "the server's CA cannot be read");
    snprintf(out->server, sizeof out->server, "%s:%d", host, port_of(s));
    if (is_loopback(s->config->gateway_listen))
        out->notice = "the device port listens on this machine alone: set gateway.listen to "
                      "0.0.0.0:8444 and start the server again";
    else if (!known)
        out->notice = "the server's certificate names no address that other machines know: add one "
                      "to edge.names and start the server again";
    return RC_OK;
}
