// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a request body: what the table lets through keeps the table's promises.

#include "core/body.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pump {
    const char *name;
    int64_t speed;
    bool on;
    json_t *scopes, *tags, *place, *parts, *any;
};

static const struct field fields[] = {
    { TEXT(struct pump, name), REQUIRED, 1, 8 },
    { INT_AS(struct pump, speed, "pumpSpeed"), OPTIONAL, -5, 100 },
    { BOOL(struct pump, on), NULLABLE, 0, 0 },
    { TEXTS(struct pump, scopes), OPTIONAL, 1, 3 },
    { TAGS(struct pump, tags), NULLABLE, 0, 4 },
    { OBJECT(struct pump, place), OPTIONAL, 0, 0 },
    { LIST(struct pump, parts), OPTIONAL, 1, 3 },
    { JSON(struct pump, any), OPTIONAL, 0, 0 },
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check(const struct pump *p)
{
    size_t i;
    const char *key;
    json_t *item;

    must(p->name && strlen(p->name) >= 1 && strlen(p->name) <= 8);
    must(p->speed >= -5 && p->speed <= 100);
    must(!p->scopes || (json_array_size(p->scopes) >= 1 && json_array_size(p->scopes) <= 3));
    json_array_foreach (p->scopes, i, item)
        must(json_string_length(item) <= FIELD_TEXT_MAX && json_string_value(item));
    must(!p->tags || json_object_size(p->tags) <= 4);
    json_object_foreach (p->tags, key, item)
        must(json_string_value(item) && *key);
    must(!p->place || json_is_object(p->place));
    json_array_foreach (p->parts, i, item)
        must(json_is_object(item));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *body = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    struct pump read = { 0 }, picked = { 0 };
    struct fault f = { 0 };

    if (!body)
        return 0;
    enum rc rc = BODY_READ(body, fields, &read, &f);
    must(rc == RC_OK || (rc == RC_INVALID && *f.text));
    if (rc == RC_OK)
        check(&read);
    enum rc loose = BODY_PICK(body, fields, &picked, &f);
    if (loose == RC_OK)
        check(&picked);
    must(rc != RC_OK || loose == RC_OK);
    return 0;
}
