/*
 * The life of a helper, in worker 0.
 *
 * A helper is started by a timer, is known to run once it has said HELLO, and
 * is over when its end of the channel is closed.  Then a timer with back-off
 * starts the next one, but not in a worker that shuts down, nor in one that a
 * later worker 0 has followed.  Closing our end is how a helper is told to
 * stop; the worker stays until it has, for only its parent can end one that
 * hangs, and the next helper waits for its lock.
 */

#include "ngx_http_msync.h"


#define NGX_HTTP_MSYNC_DELAY_MIN   1000              /* ms */
#define NGX_HTTP_MSYNC_DELAY_MAX   48000             /* ms, and up to a quarter
                                                        more */
#define NGX_HTTP_MSYNC_HEALTHY     60000             /* ms that one ran: no
                                                        back-off */
#define NGX_HTTP_MSYNC_NO_HELLO    30000             /* ms without a HELLO */
#define NGX_HTTP_MSYNC_STALE       5000              /* ms without a status */
#define NGX_HTTP_MSYNC_BATCH       30000             /* ms, while an earlier one
                                                        ends */
#define NGX_HTTP_MSYNC_PING        10000             /* ms */
#define NGX_HTTP_MSYNC_SAID        2                 /* pings without answer
                                                        that are told of, and
                                                        end one that is to
                                                        stop */
#define NGX_HTTP_MSYNC_HANGS       6                 /* pings without answer
                                                        that end it */
#define NGX_HTTP_MSYNC_STOPS       100               /* ms between two looks at
                                                        one that is to stop */
#define NGX_HTTP_MSYNC_KILLED      10                /* looks at one that is
                                                        killed, at most */
#define NGX_HTTP_MSYNC_ENDED       20                /* ms between two looks for
                                                        the status of one that
                                                        has ended */
#define NGX_HTTP_MSYNC_ENDED_MAX   50                /* so many looks at most */


static void ngx_http_msync_helper_start(ngx_event_t *ev);
static ngx_int_t ngx_http_msync_helper_connect(ngx_http_msync_site_t *site,
    ngx_socket_t fd);
static void ngx_http_msync_helper_read(ngx_event_t *rev);
static void ngx_http_msync_helper_write(ngx_event_t *wev);
static void ngx_http_msync_helper_ended(ngx_event_t *ev);
static void ngx_http_msync_helper_ping(ngx_event_t *ev);
static void ngx_http_msync_helper_warn(ngx_http_msync_site_t *site);
static ngx_uint_t ngx_http_msync_helper_hangs(ngx_http_msync_helper_t *h);
static void ngx_http_msync_helper_no_hello(ngx_event_t *ev);
static void ngx_http_msync_helper_stale(ngx_event_t *ev);
static void ngx_http_msync_helper_end(ngx_http_msync_site_t *site,
    ngx_uint_t level, char *reason);
static void ngx_http_msync_helper_replaces(ngx_http_msync_helper_t *h,
    char *reason);
static void ngx_http_msync_helper_close(ngx_http_msync_site_t *site);
static void ngx_http_msync_helper_stops(ngx_event_t *ev);
static void ngx_http_msync_helper_kill(ngx_http_msync_helper_t *h);
static ngx_uint_t ngx_http_msync_helper_went(ngx_http_msync_helper_t *h);
static ngx_msec_t ngx_http_msync_helper_delay(ngx_http_msync_helper_t *h);
static void ngx_http_msync_helper_event(ngx_event_t *ev,
    ngx_event_handler_pt handler, ngx_http_msync_site_t *site);


/* this worker 0 begins to own the site, whose helper starts after `delay` ms */

