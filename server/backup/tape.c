// SPDX-License-Identifier: Apache-2.0

#include "backup/tape.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "core/json_out.h"

#define PREFIX       "orrery-backup/"
#define MANIFEST     "manifest.json"
#define MANIFEST_MAX (64u * 1024 * 1024) // some 500,000 members
#define PIECE        65536
#define SHA_LEN      64

struct tape {
    struct archive *to;
    json_t *files;
};

static void writer_free(struct archive *a)
{
    (void)archive_write_free(a);
}

static void reader_free(struct archive *a)
{
    (void)archive_read_free(a);
}

DEFINE_AUTO(struct archive *, reader_freep, reader_free)
DEFINE_AUTO(struct archive_entry *, entry_freep, archive_entry_free)
DEFINE_AUTO(EVP_MD_CTX *, digest_freep, EVP_MD_CTX_free)
DEFINE_AUTO(struct tape *, tape_freep, tape_free)

static EVP_MD_CTX *digest_new(void)
{
    EVP_MD_CTX *d = EVP_MD_CTX_new();

    if (!d || EVP_DigestInit_ex(d, EVP_sha256(), NULL) != 1)
        abort(); // no SHA-256, no server either
    return d;
}

static void digest_text(EVP_MD_CTX *d, char out[SHA_LEN + 1])
{
    uint8_t sum[32];

    if (EVP_DigestFinal_ex(d, sum, NULL) != 1)
        abort();
    hex_encode(sum, sizeof sum, out);
}

// ---------------------------------------------------------------- writing

enum rc tape_create(int fd, struct tape **out, struct fault *f)
{
    auto_with(tape_freep) struct tape *t = calloc(1, sizeof *t);

    if (!t || !(t->files = json_array()) || !(t->to = archive_write_new()))
        return fail(f, RC_INTERNAL, "out of memory");
    if (archive_write_set_format_pax_restricted(t->to) != ARCHIVE_OK ||
        archive_write_open_fd(t->to, fd) != ARCHIVE_OK)
        return fail(f, RC_UNAVAILABLE, "cannot begin the archive: %.120s",
                    archive_error_string(t->to));
    *out = take(&t);
    return RC_OK;
}

void tape_free(struct tape *t)
{
    if (!t)
        return;
    if (t->to)
        writer_free(t->to);
    json_decref(t->files);
    free(t);
}

static enum rc unwritten(struct tape *t, struct fault *f)
{
    return fail(f, RC_UNAVAILABLE, "cannot write the archive: %.120s", archive_error_string(t->to));
}

static enum rc begin(struct tape *t, const char *path, int64_t size, struct fault *f)
{
    auto_with(entry_freep) struct archive_entry *e = archive_entry_new();
    char full[sizeof PREFIX + TAPE_PATH_MAX];

    if (!e)
        return fail(f, RC_INTERNAL, "out of memory");
    if (strlen(path) > TAPE_PATH_MAX)
        return fail(f, RC_INVALID, "the name %.100s… is too long for a backup", path);
    snprintf(full, sizeof full, "%s%s", PREFIX, path);
    archive_entry_set_pathname(e, full);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0600);
    archive_entry_set_size(e, size);
    archive_entry_set_mtime(e, clock_now_ms() / 1000, 0);
    return archive_write_header(t->to, e) == ARCHIVE_OK ? RC_OK : unwritten(t, f);
}

static enum rc piece(struct tape *t, EVP_MD_CTX *d, const void *bytes, size_t len, struct fault *f)
{
    if (EVP_DigestUpdate(d, bytes, len) != 1)
        return fail(f, RC_INTERNAL, "SHA-256 is not available");
    return archive_write_data(t->to, bytes, len) == (la_ssize_t)len ? RC_OK : unwritten(t, f);
}

static json_t *line_of(const char *path, int64_t size, EVP_MD_CTX *d)
{
    char sum[SHA_LEN + 1];
    json_t *line = json_object();

    digest_text(d, sum);
    add_text(line, "path", path);
    add_int(line, "size", size);
    add_text(line, "sha256", sum);
    return line;
}

enum rc tape_put(struct tape *t, const char *path, const void *bytes, size_t len, struct fault *f)
{
    auto_with(digest_freep) EVP_MD_CTX *d = digest_new();
    enum rc rc = begin(t, path, (int64_t)len, f);

    if (rc == RC_OK && len > 0)
        rc = piece(t, d, bytes, len, f);
    if (rc == RC_OK)
        json_array_append_new(t->files, line_of(path, (int64_t)len, d));
    return rc;
}

