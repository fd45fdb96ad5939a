/*
 * The process of a helper, as worker 0 sees it from outside: how it ended, and
 * whether it works when it does not answer.
 *
 * nginx takes the status of every child in its handler of SIGCHLD, where it
 * is lost for others; ours goes before it and takes those of helpers alone.
 * One that ends between the two is taken by nginx all the same.
 */

#include "ngx_http_msync.h"


static void ngx_http_msync_child_handler(int signo, siginfo_t *info,
    void *context);
static char *ngx_http_msync_child_cause(int signo);


static struct sigaction             ngx_http_msync_child_next;
static ngx_http_msync_main_conf_t  *ngx_http_msync_child_conf;


/*
 * Not in a process that reads another configuration one day, and may unload
 * this module then.
 */

void
ngx_http_msync_child_init(ngx_http_msync_main_conf_t *mcf)
{
    struct sigaction  sa;

    if (ngx_process != NGX_PROCESS_WORKER) {
        return;
    }

    ngx_http_msync_child_conf = mcf;

    ngx_memzero(&sa, sizeof(struct sigaction));
    sa.sa_sigaction = ngx_http_msync_child_handler;
    sa.sa_flags = SA_SIGINFO;
    sigemptyset(&sa.sa_mask);

    if (sigaction(SIGCHLD, &sa, &ngx_http_msync_child_next) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "sigaction(SIGCHLD) for msync failed");
    }
}


/* before the sites are freed: their helpers end about now */

void
ngx_http_msync_child_exit(void)
{
    if (ngx_http_msync_child_conf == NULL) {
        return;
    }

    (void) sigaction(SIGCHLD, &ngx_http_msync_child_next, NULL);

    ngx_http_msync_child_conf = NULL;
}


static void
ngx_http_msync_child_handler(int signo, siginfo_t *info, void *context)
{
    int                        status;
    ngx_err_t                  err;
    ngx_uint_t                 i;
    ngx_http_msync_site_t    **site;
    ngx_http_msync_helper_t   *h;

    err = ngx_errno;
    site = ngx_http_msync_child_conf->sites.elts;

    for (i = 0; i < ngx_http_msync_child_conf->sites.nelts; i++) {
        h = &site[i]->helper;

        if (h->pid > 0 && !h->exited
            && waitpid(h->pid, &status, WNOHANG) == h->pid)
        {
            h->status = status;
            h->exited = 1;
        }
    }

    ngx_set_errno(err);

    if (ngx_http_msync_child_next.sa_flags & SA_SIGINFO) {
        ngx_http_msync_child_next.sa_sigaction(signo, info, context);

    } else if (ngx_http_msync_child_next.sa_handler != SIG_DFL
               && ngx_http_msync_child_next.sa_handler != SIG_IGN)
    {
        ngx_http_msync_child_next.sa_handler(signo);
    }
}


/* how it ended, as far as that is known; room for NGX_HTTP_MSYNC_REASON_MAX */

void
ngx_http_msync_child_reason(ngx_http_msync_helper_t *h, char *reason)
{
    char  *when, *why;

    when = h->greeted ? ""
           : h->executes ? " before it said a word"
           : " before it was the helper: what nginx's unit allows may be too "
             "little (SystemCallFilter=, LimitNPROC=)";

    if (!h->exited) {
        ngx_sprintf((u_char *) reason, "the helper has ended%s%Z", when);

    } else if (WIFSIGNALED(h->status)) {
        why = (h->greeted || h->executes)
              ? ngx_http_msync_child_cause(WTERMSIG(h->status)) : "";

        ngx_sprintf((u_char *) reason,
                    "the helper was ended by signal %d (%s)%s%s%Z",
                    WTERMSIG(h->status), strsignal(WTERMSIG(h->status)), when,
                    why);

    } else if (WEXITSTATUS(h->status) == MSYNC_EXIT_NO_MEMORY) {
        ngx_sprintf((u_char *) reason,
                    "the helper ended because it was given no more memory: "
                    "this machine has none left, or nginx's unit or container "
                    "allows too little (LimitAS=, ulimit -v)%Z");

    } else {
        /* of the dynamic linker */

        why = (WEXITSTATUS(h->status) == 127 && !h->greeted)
              ? ": a library of it cannot be loaded, as nginx's error log "
                "says, or the unit allows too little memory (LimitAS=)"
              : "";

        ngx_sprintf((u_char *) reason,
                    "the helper has ended with status %d%s%s%Z",
                    WEXITSTATUS(h->status), when, why);
    }
}


/* who sends such a signal to a program that works */

static char *
ngx_http_msync_child_cause(int signo)
{
    switch (signo) {

    case SIGSYS:
        return ": nginx's unit or container forbids a system call that it "
               "needs (SystemCallFilter=)";

    case SIGKILL:
        return ": by somebody, or by the system for lack of memory (see "
               "dmesg, MemoryMax=)";

    case SIGXCPU:
        return ": its processor time is limited (LimitCPU=)";

    case SIGBUS:
        return ": its disk fails, or a file was cut while it was open";

    default:
        return "";
    }
}


/*
 * The processor time that it has used, to tell one that is busy from one that
 * hangs; 0 when nobody knows.  It is counted in hundredths of a second, for one
 * that waits for a disk may wake up for a moment again and again.  Its /proc
 * can be hidden from a worker (hidepid=2, ProtectProc=invisible), its clock
 * cannot.
 */

uint64_t
ngx_http_msync_child_used(ngx_pid_t pid)
{
    clockid_t        clock;
    struct timespec  ts;

    if (clock_getcpuclockid(pid, &clock) != 0
        || clock_gettime(clock, &ts) == -1)
    {
        return 0;
    }

    return 1 + (uint64_t) ts.tv_sec * 100 + ts.tv_nsec / 10000000;
}


/* ends one that would not hear of anything else */

void
ngx_http_msync_child_kill(ngx_http_msync_helper_t *h)
{
    /* until its status was taken the number is nobody else's */

    if (!h->exited && kill(h->pid, SIGKILL) == -1) {
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, ngx_errno,
                      "kill(%P, SIGKILL) failed", h->pid);
    }
}
