/*
 * Landlock, and what needs no table.  The system calls are made by number:
 * Debian 12 has headers of an early Landlock and libc has no wrappers.
 *
 * Promises: whatever the kernel lacks, the process goes on, less confined.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/confine_private.h"
#include "base/log.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_SANITIZER  1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)       \
    || __has_feature(thread_sanitizer)
#define CONFINE_SANITIZER  1
#endif
#endif

#ifndef CONFINE_SANITIZER
#define CONFINE_SANITIZER  0
#endif

#define CONFINE_NOFILE     256

/* the same on all architectures */
#define SYS_RULESET        444
#define SYS_ADD_RULE       445
#define SYS_RESTRICT       446

#define RULESET_VERSION    (1U << 0)
#define RULE_PATH_BENEATH  1

#define FS_WRITE_FILE      (1U << 1)
#define FS_READ_FILE       (1U << 2)
#define FS_READ_DIR        (1U << 3)
#define FS_ALL             ((1U << 13) - 1)
#define FS_REFER           (1U << 13)              /* since version 2 */
#define FS_TRUNCATE        (1U << 14)              /* 3 */
#define NET_BIND_TCP       (1U << 0)               /* 4 */
#define FS_IOCTL_DEV       (1U << 15)              /* 5 */
#define SCOPE_ALL          (3U << 0)               /* 6 */
#define VERSION_ASKED      6

typedef struct {
    uint64_t  fs;
    uint64_t  net;
    uint64_t  scoped;
} confine_ruleset_t;

typedef struct {
    uint64_t  allowed;
    int32_t   parent;
} __attribute__((packed)) confine_rule_t;

typedef struct {
    dev_t     dev;
    ino_t     ino;
} confine_identity_t;


static confine_identity_t confine_identify(const char *path);
static void confine_allow(int ruleset, const char *path, uint64_t access);
static int confine_ruleset(void);
static void confine_probe_files(pid_t parent);
static void confine_files(void);


/* what changes only with the system */

static const char *const  confine_directories[] = {
    "/etc/ssl",                    /* authorities, openssl.cnf */
    "/etc/pki",
    "/usr/lib/ssl",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/lib",                        /* name service loads its modules late */
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/run/systemd/resolve",        /* resolv.conf may be a link to there */
    "/run/resolvconf",
    NULL
};

/* the last one is ssl_trusted_certificate */

static const char  *confine_file_names[] = {
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/ld.so.cache",
    "/etc/localtime",
    NULL
};

#define NFILES  (sizeof(confine_file_names) / sizeof(*confine_file_names))

static confine_identity_t  confine_identities[NFILES];
static bool        confine_done;


static confine_identity_t
confine_identify(const char *path)
{
    confine_identity_t  identity = { 0, 0 };
    struct stat         st;

    if (path != NULL && stat(path, &st) == 0) {
        identity.dev = st.st_dev;
        identity.ino = st.st_ino;
    }

    return identity;
}


void
msync_confine_process(int first)
{
    int            fd;
    struct rlimit  limit;

    if (first != -1 && syscall(SYS_close_range, first, ~0U, 0) == -1) {
        for (fd = first; fd < CONFINE_NOFILE; fd++) {
            (void) close(fd);
        }
    }

    if (CONFINE_SANITIZER) {
        return;
    }

    (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

    /* a dump or a debugger would see the password */
    (void) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);

    /* a hardened unit may end whoever sets a limit, so none is set twice */
    if (getrlimit(RLIMIT_CORE, &limit) == 0
        && (limit.rlim_cur != 0 || limit.rlim_max != 0))
    {
        memset(&limit, 0, sizeof(limit));
        (void) setrlimit(RLIMIT_CORE, &limit);
    }

    /* not of processes: the kernel counts those of all nginx's workers */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0
        && limit.rlim_max > CONFINE_NOFILE)
    {
        limit.rlim_cur = limit.rlim_max = CONFINE_NOFILE;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
    }

    msync_confine_slice();
}


bool
msync_confine_is_filtered(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0;
}


bool
msync_confine_probe(void (*calls)(pid_t parent))
{
    int    status = 0;
    pid_t  child, self = getpid();

    child = fork();

    if (child == 0) {
        calls(self);
        _exit(0);
    }

    while (child != -1 && waitpid(child, &status, 0) == -1 && errno == EINTR) {
        /* void */
    }

    return !WIFSIGNALED(status);
}


