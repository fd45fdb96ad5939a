/*
 * fork() and exec() of a helper.
 *
 * Between them the child makes itself a process that knows nothing of nginx:
 * signals, limits, priority, affinity, descriptors and environment are its
 * own.  It can only use what is safe in the child of a process with threads,
 * and tells why it could not start by a frame that no helper sends.
 */

#include "ngx_http_msync.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>


#define NGX_HTTP_MSYNC_NOFILE  1024


static ngx_int_t ngx_http_msync_spawn_pair(ngx_socket_t *fd, ngx_log_t *log);
static void ngx_http_msync_spawn_child(ngx_http_msync_site_t *site,
    ngx_socket_t fd, ngx_socket_t log, ngx_pid_t parent);
static void ngx_http_msync_spawn_tell(ngx_socket_t fd, ngx_uint_t type,
    ngx_err_t err);
static void ngx_http_msync_spawn_signals(void);
static void ngx_http_msync_spawn_limits(ngx_uint_t bound, ngx_int_t priority);
static ngx_err_t ngx_http_msync_spawn_descriptors(ngx_socket_t fd,
    ngx_socket_t log);
static void ngx_http_msync_spawn_close(int first);


static char  *ngx_http_msync_environment[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL=C.UTF-8",

    /* SQLite takes and gives back a dozen cursors and pages for each row;
     * glibc keeps seven pieces of a size at hand, and none of a page */
    "GLIBC_TUNABLES=glibc.malloc.tcache_count=64:glibc.malloc.tcache_max=16384",

    NULL
};


/* starts a helper: *fd is this end of its channel, owned by the caller, whose
 * SIGCHLD is told of its end.  NGX_ERROR, which is logged */

ngx_int_t
ngx_http_msync_spawn(ngx_http_msync_site_t *site, ngx_socket_t *fd,
    ngx_pid_t *pid)
{
    sigset_t       all, old;
    ngx_log_t     *log, *file;
    ngx_pid_t      parent;
    ngx_socket_t   pair[2];

    log = ngx_cycle->log;

    if (ngx_http_msync_spawn_pair(pair, log) != NGX_OK) {
        return NGX_ERROR;
    }

    file = ngx_log_get_file_log(log);
    parent = ngx_getpid();

    /* no handler of nginx may run in the child */

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);

    site->helper.exited = 0;

    *pid = fork();

    if (*pid == 0) {
        ngx_http_msync_spawn_child(site, pair[1],
                                   file ? file->file->fd : ngx_stderr,
                                   parent);
        /* not reached */
    }

    if (*pid == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "msync %V: fork() failed", &site->name);
    }

    sigprocmask(SIG_SETMASK, &old, NULL);

    (void) close(pair[1]);

    if (*pid == -1) {
        (void) close(pair[0]);
        return NGX_ERROR;
    }

    *fd = pair[0];

    return NGX_OK;
}


static ngx_int_t
ngx_http_msync_spawn_pair(ngx_socket_t *fd, ngx_log_t *log)
{
    int         size;
    ngx_uint_t  i;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, fd) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_socket_errno,
                      "socketpair() for msync failed");
        return NGX_ERROR;
    }

    if (ngx_nonblocking(fd[0]) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_socket_errno,
                      ngx_nonblocking_n " for msync failed");
        (void) close(fd[0]);
        (void) close(fd[1]);
        return NGX_ERROR;
    }

    /* the largest frame has to fit, the kernel takes what it allows */

    size = 2 * MSYNC_FRAME_MAX;

    for (i = 0; i < 2; i++) {
        (void) setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(int));
    }

    return NGX_OK;
}


static void
ngx_http_msync_spawn_child(ngx_http_msync_site_t *site, ngx_socket_t fd,
    ngx_socket_t log, ngx_pid_t parent)
{
    char             *argv[3];
    sigset_t          none;
    ngx_err_t         err;
    ngx_int_t         priority;
    ngx_uint_t        bound;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);
    priority = ccf->priority;
    bound = (ngx_get_cpu_affinity(ngx_worker) != NULL);

    ngx_http_msync_spawn_signals();

    /* the lifeline tells of a death too, but only to one who listens */

    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);

    if (getppid() != parent) {
        _exit(1);
    }

    /* a Ctrl-C in the terminal of nginx is for nginx */

    (void) setsid();

    ngx_http_msync_spawn_limits(bound, priority);

    err = ngx_http_msync_spawn_descriptors(fd, log);

    if (err == 0) {
        argv[0] = (char *) site->helper_path.data;
        argv[1] = "--serve";
        argv[2] = NULL;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);

        ngx_http_msync_spawn_tell(MSYNC_CONTROL_FD,
                                  NGX_HTTP_MSYNC_FRAME_EXECUTES, 0);

        (void) execve(argv[0], argv, ngx_http_msync_environment);

        err = ngx_errno;
        fd = MSYNC_CONTROL_FD;
    }

    ngx_http_msync_spawn_tell(fd, NGX_HTTP_MSYNC_FRAME_FAILED, err);

    _exit(127);
}


