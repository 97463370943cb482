// SPDX-License-Identifier: Apache-2.0
//
// A segment of the spool as a broken disk may give it back: opening it never fails or crashes, what
// comes out is what its records say, and what is put in afterwards comes out last.

#include "sdk/spool.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char last[] = "{\"type\":\"log\"}";

static const char *folder(void)
{
    static char dir[64];

    if (!*dir)
        folder_make(dir, sizeof dir, "spool-fuzz");
    return dir;
}

static size_t count_records(const uint8_t *data, size_t size)
{
    struct spool_record r;
    size_t count = 0;

    for (size_t n; (n = spool_parse(data, size, &r)); data += n, size -= n) {
        if (n > size || r.len > SPOOL_TEXT_MAX)
            abort();
        count++;
    }
    return count;
}

static void write_segment(const char *path, const uint8_t *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
}

static void use(const char *dir, size_t records)
{
    static char text[SPOOL_TEXT_MAX + 64];
    struct spool *s = NULL;
    size_t n, len = 0;

    if (spool_open(dir, 1 << 20, 1, &s, NULL) != RC_OK || spool_waiting(s) != records)
        abort();
    if (spool_put(s, 1, last, sizeof last - 1, NULL) != RC_OK)
        abort();
    while ((n = spool_next(s, text, sizeof text)))
        len = n;
    // A record of less than "{}" stops the sending, which only a forger can write.
    if (spool_in_flight(s) == records + 1 &&
        (len != sizeof last - 1 || memcmp(text, last, sizeof last - 1)))
        abort();
    spool_settled(s, INT64_MAX, INT64_MAX);
    if (spool_waiting(s))
        abort();
    spool_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[100], next[100];
    size_t records = count_records(data, size);

    snprintf(path, sizeof path, "%s/00000001.seg", folder());
    snprintf(next, sizeof next, "%s/00000002.seg", folder());
    write_segment(path, data, size);
    use(folder(), records);
    unlink(path);
    unlink(next);
    return 0;
}
