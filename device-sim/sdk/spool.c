// SPDX-License-Identifier: Apache-2.0

#include "sdk/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/auto.h"
#include "sdk/file.h"

#define MAGIC         0x31737053u // "Sps1"
#define SEGMENT_MIN   (8 * 1024)
#define SEGMENT_MAX   (1024 * 1024)
#define SEGMENTS      16 // about as many fill the limit
#define FILE_SIZE_MAX (SEGMENT_MAX + SPOOL_TEXT_MAX + 1024)

struct head { // in the file, as this machine writes it
    uint32_t magic;
    uint32_t crc; // of all that follows, the text included
    uint32_t len;
    uint32_t reserved;
    int64_t boot;
    int64_t seq;
};

struct segment {
    uint64_t number;
    int64_t bytes;
    size_t count, sent, settled; // records
};

struct cursor {
    size_t index; // of the segment
    int64_t at;
    int fd; // open for reading, -1 if not
    uint64_t number;
};

struct spool {
    char *dir;
    int64_t limit, segment_bytes, total;
    int64_t boot;
    struct segment *list;
    size_t count;
    int fd; // the last segment, for appending; -1 before the first message
    struct cursor send, settle;
    size_t dropped;
};

static uint32_t crc32_of(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;

    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

static uint32_t crc_of(const struct head *h, const char *text)
{
    uint32_t crc = crc32_of(0, &h->len, sizeof *h - offsetof(struct head, len));

    return crc32_of(crc, text, h->len);
}

size_t spool_parse(const uint8_t *bytes, size_t len, struct spool_record *out)
{
    struct head h;

    if (len < sizeof h)
        return 0;
    memcpy(&h, bytes, sizeof h);
    if (h.magic != MAGIC || h.len > SPOOL_TEXT_MAX || h.len > len - sizeof h)
        return 0;
    const char *text = (const char *)bytes + sizeof h;
    if (h.crc != crc_of(&h, text))
        return 0;
    *out = (struct spool_record){ .boot = h.boot, .seq = h.seq, .text = text, .len = h.len };
    return sizeof h + h.len;
}

static bool path_of(const struct spool *s, uint64_t number, char *out, size_t size)
{
    return (size_t)snprintf(out, size, "%s/%08" PRIu64 ".seg", s->dir, number) < size;
}

static void close_cursor(struct cursor *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

// ---------------------------------------------------------------- what is there

static bool add_segment(struct spool *s, uint64_t number, int64_t bytes, size_t count)
{
    struct segment *grown = realloc(s->list, (s->count + 1) * sizeof *grown);

    if (!grown)
        return false;
    s->list = grown;
    s->list[s->count++] = (struct segment){ .number = number, .bytes = bytes, .count = count };
    s->total += bytes;
    return true;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static uint64_t *list_numbers(const char *dir, size_t *count)
{
    DIR *d = opendir(dir);
    uint64_t *numbers = NULL;
    const struct dirent *e;

    *count = 0;
    while (d && (e = readdir(d))) {
        char *end = NULL;
        uint64_t n = strtoull(e->d_name, &end, 10);
        uint64_t *grown;
        if (strlen(e->d_name) != 12 || strcmp(end, ".seg"))
            continue;
        grown = realloc(numbers, (*count + 1) * sizeof *numbers);
        if (!grown)
            break;
        numbers = grown;
        numbers[(*count)++] = n;
    }
    if (d)
        closedir(d);
    if (numbers)
        qsort(numbers, *count, sizeof *numbers, by_number);
    return numbers;
}

// Keeps what can be read from the start; the rest is cut off and counted as one loss.
static enum rc take_over(struct spool *s, uint64_t number, struct fault *f)
{
    char path[512];
    auto_free char *bytes = NULL;
    size_t len = 0, at = 0, count = 0;
    struct spool_record r;

    if (!path_of(s, number, path, sizeof path))
        return fail(f, RC_INVALID, "the path '%.60s…' is too long", s->dir);
    enum rc rc = file_read(path, FILE_SIZE_MAX, &bytes, &len, f);
    if (rc != RC_OK)
        return rc;
    for (size_t n; (n = spool_parse((const uint8_t *)bytes + at, len - at, &r)); at += n)
        count++;
    if (at < len)
        s->dropped++;
    if (at < len && truncate(path, (off_t)at))
        return fail(f, RC_UNAVAILABLE, "cannot repair '%.120s': %s", path, strerror(errno));
    if (!count) {
        unlink(path);
        return RC_OK;
    }
    return add_segment(s, number, (int64_t)at, count) ? RC_OK
                                                      : fail(f, RC_INTERNAL, "out of memory");
}

static enum rc load(struct spool *s, struct fault *f)
{
    size_t count;
    auto_free uint64_t *numbers = list_numbers(s->dir, &count);

    for (size_t i = 0; i < count; i++) {
        enum rc rc = take_over(s, numbers[i], f);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

enum rc spool_open(const char *dir, int64_t limit_bytes, int64_t boot, struct spool **out,
                   struct fault *f)
{
    struct spool *s = calloc(1, sizeof *s);

    if (!s || !(s->dir = strdup(dir))) {
        free(s);
        return fail(f, RC_INTERNAL, "out of memory");
    }
    s->fd = s->send.fd = s->settle.fd = -1;
    s->limit = limit_bytes;
    s->boot = boot;
    s->segment_bytes = limit_bytes / SEGMENTS;
    if (s->segment_bytes < SEGMENT_MIN)
        s->segment_bytes = SEGMENT_MIN;
    if (s->segment_bytes > SEGMENT_MAX)
        s->segment_bytes = SEGMENT_MAX;
    enum rc rc = RC_OK;
    if (mkdir(dir, 0700) && errno != EEXIST)
        rc = fail(f, RC_UNAVAILABLE, "cannot make '%.120s': %s", dir, strerror(errno));
    if (rc == RC_OK)
        rc = load(s, f);
    if (rc != RC_OK) {
        spool_close(s);
        return rc;
    }
    *out = s;
    return RC_OK;
}

void spool_close(struct spool *s)
{
    if (!s)
        return;
    if (s->fd >= 0) {
        fdatasync(s->fd);
        close(s->fd);
    }
    close_cursor(&s->send);
    close_cursor(&s->settle);
    free(s->list);
    free(s->dir);
    free(s);
}

// ---------------------------------------------------------------- making room

static void step_back(struct cursor *c)
{
    if (c->index) {
        c->index--;
        return;
    }
    c->at = 0;
    close_cursor(c);
}

static void remove_oldest(struct spool *s)
{
    char path[512];
    const struct segment *g = &s->list[0];

    if (path_of(s, g->number, path, sizeof path))
        unlink(path);
    s->dropped += g->count - g->settled;
    s->total -= g->bytes;
    if (s->count == 1 && s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
    memmove(s->list, s->list + 1, --s->count * sizeof *s->list);
    step_back(&s->send);
    step_back(&s->settle);
}

// Segments that were settled to their end are of no use.
static void prune(struct spool *s)
{
    while (s->count && s->list[0].settled == s->list[0].count &&
           (s->count > 1 || s->fd < 0 || s->list[0].bytes >= SEGMENT_MIN))
        remove_oldest(s);
}

static enum rc start_segment(struct spool *s, struct fault *f)
{
    uint64_t number = s->count ? s->list[s->count - 1].number + 1 : 1;
    char path[512];

    if (s->fd >= 0) {
        fdatasync(s->fd);
        close(s->fd);
        s->fd = -1;
    }
    if (!path_of(s, number, path, sizeof path))
        return fail(f, RC_INVALID, "the path '%.60s…' is too long", s->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(f, RC_UNAVAILABLE, "cannot write '%.120s': %s", path, strerror(errno));
    if (!add_segment(s, number, 0, 0)) {
        close(fd);
        return fail(f, RC_INTERNAL, "out of memory");
    }
    s->fd = fd;
    return RC_OK;
}

static enum rc append(struct spool *s, const uint8_t *record, size_t len, struct fault *f)
{
    struct segment *g = &s->list[s->count - 1];
    ssize_t n = write(s->fd, record, len);

    if (n != (ssize_t)len) {
        int why = n < 0 ? errno : ENOSPC;
        if (n > 0 && ftruncate(s->fd, (off_t)g->bytes))
            why = errno;
        s->dropped++;
        return fail(f, RC_UNAVAILABLE, "cannot write to '%.120s': %s", s->dir, strerror(why));
    }
    g->bytes += n;
    g->count++;
    s->total += n;
    return RC_OK;
}

enum rc spool_put(struct spool *s, int64_t seq, const char *text, size_t len, struct fault *f)
{
    uint8_t record[sizeof(struct head) + SPOOL_TEXT_MAX];
    struct head h = { .magic = MAGIC, .len = (uint32_t)len, .boot = s->boot, .seq = seq };
    size_t whole = sizeof h + len;

    if (len > SPOOL_TEXT_MAX)
        return fail(f, RC_INVALID, "a message of %zu bytes is too long to keep", len);
    h.crc = crc_of(&h, text);
    memcpy(record, &h, sizeof h);
    memcpy(record + sizeof h, text, len);
    while (s->count && s->total + (int64_t)whole > s->limit)
        remove_oldest(s);
    if (s->fd < 0 || s->list[s->count - 1].bytes >= s->segment_bytes) {
        enum rc rc = start_segment(s, f);
        if (rc != RC_OK) {
            s->dropped++;
            return rc;
        }
    }
    return append(s, record, whole, f);
}

// ---------------------------------------------------------------- reading

static bool open_at(struct spool *s, struct cursor *c)
{
    char path[512];

    while (c->index + 1 < s->count && c->at >= s->list[c->index].bytes) {
        c->index++;
        c->at = 0;
    }
    if (c->index >= s->count || c->at >= s->list[c->index].bytes)
        return false;
    if (c->fd >= 0 && c->number == s->list[c->index].number)
        return true;
    close_cursor(c);
    c->number = s->list[c->index].number;
    if (path_of(s, c->number, path, sizeof path))
        c->fd = open(path, O_RDONLY | O_CLOEXEC);
    return c->fd >= 0;
}

static bool peek(struct spool *s, struct cursor *c, struct head *h)
{
    return open_at(s, c) && pread(c->fd, h, sizeof *h, (off_t)c->at) == (ssize_t)sizeof *h &&
           h->magic == MAGIC && h->len <= SPOOL_TEXT_MAX;
}

static void advance(struct cursor *c, const struct head *h)
{
    c->at += (int64_t)(sizeof *h + h->len);
}

size_t spool_next(struct spool *s, char *to, size_t room)
{
    struct head h;
    char boot[32];
    size_t extra = 0;

    if (!peek(s, &s->send, &h) || h.len < 2)
        return 0;
    if (h.boot != s->boot)
        extra = (size_t)snprintf(boot, sizeof boot, "{\"boot\":%" PRId64 ",", h.boot) - 1;
    if (h.len + extra > room ||
        pread(s->send.fd, to + extra, h.len, (off_t)s->send.at + (off_t)sizeof h) != (ssize_t)h.len)
        return 0;
    if (extra)
        memcpy(to, boot, extra + 1);
    s->list[s->send.index].sent++;
    advance(&s->send, &h);
    return h.len + extra;
}

static bool is_behind(const struct cursor *a, const struct cursor *b)
{
    return a->index < b->index || (a->index == b->index && a->at < b->at);
}

void spool_settled(struct spool *s, int64_t boot, int64_t seq)
{
    struct head h;

    while (peek(s, &s->settle, &h) && (h.boot < boot || (h.boot == boot && h.seq <= seq))) {
        s->list[s->settle.index].settled++;
        advance(&s->settle, &h);
        if (is_behind(&s->send, &s->settle)) { // the server had it before we sent it again
            s->list[s->settle.index].sent++;
            s->send.index = s->settle.index;
            s->send.at = s->settle.at;
        }
    }
    prune(s);
}

void spool_rewind(struct spool *s)
{
    for (size_t i = 0; i < s->count; i++)
        s->list[i].sent = s->list[i].settled;
    s->send.index = s->settle.index;
    s->send.at = s->settle.at;
}

size_t spool_in_flight(const struct spool *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->count; i++)
        n += s->list[i].sent - s->list[i].settled;
    return n;
}

size_t spool_waiting(const struct spool *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->count; i++)
        n += s->list[i].count - s->list[i].settled;
    return n;
}

size_t spool_take_dropped(struct spool *s)
{
    size_t n = s->dropped;

    s->dropped = 0;
    return n;
}
