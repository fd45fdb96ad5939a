/*
 * What nginx is told: the status and the documents.
 *
 * Promises: a status follows every change, at most ten a second, and the
 * last one is never lost.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/sched.h"
#include "serve/serve_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/disk.h"
#include "store/kv.h"
#include "store/lock.h"
#include "store/log.h"
#include "store/older.h"
#include "store/send.h"

#define DATE_OFF  2000         /* ms that a date may be beside the clock */


static void report_send_document(msync_serve_t *serve, msync_document_e which,
    char *text, msync_err_t *err);
static void report_plan_next(msync_serve_t *serve);
static bool report_is_date_off(const msync_serve_t *serve);
static bool report_is_disk_other(const msync_serve_t *serve);
static void report_measure_disk(msync_serve_t *serve);
static void report_count(msync_serve_t *serve);
static void report_set_success(msync_serve_t *serve);
static void report_note_older(msync_serve_t *serve);
static bool report_check_content(msync_serve_t *serve, msync_err_t *err);
static void report_damage(msync_serve_t *serve, msync_err_t *err);


static void
report_send_document(msync_serve_t *serve, msync_document_e which, char *text,
    msync_err_t *err)
{
    if (text == NULL) {
        msync_log_err(err, "document");
        return;
    }

    if (msync_channel_send(serve->channel, MSYNC_FRAME_DOCUMENT, which, text,
                           strlen(text), NULL, 0) != MSYNC_OK)
    {
        msync_log(MSYNC_LOG_ERR, "a document of %zu octets does not fit into "
                  "a frame", strlen(text));
    }

    msync_free(&text);
}


void
msync_serve_send_settings(msync_serve_t *serve)
{
    msync_err_t  err;

    report_send_document(serve, MSYNC_DOCUMENT_SETTINGS,
                         msync_status_settings(serve->store, serve->conf,
                                               serve->hardware_id, &err), &err);
}


void
msync_serve_send_lists(msync_serve_t *serve)
{
    msync_err_t  err;

    /* counts rows that were never sent, which takes a look at each, so not with
     * every count of what waits */
    if (msync_store_never_sent(serve->store, &serve->status.never_sent, &err)
        != MSYNC_OK)
    {
        msync_log_err(&err, "counting");
    }

    report_send_document(serve, MSYNC_DOCUMENT_HISTORY,
                         msync_status_history(serve->store, &err), &err);
    report_send_document(serve, MSYNC_DOCUMENT_ERRORS,
                         msync_status_errors(serve->store, false, &err), &err);
    report_send_document(serve, MSYNC_DOCUMENT_DISMISSED,
                         msync_status_errors(serve->store, true, &err), &err);
}


void
msync_serve_send_status(msync_serve_t *serve)
{
    char                  *doc, *stopped, *both;
    msync_status_t        *status = &serve->status;
    msync_status_frame_t   frame = serve->totals;

    doc = msync_status_document(status, false);
    stopped = msync_status_document(status, true);

    frame.state = msync_status_state(status);

    /* a database that cannot be read may have settings */
    frame.flags = status->configured || serve->store == NULL
                  ? MSYNC_STATUS_CONFIGURED : 0;
    frame.flags |= status->v7 ? MSYNC_STATUS_V7 : 0;

    memcpy(frame.done, serve->queue.done, sizeof(frame.done));
    frame.queue = status->queue;
    frame.integration_errors = status->failed;
    frame.dismissed = status->dismissed;
    frame.never_sent = status->never_sent;
    frame.wal_bytes = serve->store ? msync_store_log_octets(serve->store) : 0;
    frame.wal_pending = serve->store ? msync_store_log_pending(serve->store)
                                     : 0;
    frame.locked_since = status->locked_since / 1000;
    frame.last_success = status->success.finished / 1000;
    frame.last_duration_ms = status->success.finished
                             - status->success.started;
    frame.interval = status->interval;
    strncpy(frame.error, msync_err_variant(status->entry.variant),
            MSYNC_VARIANT_MAX - 1);

    /* without the database this one knows what it was told */
    if (serve->store != NULL) {
        msync_store_say_moved(serve->store, frame.moved);

    } else if (serve->conf->moved != NULL) {
        strncpy(frame.moved, serve->conf->moved, MSYNC_MOVED_MAX - 1);
    }

    frame.doc_length = strlen(doc);
    frame.stopped_length = strlen(stopped);

    both = msync_alloc(frame.doc_length + frame.stopped_length);
    memcpy(both, doc, frame.doc_length);
    memcpy(both + frame.doc_length, stopped, frame.stopped_length);

    msync_channel_send(serve->channel, MSYNC_FRAME_STATUS, 0, &frame,
                       sizeof(frame), both,
                       frame.doc_length + frame.stopped_length);

    msync_free(&both);
    msync_free(&doc);
    msync_free(&stopped);

    serve->reported = msync_clock_monotonic();
    serve->disk_free = frame.disk_free;
    serve->dirty = false;
}


