// SPDX-License-Identifier: Apache-2.0

#include "agent/enroll.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/identity.h"
#include "core/auto.h"
#include "core/hex.h"
#include "sdk/file.h"

#define CONNECT_MS 10000
#define TALK_S     10
#define CA_MAX     16384

DEFINE_AUTO(SSL_CTX *, ssl_ctx_freep, SSL_CTX_free)
DEFINE_AUTO(SSL *, ssl_freep, SSL_free)
DEFINE_AUTO(BIO *, bio_freep, BIO_free_all)
DEFINE_AUTO(X509 *, x509_freep, X509_free)
DEFINE_AUTO(X509_STORE *, store_freep, X509_STORE_free)
DEFINE_AUTO(X509_STORE_CTX *, store_ctx_freep, X509_STORE_CTX_free)

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

struct pin {
    uint8_t sha256[32];
    char host[256], port[8];
    X509 *ca;       // found and believed; owned
    struct fault f; // why not
};

// ---------------------------------------------------------------- what the person typed

static enum rc read_hash(const char *text, uint8_t out[32], struct fault *f)
{
    char digits[65];
    size_t n = 0;

    for (; *text && n < sizeof digits; text++)
        if (*text != ':')
            digits[n++] = (char)tolower((unsigned char)*text);
    digits[n < sizeof digits ? n : 64] = '\0';
    if (n != 64 || !hex_decode(digits, out, 32))
        return fail(f, RC_INVALID, "--ca-sha256 must be the 64 hex digits that the server shows");
    return RC_OK;
}

// "host:port", "[v6]:port"
static enum rc read_server(const char *server, struct pin *p, struct fault *f)
{
    const char *colon = strrchr(server, ':');
    size_t len = colon ? (size_t)(colon - server) : 0;

    if (len > 2 && server[0] == '[' && server[len - 1] == ']') {
        server++;
        len -= 2;
    }
    if (!len || len >= sizeof p->host || !colon[1] || strlen(colon + 1) >= sizeof p->port)
        return fail(f, RC_INVALID, "--server must be host:port, as the server shows it");
    memcpy(p->host, server, len);
    snprintf(p->port, sizeof p->port, "%s", colon + 1);
    return RC_OK;
}

// ---------------------------------------------------------------- the chain

static bool has_hash(X509 *cert, const uint8_t sha256[32])
{
    uint8_t digest[32];

    return cert && X509_digest(cert, EVP_sha256(), digest, NULL) == 1 &&
           memcmp(digest, sha256, sizeof digest) == 0;
}

static X509 *find(STACK_OF(X509) * chain, const uint8_t sha256[32])
{
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (has_hash(sk_X509_value(chain, i), sha256))
            return sk_X509_value(chain, i);
    return NULL;
}

static enum rc not_it(STACK_OF(X509) * chain, struct fault *f)
{
    int last = sk_X509_num(chain) - 1;
    uint8_t digest[32] = { 0 };
    char hex[65];

    if (last < 0 || X509_digest(sk_X509_value(chain, last), EVP_sha256(), digest, NULL) != 1)
        return fail(f, RC_DENIED, "the server showed no certificate");
    hex_encode(digest, sizeof digest, hex);
    return fail(f, RC_DENIED,
                "this is not the server of --ca-sha256: its chain ends in %s; copy the command "
                "again, and if it stays so, somebody is in between",
                hex);
}

static enum rc why_not(const struct pin *p, int error, struct fault *f)
{
    char now[32];
    time_t t = time(NULL);
    struct tm tm;

    switch (error) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        if (!gmtime_r(&t, &tm) || !strftime(now, sizeof now, "%Y-%m-%d %H:%M UTC", &tm))
            snprintf(now, sizeof now, "whatever it is");
        return fail(f, RC_DENIED,
                    "the server's certificate is not valid at this machine's time, %s: set the "
                    "clock (or the server's), then run this again",
                    now);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return fail(f, RC_DENIED,
                    "the server's certificate does not name '%.60s': use a name in it with "
                    "--server, or add this one to edge.names on the server and restart it",
                    p->host);
    default:
        return fail(f, RC_DENIED, "the server's chain does not hold: %s",
                    X509_verify_cert_error_string(error));
    }
}

