// SPDX-License-Identifier: Apache-2.0

#include "agent/crash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "protocol/protocol.h"

#define LOOK_MS  2000
#define QUIET_S  2  // unchanged for so long, a file is whole
#define ANSWER_S 60 // then an offer is forgotten
#define TOLD     ".told"
#define KEPT     ".kept"

struct crashes {
    char *dir;
    struct link *link;
    crash_tell *tell;
    crash_note *note;
    void *ctx;
    int64_t look_ms;  // monotonic: when to look again
    int64_t offer_ms; // and when to offer again
    int fd;           // of the one under way, or -1
    char name[NAME_MAX + 1];
    char sha256[65];
    int64_t bytes;
};

static void closedirp(DIR **d)
{
    if (*d)
        closedir(*d);
}

struct crashes *crashes_open(const char *dir, struct link *link, crash_tell *tell, crash_note *note,
                             void *ctx)
{
    struct crashes *c = calloc(1, sizeof *c);

    if (!c || !(c->dir = strdup(dir))) {
        free(c);
        return NULL;
    }
    c->link = link;
    c->tell = tell;
    c->note = note;
    c->ctx = ctx;
    c->fd = -1;
    return c;
}

void crashes_close(struct crashes *c)
{
    if (!c)
        return;
    crashes_down(c);
    free(c->dir);
    free(c);
}

