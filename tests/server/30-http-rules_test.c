// SPDX-License-Identifier: Apache-2.0
//
// What the dispatcher holds every request to, whatever the route.
//
// threaded

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

#define USERS   "/api/v1/users"
#define TICKETS "/api/v1/live-tickets"

static struct rest rest;
static struct rest_browser owner;

static int setup(void **state)
{
    *state = &rest;
    rest_start(&rest, pg_conninfo());
    owner = rest_owner(&rest);
    return 0;
}

static struct rest_answer *ask(const char *method, const char *path, const char *body)
{
    return rest_as(&rest, &owner, method, path, body);
}

static void assert_problem(int status)
{
    assert_int_equal(json_integer_value(rest_member("status")), status);
    assert_string_equal(rest_header("Content-Type"), "application/problem+json");
    assert_string_equal(rest_header("X-Content-Type-Options"), "nosniff");
    assert_string_equal(rest_header("Cache-Control"), "no-store");
}

// ---------------------------------------------------------------- addresses and methods

static void a_path_is_what_it_says_and_nothing_near_it(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int status;
    } cases[] = {
        { "/api/v1/system", 200 },
        { "/api/v1/%73ystem", 200 },
        { "/api/v1/system/", 404 },
        { "/api/v1//system", 404 },
        { "/API/v1/system", 404 },
        { "/api/v1/systemx", 404 },
        { "/api/v1/./system", 404 },
        { "/api/v1/x/../system", 404 },
        { "/api/v1%2Fsystem", 400 },
        { "/api/v1/system%00", 400 },
        { "/api/v1/system%", 400 },
        { "/api/v1/system%zz", 400 },
        { "/api/v1/users/%ff", 400 },
        { "/api/v1/users/%c3%28", 400 },
        { "/api/v1/users/%ed%a0%80", 400 },
        { "/api/v1/users/%0d%0aX:1", 400 },
        { "/api/v1/users/%c3%bc", 404 },
        { "/api/v1/users/-1", 404 },
        { "/api/v1/users/99999999999999999999999", 404 },
        { "/", 404 },
        { "/api/v1/system?a=%", 400 },
        { "/api/v1/system?a=1&a=2", 400 },
        { "/api/v1/system?=1", 400 },
        { "/api/v1/system?x=1", 200 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = ask("GET", cases[i].path, NULL)->status;
        if (status != cases[i].status)
            fail_msg("%s: %d", cases[i].path, status);
        if (status >= 400)
            assert_problem(status);
    }
}

static void another_method_learns_which_ones_there_are(void **state)
{
    (void)state;
    assert_int_equal(ask("PUT", USERS, "{}")->status, 405);
    assert_string_equal(rest_header("Allow"), "GET, HEAD, POST, OPTIONS");
    assert_problem(405);
    assert_int_equal(ask("OPTIONS", USERS "/1", NULL)->status, 204);
    assert_string_equal(rest_header("Allow"), "GET, HEAD, PATCH, DELETE, OPTIONS");
    assert_string_equal(rest_header("Access-Control-Allow-Origin"), "");
}

static void head_answers_like_get_without_the_body(void **state)
{
    (void)state;
    char length[20];

    assert_int_equal(ask("GET", USERS "/1", NULL)->status, 200);
    snprintf(length, sizeof length, "%s", rest_header("Content-Length"));
    struct rest_answer *a = ask("HEAD", USERS "/1", NULL);
    assert_int_equal(a->status, 200);
    assert_string_equal(a->text, "");
    assert_string_equal(rest_header("Content-Length"), length);
}

