// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a rule's text or JSON: what is accepted prints as a text and a JSON that say the
// same.

#include "rule/rule.h"

#include <stdlib.h>
#include <string.h>

#include "core/auto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check(struct rule *r)
{
    auto_free char *text = rule_print(r);
    json_auto_t *json = rule_json(r);
    struct rule read = { 0 }, from = { 0 };

    must(text && json);
    // A text may need more room than its JSON, and then is refused like any other.
    if (strlen(text) <= RULE_TEXT_MAX) {
        must(rule_read(text, strlen(text), &read, NULL, NULL) == RC_OK);
        auto_free char *again = rule_print(&read);
        must(!strcmp(text, again));
    }
    must(rule_from(json, &from, NULL) == RC_OK);
    json_auto_t *twice = rule_json(&from);
    must(json_equal(json, twice));
    rule_done(&read);
    rule_done(&from);
    rule_done(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    struct rule r = { 0 };
    struct fault f = { 0 };
    int column;

    if (rule_read((const char *)data, size, &r, &column, &f) == RC_OK)
        check(&r);
    else
        must(*f.text && column >= 0);
    if (json && rule_from(json, &r, &f) == RC_OK)
        check(&r);
    return 0;
}
