/*
 * What the helper does by itself and on request: runs.
 *
 * Promises: whatever starts or ends a run goes through the table of
 * run/site.h; a command that was taken is done, or still unacknowledged; the
 * channel is heard while a run is at work and while it waits for the database.
 */

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "confine/confine.h"
#include "serve/requests_private.h"
#include "serve/serve_private.h"
#include "store/buffer.h"

/* ms after the start in which nginx sends again what a helper that died had
 * not done: it was that, perhaps, that killed it; and on a paused site it waits
 * until somebody resumes, or asks again */
#define RESENT_TIME  2000


static void work_start(msync_serve_t *serve, msync_does_e does,
    const msync_trigger_t *trigger);
static void work_run(msync_serve_t *serve, msync_does_e does,
    const char *patient);
static void work_end(msync_serve_t *serve, msync_does_e does,
    const msync_log_entry_t *before, const msync_err_t *failure);
static bool work_retry(msync_serve_t *serve);
static bool work_is_due(const msync_serve_t *serve);
static bool work_patients(const msync_serve_t *serve);
static int work_hook(void *data, msync_err_t *err);
static void work_set_locked(msync_err_t *err);
static int work_hear(msync_serve_t *serve, msync_err_t *err);
static void work_report(void *data, const msync_log_entry_t *entry,
    bool step);
static void work_count(msync_serve_t *serve, const msync_run_t *run, int rc);


void
msync_serve_event(msync_serve_t *serve, msync_event_e event)
{
    msync_effect_t  effect;

    msync_site_event(&serve->status.site, event, serve->latest, &effect);

    serve->status.site = effect.next;
    serve->when = effect.due;

    if (event >= MSYNC_EVENT_DONE) {
        serve->latest = event;
    }

    /* a run that somebody asked for makes the schedule no slower, one that did
     * not come as far as the fault no faster */
    if (event == MSYNC_EVENT_FAILED_FOR_GOOD) {
        serve->failures += !serve->asked || serve->failures == 0;

    } else if (event == MSYNC_EVENT_DONE || event == MSYNC_EVENT_DONE_IN_PART
               || event == MSYNC_EVENT_SAVED)
    {
        serve->failures = 0;
        serve->pause = 0;
    }
}


void
msync_serve_save_pause(msync_serve_t *serve)
{
    int           rc;
    bool          paused = serve->queue.paused;
    msync_err_t   err;
    msync_site_t  site;

    rc = msync_store_site_get(serve->store, &site, &err);

    if (rc == MSYNC_OK) {
        site.paused = paused;
        rc = msync_store_site_set(serve->store, &site, &err);
    }

    if (rc != MSYNC_OK) {
        if (serve->pause_again == 0) {
            msync_log_err(&err, "pause");
        }

        serve->pause_again = msync_clock_monotonic() + SERVE_WATCH_PAUSE;
        return;
    }

    serve->pause_again = 0;

    /* more may have been said while the database was locked */
    if (serve->queue.paused == paused) {
        msync_queue_pause_saved(&serve->queue);
    }
}


void
msync_serve_resume(msync_serve_t *serve, bool interrupted,
    msync_refused_e refused)
{
    bool                      again;
    const msync_log_entry_t  *entry = &serve->status.entry;

    serve->latest = msync_site_end(entry->variant);

    if (refused != MSYNC_REFUSED_NOTHING
        && serve->latest != MSYNC_EVENT_STOPPED)
    {
        serve->latest = MSYNC_EVENT_FAILED_FOR_GOOD;
    }

    serve->ended = msync_sched_ended(entry->finished, msync_clock_wall(),
                                     msync_clock_monotonic());

    /* whoever has changed or reloaded something wants to see what it did */
    again = refused == MSYNC_REFUSED_NOTHING ? serve->conf->ended != NULL
            : refused == MSYNC_REFUSED_THESE && !serve->conf->reloaded;

    /* the process that closed the row need not have gone on with it */
    if (!interrupted && serve->latest != MSYNC_EVENT_STOPPED) {
        serve->failures = again ? (unsigned) entry->repeated : 0;
        msync_serve_event(serve, again ? MSYNC_EVENT_REPLACED
                                       : MSYNC_EVENT_STARTED);

    } else {
        msync_serve_event(serve, serve->status.site.begun > 1
                                 ? MSYNC_EVENT_KILLED_AGAIN
                                 : MSYNC_EVENT_CUT_SHORT);
    }
}


