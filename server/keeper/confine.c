// SPDX-License-Identifier: Apache-2.0

#include "keeper/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/auto.h"

#define FILES_MAX 64

DEFINE_AUTO(scmp_filter_ctx, filter_freep, seccomp_release)

// Everything by which a process reaches out: sockets, other programs, other processes, the kernel.
static const int forbidden[] = {
    SCMP_SYS(socket),      SCMP_SYS(connect),
    SCMP_SYS(bind),        SCMP_SYS(listen),
    SCMP_SYS(accept),      SCMP_SYS(accept4),
    SCMP_SYS(execve),      SCMP_SYS(execveat),
    SCMP_SYS(fork),        SCMP_SYS(vfork),
    SCMP_SYS(ptrace),      SCMP_SYS(process_vm_readv),
    SCMP_SYS(mount),       SCMP_SYS(process_vm_writev),
    SCMP_SYS(bpf),         SCMP_SYS(unshare),
    SCMP_SYS(setns),       SCMP_SYS(io_uring_setup),
    SCMP_SYS(keyctl),      SCMP_SYS(add_key),
    SCMP_SYS(userfaultfd), SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_getfd), SCMP_SYS(init_module),
    SCMP_SYS(kexec_load),  SCMP_SYS(perf_event_open),
    SCMP_SYS(link),        SCMP_SYS(linkat),
    SCMP_SYS(symlink),     SCMP_SYS(symlinkat),
};

static bool filter_calls(void)
{
    auto_with(filter_freep) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (!filter)
        return false;
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), forbidden[i], 0) < 0)
            return false;
    return seccomp_load(filter) == 0;
}

static bool empty_network(void)
{
    return unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

enum rc confine_enter(int keep, bool *own_namespace, struct fault *f)
{
    struct rlimit no_core = { 0, 0 }, files = { FILES_MAX, FILES_MAX };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
        return fail(f, RC_INTERNAL, "cannot open /dev/null: %s", strerror(errno));
    if ((keep > 3 && close_range(3, (unsigned)keep - 1, 0) < 0) ||
        close_range((unsigned)keep + 1, ~0U, 0) < 0)
        return fail(f, RC_INTERNAL, "cannot close inherited files: %s", strerror(errno));
    *own_namespace = empty_network();
    if (setrlimit(RLIMIT_CORE, &no_core) < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail(f, RC_INTERNAL, "cannot give up privileges: %s", strerror(errno));
    if (!filter_calls())
        return fail(f, RC_INTERNAL, "this kernel refuses the system call filter");
    return RC_OK;
}
