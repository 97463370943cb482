// SPDX-License-Identifier: Apache-2.0

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "sdk/link_inner.h"

// Called when a ticket arrives; keeping it means returning 1.
static int keep_ticket(SSL *ssl, SSL_SESSION *s)
{
    struct link *l = SSL_get_app_data(ssl);

    if (!l || !l->env->resume || !SSL_SESSION_is_resumable(s))
        return 0;
    SSL_SESSION_free(l->session);
    l->session = s;
    return 1;
}

static bool verify_name(struct link_env *e)
{
    X509_VERIFY_PARAM *p = SSL_CTX_get0_param(e->tls);
    unsigned char ip[16];

    if (inet_pton(AF_INET, e->host, ip) == 1 || inet_pton(AF_INET6, e->host, ip) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(p, e->host) == 1;
    X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(p, e->host, 0) == 1;
}

static enum rc open_tls(struct link_env *e, const struct link_options *o, struct fault *f)
{
    e->tls = SSL_CTX_new(TLS_client_method());
    e->server_ca = X509_STORE_new();
    if (!e->tls || !e->server_ca || SSL_CTX_set_min_proto_version(e->tls, TLS1_3_VERSION) != 1 ||
        !verify_name(e))
        return fail(f, RC_INTERNAL, "OpenSSL cannot make a TLS context");
    if (SSL_CTX_load_verify_file(e->tls, o->ca_file) != 1 ||
        X509_STORE_load_file(e->server_ca, o->ca_file) != 1)
        return fail(f, RC_INVALID, "cannot read the server's CA from '%.120s': %s", o->ca_file,
                    errno ? strerror(errno) : "no certificate in it");
    SSL_CTX_set_verify(e->tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(e->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(e->tls, 1);
    SSL_CTX_set_session_cache_mode(e->tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(e->tls, keep_ticket);
    return RC_OK;
}

// "host:port", "[v6]:port"
static enum rc split(struct link_env *e, const char *server, struct fault *f)
{
    const char *colon = strrchr(server, ':');
    size_t len = colon ? (size_t)(colon - server) : 0;

    if (len > 2 && server[0] == '[' && server[len - 1] == ']') {
        server++;
        len -= 2;
    }
    if (!len || len >= sizeof e->host || !colon[1] || strlen(colon + 1) >= sizeof e->port)
        return fail(f, RC_INVALID, "the server must be given as host:port");
    memcpy(e->host, server, len);
    e->host[len] = 0;
    snprintf(e->port, sizeof e->port, "%s", colon + 1);
    return RC_OK;
}

enum rc link_env_open(const struct link_options *o, struct link_env **out, struct fault *f)
{
    struct link_env *e = calloc(1, sizeof *e);

    if (!e)
        return fail(f, RC_INTERNAL, "out of memory");
    e->epoll = o->epoll;
    e->agent = o->agent;
    e->claim = o->claim;
    e->backoff_min_ms = o->backoff_min_ms;
    e->backoff_max_ms = o->backoff_max_ms;
    e->frame_messages = o->frame_messages ? o->frame_messages : 1;
    e->handshakes_max = o->handshakes_max ? o->handshakes_max : 256;
    e->connect_gap_us = o->connect_rate > 0 ? (int64_t)(1e6 / o->connect_rate) : 0;
    e->sources = o->sources;
    e->resume = o->resume;
    e->rx = malloc(RX_SIZE);
    e->tx = malloc(TX_SIZE);
    time_floor_init(&e->time, o->floor_ms);
    enum rc rc = e->rx && e->tx ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
    if (rc == RC_OK)
        rc = split(e, o->server, f);
    if (rc == RC_OK)
        rc = open_tls(e, o, f);
    if (rc != RC_OK) {
        link_env_close(e);
        return rc;
    }
    *out = e;
    return RC_OK;
}

void link_env_close(struct link_env *e)
{
    if (!e)
        return;
    SSL_CTX_free(e->tls);
    X509_STORE_free(e->server_ca);
    free(e->rx);
    free(e->tx);
    free(e);
}

bool env_lookup(struct link_env *e, struct fault *f)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;

    if (e->to_len)
        return true;
    int rc = getaddrinfo(e->host, e->port, &hints, &list);
    if (rc) {
        fail(f, RC_UNAVAILABLE, "cannot find '%.100s': %s", e->host, gai_strerror(rc));
        return false;
    }
    memcpy(&e->to, list->ai_addr, list->ai_addrlen);
    e->to_len = list->ai_addrlen;
    freeaddrinfo(list);
    return true;
}

void env_random(struct link_env *e, void *out, size_t len)
{
    if (len > e->random_left) {
        if (RAND_bytes(e->random, sizeof e->random) != 1)
            abort(); // without randomness nothing here is safe
        e->random_left = sizeof e->random;
    }
    e->random_left -= len;
    memcpy(out, e->random + e->random_left, len);
}

uint32_t env_below(struct link_env *e, uint32_t limit)
{
    uint32_t n;

    env_random(e, &n, sizeof n);
    return limit ? (uint32_t)((uint64_t)n * limit >> 32) : 0;
}