void
msync_serve_work(msync_serve_t *serve)
{
    bool             due;
    msync_trigger_t  trigger;

    msync_serve_do_requests(serve);

    if (serve->closed || work_retry(serve)) {
        return;
    }

    if ((serve->status.site.begun > 1
         || (serve->status.site.begun == 1 && serve->status.site.paused))
        && msync_clock_monotonic() - serve->started < RESENT_TIME)
    {
        serve->resent = serve->queue.seen[MSYNC_COMMAND_TRIGGER] + 1;
    }

    memset(&trigger, 0, sizeof(trigger));
    due = work_is_due(serve);

    if (serve->status.configured
        && msync_queue_next(&serve->queue, work_patients(serve),
                            due ? 0 : serve->resent, &trigger))
    {
        work_start(serve, trigger.patient[0] != '\0' ? MSYNC_DOES_PATIENT
                                                     : MSYNC_DOES_SYNC,
                   &trigger);

        /* an interrupted trigger is not done: the next helper gets it */
        if (serve->closed) {
            msync_queue_back(&serve->queue, &trigger);
        }

    } else if (due) {
        work_start(serve, MSYNC_DOES_SYNC, &trigger);
    }

    serve->queue.cancel = false;
}


bool
msync_serve_has_work(const msync_serve_t *serve)
{
    return serve->nrequests > 0
           || (serve->status.configured
               && msync_queue_has(&serve->queue, work_patients(serve),
                                  serve->resent));
}


/* failed records that are tried on request, at once where that is a run */

static bool
work_retry(msync_serve_t *serve)
{
    uint64_t         taken;
    msync_err_t      err;
    msync_effect_t   effect;
    msync_trigger_t  none = { 0 };

    if (!msync_queue_retry(&serve->queue, &taken)) {
        return false;
    }

    msync_site_event(&serve->status.site, MSYNC_EVENT_RETRY, serve->latest,
                     &effect);

    if (effect.does == MSYNC_DOES_RETRY) {
        work_start(serve, MSYNC_DOES_RETRY, &none);

    } else if (msync_store_buffer_wake_all(serve->store, &err) != MSYNC_OK) {
        msync_log_err(&err, "retry");
    }

    if (serve->closed) {
        serve->queue.retry = true;

    } else {
        msync_queue_retry_done(&serve->queue, taken);
        msync_serve_report(serve, true);
    }

    return true;
}


static bool
work_is_due(const msync_serve_t *serve)
{
    return serve->status.configured && serve->due != 0
           && serve->due <= msync_clock_monotonic();
}


/* whether one may be fetched by now */

static bool
work_patients(const msync_serve_t *serve)
{
    msync_effect_t  effect;

    msync_site_event(&serve->status.site, MSYNC_EVENT_PATIENT, serve->latest,
                     &effect);

    return effect.does == MSYNC_DOES_PATIENT;
}


bool
msync_serve_may_connect(msync_serve_t *serve)
{
    if (msync_confine_is_stale()) {
        msync_log(MSYNC_LOG_NOTICE, "the name service's or the certificates' "
                  "file was replaced: a new helper reads it");
        serve->closed = true;
    }

    return !serve->closed;
}


static void
work_start(msync_serve_t *serve, msync_does_e does,
    const msync_trigger_t *trigger)
{
    if (!msync_serve_check_database(serve, true)
        || !msync_serve_may_connect(serve))
    {
        return;
    }

    serve->resent = 0;
    serve->asked = trigger->sequence != 0;
    work_run(serve, does, trigger->patient);

    if (serve->closed) {
        return;
    }

    msync_queue_done(&serve->queue, trigger);

    if (serve->queue_saved) {
        msync_serve_save_queue(serve);
    }

    msync_serve_refresh(serve);
    msync_serve_send_lists(serve);
    msync_serve_send_settings(serve);
    msync_serve_report(serve, true);
}


static void
work_run(msync_serve_t *serve, msync_does_e does, const char *patient)
{
    int                rc;
    msync_err_t        err;
    msync_run_t        run;
    msync_log_entry_t  entry, before = serve->status.entry;

    memset(&run, 0, sizeof(run));
    run.store = serve->store;
    run.catalogue = serve->catalogue;
    run.conf = serve->run_conf = serve->conf;
    run.hardware_id = serve->hardware_id;
    run.does = does;
    run.patient = does == MSYNC_DOES_PATIENT ? patient : NULL;
    run.offline = !serve->status.configured;
    run.before = &before;
    run.given = &serve->given;
    run.fd = msync_channel_fd(serve->channel);
    run.hook = work_hook;
    run.hook_data = serve;
    run.report = work_report;
    run.report_data = serve;

    /* what is shown while the database is locked, and it has no number yet */
    memset(&serve->status.entry, 0, sizeof(msync_log_entry_t));
    serve->status.entry.id = -1;
    serve->status.entry.started = msync_clock_wall();

    serve->queue.cancel = false;
    serve->status.running = true;

    rc = msync_run(&run, &entry, &err);

    /* what it could not read the next helper can */
    if (rc != MSYNC_OK && err.variant == MSYNC_ERR_HELPER_STOPPED) {
        serve->closed = true;
    }

    serve->status.running = false;
    serve->status.entry = entry;
    serve->queue.cancel = false;

    if (serve->run_conf != serve->conf) {
        msync_conf_free(&serve->run_conf);
    }

    serve->run_conf = NULL;
    work_count(serve, &run, rc);
    work_end(serve, does, &before, rc == MSYNC_OK ? NULL : &err);

    if (run.upgraded && msync_serve_load_conf(serve, &err) != MSYNC_OK) {
        msync_log_err(&err, "settings");
    }
}


