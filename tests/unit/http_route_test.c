// SPDX-License-Identifier: Apache-2.0

#include <string.h>

#include "http/percent.h"
#include "http/route.h"
#include "test.h"

static enum rc nothing(struct req *q, struct reply *r, struct fault *f)
{
    (void)q, (void)r, (void)f;
    return RC_OK;
}

static const struct route table[] = {
    { "GET", "/things", MAY_NOTHING, nothing, 0 },
    { "POST", "/things", MAY_NOTHING, nothing, 0 },
    { "GET", "/things/{id}", MAY_NOTHING, nothing, 0 },
    { "DELETE", "/things/{id}/parts/{part}", MAY_NOTHING, nothing, 0 },
    { 0 },
};
static const struct route *const tables[] = { table, NULL };

static struct route_found find(const char *method, const char *path)
{
    struct route_found found;

    route_find(tables, method, path, &found);
    return found;
}

static void a_parameter_is_one_whole_segment(void **state)
{
    (void)state;
    struct route_found f = find("DELETE", "/things/7/parts/x y");

    assert_ptr_equal(f.route, &table[3]);
    assert_string_equal(f.params[0], "7");
    assert_string_equal(f.params[1], "x y");
    assert_null(find("GET", "/things/7/8").route);
    assert_null(find("GET", "/things/").route);
    assert_null(find("GET", "/thingsx").route);
    assert_null(find("GET", "/THINGS").route);
    assert_null(find("GET", "").route);
}

static void a_path_without_parameters_has_none_of_its_neighbours(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct route_found f = find("GET", i == 1 ? "/things" : "/things/left-over");
        assert_string_equal(f.params[0], i == 1 ? "" : "left-over");
        assert_string_equal(f.params[1], "");
    }
}

static void a_parameter_longer_than_its_room_matches_nothing(void **state)
{
    (void)state;
    char path[300] = "/things/";

    memset(path + 8, 'a', PARAM_LEN - 1);
    assert_non_null(find("GET", path).route);
    memset(path + 8, 'a', PARAM_LEN);
    assert_null(find("GET", path).route);
}

static void methods_of_a_path_are_known_where_none_fits(void **state)
{
    (void)state;
    struct route_found f = find("PATCH", "/things");

    assert_null(f.route);
    assert_string_equal(f.allow, "GET, HEAD, POST, OPTIONS");
    assert_string_equal(find("GET", "/nothing").allow, "");
    assert_ptr_equal(find("HEAD", "/things").route, &table[0]);
    assert_null(find("get", "/things").route);
}

static void a_path_is_decoded_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *decoded; // NULL: refused
    } cases[] = {
        { "/a%20b", "/a b" },
        { "/%41", "/A" },
        { "/a+b", "/a+b" },
        { "/%C3%A4", "/ä" },
        { "/%c3%a4", "/ä" },
        { "/%", NULL },
        { "/%4", NULL },
        { "/%g0", NULL },
        { "/%2f", NULL },
        { "/%2F", NULL },
        { "/%00", NULL },
        { "/%0a", NULL },
        { "/%7f", NULL },
        { "/%c3", NULL },
        { "/%c0%af", NULL },
        { "/%e0%80%af", NULL },
        { "/%ed%a0%80", NULL },
        { "/%f5%80%80%80", NULL },
        { "/%f0%9f%9a%80", "/🚀" },
        { "/%c2%85", NULL },
        { "", NULL },
        { "*", NULL },
        { "http://x/", NULL },
        { "/%252f", "/%2f" },
    };
    char out[PATH_MAX_LEN + 1];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool ok = path_decode(cases[i].raw, out, sizeof out);
        if (ok != (cases[i].decoded != NULL) || (ok && strcmp(out, cases[i].decoded) != 0))
            fail_msg("'%s'", cases[i].raw);
    }
}

static void a_path_is_bounded(void **state)
{
    (void)state;
    char raw[PATH_MAX_LEN + 3] = "/", out[PATH_MAX_LEN + 1];

    memset(raw + 1, 'a', PATH_MAX_LEN - 1);
    assert_true(path_decode(raw, out, sizeof out));
    raw[PATH_MAX_LEN] = 'a';
    assert_false(path_decode(raw, out, sizeof out));
    assert_false(path_decode("/abc", out, 4));
    assert_true(path_decode("/abc", out, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parameter_is_one_whole_segment),
        cmocka_unit_test(a_path_without_parameters_has_none_of_its_neighbours),
        cmocka_unit_test(a_parameter_longer_than_its_room_matches_nothing),
        cmocka_unit_test(methods_of_a_path_are_known_where_none_fits),
        cmocka_unit_test(a_path_is_decoded_strictly),
        cmocka_unit_test(a_path_is_bounded),
    };
    return cmocka_run_group_tests_name("http_route", tests, NULL, NULL);
}
