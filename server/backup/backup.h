// SPDX-License-Identifier: Apache-2.0
//
// backup: an instance in one file, and back.
//
//   instance (it may run) --backup_write--> FILE --backup_restore--> an empty folder: an instance
//
// In it: the database as of one moment, the keeper's encrypted keys and its issuance log, the
// configuration, the blobs. Not in it: the keeper's passphrase, which has to be kept elsewhere, and
// what a start makes again (the server's TLS key, admin-token). No private key lies in it in the
// clear, but password hashes and the key of cookies do: mode 0600.
//
// The log is read after the database's moment, so it knows every certificate the database knows;
// what was issued later is known to neither and still good, being signed by the same CA.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/rc.h"

#define BACKUP_MARKER "restoring" // in an instance folder that is not whole yet

struct backup_report {
    int64_t devices, audit_entries, bytes;
    int chains;            // of audit entries, that were verified
    int32_t broken_chain;  // 0 unless broken_entry
    int64_t broken_entry;  // 0: none
    char version[20];      // that made it
    char at[25];           // RFC 3339
    bool config_beside;    // the folder had a config; the backup's is config.backup
    bool database_differs; // restored into another one than the folder's config names
};

// file "-" is standard output. conninfo is of the database's owner. An existing file is refused.
enum rc backup_write(const char *dir, const char *conninfo, const char *file,
                     struct backup_report *out, struct fault *f);

struct restore_options {
    const char *dir, *file;
    const char *const *sets; // of the command line, on top of the configuration restored
    int set_count;
};

// Into a folder that holds nothing but, perhaps, config and keeper-passphrase. What fails leaves
// the folder as it was.
enum rc backup_restore(const struct restore_options *o, struct backup_report *out, struct fault *f);
