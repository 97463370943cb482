// SPDX-License-Identifier: Apache-2.0

#include "threat/table.h"

#include <string.h>

#define DAY_MIN 1440

const struct threat_kind threat_kinds[THREAT_CODES] = {
    [THREAT_T01] = { "T01",
                     "One identity at two addresses",
                     "Sessions of one device push each other out, from different addresses.",
                     ALERT_HIGH,
                     { [LIMIT_TIMES] = { 3, 1, 1000 },
                       [LIMIT_MINUTES] = { 10, 1, DAY_MIN },
                       [LIMIT_QUIET] = { 60, 1, 7 * DAY_MIN } } },
    [THREAT_T02] = { "T02",
                     "Boot count or sequence went back",
                     "A device said a boot count or a message number again that it had passed.",
                     ALERT_HIGH,
                     { [LIMIT_TIMES] = { 1, 1, 1000 },
                       [LIMIT_MINUTES] = { 60, 1, DAY_MIN },
                       [LIMIT_QUIET] = { DAY_MIN, 1, 30 * DAY_MIN } } },
    [THREAT_T05] = { "T05",
                     "Firmware that is not accepted",
                     "What a device measured is not among the reference values.",
                     ALERT_HIGH,
                     { [LIMIT_TIMES] = { 1, 1, 100 }, [LIMIT_MINUTES] = { 60, 1, DAY_MIN } } },
    [THREAT_T06] = { "T06",
                     "Rollback",
                     "A device runs a build whose security version was withdrawn.",
                     ALERT_CRITICAL,
                     { [LIMIT_TIMES] = { 1, 1, 100 }, [LIMIT_MINUTES] = { 60, 1, DAY_MIN } } },
    [THREAT_T07] = { "T07",
                     "Debugging is on",
                     "A device says that its debug access is open.",
                     ALERT_HIGH,
                     { [LIMIT_TIMES] = { 1, 1, 100 }, [LIMIT_MINUTES] = { 60, 1, DAY_MIN } } },
    [THREAT_T08] = { "T08",
                     "Clock is wrong",
                     "A device's clock was more than 300 s off in several reports.",
                     ALERT_LOW,
                     { [LIMIT_TIMES] = { 3, 1, 100 },
                       [LIMIT_MINUTES] = { 7 * DAY_MIN, 1, 30 * DAY_MIN } } },
    [THREAT_T09] = { "T09",
                     "Certificates are misused",
                     "Certificates come that are expired, revoked, of another CA or of nobody here.",
                     ALERT_MEDIUM,
                     { [LIMIT_TIMES] = { 5, 1, 10000 },
                       [LIMIT_MINUTES] = { 10, 1, DAY_MIN },
                       [LIMIT_QUIET] = { 60, 1, 7 * DAY_MIN } } },
    [THREAT_T11] = { "T11",
                     "Address outside the networks",
                     "A device came from none of the networks that are said to be its catalog's.",
                     ALERT_LOW,
                     { [LIMIT_TIMES] = { 1, 1, 1000 }, [LIMIT_MINUTES] = { 60, 1, DAY_MIN } } },
    [THREAT_T12] = { "T12",
                     "Evidence was replayed",
                     "Evidence that a device signed came in answer to another challenge.",
                     ALERT_HIGH,
                     { [LIMIT_TIMES] = { 1, 1, 1000 },
                       [LIMIT_MINUTES] = { 60, 1, DAY_MIN },
                       [LIMIT_QUIET] = { DAY_MIN, 1, 30 * DAY_MIN } } },
    [THREAT_T13] = { "T13",
                     "Unusual rate",
                     "A device says far more in a minute than it used to.",
                     ALERT_MEDIUM,
                     { [LIMIT_TIMES] = { 3, 1, 1000 },
                       [LIMIT_MINUTES] = { 30, 1, DAY_MIN },
                       [LIMIT_QUIET] = { 60, 1, 7 * DAY_MIN },
                       [LIMIT_DEVIATIONS] = { 8, 3, 1000 } } },
    [THREAT_T14] = { "T14",
                     "Silent device",
                     "A device did not renew its certificate, which is long over.",
                     ALERT_MEDIUM,
                     { [LIMIT_PERCENT] = { 150, 101, 10000 } } },
    [THREAT_T17] = { "T17",
                     "Somebody guesses",
                     "Wrong claim codes, passwords or tokens come from one address.",
                     ALERT_MEDIUM,
                     { [LIMIT_TIMES] = { 10, 2, 10000 },
                       [LIMIT_MINUTES] = { 10, 1, DAY_MIN },
                       [LIMIT_QUIET] = { 60, 1, 7 * DAY_MIN } } },
    [THREAT_T18] = { "T18",
                     "Crash loop",
                     "A device starts again and again.",
                     ALERT_MEDIUM,
                     { [LIMIT_TIMES] = { 6, 2, 1000 },
                       [LIMIT_MINUTES] = { 60, 1, DAY_MIN },
                       [LIMIT_QUIET] = { 60, 1, 7 * DAY_MIN } } },
};

