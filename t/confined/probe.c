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
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>


static void
tell(const char *trial, long result)
{
    dprintf(STDIN_FILENO, "probe: %s: %s\n", trial,
            result == -1 ? strerrorname_np(errno) : "done");
}


static void
try_files(const char *secret, const char *beside)
{
    char  name[4096];

    tell("read a secret", open(secret, O_RDONLY));
    tell("read /etc/passwd", open("/etc/passwd", O_RDONLY));
    tell("write a secret", open(secret, O_WRONLY));
    tell("truncate a secret", truncate(secret, 0));
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
try_calls(void)
{
    long   rc;
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
    tell("an internet socket", socket(AF_INET, SOCK_STREAM, 0));
    tell("a local socket", socket(AF_UNIX, SOCK_STREAM, 0));

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
        try_files(secret, getenv("PROBE_BESIDE"));
        try_calls();
    }

    return (int) syscall(SYS_connect, fd, address, length);
}
