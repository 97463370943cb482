// SPDX-License-Identifier: Apache-2.0

#include "threat/settings.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/body.h"
#include "core/json_out.h"
#include "store/arg.h"
#include "store/store.h"
#include "threat_sql.h"

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

void threat_settings_usual(struct threat_settings *out)
{
    *out = (struct threat_settings){ 0 };
    for (int c = 0; c < THREAT_CODES; c++)
        for (int l = 0; l < THREAT_LIMITS; l++)
            out->limits[c][l] = threat_kinds[c].limits[l].usual;
}

// ---------------------------------------------------------------- reading

static int limit_from_name(const char *name)
{
    for (int l = 0; l < THREAT_LIMITS; l++)
        if (!strcmp(threat_limit_name((enum threat_limit)l), name))
            return l;
    return -1;
}

static enum rc read_limit(int code, const char *name, const json_t *value,
                          struct threat_settings *out, struct fault *f)
{
    const struct threat_kind *kind = &threat_kinds[code];
    int l = limit_from_name(name);
    const struct threat_bound *bound = l < 0 ? NULL : &kind->limits[l];

    if (!bound || !bound->most)
        return fail(f, RC_INVALID, "codes.%s has no '%.40s'", kind->code, name);
    if (!json_is_integer(value) || json_integer_value(value) < bound->least ||
        json_integer_value(value) > bound->most)
        return fail(f, RC_INVALID, "codes.%s.%s must be a whole number from %lld to %lld",
                    kind->code, name, (long long)bound->least, (long long)bound->most);
    out->limits[code][l] = json_integer_value(value);
    return RC_OK;
}

static enum rc read_code(const char *name, json_t *o, struct threat_settings *out, struct fault *f)
{
    int code = threat_code_from_name(name);
    enum rc rc = RC_OK;
    const char *member;
    json_t *value;

