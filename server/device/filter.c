// SPDX-License-Identifier: Apache-2.0

#include "device/filter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/number.h"
#include "device/device.h"
#include "http/percent.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))
#define VALUE_MAX (TAG_NAME_MAX + 1 + TAG_VALUE_MAX)
#define NAME_SIZE 65
#define KNOWN_NAMES                                                                                \
    "q, state, lifecycle, product, group, version, attested, site, batch, network, tag, "          \
    "seen, seat, alert"

// What came for one parameter.
struct given {
    const char *name;
    json_t *values; // texts
};

// Writes a field of the row as text. Its values are checked here.
typedef enum rc encoder(const struct given *g, FILE *out, struct fault *f);

static encoder prefix, id_prefix, states, lifecycles, numbers, texts, tags, seen_after, seen_before,
    seat, ids, alert;

// In the order of the type device_filter, after the catalog.
static const struct {
    const char *name;
    encoder *encode;
} columns[] = {
    { "q", prefix },        { "q", id_prefix },
    { "state", states },    { "lifecycle", lifecycles },
    { "product", numbers }, { "group", numbers },
    { "version", texts },   { "attested", texts },
    { "site", texts },      { "batch", texts },
    { "network", texts },   { "tag", tags },
    { "seen", seen_after }, { "seen", seen_before },
    { "seat", seat },       { "id", ids },
    { "alert", alert },
};

// What a query may say. Ids and words hold no comma, so theirs may come percent-encoded too.
static const struct param {
    const char *name;
    bool list;  // commas separate alternatives
    bool plain; // … encoded or not
    bool once;
} params[] = {
    { "q", .once = true },
    { "state", .list = true, .plain = true },
    { "lifecycle", .list = true, .plain = true },
    { "product", .list = true, .plain = true },
    { "group", .list = true, .plain = true },
    { "version", .list = true },
    { "attested", .list = true },
    { "site", .list = true },
    { "batch", .list = true },
    { "network", .list = true },
    { .name = "tag" },
    { "seen", .once = true },
    { "seat", .once = true },
    { "alert", .once = true },
};

static const struct param *find(const char *name)
{
    for (size_t i = 0; i < LENGTH(params); i++)
        if (!strcmp(params[i].name, name))
            return &params[i];
    return NULL;
}

void device_filter_done(struct device_filter *x)
{
    json_decref(x->params);
    free(x->row);
    *x = (struct device_filter){ 0 };
}

// ---------------------------------------------------------------- fields

static const char *value_at(const struct given *g, size_t i)
{
    return json_string_value(json_array_get(g->values, i));
}

