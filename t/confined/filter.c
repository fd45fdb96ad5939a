/*
 * Loaded into a real helper by LD_PRELOAD: before it begins, what a unit with
 * SystemCallFilter=@system-service does is done, which ends whoever asks for
 * Landlock.
 */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#define SYS_RULESET   444
#define SYS_RESTRICT  446


static void __attribute__((constructor))
filter(void)
{
    struct sock_filter  calls[] = {
        BPF_STMT(BPF_LD|BPF_W|BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP|BPF_JGE|BPF_K, SYS_RULESET, 0, 2),
        BPF_JUMP(BPF_JMP|BPF_JGT|BPF_K, SYS_RESTRICT, 1, 0),
        BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog   program = { sizeof(calls) / sizeof(*calls), calls };

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
