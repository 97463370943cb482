// SPDX-License-Identifier: Apache-2.0
//
// confine: what the keeper gives up before it reads its first request: the network, other
// programs, being traced, core dumps, descriptors it did not open.

#pragma once

#include <stdbool.h>

#include "core/rc.h"

// keep is the one descriptor (beside stderr) that stays open; *own_namespace tells whether an
// empty network namespace could be entered (it needs privileges that a container may lack; the
// system call filter holds either way).
enum rc confine_enter(int keep, bool *own_namespace, struct fault *f);
