// SPDX-License-Identifier: Apache-2.0
//
// alert/watch: tells the rest of the server that alerts changed, whoever changed them.
//
//   a transaction commits --NOTIFY alert--> watch --BUS_ALERT--> live
//
// So that nobody who raises an alert has to, and servers that share a database hear of each
// other's.

#pragma once

#include "core/rc.h"

struct alert_watch;
struct bus;

enum rc alert_watch_start(const char *conninfo, struct bus *b, struct alert_watch **out,
                          struct fault *f);
void alert_watch_stop(struct alert_watch *w); // NULL is fine
