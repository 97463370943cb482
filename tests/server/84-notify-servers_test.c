// SPDX-License-Identifier: Apache-2.0
//
// Messages as real servers take them: a mail server and a Prometheus Alertmanager of Debian,
// unmodified.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "notify/courier.h"
#include "notify/message.h"
#include "support/folder.h"
#include "test.h"

#define WAIT_MS 60000

extern char **environ;

static char folder[64], cert[100], key[100];
static struct courier *courier;
static struct courier_report report;
static int reports;

// ---------------------------------------------------------------- a server as a process

struct server {
    pid_t pid;
    int in; // its standard input
    FILE *out;
    int port;
};

static void server_start(struct server *s, char *const argv[])
{
    posix_spawn_file_actions_t files;
    int in[2], out[2];

    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0], 0);
    posix_spawn_file_actions_adddup2(&files, out[1], 1);
    posix_spawn_file_actions_adddup2(&files, out[1], 2);
    if (posix_spawn(&s->pid, argv[0], &files, NULL, argv, environ) != 0)
        fail_msg("%s cannot be started", argv[0]);
    posix_spawn_file_actions_destroy(&files);
    close(in[0]);
    close(out[1]);
    s->in = in[1];
    s->out = fdopen(out[0], "r");
}

// Its port stands after word in one of its lines.
static void server_await(struct server *s, const char *word)
{
    char line[2000] = "";
    const char *at = NULL;

    while (!at && fgets(line, sizeof line, s->out))
        at = strstr(line, word);
    s->port = at ? (int)strtol(at + strlen(word), NULL, 10) : 0;
    if (!s->port)
        fail_msg("it did not start: %s", line);
}

static void server_stop(struct server *s)
{
    if (!s->pid)
        return;
    close(s->in);
    kill(s->pid, SIGTERM);
    (void)waitpid(s->pid, NULL, 0);
    fclose(s->out);
    *s = (struct server){ 0 };
}

static struct server smtp, alertmanager;

static void start_smtp(const char *manner)
{
    char *const argv[] = { (char[]){ "/usr/bin/python3" },
                           (char[]){ "tests/support/smtpd.py" },
                           folder,
                           cert,
                           key,
                           (char *)(uintptr_t)manner,
                           NULL };

    server_stop(&smtp);
    server_start(&smtp, argv);
    server_await(&smtp, "");
}

// ---------------------------------------------------------------- helpers

static void run(const char *command, char *out, size_t size)
{
    FILE *p = popen(command, "re");

    assert_non_null(p);
    size_t n = fread(out, 1, size - 1, p);
    out[n] = '\0';
    if (pclose(p) != 0)
        fail_msg("%s: %s", command, out);
}

static void done(void *ctx, const struct courier_report *r)
{
    (void)ctx;
    report = *r;
    reports++;
}

static void hire(const char *ca)
{
    struct courier_options o = {
        .ca_file = ca, .connect_ms = WAIT_MS / 2, .total_ms = WAIT_MS / 2, .done = done
    };
    struct fault f = { 0 };

    courier_free(courier);
    courier = NULL;
    assert_int_equal(fence_parse("127.0.0.1,::1", &o.fence, &f), RC_OK);
    assert_int_equal(courier_new(&o, &courier, &f), RC_OK);
}

static const struct courier_report *carry(const struct courier_order *o)
{
    int64_t end = clock_mono_ms() + WAIT_MS;
    struct fault f = { 0 };
    int before = reports;

    if (courier_send(courier, o, &f) != RC_OK)
        fail_msg("%s", f.text);
    while (reports == before) {
        assert_true(clock_mono_ms() < end);
        courier_turn(courier, 50);
    }
    return &report;
}

static int up(void **state)
{
    char command[600], out[1000];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    folder_make(folder, sizeof folder, "notify");
    snprintf(cert, sizeof cert, "%s/cert.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
             "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 "
             "-keyout %s -out %s 2>&1",
             key, cert);
    run(command, out, sizeof out);
    hire(cert);
    return 0;
}

static int down(void **state)
{
    (void)state;
    courier_free(courier);
    server_stop(&smtp);
    server_stop(&alertmanager);
    folder_remove(folder);
    return 0;
}

static const struct notice *a_notice(void)
{
    static struct notice n = {
        .catalog = "demo",
        .route = "Nachtwache",
        .change = "opened",
        .event = "0b5f0e6e-7d0c-4a39-9a55-2a1f6f9b1c01",
        .link = "https://orrery.example",
        .alert = 17,
        .title = "Pumpen laufen heiß in Luleå\r\nBcc: evil@example.org – seit dem letzten "
                 "Update, 温度 90 °C",
        .severity = "high",
        .source = "rule",
        .code = "rule",
        .state = "open",
        .devices = 1204,
        .worst = 1204,
        .reach = "1,204 of 50,000 devices; most of all Luleå 2",
    };

    n.since = n.at = clock_now_ms() - 60000;
    if (!n.examples) {
        n.examples = json_loads("[{\"id\":\"3f\",\"name\":\"..pump\\r\\n.\\r\\nQUIT\"}]", 0, NULL);
        n.steps = json_loads("[{\"text\":\"Look at one of them\"},{\"text\":\"" // a long line
                             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = end\"}]",
                             0, NULL);
    }
    return &n;
}