    if (code < 0)
        return fail(f, RC_INVALID, "codes has no '%.40s'", name);
    if (!json_is_object(o))
        return fail(f, RC_INVALID, "codes.%s must be an object", name);
    json_object_foreach (o, member, value) {
        if (strcmp(member, "enabled") != 0)
            rc = read_limit(code, member, value, out, f);
        else if (json_is_boolean(value))
            out->off[code] = json_is_false(value);
        else
            rc = fail(f, RC_INVALID, "codes.%s.enabled must be true or false", name);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc read_networks(json_t *list, struct threat_settings *out, struct fault *f)
{
    json_t *one;
    size_t i;

    json_array_foreach (list, i, one)
        if (!network_read(json_string_value(one), &out->networks[i]))
            return fail(f, RC_INVALID, "networks: '%.60s' is not a network like 192.0.2.0/24",
                        json_string_value(one));
    out->network_count = json_array_size(list);
    return RC_OK;
}

struct settings_body {
    json_t *codes, *networks;
};

static const struct field settings_fields[] = {
    { OBJECT(struct settings_body, codes), REQUIRED, 0, 0 },
    { TEXTS(struct settings_body, networks), OPTIONAL, 0, NETWORKS_MAX },
};

enum rc threat_settings_read(json_t *body, struct threat_settings *out, struct fault *f)
{
    struct settings_body b = { 0 };
    enum rc rc = BODY_READ(body, settings_fields, &b, f);
    const char *name;
    json_t *o;

    threat_settings_usual(out);
    if (rc != RC_OK)
        return rc;
    json_object_foreach (b.codes, name, o) {
        rc = read_code(name, o, out, f);
        if (rc != RC_OK)
            return rc;
    }
    return read_networks(b.networks, out, f);
}

// ---------------------------------------------------------------- writing

static json_t *limit_to_json(const struct threat_settings *s, int code, int l)
{
    const struct threat_bound *bound = &threat_kinds[code].limits[l];
    json_t *o = json_object();

    add_text(o, "name", threat_limit_name((enum threat_limit)l));
    add_int(o, "value", s->limits[code][l]);
    add_int(o, "usual", bound->usual);
    add_int(o, "least", bound->least);
    add_int(o, "most", bound->most);
    return o;
}

static json_t *code_to_json(const struct threat_settings *s, int code)
{
    const struct threat_kind *kind = &threat_kinds[code];
    json_t *o = json_object(), *limits = json_array();

    add_text(o, "code", kind->code);
    add_text(o, "name", kind->name);
    add_text(o, "what", kind->what);
    add_text(o, "severity", alert_severity_name(kind->severity));
    add_bool(o, "enabled", !s->off[code]);
    for (int l = 0; l < THREAT_LIMITS; l++)
        if (kind->limits[l].most)
            json_array_append_new(limits, limit_to_json(s, code, l));
    add_json(o, "limits", limits);
    return o;
}

static json_t *network_to_json(const struct network *n)
{
    char address[INET6_ADDRSTRLEN] = "", text[NETWORK_TEXT + 4];

    inet_ntop(n->bytes == 4 ? AF_INET : AF_INET6, n->address, address, sizeof address);
    snprintf(text, sizeof text, "%s/%d", address, n->bits);
    return json_string(text);
}

json_t *threat_settings_to_json(const struct threat_settings *s)
{
    json_t *o = json_object(), *items = json_array(), *networks = json_array();

    for (int c = 0; c < THREAT_CODES; c++)
        json_array_append_new(items, code_to_json(s, c));
    add_json(o, "items", items);
    for (size_t i = 0; i < s->network_count; i++)
        json_array_append_new(networks, network_to_json(&s->networks[i]));
    add_json(o, "networks", networks);
    return o;
}

// ---------------------------------------------------------------- the table

static enum rc from_row(const struct rows *r, int row, struct threat_settings *out, struct fault *f)
{
    json_auto_t *body = json_loads(rows_text(r, row, "body"), 0, NULL);
    enum rc rc = threat_settings_read(body, out, f);

    out->catalog = (int32_t)rows_int(r, row, "catalog");
    out->version = rows_int(r, row, "version");
    return rc;
}

enum rc threat_settings_load(struct store *s, int32_t catalog, struct threat_settings *out,
                             struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = store_run(s, &Q_THREAT_SETTINGS_OF, (const char *[]){ ARG_INT(catalog) }, &r, f);

    threat_settings_usual(out);
    out->catalog = catalog;
    return rc == RC_OK && rows_count(r) > 0 ? from_row(r, 0, out, f) : rc;
}

enum rc threat_settings_save(struct store *tx, int32_t catalog, int64_t version, json_t *body,
                             struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    auto_free char *text = json_dumps(body, JSON_COMPACT);
    const char *args[] = { ARG_INT(catalog), ARG_INT(version), text };
    enum rc rc = text ? store_run(tx, &Q_THREAT_SETTINGS_SAVE, args, &r, f)
                      : fail(f, RC_INTERNAL, "out of memory");

    if (rc == RC_OK && rows_count(r) == 0)
        return fail(f, RC_CONFLICT, "somebody else changed these thresholds meanwhile");
    return rc;
}

enum rc threat_settings_all(struct store *s, struct threat_settings **out, size_t *count,
                            struct fault *f)
{
    auto_with(rows_freep) struct rows *r = NULL;
    enum rc rc = store_run(s, &Q_THREAT_SETTINGS_ALL, NULL, &r, f);
    struct threat_settings *list;

    if (rc != RC_OK)
        return rc;
    list = calloc((size_t)rows_count(r) + 1, sizeof *list);
    if (!list)
        return fail(f, RC_INTERNAL, "out of memory");
    *count = 0;
    for (int i = 0; i < rows_count(r); i++)
        *count += from_row(r, i, &list[*count], NULL) == RC_OK;
    *out = list;
    return RC_OK;
}