static void
confine_allow(int ruleset, const char *path, uint64_t access)
{
    confine_rule_t  rule;

    /* what is not there needs no rule */
    rule.parent = path ? open(path, O_PATH|O_CLOEXEC) : -1;
    rule.allowed = access;

    if (rule.parent != -1) {
        (void) syscall(SYS_ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0);
        (void) close(rule.parent);
    }
}


/* a new kernel knows more than this; what it knows beyond is not asked */

static int
confine_ruleset(void)
{
    long               version;
    confine_ruleset_t  set;

    version = syscall(SYS_RULESET, NULL, 0, RULESET_VERSION);
    if (version < 1) {
        return -1;
    }

    if (version < VERSION_ASKED) {
        msync_log(MSYNC_LOG_NOTICE, "Landlock of this kernel has version "
                  "%ld, without rules for %s%s%ssignals and local sockets: "
                  "there seccomp alone confines the helper", version,
                  version < 3 ? "truncation, " : "",
                  version < 4 ? "TCP ports, " : "",
                  version < 5 ? "devices, " : "");
    }

    set.fs = FS_ALL;
    set.fs |= version >= 2 ? FS_REFER : 0;
    set.fs |= version >= 3 ? FS_TRUNCATE : 0;
    set.fs |= version >= 5 ? FS_IOCTL_DEV : 0;
    set.net = version >= 4 ? NET_BIND_TCP : 0;
    set.scoped = version >= 6 ? SCOPE_ALL : 0;

    return (int) syscall(SYS_RULESET, &set, sizeof(set), 0);
}


/* each of the calls, without an effect */

static void
confine_probe_files(pid_t parent)
{
    (void) parent;
    (void) syscall(SYS_RULESET, NULL, 0, RULESET_VERSION);
    (void) syscall(SYS_ADD_RULE, -1, RULE_PATH_BENEATH, NULL, 0);
    (void) syscall(SYS_RESTRICT, -1, 0);
}


static void
confine_files(void)
{
    int     ruleset;
    char    target[PATH_MAX];
    size_t  i;

    if (msync_confine_is_filtered()
        && !msync_confine_probe(confine_probe_files))
    {
        msync_log(MSYNC_LOG_NOTICE, "nginx's unit ends whoever asks for "
                  "Landlock (SystemCallFilter=): the helper can open what "
                  "its user can");
        return;
    }

    ruleset = confine_ruleset();

    if (ruleset == -1) {
        /* a kernel that has none has other errors for it */
        msync_log(MSYNC_LOG_NOTICE, "%s Landlock (%s): the helper can open "
                  "what its user can",
                  errno == EPERM ? "nginx's unit or container forbids"
                  : "this kernel has no", strerror(errno));
        return;
    }

    for (i = 0; confine_directories[i] != NULL; i++) {
        confine_allow(ruleset, confine_directories[i],
                      FS_READ_FILE|FS_READ_DIR);
    }

    for (i = 0; i < NFILES; i++) {
        confine_allow(ruleset, confine_file_names[i], FS_READ_FILE);
    }

    confine_allow(ruleset, "/dev/null", FS_READ_FILE|FS_WRITE_FILE);
    confine_allow(ruleset, "/dev/urandom", FS_READ_FILE);

    /* a service of its own that writes it has a folder of its own */
    if (realpath("/etc/resolv.conf", target) != NULL
        && strncmp(target, "/run/", 5) == 0)
    {
        *strrchr(target, '/') = '\0';
        if (strcmp(target, "/run") != 0) {
            confine_allow(ruleset, target, FS_READ_FILE|FS_READ_DIR);
        }
    }

    if (syscall(SYS_RESTRICT, ruleset, 0) == -1) {
        msync_log(MSYNC_LOG_NOTICE, "Landlock is refused (%s): the helper "
                  "can open what its user can", strerror(errno));
    }

    (void) close(ruleset);
}


void
msync_confine(const char *certificate)
{
    size_t  i;

    if (confine_done) {
        return;
    }

    confine_done = true;
    confine_file_names[NFILES - 1] = certificate;

    for (i = 0; i < NFILES; i++) {
        confine_identities[i] = confine_identify(confine_file_names[i]);
    }

    if (CONFINE_SANITIZER) {
        msync_log(MSYNC_LOG_NOTICE, "built with a sanitizer: the helper is "
                  "not confined");
        return;
    }

    confine_files();
    msync_confine_calls();
}


bool
msync_confine_is_stale(void)
{
    size_t              i;
    confine_identity_t  now;

    for (i = 0; confine_done && i < NFILES; i++) {
        now = confine_identify(confine_file_names[i]);

        if (now.dev != confine_identities[i].dev
            || now.ino != confine_identities[i].ino)
        {
            return true;
        }
    }

    return false;
}