void
msync_serve_report(msync_serve_t *serve, bool now)
{
    if (now
        || msync_clock_monotonic() - serve->reported >= SERVE_REPORT_PAUSE)
    {
        msync_serve_send_status(serve);

    } else {
        serve->dirty = true;
    }
}


/* when the next run is due, and its date, which moves with the wall clock */

static void
report_plan_next(msync_serve_t *serve)
{
    msync_sched_t    sched;
    msync_status_t  *status = &serve->status;

    memset(&sched, 0, sizeof(sched));
    sched.now = msync_clock_monotonic();
    sched.started = serve->started;
    sched.ended = serve->ended;
    sched.interval = serve->conf->interval;
    sched.random = (uint32_t) (serve->started * 2654435761U + getpid());
    sched.due = serve->when;
    sched.failures = serve->failures;
    sched.asked = serve->pause;

    serve->due = status->running || !status->configured
                 ? 0 : msync_sched_next(&sched);
    status->next_sync = serve->due != 0
                        ? msync_clock_wall() + serve->due - sched.now : 0;
}


/* whether somebody has set the wall clock since the date was planned */

static bool
report_is_date_off(const msync_serve_t *serve)
{
    int64_t  off;

    off = msync_clock_wall() + serve->due - msync_clock_monotonic()
          - serve->status.next_sync;

    return serve->due != 0 && (off > DATE_OFF || off < -DATE_OFF);
}


/* the metrics tell between two runs as well that a disk fills */

static bool
report_is_disk_other(const msync_serve_t *serve)
{
    return llabs(serve->totals.disk_free - serve->disk_free)
           > serve->disk_free / 16;
}


static void
report_measure_disk(msync_serve_t *serve)
{
    msync_store_disk_space(serve->store, &serve->totals.disk_free,
                           &serve->totals.disk_size);
}


void
msync_serve_refresh(msync_serve_t *serve)
{
    report_measure_disk(serve);
    report_count(serve);
}


/* of millions, which takes seconds */

int
msync_serve_while_counting(void *data, msync_err_t *err)
{
    msync_serve_t  *serve = data;

    if (msync_serve_hear(serve, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_clock_monotonic() - serve->reported >= SERVE_WATCH_PAUSE) {
        msync_serve_send_status(serve);
    }

    return MSYNC_OK;
}


static void
report_count(msync_serve_t *serve)
{
    msync_err_t      err;
    msync_status_t  *status = &serve->status;

    msync_err_clear(&err);

    serve->dirty |= status->locked_since != 0;
    status->locked_since = 0;

    status->configured = msync_conf_complete(serve->conf);
    status->interval = serve->conf->interval;

    if (msync_status_read(serve->store, status, &err) != MSYNC_OK
        && !serve->closed)
    {
        msync_log_err(&err, "counting");
    }

    if (serve->queue.pause_known) {
        status->site.paused = serve->queue.paused;
    }

    /* a new site has not found out what is said here */
    status->v7 |= serve->conf->protocol == MSYNC_PROTOCOL_V7;

    report_plan_next(serve);
}


/* a run that is at work notices by itself that its row is gone */

static void
report_note_older(msync_serve_t *serve)
{
    bool                older;
    msync_err_t         err;
    msync_log_entry_t   before = serve->status.entry;

    if (serve->status.running || msync_store_in_transaction(serve->store)) {
        return;
    }

    if (msync_store_note_older(serve->store, &older, &err) != MSYNC_OK) {
        msync_log_err(&err, "an older state");
        return;
    }

    if (older) {
        serve->status.site.older = true;
        (void) msync_store_check_older(&serve->status.site, &err);
        msync_serve_show_failure(serve, &before, &err);
    }
}


/* a table that is gone is no fault: it is made again where it was.  A run may
 * have changed the settings that it was not begun with */

static bool
report_check_content(msync_serve_t *serve, msync_err_t *err)
{
    bool  emptied, other;

    report_note_older(serve);

    if (msync_store_is_emptied(serve->store, &emptied, err) != MSYNC_OK
        || msync_store_has_other_settings(serve->store, serve->conf, &other,
                                          err) != MSYNC_OK)
    {
        return true;
    }

    if (!msync_store_in_transaction(serve->store)
        && msync_store_resave_settings(serve->store, serve->conf,
                                       emptied && serve->status.site.paused,
                                       err) != MSYNC_OK)
    {
        msync_log_err(err, "settings");
    }

    if (!emptied && (!other || serve->status.running)) {
        return true;
    }

    (void) msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, emptied
                         ? "somebody has emptied key_value_store"
                         : "somebody has changed the settings in "
                           "key_value_store, or restored a backup");

    return false;
}


