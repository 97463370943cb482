// SPDX-License-Identifier: Apache-2.0
//
// Every module's routes, one line a table.

#include "http/route.h"

const struct route *const route_tables[] = {
    NULL,
};