void crashes_down(struct crashes *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

__attribute__((format(printf, 2, 3))) static void note(struct crashes *c, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->note(c->ctx, text);
}

// ---------------------------------------------------------------- files

static bool ends_with(const char *name, const char *tail)
{
    size_t len = strlen(name), n = strlen(tail);

    return len > n && !strcmp(name + len - n, tail);
}

// "core.pump.4711" is of "pump", anything else of what it is called.
static void program_of(const char *name, char out[LIMIT_NAME_BYTES + 1])
{
    size_t len;

    if (!strncmp(name, "core.", 5) && name[5])
        name += 5;
    len = strcspn(name, ".");
    if (len == 0 || len > LIMIT_NAME_BYTES)
        len = strnlen(name, LIMIT_NAME_BYTES);
    memcpy(out, name, len);
    out[len] = '\0';
    for (char *at = out; *at; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at > '~')
            *at = '_';
}

static bool hash_file(int fd, char out[65])
{
    uint8_t bytes[LIMIT_PIECE_BYTES], sum[32];
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool good = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
    ssize_t n = 0;

    while (good && (n = read(fd, bytes, sizeof bytes)) > 0)
        good = EVP_DigestUpdate(hash, bytes, (size_t)n) == 1;
    good = good && n == 0 && EVP_DigestFinal_ex(hash, sum, NULL) == 1;
    EVP_MD_CTX_free(hash);
    if (good)
        hex_encode(sum, sizeof sum, out);
    return good;
}

static int open_at(const struct crashes *c, const char *name, struct stat *st)
{
    auto_free char *path = NULL;
    int fd;

    if (asprintf(&path, "%s/%s", c->dir, name) < 0)
        return -1;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode) || st->st_size == 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

// The file gets another tail; "" takes none.
static bool move(const struct crashes *c, const char *name, size_t stem, const char *tail)
{
    auto_free char *from = NULL, *to = NULL;

    return asprintf(&from, "%s/%s", c->dir, name) > 0 &&
           asprintf(&to, "%s/%.*s%s", c->dir, (int)stem, name, tail) > 0 && rename(from, to) == 0;
}

// ---------------------------------------------------------------- new ones

static json_t *fields_of(const char *name, int64_t bytes, const char *sha256)
{
    json_t *o = json_object();

    add_text(o, "file", name);
    add_int(o, "bytes", bytes);
    if (*sha256)
        add_text(o, "dump", sha256);
    return o;
}

// Told of before it is renamed: a crash in between tells of it twice, never not at all.
static void found(struct crashes *c, const char *name, int fd, const struct stat *st)
{
    bool large = st->st_size > LIMIT_DUMP_BYTES;
    char program[LIMIT_NAME_BYTES + 1], sha256[65] = "", text[200];

    if (!large && !hash_file(fd, sha256))
        return;
    program_of(name, program);
    snprintf(text, sizeof text, "%s fell over; its dump has %" PRId64 " bytes%s", program,
             (int64_t)st->st_size, large ? ", too many to bring" : "");
    c->tell(c->ctx, program, text, fields_of(name, st->st_size, sha256));
    if (!move(c, name, strlen(name), large ? KEPT : TOLD)) {
        note(c, "cannot rename %.200s: %s", name, strerror(errno));
        c->look_ms = INT64_MAX; // it would be told of again and again
    }
}

static bool is_new(const char *name)
{
    return *name != '.' && !ends_with(name, TOLD) && !ends_with(name, KEPT) &&
           strlen(name) + strlen(TOLD) <= NAME_MAX;
}

static void look(struct crashes *c)
{
    auto_with(closedirp) DIR *d = opendir(c->dir);

    for (struct dirent *e; d && c->look_ms != INT64_MAX && (e = readdir(d));) {
        struct stat st;
        int fd = is_new(e->d_name) ? open_at(c, e->d_name, &st) : -1;

        if (fd < 0)
            continue;
        if (st.st_mtime + QUIET_S <= time(NULL))
            found(c, e->d_name, fd, &st);
        close(fd);
    }
}

// ---------------------------------------------------------------- bringing one

static bool pick(struct crashes *c, struct stat *st)
{
    auto_with(closedirp) DIR *d = opendir(c->dir);

    for (struct dirent *e; d && c->fd < 0 && (e = readdir(d));)
        if (*e->d_name != '.' && ends_with(e->d_name, TOLD) &&
            (c->fd = open_at(c, e->d_name, st)) >= 0)
            snprintf(c->name, sizeof c->name, "%s", e->d_name);
    return c->fd >= 0;
}

static size_t stem_of(const struct crashes *c)
{
    return strlen(c->name) - strlen(TOLD);
}

static void offer(struct crashes *c, int64_t now_ms)
{
    char program[LIMIT_NAME_BYTES + 1];
    struct stat st;
    int64_t at;

    if (!pick(c, &st))
        return;
    c->offer_ms = now_ms + ANSWER_S * 1000;
    at = (int64_t)st.st_mtime * 1000;
    c->bytes = st.st_size;
    program_of(c->name, program);
    if (at > link_now_ms(c->link))
        at = link_now_ms(c->link);
    if (!hash_file(c->fd, c->sha256) || !link_offer_dump(c->link, c->sha256, c->bytes, program, at))
        crashes_down(c);
}

void crashes_tick(struct crashes *c, int64_t now_ms)
{
    if (now_ms < c->look_ms)
        return;
    c->look_ms = now_ms + LOOK_MS;
    look(c);
    if (c->fd >= 0 && now_ms >= c->offer_ms)
        crashes_down(c); // no answer came
    if (c->fd < 0 && link_is_ready(c->link) && now_ms >= c->offer_ms)
        offer(c, now_ms);
}

static void refused(struct crashes *c, const struct link_dump *d)
{
    note(c, "the server does not take the dump %.200s: %.120s (%.20s)", c->name, d->text,
         d->refused);
    if (!d->retry_s)
        move(c, c->name, stem_of(c), KEPT);
    c->offer_ms = clock_mono_ms() + d->retry_s * 1000;
    crashes_down(c);
}

static void stored(struct crashes *c)
{
    auto_free char *path = NULL;

    if (asprintf(&path, "%s/%s", c->dir, c->name) > 0 && unlink(path) == 0)
        note(c, "the server has the dump %.200s", c->name);
    else
        move(c, c->name, stem_of(c), KEPT);
    c->offer_ms = 0;
    crashes_down(c);
}

static void send_piece(struct crashes *c, int64_t from)
{
    uint8_t bytes[LIMIT_PIECE_BYTES];
    int64_t left = c->bytes - from;
    size_t len = left < LIMIT_PIECE_BYTES ? (size_t)left : LIMIT_PIECE_BYTES;

    c->offer_ms = clock_mono_ms() + ANSWER_S * 1000;
    if (from < 0 || left <= 0 || pread(c->fd, bytes, len, from) != (ssize_t)len ||
        !link_send_piece(c->link, from, bytes, len))
        crashes_down(c);
}

void crashes_answer(struct crashes *c, const struct link_dump *d)
{
    if (c->fd < 0 || strcmp(d->sha256, c->sha256) != 0)
        return;
    if (d->refused)
        refused(c, d);
    else if (d->stored)
        stored(c);
    else
        send_piece(c, d->next);
}
