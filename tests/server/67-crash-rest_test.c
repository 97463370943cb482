// SPDX-License-Identifier: Apache-2.0
// threaded
//
// Crash dumps over REST: who sees that there is one, who may read it, and that it is written down.

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/api_token.h"
#include "blob/blob.h"
#include "core/auto.h"
#include "core/hex.h"
#include "edge/edge.h"
#include "http/stream.h"
#include "store/store.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define DEMO  "/api/v1/catalogs/demo"
#define ID    "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define TEXT  "what the pump knew when it fell over"

static struct rest rest;
static char owner[TOKEN_TEXT_LEN + 1], admin[TOKEN_TEXT_LEN + 1], viewer[TOKEN_TEXT_LEN + 1];
static char auditor[TOKEN_TEXT_LEN + 1], foreign[TOKEN_TEXT_LEN + 1];
static char folder[120], sha256[BLOB_NAME_LEN + 1];

static void add_device(const char *id, int number)
{
    rest_sql(pg_conninfo(),
             "WITH d AS (INSERT INTO device (catalog, device, id, fingerprint, public_key, seat,"
             " lifecycle, name) SELECT id, %d, '%s', '%s%s', '', %d, 1, 'pump' FROM catalog"
             " WHERE name = 'demo' RETURNING catalog)"
             " INSERT INTO device_state (catalog, device, online) SELECT catalog, %d, true FROM d"
             " RETURNING 1",
             number, id, id, id, number, number);
}

static int setup(void **state)
{
    uint8_t sum[32];

    (void)state;
    rest_start(&rest, pg_conninfo());
    rest_token(&rest, "olaf", "owner", "demo", owner);
    rest_token(&rest, "ada", "admin", "demo", admin);
    rest_token(&rest, "vera", "viewer", "demo", viewer);
    rest_token(&rest, "otto", "auditor", "demo", auditor);
    rest_token(&rest, "eve", "owner", "acme", foreign);
    add_device(ID, 7);
    add_device(OTHER, 8);
    snprintf(folder, sizeof folder, "%s/blobs", rest.dir);
    mkdir(folder, 0700);
    SHA256((const uint8_t *)TEXT, strlen(TEXT), sum);
    hex_encode(sum, sizeof sum, sha256);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rest_stop(&rest);
    return 0;
}

static void write_blob(void)
{
    struct blob_part *p = NULL;
    struct store *tx = NULL;
    struct fault f = { 0 };

    assert_int_equal(blob_begin(folder, &p, &f), RC_OK);
    assert_int_equal(blob_write(p, TEXT, strlen(TEXT), &f), RC_OK);
    assert_int_equal(store_begin(rest.store, &tx, &f), RC_OK);
    assert_int_equal(blob_keep(p, tx, sha256, &f), RC_OK);
    assert_int_equal(store_commit(tx, &f), RC_OK);
    blob_part_free(p);
}

// A dump of that device; its number.
static int64_t add_dump(int device)
{
    write_blob();
    return rest_sql(pg_conninfo(),
                    "INSERT INTO crash_dump (catalog, device, sha256, bytes, name, at)"
                    " SELECT id, %d, decode('%s', 'hex'), %d, 'pump', now() FROM catalog"
                    " WHERE name = 'demo' RETURNING id",
                    device, sha256, (int)strlen(TEXT));
}

static int forget_all(void **state)
{
    (void)state;
    rest_sql(pg_conninfo(),
             "WITH x AS (DELETE FROM crash_dump RETURNING 1) SELECT count(*) FROM x");
    return 0;
}

static int ask(const char *token, const char *method, const char *path)
{
    struct rest_ask a = { .method = method, .path = path, .token = token };

    return rest_ask(&rest, &a)->status;
}

static const char *path_to(const char *catalog, int64_t id, const char *tail)
{
    static char path[120];

    snprintf(path, sizeof path, "/api/v1/catalogs/%s/crash-dumps/%lld%s", catalog, (long long)id,
             tail);
    return path;
}

static int64_t audited(const char *action)
{
    return rest_sql(pg_conninfo(),
                    "SELECT count(*) FROM audit WHERE action = '%s' AND outcome = 'ok'", action);
}

// Everything the stream of the last answer brings.
static char *read_stream(void)
{
    char *text = calloc(1, 4096);
    size_t len = 0;
    ssize_t n;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_true(streams_open(rest.services.streams, rest_header(EDGE_STREAM_HEADER), fds[1]));
    while ((n = read(fds[0], text + len, 4095 - len)) > 0)
        len += (size_t)n;
    close(fds[0]);
    return text;
}

// ---------------------------------------------------------------- stories

