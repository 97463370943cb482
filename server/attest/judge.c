// SPDX-License-Identifier: Apache-2.0
//
// The verdict proper: claims against reference values, without database or keys.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attest/attest.h"
#include "core/json_out.h"

#define SKEW_MAX_S 300

struct finding {
    const char *kind; // for programs: what sort of thing this is
    const char *component, *expected, *found, *remedy;
};

// What the judging says: findings for people and, for counting, why it is a refusal.
struct said {
    json_t *findings, *reasons;
};

// The words must be ours: a component's name only where the reference values have it.
static void refuse(struct said *said, const char *reason, const char *component)
{
    char text[200];

    if (component)
        snprintf(text, sizeof text, "%s: %.100s", reason, component);
    else
        snprintf(text, sizeof text, "%s", reason);
    json_array_append_new(said->reasons, json_string(text));
}

static void add(struct said *said, const struct finding *f)
{
    json_t *o = json_object();
    char text[500];

    snprintf(text, sizeof text, "%s: expected %s, found %s. %s.", f->component, f->expected,
             f->found, f->remedy);
    add_text(o, "kind", f->kind);
    add_text(o, "component", f->component);
    add_text(o, "expected", f->expected);
    add_text(o, "found", f->found);
    add_text(o, "remedy", f->remedy);
    add_text(o, "text", text);
    json_array_append_new(said->findings, o);
}

static const struct reference *known(const struct eat_entry *m, const struct reference *refs,
                                     size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(refs[i].component, m->component) && !strcmp(refs[i].sha256, m->sha256))
            return &refs[i];
    return NULL;
}

// The reference with the highest security version of a component: what one should run.
static const struct reference *newest(const char *component, const struct reference *refs,
                                      size_t count)
{
    const struct reference *best = NULL;

    for (size_t i = 0; i < count; i++)
        if (!strcmp(refs[i].component, component) && (!best || refs[i].svn >= best->svn))
            best = &refs[i];
    return best;
}

static void add_unknown(struct said *said, const struct eat_entry *m, const struct reference *best)
{
    char expected[200] = "a component of the reference values", found[240], remedy[300];

    if (best)
        snprintf(expected, sizeof expected, "an accepted build, such as version %.60s (%.12s…)",
                 best->version, best->sha256);
    snprintf(found, sizeof found, "version %.60s (%.12s…), which is not accepted", m->version,
             m->sha256);
    snprintf(remedy, sizeof remedy,
             "Install an accepted build of %.60s, or add this one to the reference values if it "
             "is yours",
             m->component);
    add(said,
        &(struct finding){ best ? "build" : "component", m->component, expected, found, remedy });
    if (best)
        refuse(said, "Build not accepted", best->component);
    else
        refuse(said, "Component not known", NULL);
}

static void add_rollback(struct said *said, const struct eat_entry *m, int64_t svn,
                         const struct reference *best)
{
    char expected[80], found[200], remedy[200];

    snprintf(expected, sizeof expected, "security version %" PRId64 " or higher", best->svn);
    snprintf(found, sizeof found, "security version %" PRId64 " (version %.60s)", svn, m->version);
    snprintf(remedy, sizeof remedy, "Update %.60s to version %.60s; older ones are withdrawn",
             m->component, best->version);
    add(said, &(struct finding){ "rollback", m->component, expected, found, remedy });
    refuse(said, "Withdrawn version", best->component);
}

// A known digest speaks for itself: its security version is the reference's, not the claimed one.
static bool judge_entry(const struct eat_entry *m, const struct reference *refs, size_t count,
                        struct said *said)
{
    const struct reference *best = newest(m->component, refs, count);
    const struct reference *ref = known(m, refs, count);

    if (!ref || !best) {
        add_unknown(said, m, best);
        return false;
    }
    if (ref->svn < best->svn) {
        add_rollback(said, m, ref->svn, best);
        return false;
    }
    return true;
}

static bool judge_log(const struct eat *e, const struct reference *refs, size_t count,
                      struct said *said)
{
    bool good = e->count > 0;

    if (!good) {
        add(said, &(struct finding){ "unmeasured", "log", "at least one measured component", "none",
                                     "Start an agent that measures what it runs" });
        refuse(said, "Nothing measured", NULL);
    }
    for (size_t i = 0; i < e->count; i++)
        good &= judge_entry(&e->log[i], refs, count, said);
    return good;
}

static bool judge_debug(const struct eat *e, struct said *said)
{
    if (e->debug != 0)
        return true;
    add(said, &(struct finding){ "debug", "debug", "disabled", "enabled",
                                 "Turn debugging off and restart the device" });
    refuse(said, "Debugging on", NULL);
    return false;
}

static bool judge_clock(const struct eat *e, int64_t now, struct said *said)
{
    int64_t skew = e->issued_at - now;
    char found[80];

    if (skew <= SKEW_MAX_S && skew >= -SKEW_MAX_S)
        return true;
    snprintf(found, sizeof found, "%" PRId64 " s %s", skew < 0 ? -skew : skew,
             skew < 0 ? "behind" : "ahead");
    add(said, &(struct finding){ "clock", "clock", "within 300 s of the server", found,
                                 "Let the device take its time from NTP or from the server" });
    return false;
}

static bool judge_boot(const struct eat *e, int64_t last_boot, struct said *said)
{
    char expected[60], found[40];

    if (e->boot_count >= last_boot)
        return true;
    snprintf(expected, sizeof expected, "%" PRId64 " or more", last_boot);
    snprintf(found, sizeof found, "%" PRId64, e->boot_count);
    add(said,
        &(struct finding){ "boot", "bootcount", expected, found,
                           "Look for a second device with the same key, or a restored image" });
    return false;
}

static bool is_measured(const struct eat *e, const char *component)
{
    for (size_t i = 0; i < e->count; i++)
        if (!strcmp(e->log[i].component, component))
            return true;
    return false;
}

// Leaving a line out is how a changed component would hide.
static bool judge_missing(const struct eat *e, json_t *log, struct said *said)
{
    bool well = true;
    json_t *entry;
    size_t i;

    json_array_foreach (log, i, entry) {
        const char *component = json_string_value(json_array_get(entry, 1));

        if (!component || is_measured(e, component))
            continue;
        add(said, &(struct finding){ "missing", component, "a measurement, as last time", "none",
                                     "Attest again with it, or ignore this if it was removed" });
        well = false;
    }
    return well;
}

enum verdict attest_judge(const struct eat *e, const struct reference *refs, size_t count,
                          const struct attest_before *before, int64_t now, json_t *findings,
                          json_t *reasons)
{
    struct said said = { findings, reasons };
    bool good = judge_log(e, refs, count, &said);
    bool well;

    good &= judge_debug(e, &said);
    well = judge_clock(e, now, &said);
    well &= judge_boot(e, before->boot_count, &said);
    well &= judge_missing(e, before->log, &said);
    if (!good)
        return VERDICT_CONTRAINDICATED;
    return well ? VERDICT_AFFIRMING : VERDICT_WARNING;
}
