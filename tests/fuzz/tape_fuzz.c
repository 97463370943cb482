// SPDX-License-Identifier: Apache-2.0

#include "backup/tape.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("tape", MFD_CLOEXEC);
    json_t *manifest = NULL;

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        return 0;
    (void)tape_check(fd, &manifest, NULL);
    json_decref(manifest);
    close(fd);
    return 0;
}
