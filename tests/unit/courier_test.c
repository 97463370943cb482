// SPDX-License-Identifier: Apache-2.0
// threaded
//
// Messages carried to a server that behaves well, badly, or is not the one it seemed to be.

#include "notify/courier.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "notify/sign.h"
#include "support/catcher.h"
#include "test.h"

#define DEADLINE_MS 30000

static struct catcher catcher;
static struct courier *courier;
static struct courier_report reports[16];
static int reported;

// ---------------------------------------------------------------- a resolver of our own

static struct {
    const char *answers[4]; // the n-th time a name is asked for; the last one from then on
    int asked;
} rebind;

static struct addrinfo *one_address(const char *text, const char *service)
{
    struct addrinfo *a = calloc(1, sizeof *a);
    struct sockaddr_in *in = calloc(1, sizeof *in);

    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)strtoul(service ? service : "0", NULL, 10));
    assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
    *a = (struct addrinfo){ .ai_family = AF_INET,
                            .ai_socktype = SOCK_STREAM,
                            .ai_protocol = IPPROTO_TCP,
                            .ai_addrlen = sizeof *in,
                            .ai_addr = (struct sockaddr *)in };
    return a;
}

// Takes the place of the C library's, for libcurl too: no test asks a real resolver.
int getaddrinfo(const char *name, const char *service, const struct addrinfo *how,
                struct addrinfo **out)
{
    struct in_addr any;

    (void)how;
    if (inet_pton(AF_INET, name, &any) == 1)
        *out = one_address(name, service);
    else if (strcmp(name, "rebind.example") == 0) {
        int n = rebind.asked++;
        while (n > 0 && !rebind.answers[n])
            n--;
        *out = one_address(rebind.answers[n], service);
    } else if (strcmp(name, "localhost") == 0)
        *out = one_address("127.0.0.1", service);
    else
        return EAI_NONAME;
    return 0;
}

void freeaddrinfo(struct addrinfo *a)
{
    if (a)
        free(a->ai_addr);
    free(a);
}

// ---------------------------------------------------------------- helpers

static void done(void *ctx, const struct courier_report *r)
{
    (void)ctx;
    assert_true(reported < 16);
    reports[reported++] = *r;
}

static void hire(const char *allow, int64_t total_ms)
{
    struct courier_options o = { .connect_ms = total_ms, .total_ms = total_ms, .done = done };
    struct fault f = { 0 };

    courier_free(courier);
    reported = 0;
    assert_int_equal(fence_parse(allow, &o.fence, &f), RC_OK);
    assert_int_equal(courier_new(&o, &courier, &f), RC_OK);
}

static void post(int64_t id, const char *host, const char *path)
{
    char url[200];
    struct fault f = { 0 };
    struct courier_order o = { .id = id,
                               .url = url,
                               .body = "{\"a\":1}",
                               .len = 7,
                               .headers = { "Content-Type: application/json", "X-Id: 7" } };

    snprintf(url, sizeof url, "http://%s:%d%s", host, catcher.port, path);
    assert_int_equal(courier_send(courier, &o, &f), RC_OK);
}

static void until(int n)
{
    int64_t end = clock_mono_ms() + DEADLINE_MS;

    while (reported < n) {
        assert_true(clock_mono_ms() < end);
        courier_turn(courier, 20);
    }
}

static const struct courier_report *to(const char *host)
{
    int n = reported;

    post(1, host, "/hook/s3cret");
    until(n + 1);
    assert_null(strstr(reports[n].text, "s3cret"));
    return &reports[n];
}

static int before(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    memset(&rebind, 0, sizeof rebind);
    catcher_start(&catcher);
    hire("127.0.0.1", 20000);
    return 0;
}

static int after(void **state)
{
    (void)state;
    courier_free(courier);
    courier = NULL;
    catcher_stop(&catcher);
    return 0;
}

// ---------------------------------------------------------------- stories

static void a_message_arrives_with_its_headers(void **state)
{
    (void)state;
    assert_true(to("127.0.0.1")->arrived);
    assert_int_equal(reports[0].status, 204);
    const struct caught *r = catcher_wait(&catcher, 0);
    assert_string_equal(r->body, "{\"a\":1}");
    assert_memory_equal(r->head, "POST /hook/s3cret HTTP/1.1\r\n", 28);
    assert_string_equal(caught_header(r, "X-Id"), "7");
    assert_string_equal(caught_header(r, "Content-Type"), "application/json");
    assert_string_equal(caught_header(r, "Expect"), "");
}

