// SPDX-License-Identifier: Apache-2.0
//
// The private cluster, made and broken for real. PostgreSQL refuses root, so all but the first test
// run in a child that gave its rights up.

// threaded

#include <libpq-fe.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "store/cluster.h"
#include "support/folder.h"
#include "support/pg.h"
#include "test.h"

DEFINE_AUTO(struct cluster *, cluster_stopp, cluster_stop)

static char dir[64]; // the instance folder; all tests use the same, in order

static struct cluster *start(void)
{
    struct cluster *c = NULL;
    struct fault f = { 0 };

    if (cluster_start(dir, &c, &f) != RC_OK)
        fail_msg("%s", f.text);
    return c;
}

// The first value of the answer, or "" while nobody answers.
static void ask(const char *conninfo, const char *sql, char *out, size_t size)
{
    PGconn *pg = PQconnectdb(conninfo);
    PGresult *r = PQexec(pg, sql);

    snprintf(out, size, "%s",
             PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
    PQfinish(pg);
}

static pid_t postmaster(void)
{
    char path[128], line[32] = "";

    snprintf(path, sizeof path, "%s/pg/postmaster.pid", dir);
    FILE *in = fopen(path, "r");
    if (!in)
        return 0;
    if (!fgets(line, sizeof line, in))
        *line = 0;
    fclose(in);
    return (pid_t)strtol(line, NULL, 10);
}

// What the server said last, in its log.
static bool log_ends_with(const char *words)
{
    char path[128], line[400], last[400] = "";

    snprintf(path, sizeof path, "%s/log/postgresql.log", dir);
    FILE *in = fopen(path, "r");
    if (!in)
        return false;
    while (fgets(line, sizeof line, in))
        snprintf(last, sizeof last, "%s", line);
    fclose(in);
    return strstr(last, words);
}

static bool within(int ms, bool (*true_at_last)(const struct cluster *), const struct cluster *c)
{
    int64_t until = clock_mono_ms() + ms;

    while (!true_at_last(c) && clock_mono_ms() < until)
        usleep(10000);
    return true_at_last(c);
}

static bool is_back(const struct cluster *c)
{
    return cluster_restarts(c) > 0 && cluster_is_up(c);
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    close(fd);
    return written;
}

// An ordinary user becomes root of a user namespace of its own.
static bool become_root(void)
{
    char map[32];

    snprintf(map, sizeof map, "0 %d 1", (int)geteuid());
    if (geteuid() == 0)
        return true;
    return unshare(CLONE_NEWUSER) == 0 && write_file("/proc/self/uid_map", map) && geteuid() == 0;
}

// 0: as it should be; 77: nobody may be root here.
static int start_as_root(void)
{
    struct cluster *c = NULL;
    struct fault f = { 0 };

    if (!become_root())
        return 77;
    if (cluster_start("/tmp/orrery-never", &c, &f) != RC_DENIED)
        return 1;
    return strstr(f.text, "root") && strstr(f.text, "database=") ? 0 : 2;
}

static void root_is_refused(void **state)
{
    (void)state;
    int status = 0;
    pid_t child = fork();

    if (!child)
        _exit(start_as_root());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped: user namespaces are not allowed here, so nobody can be root\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_not_equal(access("/tmp/orrery-never", F_OK), 0);
}

static void the_first_start_makes_a_cluster_that_listens_nowhere(void **state)
{
    (void)state;
    char text[64];
    auto_with(cluster_stopp) struct cluster *c = start();

    assert_true(cluster_is_up(c));
    ask(cluster_conninfo(c), "SELECT current_database()", text, sizeof text);
    assert_string_equal(text, "orrery");
    ask(cluster_conninfo(c), "SHOW listen_addresses", text, sizeof text);
    assert_string_equal(text, "");
    ask(cluster_conninfo(c), "SHOW fsync", text, sizeof text);
    assert_string_equal(text, "on");
    ask(cluster_conninfo(c), "SHOW jit", text, sizeof text);
    assert_string_equal(text, "off");
    ask(cluster_conninfo(c), "CREATE TABLE kept AS SELECT 7 AS n RETURNING n", text, sizeof text);
    ask(cluster_conninfo(c), "CREATE TABLE kept AS SELECT 7 AS n", text, sizeof text);
    cluster_trouble(c, text, sizeof text);
    assert_string_equal(text, "");
}

static void the_second_start_uses_what_is_there(void **state)
{
    (void)state;
    char text[64];
    auto_with(cluster_stopp) struct cluster *c = start();

    ask(cluster_conninfo(c), "SELECT n FROM kept", text, sizeof text);
    assert_string_equal(text, "7");
}

static void a_stop_leaves_no_process_behind(void **state)
{
    (void)state;
    struct cluster *c = start();
    pid_t pid = postmaster();
    PGconn *open = PQconnectdb(cluster_conninfo(c));

    assert_int_equal(PQstatus(open), CONNECTION_OK);
    assert_true(pg_is_running(pid));
    cluster_stop(c);
    PQfinish(open);
    assert_false(pg_is_running(pid));
    assert_int_equal(postmaster(), 0);
    assert_true(log_ends_with("database system is shut down")); // in order, whoever was connected
}

static void a_killed_postmaster_is_started_again(void **state)
{
    (void)state;
    char text[200];
    auto_with(cluster_stopp) struct cluster *c = start();
    pid_t pid = postmaster();

    kill(pid, SIGKILL);
    assert_true(within(60000, is_back, c));
    assert_int_not_equal(postmaster(), pid);
    ask(cluster_conninfo(c), "SELECT n FROM kept", text, sizeof text);
    assert_string_equal(text, "7");
    cluster_trouble(c, text, sizeof text);
    assert_string_equal(text, "");
}

static bool ends(PGconn *pg)
{
    struct pollfd p = { .fd = PQsocket(pg), .events = POLLIN };

    while (PQstatus(pg) == CONNECTION_OK && poll(&p, 1, 60000) > 0)
        PQconsumeInput(pg);
    return PQstatus(pg) != CONNECTION_OK;
}

static void a_killed_backend_does_not_cost_a_restart_of_ours(void **state)
{
    (void)state;
    char text[64];
    auto_with(cluster_stopp) struct cluster *c = start();
    pid_t pid = postmaster();

    PGconn *pg = PQconnectdb(cluster_conninfo(c)), *witness = PQconnectdb(cluster_conninfo(c));
    assert_int_equal(PQstatus(witness), CONNECTION_OK);
    kill(PQbackendPID(pg), SIGKILL);
    PQfinish(pg);
    assert_true(ends(witness)); // the postmaster has noticed and sends everybody home
    PQfinish(witness);
    *text = 0;
    for (int i = 0; i < 3000 && *text != '7'; i++) {
        usleep(20000);
        ask(cluster_conninfo(c), "SELECT n FROM kept", text, sizeof text);
    }
    assert_string_equal(text, "7");
    assert_int_equal(postmaster(), pid);
    assert_int_equal(cluster_restarts(c), 0);
}

// Starts a cluster in a child that dies at once, as a killed orreryd does.
static void start_and_die(void)
{
    pid_t child = fork();
    int status = 0;

    if (!child) {
        struct cluster *c = NULL;
        struct fault f = { 0 };

        if (cluster_start(dir, &c, &f) != RC_OK)
            _exit(1);
        raise(SIGKILL);
    }
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
}

static void the_postmaster_of_a_killed_server_is_taken_over(void **state)
{
    (void)state;
    char text[64];

    start_and_die();
    pid_t pid = postmaster();
    assert_true(pg_is_running(pid));
    struct cluster *c = start();
    assert_int_equal(postmaster(), pid);
    ask(cluster_conninfo(c), "SELECT n FROM kept", text, sizeof text);
    assert_string_equal(text, "7");
    // It is watched like one of our own.
    kill(pid, SIGKILL);
    assert_true(within(60000, is_back, c));
    pid = postmaster();
    cluster_stop(c);
    assert_false(pg_is_running(pid));
}

// As in a container whose first process waits for nobody: we are the reaper that does not reap.
static void a_dead_postmaster_that_nobody_waits_for_is_in_nobodys_way(void **state)
{
    (void)state;
    char text[64];

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    start_and_die();
    pid_t pid = postmaster();
    struct cluster *c = start();
    kill(pid, SIGKILL);
    assert_true(within(60000, is_back, c));
    assert_int_equal(kill(pid, 0), 0);
    ask(cluster_conninfo(c), "SELECT n FROM kept", text, sizeof text);
    assert_string_equal(text, "7");
    cluster_stop(c);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void a_taken_over_postmaster_is_stopped_too(void **state)
{
    (void)state;

    start_and_die();
    pid_t pid = postmaster();
    struct cluster *c = start();
    cluster_stop(c);
    assert_false(pg_is_running(pid));
}

static void server_and_postmaster_killed_together_start_again(void **state)
{
    (void)state;
    char text[64];

    start_and_die();
    kill(postmaster(), SIGKILL);
    auto_with(cluster_stopp) struct cluster *c = start();
    ask(cluster_conninfo(c), "SELECT n FROM kept", text, sizeof text);
    assert_string_equal(text, "7");
}

static void a_second_server_in_the_same_folder_is_refused(void **state)
{
    (void)state;
    auto_with(cluster_stopp) struct cluster *c = start();
    struct cluster *second = NULL;
    struct fault f = { 0 };
    pid_t pid = postmaster();

    assert_int_equal(cluster_start(dir, &second, &f), RC_CONFLICT);
    assert_non_null(strstr(f.text, "another orreryd"));
    assert_true(pg_is_running(pid));
    assert_true(cluster_is_up(c));
}

static void the_postmaster_holds_no_descriptor_of_ours(void **state)
{
    (void)state;
    char path[64], target[256], name[400];
    int leak = open("/etc/hostname", O_RDONLY); // no O_CLOEXEC, as a careless library does
    auto_with(cluster_stopp) struct cluster *c = start();

    assert_true(leak > 2);
    snprintf(path, sizeof path, "/proc/%d/fd", (int)postmaster());
    DIR *fds = opendir(path);
    assert_non_null(fds);
    for (struct dirent *e; (e = readdir(fds));) {
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        ssize_t n = readlink(name, target, sizeof target - 1);
        target[n < 0 ? 0 : n] = 0;
        assert_null(strstr(target, "hostname"));
    }
    closedir(fds);
    close(leak);
}

static void an_interrupted_first_start_is_made_again(void **state)
{
    (void)state;
    char path[128], saved[64];
    struct cluster *c = NULL;

    snprintf(saved, sizeof saved, "%s", dir);
    snprintf(dir, sizeof dir, "%.50s/again", saved);
    assert_int_equal(mkdir(dir, 0700), 0);
    snprintf(path, sizeof path, "%s/pg.new", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/pg.new/PG_VERSION", dir);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    c = start();
    cluster_stop(c);
    snprintf(path, sizeof path, "%s/pg.new", dir);
    assert_int_not_equal(access(path, F_OK), 0);
    snprintf(dir, sizeof dir, "%s", saved);
}

static void refused(const char *where, enum rc rc, const char *word)
{
    struct cluster *c = NULL;
    struct fault f = { 0 };

    assert_int_equal(cluster_start(where, &c, &f), rc);
    print_message("%s\n", f.text);
    assert_non_null(strstr(f.text, word));
}

static void a_bad_folder_gets_a_sentence(void **state)
{
    (void)state;
    char path[300], deep[200];

    refused("/proc/orrery", RC_DENIED, "/proc/orrery");
    snprintf(path, sizeof path, "%s/closed", dir);
    assert_int_equal(mkdir(path, 0500), 0);
    refused(path, RC_DENIED, "may not write");
    memset(deep, 'x', sizeof deep - 1);
    deep[sizeof deep - 1] = 0;
    snprintf(path, sizeof path, "/tmp/%s", deep);
    refused(path, RC_INVALID, "too long");
    snprintf(path, sizeof path, "%s/other", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/other/pg", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/other/pg/holiday.jpg", dir);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    snprintf(path, sizeof path, "%s/other", dir);
    refused(path, RC_CONFLICT, "move it away");
}

// The same user in a namespace in which it may mount.
static bool become_mounter(void)
{
    char uid[64], gid[64];

    snprintf(uid, sizeof uid, "%d %d 1", (int)geteuid(), (int)geteuid());
    snprintf(gid, sizeof gid, "%d %d 1", (int)getegid(), (int)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_file("/proc/self/uid_map", uid) &&
           write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/gid_map", gid);
}

static bool mount_small(const char *where, int mb)
{
    char options[32];

    snprintf(options, sizeof options, "size=%dm,mode=0700", mb);
    return mount("tmpfs", where, "tmpfs", 0, options) == 0;
}

static bool says(const char *where, const char *word)
{
    struct cluster *c = NULL;
    struct fault f = { 0 };
    enum rc rc = cluster_start(where, &c, &f);

    printf("%s\n", f.text);
    fflush(stdout);
    if (rc == RC_OK)
        cluster_stop(c);
    return rc != RC_OK && strstr(f.text, word);
}

static void fill(const char *path)
{
    static char zeros[65536];
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    while (write(fd, zeros, sizeof zeros) > 0)
        continue;
    close(fd);
}

// 0: as it should be; 77: nothing can be mounted here.
static int start_on_a_small_disk(const char *where)
{
    struct cluster *c = NULL;
    char filler[160];

    if (!become_mounter() || !mount_small(where, 100))
        return 77;
    if (!says(where, "MB are free"))
        return 1;
    if (!mount_small(where, 300))
        return 77;
    if (cluster_start(where, &c, NULL) != RC_OK)
        return 2;
    cluster_stop(c);
    snprintf(filler, sizeof filler, "%s/filler", where);
    fill(filler);
    if (!says(where, "free some disk space"))
        return 3;
    remove(filler);
    if (cluster_start(where, &c, NULL) != RC_OK)
        return 4;
    cluster_stop(c);
    return 0;
}

static void a_full_disk_gets_a_sentence(void **state)
{
    (void)state;
    char path[128];
    int status = 0;

    snprintf(path, sizeof path, "%s/small", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    pid_t child = fork();
    if (!child)
        _exit(start_on_a_small_disk(path));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped: user namespaces are not allowed here, so no small disk can be "
                      "mounted\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void data_of_another_major_version_gets_a_sentence(void **state)
{
    (void)state;
    char path[100];

    snprintf(path, sizeof path, "%s/old", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/old/pg", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/old/pg/PG_VERSION", dir);
    FILE *out = fopen(path, "w");
    fputs("9\n", out);
    fclose(out);
    snprintf(path, sizeof path, "%s/old", dir);
    refused(path, RC_NOT_FOUND, "postgresql-9");
}

static void a_cluster_that_cannot_start_says_why(void **state)
{
    (void)state;
    char path[128], line[64] = "\nshared_buffers = nonsense\n";

    snprintf(path, sizeof path, "%s/pg/postgresql.conf", dir);
    FILE *conf = fopen(path, "a");
    fputs(line, conf);
    fclose(conf);
    refused(dir, RC_UNAVAILABLE, "configuration file");
    assert_int_equal(truncate(path, 0), 0);
}

static int run_unprivileged(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_start_makes_a_cluster_that_listens_nowhere),
        cmocka_unit_test(the_second_start_uses_what_is_there),
        cmocka_unit_test(a_stop_leaves_no_process_behind),
        cmocka_unit_test(a_killed_postmaster_is_started_again),
        cmocka_unit_test(a_killed_backend_does_not_cost_a_restart_of_ours),
        cmocka_unit_test(the_postmaster_of_a_killed_server_is_taken_over),
        cmocka_unit_test(a_dead_postmaster_that_nobody_waits_for_is_in_nobodys_way),
        cmocka_unit_test(a_taken_over_postmaster_is_stopped_too),
        cmocka_unit_test(server_and_postmaster_killed_together_start_again),
        cmocka_unit_test(a_second_server_in_the_same_folder_is_refused),
        cmocka_unit_test(the_postmaster_holds_no_descriptor_of_ours),
        cmocka_unit_test(an_interrupted_first_start_is_made_again),
        cmocka_unit_test(a_bad_folder_gets_a_sentence),
        cmocka_unit_test(a_full_disk_gets_a_sentence),
        cmocka_unit_test(data_of_another_major_version_gets_a_sentence),
        cmocka_unit_test(a_cluster_that_cannot_start_says_why),
    };
    return cmocka_run_group_tests_name("as an ordinary user", tests, NULL, NULL);
}

static int in_child(void)
{
    int status = 1;
    pid_t child = fork();

    if (!child) {
        if (geteuid() == 0 && (setgroups(0, NULL) || setgid(pg_gid()) || setuid(pg_uid())))
            _exit(1);
        prctl(PR_SET_DUMPABLE, 1); // lost with the rights; without it /proc/self is root's
        exit(run_unprivileged());
    }
    waitpid(child, &status, 0);
    return status ? 1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(root_is_refused) };
    int failed = cmocka_run_group_tests_name("as root", tests, NULL, NULL);

    folder_make(dir, sizeof dir, "cl");
    if (geteuid() == 0 && chown(dir, pg_uid(), pg_gid()) != 0) {
        perror(dir);
        return 1;
    }
    failed += in_child();
    return failed ? 1 : 0;
}
