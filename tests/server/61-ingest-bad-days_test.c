// SPDX-License-Identifier: Apache-2.0
// threaded
//
// Connections cut at the commit, a killed server, a killed database, a full disk: what was
// acknowledged is there once, and everything goes on by itself.

#include <libpq-fe.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "ingest/engine.h"
#include "support/cutter.h"
#include "support/feed.h"
#include "support/pg.h"
#include "test.h"

#define WAIT_MS 60000 // for what comes on any machine

static struct feed w;
static struct cutter *cutter;
static char through[200];

static void nap(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static int open_feed(void **state)
{
    (void)state;
    feed_init(&w, pg_fresh(), 20);
    feed_open(&w);
    return 0;
}

static int open_cut_feed(void **state)
{
    (void)state;
    const char *conninfo = pg_fresh();

    cutter = cutter_start(pg_folder(), "orrery ingest 0");
    snprintf(through, sizeof through, "host=%s %s", cutter_folder(cutter), strchr(conninfo, ' '));
    feed_init(&w, through, 20);
    feed_open(&w);
    return 0;
}

static int close_feed(void **state)
{
    (void)state;
    feed_done(&w);
    if (cutter)
        cutter_stop(cutter);
    cutter = NULL;
    return 0;
}

static void pump_for(int64_t ms)
{
    int64_t until = clock_mono_ms() + ms;

    while (clock_mono_ms() < until) {
        if (!feed_pump(&w, 200))
            nap(1);
    }
}

// Waits until it is so, and says whether it is.
static bool comes(bool (*is)(void))
{
    int64_t until = clock_mono_ms() + WAIT_MS;

    while (!is() && clock_mono_ms() < until)
        nap(5);
    return is();
}

static bool is_apart(void)
{
    return cutter_is_apart(cutter);
}

static bool is_ready(void)
{
    char text[TROUBLE_LEN];

    return ingest_is_ready(w.g, text, sizeof text);
}

static bool is_troubled(void)
{
    return !is_ready();
}

static bool has_drained(void)
{
    return !ingest_is_full(w.g) && atomic_load(&w.drains) > 0;
}

static bool is_folded(void)
{
    return feed_ask(&w, "SELECT count(*) FROM ingest_batch") == 0;
}

// ---------------------------------------------------------------- the ambiguous commit

static void cut_many_times(enum cut cut)
{
    struct ingest_stats s;

    for (int i = 0; i < 10; i++) {
        int64_t until = clock_mono_ms() + WAIT_MS;

        cutter_set(cutter, cut);
        while (cutter_count(cutter) <= i && clock_mono_ms() < until)
            pump_for(10);
    }
    assert_true(feed_wait(&w, WAIT_MS));
    assert_int_equal(cutter_count(cutter), 10);
    ingest_stats(w.g, &s);
    assert_int_equal(cut == CUT_AFTER_COMMIT ? s.recovered_batches : s.resent_batches, 10);
    assert_int_equal(cut == CUT_AFTER_COMMIT ? s.resent_batches : s.recovered_batches, 0);
    feed_check(&w);
}

static void a_commit_whose_answer_was_lost_is_not_repeated(void **state)
{
    (void)state;
    cut_many_times(CUT_AFTER_COMMIT);
}

static void a_commit_that_never_came_is_sent_again(void **state)
{
    (void)state;
    cut_many_times(CUT_BEFORE_COMMIT);
}

static void back_pressure_holds_while_the_database_is_away(void **state)
{
    (void)state;
    struct ingest_stats s;
    int64_t acked = 0;

    feed_close(&w);
    w.config.ingest_pending_max = 1000;
    feed_open(&w);
    cutter_set(cutter, CUT_ALL);
    assert_true(comes(is_apart));
    for (int i = 0; i < 100 && !ingest_is_full(w.g); i++)
        feed_pump(&w, 200);
    nap(300);
    for (int i = 0; i < w.count; i++)
        acked += atomic_load(&w.devices[i].acked);
    assert_int_equal(acked, 0);
    assert_true(ingest_is_full(w.g));
    assert_int_equal(feed_send(&w, 0), INGEST_FULL);
    ingest_stats(w.g, &s);
    assert_true(s.pending <= 1002);
    assert_true(comes(is_troubled));
    cutter_set(cutter, CUT_NOTHING);
    assert_true(feed_wait(&w, WAIT_MS));
    assert_true(comes(is_ready));
    assert_true(comes(has_drained)); // after the last of them was acknowledged
    pump_for(100);
    assert_true(feed_wait(&w, WAIT_MS));
    feed_check(&w);
}

// ---------------------------------------------------------------- kill -9

static void a_killed_database_loses_nothing_acknowledged(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        pump_for(300);
        pg_crash();
        pump_for(100);
        pg_restart();
        pump_for(200);
    }
    assert_true(feed_wait(&w, WAIT_MS));
    feed_check(&w);
    // The states and the deleted batch rows whose commits were lost are made good.
    assert_true(comes(is_folded));
    assert_int_equal(feed_ask(&w, "SELECT count(*) FROM device_state s WHERE last_seq = (SELECT"
                                  " max(vals[1]) FROM telemetry t WHERE t.device = s.device)"),
                     20);
}

