// SPDX-License-Identifier: Apache-2.0
//
// enroll: how this machine comes to know its server for the first time.
//
//   host:port --TLS handshake--> chain --a certificate of it has the pinned SHA-256--> CA kept
//
// Nothing the server says is believed before its chain ends in the certificate whose hash a person
// has brought along; then that CA is all that is trusted, in this run and later ones.

#pragma once

#include "core/rc.h"

// "server-ca.pem" and "server" in dir. A CA that is there already and has that hash is kept without
// asking the server; then it need not be reachable. Each failure is a sentence for the person at
// the keyboard.
enum rc enroll_pin(const char *dir, const char *server, const char *ca_sha256, struct fault *f);
