// SPDX-License-Identifier: Apache-2.0
//
// Claims by list and by file, done by the runner; a kill in the middle loses and repeats nothing.
//
// threaded

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access/api_token.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/log.h"
#include "device/roster.h"
#include "job/runner.h"
#include "store/store.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define CATALOG "/api/v1/catalogs/demo"
#define CLAIMS  CATALOG "/claims"

static struct rest rest;
static struct job_runner *runner;
static char mine[TOKEN_TEXT_LEN + 1], foreign[TOKEN_TEXT_LEN + 1], viewer[TOKEN_TEXT_LEN + 1];

static void start_runner(void)
{
    const struct job_services s = { .roster = rest.services.roster, .bus = rest.bus };
    struct fault f = { 0 };

    assert_int_equal(job_runner_new(pg_conninfo(), rest.store, &s, &runner, &f), RC_OK);
    assert_int_equal(job_runner_start(runner, &f), RC_OK);
}

static void stop_runner(void)
{
    job_runner_stop(runner);
    job_runner_free(runner);
    runner = NULL;
}

// A process that only does jobs, so that it can be killed. It sees what is committed and nothing
// else.
static pid_t fork_runner(void)
{
    pid_t pid = fork();
    struct fault f = { 0 };
    struct store *s;

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    const struct job_services none = { 0 };
    if (store_open(pg_conninfo(), 2, &s, &f) != RC_OK ||
        job_runner_new(pg_conninfo(), s, &none, &runner, &f) != RC_OK ||
        job_runner_start(runner, &f) != RC_OK)
        _exit(1);
    for (;;)
        pause();
}

static int setup(void **state)
{
    (void)state;
    rest_start(&rest, pg_conninfo());
    rest_token(&rest, "ada", "admin", "demo", mine);
    rest_token(&rest, "eve", "admin", "acme", foreign);
    rest_token(&rest, "vic", "viewer", "demo", viewer);
    start_runner();
    model_sql(pg_conninfo(), "INSERT INTO product (catalog, name) SELECT id, 'HVAC' FROM catalog;"
                             "INSERT INTO device_group (catalog, product, name)"
                             " SELECT catalog, id, 'Production' FROM product");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stop_runner();
    rest_stop(&rest);
    return 0;
}

// ---------------------------------------------------------------- helpers

static int send(const char *token, const char *type, const char *path, const char *body, size_t len)
{
    struct rest_ask a = {
        .method = "POST", .path = path, .body = body, .body_len = len, .type = type, .token = token
    };

    return rest_ask(&rest, &a)->status;
}

static int csv(const char *body)
{
    return send(mine, "text/csv", CLAIMS, body, 0);
}

static int list(const char *body)
{
    return send(mine, NULL, CLAIMS, body, 0);
}

static int get(const char *token, const char *path)
{
    struct rest_ask a = { .path = path, .token = token };

    return rest_ask(&rest, &a)->status;
}

static int64_t number(const char *member)
{
    return json_integer_value(rest_member(member));
}

#define SQL(...) rest_sql(pg_conninfo(), __VA_ARGS__)

static void show_job(const char *id)
{
    char path[100];

    snprintf(path, sizeof path, CATALOG "/jobs/%s", id);
    assert_int_equal(get(mine, path), 200);
}

// Waits until the job of the last answer has ended; the last answer is then the job.
static void wait_until_it_ends(void)
{
    char id[24];
    int64_t until = clock_mono_ms() + 60000;

    snprintf(id, sizeof id, "%s", rest_text("id"));
    job_runner_wake(runner);
    do {
        usleep(20000);
        show_job(id);
    } while ((!strcmp(rest_text("state"), "waiting") || !strcmp(rest_text("state"), "running")) &&
             clock_mono_ms() < until);
}

static const char *problem(size_t n, int64_t *line)
{
    json_t *p = json_array_get(rest_member("problems"), n);
    json_t *at = json_object_get(p, "line");

    *line = json_integer_value(at ? at : json_object_get(p, "index"));
    return p ? json_string_value(json_object_get(p, "text")) : "";
}