// A server of its own, killed in the middle: what it had acknowledged comes through the pipe.
static pid_t server_to_kill(int *ledger)
{
    int ends[2];
    pid_t pid;

    if (pipe(ends))
        fail_msg("pipe: %s", strerror(errno));
    pid = fork();
    if (pid == 0) {
        int64_t until = clock_mono_ms() + 2 * WAIT_MS; // it is killed long before

        close(ends[0]);
        feed_open(&w);
        while (clock_mono_ms() < until) {
            feed_pump(&w, 200);
            for (int i = 0; i < w.count; i++) {
                int64_t pair[2] = { i, atomic_load(&w.devices[i].acked) };

                if (write(ends[1], pair, sizeof pair) != sizeof pair)
                    _exit(1);
            }
        }
        _exit(0);
    }
    close(ends[1]);
    *ledger = ends[0];
    return pid;
}

// What it says within ms from its first word.
static void read_ledger(int ledger, int64_t ms, int64_t *acked)
{
    int64_t until = 0, pair[2];

    while ((!until || clock_mono_ms() < until) && read(ledger, pair, sizeof pair) == sizeof pair) {
        acked[pair[0]] = pair[1];
        until = until ? until : clock_mono_ms() + ms;
    }
}

// Until every device has something acknowledged.
static void read_until_acked(int ledger, int64_t *acked)
{
    bool all = false;

    for (int tries = 0; !all && tries < 600; tries++) {
        read_ledger(ledger, 100, acked);
        all = true;
        for (int i = 0; i < w.count; i++)
            all = all && acked[i] > 0;
    }
    assert_true(all);
}

static void a_killed_server_loses_nothing_acknowledged(void **state)
{
    (void)state;
    int64_t acked[20] = { 0 };

    feed_close(&w);
    for (int round = 0; round < 3; round++) {
        int ledger;
        pid_t pid = server_to_kill(&ledger);

        read_until_acked(ledger, acked);
        read_ledger(ledger, 300, acked);
        kill(pid, SIGKILL);
        read_ledger(ledger, 2000, acked);
        close(ledger);
        waitpid(pid, NULL, 0);
    }
    feed_open(&w);
    for (int i = 0; i < w.count; i++) {
        assert_true(acked[i] > 0);
        assert_true(w.devices[i].sent >= acked[i]); // where the database says the sequence is
    }
    feed_check(&w);
    feed_pump(&w, 100);
    assert_true(feed_wait(&w, WAIT_MS));
    feed_check(&w);
}

// Two backends wait for what we hold, at their commits.
static bool both_commit(void)
{
    return feed_ask(&w, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77"
                        " AND NOT granted") == 2;
}

