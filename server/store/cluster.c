// SPDX-License-Identifier: Apache-2.0

#include "store/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "store/conn.h"
#include "store/leftover.h"
#include "store/place.h"
#include "store/program.h"

#define READY_MS      600000 // a long recovery is still better than a second one
#define FAST_STOP_MS  60000
#define QUIT_MS       10000
#define RETRY_MS      200 // old children of a killed postmaster leave within some 7 of these
#define RETRIES       50
#define FIRST_RETRIES 150   // where a start would fail otherwise
#define CREATE_MS     60000 // a copy of some MB, on a disk that others keep busy
#define SLOW_RETRY_MS 5000
#define PING_MS       5000
#define LOG_MAX       (10 * 1024 * 1024)

struct cluster {
    struct place place;
    char conninfo[2 * PATH_MAX];
    int lock_fd; // one orreryd a folder
    int stop_fd; // eventfd; readable once the watcher shall leave
    pid_t pid;   // of the postmaster; the watcher's while it runs
    int pid_fd;  // -1: none runs
    bool ours;   // our child, to be reaped
    bool watched;
    pthread_t watcher;
    atomic_bool up;
    atomic_int restarts;
    pthread_mutex_t trouble_lock;
    struct fault trouble;
};

static void set_trouble(struct cluster *c, const struct fault *f)
{
    pthread_mutex_lock(&c->trouble_lock);
    c->trouble = *f;
    pthread_mutex_unlock(&c->trouble_lock);
}

static void set_up(struct cluster *c)
{
    atomic_store(&c->up, true);
    set_trouble(c, &(struct fault){ 0 });
}

// ---------------------------------------------------------------- the postmaster

static bool wait_fd(int fd, int ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int n;

    while ((n = poll(&p, 1, ms)) < 0 && errno == EINTR)
        continue;
    return n > 0;
}

