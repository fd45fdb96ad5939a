/*
 * The seccomp filter: which system calls fail with EPERM.
 *
 * A list of what is refused, not of what is allowed: libc, libcurl and
 * OpenSSL are free to use new calls, and what harms is known.
 *
 * Promises: clone3 fails as on a kernel without it, so libc takes clone,
 * whose flags can be looked at; a thread may start, a process may not.
 */

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "confine_private.h"
#include "err.h"

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

/* without these, files and processes of others would be in reach */

static const unsigned  refused[] = {
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv,
    SYS_process_vm_writev, SYS_kcmp, SYS_mount, SYS_umount2, SYS_pivot_root,
    SYS_chroot, SYS_unshare, SYS_setns, SYS_personality, SYS_bpf,
    SYS_userfaultfd, SYS_perf_event_open, SYS_add_key, SYS_request_key,
    SYS_keyctl, SYS_init_module, SYS_finit_module, SYS_delete_module,
    SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct,
    SYS_quotactl, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex,
    SYS_sethostname, SYS_setdomainname, SYS_open_by_handle_at, SYS_mknodat,
#ifdef SYS_fork
    SYS_fork, SYS_vfork, SYS_mknod,
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

#define NREFUSED  (sizeof(refused) / sizeof(*refused))

static const struct sock_filter  head[] = {
    LOAD(arch),
    UNLESS(CONFINE_ARCH),
    RETURN(REFUSED),
    LOAD(nr),
#ifdef __x86_64__
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),
    RETURN(REFUSED),
#endif
};

static const struct sock_filter  tail[] = {
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
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 4, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 3, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 2, 0),    /* name service */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 1, 0), /* addresses */
    RETURN(REFUSED),

    RETURN(SECCOMP_RET_ALLOW),
};

#define NHEAD  (sizeof(head) / sizeof(*head))
#define NTAIL  (sizeof(tail) / sizeof(*tail))


void
msync_confine_calls(void)
{
    size_t              i;
    struct sock_fprog   program;
    struct sock_filter  filter[NHEAD + 2 * NREFUSED + NTAIL];

    memcpy(filter, head, sizeof(head));

    for (i = 0; i < NREFUSED; i++) {
        filter[NHEAD + 2 * i] =
            (struct sock_filter) SKIP(1, refused[i]);
        filter[NHEAD + 2 * i + 1] = (struct sock_filter) RETURN(REFUSED);
    }

    memcpy(filter + NHEAD + 2 * NREFUSED, tail, sizeof(tail));

    program.len = sizeof(filter) / sizeof(*filter);
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
