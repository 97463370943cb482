// SPDX-License-Identifier: Apache-2.0

#include "attest/attest_api.h"

#include "core/auto.h"
#include "core/json_out.h"
#include "device/device_api.h"
#include "evidence_sql.h"
#include "store/arg.h"
#include "store/store.h"

static handler show;

const struct route attest_routes[] = {
    { "GET", "/api/v1/catalogs/{catalog}/devices/{id}/evidence", MAY_SEE_TRUST, show, 0 },
    { 0 },
};

DEFINE_AUTO(struct rows *, rows_freep, rows_free)

// A column of type jsonb, or what stands for nothing.
static json_t *column(const struct rows *r, const char *name, json_t *owned_otherwise)
{
    const char *text = rows_text(r, 0, name);
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

    if (!value)
        return owned_otherwise;
    json_decref(owned_otherwise);
    return value;
}

static json_t *to_json(const struct rows *r)
{
    json_t *o = json_object();

    add_text(o, "verdict", verdict_name((enum verdict)rows_int(r, 0, "verdict")));
    add_time(o, "attestedAt", rows_int(r, 0, "attested_at"));
    add_text(o, "quarantineReason", rows_text(r, 0, "by_hand"));
    add_text(o, "attester", rows_text(r, 0, "attester"));
    add_json(o, "findings", column(r, "findings", json_array()));
    add_json(o, "claims", column(r, "claims", json_object()));
    add_json(o, "log", column(r, "log", json_array()));
    add_json(o, "certificate",
             device_certificate_to_json(
                 (int)rows_int(r, 0, "cert_kind"), rows_text(r, 0, "cert_serial"),
                 rows_int(r, 0, "cert_not_before"), rows_int(r, 0, "cert_not_after")));
    add_text(o, "eat", rows_text(r, 0, "evidence"));
    return o;
}

static enum rc show(struct req *q, struct reply *r, struct fault *f)
{
    auto_with(rows_freep) struct rows *rows = NULL;
    const char *id = q->params[1];
    enum rc rc = RC_OK;

    if (device_id_valid(id))
        rc = store_run(q->store, &Q_EVIDENCE_BY_ID, (const char *[]){ ARG_INT(q->catalog), id },
                       &rows, f);
    if (rc != RC_OK)
        return rc;
    if (!rows || rows_count(rows) == 0)
        return fail(f, RC_NOT_FOUND, "this catalog has no such device");
    return reply_json(r, 200, to_json(rows));
}