void
ngx_http_msync_helper_init(ngx_http_msync_site_t *site, ngx_msec_t delay)
{
    ngx_uint_t                effects;
    ngx_http_msync_helper_t  *h;

    h = &site->helper;

    ngx_http_msync_helper_event(&h->timer, ngx_http_msync_helper_start, site);
    ngx_http_msync_helper_event(&h->hello, ngx_http_msync_helper_no_hello,
                                site);
    ngx_http_msync_helper_event(&h->stale, ngx_http_msync_helper_stale, site);
    ngx_http_msync_helper_event(&h->ended, ngx_http_msync_helper_ended, site);
    ngx_http_msync_helper_event(&h->ping, ngx_http_msync_helper_ping, site);

    /* the helper of before may have a long batch to end, as its status says */

    effects = ngx_http_msync_zone_begin(site);

    h->follows = (effects & NGX_HTTP_MSYNC_OWNER_FOLLOWS) ? 1 : 0;
    h->reloaded = (effects & NGX_HTTP_MSYNC_OWNER_RELOAD) ? 1 : 0;

    if (effects & NGX_HTTP_MSYNC_OWNER_CRASHED) {
        ngx_http_msync_helper_replaces(h, "nginx's worker process has crashed, "
                                          "or was killed");
    }

    ngx_add_timer(&h->timer, delay);
    ngx_add_timer(&h->stale, h->follows ? NGX_HTTP_MSYNC_BATCH
                                        : NGX_HTTP_MSYNC_STALE);
}


static void
ngx_http_msync_helper_event(ngx_event_t *ev, ngx_event_handler_pt handler,
    ngx_http_msync_site_t *site)
{
    ev->handler = handler;
    ev->data = site;
    ev->log = ngx_cycle->log;
    ev->cancelable = 1;
}


/* starts one; not where this worker 0 leaves the site to a later one */

static void
ngx_http_msync_helper_start(ngx_event_t *ev)
{
    ngx_socket_t              fd;
    ngx_http_msync_site_t    *site;
    ngx_http_msync_helper_t  *h;

    site = ev->data;
    h = &site->helper;

    if (ngx_exiting || ngx_quit || ngx_terminate
        || !ngx_http_msync_zone_owned(site))
    {
        return;
    }

    h->id = ngx_http_msync_owner_helper(site->term, ++h->spawns);
    h->sent = 0;
    h->started = ngx_current_msec;
    h->greeted = 0;
    h->configured = 0;
    h->useless = 0;
    h->executes = 0;
    h->silent = 0;
    h->killed = 0;
    h->unheard = 0;
    h->waiting[0] = '\0';
    h->answered = 1;
    h->used = 0;
    h->waits = 0;

    if (ngx_http_msync_spawn(site, &fd, &h->pid) != NGX_OK) {
        ngx_http_msync_helper_end(site, NGX_LOG_ERR,
                                  "the helper cannot be started");
        return;
    }

    ngx_log_error(NGX_LOG_INFO, ev->log, 0,
                  "msync %V: helper \"%V\" is process %P",
                  &site->name, &site->helper_path, h->pid);

    if (ngx_http_msync_helper_connect(site, fd) != NGX_OK) {
        ngx_http_msync_helper_end(site, NGX_LOG_ERR,
                                  "the helper cannot be connected");
        return;
    }

    ngx_add_timer(&h->hello, NGX_HTTP_MSYNC_NO_HELLO);
    ngx_add_timer(&h->ping, NGX_HTTP_MSYNC_PING);
}


static ngx_int_t
ngx_http_msync_helper_connect(ngx_http_msync_site_t *site, ngx_socket_t fd)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(fd, ngx_cycle->log);

    if (c == NULL) {
        (void) close(fd);
        return NGX_ERROR;
    }

    c->data = site;
    c->log = ngx_cycle->log;

    c->read->handler = ngx_http_msync_helper_read;
    c->read->log = c->log;
    c->read->channel = 1;

    c->write->handler = ngx_http_msync_helper_write;
    c->write->log = c->log;
    c->write->channel = 1;
    c->write->ready = 1;

    site->helper.connection = c;

    return ngx_handle_read_event(c->read, 0);
}


