/*
 * The event loop.
 *
 * Promises: the lifeline is watched at every moment that waits, so the
 * helper goes when its nginx goes; a command that was taken is done, or still
 * unacknowledged and left in the database.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "confine/confine.h"
#include "serve/requests_private.h"
#include "serve/serve.h"
#include "serve/serve_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/changelog.h"
#include "store/kv.h"
#include "store/lock.h"
#include "store/older.h"

#define OPEN_PAUSE     5000        /* ms until a database is tried again */
#define LOCK_PAUSE     100         /* ms until its lock is */
#define OPEN_WAIT      30000       /* ms that it may be locked by a program that
                                      knows nothing of that lock */

static volatile sig_atomic_t  stop;


static void serve_log_to_nginx(void *data, int level, const char *line);
static int serve_load_catalogue(msync_serve_t *serve, msync_err_t *err);
static int serve_while_opening(void *data, msync_err_t *err);
static bool serve_is_killed(long pid);
static void serve_say_who_works(msync_serve_t *serve, long holder);
static int serve_open_store(msync_serve_t *serve, msync_err_t *err);
static void serve_open(msync_serve_t *serve);
static int serve_next_wait(const msync_serve_t *serve);
static void serve_wait(msync_serve_t *serve);
static void serve_detach_log(void);
static int serve_begin(msync_serve_t *serve);
static void serve_end(msync_serve_t *serve);


void
msync_serve_stop(void)
{
    stop = 1;
}


bool
msync_serve_is_stopped(void)
{
    return stop != 0;
}


static void
serve_log_to_nginx(void *data, int level, const char *line)
{
    msync_serve_t  *serve = data;

    msync_channel_send(serve->channel, MSYNC_FRAME_LOG, level, line,
                       strlen(line), NULL, 0);
}


static int
serve_load_catalogue(msync_serve_t *serve, msync_err_t *err)
{
    if (serve->catalogue != NULL) {
        return MSYNC_OK;
    }

    serve->catalogue = serve->conf->tables
                       ? msync_catalogue_load(serve->conf->tables, err)
                       : msync_catalogue_builtin(err);

    return serve->catalogue ? MSYNC_OK : MSYNC_ERROR;
}


/* no run of the log: id -1 shows the error all the same */

void
msync_serve_show_failure(msync_serve_t *serve,
    const msync_log_entry_t *before, msync_err_t *err)
{
    msync_log_entry_t  *entry = &serve->status.entry;

    memset(entry, 0, sizeof(msync_log_entry_t));
    entry->id = -1;
    entry->started = entry->finished = msync_clock_wall();
    entry->variant = err->variant;
    msync_err_full(err, entry->text, sizeof(entry->text));

    /* the log is told of each error once, however often it is tried */
    if (before->id == -1 && before->variant == entry->variant
        && strcmp(before->text, entry->text) == 0)
    {
        *entry = *before;

    } else {
        msync_log_err(err, serve->store != NULL ? "the site"
                                                : "opening the site");
    }

    msync_serve_report(serve, true);
}


/* the application has the database locked while it is opened: only what needs
 * no database, and the page is told why nothing goes on */

