// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/http.h"

extern const struct route timeline_routes[];
