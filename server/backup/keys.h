// SPDX-License-Identifier: Apache-2.0
//
// keys: the keeper's folder, as it goes into a backup: keys as encrypted as they lie there, their
// certificates, the issuance log.
//
// The keeper goes on writing. Keys and certificates are read until two readings agree, so that
// no key is kept beside another one's certificate; of a log, the whole lines are kept. Called
// after the database's snapshot was taken: a line is written before its certificate leaves and the
// database hears of it, so the log knows every certificate that the database does.

#pragma once

#include "core/rc.h"

struct tape;

// folder is DIR/pki/keeper.
enum rc keys_write(const char *folder, struct tape *t, struct fault *f);
