// SPDX-License-Identifier: Apache-2.0

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/hex.h"
#include "edge/client.h"

#define ASSETS_MAX 2000
#define ASSET_SIZE (16 * 1024 * 1024)
#define DEPTH_MAX  6
#define INLINE_MAX (16 * 1024) // shorter ones share a TLS record with their head

struct form {
    char *data;
    size_t len;
    char etag[40];
};

struct asset {
    char *path; // as in a URL, with its first '/'
    const char *type;
    bool immutable;
    struct form plain, gzip; // gzip.data may be NULL
};

struct assets {
    struct asset *list; // sorted by path
    size_t count, room;
};

// ---------------------------------------------------------------- loading

static const struct {
    const char *suffix, *type;
} types[] = {
    { ".html", "text/html; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".json", "application/json" },
    { ".svg", "image/svg+xml" },
    { ".png", "image/png" },
    { ".ico", "image/x-icon" },
    { ".woff2", "font/woff2" },
    { ".txt", "text/plain; charset=utf-8" },
    { ".map", "application/json" },
    { ".webmanifest", "application/manifest+json" },
};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && !strcmp(text + n - m, end);
}

static const char *type_of(const char *path)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (ends_with(path, types[i].suffix))
            return types[i].type;
    return "application/octet-stream";
}

// app-5JQ2K7XN.js: the bundler's hash of the content, eight of A-Z2-7.
static bool is_hashed(const char *path)
{
    const char *name = strrchr(path, '/');
    const char *dash = name ? strrchr(name, '-') : NULL;

    return dash && strspn(dash + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == 8 && dash[9] == '.';
}

static bool read_form(int dir, const char *name, struct form *out)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    uint8_t sum[32];
    char *data = NULL;
    bool good = fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= ASSET_SIZE &&
                (data = malloc((size_t)st.st_size + 1)) &&
                read(fd, data, (size_t)st.st_size) == st.st_size &&
                EVP_Digest(data, (size_t)st.st_size, sum, NULL, EVP_sha256(), NULL) == 1;

    if (fd >= 0)
        close(fd);
    if (!good) {
        free(data);
        return false;
    }
    out->data = data;
    out->len = (size_t)st.st_size;
    hex_encode(sum, 16, out->etag);
    return true;
}

static struct asset *asset_add(struct assets *a, const char *path)
{
    if (a->count == a->room) {
        size_t room = a->room ? a->room * 2 : 64;
        struct asset *list = room > ASSETS_MAX * 2 ? NULL : realloc(a->list, room * sizeof *list);

        if (!list)
            return NULL;
        a->list = list;
        a->room = room;
    }
    a->list[a->count] =
        (struct asset){ .path = strdup(path), .type = type_of(path), .immutable = is_hashed(path) };
    return a->list[a->count].path ? &a->list[a->count++] : NULL;
}

static enum rc load_file(struct assets *a, int dir, const char *name, const char *path,
                         struct fault *f)
{
    struct asset *new;
    char zipped[300];

    if (ends_with(name, ".gz"))
        return RC_OK; // comes with its plain form
    new = asset_add(a, path);
    if (!new || !read_form(dir, name, &new->plain))
        return fail(f, RC_INTERNAL, "web file %s cannot be read: %s", path, strerror(errno));
    snprintf(zipped, sizeof zipped, "%s.gz", name);
    if (faccessat(dir, zipped, R_OK, 0) == 0 && !read_form(dir, zipped, &new->gzip))
        return fail(f, RC_INTERNAL, "web file %s.gz cannot be read: %s", path, strerror(errno));
    return RC_OK;
}

DEFINE_AUTO(DIR *, dir_freep, closedir)

static enum rc load_dir(struct assets *a, int fd, const char *path, int depth, struct fault *f)
{
    auto_with(dir_freep) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    enum rc rc = RC_OK;

    if (!dir || depth > DEPTH_MAX) {
        if (!dir && fd >= 0)
            close(fd);
        return fail(f, RC_NOT_FOUND, "web folder '%s' cannot be read", path);
    }
    for (struct dirent *d; rc == RC_OK && (d = readdir(dir));) {
        char below[1024];
        struct stat st;

        if (d->d_name[0] == '.' || fstatat(dirfd(dir), d->d_name, &st, 0) != 0)
            continue;
        snprintf(below, sizeof below, "%s/%s", path, d->d_name);
        if (S_ISDIR(st.st_mode))
            rc = load_dir(a, openat(dirfd(dir), d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                          below, depth + 1, f);
        else if (S_ISREG(st.st_mode))
            rc = load_file(a, dirfd(dir), d->d_name, below, f);
    }
    return rc;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct asset *)a)->path, ((const struct asset *)b)->path);
}

DEFINE_AUTO(struct assets *, assets_freep, assets_free)

enum rc assets_load(const char *dir, struct assets **out, struct fault *f)
{
    auto_with(assets_freep) struct assets *a = calloc(1, sizeof *a);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum rc rc;