static int
serve_while_opening(void *data, msync_err_t *err)
{
    int64_t             waited;
    msync_err_t         fault;
    msync_serve_t      *serve = data;
    msync_log_entry_t   before = serve->status.entry;

    if (msync_serve_hear(serve, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    msync_err_clear(&fault);
    msync_serve_refuse(serve, &fault);

    waited = msync_clock_monotonic() - serve->opening;
    msync_err_set(&fault, MSYNC_ERR_DATABASE_ERROR, "another program keeps "
                  "the database locked, so it cannot be opened yet");
    fault.advice = MSYNC_STORE_LOCKED_ADVICE;

    if (waited >= SERVE_LOCKED_TIME && serve->status.locked_since == 0) {
        serve->status.locked_since = msync_clock_wall() - waited;
        msync_serve_show_failure(serve, &before, &fault);
    }

    if (waited < OPEN_WAIT) {
        return MSYNC_OK;
    }

    *err = fault;
    return MSYNC_ERROR;
}


/* a kill that its process has not come to yet, for it waits for a disk */

static bool
serve_is_killed(long pid)
{
    char   path[64], line[128];
    bool   killed = false;
    FILE  *file;

    snprintf(path, sizeof(path), "/proc/%ld/status", pid);

    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }

    while (!killed && fgets(line, sizeof(line), file) != NULL) {
        killed = (strncmp(line, "SigPnd:", 7) == 0
                  || strncmp(line, "ShdPnd:", 7) == 0)
                 && (strtoull(line + 7, NULL, 16) & 1ULL << (SIGKILL - 1));
    }

    fclose(file);

    return killed;
}


/* the helper of a configuration before ends soon; others may take long */

static void
serve_say_who_works(msync_serve_t *serve, long holder)
{
    int   length;
    char  text[256];
    bool  killed;
    long  said;

    /* who has the lock has not written yet which process it is */
    if (holder == 0
        || msync_clock_monotonic() - serve->started < SERVE_LOCKED_TIME)
    {
        return;
    }

    killed = serve_is_killed(holder);
    said = killed ? -holder : holder;

    if (serve->holder == said) {
        return;
    }

    serve->holder = said;
    length = snprintf(text, sizeof(text), killed
                      ? "process %ld, which works on this database, was killed "
                        "and has not ended: the disk does not answer; this "
                        "site goes on by itself when it does, or after a "
                        "restart of this machine"
                      : "process %ld works on this database: a \"msync\" on a "
                        "terminal, or the helper of another nginx; this site "
                        "goes on by itself when that has ended", holder);

    msync_channel_send(serve->channel, MSYNC_FRAME_WAITS, 0, text,
                       (size_t) length, NULL, 0);
}


/* takes over the database: only one process may */

static int
serve_open_store(msync_serve_t *serve, msync_err_t *err)
{
    int              rc, interrupted;
    long             holder;
    int64_t          pause = 0;
    msync_refused_e  refused;

    if (serve_load_catalogue(serve, err) != MSYNC_OK
        || (serve->hardware_id[0] == '\0'
            && msync_conf_hardware_id(serve->conf, serve->hardware_id, err)
               != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    rc = msync_store_lock(serve->conf->database, &serve->lock, &holder, err);
    if (rc != MSYNC_OK) {
        if (rc == MSYNC_AGAIN) {
            serve_say_who_works(serve, holder);
        }

        return rc;
    }

    serve->opening = msync_clock_monotonic();
    msync_store_hook_opening(serve_while_opening, serve);
    serve->store = msync_store_open(serve->conf->database, serve->catalogue,
                                    MSYNC_STORE_CREATE, err);

    if (serve->store == NULL
        || msync_serve_load_conf(serve, err) != MSYNC_OK
        || msync_store_log_close_interrupted(serve->store, serve->conf->ended,
                                             &interrupted, err) != MSYNC_OK
        || msync_store_log_last(serve->store, &serve->status.entry, err)
           != MSYNC_OK
        || msync_store_log_last_success(serve->store, &serve->status.success,
                                        err) != MSYNC_OK
        || msync_store_site_get(serve->store, &serve->status.site, err)
           != MSYNC_OK
        || msync_store_load_marks(serve->store, serve->lock,
                                  serve->conf->moved, err) != MSYNC_OK
        || msync_store_get_int(serve->store, MSYNC_KEY_ASKED_PAUSE, &pause,
                               err) != MSYNC_OK
        || msync_run_refusal(serve->store, serve->conf, serve->hardware_id,
                             &refused, err) != MSYNC_OK
        || msync_serve_load_queue(serve, err) != MSYNC_OK)
    {
        msync_store_close(&serve->store);
        return MSYNC_ERROR;
    }

    /* all is open, nothing was said to the network yet */
    msync_confine(serve->conf->ssl_trusted_certificate);

    msync_store_set_hook(serve->store, msync_serve_while_locked, serve);
    serve->pause = (long) pause;
    msync_store_hook_counting(serve->store, msync_serve_while_counting, serve);
    msync_serve_resume(serve, interrupted > 0, refused);

    return MSYNC_OK;
}


/* a database that cannot be opened is shown, and tried again */

static void
serve_open(msync_serve_t *serve)
{
    int                rc;
    msync_err_t        err;
    msync_log_entry_t  before = serve->status.entry;

    msync_err_clear(&err);
    rc = serve_open_store(serve, &err);

    if (serve->closed) {
        return;
    }

    if (rc == MSYNC_OK) {
        msync_serve_send_settings(serve);
        msync_serve_refresh(serve);
        msync_serve_send_lists(serve);

        if (serve->password_err.variant != MSYNC_ERR_NONE) {
            msync_serve_show_failure(serve, &before, &serve->password_err);

        } else {
            msync_serve_report(serve, true);
        }

        msync_requests_resume(serve);
        return;
    }

    if (rc == MSYNC_AGAIN) {
        serve->open_at = msync_clock_monotonic() + LOCK_PAUSE;
        msync_serve_refuse(serve, &err);
        return;
    }

    serve->open_at = msync_clock_monotonic() + OPEN_PAUSE;

    msync_serve_show_failure(serve, &before, &err);
    msync_serve_refuse(serve, &err);
}


static int
serve_next_wait(const msync_serve_t *serve)
{
    int64_t  now = msync_clock_monotonic(), wait = SERVE_WATCH_PAUSE;

    if (serve->store == NULL) {
        wait = serve->open_at - now;

    } else if (serve->dirty) {
        wait = serve->reported + SERVE_REPORT_PAUSE - now;

    } else if (serve->due != 0 && serve->due - now < wait) {
        wait = serve->due - now;
    }

    if (serve->store != NULL && msync_serve_has_work(serve)) {
        wait = 0;
    }

    return wait < 0 ? 0
           : wait > SERVE_WATCH_PAUSE ? SERVE_WATCH_PAUSE : (int) wait;
}


static void
serve_wait(msync_serve_t *serve)
{
    struct pollfd  pfd;

    pfd.fd = msync_channel_fd(serve->channel);
    pfd.events = POLLIN;

    (void) poll(&pfd, 1, serve_next_wait(serve));
}


/* lines go by frames now; a log that was rotated would be kept open by this
 * process, which no signal tells to reopen it */

static void
serve_detach_log(void)
{
    int  fd;

    fd = open("/dev/null", O_RDWR|O_CLOEXEC);
    if (fd == -1) {
        return;
    }

    (void) dup2(fd, STDOUT_FILENO);
    (void) dup2(fd, STDERR_FILENO);
    close(fd);
}


static int
serve_begin(msync_serve_t *serve)
{
    msync_err_t    err;
    struct pollfd  pfd;

    if (msync_channel_send(serve->channel, MSYNC_FRAME_HELLO,
                           MSYNC_CONTROL_VERSION, MSYNC_VERSION,
                           strlen(MSYNC_VERSION), NULL, 0) != MSYNC_OK)
    {
        msync_log(MSYNC_LOG_ERR, "descriptor %d is not nginx's control "
                  "channel; \"--serve\" is for nginx alone",
                  msync_channel_fd(serve->channel));
        return MSYNC_ERROR;
    }

    msync_log_set_sink(serve_log_to_nginx, serve);
    serve_detach_log();
    pfd.fd = msync_channel_fd(serve->channel);
    pfd.events = POLLIN;

    while (serve->config == NULL && !serve->closed) {
        (void) poll(&pfd, 1, -1);
        msync_serve_receive(serve);
    }

    if (serve->closed) {
        return MSYNC_DONE;
    }

    msync_err_clear(&err);
    if (msync_serve_load_conf(serve, &err) != MSYNC_OK) {
        msync_log_err(&err, "start");
        return MSYNC_ERROR;
    }

    serve->status.configured = msync_conf_complete(serve->conf);
    serve->status.interval = serve->conf->interval;

    return MSYNC_OK;
}


static void
serve_end(msync_serve_t *serve)
{
    msync_serve_forget(serve);

    if (serve->store != NULL) {
        msync_serve_save_undone(serve);
    }

    msync_log_set_sink(NULL, NULL);
    msync_store_close(&serve->store);
    msync_conf_free(&serve->conf);
    msync_catalogue_free(&serve->catalogue);
    msync_channel_free(&serve->channel);
    free(serve->config);
    explicit_bzero(serve->password, sizeof(serve->password));
    explicit_bzero(&serve->given, sizeof(serve->given));
    free(serve);
}


int
msync_serve(int fd)
{
    int             rc;
    msync_serve_t  *serve;

    serve = msync_calloc(1, sizeof(msync_serve_t));
    serve->channel = msync_channel_create(fd);
    serve->lock = -1;
    serve->started = msync_clock_monotonic();

    rc = serve_begin(serve);

    while (rc == MSYNC_OK && !serve->closed) {
        if (serve->store == NULL && serve->open_at <= msync_clock_monotonic()) {
            serve_open(serve);

            /* what was asked of a run that is to be done again, too */
            msync_serve_receive(serve);
        }

        if (serve->store != NULL && !serve->closed) {
            msync_serve_work(serve);
        }

        if (serve->closed) {
            break;
        }

        /* before the lock is ours the other helper's status is the right
         * one: ours would say that this site is new */
        if (serve->dirty && serve->store != NULL
            && msync_clock_monotonic() - serve->reported >= SERVE_REPORT_PAUSE)
        {
            msync_serve_send_status(serve);
        }

        serve_wait(serve);
        msync_serve_receive(serve);
    }

    serve_end(serve);
    return rc == MSYNC_ERROR ? 1 : 0;
}
