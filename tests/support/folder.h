// SPDX-License-Identifier: Apache-2.0
//
// folder: a throw-away folder of a test program, gone when the program ends, however it ends.
//
//   folder_make() --> /tmp/orrery-NAME-XXXXXX;  the program ends --> its guardian removes them all
//
// The guardian is a process of its own, so that a test that crashed or was killed leaves nothing
// either. A PostgreSQL whose data is in pg/ of such a folder is ended first.

#pragma once

#include <stddef.h>

// Ends the program where it cannot.
void folder_make(char *out, size_t size, const char *name);
void folder_remove(const char *path); // sooner