    if (fd < 0)
        return fail(f, RC_NOT_FOUND, "the web folder %.100s cannot be read: %s; set web.dir", dir,
                    strerror(errno));
    if (!a) {
        close(fd);
        return fail(f, RC_INTERNAL, "out of memory");
    }
    rc = load_dir(a, fd, "", 0, f);
    if (rc != RC_OK)
        return rc;
    if (a->count)
        qsort(a->list, a->count, sizeof *a->list, by_path);
    *out = take(&a);
    return RC_OK;
}

void assets_free(struct assets *a)
{
    for (size_t i = 0; a && i < a->count; i++) {
        free(a->list[i].path);
        free(a->list[i].plain.data);
        free(a->list[i].gzip.data);
    }
    if (a)
        free(a->list);
    free(a);
}

// ---------------------------------------------------------------- answering

static const struct asset *find(const struct assets *a, const char *path)
{
    struct asset key = { .path = (char *)(uintptr_t)path };

    return a && a->count ? bsearch(&key, a->list, a->count, sizeof key, by_path) : NULL;
}

// A page of the dashboard has no file of its own; a missing file must not become one.
static const struct asset *find_page(const struct assets *a, const char *path)
{
    static const char *const never[] = { "/assets", "/device", "/metrics" };
    const struct asset *found = find(a, path);

    if (found)
        return found;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        size_t n = strlen(never[i]);

        if (!strncmp(path, never[i], n) && (path[n] == '\0' || path[n] == '/'))
            return NULL;
    }
    return strchr(strrchr(path, '/'), '.') ? NULL : find(a, "/index.html");
}

// "gzip", "gzip;q=0.5" or "*", but not "gzip;q=0".
static bool takes_gzip(const struct request *q)
{
    const char *at = bytes_at(&q->text);
    const struct field *f = head_find(&q->head, at, "Accept-Encoding");
    const char *value = f ? at + f->value.at : "";
    const char *end = f ? value + f->value.len : value;
    const char *gzip = f ? memmem(value, f->value.len, "gzip", 4) : NULL;
    const char *p = gzip ? gzip + 4 : end;

    if (!gzip)
        return false;
    while (p < end && (*p == ' ' || *p == ';'))
        p++;
    if (end - p < 3 || strncmp(p, "q=0", 3) != 0)
        return true;
    for (p += 3; p < end && (*p == '.' || *p == '0'); p++)
        ;
    return p < end && *p >= '1' && *p <= '9';
}

bool etag_matches(const struct request *q, const char *name, const char *etag)
{
    const char *at = bytes_at(&q->text);
    const struct field *f = head_find(&q->head, at, name);
    char quoted[80];

    if (!f)
        return false;
    snprintf(quoted, sizeof quoted, "\"%s\"", etag);
    if (span_is(at, f->value, "*") || span_lists(at, f->value, quoted))
        return true;
    snprintf(quoted, sizeof quoted, "W/\"%s\"", etag); // a proxy may have weakened it
    return span_lists(at, f->value, quoted);
}

static enum flow pull(struct client *c)
{
    struct request *q = c->req;
    ssize_t n;

    if (q->memory_len == 0)
        return FLOW_END;
    n = conn_write(c, q->memory, q->memory_len < SCRATCH_SIZE ? q->memory_len : SCRATCH_SIZE);
    if (n < 0)
        return n == -1 ? FLOW_BLOCKED : FLOW_BROKEN;
    q->memory += n;
    q->memory_len -= (size_t)n;
    return q->memory_len ? FLOW_MORE : FLOW_END;
}

static const struct responder by_static = { "static", pull, NULL };

static void put_head(struct client *c, const struct asset *a, const struct form *form, int status)
{
    char etag[60];

    snprintf(etag, sizeof etag, "\"%s\"", form->etag);
    reply_start(c, status, status == 304 ? NULL : a->type, status == 304 ? -1 : (int64_t)form->len);
    reply_field(c, "ETag", etag);
    reply_field(c, "Cache-Control",
                a->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (a->gzip.data)
        reply_field(c, "Vary", "Accept-Encoding");
    if (form == &a->gzip && status == 200)
        reply_field(c, "Content-Encoding", "gzip");
    reply_end(c);
}

void static_answer(struct client *c)
{
    struct request *q = c->req;
    const struct asset *a = find_page(c->edge->assets, q->path);
    const struct form *form;
    int status;

    if (!a) {
        reply_problem(c, 404, "there is no such page or file");
        return;
    }
    form = a->gzip.data && takes_gzip(q) ? &a->gzip : &a->plain;
    status = etag_matches(q, "If-None-Match", form->etag) ? 304 : 200;
    put_head(c, a, form, status);
    if (status == 200 && !q->bodiless && form->len <= INLINE_MAX) {
        bytes_add(&c->out, form->data, form->len);
    } else if (status == 200 && !q->bodiless) {
        q->memory = form->data;
        q->memory_len = form->len;
    }
    reactor_disarm(&c->timer);
    client_answers(c, &by_static);
}