static void quote(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static enum rc prefix(const struct given *g, FILE *out, struct fault *f)
{
    const char *q = value_at(g, 0);

    if (strlen(q) > DEVICE_NAME_MAX)
        return fail(f, RC_INVALID, "q must be at most %d bytes long", DEVICE_NAME_MAX);
    fputs(q, out);
    return RC_OK;
}

// Lower case if an id can begin so; else nothing, and only names are looked at.
static enum rc id_prefix(const struct given *g, FILE *out, struct fault *f)
{
    const char *q = value_at(g, 0);
    size_t len = strlen(q);

    (void)f;
    if (len > DEVICE_ID_LEN || strspn(q, "0123456789abcdefABCDEF") != len)
        return RC_OK;
    for (; *q; q++)
        fputc(*q | 0x20, out); // digits have that bit
    return RC_OK;
}

static enum rc choices(const struct given *g, FILE *out, int (*from_name)(const char *),
                       const char *names, struct fault *f)
{
    for (size_t i = 0; i < json_array_size(g->values); i++) {
        int n = from_name(value_at(g, i));

        if (n < 0)
            return fail(f, RC_INVALID, "%s must be one of %s", g->name, names);
        fprintf(out, "%c%d", i ? ',' : '{', n);
    }
    fputc('}', out);
    return RC_OK;
}

static enum rc states(const struct given *g, FILE *out, struct fault *f)
{
    return choices(g, out, device_state_from_name,
                   "healthy, updating, atRisk, quarantined, offline, unknown", f);
}

static enum rc lifecycles(const struct given *g, FILE *out, struct fault *f)
{
    return choices(g, out, device_lifecycle_from_name, "registered, claimed, retired", f);
}

static enum rc numbers(const struct given *g, FILE *out, struct fault *f)
{
    for (size_t i = 0; i < json_array_size(g->values); i++) {
        const char *text = value_at(g, i);
        int32_t n;

        fputc(i ? ',' : '{', out);
        if (!*text)
            fputs("NULL", out);
        else if (number_id(text, &n))
            fprintf(out, "%" PRId32, n);
        else
            return fail(f, RC_INVALID, "%s takes numbers, or nothing for \"has none\"", g->name);
    }
    fputc('}', out);
    return RC_OK;
}

static enum rc texts(const struct given *g, FILE *out, struct fault *f)
{
    for (size_t i = 0; i < json_array_size(g->values); i++) {
        const char *text = value_at(g, i);

        if (strlen(text) > TAG_VALUE_MAX)
            return fail(f, RC_INVALID, "%s must be at most %d bytes long", g->name, TAG_VALUE_MAX);
        fputc(i ? ',' : '{', out);
        if (*text)
            quote(out, text);
        else
            fputs("NULL,\"\"", out); // a tag may be there and be empty
    }
    fputc('}', out);
    return RC_OK;
}

// Texts in a list: a row of json would need escapes of both languages.
static enum rc add_tag(json_t *wanted, const char *text, struct fault *f)
{
    const char *colon = strchr(text, ':');

    if (!colon || colon == text)
        return fail(f, RC_INVALID, "tag takes name:value");
    if (colon - text > TAG_NAME_MAX || strlen(colon + 1) > TAG_VALUE_MAX)
        return fail(f, RC_INVALID, "tag: a name has at most %d bytes, a value at most %d",
                    TAG_NAME_MAX, TAG_VALUE_MAX);
    auto_free char *name = strndup(text, (size_t)(colon - text));
    if (!name)
        return fail(f, RC_INTERNAL, "out of memory");
    const char *other = json_string_value(json_object_get(wanted, name));
    if (other && strcmp(other, colon + 1) != 0)
        return fail(f, RC_INVALID, "tag %s is given twice, and a device has one value for it",
                    name);
    json_object_set_new(wanted, name, json_string(colon + 1));
    return RC_OK;
}

static enum rc tags(const struct given *g, FILE *out, struct fault *f)
{
    json_auto_t *wanted = json_object();

    for (size_t i = 0; i < json_array_size(g->values); i++) {
        enum rc rc = add_tag(wanted, value_at(g, i), f);
        if (rc != RC_OK)
            return rc;
    }
    return json_dumpf(wanted, out, JSON_COMPACT) == 0 ? RC_OK
                                                      : fail(f, RC_INTERNAL, "out of memory");
}

// "<5m": within the last five minutes. ">24h": longer ago, but ever.
static enum rc read_seen(const char *text, char *side, int64_t *at, struct fault *f)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 } };
    char digits[8] = "";
    size_t len = *text ? strspn(text + 1, "0123456789") : 0;
    int64_t n;

    *side = *text;
    if ((*side == '<' || *side == '>') && len > 0 && len < sizeof digits) {
        memcpy(digits, text + 1, len);
        for (size_t i = 0; i < LENGTH(units); i++)
            if (text[1 + len] == units[i].unit && !text[2 + len] && number_read(digits, &n)) {
                *at = clock_now_ms() - n * units[i].ms;
                *at = *at > 0 ? *at : 0; // nothing was seen before 1970
                return RC_OK;
            }
    }
    return fail(f, RC_INVALID, "seen takes < or >, a number and s, m, h or d: <5m, >24h");
}

static enum rc seen(const struct given *g, char wanted, FILE *out, struct fault *f)
{
    char side, text[RFC3339_LEN + 1];
    int64_t at = 0;
    enum rc rc = read_seen(value_at(g, 0), &side, &at, f);

    if (rc != RC_OK || side != wanted)
        return rc;
    clock_rfc3339(at, text);
    fputs(text, out);
    return RC_OK;
}

static enum rc seen_after(const struct given *g, FILE *out, struct fault *f)
{
    return seen(g, '<', out, f);
}

static enum rc seen_before(const struct given *g, FILE *out, struct fault *f)
{
    return seen(g, '>', out, f);
}

static enum rc seat(const struct given *g, FILE *out, struct fault *f)
{
    int64_t n;

    if (!number_read(value_at(g, 0), &n) || n < 0 || n > INT32_MAX)
        return fail(f, RC_INVALID, "seat must be a number");
    fprintf(out, "%" PRId64, n);
    return RC_OK;
}

static enum rc ids(const struct given *g, FILE *out, struct fault *f)
{
    for (size_t i = 0; i < json_array_size(g->values); i++) {
        if (!device_id_valid(value_at(g, i)))
            return fail(f, RC_INVALID, "ids takes 32 lower-case hex digits each");
        fprintf(out, "%c%s", i ? ',' : '{', value_at(g, i));
    }
    fputc('}', out);
    return RC_OK;
}

