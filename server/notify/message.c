// SPDX-License-Identifier: Apache-2.0

#include "notify/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/auto.h"
#include "core/hex.h"
#include "core/json_out.h"

#define LINK_MAX      600
#define WORD_BYTES    42 // of an encoded word: 75 characters with its frame (RFC 2047 2)
#define LINE_MAX_QP   76
#define STEP_MAX      20
#define FIRING_MS     (30LL * 24 * 3600 * 1000)
#define TEST_TITLE    "Test: this route works"
#define MAIL_DATE_MAX 40

static void write_link(const struct notice *n, char out[LINK_MAX])
{
    if (n->alert)
        snprintf(out, LINK_MAX, "%s/c/%s/alerts/%" PRId64, n->link, n->catalog, n->alert);
    else
        snprintf(out, LINK_MAX, "%s/c/%s/settings/notifications", n->link, n->catalog);
}

static const char *title_of(const struct notice *n)
{
    return n->title ? n->title : TEST_TITLE;
}

static enum rc dump(json_t *owned, char **out, struct fault *f)
{
    *out = json_dumps(owned, JSON_COMPACT);
    json_decref(owned);
    return *out ? RC_OK : fail(f, RC_INTERNAL, "out of memory");
}

// ---------------------------------------------------------------- CloudEvents

static json_t *step_texts(const struct notice *n)
{
    json_t *texts = json_array(), *step;
    size_t i;

    json_array_foreach (n->steps, i, step) {
        json_t *text = json_object_get(step, "text");
        if (json_is_string(text) && i < STEP_MAX)
            json_array_append(texts, text);
    }
    return texts;
}

static json_t *data_of(const struct notice *n, const char *link)
{
    json_t *o = json_object();

    add_text(o, "catalog", n->catalog);
    add_text(o, "change", n->change);
    add_text(o, "title", title_of(n));
    add_text(o, "url", link);
    if (!n->alert)
        return o;
    add_id(o, "alert", n->alert);
    add_text(o, "severity", n->severity);
    add_text(o, "state", n->state);
    add_text(o, "source", n->source);
    add_text(o, "code", n->code);
    add_int(o, "devices", n->devices);
    add_text(o, "reach", n->reach);
    add_int(o, "worst", n->worst);
    add_time(o, "since", n->since);
    add_time(o, "resolvedAt", n->resolved_at);
    add_json(o, "examples", n->examples ? json_incref(n->examples) : json_array());
    add_json(o, "steps", step_texts(n));
    return o;
}

enum rc message_event(const struct notice *n, char **out, struct fault *f)
{
    json_t *o = json_object();
    char link[LINK_MAX], source[LINK_MAX], type[40], subject[40];

    write_link(n, link);
    snprintf(source, sizeof source, "%s/c/%s", n->link, n->catalog);
    snprintf(type, sizeof type, n->alert ? "orrery.alert.%s" : "orrery.%s", n->change);
    snprintf(subject, sizeof subject, "alert/%" PRId64, n->alert);
    add_text(o, "specversion", "1.0");
    add_text(o, "id", n->event);
    add_text(o, "source", source);
    add_text(o, "type", type);
    if (n->alert)
        add_text(o, "subject", subject);
    add_time(o, "time", n->at);
    add_text(o, "datacontenttype", "application/json");
    add_json(o, "data", data_of(n, link));
    return dump(o, out, f);
}

// ---------------------------------------------------------------- Alertmanager

static json_t *labels_of(const struct notice *n)
{
    json_t *o = json_object();

    add_text(o, "alertname", n->alert ? n->code : "orrery_test");
    add_text(o, "service", "orrery");
    add_text(o, "catalog", n->catalog);
    if (!n->alert)
        return o;
    add_id(o, "alert", n->alert);
    add_text(o, "severity", n->severity);
    add_text(o, "source", n->source);
    return o;
}

static json_t *annotations_of(const struct notice *n)
{
    json_t *o = json_object();
    char reach[60];

    add_text(o, "summary", title_of(n));
    if (!n->alert)
        return o;
    snprintf(reach, sizeof reach, "%" PRId64 " %s", n->devices,
             n->devices == 1 ? "device" : "devices");
    add_text(o, "reach", n->reach ? n->reach : reach);
    return o;
}

// It forgets within minutes what nobody repeats, unless it is told how long it lasts.
enum rc message_alertmanager(const struct notice *n, char **out, struct fault *f)
{
    json_t *list = json_array(), *o = json_object();
    char link[LINK_MAX];
    int64_t begin = n->since ? n->since : n->at;
    int64_t end = n->alert ? n->at + FIRING_MS : n->at + 60000;

    write_link(n, link);
    add_json(o, "labels", labels_of(n));
    add_json(o, "annotations", annotations_of(n));
    add_time(o, "startsAt", begin);
    add_time(o, "endsAt", n->resolved_at ? n->resolved_at : end);
    add_text(o, "generatorURL", link);
    json_array_append_new(list, o);
    return dump(list, out, f);
}

// ---------------------------------------------------------------- mail

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

// A text as it may stand in a header: as it is where that is safe, else as encoded words that never
// split a character (RFC 2047).
static void write_words(FILE *to, const char *text)
{
    size_t len = strlen(text);
    char word[BASE64_SIZE(WORD_BYTES)];

    if (is_plain(text) && len < 70 && !strstr(text, "=?")) {
        fputs(text, to);
        return;
    }
    while (len > 0) {
        size_t n = len < WORD_BYTES ? len : WORD_BYTES;
        while (n < len && n > 1 && ((uint8_t)text[n] & 0xc0) == 0x80)
            n--;
        base64_encode((const uint8_t *)text, n, word);
        text += n;
        len -= n;
        fprintf(to, "=?utf-8?B?%s?=%s", word, len ? "\r\n " : "");
    }
}

