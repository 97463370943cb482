// SPDX-License-Identifier: Apache-2.0
//
// message: what a receiver gets to read, for each kind of route.
//
//   notice (an alert as it is now) --> a CloudEvent | an Alertmanager's list | a mail
//
// Titles and names come from devices and people, so each form is written by an encoder that cannot
// be talked out of it: JSON by jansson, a mail's header as encoded words, its text
// quoted-printable.

#pragma once

#include <jansson.h>
#include <stdint.h>

#include "core/rc.h"

// All borrowed. alert 0: a test.
struct notice {
    const char *catalog, *route, *change, *event; // event: the id that stays the same
    const char *link;                             // base address of the dashboard
    int64_t alert, at, since, resolved_at;        // Unix ms
    const char *title, *severity, *source, *code, *state;
    int64_t devices, worst;
    const char *reach; // in words; may be NULL
    json_t *examples;  // [{"id","name"}]; may be NULL
    json_t *steps;     // [{"text"}]; may be NULL
};

// CloudEvents 1.0, structured mode: application/cloudevents+json.
enum rc message_event(const struct notice *n, char **out, struct fault *f);
// What POST /api/v2/alerts takes.
enum rc message_alertmanager(const struct notice *n, char **out, struct fault *f);

struct message_mail {
    const char *from;
    json_t *to; // addresses
    int64_t now;
};

enum rc message_mail(const struct notice *n, const struct message_mail *m, char **out,
                     struct fault *f);
