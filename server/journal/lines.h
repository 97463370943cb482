// SPDX-License-Identifier: Apache-2.0
//
// journal/lines: all lines that a search finds, newest first, written to an export.
//
//   search_run, a page at a time --> text --> reader
//
// A page is in memory at once, and no connection is held while its reader reads. Columns are t,
// device, deviceName, event, level, name, source, text, fields.

#pragma once

#include "device/export.h"
#include "journal/search.h"

struct lines {
    struct store *store; // the pool
    int32_t catalog;
    enum export_format format;
    struct search search;
};

export_write lines_write;
