/*
 * A command as two processes: one that works, and one that the terminal waits
 * for.
 *
 * A disk that does not answer keeps whoever uses it in the kernel, where no
 * signal reaches it; whoever only waits for that one can say so, and be ended.
 *
 * Promises: what is waited for ends as the one that works does, with its status
 * or by its signal; where it is killed, that ends as well.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/cli_private.h"

#define WATCH_PAUSE   200              /* ms between two looks */
#define WATCH_SILENT  5000             /* ms of a silent disk that are told
                                          of */
#define WATCH_LEFT    2000             /* ms of a silent disk after which an
                                          interrupt leaves the process behind */

typedef struct {
    pid_t    pid;                      /* of the one that works */
    char     used[64];                 /* its state and its times at the latest
                                          look */
    int64_t  since;                    /* monotonic ms, since when they are
                                          these */
    bool     told;
    bool     stopped;                  /* somebody interrupts */
} watch_t;


static int watch_work(pid_t parent, int argc, char **argv);
static int watch_wait(watch_t *watch, const sigset_t *ends);
static int watch_end(int status);
static bool watch_is_over(watch_t *watch);
static int64_t watch_waits(watch_t *watch);


int
msync_cli_watched(int argc, char **argv)
{
    int       status;
    pid_t     parent = getpid();
    watch_t   watch;
    sigset_t  ends, before;

    memset(&watch, 0, sizeof(watch));
    sigemptyset(&ends);
    sigaddset(&ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ends, &before);

    watch.pid = fork();

    if (watch.pid > 0) {
        status = watch_wait(&watch, &ends);

        /* nothing that is to be done at the end is this one's */
        _exit(watch_end(status));
    }

    sigprocmask(SIG_SETMASK, &before, NULL);

    /* where there can be no other one, this one works */
    return watch.pid == 0 ? watch_work(parent, argc, argv)
                          : msync_cli(argc, argv);
}


static int
watch_work(pid_t parent, int argc, char **argv)
{
    msync_cli_end_together();

    return getppid() == parent ? msync_cli(argc, argv) : 1;
}


/* the kernel forgets it where the rights of the process change */

void
msync_cli_end_together(void)
{
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}


/* as waitpid(2) tells it */

static int
watch_wait(watch_t *watch, const sigset_t *ends)
{
    int              status;
    pid_t            pid;
    struct timespec  pause = { 0, WATCH_PAUSE * 1000000L };

    for ( ;; ) {
        pid = waitpid(watch->pid, &status, WNOHANG);

        if (pid == watch->pid) {
            return status;
        }

        if ((pid == -1 && errno != EINTR) || watch_is_over(watch)) {
            return W_EXITCODE(1, 0);
        }

        (void) sigtimedwait(ends, NULL, &pause);
    }
}


static int
watch_end(int status)
{
    if (WIFEXITED(status)) {
        return WEXITSTATUS(status);
    }

    (void) signal(WTERMSIG(status), SIG_DFL);
    (void) raise(WTERMSIG(status));

    return 1;
}


/* whether nobody waits any more for one that cannot be ended */

static bool
watch_is_over(watch_t *watch)
{
    int64_t  waits;

    /* a terminal interrupts both, `kill` this one */
    if (msync_cli_is_stopped() && !watch->stopped) {
        watch->stopped = true;
        (void) kill(watch->pid, SIGTERM);
    }

    waits = watch_waits(watch);

    if (watch->stopped && waits >= WATCH_LEFT) {
        (void) kill(watch->pid, SIGKILL);
        fprintf(stderr, "msync: interrupted; process %ld waits for the disk, "
                "which does not answer, and ends when it does\n",
                (long) watch->pid);
        return true;
    }

    if (!watch->told && waits >= WATCH_SILENT) {
        watch->told = true;
        fprintf(stderr, "msync: the disk has not answered for %d seconds; "
                "waiting for it (look into dmesg)\n", WATCH_SILENT / 1000);
    }

    return false;
}


/* ms for which it has waited for a disk without a step of its own, proc(5) */

static int64_t
watch_waits(watch_t *watch)
{
    char         path[64], line[512], used[64] = "";
    char        *p;
    FILE        *file;
    int64_t      now = msync_clock_monotonic();

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long) watch->pid);
    file = fopen(path, "re");

    if (file != NULL && fgets(line, sizeof(line), file) != NULL
        && (p = strrchr(line, ')')) != NULL && strncmp(p, ") D ", 4) == 0)
    {
        (void) sscanf(p, ") D %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                      "%63[0-9 ]", used);
    }

    if (file != NULL) {
        fclose(file);
    }

    if (*used == '\0' || strcmp(used, watch->used) != 0) {
        watch->since = now;
        memcpy(watch->used, used, sizeof(used));
    }

    return now - watch->since;
}
