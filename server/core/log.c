// SPDX-License-Identifier: Apache-2.0

#include "core/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"

#define MESSAGE_MAX 1024
#define LINE_MAX_   4096

static const char *const names[] = { "error", "warn", "info", "debug" };
static const char journald[] = "3467"; // sd-daemon(3)

static atomic_int max_level = LEVEL_INFO;

// One line being put together; what does not fit is left out.
struct line {
    size_t len;
    char text[LINE_MAX_];
};

static void put(struct line *l, const char *text, size_t len)
{
    size_t room = sizeof l->text - 2 - l->len; // the newline always fits

    if (len > room)
        len = room;
    memcpy(l->text + l->len, text, len);
    l->len += len;
}

static bool is_plain(const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p; p++)
        if (*p <= ' ' || *p >= 0x7f || *p == '"' || *p == '=' || *p == '\\')
            return false;
    return *value != 0;
}

static void put_escaped(struct line *l, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";

    if (c == '"' || c == '\\')
        put(l, (char[]){ '\\', (char)c }, 2);
    else if (c == '\n')
        put(l, "\\n", 2);
    else if (c < ' ' || c == 0x7f)
        put(l, (char[]){ '\\', 'x', hex[c >> 4], hex[c & 15] }, 4);
    else
        put(l, (char *)&c, 1);
}

static void put_quoted(struct line *l, const char *value)
{
    if (l->len > sizeof l->text - 10)
        return;
    put(l, "\"", 1);
    for (; *value && l->len < sizeof l->text - 8; value++)
        put_escaped(l, (unsigned char)*value);
    l->text[l->len++] = '"';
}

static void put_pair(struct line *l, const char *name, const char *value)
{
    if (!value)
        return;
    put(l, " ", 1);
    put(l, name, strlen(name));
    put(l, "=", 1);
    if (is_plain(value) && strlen(value) < 200)
        put(l, value, strlen(value));
    else
        put_quoted(l, value);
}

static void emit(enum level level, const struct log_ctx *c, const char *fmt, va_list ap)
{
    char message[MESSAGE_MAX], stamp[RFC3339_LEN + 1];
    struct line l = { 0 };

    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
        return;
    vsnprintf(message, sizeof message, fmt, ap);
    clock_rfc3339(clock_now_ms(), stamp);
    put(&l, (char[]){ '<', journald[level], '>', 't', '=' }, 5);
    put(&l, stamp, strlen(stamp));
    put_pair(&l, "level", names[level]);
    put_pair(&l, "area", c ? c->area : NULL);
    put_pair(&l, "req", c ? c->req : NULL);
    put_pair(&l, "device", c ? c->device : NULL);
    put_pair(&l, "peer", c ? c->peer : NULL);
    put(&l, " msg=", 5);
    put_quoted(&l, message);
    l.text[l.len++] = '\n';
    // One write, so that lines of several threads do not mix. Nothing can be done if it fails.
    if (write(STDERR_FILENO, l.text, l.len) < 0)
        return;
}

void log_level_set(enum level max)
{
    atomic_store_explicit(&max_level, (int)max, memory_order_relaxed);
}

int log_level_from_name(const char *name)
{
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (!strcmp(name, names[i]))
            return i;
    return -1;
}

void log_error(const struct log_ctx *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    emit(LEVEL_ERROR, c, fmt, ap);
    va_end(ap);
}

void log_warn(const struct log_ctx *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    emit(LEVEL_WARN, c, fmt, ap);
    va_end(ap);
}

void log_info(const struct log_ctx *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    emit(LEVEL_INFO, c, fmt, ap);
    va_end(ap);
}

void log_debug(const struct log_ctx *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    emit(LEVEL_DEBUG, c, fmt, ap);
    va_end(ap);
}