static void only_json_can_be_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        int status;
    } cases[] = {
        { "Accept: */*\r\n", 200 },
        { "Accept: application/json\r\n", 200 },
        { "Accept: text/html, application/*;q=0.5\r\n", 200 },
        { "Accept: image/png\r\n", 406 },
        { "Accept: application/jsonx\r\n", 406 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(rest_ask(&rest, &(struct rest_ask){ .path = "/api/v1/system",
                                                             .cookie = owner.cookie,
                                                             .more = cases[i].more })
                             ->status,
                         cases[i].status);
}

// ---------------------------------------------------------------- bodies

static void a_bad_body_is_a_precise_refusal(void **state)
{
    (void)state;
    static const struct {
        const char *body, *says;
    } cases[] = {
        { "{\"catalog\":\"demo\",\"catalog\":\"acme\"}", "duplicate" },
        { "{\"catalog\":9223372036854775808}", "integer" },
        { "{\"catalog\":NaN}", "not JSON" },
        { "{\"catalog\":1e400}", "not JSON" },
        { "{\"catalog\":\"demo\"} x", "not JSON" },
        { "{\"catalog\":\"\xff\"}", "not JSON" },
        { "{\"catalog\":\"\xed\xa0\x80\"}", "not JSON" },
        { "{\"catalog\":\"a\\u0000b\"}", "not JSON" },
        { "\"demo\"", "not JSON" },
        { "[]", "object" },
        { "{}", "catalog is missing" },
        { "{\"catalog\":7}", "catalog must be a string" },
        { "{\"catalog\":\"demo\",\"colour\":1}", "colour" },
        { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "deeper" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = ask("POST", TICKETS, cases[i].body)->status;
        if (status != 400 || !strstr(rest_text("detail"), cases[i].says))
            fail_msg("%s: %d %s", cases[i].body, status, rest_text("detail"));
        assert_problem(400);
    }
}

static void an_error_does_not_repeat_what_stands_near_it(void **state)
{
    (void)state;
    assert_int_equal(
        rest_ask(&rest, &(struct rest_ask){ .method = "POST",
                                            .path = "/api/v1/session",
                                            .body = "{\"password\":\"hunter2hunter2\" \"name\"}" })
            ->status,
        400);
    assert_null(strstr(rest_text("detail"), "hunter2"));
}

static void a_body_has_at_most_a_mebibyte(void **state)
{
    (void)state;
    auto_free char *body = malloc(BODY_MAX + 2);
    struct rest_ask a = { .method = "POST",
                          .path = TICKETS,
                          .body = body,
                          .body_len = BODY_MAX,
                          .cookie = owner.cookie,
                          .csrf = owner.csrf };

    memset(body, ' ', BODY_MAX + 1);
    memcpy(body, "{\"catalog\":\"demo\"}", 18);
    assert_int_equal(rest_ask(&rest, &a)->status, 200);
    a.body_len = BODY_MAX + 1;
    assert_int_equal(rest_ask(&rest, &a)->status, 413);
    assert_problem(413);
}

static void get_takes_no_body(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", "/api/v1/system", "{}")->status, 400);
}

// ---------------------------------------------------------------- lists

static void a_list_is_walked_by_its_cursors(void **state)
{
    (void)state;
    char path[600], cursor[500];
    int seen = 0, pages = 0;

    for (int i = 0; i < 4; i++) {
        char name[20];
        snprintf(name, sizeof name, "walker%d", i);
        rest_account(&rest, name, "viewer", NULL);
    }
    int64_t all = rest_sql(pg_conninfo(), "SELECT count(*) FROM account");
    snprintf(path, sizeof path, USERS "?limit=2");
    while (pages++ < 50) {
        struct rest_answer *a = ask("GET", path, NULL);
        assert_int_equal(a->status, 200);
        seen += (int)json_array_size(json_object_get(a->body, "items"));
        if (!*rest_text("next"))
            break;
        snprintf(cursor, sizeof cursor, "%s", rest_text("next"));
        assert_non_null(strstr(rest_header("Link"), "</api/v1/users?limit=2&cursor="));
        assert_non_null(strstr(rest_header("Link"), ">; rel=\"next\""));
        snprintf(path, sizeof path, USERS "?limit=2&cursor=%s", cursor);
    }
    assert_int_equal(seen, all);
    assert_true(pages >= 3);
}

static void a_changed_cursor_is_refused(void **state)
{
    (void)state;
    char cursor[500], path[600];

    ask("GET", USERS "?limit=1", NULL);
    snprintf(cursor, sizeof cursor, "%s", rest_text("next"));
    for (size_t i = 0; i < strlen(cursor); i++) {
        char was = cursor[i];
        cursor[i] = was == 'A' ? 'B' : 'A';
        snprintf(path, sizeof path, USERS "?cursor=%s", cursor);
        assert_int_equal(ask("GET", path, NULL)->status, 400);
        cursor[i] = was;
    }
    snprintf(path, sizeof path, USERS "?cursor=%s", cursor);
    assert_int_equal(ask("GET", path, NULL)->status, 200);
    snprintf(path, sizeof path, "/api/v1/tokens?cursor=%s", cursor);
    assert_int_equal(ask("GET", path, NULL)->status, 400);
    assert_int_equal(ask("GET", USERS "?cursor=MQ", NULL)->status, 400);
}

static void a_limit_is_a_number_from_1_to_200(void **state)
{
    (void)state;
    static const char *const bad[] = { "0", "201", "-1", "+5", "5x", "", "1e1", "99999999999999" };
    char path[100];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(path, sizeof path, USERS "?limit=%s", bad[i]);
        assert_int_equal(ask("GET", path, NULL)->status, 400);
        assert_non_null(strstr(rest_text("detail"), "limit"));
    }
    assert_int_equal(ask("GET", USERS "?limit=200", NULL)->status, 200);
}

// ---------------------------------------------------------------- versions

static struct rest_answer *patch(const char *path, const char *body, const char *if_match)
{
    return rest_ask(&rest, &(struct rest_ask){ .method = "PATCH",
                                               .path = path,
                                               .body = body,
                                               .cookie = owner.cookie,
                                               .csrf = owner.csrf,
                                               .if_match = if_match });
}

static void a_change_names_the_version_it_saw(void **state)
{
    (void)state;
    char path[60], etag[50];

    snprintf(path, sizeof path, USERS "/%lld",
             (long long)rest_account(&rest, "vera", "viewer", NULL));
    assert_int_equal(ask("GET", path, NULL)->status, 200);
    snprintf(etag, sizeof etag, "%s", rest_header("ETag"));
    assert_int_equal(patch(path, "{\"role\":\"operator\"}", NULL)->status, 428);
    assert_int_equal(patch(path, "{\"role\":\"operator\"}", "\"0\"")->status, 412);
    assert_string_equal(rest_text("code"), "changed-meanwhile");
    assert_int_equal(patch(path, "{\"role\":\"operator\"}", "*")->status, 412);
    assert_int_equal(patch(path, "{\"role\":\"operator\"}", "W/\"2\"")->status, 412);
    assert_int_equal(patch(path, "{\"role\":\"operator\"}", etag)->status, 200);
    assert_string_not_equal(rest_header("ETag"), etag);
    assert_int_equal(patch(path, "{\"role\":\"viewer\"}", etag)->status, 412);
}

static void an_unchanged_object_is_not_sent_again(void **state)
{
    (void)state;
    char more[100];

    ask("GET", USERS "/1", NULL);
    snprintf(more, sizeof more, "If-None-Match: \"x\", %s\r\n", rest_header("ETag"));
    struct rest_ask a = { .path = USERS "/1", .cookie = owner.cookie, .more = more };
    struct rest_answer *r = rest_ask(&rest, &a);
    assert_int_equal(r->status, 304);
    assert_string_equal(r->text, "");
    a.more = "If-None-Match: \"x\"\r\n";
    assert_int_equal(rest_ask(&rest, &a)->status, 200);
}

// ---------------------------------------------------------------- again

static struct rest_answer *post_with_key(const char *path, const char *body, const char *key)
{
    return rest_ask(&rest, &(struct rest_ask){ .method = "POST",
                                               .path = path,
                                               .body = body,
                                               .cookie = owner.cookie,
                                               .csrf = owner.csrf,
                                               .key = key });
}

#define NEW_USER(name)                                                                             \
    "{\"name\":\"" name "\",\"role\":\"viewer\",\"password\":\"" REST_PASSWORD "\"}"

static void the_same_key_gets_the_same_answer(void **state)
{
    (void)state;
    char location[100];

    assert_int_equal(post_with_key(USERS, NEW_USER("kay"), "key-1")->status, 201);
    struct rest_answer *a = post_with_key(USERS, NEW_USER("kay"), "\"key-1\"");
    assert_int_equal(a->status, 201);
    assert_string_equal(rest_text("name"), "kay");
    assert_string_equal(rest_header("Idempotency-Replayed"), "true");
    snprintf(location, sizeof location, "%s", rest_header("Location"));
    assert_true(!strncmp(location, USERS "/", strlen(USERS "/")));
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM account WHERE name = 'kay'"), 1);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM audit WHERE object = 'kay'"), 1);
}