static void
ngx_http_msync_helper_read(ngx_event_t *rev)
{
    char                      reason[2 * NGX_HTTP_MSYNC_REASON_MAX];
    ngx_int_t                 rc;
    ngx_connection_t         *c;
    ngx_http_msync_site_t    *site;
    ngx_http_msync_helper_t  *h;

    c = rev->data;
    site = c->data;
    h = &site->helper;

    rc = ngx_http_msync_frame_read(site, reason);

    switch (rc) {

    case NGX_DONE:
        ngx_http_msync_helper_close(site);
        ngx_http_msync_helper_ended(&h->ended);
        return;

    case NGX_ERROR:
        ngx_http_msync_helper_end(site, NGX_LOG_ERR, reason);
        return;

    case NGX_OK:

        /* edge-triggered: what is left would not be told again */

        ngx_post_event(rev, &ngx_posted_next_events);
        break;

    default: /* NGX_AGAIN */

        rev->ready = 0;

        if (ngx_handle_read_event(rev, 0) != NGX_OK) {
            ngx_http_msync_helper_end(site, NGX_LOG_ERR,
                                      "the helper cannot be read");
            return;
        }
    }

    if (h->greeted && !h->configured) {
        ngx_http_msync_helper_pump(site);
    }
}


static void
ngx_http_msync_helper_write(ngx_event_t *wev)
{
    ngx_connection_t  *c;

    c = wev->data;

    ngx_http_msync_helper_pump(c->data);
}


/*
 * Sends the helper what it has not yet got.  What cannot be sent now stays in
 * the zone, and is sent when the channel is writable or by a later helper.
 */

void
ngx_http_msync_helper_pump(ngx_http_msync_site_t *site)
{
    ngx_int_t                 rc;
    ngx_event_t              *wev;
    ngx_http_msync_helper_t  *h;

    h = &site->helper;

    if (h->connection == NULL || !h->greeted) {
        return;
    }

    rc = NGX_OK;

    if (!h->configured) {
        rc = ngx_http_msync_frame_config(site);
        h->configured = (rc == NGX_OK);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_msync_frame_command(site);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_msync_frame_request(site);
    }

    wev = h->connection->write;
    wev->ready = (rc != NGX_AGAIN);

    /* by poll and select, the event would come on and on when all is sent */

    if (rc != NGX_ERROR) {
        rc = ngx_handle_write_event(wev, 0);
    }

    if (rc != NGX_OK) {
        ngx_http_msync_helper_end(site, NGX_LOG_ERR,
                                  "the helper cannot be written to");
    }
}


/* its end of the channel is closed before its status can be taken, so this
 * looks for that again and again, for a second */

static void
ngx_http_msync_helper_ended(ngx_event_t *ev)
{
    char                      reason[NGX_HTTP_MSYNC_REASON_MAX];
    ngx_http_msync_site_t    *site;
    ngx_http_msync_helper_t  *h;

    site = ev->data;
    h = &site->helper;

    if (!h->exited && ngx_process == NGX_PROCESS_WORKER
        && h->waits++ < NGX_HTTP_MSYNC_ENDED_MAX)
    {
        ngx_add_timer(&h->ended, NGX_HTTP_MSYNC_ENDED);
        return;
    }

    ngx_http_msync_child_reason(h, reason);
    ngx_http_msync_helper_end(site, NGX_LOG_WARN, reason);
}


/*
 * A helper answers whenever it waits, and between two statements of SQLite; one
 * of those may take long, but then it works.  One that neither answers nor
 * works is stopped, or waits for its disk: that is told.  After a minute it is
 * ended, and the next one waits for its lock, so there are never two.
 */

static void
ngx_http_msync_helper_ping(ngx_event_t *ev)
{
    ngx_http_msync_site_t    *site;
    ngx_http_msync_helper_t  *h;

    site = ev->data;
    h = &site->helper;

    if (!ngx_http_msync_helper_hangs(h)) {
        h->silent = 0;
        ngx_http_msync_report_heard(site);
        ngx_http_msync_ring();

    } else if (++h->silent == NGX_HTTP_MSYNC_HANGS) {
        ngx_http_msync_child_kill(h);
        ngx_http_msync_helper_end(site, NGX_LOG_ERR,
                                  "the helper hung: for a minute it neither "
                                  "answered nor worked, so it was ended; is "
                                  "its disk all right?");
        return;

    } else if (h->silent == NGX_HTTP_MSYNC_SAID) {
        ngx_http_msync_helper_warn(site);
    }

    h->used = ngx_http_msync_child_used(h->pid);

    if (h->greeted) {
        h->answered = 0;
        (void) ngx_http_msync_frame_ping(site);
    }

    ngx_add_timer(ev, NGX_HTTP_MSYNC_PING);
}


/* tells that the helper neither answers nor works */

