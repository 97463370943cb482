// SPDX-License-Identifier: Apache-2.0

#include "support/tale.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "support/binary.h"
#include "support/folder.h"
#include "support/model.h"
#include "support/pg.h"
#include "test.h"

static struct gate *gate;
static char folder[64];

static void accept_manifest(int32_t catalog)
{
    static char out[30000];
    json_t *v;
    size_t i;

    assert_int_equal(binary_run(out, sizeof out, "orrery-fleet manifest"), 0);
    json_auto_t *o = json_loads(out, 0, NULL);
    json_array_foreach (json_object_get(o, "values"), i, v)
        gate_accept(gate, catalog, json_string_value(json_object_get(v, "component")),
                    json_string_value(json_object_get(v, "version")),
                    json_string_value(json_object_get(v, "sha256")),
                    (int)json_integer_value(json_object_get(v, "svn")));
}

void tale_open(struct gate *g)
{
    char path[100];

    gate = g;
    folder_make(folder, sizeof folder, "story");
    snprintf(path, sizeof path, "%s/ca.pem", folder);
    gate_ca_file(gate, path);
    accept_manifest(gate->demo);
    accept_manifest(gate->acme);
}

void tale_close(void)
{
    folder_remove(folder);
}

const char *tale_folder(void)
{
    return folder;
}

void tale_make(const char *story, int32_t catalog, int seed)
{
    static char out[60000];
    char id[DEVICE_ID_LEN + 1], *line, *rest = out;

    assert_int_equal(binary_run(out, sizeof out,
                                "orrery-fleet init --dir %s/%s --count %d --seed %d", folder, story,
                                TALE_DEVICES, seed),
                     0);
    assert_int_equal(binary_run(out, sizeof out, "orrery-fleet keys --dir %s/%s", folder, story),
                     0);
    while ((line = strsep(&rest, "\n")) && *line) {
        json_auto_t *o = json_loads(line, 0, NULL);
        json_t *tags = json_object_get(o, "tags");

        json_object_set_new(tags, "fleet", json_string(story));
        auto_free char *text = json_dumps(tags, JSON_COMPACT);
        gate_admit(gate, catalog, json_string_value(json_object_get(o, "publicKey")), true, id);
        model_sql(pg_conninfo(), "UPDATE device SET tags = '%s' WHERE id = '%s'", text, id);
    }
}

void tale_write(const char *story, const char *text)
{
    char path[120];

    snprintf(path, sizeof path, "%s/%s.story", folder, story);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
}

pid_t tale_begin(const char *story, int32_t catalog, const char *text, const char *more)
{
    tale_make(story, catalog, 7);
    return tale_again(story, text, more);
}

pid_t tale_again(const char *story, const char *text, const char *more)
{
    tale_write(story, text);
    return binary_start("orrery-fleet run --dir %s/%s --server 127.0.0.1:%d --ca %s/ca.pem"
                        " --story %s/%s.story %s > /dev/null 2>&1",
                        folder, story, gate->port, folder, folder, story, more);
}
