// SPDX-License-Identifier: Apache-2.0

#include "core/body.h"

#include <stdlib.h>
#include <string.h>

#include "core/json_out.h"
#include "test.h"

struct pump {
    const char *name;
    int64_t speed;
    bool on;
    json_t *scopes, *tags, *place, *parts, *any;
    const char *second_name;
};

static const struct field fields[] = {
    { TEXT(struct pump, name), REQUIRED, 1, 8 },
    { INT(struct pump, speed), OPTIONAL, -5, 100 },
    { BOOL(struct pump, on), OPTIONAL, 0, 0 },
    { TEXTS(struct pump, scopes), OPTIONAL, 1, 2 },
    { TAGS(struct pump, tags), OPTIONAL, 0, 2 },
    { OBJECT(struct pump, place), OPTIONAL, 0, 0 },
    { LIST(struct pump, parts), OPTIONAL, 1, 3 },
    { JSON(struct pump, any), OPTIONAL, 0, 0 },
    { TEXT_AS(struct pump, second_name, "secondName"), NULLABLE, 0, 8 },
};

static enum rc read_text(const char *text, struct pump *p, struct fault *f)
{
    static json_t *held; // text is borrowed from it until the next call

    json_decref(held);
    held = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!held)
        snprintf(f->text, sizeof f->text, "not JSON");
    return !held ? RC_INVALID : BODY_READ(held, fields, p, f);
}