static void
ngx_http_msync_helper_warn(ngx_http_msync_site_t *site)
{
    char  reason[NGX_HTTP_MSYNC_REASON_MAX];

    ngx_sprintf((u_char *) reason,
                "the helper (process %P) neither answers nor works: it was "
                "stopped (SIGSTOP), or it waits for its disk; if it goes on "
                "so, another one takes its place within a minute%Z",
                site->helper.pid);

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0, "msync %V: %s",
                  &site->name, reason);

    ngx_http_msync_report_silent(site, reason);
    ngx_http_msync_ring();
}


/* whether since the last ping it has neither answered nor worked; where its
 * work cannot be seen it does not hang */

static ngx_uint_t
ngx_http_msync_helper_hangs(ngx_http_msync_helper_t *h)
{
    uint64_t  used;

    used = ngx_http_msync_child_used(h->pid);

    return !h->answered && used && used == h->used;
}


/* it has not said HELLO in time */

static void
ngx_http_msync_helper_no_hello(ngx_event_t *ev)
{
    ngx_http_msync_site_t  *site;

    site = ev->data;

    ngx_http_msync_child_kill(&site->helper);

    ngx_http_msync_helper_end(site, NGX_LOG_ERR, "the helper says nothing");
}


/* no helper has reported in time: what the last one has said ends */

static void
ngx_http_msync_helper_stale(ngx_event_t *ev)
{
    ngx_http_msync_site_t  *site;

    site = ev->data;

    ngx_http_msync_report_stopped(site, NGX_HTTP_MSYNC_UNREPORTED);
    ngx_http_msync_ring();
}


/* the helper is over, or has to be: the next one starts after a while */

static void
ngx_http_msync_helper_end(ngx_http_msync_site_t *site, ngx_uint_t level,
    char *reason)
{
    ngx_msec_t                delay;
    ngx_http_msync_helper_t  *h;

    h = &site->helper;

    ngx_http_msync_helper_close(site);

    delay = ngx_http_msync_helper_delay(h);

    ngx_log_error(level, ngx_cycle->log, 0,
                  "msync %V: %s (process %P), the next one starts in %Mms",
                  &site->name, reason, h->pid, delay);

    ngx_http_msync_report_reason(site, reason);
    ngx_http_msync_ring();

    ngx_http_msync_helper_replaces(h, reason);

    ngx_add_timer(&h->timer, delay);

    if (h->follows || !h->stale.timer_set) {
        h->follows = 0;
        ngx_add_timer(&h->stale, NGX_HTTP_MSYNC_STALE);
    }
}


/* whether it ended by itself, which is no fault: it has left something new for
 * the next one to read, as often as the network of a machine changes */

static ngx_uint_t
ngx_http_msync_helper_went(ngx_http_msync_helper_t *h)
{
    return h->greeted && h->exited && h->status == 0;
}


/*
 * Keeps the reason for the next one, which tells it of the run that was cut
 * short, and takes over how seldom a wrong password is tried.
 */

static void
ngx_http_msync_helper_replaces(ngx_http_msync_helper_t *h, char *reason)
{
    h->reloaded = 0;

    if (ngx_http_msync_helper_went(h)) {
        ngx_str_null(&h->ended_by);
        return;
    }

    h->ended_by.data = h->ended_text;
    h->ended_by.len = ngx_cpystrn(h->ended_text, (u_char *) reason,
                                  sizeof(h->ended_text)) - h->ended_text;
}


/* closes the channel, and gives back what the helper has not answered */

static void
ngx_http_msync_helper_close(ngx_http_msync_site_t *site)
{
    ngx_http_msync_helper_t  *h;

    h = &site->helper;

    if (h->hello.timer_set) {
        ngx_del_timer(&h->hello);
    }

    if (h->ping.timer_set) {
        ngx_del_timer(&h->ping);
    }

    if (h->connection) {
        ngx_close_connection(h->connection);
        h->connection = NULL;
    }

    ngx_http_msync_report_forget(site);
    ngx_http_msync_slot_requeue(site, 0);
    ngx_http_msync_zone_ended(site);
}


/* ms until the next one starts; the back-off grows with each call */