enum rc tape_put_file(struct tape *t, const char *path, int from, int64_t size, struct fault *f)
{
    auto_with(digest_freep) EVP_MD_CTX *d = digest_new();
    auto_free char *buf = malloc(PIECE);
    enum rc rc = buf ? begin(t, path, size, f) : fail(f, RC_INTERNAL, "out of memory");

    for (int64_t left = size; rc == RC_OK && left > 0;) {
        ssize_t n = read(from, buf, left < PIECE ? (size_t)left : PIECE);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(f, RC_UNAVAILABLE, "cannot read %.100s: %s", path,
                        n < 0 ? strerror(errno) : "it became shorter");
        rc = piece(t, d, buf, (size_t)n, f);
        left -= n;
    }
    if (rc == RC_OK)
        json_array_append_new(t->files, line_of(path, size, d));
    return rc;
}

enum rc tape_finish(struct tape *t, json_t *facts_owned, struct fault *f)
{
    json_auto_t *facts = facts_owned;
    auto_free char *text = NULL;
    enum rc rc;

    json_object_set(facts, "files", t->files);
    text = json_dumps(facts, JSON_INDENT(1));
    if (!text)
        return fail(f, RC_INTERNAL, "out of memory");
    rc = tape_put(t, MANIFEST, text, strlen(text), f);
    if (rc == RC_OK && archive_write_close(t->to) != ARCHIVE_OK)
        rc = unwritten(t, f);
    return rc;
}

// ---------------------------------------------------------------- reading

static enum rc refuse(struct fault *f, const char *why)
{
    return fail(f, RC_INVALID, "%s; nothing was restored", why);
}

static enum rc open_reader(int fd, struct archive **out, struct fault *f)
{
    *out = archive_read_new();
    if (!*out)
        return fail(f, RC_INTERNAL, "out of memory");
    if (lseek(fd, 0, SEEK_SET) != 0)
        return fail(f, RC_INVALID, "the backup must be a file: it is read twice");
    if (archive_read_support_format_tar(*out) != ARCHIVE_OK ||
        archive_read_open_fd(*out, fd, PIECE) != ARCHIVE_OK)
        return refuse(f, "this is no backup of Orrery (not a tar archive)");
    return RC_OK;
}

static bool is_plain(const char *path)
{
    static const char *const tops[] = { "database/", "keeper/", "blobs/" };
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
    bool top = !strcmp(path, "config") || !strcmp(path, MANIFEST);

    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++)
        top = top || !strncmp(path, tops[i], strlen(tops[i]));
    return top && strlen(path) <= TAPE_PATH_MAX && strspn(path, plain) == strlen(path) &&
           !strstr(path, "/.") && !strstr(path, "//") && path[strlen(path) - 1] != '/';
}

// The next member; *path is NULL behind the last one and lives until the next call.
static enum rc next(struct archive *a, const char **path, struct fault *f)
{
    struct archive_entry *e;
    int got = archive_read_next_header(a, &e);
    const char *full;

    *path = NULL;
    if (got == ARCHIVE_EOF)
        return RC_OK;
    if (got != ARCHIVE_OK)
        return refuse(f, "the archive is damaged or cut short");
    full = archive_entry_pathname(e);
    if (!full || strncmp(full, PREFIX, strlen(PREFIX)) != 0 ||
        archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) ||
        archive_entry_sparse_count(e) > 0 || !is_plain(full + strlen(PREFIX)))
        return refuse(f, "this is no backup of Orrery (strange member in the archive)");
    *path = full + strlen(PREFIX);
    return RC_OK;
}

// Reads the present member into sink (which may be NULL); *line is what the manifest must say.
static enum rc swallow(struct archive *a, const char *path, const struct tape_sink *sink,
                       json_t **line, struct fault *f)
{
    auto_with(digest_freep) EVP_MD_CTX *d = digest_new();
    auto_free char *buf = malloc(PIECE);
    int64_t size = 0;
    la_ssize_t n = 0;
    enum rc rc = buf ? RC_OK : fail(f, RC_INTERNAL, "out of memory");

    while (rc == RC_OK && (n = archive_read_data(a, buf, PIECE)) > 0) {
        size += n;
        if (EVP_DigestUpdate(d, buf, (size_t)n) != 1)
            rc = fail(f, RC_INTERNAL, "SHA-256 is not available");
        else if (sink)
            rc = sink->bytes(sink->ctx, buf, (size_t)n, f);
    }
    if (rc == RC_OK && n < 0)
        rc = refuse(f, "the archive is damaged or cut short");
    if (rc == RC_OK)
        *line = line_of(path, size, d);
    return rc;
}