#define WENT_BACK     "Boot counts or message numbers of devices went back"
#define UNKNOWN_BUILD "Devices run what is not among the reference values"

const struct threat_row threat_rows[] = {
    { "displaced", THREAT_T01, BY_DEVICE, END_QUIET, NULL, 0,
      "One identity is used at two addresses at once" },
    { "boot", THREAT_T02, BY_DEVICE, END_QUIET, NULL, 0, WENT_BACK },
    { "boot-back", THREAT_T02, BY_DEVICE, END_QUIET, NULL, 0, WENT_BACK },
    // Once may be a device that did not listen to what was committed already.
    { "sequence-back", THREAT_T02, BY_DEVICE, END_QUIET, NULL, 3, WENT_BACK },
    { "build", THREAT_T05, BY_DEVICE, END_ATTESTED, "%s", 0,
      "A build of '%s' runs that is not among the reference values" },
    { "component", THREAT_T05, BY_DEVICE, END_ATTESTED, NULL, 0, UNKNOWN_BUILD },
    { "missing", THREAT_T05, BY_DEVICE, END_ATTESTED, NULL, 0, UNKNOWN_BUILD },
    { "unmeasured", THREAT_T05, BY_DEVICE, END_ATTESTED, NULL, 0, UNKNOWN_BUILD },
    { "rollback", THREAT_T06, BY_DEVICE, END_ATTESTED, "%s", 0,
      "'%s' was rolled back to a withdrawn version" },
    { "debug", THREAT_T07, BY_DEVICE, END_ATTESTED, NULL, 0, "Debugging is on" },
    { "clock", THREAT_T08, BY_DEVICE, END_ATTESTED, NULL, 0,
      "Clocks of devices are more than 5 minutes off" },
    { "certificate-expired", THREAT_T09, BY_DEVICE, END_QUIET, "expired", 0,
      "Expired certificates of devices are shown again and again" },
    { "certificate-revoked", THREAT_T09, BY_DEVICE, END_QUIET, "revoked", 0,
      "Revoked certificates of devices are shown again and again" },
    { "certificate-foreign", THREAT_T09, BY_SOURCE, END_QUIET, "foreign", 0,
      "Certificates that this server did not issue are shown" },
    { "certificate-unknown", THREAT_T09, BY_SOURCE, END_QUIET, "unknown", 0,
      "Certificates of devices that nobody registered are shown" },
    { "outside", THREAT_T11, BY_DEVICE, END_INSIDE, NULL, 0,
      "Devices come from outside their networks" },
    { "rate", THREAT_T13, BY_DEVICE, END_QUIET, NULL, 0,
      "Devices send far more than they used to" },
    { "silent", THREAT_T14, BY_DEVICE, END_ATTESTED, NULL, 0,
      "Devices have not renewed their certificates" },
    { "replay", THREAT_T12, BY_DEVICE, END_QUIET, NULL, 0, "Evidence of devices was replayed" },
    { "guess-code", THREAT_T17, BY_SOURCE, END_QUIET, "code", 0, "Claim codes are being guessed" },
    { "guess-password", THREAT_T17, BY_SOURCE, END_QUIET, "password", 0,
      "Passwords are being guessed" },
    // Also a program with a token that has ended: that asks more often than a guesser.
    { "guess-token", THREAT_T17, BY_SOURCE, END_QUIET, "token", 3, "API tokens are being guessed" },
    { "booted", THREAT_T18, BY_DEVICE, END_QUIET, NULL, 0, "Devices start again and again" },
};

const size_t threat_row_count = sizeof threat_rows / sizeof *threat_rows;

const char *threat_limit_name(enum threat_limit l)
{
    static const char *const names[THREAT_LIMITS] = {
        [LIMIT_TIMES] = "times",           [LIMIT_MINUTES] = "minutes",
        [LIMIT_QUIET] = "quietMinutes",    [LIMIT_PERCENT] = "lifetimePercent",
        [LIMIT_DEVIATIONS] = "deviations",
    };

    return names[l];
}

int threat_code_from_name(const char *code)
{
    for (int i = 0; i < THREAT_CODES; i++)
        if (!strcmp(threat_kinds[i].code, code))
            return i;
    return -1;
}