static enum rc alert(const struct given *g, FILE *out, struct fault *f)
{
    int64_t n;

    if (!number_read(value_at(g, 0), &n))
        return fail(f, RC_INVALID, "alert must be a number");
    fprintf(out, "%" PRId64, n);
    return RC_OK;
}

// ---------------------------------------------------------------- the row

// A field of a row literal, unquoted and empty for NULL.
static enum rc put_column(size_t i, const struct given *g, FILE *row, struct fault *f)
{
    auto_free char *text = NULL;
    size_t len = 0;
    enum rc rc = RC_OK;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return fail(f, RC_INTERNAL, "out of memory");
    if (json_array_size(g->values))
        rc = columns[i].encode(g, out, f);
    if (fclose(out) != 0)
        return fail(f, RC_INTERNAL, "out of memory");
    fputc(',', row);
    if (len)
        quote(row, text);
    return rc;
}

static enum rc put_columns(json_t *given, FILE *row, struct fault *f)
{
    for (size_t i = 0; i < LENGTH(columns); i++) {
        const struct given g = { columns[i].name, json_object_get(given, columns[i].name) };
        enum rc rc = put_column(i, &g, row, f);

        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

// given: a list of texts for each parameter.
static enum rc encode(json_t *given, int32_t catalog, char **out, struct fault *f)
{
    auto_free char *text = NULL;
    size_t len = 0;
    FILE *row = open_memstream(&text, &len);

    if (!row)
        return fail(f, RC_INTERNAL, "out of memory");
    fprintf(row, "(%" PRId32, catalog);
    enum rc rc = put_columns(given, row, f);
    fputc(')', row);
    if (fclose(row) != 0)
        return fail(f, RC_INTERNAL, "out of memory");
    if (rc == RC_OK)
        *out = take(&text);
    return rc;
}

// A batch is a tag, and tags have an index.
static bool add_batch(json_t *row)
{
    json_t *batch = json_object_get(row, "batch"), *given = json_object_get(row, "tag");
    const char *name = json_string_value(json_array_get(batch, 0));
    auto_free char *text = NULL;

    if (json_array_size(batch) != 1 || !*name)
        return true;
    json_auto_t *tags = given ? json_copy(given) : json_array();
    if (asprintf(&text, "batch:%s", name) < 0)
        return false;
    return json_array_append_new(tags, json_string(text)) == 0 &&
           json_object_set(row, "tag", tags) == 0;
}

// Takes over params: the parameters as they were given, which the row leaves untouched.
static enum rc finish(json_t *params_owned, int32_t catalog, struct device_filter *out,
                      struct fault *f)
{
    json_auto_t *given = params_owned;
    json_auto_t *row = json_copy(given);
    char *text = NULL;
    enum rc rc;

    if (!given || !row || !add_batch(row))
        return fail(f, RC_INTERNAL, "out of memory");
    if (!json_object_get(row, "lifecycle") && !json_object_get(row, "id"))
        json_object_set_new(row, "lifecycle", json_pack("[s, s]", "registered", "claimed"));
    rc = encode(row, catalog, &text, f);
    if (rc != RC_OK)
        return rc;
    *out = (struct device_filter){
        .params = json_incref(given),
        .row = text,
        .empty = json_object_size(given) == 0,
        .prefix = json_object_get(given, "q") != NULL,
    };
    return RC_OK;
}

// ---------------------------------------------------------------- from where it comes

static enum rc add_value(json_t *given, const char *name, const char *value, struct fault *f)
{
    json_t *values = json_object_get(given, name);

    if (!values) {
        values = json_array();
        json_object_set_new(given, name, values);
    }
    if (json_array_size(values) == FILTER_VALUES_MAX)
        return fail(f, RC_INVALID, "%s has more than %d values", name, FILTER_VALUES_MAX);
    json_array_append_new(values, json_string(value));
    return RC_OK;
}

static enum rc too_often(const char *name, struct fault *f)
{
    return fail(f, RC_INVALID, "the query parameter '%s' is given twice", name);
}

// The decoded pieces of raw between commas, or the whole.
static enum rc add_raw(json_t *given, const struct param *p, const char *raw, size_t len,
                       struct fault *f)
{
    char value[VALUE_MAX + 1];

    for (size_t at = 0; at <= len;) {
        const char *comma = p->list ? memchr(raw + at, ',', len - at) : NULL;
        size_t piece = comma ? (size_t)(comma - raw) - at : len - at;

        if (!percent_decode(raw + at, piece, true, value, sizeof value))
            return fail(f, RC_INVALID, "%s has a value that is longer than %d bytes or no text",
                        p->name, VALUE_MAX);
        enum rc rc = RC_OK;
        for (char *rest = value, *one; rc == RC_OK && (one = rest);) {
            rest = p->plain ? strchr(one, ',') : NULL;
            if (rest)
                *rest++ = '\0';
            rc = add_value(given, p->name, one, f);
        }
        if (rc != RC_OK)
            return rc;
        at += piece + 1;
    }
    return RC_OK;
}

static bool listed(const char *const *names, const char *name)
{
    while (names && *names && strcmp(*names, name) != 0)
        names++;
    return names && *names;
}

static enum rc unknown(const char *name, const char *const *also, struct fault *f)
{
    char more[60] = "";
    size_t n = 0;

    for (; also && *also && n < sizeof more; also++)
        n += (size_t)snprintf(more + n, sizeof more - n, ", %s", *also);
    return fail(f, RC_INVALID, "there is no parameter '%.30s' here, but: " KNOWN_NAMES "%s", name,
                more);
}

// others counts those of also that came.
static enum rc read_pair(json_t *given, json_t *others, const char *pair, size_t len,
                         const char *const *also, struct fault *f)
{
    char name[NAME_SIZE];
    const char *equals = memchr(pair, '=', len);
    size_t name_len = equals ? (size_t)(equals - pair) : len;
    const char *raw = equals ? equals + 1 : pair + len;
    const struct param *p;

    if (!percent_decode(pair, name_len, true, name, sizeof name))
        return fail(f, RC_INVALID, "a query parameter has no usable name");
    p = find(name);
    if (!p && !listed(also, name))
        return unknown(name, also, f);
    if (!p)
        return json_object_get(others, name)
                   ? too_often(name, f)
                   : (json_object_set_new(others, name, json_true()), RC_OK);
    if (p->once && json_object_get(given, name))
        return too_often(name, f);
    // "q=" is an empty search field, not a search for nothing.
    if (p->once && raw == pair + len)
        return RC_OK;
    return add_raw(given, p, raw, (size_t)(pair + len - raw), f);
}

enum rc device_filter_read(const char *query, const char *const *also, int32_t catalog,
                           struct device_filter *out, struct fault *f)
{
    json_auto_t *given = json_object(), *others = json_object();

    while (*query) {
        size_t len = strcspn(query, "&");
        enum rc rc = read_pair(given, others, query, len, also, f);
        if (rc != RC_OK)
            return rc;
        query += len + (query[len] == '&');
    }
    return finish(json_incref(given), catalog, out, f);
}

static enum rc take_values(json_t *given, const struct param *p, json_t *value, struct fault *f)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;

    if (count == 0 || (p->once && count > 1))
        return fail(f, RC_INVALID, "filter: %s takes %s", p->name, p->once ? "one text" : "texts");
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_is_array(value) ? json_array_get(value, i) : value;

        if (!json_is_string(one) || json_string_length(one) > VALUE_MAX ||
            !utf8_is_clean(json_string_value(one), json_string_length(one)))
            return fail(f, RC_INVALID, "filter: %s takes texts of at most %d bytes", p->name,
                        VALUE_MAX);
        enum rc rc = add_value(given, p->name, json_string_value(one), f);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

enum rc device_filter_from(json_t *from, int32_t catalog, struct device_filter *out,
                           struct fault *f)
{
    json_auto_t *given = json_object();
    const char *name;
    json_t *value;

    if (!json_is_object(from))
        return fail(f, RC_INVALID, "filter must be an object of lists");
    json_object_foreach (from, name, value) {
        const struct param *p = find(name);
        enum rc rc = p ? take_values(given, p, value, f) : unknown(name, NULL, f);
        if (rc != RC_OK)
            return rc;
    }
    return finish(json_incref(given), catalog, out, f);
}

enum rc device_filter_ids(json_t *list, int32_t catalog, struct device_filter *out, struct fault *f)
{
    json_auto_t *given = json_object();
    size_t i;
    json_t *id;

    json_array_foreach (list, i, id)
        if (!json_is_string(id))
            return fail(f, RC_INVALID, "ids takes 32 lower-case hex digits each");
    if (json_array_size(list) == 0)
        return fail(f, RC_INVALID, "ids must not be empty");
    json_object_set(given, "id", list);
    return finish(json_incref(given), catalog, out, f);
}