static bool expect_name(X509_STORE_CTX *ctx, const char *host)
{
    X509_VERIFY_PARAM *want = X509_STORE_CTX_get0_param(ctx);
    unsigned char ip[16];

    if (inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(want, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(want, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(want, host, 0) == 1;
}

// The pinned certificate is the only root, so that what it did not sign is nothing.
static enum rc believe(struct pin *p, X509 *leaf, STACK_OF(X509) * chain, struct fault *f)
{
    auto_with(store_freep) X509_STORE *roots = X509_STORE_new();
    auto_with(store_ctx_freep) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509 *ca = find(chain, p->sha256);

    if (!ca)
        return not_it(chain, f);
    if (!roots || !ctx || X509_STORE_add_cert(roots, ca) != 1 ||
        X509_STORE_CTX_init(ctx, roots, leaf, chain) != 1 ||
        X509_STORE_CTX_set_default(ctx, "ssl_server") != 1 || !expect_name(ctx, p->host))
        return fail(f, RC_INTERNAL, "out of memory");
    if (X509_verify_cert(ctx) != 1)
        return why_not(p, X509_STORE_CTX_get_error(ctx), f);
    X509_up_ref(ca);
    p->ca = ca;
    return RC_OK;
}

// Instead of OpenSSL's own verification.
static int verify(X509_STORE_CTX *ctx, void *arg)
{
    struct pin *p = arg;
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
    bool good =
        !p->ca && leaf && believe(p, leaf, X509_STORE_CTX_get0_untrusted(ctx), &p->f) == RC_OK;

    X509_STORE_CTX_set_error(ctx, good ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return good;
}

// ---------------------------------------------------------------- the connection

// errno of a connection that is being made, once it is decided.
static int outcome(int fd)
{
    struct pollfd wait = { .fd = fd, .events = POLLOUT };
    int error = 0;
    socklen_t len = sizeof error;

    if (poll(&wait, 1, CONNECT_MS) != 1)
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) ? errno : error;
}

static int connect_to(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
    struct timeval limit = { .tv_sec = TALK_S };

    if (fd < 0)
        return -1;
    if (connect(fd, a->ai_addr, a->ai_addrlen))
        error = errno == EINPROGRESS ? outcome(fd) : errno;
    if (!error && fcntl(fd, F_SETFL, 0) == 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        return fd;
    }
    close(fd);
    errno = error;
    return -1;
}

// Of all addresses of the name, the first that answers.
static enum rc reach(const struct pin *p, int *out, struct fault *f)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    int rc = getaddrinfo(p->host, p->port, &hints, &list);

    if (rc)
        return fail(f, RC_UNAVAILABLE, "cannot find '%.100s': %s; is the name right?", p->host,
                    gai_strerror(rc));
    *out = -1;
    for (const struct addrinfo *a = list; a && *out < 0; a = a->ai_next)
        *out = connect_to(a);
    freeaddrinfo(list);
    if (*out < 0)
        return fail(f, RC_UNAVAILABLE,
                    "cannot reach %.80s port %s: %s; does the server run, and is that port open to "
                    "this machine?",
                    p->host, p->port, strerror(errno));
    return RC_OK;
}

static enum rc not_tls(const struct pin *p, struct fault *f)
{
    if (p->f.rc != RC_OK)
        return fail(f, p->f.rc, "%s", p->f.text);
    return fail(f, RC_UNAVAILABLE,
                "%.80s port %s does not speak TLS 1.3 as a server of devices does: is it the "
                "device port (8444, not the dashboard's)?",
                p->host, p->port);
}

// Without a certificate of our own: the server hangs up on us, after we have seen its chain.
static enum rc fetch(struct pin *p, struct fault *f)
{
    auto_with(close_fd) int fd = -1;
    auto_with(ssl_ctx_freep) SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    auto_with(ssl_freep) SSL *ssl = NULL;
    enum rc rc = reach(p, &fd, f);

    if (rc != RC_OK)
        return rc;
    if (!tls || SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1)
        return fail(f, RC_INTERNAL, "OpenSSL cannot make a TLS context");
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(tls, verify, p);
    ssl = SSL_new(tls);
    if (!ssl || SSL_set_fd(ssl, fd) != 1)
        return fail(f, RC_INTERNAL, "out of memory");
    if (strchr(p->host, ':') == NULL && inet_addr(p->host) == INADDR_NONE)
        SSL_set_tlsext_host_name(ssl, p->host);
    if (SSL_connect(ssl) != 1 || !p->ca)
        rc = not_tls(p, f);
    ERR_clear_error();
    return rc;
}

// ---------------------------------------------------------------- what is kept

static bool kept_already(const char *path, const uint8_t sha256[32])
{
    auto_free char *text = NULL;

    if (file_read(path, CA_MAX, &text, NULL, NULL) != RC_OK)
        return false;
    auto_with(bio_freep) BIO *bio = BIO_new_mem_buf(text, -1);
    auto_with(x509_freep) X509 *ca = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    ERR_clear_error();
    return has_hash(ca, sha256);
}

static enum rc keep(const char *path, X509 *ca, struct fault *f)
{
    auto_with(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    if (!bio || PEM_write_bio_X509(bio, ca) != 1)
        return fail(f, RC_INTERNAL, "out of memory");
    long len = BIO_get_mem_data(bio, &text);
    return file_replace(path, text, (size_t)len, f);
}

enum rc enroll_pin(const char *dir, const char *server, const char *ca_sha256, struct fault *f)
{
    struct pin p = { 0 };
    char path[PATH_SIZE];
    enum rc rc = read_hash(ca_sha256, p.sha256, f);

    identity_path(dir, "server-ca.pem", path);
    if (rc == RC_OK)
        rc = read_server(server, &p, f);
    if (rc == RC_OK && !kept_already(path, p.sha256)) {
        rc = fetch(&p, f);
        if (rc == RC_OK)
            rc = keep(path, p.ca, f);
        X509_free(p.ca);
    }
    identity_path(dir, "server", path);
    return rc == RC_OK ? file_replace(path, server, strlen(server), f) : rc;
}
