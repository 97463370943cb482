// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "device/device.h"
#include "http/http.h"

extern const struct route device_routes[];

json_t *device_to_json(const struct device *d);
// Answers with the device {id} of the path as it is now, and its version as entity tag.
enum rc device_reply(struct req *q, struct reply *r, int status, const char *id, struct fault *f);
// null, or what the row says of the certificate.
json_t *device_certificate_to_json(int kind, const char *serial, int64_t not_before,
                                   int64_t not_after);
