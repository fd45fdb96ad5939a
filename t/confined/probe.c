/*
 * Loaded into a real helper by LD_PRELOAD: at the first connection that it
 * makes, so when it is at work, this tries what a confined process must not
 * be able to do, and says on descriptor 0, which the helper does not use,
 * what came of it, one line a trial.
 *
 * PROBE_SECRET   a file that the helper's user may read
 * PROBE_BESIDE   a name in the database's folder
 */

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* refused before its arguments are looked at */
#ifndef SYS_chmod
#define SYS_chmod      SYS_fchmodat
#define SYS_chown      SYS_fchownat
#define SYS_lchown     SYS_fchownat
#define SYS_utimes     SYS_utimensat
#define SYS_futimesat  SYS_utimensat
#endif
#ifndef SYS_utime
#define SYS_utime      SYS_utimensat
#endif

/* too new for the headers of Debian 12 */
#define SYS_fchmodat2  452

#define CALL(name, ...)  tell(#name, syscall(SYS_##name, __VA_ARGS__))


static void
tell(const char *trial, long result)
{
    dprintf(STDIN_FILENO, "probe: %s: %s\n", trial,
            result == -1 ? strerrorname_np(errno) : "done");
}


static void
probe_attributes(const char *secret)
{
    CALL(truncate, secret, 3);
    CALL(chmod, secret, 0640);
    CALL(fchmodat, AT_FDCWD, secret, 0640);
    CALL(fchmodat2, AT_FDCWD, secret, 0640, 0);
    CALL(chown, secret, -1, -1);
    CALL(lchown, secret, -1, -1);
    CALL(fchownat, AT_FDCWD, secret, -1, -1, 0);
    CALL(setxattr, secret, "user.probe", "x", 1, 0);
    CALL(lsetxattr, secret, "user.probe", "x", 1, 0);
    CALL(fsetxattr, STDIN_FILENO, "user.probe", "x", 1, 0);
    CALL(removexattr, secret, "user.probe");
    CALL(lremovexattr, secret, "user.probe");
    CALL(fremovexattr, STDIN_FILENO, "user.probe");
    CALL(utimensat, AT_FDCWD, secret, NULL, 0);
    CALL(utimes, secret, NULL);
    CALL(utime, secret, NULL);
    CALL(futimesat, AT_FDCWD, secret, NULL);
}


/* the parent is a worker of nginx */

static void
probe_processes(void)
{
    int        fd = socket(AF_INET, SOCK_STREAM, 0);
    int        owner = getppid();
    char       attributes[64] = { sizeof(attributes) };
    pid_t      parent = getppid();
    siginfo_t  info;

    memset(&info, 0, sizeof(info));
    info.si_code = SI_QUEUE;

    CALL(kill, parent, 0);
    CALL(tkill, parent, 0);
    CALL(tgkill, parent, parent, 0);
    CALL(rt_sigqueueinfo, parent, 0, &info);
    CALL(rt_tgsigqueueinfo, parent, parent, 0, &info);
    tell("kill its group", kill(0, 0));
    tell("own a descriptor", fcntl(fd, F_SETOWN, parent));
    tell("own a socket", ioctl(fd, FIOSETOWN, &owner));
    CALL(shmctl, 0, 2, attributes);
    CALL(mq_unlink, "probe");
    CALL(prlimit64, parent, RLIMIT_NOFILE, NULL, NULL);
    CALL(sched_setattr, parent, attributes, 0);
    CALL(setpriority, PRIO_PROCESS, parent, 1);
    CALL(ioprio_set, 1, parent, 3 << 13);
    CALL(sched_setaffinity, parent, sizeof(attributes), "\1");
    CALL(sched_setscheduler, parent, 0, &(int) { 0 });
    CALL(sched_setparam, parent, &(int) { 0 });

    tell("signal itself", kill(getpid(), 0));
    tell("signal its thread", tgkill(getpid(), gettid(), 0));
    tell("see its limits", prlimit(getpid(), RLIMIT_NOFILE, NULL, NULL));
}


static void
probe_files(const char *secret, const char *beside)
{
    char  name[4096];
    long  how[3] = { O_RDONLY, 0, 0 };

    tell("read a secret", open(secret, O_RDONLY));
    tell("read /etc/passwd", open("/etc/passwd", O_RDONLY));
    tell("write a secret", open(secret, O_WRONLY));
    tell("empty a secret", open(secret, O_ACCMODE|O_TRUNC));
    tell("openat2", syscall(SYS_openat2, AT_FDCWD, "/etc/hosts", how,
                            sizeof(how)));
    tell("write beside the database", open(beside, O_WRONLY|O_CREAT, 0600));
    tell("write in /tmp", open("/tmp", O_WRONLY|O_TMPFILE, 0600));
    tell("remove a secret", unlink(secret));

    snprintf(name, sizeof(name), "%s.moved", secret);
    tell("rename a secret", rename(secret, name));
    tell("list a folder", open("/var", O_RDONLY|O_DIRECTORY));
    tell("read a process", open("/proc/1/status", O_RDONLY));
    tell("read /etc/hosts", open("/etc/hosts", O_RDONLY));
}


static void
probe_calls(void)
{
    int    pair[2];
    long   rc;
    struct addrinfo  *list;
    char  *arguments[] = { "/bin/true", NULL };

    rc = fork();
    if (rc == 0) {
        _exit(0);
    }
    tell("fork", rc);

    tell("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    tell("mount", syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, NULL));
    tell("unshare", syscall(SYS_unshare, 0x10000000));
    tell("keyctl", syscall(SYS_keyctl, 0, -3, 0));
    tell("bpf", syscall(SYS_bpf, 0, NULL, 0));
    tell("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
    tell("userfaultfd", syscall(SYS_userfaultfd, 0));
    tell("a packet socket", socket(AF_PACKET, SOCK_RAW, 0));
    tell("a VM socket", socket(AF_VSOCK, SOCK_STREAM, 0));
    tell("a local socket", socket(AF_UNIX, SOCK_STREAM, 0));
    tell("a pair of datagrams", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    tell("a pair of streams", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    tell("an internet socket", socket(AF_INET, SOCK_STREAM, 0));
    tell("find a name", getaddrinfo("localhost", "80", NULL, &list) ? -1 : 0);
    tell("listen", listen(socket(AF_INET, SOCK_STREAM, 0), 1));

    /* where it may, the trials end here */
    tell("exec", execv("/bin/true", arguments));
}


int
connect(int fd, const struct sockaddr *address, socklen_t length)
{
    static int   probed;
    const char  *secret = getenv("PROBE_SECRET");

    if (!probed && address->sa_family == AF_INET && secret != NULL) {
        probed = 1;
        probe_attributes(secret);
        probe_processes();
        probe_files(secret, getenv("PROBE_BESIDE"));
        probe_calls();
    }

    return (int) syscall(SYS_connect, fd, address, length);
}