struct text {
    char *bytes;
    size_t len;
};

static enum rc keep(void *ctx, const void *bytes, size_t len, struct fault *f)
{
    struct text *t = ctx;
    char *more = t->len + len <= MANIFEST_MAX ? realloc(t->bytes, t->len + len + 1) : NULL;

    if (!more)
        return refuse(f, "the manifest is too long");
    t->bytes = more;
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
    return RC_OK;
}

static enum rc read_manifest(struct archive *a, json_t **out, struct fault *f)
{
    struct text text = { 0 };
    struct tape_sink sink = { .ctx = &text, .bytes = keep };
    json_auto_t *line = NULL;
    enum rc rc = swallow(a, MANIFEST, &sink, &line, f);

    if (rc == RC_OK)
        *out = json_loadb(text.bytes ? text.bytes : "", text.len, JSON_REJECT_DUPLICATES, NULL);
    free(text.bytes);
    if (rc == RC_OK && !json_is_object(*out))
        rc = refuse(f, "the manifest is not readable");
    return rc;
}

// Every member up to the manifest, which must be the last one.
static enum rc read_all(struct archive *a, json_t *seen, json_t **manifest, struct fault *f)
{
    const char *path;
    enum rc rc;

    while ((rc = next(a, &path, f)) == RC_OK && path) {
        json_t *line = NULL;

        if (*manifest)
            return refuse(f, "something was added behind the manifest");
        if (!strcmp(path, MANIFEST)) {
            rc = read_manifest(a, manifest, f);
        } else {
            char name[TAPE_PATH_MAX + 1];

            snprintf(name, sizeof name, "%s", path);
            rc = swallow(a, name, NULL, &line, f);
        }
        if (rc != RC_OK)
            return rc;
        if (line)
            json_array_append_new(seen, line);
    }
    return rc;
}

enum rc tape_check(int fd, json_t **out, struct fault *f)
{
    auto_with(reader_freep) struct archive *a = NULL;
    json_auto_t *seen = json_array(), *manifest = NULL;
    enum rc rc = open_reader(fd, &a, f);
    size_t i;
    json_t *line;

    if (rc == RC_OK)
        rc = read_all(a, seen, &manifest, f);
    if (rc != RC_OK)
        return rc;
    if (!manifest)
        return refuse(f, "the archive is cut short: its manifest is missing");
    json_t *said = json_object_get(manifest, "files");
    json_array_foreach (seen, i, line)
        if (!json_equal(line, json_array_get(said, i)))
            return fail(f, RC_INVALID, "%.80s is not what the manifest says; nothing was restored",
                        json_string_value(json_object_get(line, "path")));
    if (!json_is_array(said) || json_array_size(said) != json_array_size(seen))
        return refuse(f, "members that the manifest lists are missing");
    *out = take(&manifest);
    return RC_OK;
}

static enum rc hand_on(struct archive *a, const char *path, json_t *said,
                       const struct tape_sink *sink, struct fault *f)
{
    json_auto_t *line = NULL;
    enum rc rc = sink->open(sink->ctx, path, f);

    if (rc != RC_OK)
        return rc;
    rc = swallow(a, path, sink, &line, f);
    enum rc closed = sink->close(sink->ctx, rc == RC_OK ? f : NULL);
    if (rc == RC_OK && !json_equal(line, said))
        return fail(f, RC_INVALID, "%.80s was changed while it was read", path);
    return rc == RC_OK ? closed : rc;
}

enum rc tape_replay(int fd, json_t *manifest, const struct tape_sink *sink, struct fault *f)
{
    auto_with(reader_freep) struct archive *a = NULL;
    json_t *files = json_object_get(manifest, "files");
    enum rc rc = open_reader(fd, &a, f);
    const char *path = NULL;
    size_t i = 0;

    for (; rc == RC_OK && (rc = next(a, &path, f)) == RC_OK && path; i++) {
        char name[TAPE_PATH_MAX + 1];

        snprintf(name, sizeof name, "%s", path);
        if (strcmp(name, MANIFEST) != 0 && sink->wants(sink->ctx, name))
            rc = hand_on(a, name, json_array_get(files, i), sink, f);
    }
    return rc;
}