static void the_same_key_with_another_request_is_refused(void **state)
{
    (void)state;
    assert_int_equal(post_with_key(USERS, NEW_USER("kim"), "key-2")->status, 201);
    assert_int_equal(post_with_key(USERS, NEW_USER("kit"), "key-2")->status, 422);
    assert_string_equal(rest_text("code"), "key-reused");
    assert_int_equal(post_with_key(TICKETS, NEW_USER("kim"), "key-2")->status, 422);
    assert_int_equal(post_with_key(USERS, NEW_USER("kit"), "two words")->status, 400);
}

static void a_failed_request_does_not_use_up_its_key(void **state)
{
    (void)state;
    assert_int_equal(post_with_key(USERS, "{\"name\":\"ken\"}", "key-3")->status, 400);
    assert_int_equal(post_with_key(USERS, NEW_USER("ken"), "key-3")->status, 201);
}

static void a_secret_is_never_kept_for_a_key(void **state)
{
    (void)state;
    const char *body = "{\"name\":\"ci\",\"scopes\":[\"devices:read\"],\"expiresInDays\":1}";

    assert_int_equal(post_with_key("/api/v1/tokens", body, "key-4")->status, 201);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM idempotency WHERE answer LIKE "
                                             "'%%orr_%%'"),
                     0);
    assert_int_equal(post_with_key("/api/v1/tokens", body, "key-4")->status, 409);
}