static void has_problem(size_t n, int64_t line, const char *words)
{
    int64_t at;
    const char *text = problem(n, &at);

    if (at != line || !strstr(text, words))
        fail_msg("problem %zu is line %lld '%s', not line %lld '%s'", n, (long long)at, text,
                 (long long)line, words);
}

// A file of count rows that name devices by fingerprint, from first on.
static char *file_of(int first, int count)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    fprintf(out, "fingerprint,name,site\n");
    for (int i = first; i < first + count; i++)
        fprintf(out, "%08x%056x,pump %d,site %d\n", i * 2654435761u, i, i, i % 7);
    fclose(out);
    return text;
}

// ---------------------------------------------------------------- tests

static void a_list_claims_by_key_fingerprint_and_id(void **state)
{
    (void)state;
    auto_free char *pem = model_key("P-256");
    json_auto_t *body = json_pack(
        "{s:[{s:s,s:s},{s:s,s:s,s:{s:s}},{s:s},{s:s},{s:s}]}", "devices", "publicKey", pem, "group",
        "hvac / production", "fingerprint",
        "AA:aa000000000000000000000000000000000000000000000000000000000001", "name", "f1", "tags",
        "site", "hq", "id", "bb000000000000000000000000000001", "id", "short", "fingerprint",
        "aa:AA000000000000000000000000000000000000000000000000000000000001");
    auto_free char *text = json_dumps(body, 0);

    assert_int_equal(list(text), 200);
    assert_int_equal(number("claimed"), 2);
    has_problem(0, 2, "no device and no arrival");
    has_problem(1, 3, "32 hex digits");
    has_problem(2, 4, "the same device as index 1");
    assert_int_equal(
        SQL("SELECT count(*) FROM device d JOIN device_group g ON g.id = d.device_group"
            " AND g.catalog = d.catalog WHERE d.lifecycle = 1 AND g.name = 'Production'"),
        1);
    assert_int_equal(SQL("SELECT count(*) FROM device WHERE name = 'f1' AND public_key IS NULL"
                         " AND tags = '{\"site\":\"hq\"}' AND lifecycle = 1"),
                     1);
    assert_int_equal(SQL("SELECT lifecycle FROM device_index WHERE name = 'f1' AND site = 'hq'"),
                     1);
}

static void a_claim_by_fingerprint_takes_the_key_of_the_arrival(void **state)
{
    (void)state;
    model_sql(pg_conninfo(),
              "INSERT INTO arrival (catalog, fingerprint, public_key, window_id, remote)"
              " SELECT id, 'cc' || repeat('0', 61) || '7', '\\x3059', 1, '192.0.2.9'"
              " FROM catalog WHERE name = 'demo'");
    assert_int_equal(list("{\"devices\":[{\"id\":\"cc000000000000000000000000000000\"}]}"), 200);
    assert_int_equal(number("claimed"), 1);
    assert_int_equal(SQL("SELECT count(*) FROM device WHERE id = 'cc' || repeat('0', 30)"
                         " AND public_key = '\\x3059' AND fingerprint LIKE 'cc%%7'"),
                     1);
    assert_int_equal(SQL("SELECT count(*) FROM arrival"), 0);
}

static void another_fingerprint_with_the_same_first_half_is_not_that_device(void **state)
{
    (void)state;
    assert_int_equal(list("{\"devices\":[{\"fingerprint\":\"aaaa0000000000000000000000000000000000"
                          "00000000000000000000000002\"}]}"),
                     200);
    assert_int_equal(number("claimed"), 0);
    has_problem(0, 0, "another key");
}

static void a_device_of_another_catalog_is_in_use_and_nothing_more(void **state)
{
    (void)state;
    static const char body[] = "{\"devices\":[{\"fingerprint\":\"dd000000000000000000000000000000"
                               "00000000000000000000000000000000\"}]}";

    assert_int_equal(send(foreign, NULL, "/api/v1/catalogs/acme/claims", body, 0), 200);
    assert_int_equal(number("claimed"), 1);
    assert_int_equal(list(body), 200);
    has_problem(0, 0, "it is in use");
    assert_null(strstr(
        json_string_value(json_object_get(json_array_get(rest_member("problems"), 0), "text")),
        "acme"));
    assert_int_equal(list("{\"devices\":[{\"id\":\"dd000000000000000000000000000000\"}]}"), 200);
    has_problem(0, 0, "no device and no arrival");
}