static void
ngx_http_msync_spawn_tell(ngx_socket_t fd, ngx_uint_t type, ngx_err_t err)
{
    msync_frame_t  frame;

    ngx_memzero(&frame, sizeof(msync_frame_t));
    frame.magic = MSYNC_CONTROL_MAGIC;
    frame.version = MSYNC_CONTROL_VERSION;
    frame.type = type;
    frame.id = err;

    (void) send(fd, &frame, sizeof(msync_frame_t), MSG_NOSIGNAL);
}


static void
ngx_http_msync_spawn_signals(void)
{
    int               signo;
    struct sigaction  sa;

    ngx_memzero(&sa, sizeof(struct sigaction));
    sa.sa_handler = SIG_DFL;
    sigemptyset(&sa.sa_mask);

    for (signo = 1; signo < NSIG; signo++) {
        (void) sigaction(signo, &sa, NULL);
    }
}


/*
 * What nginx was told about its workers is not for the helper.  A hardened unit
 * may end whoever changes priorities or affinity, so they are left alone where
 * nginx has not changed them.
 */

static void
ngx_http_msync_spawn_limits(ngx_uint_t bound, ngx_int_t priority)
{
    cpu_set_t      cpus;
    ngx_uint_t     i;
    struct rlimit  limit;

    (void) umask(027);

    if (priority) {
        (void) setpriority(PRIO_PROCESS, 0, 0);
    }

    if (bound) {
        CPU_ZERO(&cpus);

        for (i = 0; i < CPU_SETSIZE; i++) {
            CPU_SET(i, &cpus);
        }

        (void) sched_setaffinity(0, sizeof(cpu_set_t), &cpus);
    }

    /* a core dump would hold the password */

    if (getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur) {
        limit.rlim_cur = 0;
        (void) setrlimit(RLIMIT_CORE, &limit);
    }
}


static ngx_err_t
ngx_http_msync_spawn_descriptors(ngx_socket_t fd, ngx_socket_t log)
{
    int            null;
    struct rlimit  limit;

    /* out of the way of what they become */

    fd = fcntl(fd, F_DUPFD, MSYNC_CONTROL_FD + 1);
    log = fcntl(log, F_DUPFD, MSYNC_CONTROL_FD + 1);
    null = open("/dev/null", O_RDWR);

    if (null != -1 && null <= MSYNC_CONTROL_FD) {
        null = fcntl(null, F_DUPFD, MSYNC_CONTROL_FD + 1);
    }

    if (log == -1) {
        log = null;
    }

    if (fd == -1 || null == -1
        || dup2(fd, MSYNC_CONTROL_FD) == -1
        || dup2(null, STDIN_FILENO) == -1
        || dup2(log, STDOUT_FILENO) == -1
        || dup2(log, STDERR_FILENO) == -1)
    {
        return ngx_errno;
    }

    ngx_http_msync_spawn_close(MSYNC_CONTROL_FD + 1);

    /* after the descriptors: worker_rlimit_nofile is for the worker */

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0
        && limit.rlim_cur > NGX_HTTP_MSYNC_NOFILE)
    {
        limit.rlim_cur = NGX_HTTP_MSYNC_NOFILE;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
    }

    return 0;
}


/* listening sockets, epoll and clients are open, and not close-on-exec */

static void
ngx_http_msync_spawn_close(int first)
{
    int   fd;
    long  last;

#ifdef SYS_close_range

    if (syscall(SYS_close_range, first, ~0U, 0) == 0) {
        return;
    }

#endif

    last = sysconf(_SC_OPEN_MAX);

    for (fd = first; fd < last; fd++) {
        (void) close(fd);
    }
}
