// SPDX-License-Identifier: Apache-2.0
//
// ledger: the keeper's memory of what it issued, and the rules that need a memory.
//
//   issued-YYYY-MM-DD.log: one line a certificate, appended and synced before the certificate
//   leaves
//
// One live public key a device; another key only for evidence that has not earned
// one yet; so many certificates a device, so many a catalog; no clock that runs
// behind the last line. Lines of the last days are read again at start.

#pragma once

#include <stdint.h>

#include "core/rc.h"
#include "keeper/keeper.h"

struct ledger;

struct ledger_entry {
    char catalog[KEEPER_CATALOG_MAX + 1];
    uint8_t device[16];
    enum cert_kind kind;
    uint8_t key[32]; // SHA-256 of the public key
    uint8_t evidence[32];
    uint8_t serial[SERIAL_LEN];
    int64_t issued_at; // Unix s
    int64_t not_after;
};

// folder is borrowed: a descriptor of the folder the log lives in.
enum rc ledger_open(int folder, struct ledger **out, struct fault *f);
void ledger_close(struct ledger *l);

// May e be issued? Says which rule forbids it.
enum rc ledger_check(struct ledger *l, const struct ledger_entry *e, struct fault *f);
// Writes e down, durably. Only after RC_OK may the certificate be handed out.
enum rc ledger_append(struct ledger *l, const struct ledger_entry *e, struct fault *f);