static void bad_rows_of_a_file_are_told_by_line_and_the_rest_goes_on(void **state)
{
    (void)state;
    static const char file[] =
        "\xef\xbb\xbf"
        "fingerprint;name;group;site;batch\r\n"
        "ee10000000000000000000000000000000000000000000000000000000000000;\"pump; 1\";HVAC / Production;Lule\xc3\xa5 2;7\r\n"
        "nonsense;x;;;\r\n"
        "ee20000000000000000000000000000000000000000000000000000000000000;\"never;;;\r\n"
        "ee10000000000000000000000000000000000000000000000000000000000000;twice;;;\r\n"
        "ee30000000000000000000000000000000000000000000000000000000000000;y;No such group;;\r\n"
        ";;;;\r\n"
        "ee40000000000000000000000000000000000000000000000000000000000000;z;;;;extra\r\n"
        "dd00000000000000000000000000000000000000000000000000000000000000;;;;\r\n"
        "AAAA000000000000000000000000000000000000000000000000000000000001;;;;\r\n"
        "ee50000000000000000000000000000000000000000000000000000000000000;last;;;\r\n";

    assert_int_equal(csv(file), 202);
    assert_string_equal(rest_text("kind"), "claims");
    assert_string_equal(rest_text("title"), "Claim 9 devices");
    wait_until_it_ends();
    assert_string_equal(rest_text("state"), "done");
    assert_int_equal(number("total"), 9);
    assert_int_equal(number("done"), 9);
    assert_int_equal(number("changed"), 2);
    assert_int_equal(number("unchanged"), 1);
    assert_int_equal(number("refused"), 6);
    has_problem(0, 3, "64 hex digits");
    has_problem(1, 4, "never closed");
    has_problem(2, 5, "the same device as line 2");
    has_problem(3, 6, "no group 'No such group'");
    has_problem(4, 8, "beyond the columns");
    has_problem(5, 9, "it is in use");
    has_problem(6, 10, "claimed already");
    assert_int_equal(SQL("SELECT count(*) FROM device_row WHERE name = 'pump; 1'"
                         " AND group_name = 'Production' AND tags ->> 'site' = 'Luleå 2'"
                         " AND tags ->> 'batch' = '7'"),
                     1);
}

static void the_same_file_again_is_the_same_job(void **state)
{
    (void)state;
    auto_free char *file = file_of(100000, 3);
    char id[24];

    assert_int_equal(csv(file), 202);
    wait_until_it_ends();
    snprintf(id, sizeof id, "%s", rest_text("id"));
    assert_int_equal(number("changed"), 3);
    assert_int_equal(csv(file), 202);
    assert_string_equal(rest_text("id"), id);
    assert_int_equal(send(mine, "text/csv", CLAIMS "?again=true", file, 0), 202);
    assert_string_not_equal(rest_text("id"), id);
    wait_until_it_ends();
    assert_int_equal(number("unchanged"), 3);
}

static void what_is_no_table_of_devices_is_refused_with_the_way_out(void **state)
{
    (void)state;
    assert_int_equal(csv("name,site\npump,hq\n"), 400);
    assert_non_null(strstr(rest_text("detail"), "publicKey, fingerprint or id"));
    assert_int_equal(
        csv("ee10000000000000000000000000000000000000000000000000000000000000,a name\n"), 400);
    assert_non_null(strstr(rest_text("detail"), "line 1 must name the columns"));
    assert_int_equal(csv(""), 400);
    assert_non_null(strstr(rest_text("detail"), "the file is empty"));
    assert_int_equal(csv("id,name\n"), 400);
    assert_non_null(strstr(rest_text("detail"), "no rows"));
    assert_int_equal(csv("id,id\nx,y\n"), 400);
    assert_non_null(strstr(rest_text("detail"), "two columns"));
    assert_int_equal(send(mine, "text/csv", CLAIMS, "PK\3\4\0\0", 6), 400);
    assert_non_null(strstr(rest_text("detail"), "workbook"));
    assert_int_equal(send(mine, "application/octet-stream", CLAIMS, "id\nx\n", 0), 415);
    assert_non_null(strstr(rest_text("detail"), "text/csv"));
    assert_int_equal(send(mine, "text/csv", CATALOG "/devices", "id\nx\n", 0), 415);
    assert_int_equal(send(viewer, "text/csv", CLAIMS, "id\nx\n", 0), 403);
    assert_int_equal(send(foreign, "text/csv", CLAIMS, "id\nx\n", 0), 404);
}