static void a_key_is_forgotten_after_a_day(void **state)
{
    (void)state;
    assert_int_equal(post_with_key(USERS, NEW_USER("kaya"), "key-5")->status, 201);
    rest_sql(pg_conninfo(), "UPDATE idempotency SET created_at = now() - interval '25 hours'");
    assert_int_equal(post_with_key(USERS, NEW_USER("kaya"), "key-5")->status, 409);
}

static atomic_int made, busy, replays, other;

static void *post_at_once(void *arg)
{
    (void)arg;
    switch (post_with_key(USERS, NEW_USER("kora"), "key-6")->status) {
    case 201:
        atomic_fetch_add(*rest_header("Idempotency-Replayed") ? &replays : &made, 1);
        break;
    case 409:
        atomic_fetch_add(&busy, 1);
        break;
    default:
        atomic_fetch_add(&other, 1);
    }
    rest_answer_free();
    return NULL;
}

static void of_two_at_once_one_is_done(void **state)
{
    (void)state;
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, post_at_once, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(made, 1);
    assert_int_equal(other, 0);
    assert_int_equal(made + busy + replays, 4);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM account WHERE name = 'kora'"),
                     1);
}

// ---------------------------------------------------------------- bounds

static atomic_int let_in, slowed;
static int slowed_as_documented;

// Several at once: one after the other might not come faster than it is let in.
static void *knock_until_slowed(void *until)
{
    struct rest_ask a = { .path = "/api/v1/system", .remote = "203.0.113.9" };
    int status = 401;

    while (status == 401 && !atomic_load(&slowed) && clock_mono_ms() < *(int64_t *)until) {
        status = rest_ask(&rest, &a)->status;
        atomic_fetch_add(&let_in, status == 401);
    }
    if (status == 429 && atomic_fetch_add(&slowed, 1) == 0)
        slowed_as_documented = strtol(rest_header("Retry-After"), NULL, 10) >= 1 &&
                               strstr(rest_header("RateLimit-Policy"), "\"stranger\";q=200;w=10") &&
                               strstr(rest_header("RateLimit"), "r=0");
    rest_answer_free();
    return NULL;
}

