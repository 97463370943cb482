// SPDX-License-Identifier: Apache-2.0

#include "http/query.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "http/percent.h"

#define NAME_MAX_LEN 64
#define PAIRS_MAX    16

struct pair {
    const char *name, *value;
    size_t name_len, value_len;
};

// Takes the next pair off *at; false at the end.
static bool next_pair(const char **at, struct pair *p)
{
    const char *s = *at;

    if (!*s)
        return false;
    size_t len = strcspn(s, "&");
    const char *equals = memchr(s, '=', len);
    p->name = s;
    p->name_len = equals ? (size_t)(equals - s) : len;
    p->value = equals ? equals + 1 : s + len;
    p->value_len = len - p->name_len - (equals ? 1 : 0);
    *at = s[len] ? s + len + 1 : s + len;
    return true;
}

typedef char pair_name[NAME_MAX_LEN + 1];

static enum rc check_pair(const struct pair *p, char *value, size_t number, pair_name name,
                          struct fault *f)
{
    if (p->name_len == 0 || !percent_decode(p->name, p->name_len, true, name, NAME_MAX_LEN + 1))
        return fail(f, RC_INVALID, "query parameter %zu has no usable name", number);
    if (!percent_decode(p->value, p->value_len, true, value, QUERY_MAX + 1))
        return fail(f, RC_INVALID, "the query parameter '%s' is not percent-encoded UTF-8", name);
    return RC_OK;
}

static enum rc check_repeats(pair_name names[PAIRS_MAX], size_t last, struct fault *f)
{
    for (size_t i = 0; i < last; i++)
        if (!strcmp(names[i], names[last]))
            return fail(f, RC_INVALID, "the query parameter '%s' is given twice", names[last]);
    return RC_OK;
}

static enum rc check_pairs(const char *query, char *value, bool repeats, struct fault *f)
{
    pair_name names[PAIRS_MAX];
    struct pair p;

    for (size_t count = 0; next_pair(&query, &p); count++) {
        size_t at = repeats ? 0 : count;

        if (at == PAIRS_MAX)
            return fail(f, RC_INVALID, "the query has more than %d parameters", PAIRS_MAX);
        enum rc rc = check_pair(&p, value, count + 1, names[at], f);
        if (rc == RC_OK)
            rc = check_repeats(names, at, f);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

enum rc query_check(const char *query, bool repeats, struct fault *f)
{
    if (!*query)
        return RC_OK;
    if (strlen(query) > QUERY_MAX)
        return fail(f, RC_INVALID, "the query is longer than %d bytes", QUERY_MAX);
    auto_free char *value = malloc(QUERY_MAX + 1);
    return value ? check_pairs(query, value, repeats, f) : fail(f, RC_INTERNAL, "out of memory");
}

enum query_found query_value(const char *query, const char *name, char *out, size_t size)
{
    char decoded[NAME_MAX_LEN + 1];
    struct pair p;

    while (next_pair(&query, &p)) {
        if (!percent_decode(p.name, p.name_len, true, decoded, sizeof decoded) ||
            strcmp(decoded, name) != 0)
            continue;
        return percent_decode(p.value, p.value_len, true, out, size) ? QUERY_FOUND : QUERY_UNFIT;
    }
    return QUERY_ABSENT;
}
