// SPDX-License-Identifier: Apache-2.0
// threaded
//
// A second machine becomes a device by one command: the server in one network namespace, the
// device in another, a cable between them.
//
//   srv0 10.99.0.1, 10.99.0.3 (not in the certificate) <--veth--> dev0 10.99.0.2
//
// Namespaces need no root, but a system may forbid them: then the stories are skipped, and say so.

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/hex.h"
#include "enroll/enroll.h"
#include "support/binary.h"
#include "support/folder.h"
#include "support/gate.h"
#include "support/model.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"
#include "window/arrival_api.h"

#define SERVER  "10.99.0.1"
#define UNNAMED "10.99.0.3"
#define DEAD    "10.99.0.1:1"

static struct gate *gate;
static char folder[64], pin[65], server[40];
static pid_t machine; // holds the device's namespace

// ---------------------------------------------------------------- the two machines

__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
    char line[900];
    va_list ap;

    va_start(ap, format);
    vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    return WEXITSTATUS(pclose(popen(line, "r")));
}

static int make_machine(void)
{
    int ready[2];
    char byte;

    if (pipe(ready))
        return -1;
    machine = fork();
    if (machine == 0) {
        if (unshare(CLONE_NEWNET) || write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        return -1;
    close(ready[0]);
    return shell("ip link set lo up && ip link add srv0 type veth peer name dev0 && "
                 "ip link set dev0 netns %d && ip addr add " SERVER "/24 dev srv0 && "
                 "ip addr add " UNNAMED "/24 dev srv0 && ip link set srv0 up && "
                 "nsenter -t %d -n sh -c 'ip link set lo up && ip addr add 10.99.0.2/24 dev dev0 "
                 "&& ip link set dev0 up'",
                 (int)machine, (int)machine);
}

static int read_pin(void)
{
    char *pem = NULL;
    uint8_t digest[32];

    if (keeper_ca(gate->keeper, CA_SERVER_ROOT, NULL, &pem, NULL) != RC_OK)
        return -1;
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *ca = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    X509_digest(ca, EVP_sha256(), digest, NULL);
    hex_encode(digest, sizeof digest, pin);
    X509_free(ca);
    BIO_free(bio);
    free(pem);
    return 0;
}

static int open_gate(void **state)
{
    (void)state;
    if (make_machine() != 0)
        return -1;
    gate = gate_up(&(struct gate_options){ .host = SERVER });
    folder_make(folder, sizeof folder, "netns");
    snprintf(server, sizeof server, SERVER ":%d", gate->port);
    return read_pin();
}

static int close_gate(void **state)
{
    (void)state;
    gate_down(gate);
    kill(machine, SIGKILL);
    waitpid(machine, NULL, 0);
    folder_remove(folder);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    model_sql(pg_conninfo(), "DELETE FROM arrival; DELETE FROM registration_window");
    return 0;
}

// The agent on the second machine; its output goes to folder/name.log.
static pid_t start(const char *name, const char *const *args)
{
    char program[600], log[100], ns[16];
    const char *argv[20] = { "nsenter", "-t", ns, "-n", program };
    pid_t pid = fork();
    int n = 5;

    snprintf(program, sizeof program, "%s/orrery-device", binary_folder());
    snprintf(log, sizeof log, "%s/%s.log", folder, name);
    snprintf(ns, sizeof ns, "%d", (int)machine);
    while (*args && n < 19)
        argv[n++] = *args++;
    argv[n] = NULL;
    if (pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

static pid_t enroll(const char *name, const char *to, const char *hash, const char *code)
{
    char dir[100];
    const char *args[] = { "enroll", "--dir",      dir,     "--server", to,   "--ca-sha256",
                           hash,     "--interval", "100ms", "--claim",  code, NULL };

    snprintf(dir, sizeof dir, "%s/%s", folder, name);
    if (!code)
        args[9] = NULL;
    return start(name, args);
}

// Whether its output has these words within some seconds.
static bool says(const char *name, const char *words)
{
    static char text[20000];
    char path[100];

    snprintf(path, sizeof path, "%s/%s.log", folder, name);
    for (int i = 0; i < 1200; i++) {
        FILE *f = fopen(path, "r");
        size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;

        text[n] = '\0';
        if (f)
            fclose(f);
        if (strstr(text, words))
            return true;
        usleep(100000);
    }
    fprintf(stderr, "%s: no '%s' in: %s\n", name, words, text);
    return false;
}

static int stop(pid_t pid)
{
    int status = 0;

    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void gives_up(const char *name, pid_t pid, const char *words)
{
    int status = 0;

    assert_true(says(name, words));
    for (int i = 0; i < 600 && waitpid(pid, &status, WNOHANG) == 0; i++)
        usleep(100000);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

// "device ID, boot …", as it says at the start.
static void read_id(const char *name, char id[DEVICE_ID_LEN + 1])
{
    char path[100], text[400] = "";
    FILE *f;

    snprintf(path, sizeof path, "%s/%s.log", folder, name);
    f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    char *at = strstr(text, "msg=\"device ");
    assert_non_null(at);
    memcpy(id, at + strlen("msg=\"device "), DEVICE_ID_LEN);
    id[DEVICE_ID_LEN] = '\0';
}

// What this machine measures is good in demo.
static void accept_machine(void)
{
    char line[700];
    static char text[20000];
    json_t *o, *v;
    size_t i;

    snprintf(line, sizeof line, "%s/orrery-device measure", binary_folder());
    FILE *p = popen(line, "r");
    text[fread(text, 1, sizeof text - 1, p)] = '\0';
    pclose(p);
    o = json_loads(text, 0, NULL);
    assert_non_null(o);
    json_array_foreach (json_object_get(o, "values"), i, v)
        gate_accept(gate, gate->demo, json_string_value(json_object_get(v, "component")),
                    json_string_value(json_object_get(v, "version")),
                    json_string_value(json_object_get(v, "sha256")),
                    (int)json_integer_value(json_object_get(v, "svn")));
    json_decref(o);
}

static bool readings(int64_t more_than)
{
    for (int i = 0; i < 600; i++) {
        if (rest_sql(pg_conninfo(), "SELECT count(*) FROM telemetry") > more_than)
            return true;
        usleep(100000);
    }
    return false;
}

// ---------------------------------------------------------------- stories

static void one_command_makes_a_second_machine_a_device(void **state)
{
    char code[CODE_LEN + 1], dir[100];
    int64_t window = gate_window(gate, gate->demo, 5, code), before;
    const char *again[] = { "run", "--dir", dir, "--interval", "100ms", NULL };
    pid_t pid;

    (void)state;
    accept_machine();
    pid = enroll("second", server, pin, code);
    assert_true(says("second", "this machine is now device"));
    assert_true(readings(5));
    assert_int_equal(stop(pid), 0);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT claimed FROM registration_window"), 1);
    assert_int_equal(
        rest_sql(pg_conninfo(), "SELECT count(*) FROM audit WHERE remote = '10.99.0.2'"), 1);
    gate_window_close(gate, gate->demo, window);
    // From now on its folder knows all that is needed.
    snprintf(dir, sizeof dir, "%s/second", folder);
    before = rest_sql(pg_conninfo(), "SELECT count(*) FROM telemetry");
    pid = start("again", again);
    assert_true(readings(before + 5));
    assert_int_equal(stop(pid), 0);
}

static void without_a_code_it_waits_until_a_person_claims_it(void **state)
{
    const struct services services = { .roster = gate->roster, .bus = gate->bus };
    int64_t window = gate_window(gate, gate->demo, 5, NULL);
    struct model_call call = { .routes = arrival_routes,
                               .method = "GET",
                               .pattern = "/api/v1/catalogs/{catalog}/arrivals",
                               .catalog = gate->demo };
    struct model_answer listed, claimed;
    pid_t pid = enroll("waiting", server, pin, NULL);

    (void)state;
    accept_machine();
    assert_true(says("waiting", "nobody has claimed this device yet"));
    model_run(gate->store, &services, &call, &listed);
    json_t *arrival = json_array_get(json_object_get(listed.body, "items"), 0);
    assert_string_equal(json_string_value(json_object_get(arrival, "remote")), "10.99.0.2");
    call.method = "POST";
    call.pattern = "/api/v1/catalogs/{catalog}/arrivals/{fingerprint}/claim";
    call.id = json_string_value(json_object_get(arrival, "fingerprint"));
    call.body = "{\"name\":\"second\"}";
    model_run(gate->store, &services, &call, &claimed);
    assert_int_equal(claimed.rc, RC_OK);
    model_answer_done(&listed);
    model_answer_done(&claimed);
    assert_true(says("waiting", "connected"));
    assert_int_equal(stop(pid), 0);
    gate_window_close(gate, gate->demo, window);
}

static void every_failure_is_a_sentence_for_the_person_who_waits(void **state)
{
    char code[CODE_LEN + 1], gone[CODE_LEN + 1], wrong[65], unnamed[40];
    int64_t closed = gate_window(gate, gate->demo, 5, gone);
    int64_t window = gate_window(gate, gate->demo, 5, code);

    (void)state;
    gate_window_close(gate, gate->demo, closed);
    memset(wrong, 'a', 64);
    wrong[64] = '\0';
    snprintf(unnamed, sizeof unnamed, UNNAMED ":%d", gate->port);
    gives_up("hash", enroll("hash", server, wrong, code), "this is not the server of --ca-sha256");
    gives_up("short", enroll("short", server, "abc", code), "64 hex digits");
    gives_up("dead", enroll("dead", DEAD, pin, code), "cannot reach 10.99.0.1 port 1");
    gives_up("name", enroll("name", unnamed, pin, code), "does not name '" UNNAMED "'");
    gives_up("code", enroll("code", server, pin, "AAAA-AAAA-AAAA-AAAA"), "not known here");
    gives_up("gone", enroll("gone", server, pin, gone), "expired");
    gate_window_close(gate, gate->demo, window);
    gives_up("shut", enroll("shut", server, pin, code), "lets no new device in");
    // What was not believed was not kept.
    assert_int_equal(shell("test -e %s/hash/server-ca.pem", folder), 1);
    assert_int_equal(shell("test -e %s/code/server-ca.pem", folder), 0);
}

static void whoever_is_unclaimed_or_retired_is_told_so(void **state)
{
    char dir[100], id[DEVICE_ID_LEN + 1];
    const char *args[] = { "run", "--dir", dir, "--interval", "100ms", NULL };
    struct device_touched touched;
    struct fault f = { 0 };
    pid_t pid;

    (void)state;
    snprintf(dir, sizeof dir, "%s/second", folder); // of the first story
    pid = start("told", args);
    assert_true(says("told", "connected"));
    read_id("told", id);
    assert_int_equal(device_unclaim(gate->store, gate->demo, id, &touched, &f), RC_OK);
    struct enroll_news news = { .catalog = gate->demo, .revoked = true, .what = touched };
    memcpy(news.id, id, sizeof news.id);
    enroll_announce(gate->roster, gate->bus, &news);
    assert_true(says("told", "this device was unclaimed"));
    gate_custody(gate, id, CUSTODY_RETIRE);
    assert_true(says("told", "the server has retired this device"));
    assert_int_equal(stop(pid), 0);
}

// ---------------------------------------------------------------- namespaces

static void the_second_machine_was_not_tried(void **state)
{
    (void)state;
    print_message("skipped: this system allows no network namespaces (unshare, ip, nsenter)\n");
    skip();
}

// Without root, in a user namespace of our own, as the same user: PostgreSQL refuses root.
#define OWN_USER "--user --map-current-user --keep-caps"

static const char *user_flags(void)
{
    return geteuid() == 0 ? "" : OWN_USER;
}

static bool has_namespaces(void)
{
    return shell("unshare %s --net sh -c 'ip link set lo up && ip link add srv0 type veth peer "
                 "name dev0 && unshare --net nsenter -t $$ -n true' > /dev/null 2>&1",
                 user_flags()) == 0;
}

static int enter(const char *self)
{
    char line[700];

    snprintf(line, sizeof line, "exec unshare %s --net %s inside", user_flags(), self);
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    return 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(one_command_makes_a_second_machine_a_device, clean),
        cmocka_unit_test_teardown(without_a_code_it_waits_until_a_person_claims_it, clean),
        cmocka_unit_test_teardown(whoever_is_unclaimed_or_retired_is_told_so, clean),
        cmocka_unit_test_teardown(every_failure_is_a_sentence_for_the_person_who_waits, clean),
    };
    const struct CMUnitTest none[] = { cmocka_unit_test(the_second_machine_was_not_tried) };

    if (gate_is_keeper(argc, argv))
        return gate_keeper(argv);
    if (argc == 1)
        return has_namespaces() ? enter(argv[0])
                                : cmocka_run_group_tests_name("second machine", none, NULL, NULL);
    return cmocka_run_group_tests_name("second machine", tests, open_gate, close_gate);
}
