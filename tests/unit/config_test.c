// SPDX-License-Identifier: Apache-2.0

#include "core/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/auto.h"
#include "support/folder.h"
#include "test.h"

DEFINE_AUTO(struct config *, config_freep, config_free)

static char dir[64], file[80];

static int make_dir(void **state)
{
    (void)state;
    folder_make(dir, sizeof dir, "config");
    snprintf(file, sizeof file, "%s/config", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    remove(file);
    return rmdir(dir);
}

static void write_bytes(const char *bytes, size_t len)
{
    FILE *out = fopen(file, "w");

    assert_int_equal(fwrite(bytes, 1, len, out), len);
    fclose(out);
}

static struct config *load(const char *text, const char *set)
{
    struct config *c = NULL;
    struct fault f = { 0 };

    write_bytes(text, strlen(text));
    if (config_load(dir, &set, set ? 1 : 0, &c, &f) != RC_OK)
        fail_msg("%s", f.text);
    return c;
}

static void without_a_file_everything_has_its_default(void **state)
{
    (void)state;
    auto_with(config_freep) struct config *c = NULL;

    remove(file);
    assert_int_equal(config_load(dir, NULL, 0, &c, NULL), RC_OK);
    assert_string_equal(c->dir, dir);
    assert_string_equal(c->database, "");
    assert_string_equal(c->edge_listen, "0.0.0.0:8443");
    assert_int_equal(c->cert_lifetime_s, 86400);
    assert_int_equal(c->session_idle_s, 1800);
    assert_string_equal(c->log_level, "info");
}

static void later_sources_win(void **state)
{
    (void)state;
    const char *text = "# mine\n\n  gateway.idle_s =  7 \nlog.level=warn\nedge.names = a, b\n";
    auto_with(config_freep) struct config *from_file = load(text, NULL);

    assert_int_equal(from_file->gateway_idle_s, 7);
    assert_string_equal(from_file->log_level, "warn");
    assert_string_equal(from_file->edge_names, "a, b");
    setenv("ORRERY_GATEWAY_IDLE_S", "8", 1);
    auto_with(config_freep) struct config *from_env = load(text, NULL);
    assert_int_equal(from_env->gateway_idle_s, 8);
    auto_with(config_freep) struct config *from_set = load(text, "gateway.idle_s=9");
    assert_int_equal(from_set->gateway_idle_s, 9);
    unsetenv("ORRERY_GATEWAY_IDLE_S");
}

static void a_conninfo_keeps_its_equals_signs(void **state)
{
    (void)state;
    auto_with(config_freep) struct config *c =
        load("database = host=/run/postgresql dbname=orrery\n", NULL);

    assert_string_equal(c->database, "host=/run/postgresql dbname=orrery");
}

static void a_relative_folder_becomes_absolute(void **state)
{
    (void)state;
    char here[200], want[220];
    auto_with(config_freep) struct config *c = NULL;

    assert_int_equal(config_load("var//", NULL, 0, &c, NULL), RC_OK);
    snprintf(want, sizeof want, "%s/var", getcwd(here, sizeof here));
    assert_string_equal(c->dir, want);
}

static void bad_lines_are_refused_with_file_line_and_setting(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "\n\ncolour = red\n", "config line 3: 'colour' is not a setting" },
        { "gateway.idle_s = soon\n", "line 1: 'gateway.idle_s' must be a number between 1 and" },
        { "gateway.idle_s = 0\n", "must be a number between" },
        { "gateway.idle_s = 3601\n", "must be a number between" },
        { "gateway.idle_s =\n", "must be a number between" },
        { "gateway.idle_s = 99999999999999999999\n", "must be a number between" },
        { "gateway.idle_s = 5s\n", "must be a number between" },
        { "cert.lifetime_s = 86401\n", "between 10 and 86400" },
        { "edge = maybe\n", "'edge' must be one of: on off" },
        { "log.level = in\n", "must be one of: error warn info debug" },
        { "log.level = warn info\n", "must be one of" },
        { "just words\n", "'just words' is not of the form name = value" },
        { "[gateway]\n", "is not of the form name = value" },
        { "= x\n", "'' is not a setting" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config *c = NULL;
        struct fault f = { 0 };

        write_bytes(cases[i].text, strlen(cases[i].text));
        assert_int_equal(config_load(dir, NULL, 0, &c, &f), RC_INVALID);
        assert_null(c);
        if (!strstr(f.text, cases[i].says))
            fail_msg("%s: %s", cases[i].text, f.text);
    }
}

