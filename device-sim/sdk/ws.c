// SPDX-License-Identifier: Apache-2.0

#include "sdk/ws.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/hex.h"

#define HEAD_MAX 4096
#define MAGIC    "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455 1.3

size_t ws_request(char *out, size_t size, const char *host, const char *path, const char *protocol,
                  char key[WS_KEY_LEN + 1])
{
    uint8_t nonce[16];

    if (RAND_bytes(nonce, sizeof nonce) != 1)
        return 0;
    base64_encode(nonce, sizeof nonce, key);
    int n = snprintf(out, size,
                     "GET %s HTTP/1.1\r\n"
                     "Host: %s\r\n"
                     "Upgrade: websocket\r\n"
                     "Connection: Upgrade\r\n"
                     "Sec-WebSocket-Key: %s\r\n"
                     "Sec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Protocol: %s\r\n\r\n",
                     path, host, key, protocol);
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

// The value of a header field in head, trimmed, in out; false if it is absent or given twice.
static bool field(const char *head, size_t len, const char *name, char *out, size_t size)
{
    size_t name_len = strlen(name);
    const char *at = memchr(head, '\n', len);
    bool found = false;

    while (at && ++at < head + len) {
        const char *end = memchr(at, '\r', (size_t)(head + len - at));
        if (!end || end == at)
            break;
        if ((size_t)(end - at) > name_len && at[name_len] == ':' &&
            !strncasecmp(at, name, name_len)) {
            const char *v = at + name_len + 1;
            while (v < end && (*v == ' ' || *v == '\t'))
                v++;
            size_t n = (size_t)(end - v);
            while (n && (v[n - 1] == ' ' || v[n - 1] == '\t'))
                n--;
            if (found || n >= size)
                return false;
            memcpy(out, v, n);
            out[n] = 0;
            found = true;
        }
        at = memchr(end, '\n', (size_t)(head + len - end));
    }
    return found;
}

static void accept_for(const char *key, char out[29])
{
    char text[WS_KEY_LEN + sizeof MAGIC];
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    int len = snprintf(text, sizeof text, "%s%s", key, MAGIC);
    EVP_Digest(text, (size_t)len, hash, &n, EVP_sha1(), NULL);
    base64_encode(hash, 20, out);
}

static long check_head(const char *in, size_t len, const char *protocol, const char *key,
                       struct fault *f)
{
    char value[128], want[29];

    if (len < 12 || memcmp(in, "HTTP/1.1 ", 9))
        return fail(f, RC_INVALID, "the server does not speak HTTP/1.1"), -1;
    if (memcmp(in + 9, "101", 3))
        return fail(f, RC_UNAVAILABLE, "the server answered %.3s instead of 101", in + 9), -1;
    if (!field(in, len, "Upgrade", value, sizeof value) || strcasecmp(value, "websocket"))
        return fail(f, RC_INVALID, "the server did not upgrade to websocket"), -1;
    if (!field(in, len, "Connection", value, sizeof value) || !strcasestr(value, "upgrade"))
        return fail(f, RC_INVALID, "the server did not upgrade the connection"), -1;
    accept_for(key, want);
    if (!field(in, len, "Sec-WebSocket-Accept", value, sizeof value) || strcmp(value, want))
        return fail(f, RC_INVALID, "the server's Sec-WebSocket-Accept is wrong"), -1;
    if (!field(in, len, "Sec-WebSocket-Protocol", value, sizeof value) || strcmp(value, protocol))
        return fail(f, RC_INVALID, "the server does not speak %s", protocol), -1;
    if (field(in, len, "Sec-WebSocket-Extensions", value, sizeof value))
        return fail(f, RC_INVALID, "the server chose an extension nobody offered"), -1;
    return (long)len;
}

long ws_response(const char *in, size_t len, const char *protocol, const char *key, struct fault *f)
{
    const char *end = memmem(in, len, "\r\n\r\n", 4);

    if (!end && len >= HEAD_MAX)
        return fail(f, RC_INVALID, "the server's answer is longer than %d bytes", HEAD_MAX), -1;
    if (!end)
        return 0;
    return check_head(in, (size_t)(end - in) + 4, protocol, key, f);
}

static bool known_op(int op)
{
    return op <= WS_BINARY || (op >= WS_CLOSE && op <= WS_PONG);
}

long ws_parse(const uint8_t *in, size_t len, struct ws_frame *out)
{
    size_t head = 2, payload;

    if (len < 2)
        return 0;
    out->fin = in[0] & 0x80;
    out->op = in[0] & 0x0f;
    payload = in[1] & 0x7f;
    // Reserved bits, unknown opcodes and a server that masks are all protocol errors (5.1, 5.2).
    if ((in[0] & 0x70) || (in[1] & 0x80) || !known_op(out->op))
        return -1002;
    if (out->op >= WS_CLOSE && (!out->fin || payload > 125))
        return -1002;
    if (payload == 127)
        return -1009;
    if (payload == 126) {
        if (len < 4)
            return 0;
        payload = (size_t)in[2] << 8 | in[3];
        head = 4;
        if (payload < 126)
            return -1002;
    }
    if (len < head + payload)
        return 0;
    out->data = in + head;
    out->len = payload;
    return (long)(head + payload);
}

static int append(struct ws_inbox *b, const struct ws_frame *f)
{
    if (f->len > WS_PAYLOAD_MAX - b->len)
        return -1009;
    uint8_t *grown = realloc(b->part, b->len + f->len + 1);
    if (!grown)
        return -1009;
    memcpy(grown + b->len, f->data, f->len);
    b->part = grown;
    b->len += f->len;
    b->open = true;
    return 0;
}

int ws_join(struct ws_inbox *b, const struct ws_frame *f, struct ws_frame *out)
{
    if (f->op >= WS_CLOSE) {
        *out = *f;
        return 1;
    }
    if (!b->open)
        ws_inbox_done(b);
    if ((f->op == WS_CONTINUATION) != b->open)
        return -1002;
    if (f->fin && !b->open) { // nearly always
        *out = *f;
        return 1;
    }
    if (!b->open)
        b->op = f->op;
    int rc = append(b, f);
    if (rc < 0 || !f->fin)
        return rc;
    b->open = false;
    *out = (struct ws_frame){ .op = b->op, .fin = true, .data = b->part, .len = b->len };
    return 1;
}

void ws_inbox_done(struct ws_inbox *b)
{
    free(b->part);
    *b = (struct ws_inbox){ 0 };
}

void ws_mask(uint8_t *data, size_t len, const uint8_t mask[4])
{
    uint64_t wide;
    size_t i = 0;

    memcpy(&wide, mask, 4);
    memcpy((uint8_t *)&wide + 4, mask, 4);
    for (; i + 8 <= len; i += 8) {
        uint64_t v;
        memcpy(&v, data + i, 8);
        v ^= wide;
        memcpy(data + i, &v, 8);
    }
    for (; i < len; i++)
        data[i] ^= mask[i & 3];
}

size_t ws_seal(uint8_t *frame, int op, size_t len, const uint8_t mask[4])
{
    size_t head = len < 126 ? 6 : 8;

    if (head < WS_HEADER_MAX)
        memmove(frame + head, frame + WS_HEADER_MAX, len);
    frame[0] = (uint8_t)(0x80 | op);
    if (len < 126) {
        frame[1] = (uint8_t)(0x80 | len);
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (uint8_t)(len >> 8);
        frame[3] = (uint8_t)len;
    }
    memcpy(frame + head - 4, mask, 4);
    ws_mask(frame + head, len, mask);
    return head + len;
}
