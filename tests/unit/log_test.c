// SPDX-License-Identifier: Apache-2.0

// threaded

#include "core/log.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

static int saved, fds[2];

// What is written to standard error from here on is read by heard().
static int listen_in(void **state)
{
    (void)state;
    saved = dup(STDERR_FILENO);
    log_level_set(LEVEL_INFO);
    return pipe(fds) || dup2(fds[1], STDERR_FILENO) < 0;
}

static int listen_out(void **state)
{
    (void)state;
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static const char *heard(void)
{
    static char text[8192];

    log_level_set(LEVEL_INFO);
    log_error(NULL, "end");
    ssize_t n = read(fds[0], text, sizeof text - 1);
    text[n < 0 ? 0 : n] = 0;
    char *end = strstr(text, "<3>t=");
    for (char *p = end; p; p = strstr(p + 1, "<3>t="))
        end = p;
    if (end)
        *end = 0;
    return text;
}

// logfmt as its readers take it: name=value pairs, blanks between, quotes with backslash escapes.
static bool is_logfmt(const char *p)
{
    for (;;) {
        size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz");

        if (!n || p[n] != '=')
            return false;
        p += n + 1;
        if (*p == '"') {
            for (p++; *p && *p != '"'; p++) {
                if ((unsigned char)*p < ' ')
                    return false;
                if (*p == '\\' && !*++p)
                    return false;
            }
            if (*p++ != '"')
                return false;
        } else {
            p += strcspn(p, " \n\"=");
        }
        if (*p == '\n')
            return p[1] == 0;
        if (*p++ != ' ')
            return false;
    }
}

static void a_line_has_level_time_context_and_message(void **state)
{
    (void)state;
    log_info(&(struct log_ctx){ .area = "gateway", .device = "3f", .peer = "[::1]:5" },
             "connected by '%s'", "demo");
    const char *line = heard();

    assert_int_equal(strncmp(line, "<6>t=20", 7), 0);
    assert_non_null(strstr(line, "Z level=info area=gateway device=3f peer=[::1]:5 "
                                 "msg=\"connected by 'demo'\"\n"));
    assert_true(is_logfmt(line + 3));
}

static void newlines_quotes_and_control_bytes_are_escaped(void **state)
{
    (void)state;
    log_warn(&(struct log_ctx){ .area = "http", .req = "a b=\"c\"" },
             "x\nt=1 level=error msg=\"forged\"\r\x1b[2J\\");
    const char *line = heard();

    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_non_null(strstr(line, "req=\"a b=\\\"c\\\"\""));
    assert_non_null(
        strstr(line, "msg=\"x\\nt=1 level=error msg=\\\"forged\\\"\\x0d\\x1b[2J\\\\\""));
    assert_true(is_logfmt(line + 3));
}

static void an_empty_value_is_quoted(void **state)
{
    (void)state;
    log_info(&(struct log_ctx){ .area = "http", .peer = "" }, "%s", "");
    assert_non_null(strstr(heard(), "peer=\"\" msg=\"\"\n"));
}

static void a_line_that_is_too_long_is_cut_and_stays_logfmt(void **state)
{
    (void)state;
    char *text = malloc(100000);

    memset(text, '"', 99999);
    text[99999] = 0;
    log_info(&(struct log_ctx){ .area = text, .req = text, .device = text, .peer = text }, "%s",
             text);
    const char *line = heard();
    free(text);
    assert_in_range(strlen(line), 1000, 4096);
    assert_int_equal(line[strlen(line) - 1], '\n');
    log_info(NULL, "%s", "still fine");
    assert_true(is_logfmt(heard() + 3));
}

static void lines_above_the_level_are_dropped(void **state)
{
    (void)state;
    log_debug(NULL, "quiet");
    assert_string_equal(heard(), "");
    log_level_set(LEVEL_DEBUG);
    log_debug(NULL, "loud");
    assert_non_null(strstr(heard(), "<7>"));
    log_level_set(LEVEL_ERROR);
    log_warn(NULL, "quiet");
    assert_string_equal(heard(), "");
}

static void levels_have_names(void **state)
{
    (void)state;
    assert_int_equal(log_level_from_name("error"), LEVEL_ERROR);
    assert_int_equal(log_level_from_name("debug"), LEVEL_DEBUG);
    assert_int_equal(log_level_from_name("DEBUG"), -1);
    assert_int_equal(log_level_from_name(""), -1);
}

static void *chatter(void *arg)
{
    for (int i = 0; i < 10; i++)
        log_info(arg, "line %d of many", i);
    return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    (void)state;
    pthread_t threads[4];
    struct log_ctx ctx = { .area = "test" };
    char *next, *line, text[8192];

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, chatter, &ctx), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    snprintf(text, sizeof text, "%s", heard());
    int count = 0;
    for (line = text; *line; line = next, count++) {
        char one[300];

        next = strchr(line, '\n') + 1;
        snprintf(one, sizeof one, "%.*s", (int)(next - line), line);
        assert_true(is_logfmt(one + 3));
    }
    assert_int_equal(count, 40);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, listen_in, listen_out)
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_level_time_context_and_message),
        TEST(newlines_quotes_and_control_bytes_are_escaped),
        TEST(an_empty_value_is_quoted),
        TEST(a_line_that_is_too_long_is_cut_and_stays_logfmt),
        TEST(lines_above_the_level_are_dropped),
        TEST(levels_have_names),
        TEST(lines_of_several_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
