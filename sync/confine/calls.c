/*
 * The seccomp filter: which system calls fail with EPERM.
 *
 * A list of what is refused, not of what is allowed: libc, libcurl and
 * OpenSSL are free to use new calls, and what harms is known.
 *
 * What Landlock of an old kernel does not cover is refused here, too, and what
 * no Landlock covers: modes, owners and times of files, shared memory, local
 * services.  Name service does without those: nscd and systemd-resolved are
 * asked first where they are, and after them the files and the name servers.
 *
 * Promises: clone3 fails as on a kernel without it, so libc takes clone,
 * whose flags can be looked at; a thread may start, a process may not.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/confine_private.h"
#include "base/log.h"

#if defined(__x86_64__) && defined(__LP64__)
#define CONFINE_ARCH  AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define CONFINE_ARCH  AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define CONFINE_ARCH  AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define CONFINE_ARCH  AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define CONFINE_ARCH  AUDIT_ARCH_RISCV64
#endif

#ifdef CONFINE_ARCH

#define X32_BIT       0x40000000U
#define REFUSED       (SECCOMP_RET_ERRNO | EPERM)

/* the same on all architectures, and not in the headers of Debian 12 */
#define SYS_CHMODAT2  452
#define SYS_SETXAT    463
#define SYS_REMXAT    466
#define SYS_SETATTR   469

/* of socketcall(2), whose other arguments are out of sight */
#define SOCKETCALL_LISTEN  4

#define SOCKET_TYPE   0xfU                  /* of SOCK_CLOEXEC and the like */

#define LOAD(member)                                                          \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                                        \
             (unsigned) offsetof(struct seccomp_data, member))
#define RETURN(what)                                                          \
    BPF_STMT(BPF_RET | BPF_K, what)

/* the low half of an argument; all of it that is looked at fits there */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LOAD_ARG(n)                                                           \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                                        \
             (unsigned) offsetof(struct seccomp_data, args[n]) + 4)
#else
#define LOAD_ARG(n)   LOAD(args[n])
#endif

/* the next one, unless the value is k */
#define UNLESS(k)     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 1, 0)
#define SKIP(n, k)    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, n)

/* a call whose argument n may not be one of two values */
#define NEITHER(call, n, k1, k2)                                              \
    SKIP(5, call),                                                            \
    LOAD_ARG(n),                                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k1, 1, 0),                            \
    SKIP(1, k2),                                                              \
    RETURN(REFUSED),                                                          \
    RETURN(SECCOMP_RET_ALLOW)

/* a call whose argument n may not have a bit of these */
#define WITHOUT(call, n, bits)                                                \
    SKIP(4, call),                                                            \
    LOAD_ARG(n),                                                              \
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1),                         \
    RETURN(REFUSED),                                                          \
    RETURN(SECCOMP_RET_ALLOW)

/* a call whose first argument has to be one of two processes */
#define OF(call, pid1, pid2)                                                  \
    SKIP(5, call),                                                            \
    LOAD_ARG(0),                                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, pid1, 2, 0),                          \
    UNLESS(pid2),                                                             \
    RETURN(REFUSED),                                                          \
    RETURN(SECCOMP_RET_ALLOW)

/* without these, files and processes of others would be in reach */

static const unsigned  calls_refused[] = {
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv,
    SYS_process_vm_writev, SYS_kcmp, SYS_mount, SYS_umount2, SYS_pivot_root,
    SYS_chroot, SYS_unshare, SYS_setns, SYS_personality, SYS_bpf,
    SYS_userfaultfd, SYS_perf_event_open, SYS_add_key, SYS_request_key,
    SYS_keyctl, SYS_init_module, SYS_finit_module, SYS_delete_module,
    SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct,
    SYS_quotactl, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex,
    SYS_sethostname, SYS_setdomainname, SYS_open_by_handle_at, SYS_mknodat,
    SYS_truncate, SYS_fchmodat, SYS_CHMODAT2, SYS_fchownat, SYS_utimensat,
    SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_SETXAT, SYS_removexattr,
    SYS_lremovexattr, SYS_fremovexattr, SYS_REMXAT, SYS_SETATTR, SYS_listen,
    SYS_setpriority, SYS_ioprio_set, SYS_sched_setaffinity,
    SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr,
    SYS_mq_open, SYS_mq_unlink,
    SYS_clock_adjtime,
    /* ipc(2), where there is one, is not the only way to these */
#ifdef SYS_shmat
    SYS_shmat, SYS_shmctl, SYS_semctl, SYS_msgctl, SYS_msgsnd, SYS_msgrcv,
#endif
#ifdef SYS_semop
    SYS_semop, SYS_semtimedop,
#endif
#ifdef SYS_ipc
    SYS_ipc,
#endif
#ifdef SYS_clock_settime64
    SYS_semtimedop_time64, SYS_clock_settime64, SYS_clock_adjtime64,
#endif
#ifdef SYS_fork
    SYS_fork, SYS_vfork, SYS_mknod,
#endif
#ifdef SYS_chmod
    SYS_chmod, SYS_chown, SYS_lchown, SYS_utimes, SYS_futimesat,
#endif
#ifdef SYS_utime
    SYS_utime,
#endif
#ifdef SYS_chown32
    SYS_truncate64, SYS_chown32, SYS_lchown32,
#endif
#ifdef SYS_utimensat_time64
    SYS_utimensat_time64,
#endif
#ifdef SYS_openat2
    /* its flags are out of sight */
    SYS_openat2,
#endif
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_io_uring_setup
    /* what is asked for in a ring goes past this filter */
    SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
    SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
    SYS_fspick, SYS_pidfd_open, SYS_pidfd_send_signal,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
#ifdef SYS_process_madvise
    SYS_process_madvise,
#endif
#ifdef SYS_mount_setattr
    SYS_mount_setattr,
#endif
#ifdef SYS_modify_ldt
    SYS_modify_ldt, SYS_iopl, SYS_ioperm,
#endif
};

