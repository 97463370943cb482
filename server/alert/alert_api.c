// SPDX-License-Identifier: Apache-2.0

#include "alert/alert_api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alert/alert.h"
#include "alert/handle.h"
#include "alert/inbox.h"
#include "alert/reach.h"
#include "alert/remedy.h"
#include "core/auto.h"
#include "core/body.h"
#include "core/number.h"
#include "device/device.h"
#include "job/job_api.h"
#include "telemetry/range.h"

static handler list, summary, owners, show, history, acknowledge, assign, silence, resolve, comment,
    reach, look, run;

#define CATALOG "/api/v1/catalogs/{catalog}"
#define ALERTS  CATALOG "/alerts"

const struct route alert_routes[] = {
    { "GET", ALERTS, MAY_SEE_DEVICES, list, 0 },
    { "GET", CATALOG "/alert-summary", MAY_SEE_DEVICES, summary, 0 },
    { "GET", CATALOG "/alert-owners", MAY_HANDLE_ALERTS, owners, 0 },
    { "GET", ALERTS "/{id}", MAY_SEE_DEVICES, show, 0 },
    { "GET", ALERTS "/{id}/history", MAY_SEE_DEVICES, history, 0 },
    { "POST", ALERTS "/{id}/acknowledge", MAY_HANDLE_ALERTS, acknowledge, ROUTE_IF_MATCH },
    { "POST", ALERTS "/{id}/assign", MAY_HANDLE_ALERTS, assign, ROUTE_IF_MATCH },
    { "POST", ALERTS "/{id}/silence", MAY_HANDLE_ALERTS, silence, ROUTE_IF_MATCH },
    { "POST", ALERTS "/{id}/resolve", MAY_HANDLE_ALERTS, resolve, ROUTE_IF_MATCH },
    { "POST", ALERTS "/{id}/comments", MAY_HANDLE_ALERTS, comment, 0 },
    { "GET", ALERTS "/{id}/reach", MAY_SEE_DEVICES, reach, 0 },
    { "POST", ALERTS "/{id}/remedies/{n}/preview", MAY_HANDLE_ALERTS, look, 0 },
    { "POST", ALERTS "/{id}/remedies/{n}/run", MAY_HANDLE_ALERTS, run, 0 },
    { 0 },
};

#define LIST_SIZE 120

// ---------------------------------------------------------------- the list

// "high,critical" as the array of PostgreSQL that encode() makes of each word; false where it
// knows none of that name.
static bool read_list(char *text, char out[LIST_SIZE], bool (*encode)(const char *, FILE *))
{
    FILE *to = fmemopen(out, LIST_SIZE, "w");
    bool good = to != NULL, first = true;

    while (good && text) {
        const char *word = strsep(&text, ",");

        fputc(first ? '{' : ',', to);
        first = false;
        good = encode(word, to);
    }
    if (to) {
        fputc('}', to);
        good = fclose(to) == 0 && good;
    }
    return good;
}

static bool put_state(const char *word, FILE *to)
{
    static const char *const states[] = { "open", "acknowledged", "assigned", "silenced",
                                          "resolved" };

    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (!strcmp(states[i], word))
            return fputs(word, to) >= 0;
    return false;
}

static bool put_severity(const char *word, FILE *to)
{
    int s = alert_severity_from_name(word);

    return s >= 0 && fprintf(to, "%d", s) > 0;
}

// What a search is read into; its texts live here.
struct asked {
    struct inbox_search search;
    char states[LIST_SIZE], severities[LIST_SIZE], source[12], code[41];
};

static enum rc read_words(const struct req *q, struct asked *a, struct fault *f)
{
    char text[80];