static void whoever_answers_badly_is_told_of_in_words(void **state)
{
    static const struct {
        enum manner manner;
        int status;
        bool arrived;
        const char *word;
    } cases[] = {
        { CATCH_ERROR, 500, false, "answered 500" },
        { CATCH_REDIRECT, 302, false, "redirects are not followed" },
        { CATCH_FLOOD, 200, true, "answered 200" },
        { CATCH_REFUSE, 500, false, "too long" },
        { CATCH_CLOSE, 0, false, "without an answer" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        atomic_store(&catcher.manner, cases[i].manner);
        const struct courier_report *r = to("127.0.0.1");
        if (r->arrived != cases[i].arrived || r->status != cases[i].status ||
            !strstr(r->text, cases[i].word))
            fail_msg("manner %d: %d %d %s", cases[i].manner, r->arrived, r->status, r->text);
    }
}

static void who_hangs_costs_its_own_time_only(void **state)
{
    (void)state;
    hire("127.0.0.1", 500);
    atomic_store(&catcher.manner, CATCH_HANG);
    assert_false(to("127.0.0.1")->arrived);
    assert_non_null(strstr(reports[0].text, "no answer within"));
    assert_int_equal(courier_busy(courier), 0);
}

// Its status had come: the message has arrived, whatever the rest of the answer would be.
static void who_drips_its_answer_is_not_waited_for(void **state)
{
    (void)state;
    hire("127.0.0.1", 5000);
    atomic_store(&catcher.manner, CATCH_DRIP);
    assert_true(to("127.0.0.1")->arrived);
    assert_non_null(strstr(reports[0].text, "answered 200"));
}

static void a_name_that_leads_home_is_refused_before_a_connection(void **state)
{
    static const char *const hosts[] = { "127.0.0.1", "localhost", "127.0.0.2" };

    (void)state;
    hire("", 20000);
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        const struct courier_report *r = to(hosts[i]);
        assert_false(r->arrived);
        if (!strstr(r->text, "loopback"))
            fail_msg("%s: %s", hosts[i], r->text);
    }
    assert_int_equal(catcher_connections(&catcher), 0);
}

static void a_name_that_changes_its_mind_gains_nothing(void **state)
{
    (void)state;
    rebind.answers[0] = "127.0.0.1";
    rebind.answers[1] = "127.0.0.2";
    assert_true(to("rebind.example")->arrived);
    assert_false(to("rebind.example")->arrived);
    assert_non_null(strstr(reports[1].text, "127.0.0.2 is a loopback address"));
    assert_int_equal(rebind.asked, 2);
    assert_int_equal(catcher_connections(&catcher), 1);
}

static void proxies_of_the_environment_are_not_used(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.9:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.9:1", 1);
    assert_true(to("127.0.0.1")->arrived);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

static void other_kinds_of_address_go_nowhere(void **state)
{
    static const char *const urls[] = { "file:///etc/passwd", "gopher://127.0.0.1/",
                                        "ftp://127.0.0.1/", "dict://127.0.0.1/", "nonsense:" };

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct courier_order o = { .url = urls[i], .body = "", .headers = { NULL } };
        struct fault f = { 0 };
        int n = reported;
        if (courier_send(courier, &o, &f) != RC_OK)
            continue;
        until(n + 1);
        if (reports[n].arrived)
            fail_msg("%s was taken", urls[i]);
    }
}

static void what_is_on_its_way_can_be_dropped(void **state)
{
    (void)state;
    atomic_store(&catcher.manner, CATCH_HANG);
    post(1, "127.0.0.1", "/");
    post(2, "127.0.0.1", "/");
    courier_turn(courier, 5);
    assert_int_equal(courier_busy(courier), 2);
}

// Computed with openssl dgst -sha256 -hmac.
static void a_signature_is_over_time_and_body(void **state)
{
    char out[SIGN_SIZE], other[SIGN_SIZE];
    struct fault f = { 0 };

    (void)state;
    assert_int_equal(sign_header("key", 1790000000, "{}", 2, out, &f), RC_OK);
    assert_string_equal(
        out, "t=1790000000,v1=099d33989336226b12c85da813adf6100e1bbab1e91bede9a41ddeb7882d66b8");
    assert_int_equal(sign_header("key", 1790000001, "{}", 2, other, &f), RC_OK);
    assert_string_not_equal(out + 14, other + 14);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, before, after)
    const struct CMUnitTest tests[] = {
        STORY(a_message_arrives_with_its_headers),
        STORY(whoever_answers_badly_is_told_of_in_words),
        STORY(who_hangs_costs_its_own_time_only),
        STORY(who_drips_its_answer_is_not_waited_for),
        STORY(a_name_that_leads_home_is_refused_before_a_connection),
        STORY(a_name_that_changes_its_mind_gains_nothing),
        STORY(proxies_of_the_environment_are_not_used),
        STORY(other_kinds_of_address_go_nowhere),
        STORY(what_is_on_its_way_can_be_dropped),
        cmocka_unit_test(a_signature_is_over_time_and_body),
    };

    return cmocka_run_group_tests_name("courier", tests, NULL, NULL);
}