#define NREFUSED  (sizeof(calls_refused) / sizeof(*calls_refused))

static const struct sock_filter  calls_head[] = {
    LOAD(arch),
    UNLESS(CONFINE_ARCH),
    RETURN(REFUSED),
    LOAD(nr),
#ifdef __x86_64__
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),
    RETURN(REFUSED),
#endif
};

static const struct sock_filter  calls_tail[] = {
#ifdef SYS_clone3
    SKIP(1, SYS_clone3),
    RETURN(SECCOMP_RET_ERRNO | ENOSYS),
#endif
    SKIP(4, SYS_clone),
    LOAD_ARG(0),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
    RETURN(REFUSED),
    RETURN(SECCOMP_RET_ALLOW),

    SKIP(6, SYS_socket),
    LOAD_ARG(0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 3, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 1, 0), /* addresses */
    RETURN(REFUSED),
    RETURN(SECCOMP_RET_ALLOW),

    /* libcurl has one; one of datagrams could be connected to any service */
    SKIP(5, SYS_socketpair),
    LOAD_ARG(1),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SOCKET_TYPE),
    UNLESS(SOCK_STREAM),
    RETURN(REFUSED),
    RETURN(SECCOMP_RET_ALLOW),

    /* old Landlock lets files be emptied that are opened neither to read
     * nor to write */
#ifdef SYS_open
    WITHOUT(SYS_open, 1, O_TRUNC),
#endif
    WITHOUT(SYS_openat, 2, O_TRUNC),

    /* the owner of a descriptor gets signals from it */
    NEITHER(SYS_fcntl, 1, F_SETOWN, F_SETOWN_EX),
#ifdef SYS_fcntl64
    NEITHER(SYS_fcntl64, 1, F_SETOWN, F_SETOWN_EX),
#endif
    NEITHER(SYS_ioctl, 1, FIOSETOWN, SIOCSPGRP),

#ifdef SYS_socketcall
    NEITHER(SYS_socketcall, 0, SOCKETCALL_LISTEN, SOCKETCALL_LISTEN),
#endif

    RETURN(SECCOMP_RET_ALLOW),
};


static struct sock_filter *calls_append(struct sock_filter *end,
    const struct sock_filter *code, size_t size);


static struct sock_filter *
calls_append(struct sock_filter *end, const struct sock_filter *code,
    size_t size)
{
    memcpy(end, code, size);

    return end + size / sizeof(*code);
}


void
msync_confine_calls(void)
{
    size_t                    i;
    unsigned                  self = (unsigned) getpid();
    struct sock_fprog         program;
    struct sock_filter       *end;

    /* abort() sends itself a signal */
    const struct sock_filter  own[] = {
        OF(SYS_kill, self, self),
        OF(SYS_tkill, self, self),
        OF(SYS_tgkill, self, self),
        OF(SYS_rt_sigqueueinfo, self, self),
        OF(SYS_rt_tgsigqueueinfo, self, self),
        OF(SYS_prlimit64, self, 0),
    };
    struct sock_filter        filter[(sizeof(calls_head) + sizeof(own)
                                      + sizeof(calls_tail))
                                     / sizeof(*calls_head) + 2 * NREFUSED];

#ifdef SYS_socketcall
    msync_log(MSYNC_LOG_NOTICE, "libc makes sockets by socketcall(2) on this "
              "architecture, whose arguments seccomp does not see: which kinds "
              "the helper opens is not confined");
#endif

    end = calls_append(filter, calls_head, sizeof(calls_head));

    for (i = 0; i < NREFUSED; i++) {
        *end++ = (struct sock_filter) SKIP(1, calls_refused[i]);
        *end++ = (struct sock_filter) RETURN(REFUSED);
    }

    end = calls_append(end, own, sizeof(own));
    end = calls_append(end, calls_tail, sizeof(calls_tail));

    program.len = (unsigned short) (end - filter);
    program.filter = filter;

    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == -1) {
        msync_log(MSYNC_LOG_NOTICE, "this kernel has no seccomp filters "
                  "(%s): the helper may make every system call",
                  strerror(errno));
    }
}

#else

void
msync_confine_calls(void)
{
    msync_log(MSYNC_LOG_NOTICE, "no seccomp filter for this architecture: "
              "the helper may make every system call");
}

#endif