    if (req_query(q, "state", text, sizeof text)) {
        if (!read_list(text, a->states, put_state))
            return fail(f, RC_INVALID,
                        "state takes open, acknowledged, assigned, silenced and resolved");
        a->search.states = a->states;
    }
    if (req_query(q, "severity", text, sizeof text)) {
        if (!read_list(text, a->severities, put_severity))
            return fail(f, RC_INVALID, "severity takes low, medium, high and critical");
        a->search.severities = a->severities;
    }
    if (req_query(q, "source", a->source, sizeof a->source))
        a->search.source = a->source;
    if (a->search.source && strcmp(a->source, "rule") && strcmp(a->source, "threat") &&
        strcmp(a->source, "system"))
        return fail(f, RC_INVALID, "source must be rule, threat or system");
    if (req_query(q, "code", a->code, sizeof a->code))
        a->search.code = a->code;
    return RC_OK;
}

static enum rc read_owner(const struct req *q, struct asked *a, struct fault *f)
{
    char text[24];

    a->search.owner = -1;
    if (!req_query(q, "owner", text, sizeof text))
        return RC_OK;
    if (!strcmp(text, "me"))
        a->search.owner = q->who->account;
    else if (!strcmp(text, "none"))
        a->search.owner = 0;
    else if (!number_read(text, &a->search.owner))
        return fail(f, RC_INVALID, "owner takes the id of an account, me or none");
    return RC_OK;
}

// Which rule, and when it was open.
static enum rc read_life(const struct req *q, struct asked *a, struct fault *f)
{
    char text[RANGE_TEXT];

    if (req_query(q, "rule", text, sizeof text) &&
        (!number_read(text, &a->search.rule) || !a->search.rule))
        return fail(f, RC_INVALID, "rule takes the id of a rule");
    if (!req_query(q, "from", text, sizeof text) && !req_query(q, "to", text, sizeof text))
        return RC_OK;
    return range_read(q, INT64_MAX, &a->search.from, &a->search.to, f);
}

static enum rc read_search(const struct req *q, struct asked *a, struct fault *f)
{
    char text[DEVICE_ID_LEN + 1];
    enum rc rc = read_words(q, a, f);

    a->search.device = -1;
    if (rc == RC_OK)
        rc = read_owner(q, a, f);
    if (rc == RC_OK)
        rc = read_life(q, a, f);
    if (rc == RC_OK && req_query(q, "device", text, sizeof text))
        rc = device_find(q->store, q->catalog, text, &a->search.device, f);
    if (rc == RC_OK && req_query(q, "sort", text, sizeof text)) {
        a->search.worst_first = !strcmp(text, "severity");
        if (!a->search.worst_first && strcmp(text, "newest") != 0)
            rc = fail(f, RC_INVALID, "sort must be newest or severity");
    }
    return rc;
}

static enum rc list(struct req *q, struct reply *r, struct fault *f)
{
    struct asked a = { 0 };
    json_t *items = NULL;
    int64_t before = 0, next = 0;
    int limit;
    enum rc rc = req_numbered(q, &before, &limit, f);

    if (rc == RC_OK)
        rc = read_search(q, &a, f);
    if (rc == RC_OK)
        rc = inbox_find(q->store, q->catalog, &a.search, before, limit, &items, &next, f);
    return rc == RC_OK ? reply_numbered(q, r, items, next) : rc;
}

static enum rc summary(struct req *q, struct reply *r, struct fault *f)
{
    json_t *o = NULL;
    enum rc rc = inbox_summary(q->store, q->catalog, &o, f);

    return rc == RC_OK ? reply_json(r, 200, o) : rc;
}

static enum rc owners(struct req *q, struct reply *r, struct fault *f)
{
    json_t *items = NULL;
    enum rc rc = inbox_owners(q->store, q->catalog, &items, f);

    return rc == RC_OK ? reply_page(q, r, items, "") : rc;
}

// ---------------------------------------------------------------- one

static enum rc read_id(const struct req *q, int64_t *out, struct fault *f)
{
    return number_read(q->params[1], out) ? RC_OK
                                          : fail(f, RC_NOT_FOUND, "this catalog has no such alert");
}

static enum rc answer(struct req *q, struct reply *r, int64_t id, struct fault *f)
{
    json_t *alert = NULL;
    int64_t version;
    enum rc rc = inbox_show(q->store, q->catalog, id, &alert, &version, f);

