// SPDX-License-Identifier: Apache-2.0
//
// corefile: what an emulated device that crashed would have left behind.
//
// The same for a device and boot each time: the crash event names its hash, the dump brings it.

#pragma once

#include <stddef.h>
#include <stdint.h>

#define COREFILE_SIZE 4096

size_t corefile_print(const char *device, int64_t boot, char out[COREFILE_SIZE]);
void corefile_hash(const char *device, int64_t boot, char out[65]);