static ngx_msec_t
ngx_http_msync_helper_delay(ngx_http_msync_helper_t *h)
{
    if (h->useless) {
        h->delay = NGX_HTTP_MSYNC_DELAY_MAX;

    } else if (h->delay == 0 || ngx_http_msync_helper_went(h)
               || ngx_current_msec - h->started > NGX_HTTP_MSYNC_HEALTHY)
    {
        h->delay = NGX_HTTP_MSYNC_DELAY_MIN;

    } else {
        h->delay = ngx_min(2 * h->delay, NGX_HTTP_MSYNC_DELAY_MAX);
    }

    /* helpers of many sites that fail together shall not start together */

    return h->delay + ngx_random() % (h->delay / 4);
}


/* the worker shuts down: the helper is to stop, and no other one to start */

void
ngx_http_msync_helper_release(ngx_http_msync_site_t *site)
{
    ngx_http_msync_helper_t  *h;

    h = &site->helper;

    if (site->term == 0) {
        return;
    }

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "msync %V: helper %P is released", &site->name, h->pid);

    if (h->timer.timer_set) {
        ngx_del_timer(&h->timer);
    }

    if (h->stale.timer_set) {
        ngx_del_timer(&h->stale);
    }

    if (h->ended.timer_set) {
        ngx_del_timer(&h->ended);
    }

    /*
     * After an upgrade nobody looks into this zone again: from now on it takes
     * nothing, and what it has taken is for the helper to keep.  After a reload
     * it takes on, for the worker 0 that is to come.
     */

    ngx_http_msync_zone_quit(site);

    if (h->connection && h->configured) {
        (void) ngx_http_msync_frame_command(site);
    }

    /* one that seems to hang would not see that its channel is closed */

    h->waits = 0;

    if (h->connection && h->greeted && ngx_http_msync_helper_hangs(h)) {
        ngx_http_msync_helper_kill(h);
    }

    ngx_http_msync_helper_close(site);
    ngx_http_msync_ring();

    if (h->pid > 0 && !h->exited && ngx_process == NGX_PROCESS_WORKER) {
        h->silent = 0;
        h->used = ngx_http_msync_child_used(h->pid);
        h->ping.handler = ngx_http_msync_helper_stops;
        h->ping.cancelable = 0;

        ngx_add_timer(&h->ping, NGX_HTTP_MSYNC_STOPS);
    }
}


/*
 * It ends its batch and then itself; without a channel only its work tells.  A
 * kill waits for the disk as the process does, and nginx does not: whatever
 * comes after it waits for the lock, which the kernel keeps for so long.
 */

static void
ngx_http_msync_helper_stops(ngx_event_t *ev)
{
    uint64_t                  used;
    ngx_http_msync_site_t    *site;
    ngx_http_msync_helper_t  *h;

    site = ev->data;
    h = &site->helper;

    /* nginx may have taken its status, see child.c: `exited` is not set then */

    if (h->exited || kill(h->pid, 0) == -1) {
        return;
    }

    h->waits++;

    if (h->killed && h->waits >= NGX_HTTP_MSYNC_KILLED) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "msync %V: the helper (process %P) was killed and has "
                      "not ended: its disk does not answer; the next one "
                      "waits for that", &site->name, h->pid);
        return;
    }

    if (!h->killed && h->waits % (NGX_HTTP_MSYNC_PING / NGX_HTTP_MSYNC_STOPS)
                      == 0)
    {
        used = ngx_http_msync_child_used(h->pid);
        h->silent = (used && used != h->used) ? 0 : h->silent + 1;
        h->used = used;
    }

    if (!h->killed && h->silent == NGX_HTTP_MSYNC_SAID) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "msync %V: the helper (process %P) hung: for %d seconds "
                      "it neither ended nor worked, so it was ended; is its "
                      "disk all right?", &site->name, h->pid,
                      NGX_HTTP_MSYNC_SAID * NGX_HTTP_MSYNC_PING / 1000);

        ngx_http_msync_helper_kill(h);
    }

    ngx_add_timer(ev, NGX_HTTP_MSYNC_STOPS);
}


static void
ngx_http_msync_helper_kill(ngx_http_msync_helper_t *h)
{
    ngx_http_msync_child_kill(h);

    h->killed = 1;
    h->waits = 0;
}