    if (rc != RC_OK)
        return rc;
    snprintf(r->etag, sizeof r->etag, "%" PRId64, version);
    snprintf(r->object, sizeof r->object, "alert %" PRId64, id);
    return reply_json(r, 200, alert);
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    int64_t id;
    enum rc rc = read_id(q, &id, f);

    return rc == RC_OK ? answer(q, r, id, f) : rc;
}

static enum rc history(struct req *q, struct reply *r, struct fault *f)
{
    json_t *items = NULL;
    json_auto_t *alert = NULL;
    int64_t id, before = 0, next = 0;
    int limit;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = inbox_show(q->store, q->catalog, id, &alert, NULL, f);
    if (rc == RC_OK)
        rc = req_numbered(q, &before, &limit, f);
    if (rc == RC_OK)
        rc = inbox_history(q->store, q->catalog, id, before, limit, &items, &next, f);
    return rc == RC_OK ? reply_numbered(q, r, items, next) : rc;
}

// ---------------------------------------------------------------- what people do

struct body {
    const char *note, *account;
    int64_t minutes;
};

static enum rc check_note(const char *note, struct fault *f)
{
    for (const char *c = note; c && *c; c++)
        if ((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t')
            return fail(f, RC_INVALID, "note must not contain control characters");
    return RC_OK;
}

// Who does it to which alert, as they have seen it.
static enum rc begin(struct req *q, struct reply *r, const struct field *fields, size_t n,
                     struct body *b, struct handle_by *out, struct fault *f)
{
    json_auto_t *alert = NULL, *none = json_object();
    int64_t id = 0, version = 0;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = inbox_show(q->store, q->catalog, id, &alert, &version, f);
    if (rc == RC_OK)
        rc = body_read(q->body ? q->body : none, fields, n, b, f);
    if (rc == RC_OK)
        rc = check_note(b->note, f);
    if (rc == RC_OK && q->if_match)
        rc = req_match(q, r, version, "alert", f);
    snprintf(r->object, sizeof r->object, "alert %" PRId64, id);
    *out = (struct handle_by){ .catalog = q->catalog,
                               .alert = id,
                               .version = version,
                               .account = q->who->account,
                               .actor = q->who->name,
                               .note = b->note,
                               .stale = &r->stale };
    return rc;
}

#define BEGIN(q, r, fields, b, by, f)                                                              \
    begin(q, r, fields, sizeof(fields) / sizeof *(fields), b, by, f)

static const struct field note_fields[] = {
    { TEXT(struct body, note), OPTIONAL, 0, ALERT_NOTE_MAX },
};

static enum rc acknowledge(struct req *q, struct reply *r, struct fault *f)
{
    struct handle_by by;
    struct body b = { 0 };
    enum rc rc = BEGIN(q, r, note_fields, &b, &by, f);

    if (rc == RC_OK)
        rc = handle_acknowledge(q->store, &by, f);
    return rc == RC_OK ? answer(q, r, by.alert, f) : rc;
}

static const struct field assign_fields[] = {
    { TEXT(struct body, account), NULLABLE, 1, 20 },
};

static enum rc assign(struct req *q, struct reply *r, struct fault *f)
{
    struct handle_by by;
    struct body b = { 0 };
    int64_t account = 0;
    enum rc rc = BEGIN(q, r, assign_fields, &b, &by, f);

    if (rc == RC_OK && b.account && (!number_read(b.account, &account) || !account))
        rc = fail(f, RC_INVALID, "account: nobody of that id handles alerts here");
    if (rc == RC_OK)
        rc = handle_assign(q->store, &by, account, f);
    snprintf(r->detail, sizeof r->detail, "to account %s", b.account ? b.account : "none");
    return rc == RC_OK ? answer(q, r, by.alert, f) : rc;
}

static const struct field silence_fields[] = {
    { INT(struct body, minutes), REQUIRED, 0, ALERT_SILENCE_MAX },
};

static enum rc silence(struct req *q, struct reply *r, struct fault *f)
{
    struct handle_by by;
    struct body b = { 0 };
    enum rc rc = BEGIN(q, r, silence_fields, &b, &by, f);

    if (rc == RC_OK)
        rc = handle_silence(q->store, &by, b.minutes, f);
    snprintf(r->detail, sizeof r->detail, "for %" PRId64 " minutes", b.minutes);
    return rc == RC_OK ? answer(q, r, by.alert, f) : rc;
}

static enum rc resolve(struct req *q, struct reply *r, struct fault *f)
{
    struct handle_by by;
    struct body b = { 0 };
    enum rc rc = BEGIN(q, r, note_fields, &b, &by, f);

    if (rc == RC_OK)
        rc = handle_resolve(q->store, &by, f);
    return rc == RC_OK ? answer(q, r, by.alert, f) : rc;
}

static const struct field comment_fields[] = {
    { TEXT(struct body, note), REQUIRED, 1, ALERT_NOTE_MAX },
};

static enum rc comment(struct req *q, struct reply *r, struct fault *f)
{
    struct handle_by by;
    struct body b = { 0 };
    enum rc rc = BEGIN(q, r, comment_fields, &b, &by, f);

    if (rc == RC_OK)
        rc = handle_comment(q->store, &by, f);
    return rc == RC_OK ? answer(q, r, by.alert, f) : rc;
}

// ---------------------------------------------------------------- remedies

static enum rc reach(struct req *q, struct reply *r, struct fault *f)
{
    json_t *o = NULL;
    int64_t id;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = reach_show(q->store, q->catalog, id, &o, f);
    return rc == RC_OK ? reply_json(r, 200, o) : rc;
}

static enum rc read_step(struct req *q, int64_t expect, int64_t *id, struct bulk *out,
                         struct fault *f)
{
    int64_t n = 0;
    enum rc rc = read_id(q, id, f);

    if (rc == RC_OK && !number_read(q->params[2], &n))
        rc = fail(f, RC_NOT_FOUND, "this alert has no such step");
    if (rc == RC_OK)
        rc = remedy_read(q->store, q->catalog, *id, n, expect, out, f);
    if (rc == RC_OK && (out->needs & ~q->who->permissions))
        rc = fail(f, RC_DENIED, "to %s devices takes the permission %s",
                  device_action_name(out->order.action),
                  permission_name((enum permission)out->needs));
    return rc;
}

static enum rc look(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(bulk_done) struct bulk b = { 0 };
    json_t *seen = NULL;
    int64_t id;
    enum rc rc = read_step(q, -1, &id, &b, f);

    if (rc == RC_OK)
        rc = bulk_preview(q->store, &b, &seen, f);
    r->no_audit = true;
    return rc == RC_OK ? reply_json(r, 200, seen) : rc;
}

struct run_body {
    int64_t expect;
};

static const struct field run_fields[] = {
    { INT(struct run_body, expect), REQUIRED, 0, INT32_MAX },
};

static enum rc run(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(bulk_done) struct bulk b = { 0 };
    json_auto_t *alert = NULL;
    struct run_body said = { 0 };
    int64_t id, job = 0;
    enum rc rc = read_id(q, &id, f);

    if (rc == RC_OK)
        rc = inbox_show(q->store, q->catalog, id, &alert, NULL, f);
    if (rc == RC_OK)
        rc = BODY_READ(q->body, run_fields, &said, f);
    if (rc == RC_OK)
        rc = read_step(q, said.expect, &id, &b, f);
    if (rc == RC_OK)
        rc = bulk_start(q->store, q->catalog, &b, q->who->account, q->who->name, &job, f);
    if (rc == RC_OK)
        rc = remedy_note(q->store, q->catalog, id, job, q->who->account, q->who->name, f);
    return rc == RC_OK ? job_reply(q, r, 202, job, f) : rc;
}
