// SPDX-License-Identifier: Apache-2.0

#include "keeper/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static void put(struct wire *w, const void *bytes, size_t len)
{
    if (w->bad || len > sizeof w->bytes - w->len) {
        w->bad = true;
        return;
    }
    if (len)
        memcpy(w->bytes + w->len, bytes, len);
    w->len += len;
}

void wire_start(struct wire *w, uint32_t first, uint32_t id)
{
    w->at = w->len = 0;
    w->bad = false;
    wire_put_u32(w, first);
    wire_put_u32(w, id);
}

void wire_put_u32(struct wire *w, uint32_t n)
{
    put(w, &n, sizeof n);
}

void wire_put_i64(struct wire *w, int64_t n)
{
    put(w, &n, sizeof n);
}

void wire_put_bytes(struct wire *w, const void *bytes, size_t len)
{
    if (len > UINT32_MAX) {
        w->bad = true;
        return;
    }
    wire_put_u32(w, (uint32_t)len);
    put(w, bytes, len);
}

void wire_put_text(struct wire *w, const char *text)
{
    wire_put_bytes(w, text, strlen(text));
}

void wire_put_exact(struct wire *w, const void *bytes, size_t len)
{
    put(w, bytes, len);
}

void wire_get_exact(struct wire *w, void *out, size_t len)
{
    if (w->bad || len > w->len - w->at) {
        w->bad = true;
        memset(out, 0, len);
        return;
    }
    memcpy(out, w->bytes + w->at, len);
    w->at += len;
}

uint32_t wire_get_u32(struct wire *w)
{
    uint32_t n;

    wire_get_exact(w, &n, sizeof n);
    return n;
}

int64_t wire_get_i64(struct wire *w)
{
    int64_t n;

    wire_get_exact(w, &n, sizeof n);
    return n;
}

const uint8_t *wire_get_bytes(struct wire *w, size_t max, size_t *len)
{
    size_t n = wire_get_u32(w);
    const uint8_t *bytes = w->bytes + w->at;

    *len = 0;
    if (w->bad || n > max || n > w->len - w->at) {
        w->bad = true;
        return bytes;
    }
    w->at += n;
    *len = n;
    return bytes;
}

void wire_get_text(struct wire *w, char *out, size_t size)
{
    size_t len;
    const uint8_t *text = wire_get_bytes(w, size - 1, &len);

    if (memchr(text, '\0', len))
        w->bad = true;
    if (w->bad)
        len = 0;
    memcpy(out, text, len);
    out[len] = '\0';
}

bool wire_ok(const struct wire *w)
{
    return !w->bad && w->at == w->len;
}

bool wire_send(int fd, const struct wire *w)
{
    ssize_t n;

    if (w->bad)
        return false;
    do
        n = send(fd, w->bytes, w->len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)w->len;
}

int wire_receive(int fd, struct wire *w, int timeout_ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    ssize_t n;
    int ready;

    do
        ready = poll(&p, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return -1;
    do
        n = recv(fd, w->bytes, sizeof w->bytes, MSG_TRUNC);
    while (n < 0 && errno == EINTR);
    w->at = 0;
    w->bad = n > (ssize_t)sizeof w->bytes;
    w->len = n > 0 && !w->bad ? (size_t)n : 0;
    return n > 0;
}
