// SPDX-License-Identifier: Apache-2.0
//
// feed: synthetic devices that call ingest directly and keep a ledger of what was acknowledged.
//
//   feed_open --feed_send--> ingest --acked--> ledger        feed_check: rows = acknowledged
//
// A device's message number n has seq n and the metric "n" with that value, so that the table can
// be compared with the ledger exactly. Trouble ends the test with a sentence.

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "ingest/ingest.h"

struct feed_device {
    struct ingest_device *d;
    int64_t device, sent;
    _Atomic int64_t acked;
    char id[DEVICE_ID_LEN + 1];
};

struct feed {
    struct config config; // may be changed before feed_open()
    const char *conninfo;
    struct ingest *g;
    struct bus *bus;
    struct feed_device *devices;
    int count;
    int64_t boot;
    int64_t base; // t of message 1; 0: now
    _Atomic uint64_t acks, drains;
};

// Defaults, and rows for catalog "demo" and count devices.
void feed_init(struct feed *w, const char *conninfo, int count);
void feed_open(struct feed *w); // starts ingest, attaches all
enum rc feed_try(struct feed *w, struct fault *f);
void feed_attach(struct feed *w, int i);
void feed_close(struct feed *w);   // detaches, stops
void feed_abandon(struct feed *w); // forgets ingest without a word: for a child about to die
void feed_done(struct feed *w);    // frees

// The next message of device i; sent counts it if it was taken.
enum ingest_result feed_send(struct feed *w, int i);
// Again, or out of order.
enum ingest_result feed_send_seq(struct feed *w, int i, int64_t seq, int64_t t, const char **code);
// Up to acked + window for each device, once; how many were taken.
uint64_t feed_pump(struct feed *w, int window);
bool feed_wait(struct feed *w, int timeout_ms); // until all sent is acknowledged

int64_t feed_ask(struct feed *w, const char *sql); // first column of the first row
void feed_run(struct feed *w, const char *sql);
// Every acknowledged message is there once, none twice, none that was not sent.
void feed_check(struct feed *w);
