// SPDX-License-Identifier: Apache-2.0
//
// measure: what runs on this machine, as a measured-boot log without a TPM.
//
//   kernel (its image, or its build line when the image cannot be read), os, agent
//
// A soft root of trust measures itself, so this is worth as much as the machine is sound when the
// agent starts; docs/security.md says what that excludes.

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/rc.h"
#include "sdk/eat.h"

struct measured {
    struct measurement log[3];
    size_t count;
    char hwmodel[64];
    char swname[64];
    char swversion[64];
};

enum rc measure_machine(struct measured *out, struct fault *f);
// {"values":[…]} as POST reference-values takes it; owned by the caller. only: one component by
// name, or NULL for all.
char *measure_manifest(const struct measured *m, const char *only);