static char *a_mail(void)
{
    json_auto_t *to = json_pack("[s, s]", "ops@example.org", "night@example.org");
    const struct message_mail m = { .from = "orrery@example.org", .to = to, .now = 1790000000000 };
    struct fault f = { 0 };
    char *mail = NULL;

    assert_int_equal(message_mail(a_notice(), &m, &mail, &f), RC_OK);
    assert_non_null(mail);
    return mail;
}

static const struct courier_report *send_mail(const char *scheme, bool starttls,
                                              const char *password, const char *to)
{
    auto_free char *mail = a_mail();
    char url[80];
    struct courier_order o = { .url = url,
                               .body = mail,
                               .len = strlen(mail),
                               .from = "orrery@example.org",
                               .to = { "ops@example.org", to },
                               .user = password ? "orrery" : NULL,
                               .password = password,
                               .starttls = starttls };

    snprintf(url, sizeof url, "%s://127.0.0.1:%d", scheme, smtp.port);
    return carry(&o);
}

// The n-th mail as Python's own parser reads it: a JSON object.
static json_t *mail_read(int n)
{
    char command[900], out[8000];

    snprintf(command, sizeof command,
             "/usr/bin/python3 -c 'import email, email.policy, json, sys\n"
             "first, rest = open(\"%s/%d.eml\", \"rb\").read().split(b\"\\n\", 1)\n"
             "m = email.message_from_bytes(rest, policy=email.policy.default)\n"
             "print(json.dumps({\"envelope\": first.decode(), \"names\": m.keys(), "
             "\"subject\": m[\"Subject\"], \"to\": m[\"To\"], \"id\": m[\"Message-ID\"], "
             "\"text\": m.get_content(), \"defects\": [str(d) for d in m.defects]}))'",
             folder, n);
    run(command, out, sizeof out);
    json_t *o = json_loads(out, 0, NULL);
    assert_non_null(o);
    return o;
}

static const char *text_of(json_t *o, const char *member)
{
    const char *text = json_string_value(json_object_get(o, member));

    return text ? text : "";
}

static bool holds(const char *text, const char *part)
{
    if (!strstr(text, part))
        print_message("'%s' is not in: %s\n", part, text);
    return strstr(text, part) != NULL;
}

// ---------------------------------------------------------------- stories

static void a_mail_says_title_reach_steps_and_link(void **state)
{
    (void)state;
    start_smtp("plain");
    const struct courier_report *r = send_mail("smtp", false, NULL, "night@example.org");
    if (!r->arrived)
        fail_msg("%s", r->text);
    json_auto_t *m = mail_read(1);
    const char *text = text_of(m, "text");
    assert_string_equal(text_of(m, "envelope"),
                        "orrery@example.org ops@example.org,night@example.org tls=False");
    assert_int_equal(json_array_size(json_object_get(m, "defects")), 0);
    assert_string_equal(text_of(m, "to"), "ops@example.org, night@example.org");
    assert_string_equal(text_of(m, "id"), "<0b5f0e6e-7d0c-4a39-9a55-2a1f6f9b1c01@example.org>");
    assert_true(holds(text, "Reach: 1,204 of 50,000 devices; most of all Luleå 2"));
    assert_true(holds(text, "  1. Look at one of them"));
    assert_true(holds(text, "aaaa = end"));
    assert_true(holds(text, "https://orrery.example/c/demo/alerts/17"));
    assert_true(holds(text, "..pump")); // neither doubled nor taken for the end
    assert_true(holds(text, "route \"Nachtwache\""));
}

static void a_title_cannot_add_a_header(void **state)
{
    static const char *const expected[] = { "From",           "To",
                                            "Subject",        "Date",
                                            "Message-ID",     "References",
                                            "Auto-Submitted", "MIME-Version",
                                            "Content-Type",   "Content-Transfer-Encoding" };

    (void)state;
    json_auto_t *m = mail_read(1);
    json_t *names = json_object_get(m, "names");
    assert_int_equal(json_array_size(names), sizeof expected / sizeof *expected);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_string_equal(json_string_value(json_array_get(names, i)), expected[i]);
    assert_true(holds(text_of(m, "subject"), "[demo] high: Pumpen laufen heiß in Luleå"));
    assert_true(holds(text_of(m, "subject"), "温度 90 °C"));
}

static void no_line_of_a_mail_is_too_long(void **state)
{
    auto_free char *mail = a_mail();

    (void)state;
    size_t column = 0;
    for (const char *p = mail; *p; p++) {
        column = *p == '\n' ? 0 : column + 1;
        if (column > 79) // with its CR
            fail_msg("%.100s", p - column + 1);
        assert_true((*p >= ' ' && *p <= '~') || *p == '\r' || *p == '\n');
    }
}