static void a_stranger_is_slowed_down(void **state)
{
    (void)state;
    int64_t until = clock_mono_ms() + 60000;
    pthread_t threads[6];

    for (int i = 0; i < 6; i++)
        pthread_create(&threads[i], NULL, knock_until_slowed, &until);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&slowed) > 0);
    assert_true(slowed_as_documented);
    assert_true(atomic_load(&let_in) >= 150);
    struct rest_ask a = { .path = "/api/v1/system", .remote = "203.0.113.10" };
    assert_int_equal(rest_ask(&rest, &a)->status, 401);
}

static void each_answer_is_counted_by_its_route(void **state)
{
    (void)state;
    struct http_count counts[128];
    uint64_t before = 0, after = 0;

    for (int pass = 0; pass < 2; pass++) {
        size_t n = http_counts(rest.http, counts, 128);
        for (size_t i = 0; i < n; i++)
            if (!strcmp(counts[i].pattern, "/api/v1/system"))
                *(pass ? &after : &before) = counts[i].answers[2];
        if (!pass)
            ask("GET", "/api/v1/system", NULL);
    }
    assert_int_equal(after, before + 1);
}

static void slow_routes_are_told_apart(void **state)
{
    (void)state;
    assert_true(http_is_slow("POST", "/api/v1/session"));
    assert_true(http_is_slow("POST", "/api/v1/%73ession"));
    assert_false(http_is_slow("GET", "/api/v1/session"));
    assert_false(http_is_slow("POST", "/api/v1/sessionx"));
    assert_false(http_is_slow("", "%"));
}

// Last: it takes the database away.
static void without_the_database_it_says_try_again(void **state)
{
    (void)state;
    char cursor[500], path[600];

    ask("GET", USERS "?limit=1", NULL);
    snprintf(cursor, sizeof cursor, "%s", rest_text("next"));
    pg_crash();
    int status = ask("GET", USERS, NULL)->status;
    assert_int_equal(status, 503);
    assert_problem(503);
    assert_true(strtol(rest_header("Retry-After"), NULL, 10) >= 1);
    assert_int_equal(ask("POST", TICKETS, "{\"catalog\":\"demo\"}")->status, 503);
    pg_restart();
    for (int i = 0; i < 300 && ask("GET", USERS, NULL)->status == 503; i++)
        usleep(100000);
    assert_int_equal(ask("GET", USERS, NULL)->status, 200);
    // A new server on the same database still knows the cursors of the old one.
    rest_stop(&rest);
    rest_start(&rest, pg_conninfo());
    snprintf(path, sizeof path, USERS "?cursor=%s", cursor);
    assert_int_equal(ask("GET", path, NULL)->status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_what_it_says_and_nothing_near_it),
        cmocka_unit_test(another_method_learns_which_ones_there_are),
        cmocka_unit_test(head_answers_like_get_without_the_body),
        cmocka_unit_test(only_json_can_be_asked_for),
        cmocka_unit_test(a_bad_body_is_a_precise_refusal),
        cmocka_unit_test(an_error_does_not_repeat_what_stands_near_it),
        cmocka_unit_test(a_body_has_at_most_a_mebibyte),
        cmocka_unit_test(get_takes_no_body),
        cmocka_unit_test(a_list_is_walked_by_its_cursors),
        cmocka_unit_test(a_changed_cursor_is_refused),
        cmocka_unit_test(a_limit_is_a_number_from_1_to_200),
        cmocka_unit_test(a_change_names_the_version_it_saw),
        cmocka_unit_test(an_unchanged_object_is_not_sent_again),
        cmocka_unit_test(the_same_key_gets_the_same_answer),
        cmocka_unit_test(the_same_key_with_another_request_is_refused),
        cmocka_unit_test(a_failed_request_does_not_use_up_its_key),
        cmocka_unit_test(a_secret_is_never_kept_for_a_key),
        cmocka_unit_test(a_key_is_forgotten_after_a_day),
        cmocka_unit_test(of_two_at_once_one_is_done),
        cmocka_unit_test(a_stranger_is_slowed_down),
        cmocka_unit_test(each_answer_is_counted_by_its_route),
        cmocka_unit_test(slow_routes_are_told_apart),
        cmocka_unit_test(without_the_database_it_says_try_again),
    };
    return cmocka_run_group_tests_name("30-http-rules", tests, setup, rest_teardown);
}
