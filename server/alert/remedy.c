// SPDX-License-Identifier: Apache-2.0

#include "alert/remedy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alert/inbox.h"
#include "core/auto.h"
#include "core/json_out.h"
#include "remedy_sql.h"
#include "store/arg.h"
#include "store/store.h"

#define STEPS_MAX    5
#define LOUD_MINUTES 30 // as the texts say

struct step {
    const char *text;
    const char *action; // of changes to many devices; NULL: a person's
};

// clang-format off
static const struct {
    const char *code;
    struct step steps[STEPS_MAX];
} remedies[] = {
    { "rule", {
        { "Look at what the devices have in common, and at the chart of one of them", NULL },
        { "If what they measure is normal, change the rule", NULL },
        { "Let the devices say more for half an hour, and read their logs", "loglevel" } } },
    { "T01", {
        { "Quarantine the devices: both copies lose their operational certificate", "quarantine" },
        { "Find out which of the two addresses in the evidence is the real site", NULL },
        { "Unclaim the device and claim it again with a new factory key where the copy cannot be switched off", NULL } } },
    { "T02", {
        { "Ask whether somebody restored a disk or an image of this device", NULL },
        { "If nobody did, quarantine it: a second device holds its key", "quarantine" },
        { "After a restore, unclaim it and claim it again: its sequence starts anew", NULL } } },
    { "T05", {
        { "Compare component, expected and found in the evidence", NULL },
        { "Install an accepted build, or add this one to the reference values if it is yours", NULL },
        { "Let the devices attest again", "reattest" } } },
    { "T06", {
        { "Install the version that the evidence expects; the older one is withdrawn", NULL },
        { "Keep the devices in quarantine until they attest well: they can still fetch updates", NULL },
        { "Let the devices attest again", "reattest" } } },
    { "T07", {
        { "Close the debug port (dbgstat) and restart the device", NULL },
        { "If nobody works on it, treat it as opened: quarantine it and look at it on site", "quarantine" } } },
    { "T08", {
        { "Let the device take its time from NTP or from the server's signed time", NULL },
        { "Replace the battery of its clock if it is off after each start", NULL } } },
    { "T09", {
        { "Look at the source address in the evidence: a device of yours, or a stranger", NULL },
        { "Expired or revoked: let the devices attest with their factory key", "reattest" },
        { "Foreign or unknown: block the address at the firewall", NULL } } },
    { "T11", {
        { "Confirm that the device was moved; add its network to the catalog's networks", NULL },
        { "If it was not moved, quarantine it", "quarantine" } } },
    { "T12", {
        { "Quarantine the devices: somebody has evidence that they signed", "quarantine" },
        { "Release them once it is known how", "release" },
        { "Let them attest again from their site", "reattest" } } },
    { "T13", {
        { "Look at the device's logs and telemetry since the alert began", NULL },
        { "Let the devices say more for half an hour", "loglevel" },
        { "Restart the application that sends", NULL } } },
    { "T14", {
        { "Ask the site: power, network, SIM", NULL },
        { "Retire the devices if they are gone", "retire" } } },
    { "T17", {
        { "Look at the addresses in the evidence", NULL },
        { "Block them at the firewall; the server already slows them down", NULL },
        { "Close the registration window, or change the password, if somebody came in", NULL } } },
    { "T18", {
        { "Look at the crash events and the last log lines before them", NULL },
        { "Let the devices say more for half an hour", "loglevel" },
        { "Roll the application back", NULL } } },
    { "disk", {
        { "Make room where the instance lives, or give it a larger disk", NULL },
        { "Shorten the retention of readings or of the journal", NULL } } },
    { "database", {
        { "Look at the database's log and at its machine: why it stopped", NULL },
        { "Devices keep what they could not send; watch orrery_ingest_lag_seconds go down", NULL } } },
    { "keeper", {
        { "Look at the server's log: what the keeper said before it ended", NULL },
        { "Check its passphrase file and the folder pki/keeper, then restart the server", NULL } } },
    { "ingest", {
        { "Look at the load and the disk of the database", NULL },
        { "Look at orrery_ingest_pending_messages and at which devices send more than before", NULL } } },
    { "certificate", {
        { "The server's own: reload or restart it, and it makes a new one", NULL },
        { "edge.cert: put the new certificate in its place and reload", NULL },
        { "A CA: plan its replacement before it ends: devices and browsers must learn the new one", NULL } } },
    { "partitions", {
        { "Look at the server's log for what retention says", NULL },
        { "Check that the role orrery_server may create tables", NULL } } },
    { "notify", {
        { "Look at the route in Settings, Notifications, and send a test", NULL },
        { "Replay what it gave up once it works", NULL } } },
};
// clang-format on