static void a_job_of_another_catalog_is_not_there(void **state)
{
    (void)state;
    char path[100];

    assert_int_equal(get(mine, CATALOG "/jobs?limit=1"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
    assert_non_null(json_string_value(rest_member("next")));
    snprintf(path, sizeof path, "/api/v1/catalogs/acme/jobs/%s",
             json_string_value(json_object_get(json_array_get(rest_member("items"), 0), "id")));
    assert_int_equal(get(foreign, path), 404);
    assert_int_equal(get(foreign, "/api/v1/catalogs/acme/jobs"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 0);
    assert_int_equal(get(mine, CATALOG "/jobs/0x1"), 404);
}

// A job of 4000 devices that was stopped in its midst: its file and id. False: it was faster.
static bool stop_in_the_midst(int first, char **file, char id[24])
{
    char stop[100], resume[100];

    stop_runner();
    *file = file_of(first, 4000);
    assert_int_equal(csv(*file), 202);
    snprintf(id, 24, "%s", rest_text("id"));
    snprintf(stop, sizeof stop, CATALOG "/jobs/%s/stop", id);
    snprintf(resume, sizeof resume, CATALOG "/jobs/%s/resume", id);
    assert_int_equal(send(mine, NULL, resume, NULL, 0), 409);
    assert_int_equal(send(viewer, NULL, stop, NULL, 0), 403);
    start_runner();
    do {
        usleep(1000);
        show_job(id);
    } while (number("done") == 0);
    if (send(mine, NULL, stop, NULL, 0) == 200)
        return true;
    free(*file);
    return false;
}

static void a_stopped_job_goes_on_where_it_was(void **state)
{
    (void)state;
    auto_free char *file = NULL;
    char stop[100], id[24];
    int first = 200000;

    while (!stop_in_the_midst(first, &file, id)) // on a machine that looks away for too long
        assert_true((first += 4000) < 240000);
    assert_string_equal(rest_text("state"), "stopped");
    int64_t done = number("done");
    assert_true(done > 0 && done < 4000);
    usleep(300000);
    show_job(id);
    assert_int_equal(number("done"), done);
    assert_int_equal(csv(file), 202); // the same file lets it go on
    assert_string_equal(rest_text("id"), id);
    wait_until_it_ends();
    assert_string_equal(rest_text("state"), "done");
    assert_int_equal(number("changed"), 4000);
    snprintf(stop, sizeof stop, CATALOG "/jobs/%s/stop", id);
    assert_int_equal(send(mine, NULL, stop, NULL, 0), 409);
}

#define MANY 10000

// A process begins to work on the job and is killed; what is done then.
static int64_t work_and_die(const char *id, int64_t was, int kills)
{
    int64_t done = was, until = clock_mono_ms() + 60000;
    pid_t pid = fork_runner();

    while (done == was && clock_mono_ms() < until) {
        usleep(3000 + 1000 * (useconds_t)kills);
        show_job(id);
        done = number("done");
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    show_job(id);
    assert_true(number("done") > was);
    return number("done");
}

// How many kills hit it in its midst: none where this machine looked away for too long.
static int kill_in_the_midst(int first, int kills)
{
    auto_free char *file = file_of(first, MANY);
    int64_t before = SQL("SELECT count(*) FROM device"), done = 0;
    char id[24];
    int hit = 0;

    assert_int_equal(csv(file), 202);
    snprintf(id, sizeof id, "%s", rest_text("id"));
    while (done < MANY - 1000) {
        done = work_and_die(id, done, kills + hit);
        hit += done < MANY;
    }
    start_runner();
    show_job(id);
    wait_until_it_ends();
    stop_runner();
    assert_string_equal(rest_text("state"), "done");
    assert_int_equal(number("changed"), MANY);
    assert_int_equal(number("refused") + number("unchanged"), 0);
    assert_int_equal(SQL("SELECT count(*) FROM device"), before + MANY);
    assert_int_equal(
        SQL("SELECT sum(count) FROM audit WHERE object = 'job %s' AND action = 'job claims'", id),
        MANY);
    return hit;
}

static void kills_in_the_middle_lose_and_repeat_nothing(void **state)
{
    (void)state;
    int kills = 0;

    stop_runner();
    for (int i = 0; i < 10 && kills < 3; i++)
        kills += kill_in_the_midst(300000 + i * MANY, kills);
    assert_true(kills >= 3);
    start_runner();
    assert_int_equal(
        SQL("SELECT sum(n) FROM device_count WHERE dimension = 'lifecycle' AND key = '1'"),
        SQL("SELECT count(*) FROM device WHERE lifecycle = 1"));
}

static void jobs_are_forgotten_with_their_targets_after_90_days(void **state)
{
    (void)state;
    struct fault f = { 0 };
    int64_t before = SQL("SELECT count(*) FROM job");

    model_sql(pg_conninfo(), "INSERT INTO job_target SELECT min(id), 1, 1 FROM job;"
                             "UPDATE job SET updated_at = now() - interval '91 days'"
                             " WHERE id = (SELECT min(id) FROM job)");
    assert_int_equal(job_expire(rest.store, &f), RC_OK);
    assert_int_equal(SQL("SELECT count(*) FROM job"), before - 1);
    assert_int_equal(SQL("SELECT count(*) FROM job_target"), 0);
}

static void saved_views_are_ones_own_unless_shared(void **state)
{
    (void)state;
    struct rest_ask a = { .method = "POST",
                          .path = CATALOG "/saved-views",
                          .body = "{\"name\":\"Dark\",\"query\":\"state=offline\"}",
                          .token = mine };
    char path[100];

    assert_int_equal(rest_ask(&rest, &a)->status, 201);
    snprintf(path, sizeof path, CATALOG "/saved-views/%s", rest_text("id"));
    assert_int_equal(rest_ask(&rest, &a)->status, 409);
    assert_int_equal(get(viewer, CATALOG "/saved-views"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 0);
    a = (struct rest_ask){ .method = "PATCH",
                           .path = path,
                           .body = "{\"shared\":true}",
                           .if_match = "\"1\"",
                           .token = mine };
    assert_int_equal(rest_ask(&rest, &a)->status, 200);
    assert_true(json_is_true(rest_member("shared")));
    assert_string_equal(rest_text("name"), "Dark");
    assert_int_equal(rest_ask(&rest, &a)->status, 412);
    assert_int_equal(get(viewer, CATALOG "/saved-views"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 1);
    assert_int_equal(get(foreign, "/api/v1/catalogs/acme/saved-views"), 200);
    assert_int_equal(json_array_size(rest_member("items")), 0);
    a = (struct rest_ask){ .method = "DELETE", .path = path, .token = mine };
    assert_int_equal(rest_ask(&rest, &a)->status, 204);
    assert_int_equal(rest_ask(&rest, &a)->status, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_claims_by_key_fingerprint_and_id),
        cmocka_unit_test(a_claim_by_fingerprint_takes_the_key_of_the_arrival),
        cmocka_unit_test(another_fingerprint_with_the_same_first_half_is_not_that_device),
        cmocka_unit_test(a_device_of_another_catalog_is_in_use_and_nothing_more),
        cmocka_unit_test(bad_rows_of_a_file_are_told_by_line_and_the_rest_goes_on),
        cmocka_unit_test(the_same_file_again_is_the_same_job),
        cmocka_unit_test(what_is_no_table_of_devices_is_refused_with_the_way_out),
        cmocka_unit_test(a_job_of_another_catalog_is_not_there),
        cmocka_unit_test(a_stopped_job_goes_on_where_it_was),
        cmocka_unit_test(kills_in_the_middle_lose_and_repeat_nothing),
        cmocka_unit_test(jobs_are_forgotten_with_their_targets_after_90_days),
        cmocka_unit_test(saved_views_are_ones_own_unless_shared),
    };

    return cmocka_run_group_tests_name("job claims", tests, setup, teardown);
}