static void forget(struct cluster *c)
{
    while (c->ours && waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    close(c->pid_fd);
    c->pid_fd = -1;
}

static int open_log(const struct place *p)
{
    char old[PATH_MAX + 4];
    struct stat st;

    if (stat(p->log, &st) == 0 && st.st_size > LOG_MAX) {
        snprintf(old, sizeof old, "%s.1", p->log);
        (void)rename(p->log, old);
    }
    return open(p->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static enum rc spawn(struct cluster *c, struct fault *f)
{
    char postgres[PATH_MAX + 16];
    const char *const argv[] = { postgres, "-D", c->place.data, NULL };
    int log = open_log(&c->place);

    if (log < 0)
        return fail(f, RC_DENIED, "cannot write %.100s: %s", c->place.log, strerror(errno));
    leftover_clear(c->place.data, c->place.run);
    snprintf(postgres, sizeof postgres, "%s/postgres", c->place.bin);
    enum rc rc = program_spawn(argv, log, &c->pid, f);
    close(log);
    if (rc != RC_OK)
        return rc;
    c->ours = true;
    c->pid_fd = pidfd_open(c->pid, 0);
    if (c->pid_fd >= 0)
        return RC_OK;
    rc = fail(f, RC_INTERNAL, "pidfd_open: %s", strerror(errno));
    kill(c->pid, SIGQUIT);
    waitpid(c->pid, NULL, 0);
    return rc;
}

// Waits until the postmaster accepts connections, has gone, or we are told to stop.
static enum rc wait_ready(struct cluster *c, struct fault *f)
{
    int64_t until = clock_mono_ms() + READY_MS;

    while (PQping(c->conninfo) != PQPING_OK) {
        if (wait_fd(c->pid_fd, 20)) {
            forget(c);
            return place_blame(&c->place, f);
        }
        if (wait_fd(c->stop_fd, 0) || clock_mono_ms() > until)
            return fail(f, RC_UNAVAILABLE, "PostgreSQL is still recovering; see %.100s",
                        c->place.log);
    }
    set_up(c);
    return RC_OK;
}

static enum rc launch(struct cluster *c, struct fault *f)
{
    enum rc rc = spawn(c, f);

    return rc == RC_OK ? wait_ready(c, f) : rc;
}

static void stop_postmaster(struct cluster *c)
{
    atomic_store(&c->up, false);
    if (c->pid_fd < 0)
        return;
    pidfd_send_signal(c->pid_fd, SIGINT, NULL, 0); // fast: sessions end, everything is on disk
    if (!wait_fd(c->pid_fd, FAST_STOP_MS))
        pidfd_send_signal(c->pid_fd, SIGQUIT, NULL, 0);
    if (!wait_fd(c->pid_fd, QUIT_MS))
        pidfd_send_signal(c->pid_fd, SIGKILL, NULL, 0);
    wait_fd(c->pid_fd, QUIT_MS);
    forget(c);
}

// ---------------------------------------------------------------- watching

// Until it runs or we are told to stop.
static void revive(struct cluster *c)
{
    struct fault f = { 0 };
    int tries = 0;

    place_blame(&c->place, &f);
    set_trouble(c, &f);
    while (launch(c, &f) != RC_OK) {
        set_trouble(c, &f);
        if (wait_fd(c->stop_fd, ++tries < RETRIES ? RETRY_MS : SLOW_RETRY_MS))
            return;
    }
}

static void *watch(void *arg)
{
    struct cluster *c = arg;

    while (!wait_fd(c->stop_fd, 0)) {
        struct pollfd p[] = { { .fd = c->stop_fd, .events = POLLIN },
                              { .fd = c->pid_fd, .events = POLLIN } };

        if (poll(p, 2, PING_MS) < 0 || p[0].revents)
            continue;
        if (p[1].revents) {
            atomic_store(&c->up, false);
            forget(c);
            atomic_fetch_add(&c->restarts, 1);
            revive(c);
        } else {
            // A crashed backend makes it recover without leaving.
            atomic_store(&c->up, PQping(c->conninfo) == PQPING_OK);
        }
    }
    return NULL;
}

static enum rc start_watcher(struct cluster *c, struct fault *f)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    c->watched = pthread_create(&c->watcher, NULL, watch, c) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return c->watched ? RC_OK : fail(f, RC_INTERNAL, "no thread for the cluster");
}

// ---------------------------------------------------------------- a postmaster left behind

// The next watcher of a postmaster whose orreryd was killed; where its settings have changed, it
// is stopped instead.
static bool adopt(struct cluster *c, bool stale)
{
    pid_t pid = leftover_postmaster(c->place.data);
    struct fault f;

    if (!pid || (c->pid_fd = pidfd_open(pid, 0)) < 0)
        return false;
    c->pid = pid;
    c->ours = false;
    if (!stale && wait_ready(c, &f) == RC_OK)
        return true;
    stop_postmaster(c);
    return false;
}

// Where both were killed, the old children may still be leaving.
static enum rc launch_first(struct cluster *c, struct fault *f)
{
    enum rc rc = RC_UNAVAILABLE;

    for (int i = 0; i < FIRST_RETRIES; i++) {
        rc = launch(c, f);
        if (rc == RC_OK || c->pid_fd >= 0 ||
            !(strstr(f->text, "shared memory") || strstr(f->text, "already exists")))
            return rc;
        wait_fd(c->stop_fd, RETRY_MS);
    }
    return rc;
}

// ---------------------------------------------------------------- start and stop

static void cluster_free(struct cluster *c)
{
    if (c->lock_fd >= 0)
        close(c->lock_fd);
    if (c->stop_fd >= 0)
        close(c->stop_fd);
    pthread_mutex_destroy(&c->trouble_lock);
    free(c);
}

void cluster_stop(struct cluster *c)
{
    if (!c)
        return;
    if (c->watched) {
        eventfd_write(c->stop_fd, 1);
        pthread_join(c->watcher, NULL);
    }
    stop_postmaster(c);
    cluster_free(c);
}

DEFINE_AUTO(struct cluster *, cluster_stopp, cluster_stop)

static enum rc lock_folder(struct cluster *c, struct fault *f)
{
    char path[PATH_MAX + 16];

    snprintf(path, sizeof path, "%s/cluster.lock", c->place.run);
    c->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (c->lock_fd < 0)
        return fail(f, RC_DENIED, "cannot write %.100s: %s", path, strerror(errno));
    if (flock(c->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return fail(f, RC_CONFLICT, "another orreryd already runs from this instance folder");
    return RC_OK;
}

// Everything that PG… in the environment could change is said.
static void write_conninfo(struct cluster *c, const char *dbname)
{
    char host[PATH_MAX];

    place_quote(c->place.run, host, sizeof host);
    snprintf(c->conninfo, sizeof c->conninfo, "host='%s' port=5432 user='%s' dbname=%s", host,
             c->place.user, dbname);
}

static enum rc create_database(struct cluster *c, struct fault *f)
{
    auto_with(conn_closep) PGconn *pg = NULL;
    PGresult *r = NULL;
    enum rc rc = conn_open(c->conninfo, "orreryd", "", CONN_START_MS, &pg, f);

    if (rc == RC_OK)
        rc = conn_query(pg, "SELECT FROM pg_database WHERE datname = 'orrery'", 0, NULL, CREATE_MS,
                        &r, f);
    bool missing = rc == RC_OK && PQntuples(r) == 0;
    PQclear(r);
    return missing ? conn_exec(pg, "CREATE DATABASE orrery", CREATE_MS, f) : rc;
}

static enum rc start(struct cluster *c, const char *dir, struct fault *f)
{
    bool stale = false;
    enum rc rc = place_open(&c->place, dir, f);

    if (rc == RC_OK)
        rc = lock_folder(c, f);
    if (rc == RC_OK)
        rc = place_tune(&c->place, &stale, f);
    if (rc != RC_OK)
        return rc;
    write_conninfo(c, "postgres");
    if (!adopt(c, stale))
        rc = launch_first(c, f);
    if (rc == RC_OK)
        rc = create_database(c, f);
    write_conninfo(c, "orrery");
    return rc == RC_OK ? start_watcher(c, f) : rc;
}

enum rc cluster_start(const char *dir, struct cluster **out, struct fault *f)
{
    auto_with(cluster_stopp) struct cluster *c = calloc(1, sizeof *c);
    struct fault own = { 0 };

    if (!c)
        return fail(f, RC_INTERNAL, "out of memory");
    c->lock_fd = c->pid_fd = -1;
    pthread_mutex_init(&c->trouble_lock, NULL);
    c->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (c->stop_fd < 0)
        return fail(f, RC_INTERNAL, "eventfd: %s", strerror(errno));
    enum rc rc = start(c, dir, &own);
    if (rc != RC_OK)
        return fail(f, rc, "%s", own.text);
    *out = take(&c);
    return RC_OK;
}

const char *cluster_conninfo(const struct cluster *c)
{
    return c->conninfo;
}

bool cluster_is_up(const struct cluster *c)
{
    return atomic_load(&c->up);
}

int cluster_restarts(const struct cluster *c)
{
    return atomic_load(&c->restarts);
}

void cluster_trouble(struct cluster *c, char *text, size_t size)
{
    pthread_mutex_lock(&c->trouble_lock);
    snprintf(text, size, "%s", c->trouble.text);
    pthread_mutex_unlock(&c->trouble_lock);
}