static void a_nul_byte_or_endless_line_is_refused(void **state)
{
    (void)state;
    static char line[100000];
    struct config *c = NULL;
    struct fault f = { 0 };

    write_bytes("edge.names = a\0b\n", 17);
    assert_int_equal(config_load(dir, NULL, 0, &c, &f), RC_INVALID);
    assert_non_null(strstr(f.text, "NUL"));
    memset(line, 'x', sizeof line);
    write_bytes(line, sizeof line);
    assert_int_equal(config_load(dir, NULL, 0, &c, &f), RC_INVALID);
    assert_non_null(strstr(f.text, "line 1"));
}

static void bad_sets_and_environment_say_where_they_came_from(void **state)
{
    (void)state;
    const char *set = "gateway.idle=1";
    struct config *c = NULL;
    struct fault f = { 0 };

    write_bytes("", 0);
    assert_int_equal(config_load(dir, &set, 1, &c, &f), RC_INVALID);
    assert_string_equal(f.text, "--set: 'gateway.idle' is not a setting; "
                                "`orreryd config` lists them");
    setenv("ORRERY_EDGE", "yes", 1);
    assert_int_equal(config_load(dir, NULL, 0, &c, &f), RC_INVALID);
    assert_string_equal(f.text, "environment: 'edge' must be one of: on off");
    unsetenv("ORRERY_EDGE");
}

static void an_unreadable_file_is_a_sentence(void **state)
{
    (void)state;
    struct config *c = NULL;
    struct fault f = { 0 };

    remove(file);
    assert_int_equal(mkdir(file, 0700), 0);
    assert_int_equal(config_load(dir, NULL, 0, &c, &f), RC_INVALID);
    assert_non_null(strstr(f.text, "cannot be read"));
    assert_int_equal(rmdir(file), 0);
    assert_int_equal(symlink(file, file), 0);
    assert_int_equal(config_load(dir, NULL, 0, &c, &f), RC_INVALID);
    assert_non_null(strstr(f.text, file));
    assert_int_equal(remove(file), 0);
}

static void a_password_in_a_conninfo_is_refused_and_not_repeated(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "database=host=db password=hunter2",
        "database=postgresql://orrery:hunter2@db/orrery",
        "database.owner=PASSWORD='hunter2'",
    };
    auto_with(config_freep) struct config *good =
        load("", "database=postgresql://orrery@db:5432/x");

    assert_string_equal(good->database, "postgresql://orrery@db:5432/x");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct config *c = NULL;
        struct fault f = { 0 };

        assert_int_equal(config_load(dir, &bad[i], 1, &c, &f), RC_INVALID);
        assert_non_null(strstr(f.text, "passfile="));
        assert_null(strstr(f.text, "hunter2"));
    }
}

static char *printed(void (*print)(const struct config *, FILE *), const struct config *c)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    if (print)
        print(c, to);
    else
        config_print_markdown(to);
    fclose(to);
    return text;
}

static void what_is_shown_can_be_read_back(void **state)
{
    (void)state;
    auto_with(config_freep) struct config *c = load("ingest.batch = 77\n", "edge=off");
    auto_free char *shown = printed(config_print, c);
    auto_with(config_freep) struct config *again = load(shown, NULL);
    auto_free char *twice = printed(config_print, again);

    assert_non_null(strstr(shown, "ingest.batch = 77\n"));
    assert_non_null(strstr(shown, "edge = off\n"));
    assert_string_equal(shown, twice);
}

static void the_documentation_is_what_the_table_prints(void **state)
{
    (void)state;
    auto_free char *want = printed(NULL, NULL);
    auto_free char *have = calloc(1, 65536);
    FILE *in = fopen("docs/configuration.md", "r");

    if (!in)
        fail_msg("docs/configuration.md: %s (tests run from the top folder)", strerror(errno));
    assert_true(fread(have, 1, 65535, in) > 0);
    fclose(in);
    if (strcmp(want, have) != 0)
        fail_msg("docs/configuration.md is not what `orreryd config markdown` prints");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_everything_has_its_default),
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(a_conninfo_keeps_its_equals_signs),
        cmocka_unit_test(a_relative_folder_becomes_absolute),
        cmocka_unit_test(bad_lines_are_refused_with_file_line_and_setting),
        cmocka_unit_test(a_nul_byte_or_endless_line_is_refused),
        cmocka_unit_test(bad_sets_and_environment_say_where_they_came_from),
        cmocka_unit_test(an_unreadable_file_is_a_sentence),
        cmocka_unit_test(a_password_in_a_conninfo_is_refused_and_not_repeated),
        cmocka_unit_test(what_is_shown_can_be_read_back),
        cmocka_unit_test(the_documentation_is_what_the_table_prints),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