static PGconn *hold_commits_up(void)
{
    feed_run(&w, "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                 " PERFORM pg_advisory_xact_lock_shared(77); RETURN NULL; END $$");
    feed_run(&w, "CREATE TRIGGER slow AFTER INSERT ON ingest_batch FOR EACH ROW"
                 " EXECUTE FUNCTION slow()");
    PGconn *pg = PQconnectdb(w.conninfo);
    PQclear(PQexec(pg, "SELECT pg_advisory_lock(77)"));
    assert_int_equal(PQstatus(pg), CONNECTION_OK);
    return pg;
}

static atomic_bool let_go;

static void *let_them_commit(void *pg)
{
    nap(1000);
    atomic_store(&let_go, true);
    PQfinish(pg);
    return NULL;
}

// The old server's backend has all rows, but is still busy committing when the server is dead: the
// new one must wait for it, or it would take the same messages again.
static void the_fence_waits_for_a_backend_that_still_commits(void **state)
{
    (void)state;
    int64_t acked[20] = { 0 }, late[2] = { 0 };
    pthread_t later;
    int ledger;
    pid_t pid;

    feed_close(&w);
    PGconn *held = hold_commits_up();
    pid = server_to_kill(&ledger);
    read_ledger(ledger, 0, acked);
    assert_true(comes(both_commit));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(ledger);
    assert_int_equal(pthread_create(&later, NULL, let_them_commit, held), 0);
    feed_open(&w);
    assert_true(atomic_load(&let_go));
    pthread_join(later, NULL);
    for (int i = 0; i < w.count; i++)
        late[w.devices[i].device % 2] += w.devices[i].sent; // committed after its server had died
    assert_true(late[0] > 0 && late[1] > 0);
    feed_run(&w, "DROP TRIGGER slow ON ingest_batch");
    feed_check(&w);
    feed_pump(&w, 50);
    assert_true(feed_wait(&w, WAIT_MS));
    feed_check(&w);
}

static void a_second_server_is_kept_out(void **state)
{
    (void)state;
    struct feed second;
    struct fault f = { 0 };

    feed_init(&second, w.conninfo, 1);
    assert_int_equal(feed_try(&second, &f), RC_CONFLICT);
    assert_non_null(strstr(f.text, "another orreryd"));
    feed_done(&second);
}

// ---------------------------------------------------------------- a full disk

static char small[100];

static bool mount_small(void)
{
    snprintf(small, sizeof small, "%s/small", pg_folder());
    if (mkdir(small, 0700) || mount("tmpfs", small, "tmpfs", 0, "size=4m,mode=0777")) {
        rmdir(small);
        small[0] = '\0';
        return false;
    }
    return chown(small, pg_uid(), pg_gid()) == 0;
}

static int close_small(void **state)
{
    close_feed(state);
    if (small[0])
        umount2(small, MNT_DETACH);
    return 0;
}

static void move_partitions(void)
{
    char sql[300];

    snprintf(sql, sizeof sql, "CREATE TABLESPACE small LOCATION '%s'", small);
    feed_run(&w, sql);
    feed_run(&w, "GRANT CREATE ON TABLESPACE small TO orrery_server");
    feed_run(&w, "DO $$ DECLARE p record; BEGIN FOR p IN SELECT inhrelid::regclass AS name FROM"
                 " pg_inherits WHERE inhparent = 'telemetry'::regclass LOOP EXECUTE"
                 " format('ALTER TABLE %s SET TABLESPACE small', p.name); END LOOP; END $$");
}

static void fill_disk(const char *path)
{
    static char zeros[4096];
    FILE *f = fopen(path, "w");

    while (f && fwrite(zeros, 1, sizeof zeros, f) == sizeof zeros && fflush(f) == 0)
        ;
    if (f)
        fclose(f);
}

static bool is_full_disk(void)
{
    char text[TROUBLE_LEN];

    return !ingest_is_ready(w.g, text, sizeof text) && strstr(text, "disk is full");
}

static void a_full_disk_stops_acknowledgements_and_nothing_else(void **state)
{
    (void)state;
    char filler[140];

    if (!mount_small()) {
        print_message("skipped: a small tmpfs cannot be mounted: %s\n", strerror(errno));
        skip();
    }
    move_partitions();
    feed_pump(&w, 10);
    assert_true(feed_wait(&w, WAIT_MS));
    snprintf(filler, sizeof filler, "%s/filler", small);
    fill_disk(filler);
    pump_for(1000);
    assert_false(feed_wait(&w, 300));
    assert_true(comes(is_full_disk));
    unlink(filler);
    assert_true(feed_wait(&w, WAIT_MS));
    assert_true(comes(is_ready));
    feed_check(&w);
}

#define STORY(name)     cmocka_unit_test_setup_teardown(name, open_feed, close_feed)
#define CUT_STORY(name) cmocka_unit_test_setup_teardown(name, open_cut_feed, close_feed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CUT_STORY(a_commit_whose_answer_was_lost_is_not_repeated),
        CUT_STORY(a_commit_that_never_came_is_sent_again),
        CUT_STORY(back_pressure_holds_while_the_database_is_away),
        STORY(a_killed_database_loses_nothing_acknowledged),
        STORY(a_killed_server_loses_nothing_acknowledged),
        STORY(the_fence_waits_for_a_backend_that_still_commits),
        STORY(a_second_server_is_kept_out),
        cmocka_unit_test_setup_teardown(a_full_disk_stops_acknowledgements_and_nothing_else,
                                        open_feed, close_small),
    };

    return cmocka_run_group_tests_name("ingest bad days", tests, NULL, NULL);
}