static void refused_bodies_name_the_field_and_the_way_out(void **state)
{
    (void)state;
    static const struct {
        const char *body, *says;
    } cases[] = {
        { "[]", "the body must be a JSON object" },
        { "{}", "name is missing" },
        { "{\"name\":\"x\",\"nmae\":1}", "nmae is not a field here" },
        { "{\"name\":1}", "name must be a string" },
        { "{\"name\":null}", "name must be a string" },
        { "{\"name\":\"\"}", "name must be 1 to 8 bytes long" },
        { "{\"name\":\" \\n\"}", "name must not be blank" },
        { "{\"name\":\"123456789\"}", "name must be 1 to 8 bytes long" },
        { "{\"name\":\"x\",\"speed\":1.5}", "speed must be an integer" },
        { "{\"name\":\"x\",\"speed\":\"1\"}", "speed must be an integer" },
        { "{\"name\":\"x\",\"speed\":null}", "speed must be an integer" },
        { "{\"name\":\"x\",\"speed\":-6}", "speed must be between -5 and 100" },
        { "{\"name\":\"x\",\"speed\":101}", "speed must be between -5 and 100" },
        { "{\"name\":\"x\",\"on\":1}", "on must be true or false" },
        { "{\"name\":\"x\",\"scopes\":\"a\"}", "scopes must be an array" },
        { "{\"name\":\"x\",\"scopes\":[]}", "scopes must have 1 to 2 items" },
        { "{\"name\":\"x\",\"scopes\":[\"a\",\"b\",\"c\"]}", "scopes must have 1 to 2 items" },
        { "{\"name\":\"x\",\"scopes\":[\"a\",2]}", "scopes[1] must be a string" },
        { "{\"name\":\"x\",\"tags\":[]}", "tags must be an object" },
        { "{\"name\":\"x\",\"tags\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}}",
          "tags must have 0 to 2 items" },
        { "{\"name\":\"x\",\"tags\":{\"site\":7}}", "tags.site must be a string" },
        { "{\"name\":\"x\",\"tags\":{\"\":\"7\"}}", "a name in tags must be 1 to 64 bytes" },
        { "{\"name\":\"x\",\"place\":\"here\"}", "place must be an object" },
        { "{\"name\":\"x\",\"parts\":[{},7]}", "parts[1] must be an object" },
        { "{\"name\":\"x\",\"secondName\":7}", "secondName must be a string" },
        { "{\"name\":\"x\",\"second_name\":\"y\"}", "second_name is not a field here" },
        { "{\"name\":\"x\",\"name\":\"y\"}", "not JSON" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pump p = { 0 };
        struct fault f = { 0 };

        assert_int_equal(read_text(cases[i].body, &p, &f), RC_INVALID);
        if (!strstr(f.text, cases[i].says))
            fail_msg("%s: %s", cases[i].body, f.text);
    }
}

static void a_good_body_fills_the_struct(void **state)
{
    (void)state;
    struct pump p = { 0 };
    struct fault f = { 0 };

    assert_int_equal(read_text("{\"name\":\"pump\",\"speed\":-5,\"on\":true,\"scopes\":[\"a\"],"
                               "\"tags\":{\"site\":\"north\"},\"place\":{\"x\":1},"
                               "\"parts\":[{\"n\":1},{\"n\":2}],\"any\":null,"
                               "\"secondName\":\"p2\"}",
                               &p, &f),
                     RC_OK);
    assert_string_equal(p.name, "pump");
    assert_int_equal(p.speed, -5);
    assert_true(p.on);
    assert_int_equal(json_array_size(p.scopes), 1);
    assert_string_equal(json_string_value(json_object_get(p.tags, "site")), "north");
    assert_int_equal(json_integer_value(json_object_get(p.place, "x")), 1);
    assert_int_equal(json_array_size(p.parts), 2);
    assert_true(json_is_null(p.any));
    assert_string_equal(p.second_name, "p2");
}

static void what_is_optional_keeps_its_default(void **state)
{
    (void)state;
    struct pump p = { .speed = 42, .second_name = "old" };

    assert_int_equal(read_text("{\"name\":\"pump\",\"secondName\":null}", &p, NULL), RC_OK);
    assert_int_equal(p.speed, 42);
    assert_string_equal(p.second_name, "old");
    assert_null(p.tags);
}

static void a_picked_body_may_hold_more_than_its_table(void **state)
{
    (void)state;
    json_auto_t *body = json_loads("{\"name\":\"pump\",\"colour\":\"red\"}", 0, NULL);
    json_auto_t *wrong = json_loads("{\"name\":7,\"colour\":\"red\"}", 0, NULL);
    struct pump p = { 0 };
    struct fault f = { 0 };

    assert_int_equal(BODY_PICK(body, fields, &p, &f), RC_OK);
    assert_string_equal(p.name, "pump");
    assert_int_equal(BODY_PICK(wrong, fields, &p, &f), RC_INVALID);
    assert_non_null(strstr(f.text, "name must be a string"));
}

static void long_texts_in_arrays_and_tags_are_refused(void **state)
{
    (void)state;
    char text[600], big[FIELD_TEXT_MAX + 2];
    struct pump p = { 0 };
    struct fault f = { 0 };

    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    snprintf(text, sizeof text, "{\"name\":\"x\",\"scopes\":[\"%s\"]}", big);
    assert_int_equal(read_text(text, &p, &f), RC_INVALID);
    assert_non_null(strstr(f.text, "scopes[0] must be at most 256 bytes"));
    snprintf(text, sizeof text, "{\"name\":\"x\",\"tags\":{\"a\":\"%s\"}}", big);
    assert_int_equal(read_text(text, &p, &f), RC_INVALID);
    assert_non_null(strstr(f.text, "tags.a must be a string of at most 256 bytes"));
    snprintf(text, sizeof text, "{\"name\":\"x\",\"%s\":1}", big);
    assert_int_equal(read_text(text, &p, &f), RC_INVALID);
    assert_non_null(strstr(f.text, "is not a field here"));
}

static void answers_are_written_one_typed_call_a_member(void **state)
{
    (void)state;
    json_auto_t *o = json_object();

    add_text(o, "name", NULL);
    add_int(o, "n", INT64_MAX);
    add_bool(o, "on", true);
    add_id(o, "id", INT64_MAX);
    add_time(o, "at", 1795383601123);
    add_time(o, "never", 0);
    add_json(o, "tags", NULL);
    add_real(o, "load", 0.5);
    char *text = json_dumps(o, JSON_COMPACT);
    assert_string_equal(text, "{\"name\":null,\"n\":9223372036854775807,\"on\":true,"
                              "\"id\":\"9223372036854775807\","
                              "\"at\":\"2026-11-22T21:40:01.123Z\",\"never\":null,"
                              "\"tags\":null,\"load\":0.5}");
    free(text);
}

static int drop_body(void **state)
{
    (void)state;
    struct fault f;

    read_text("", &(struct pump){ 0 }, &f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_bodies_name_the_field_and_the_way_out),
        cmocka_unit_test(a_good_body_fills_the_struct),
        cmocka_unit_test(what_is_optional_keeps_its_default),
        cmocka_unit_test(a_picked_body_may_hold_more_than_its_table),
        cmocka_unit_test(long_texts_in_arrays_and_tags_are_refused),
        cmocka_unit_test(answers_are_written_one_typed_call_a_member),
    };
    return cmocka_run_group_tests(tests, NULL, drop_body);
}
