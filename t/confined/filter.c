/*
 * Loaded into a real nginx by LD_PRELOAD: before it begins, what a unit with
 * SystemCallFilter=@system-service and SystemCallFilter=~@resources does is
 * done, which ends whoever asks for Landlock, or for another priority or other
 * processors; with SystemCallErrorNumber=EPERM (FILTER_REFUSES) it refuses.
 */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define FORBID(nr)                                                            \
    BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K, nr, 0, 1),                                \
    BPF_STMT(BPF_RET|BPF_K, forbidden)


static void __attribute__((constructor))
filter(void)
{
    unsigned            forbidden = getenv("FILTER_REFUSES")
                                    ? SECCOMP_RET_ERRNO|EPERM
                                    : SECCOMP_RET_KILL_PROCESS;
    struct sock_filter  calls[] = {
        BPF_STMT(BPF_LD|BPF_W|BPF_ABS, offsetof(struct seccomp_data, nr)),
        FORBID(SYS_landlock_create_ruleset),
        FORBID(SYS_landlock_add_rule),
        FORBID(SYS_landlock_restrict_self),
        FORBID(SYS_setpriority),
        FORBID(SYS_sched_setaffinity),
        FORBID(SYS_sched_setattr),
        FORBID(SYS_sched_setscheduler),
        FORBID(SYS_sched_setparam),
        FORBID(SYS_ioprio_set),
        BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog   program = { sizeof(calls) / sizeof(*calls), calls };

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