// Quoted-printable (RFC 2045 6.7): whatever the text holds, lines of at most 76 characters.
static void write_text(FILE *to, const char *text)
{
    int column = 0;

    for (const char *p = text; *p; p++) {
        uint8_t c = (uint8_t)*p;
        bool plain = (c > ' ' && c <= '~' && c != '=' && (c != '.' || column > 0)) ||
                     (c == ' ' && p[1] && p[1] != '\n');

        if (c == '\n') {
            fputs("\r\n", to);
            column = 0;
            continue;
        }
        if (column + (plain ? 1 : 3) > LINE_MAX_QP - 1) {
            fputs("=\r\n", to);
            column = 0;
        }
        fprintf(to, plain ? "%c" : "=%02X", c);
        column += plain ? 1 : 3;
    }
}

static void write_date(FILE *to, int64_t ms)
{
    char date[MAIL_DATE_MAX];
    time_t at = (time_t)(ms / 1000);
    struct tm tm;

    gmtime_r(&at, &tm);
    if (strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &tm) > 0)
        fprintf(to, "Date: %s\r\n", date);
}

// One alert's mails are one thread; the same mail sent twice has the same id.
static void write_ids(FILE *to, const struct notice *n, const char *from)
{
    const char *domain = strchr(from, '@');

    fprintf(to, "Message-ID: <%s%s>\r\n", n->event, domain ? domain : "@orrery.invalid");
    if (n->alert)
        fprintf(to, "References: <alert-%" PRId64 ".%s%s>\r\n", n->alert, n->catalog,
                domain ? domain : "@orrery.invalid");
}

static void write_head(FILE *to, const struct notice *n, const struct message_mail *m)
{
    auto_free char *subject = NULL;
    json_t *address;
    size_t i;

    if (asprintf(&subject, "[%s] %s%s%s", n->catalog, n->alert ? n->severity : "test",
                 n->alert && strcmp(n->change, "opened") != 0 ? " " : "",
                 n->alert && strcmp(n->change, "opened") != 0 ? n->change : "") < 0)
        subject = NULL;
    fprintf(to, "From: Orrery <%s>\r\nTo: ", m->from);
    json_array_foreach (m->to, i, address)
        fprintf(to, "%s%s", i ? ",\r\n " : "", json_string_value(address));
    fprintf(to, "\r\nSubject: %s:\r\n ", subject ? subject : "Orrery");
    write_words(to, title_of(n));
    fputs("\r\n", to);
    write_date(to, m->now);
    write_ids(to, n, m->from);
    fputs("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
          "Content-Type: text/plain; charset=utf-8\r\n"
          "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
          to);
}

static void say_reach(FILE *to, const struct notice *n)
{
    json_t *example;
    size_t i;

    if (n->reach)
        fprintf(to, "Reach: %s", n->reach);
    else
        fprintf(to, "Reach: %" PRId64 " %s", n->devices, n->devices == 1 ? "device" : "devices");
    if (n->worst > n->devices)
        fprintf(to, ", %" PRId64 " at worst", n->worst);
    fputs("\n", to);
    json_array_foreach (n->examples, i, example) {
        const char *name = json_string_value(json_object_get(example, "name"));
        const char *id = json_string_value(json_object_get(example, "id"));
        fprintf(to, "  %s\n", name && *name ? name : id ? id : "?");
    }
    if (n->devices > (int64_t)json_array_size(n->examples))
        fputs("  …\n", to);
}

static void say_steps(FILE *to, const struct notice *n)
{
    json_auto_t *texts = step_texts(n);
    json_t *text;
    size_t i;

    if (json_array_size(texts) > 0)
        fputs("\nWhat to do:\n", to);
    json_array_foreach (texts, i, text)
        fprintf(to, "  %zu. %s\n", i + 1, json_string_value(text));
}

static void say(FILE *to, const struct notice *n)
{
    char link[LINK_MAX], since[RFC3339_LEN + 1];

    write_link(n, link);
    fprintf(to, "%s\n\n", title_of(n));
    if (n->alert) {
        clock_rfc3339(n->since, since);
        fprintf(to, "Severity: %s\nState: %s\nSince: %s\n", n->severity, n->state, since);
        say_reach(to, n);
        say_steps(to, n);
    } else
        fputs("Somebody sent this test from the settings of Orrery. Nothing is wrong.\n", to);
    fprintf(to, "\n%s\n\n-- \nOrrery, catalog %s, notification route \"%s\"\n", link, n->catalog,
            n->route);
}

enum rc message_mail(const struct notice *n, const struct message_mail *m, char **out,
                     struct fault *f)
{
    auto_free char *text = NULL;
    char *mail = NULL;
    size_t len = 0, mail_len = 0;
    FILE *to = open_memstream(&text, &len);
    FILE *whole = open_memstream(&mail, &mail_len);

    if (to)
        say(to, n);
    if (to && fclose(to) == 0 && whole) {
        write_head(whole, n, m);
        write_text(whole, text);
    }
    if (whole && fclose(whole) == 0 && text) {
        *out = mail;
        return RC_OK;
    }
    free(mail);
    return fail(f, RC_INTERNAL, "out of memory");
}