static json_t *of_code(const char *code)
{
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++) {
        if (strcmp(remedies[i].code, code) != 0)
            continue;
        for (const struct step *s = remedies[i].steps; s < remedies[i].steps + STEPS_MAX && s->text;
             s++) {
            json_t *o = json_object();

            add_text(o, "text", s->text);
            add_text(o, "action", s->action);
            json_array_append_new(list, o);
        }
    }
    return list;
}

// What only takes a list of devices.
static bool is_action(const char *name)
{
    int a = device_action_from_name(name);

    return a == DEVICE_QUARANTINE || a == DEVICE_RELEASE || a == DEVICE_REATTEST ||
           a == DEVICE_RETIRE || a == DEVICE_LOGLEVEL;
}

json_t *remedy_steps(const char *code, const char *custom)
{
    json_auto_t *given = custom ? json_loads(custom, 0, NULL) : NULL;
    json_t *list = json_array(), *one;
    size_t i;

    if (!json_array_size(given)) {
        json_decref(list);
        return of_code(code);
    }
    json_array_foreach (given, i, one) {
        const char *text = json_string_value(json_object_get(one, "text"));
        const char *action = json_string_value(json_object_get(one, "action"));
        json_t *o = json_object();

        add_text(o, "text", text ? text : "");
        add_text(o, "action", is_action(action) ? action : NULL);
        json_array_append_new(list, o);
    }
    return list;
}

// ---------------------------------------------------------------- a step done

static json_t *change_of(const char *action, const char *title, int64_t alert, int64_t expect)
{
    json_t *o = json_object(), *filter = json_object();
    char reason[CUSTODY_REASON_MAX];

    snprintf(reason, sizeof reason, "Alert %" PRId64 ": %s", alert, title);
    add_id(filter, "alert", alert);
    add_json(o, "filter", filter);
    add_text(o, "action", action);
    if (!strcmp(action, "quarantine"))
        add_text(o, "reason", reason);
    if (!strcmp(action, "loglevel")) {
        add_text(o, "level", "debug");
        add_int(o, "minutes", LOUD_MINUTES);
    }
    if (expect >= 0)
        add_int(o, "expect", expect);
    return o;
}

enum rc remedy_read(struct store *s, int32_t catalog, int64_t alert, int64_t n, int64_t expect,
                    struct bulk *out, struct fault *f)
{
    json_auto_t *one = NULL, *change = NULL;
    enum rc rc = inbox_show(s, catalog, alert, &one, NULL, f);

    if (rc != RC_OK)
        return rc;
    json_t *step = json_array_get(json_object_get(one, "steps"), n > 0 ? (size_t)n - 1 : SIZE_MAX);
    const char *action = json_string_value(json_object_get(step, "action"));
    if (!step)
        return fail(f, RC_NOT_FOUND, "this alert has no such step");
    if (!action)
        return fail(f, RC_INVALID, "this step is for a person to do");
    change = change_of(action, json_string_value(json_object_get(one, "title")), alert, expect);
    return bulk_read(s, catalog, change, out, f);
}

enum rc remedy_note(struct store *tx, int32_t catalog, int64_t alert, int64_t job, int64_t account,
                    const char *actor, struct fault *f)
{
    const char *args[] = { ARG_INT(catalog), ARG_INT(alert), ARG_INT(job), ARG_INT(account),
                           actor };

    return store_run(tx, &Q_REMEDY_NOTE, args, NULL, f);
}

enum rc remedy_upkeep(struct store *s, struct fault *f)
{
    return store_run(s, &Q_REMEDY_ENDED, NULL, NULL, f);
}