bool
msync_serve_check_database(msync_serve_t *serve, bool written)
{
    msync_err_t  err;

    if (msync_store_check_file(serve->store, &err) == MSYNC_OK
        && msync_store_check_lock(serve->conf->database, serve->lock, &err)
           == MSYNC_OK
        && (!written || report_check_content(serve, &err)))
    {
        return true;
    }

    msync_log_err(&err, "a new helper opens it");
    serve->closed = true;

    return false;
}


/* where there are settings the next run says it */

static void
report_damage(msync_serve_t *serve, msync_err_t *err)
{
    msync_log_entry_t  before = serve->status.entry;

    if (!serve->status.configured
        && (before.id != -1 || before.variant != err->variant))
    {
        msync_serve_show_failure(serve, &before, err);
    }
}


void
msync_serve_watch(msync_serve_t *serve)
{
    bool         news, known;
    int64_t      log = serve->status.log_octets;
    int64_t      version, queue = serve->status.queue;
    msync_err_t  err, unread;

    serve->watched = msync_clock_monotonic();
    known = msync_store_data_version(serve->store, &version, &unread)
            == MSYNC_OK;

    /* what the helper has written itself it knows */
    if (!msync_serve_check_database(serve, !known || serve->written
                                           || version != serve->version))
    {
        return;
    }

    if (!serve->status.running && msync_serve_password_changed(serve)) {
        msync_log(MSYNC_LOG_NOTICE, "the password file has changed: a new "
                  "helper reads it");
        serve->closed = true;
        return;
    }

    msync_store_look_at_lock(serve->store);

    if (!serve->status.running
        && msync_store_log_is_misdated(&serve->status.success))
    {
        report_set_success(serve);
    }

    if (msync_store_watch_disk(serve->store, &err) != MSYNC_OK) {
        report_damage(serve, &err);
    }

    if (!known) {
        msync_log_err(&unread, "watching the database");
        return;
    }

    report_measure_disk(serve);
    serve->status.log_octets = msync_store_log_large(serve->store);
    news = report_is_date_off(serve) || report_is_disk_other(serve)
           || serve->status.log_octets != log;

    if (version == serve->version && !serve->written && !news) {
        return;
    }

    /* between two statements of the application a table may be half made:
     * they are looked at when it has not written since the last look; what
     * cannot be made good, the next run says */
    if (version == serve->version && !serve->status.running) {
        (void) msync_store_renew(serve->store, &err);
    }

    serve->written = version != serve->version;
    serve->version = version;
    report_count(serve);

    if (serve->status.queue != queue || news) {
        msync_serve_report(serve, false);
    }
}


/* or nobody would notice for years that nothing is synchronised any more */

static void
report_set_success(msync_serve_t *serve)
{
    bool             latest;
    char             text[32];
    msync_err_t      err;
    msync_status_t  *status = &serve->status;

    latest = status->entry.id == status->success.id;

    msync_log(MSYNC_LOG_WARN, "the last success is dated %s, so the clock of "
              "this machine was wrong: it is dated now instead",
              msync_clock_format(status->success.finished, text));

    if (msync_store_log_set_back(serve->store, &status->success, &err)
        != MSYNC_OK)
    {
        msync_log_err(&err, "dating the last success");
    }

    if (latest) {
        status->entry = status->success;
    }

    msync_serve_send_lists(serve);
    msync_serve_report(serve, true);
}