/* `failure`: why the run failed, NULL: it went well */

static void
work_end(msync_serve_t *serve, msync_does_e does,
    const msync_log_entry_t *before, const msync_err_t *failure)
{
    msync_err_t  ignored;

    /* a retry that went well says nothing about central, nor when the next
     * run is due */
    if (does == MSYNC_DOES_RETRY && failure == NULL) {
        serve->status.entry = *before;
        return;
    }

    if (failure == NULL) {
        serve->status.success = serve->status.entry;
    }

    /* the run has written what became of the site, if it could */
    (void) msync_store_site_get(serve->store, &serve->status.site, &ignored);

    /* one that could not even be written was asked for all the same */
    if (does == MSYNC_DOES_SYNC) {
        msync_serve_event(serve, MSYNC_EVENT_TRIGGER);
    }

    serve->ended = msync_clock_monotonic();
    serve->pause = failure != NULL ? failure->retry_after : 0;
    msync_serve_event(serve, failure != NULL ? msync_site_failure(failure)
                             : does == MSYNC_DOES_SYNC
                             ? MSYNC_EVENT_DONE : MSYNC_EVENT_DONE_IN_PART);
}


static int
work_hook(void *data, msync_err_t *err)
{
    msync_serve_t  *serve = data;

    if (work_hear(serve, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    msync_serve_do_requests(serve);

    if (serve->dirty) {
        msync_serve_report(serve, false);
    }

    return MSYNC_OK;
}


/* another program holds the database locked: only what needs no database */

int
msync_serve_while_locked(void *data, msync_err_t *err)
{
    int64_t         waited;
    msync_err_t     locked;
    msync_serve_t  *serve = data;

    if (work_hear(serve, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    work_set_locked(&locked);

    if (serve->give_up != 0 && msync_clock_monotonic() >= serve->give_up
        && !msync_requests_goes_on(serve))
    {
        *err = locked;
        return MSYNC_ERROR;
    }

    /* requests behind that one, or behind a run, which waits for as long as it
     * takes */
    msync_serve_refuse_late(serve, &locked);

    waited = msync_store_locked_for(serve->store);

    if (serve->status.locked_since == 0 && waited >= SERVE_LOCKED_TIME) {
        serve->status.locked_since = msync_clock_wall() - waited;
        serve->dirty = true;
    }

    if (serve->dirty) {
        msync_serve_report(serve, false);
    }

    return MSYNC_OK;
}


static void
work_set_locked(msync_err_t *err)
{
    (void) msync_err_set(err, MSYNC_ERR_TIMEOUT, "another program keeps the "
                         "database locked, so nothing could be saved in time");
    err->advice = "Nothing was changed. Wait until that program is done, or "
                  "end it, and try again.";
}


/* an error also where somebody has cancelled the run */

static int
work_hear(msync_serve_t *serve, msync_err_t *err)
{
    if (msync_serve_hear(serve, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (serve->status.running && serve->queue.cancel) {
        return msync_err_set(err, MSYNC_ERR_CANCELLED,
                             "The run was cancelled");
    }

    return MSYNC_OK;
}


static void
work_report(void *data, const msync_log_entry_t *entry, bool step)
{
    msync_serve_t  *serve = data;

    serve->status.entry = *entry;

    if (step && !msync_store_in_transaction(serve->store)) {
        msync_serve_refresh(serve);
    }

    msync_serve_report(serve, step);
}


static void
work_count(msync_serve_t *serve, const msync_run_t *run, int rc)
{
    msync_status_frame_t  *totals = &serve->totals;

    totals->runs++;
    totals->runs_failed += rc != MSYNC_OK;
    totals->records_pushed += run->counters.pushed;
    totals->records_pulled += run->counters.pulled;
    totals->records_integrated += run->counters.integrated;
    totals->requests += run->traffic.requests;
    totals->bytes_sent += run->traffic.bytes_sent;
    totals->bytes_received += run->traffic.bytes_received;
}
