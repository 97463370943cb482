// SPDX-License-Identifier: Apache-2.0
//
// reference: what a measurement may be. One row is one accepted value.
//
//   manifest, first evidence or a person --reference_add--> value --> judged against by attest
//
// A component with no value at all is unknown; one with values accepts these and
// nothing else. Values are added and dropped, never changed.

#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define REFERENCE_COMPONENT_MAX 80
#define REFERENCE_VERSION_MAX   80
#define REFERENCE_SOURCE_MAX    80
#define REFERENCE_BATCH_MAX     1000

struct reference {
    int64_t id;
    const char *component; // borrowed from the list or the request
    const char *version;
    const char *sha256; // 64 lowercase hex digits
    int64_t svn;
    const char *source;
    int64_t created_at; // Unix ms
};

struct reference_list;
struct store;

enum rc reference_check(const struct reference *v, struct fault *f);

// Adds what is not there yet; *added (may be NULL) is how many that were.
enum rc reference_add(struct store *s, int32_t catalog, const struct reference *values,
                      size_t count, int64_t *added, struct fault *f);
enum rc reference_drop(struct store *s, int32_t catalog, int64_t id, struct fault *f);

// Up to limit values with an id above after, by id.
enum rc reference_page(struct store *s, int32_t catalog, int64_t after, int limit,
                       struct reference_list **out, struct fault *f);
// All values of these components: what a judge needs, in one round trip.
enum rc reference_of(struct store *s, int32_t catalog, const char *const *components, size_t count,
                     struct reference_list **out, struct fault *f);

int reference_count(const struct reference_list *l);
void reference_at(const struct reference_list *l, int index, struct reference *out);
// False if no value of component has that hash. *known (may be NULL): it has any value.
bool reference_find(const struct reference_list *l, const char *component, const char *sha256,
                    struct reference *out, bool *known);
void reference_list_free(struct reference_list *l);
json_t *reference_to_json(const struct reference *v);