static void dumps_are_listed_newest_first_by_catalog_and_device(void **state)
{
    int64_t first = add_dump(7), second = add_dump(8);
    char id[24];

    (void)state;
    snprintf(id, sizeof id, "%lld", (long long)second);
    assert_int_equal(ask(viewer, "GET", DEMO "/crash-dumps"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 2);
    const json_t *newest = json_array_get(rest_member("items"), 0);
    assert_string_equal(json_string_value(json_object_get(newest, "id")), id);
    assert_string_equal(json_string_value(json_object_get(newest, "device")), OTHER);
    assert_string_equal(json_string_value(json_object_get(newest, "sha256")), sha256);
    assert_int_equal(json_integer_value(json_object_get(newest, "bytes")), strlen(TEXT));
    assert_int_equal(ask(viewer, "GET", DEMO "/crash-dumps?device=" ID), 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
    assert_int_equal(ask(viewer, "GET", DEMO "/crash-dumps?limit=1"), 200);
    assert_true(json_is_string(rest_member("next")));
    assert_int_equal(ask(foreign, "GET", "/api/v1/catalogs/acme/crash-dumps"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 0);
    assert_true(first < second);
}

static void an_owner_reads_one_and_that_is_written_down(void **state)
{
    static const char action[] = "GET /api/v1/catalogs/{catalog}/crash-dumps/{id}/content";
    int64_t id = add_dump(7), before = audited(action);
    char chunk[200];

    (void)state;
    assert_int_equal(ask(owner, "GET", path_to("demo", id, "/content")), 200);
    auto_free char *text = read_stream();
    snprintf(chunk, sizeof chunk, "%zx\r\n" TEXT "\r\n0\r\n\r\n", strlen(TEXT));
    assert_string_equal(text, chunk);
    assert_string_equal(rest_header("Content-Type"), "application/octet-stream");
    assert_non_null(strstr(rest_header("Content-Disposition"), "attachment; filename=\"demo-"));
    assert_int_equal(audited(action), before + 1);
}

static void nobody_but_an_owner_of_the_catalog_reads_or_deletes(void **state)
{
    const char *const others[] = { admin, viewer, auditor };
    int64_t id = add_dump(7);

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(ask(others[i], "GET", path_to("demo", id, "/content")), 403);
        assert_int_equal(ask(others[i], "DELETE", path_to("demo", id, "")), 403);
    }
    assert_int_equal(ask(auditor, "GET", DEMO "/crash-dumps"), 403);
    assert_int_equal(ask(foreign, "GET", path_to("demo", id, "/content")), 404);
    assert_int_equal(ask(foreign, "GET", path_to("acme", id, "/content")), 404);
    assert_int_equal(ask(foreign, "DELETE", path_to("acme", id, "")), 404);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM crash_dump"), 1);
}

static void what_is_deleted_is_gone_with_its_file(void **state)
{
    int64_t mine = add_dump(7), same = add_dump(8);
    char path[220];

    (void)state;
    snprintf(path, sizeof path, "%s/%.2s/%s", folder, sha256, sha256);
    assert_int_equal(ask(owner, "DELETE", path_to("demo", mine, "")), 204);
    assert_int_equal(access(path, F_OK), 0); // another dump is the same
    assert_int_equal(ask(owner, "DELETE", path_to("demo", mine, "")), 404);
    assert_int_equal(ask(owner, "DELETE", path_to("demo", same, "")), 204);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM blob"), 0);
    assert_int_equal(audited("DELETE /api/v1/catalogs/{catalog}/crash-dumps/{id}"), 2);
}

static void what_is_not_there_is_not_found(void **state)
{
    int64_t id = add_dump(7);
    char path[220];

    (void)state;
    assert_int_equal(ask(owner, "GET", DEMO "/crash-dumps/x/content"), 404);
    assert_int_equal(ask(owner, "GET", DEMO "/crash-dumps/9223372036854775807/content"), 404);
    assert_int_equal(ask(owner, "DELETE", DEMO "/crash-dumps/999999"), 404);
    assert_int_equal(ask(owner, "GET", DEMO "/crash-dumps?device=nobody"), 404);
    assert_int_equal(ask(owner, "GET", DEMO "/crash-dumps?cursor=1"), 400);
    assert_int_equal(ask(owner, "GET", DEMO "/crash-dumps?limit=0"), 400);
    snprintf(path, sizeof path, "%s/%.2s/%s", folder, sha256, sha256);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ask(owner, "GET", path_to("demo", id, "/content")), 404);
    assert_int_equal(ask(owner, "DELETE", path_to("demo", id, "")), 204);
}

#define STORY(name) cmocka_unit_test_setup(name, forget_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(dumps_are_listed_newest_first_by_catalog_and_device),
        STORY(an_owner_reads_one_and_that_is_written_down),
        STORY(nobody_but_an_owner_of_the_catalog_reads_or_deletes),
        STORY(what_is_deleted_is_gone_with_its_file),
        STORY(what_is_not_there_is_not_found),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
