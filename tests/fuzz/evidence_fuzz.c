// SPDX-License-Identifier: Apache-2.0
//
// Evidence as text: the whole JWS, and its claims as if they had been signed.

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>

#include "attest/attest.h"
#include "attest/eat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct reference refs[] = {
        { .component = "app", .version = "1", .sha256 = "" },
        { .component = "loader", .version = "2", .sha256 = "", .svn = 2 },
    };
    static EVP_PKEY *key;
    struct attest_before before = { .boot_count = 5 };
    struct eat e;
    struct fault f;

    if (!key)
        key = EVP_EC_gen("P-256");
    if (eat_open((const char *)data, size, key, &e, &f) == RC_OK)
        abort(); // nothing here is signed by this key
    if (eat_read((const char *)data, size, &e, &f) == RC_OK) {
        json_t *findings = json_array(), *reasons = json_array();

        before.log = json_object_get(e.claims, "submods");
        attest_judge(&e, refs, 2, &before, 1790000000, findings, reasons);
        json_decref(findings);
        json_decref(reasons);
        eat_done(&e);
    }
    return 0;
}