static void a_password_goes_over_tls_only(void **state)
{
    (void)state;
    start_smtp("starttls");
    const struct courier_report *r = send_mail("smtp", true, "hunter2hunter2", NULL);
    if (!r->arrived)
        fail_msg("%s", r->text);
    json_auto_t *m = mail_read(1);
    assert_true(holds(text_of(m, "envelope"), "tls=True"));
    r = send_mail("smtp", true, "wrong-password", NULL);
    assert_false(r->arrived);
    assert_true(holds(r->text, "user name or the password"));
    assert_null(strstr(r->text, "wrong-password"));
    start_smtp("tls");
    r = send_mail("smtps", false, "hunter2hunter2", NULL);
    if (!r->arrived)
        fail_msg("%s", r->text);
    start_smtp("plain"); // which offers none
    r = send_mail("smtp", true, "hunter2hunter2", NULL);
    assert_false(r->arrived);
    assert_true(holds(r->text, "STARTTLS"));
}

static void a_server_that_nobody_vouches_for_gets_nothing(void **state)
{
    (void)state;
    hire(NULL); // the system's CAs
    start_smtp("tls");
    const struct courier_report *r = send_mail("smtps", false, "hunter2hunter2", NULL);
    assert_false(r->arrived);
    assert_true(holds(r->text, "certificate"));
    hire(cert);
}

static void what_the_mail_server_refuses_is_told(void **state)
{
    (void)state;
    start_smtp("plain");
    const struct courier_report *r = send_mail("smtp", false, NULL, "nobody@example.org");
    assert_false(r->arrived);
    assert_true(holds(r->text, "550"));
}

// ---------------------------------------------------------------- Alertmanager

static void post_notice(const struct notice *n)
{
    auto_free char *body = NULL;
    char url[80];
    struct fault f = { 0 };

    assert_int_equal(message_alertmanager(n, &body, &f), RC_OK);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/api/v2/alerts", alertmanager.port);
    const struct courier_order o = { .url = url,
                                     .body = body,
                                     .len = strlen(body),
                                     .headers = { "Content-Type: application/json" } };
    const struct courier_report *r = carry(&o);
    if (!r->arrived || r->status != 200)
        fail_msg("%d %s", r->status, r->text);
}

static json_t *alerts_of_it(void)
{
    char command[200], out[8000];

    snprintf(command, sizeof command, "curl -sS --noproxy '*' http://127.0.0.1:%d/api/v2/alerts",
             alertmanager.port);
    run(command, out, sizeof out);
    json_t *list = json_loads(out, 0, NULL);
    assert_non_null(list);
    return list;
}

static void start_alertmanager(void)
{
    char config[100], data[100], line[200];
    char *const argv[] = { (char[]){ "/usr/bin/prometheus-alertmanager" },
                           (char[]){ "--web.listen-address=127.0.0.1:0" },
                           (char[]){ "--cluster.listen-address=" },
                           config,
                           data,
                           NULL };

    snprintf(line, sizeof line, "%s/alertmanager.yml", folder);
    snprintf(config, sizeof config, "--config.file=%.80s", line);
    snprintf(data, sizeof data, "--storage.path=%.60s/am", folder);
    FILE *out = fopen(line, "w");
    assert_non_null(out);
    fputs("route:\n  receiver: none\nreceivers:\n- name: none\n", out);
    fclose(out);
    server_start(&alertmanager, argv);
    server_await(&alertmanager, "msg=\"Listening on\" address=127.0.0.1:");
}

static void an_alertmanager_holds_the_alert_until_it_is_over(void **state)
{
    struct notice n = *a_notice();
    int64_t end = clock_mono_ms() + WAIT_MS;

    (void)state;
    start_alertmanager();
    post_notice(&n);
    post_notice(&n); // again: the same alert
    json_auto_t *list = alerts_of_it();
    while (json_array_size(list) != 1) {
        assert_true(clock_mono_ms() < end);
        json_decref(list);
        list = alerts_of_it();
    }
    json_t *alert = json_array_get(list, 0), *labels = json_object_get(alert, "labels");
    assert_string_equal(text_of(labels, "alertname"), "rule");
    assert_string_equal(text_of(labels, "severity"), "high");
    assert_string_equal(text_of(labels, "alert"), "17");
    assert_true(holds(text_of(json_object_get(alert, "annotations"), "summary"), "Luleå"));
    assert_string_equal(text_of(alert, "generatorURL"), "https://orrery.example/c/demo/alerts/17");
    n.resolved_at = clock_now_ms() - 1000;
    n.change = "resolved";
    post_notice(&n);
    while (json_array_size(list) != 0) {
        assert_true(clock_mono_ms() < end);
        json_decref(list);
        list = alerts_of_it();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_says_title_reach_steps_and_link),
        cmocka_unit_test(a_title_cannot_add_a_header),
        cmocka_unit_test(no_line_of_a_mail_is_too_long),
        cmocka_unit_test(a_password_goes_over_tls_only),
        cmocka_unit_test(a_server_that_nobody_vouches_for_gets_nothing),
        cmocka_unit_test(what_the_mail_server_refuses_is_told),
        cmocka_unit_test(an_alertmanager_holds_the_alert_until_it_is_over),
    };

    return cmocka_run_group_tests_name("servers that take notifications", tests, up, down);
}
