// SPDX-License-Identifier: Apache-2.0
//
// Numbers into sentences, and into the filter that lists the same devices.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pattern/pattern.h"

static const char *const dimension_names[PATTERN_DIMENSIONS] = {
    [PATTERN_SITE] = "site",       [PATTERN_BATCH] = "batch", [PATTERN_PRODUCT] = "product",
    [PATTERN_BUILD] = "build",     [PATTERN_GROUP] = "group", [PATTERN_VERSION] = "version",
    [PATTERN_NETWORK] = "network",
};

static const char *const state_words[STATE_COUNT] = {
    [STATE_UNKNOWN] = "never attested",  [STATE_HEALTHY] = "healthy",
    [STATE_UPDATING] = "updating",       [STATE_AT_RISK] = "at risk",
    [STATE_QUARANTINED] = "quarantined", [STATE_OFFLINE] = "offline",
};

const char *pattern_dimension_name(enum pattern_dimension d)
{
    return dimension_names[d];
}

const char *pattern_state_words(enum device_state s)
{
    return state_words[s];
}

const char *pattern_number(int64_t n, char out[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, n < 0 ? 0 : n);
    char *at = out;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return out;
}

// Where most of a set is in the state it is seen as an area, else as a scatter.
static const char *shape_of(const struct pattern *p)
{
    bool most = p->count * 2 >= p->of;

    switch (p->dimension) {
    case PATTERN_SITE:
        return most ? "wedge" : "cluster";
    case PATTERN_BATCH:
    case PATTERN_NETWORK:
        return p->ring ? "cluster" : "speckle"; // of several products it is all over the map
    case PATTERN_PRODUCT:
    case PATTERN_BUILD:
    case PATTERN_VERSION:
    case PATTERN_GROUP:
    case PATTERN_DIMENSIONS:
        break;
    }
    return most ? "ring" : "speckle";
}

static const char *title_of(const struct pattern *p)
{
    static const struct {
        const char *shape;
        int state; // -1: any
        const char *title;
    } titles[] = {
        { "wedge", STATE_OFFLINE, "Dark wedge" },
        { "wedge", STATE_UPDATING, "Sweep" },
        { "wedge", -1, "Wedge" },
        { "cluster", -1, "Tight cluster" },
        { "ring", STATE_OFFLINE, "Dark ring" },
        { "ring", -1, "Whole ring" },
    };

    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (!strcmp(titles[i].shape, p->shape) &&
            (titles[i].state < 0 || titles[i].state == (int)p->state))
            return titles[i].title;
    return p->ring ? "Speckle over one ring" : "Speckle over all rings";
}

static void text_of(struct pattern *p, const char *ring_name)
{
    bool inside = ring_name && (p->dimension == PATTERN_SITE || p->dimension == PATTERN_BATCH ||
                                p->dimension == PATTERN_NETWORK || p->dimension == PATTERN_VERSION);
    const char *kind = p->dimension == PATTERN_BATCH     ? "batch "
                       : p->dimension == PATTERN_VERSION ? "version "
                       : p->dimension == PATTERN_NETWORK ? "network "
                                                         : "";
    char count[32], of[32];

    snprintf(p->text, sizeof p->text, "%s%s%s%s: %s of %s %s", inside ? ring_name : "",
             inside ? ", " : "", kind, p->label, pattern_number(p->count, count),
             pattern_number(p->of, of), state_words[p->state]);
    if (!inside && p->text[0] >= 'a' && p->text[0] <= 'z' && *kind)
        p->text[0] = (char)(p->text[0] - 'a' + 'A');
}

static size_t add(char *to, size_t len, size_t size, const char *name, const char *value)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

    len += (size_t)snprintf(to + len, size - len, "&%s=", name);
    for (; *value && len + 4 < size; value++)
        if (strchr(plain, *value))
            to[len++] = *value;
        else
            len += (size_t)snprintf(to + len, size - len, "%%%02X", (unsigned char)*value);
    to[len] = '\0';
    return len;
}

static void filter_of(struct pattern *p)
{
    char product[PATTERN_VALUE + 1];
    const char *space = strchr(p->value, ' ');
    size_t len =
        (size_t)snprintf(p->filter, sizeof p->filter, "state=%s", device_state_name(p->state));

    if (p->dimension != PATTERN_BUILD || !space) {
        add(p->filter, len, sizeof p->filter, dimension_names[p->dimension], p->value);
        return;
    }
    snprintf(product, sizeof product, "%.*s", (int)(space - p->value), p->value);
    len = add(p->filter, len, sizeof p->filter, "product", product);
    add(p->filter, len, sizeof p->filter, "version", space + 1);
}

void pattern_word(struct pattern *p, const char *ring_name)
{
    p->shape = shape_of(p);
    p->title = title_of(p);
    text_of(p, ring_name);
    filter_of(p);
}
