/*
 * Runs the steps in their order (protocol.md, "One sync, step by step").
 *
 * Promises: the log entry of a run is ended, well or not, by whatever way it
 * ends short of a kill; an error keeps its first words; what was committed
 * stays, so the next run goes on from there.
 */

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "run/run.h"
#include "protocol/v5.h"
#include "protocol/v6.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/bulk.h"
#include "store/kv.h"
#include "store/log.h"
#include "store/refused.h"

/* pauses between two questions whether central has prepared the first sync;
 * asked as long as central says that it is preparing */
#define PREPARE_FIRST  500         /* ms */
#define PREPARE_MAX    15000
#define PREPARE_TRIES  3
#define PREPARE_ODD    40          /* answers with a state that is not known */

#define KEEP_RUNS      1000        /* rows of sync_log */

/*
 * MSYNC_KEY_PREPARED.  Whether central says "completed" of what was asked or
 * of an earlier first sync depends on what it said before it was asked.
 */
#define PREPARE_ASKED  1           /* of a site that had never been prepared */
#define PREPARE_DONE   2
#define PREPARE_AGAIN  3           /* asked of one that had been */


typedef struct {
    msync_run_t       *run;
    msync_log_entry_t *entry;
    msync_steps_t      steps;
    msync_transfer_t      *http;
    msync_v5_t        *v5;
    msync_v6_t        *v6;         /* NULL: this site is the v6 central */
    msync_v5_site_t    site;
    msync_peer_t       central;
    msync_peer_t       remote;
    msync_peer_t       omsupply;
    int64_t            prepared;
} context_t;


static int
remember_site(context_t *ctx, msync_err_t *err)
{
    int              rc = MSYNC_ERROR;
    char            *uuid = NULL;
    msync_store_t   *store = ctx->run->store;
    msync_v5_site_t *site = &ctx->site;

    if (msync_store_get_string(store, MSYNC_KEY_SITE_UUID, &uuid, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (uuid != NULL && strcmp(uuid, site->uuid) != 0) {
        msync_err_set(err, MSYNC_ERR_SITE_UUID_IS_BEING_CHANGED,
                      "this database belongs to the site %s, central says "
                      "that \"%s\" is %s", uuid, ctx->run->conf->username,
                      site->uuid);
        goto done;
    }

    if (msync_store_begin(store, err) != MSYNC_OK) {
        goto done;
    }

    if (msync_store_set_string(store, MSYNC_KEY_SITE_UUID, site->uuid, err)
        != MSYNC_OK
        || msync_store_set_string(store, MSYNC_KEY_SITE_NAME, site->name,
                                  err) != MSYNC_OK
        || msync_store_set_int(store, MSYNC_KEY_SITE_ID, site->site_id, err)
           != MSYNC_OK
        || msync_store_set_int(store, MSYNC_KEY_CENTRAL_SITE_ID,
                               site->central_site_id, err) != MSYNC_OK)
    {
        msync_store_rollback(store);
        goto done;
    }

    rc = msync_store_commit(store, err);

done:

    msync_free(&uuid);
    return rc;
}


/* who are we, and where is Open mSupply central */

static int
ask_site(context_t *ctx, msync_err_t *err)
{
    msync_run_t  *run = ctx->run;

    if (msync_v5_site(ctx->v5, &ctx->site, err) != MSYNC_OK
        || remember_site(ctx, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (ctx->site.is_v6_central) {
        return MSYNC_OK;
    }

    if (ctx->site.v6_url == NULL || ctx->site.v6_url[0] == '\0') {
        return msync_err_set(err, MSYNC_ERR_CENTRAL_V6_NOT_CONFIGURED,
                             "mSupply central names no Open mSupply central "
                             "server");
    }

    ctx->v6 = msync_v6_create(ctx->http, ctx->site.v6_url, run->conf,
                              run->hardware_id,
                              ctx->prepared == PREPARE_DONE
                              && ctx->steps.initialised, run->patient);
    msync_v6_peer(ctx->v6, &ctx->omsupply);
    ctx->omsupply.pull_max = run->patient ? NULL : MSYNC_KEY_PULL_V6_MAX;
    ctx->omsupply.pull_mark = MSYNC_KEY_PULL_V6_MARK;

    return MSYNC_OK;
}


static int
set_prepared(context_t *ctx, int64_t value, msync_err_t *err)
{
    ctx->prepared = value;

    return msync_store_set_int(ctx->run->store, MSYNC_KEY_PREPARED, value,
                               err);
}


/* as long as central is at work, then what it says of the site */

static int
wait_prepared(context_t *ctx, msync_err_t *err)
{
    long               pause = PREPARE_FIRST;
    unsigned           odd = 0;
    msync_v5_status_e  status;

    for ( ;; ) {
        if (msync_v5_site_status(ctx->v5, &status, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        if (status == MSYNC_V5_IDLE) {
            break;
        }

        if (status == MSYNC_V5_OTHER_STATUS && ++odd > PREPARE_ODD) {
            return msync_err_set(err, MSYNC_ERR_CENTRAL_ERROR,
                                 "mSupply central does not say whether it "
                                 "has prepared this site: its state is none "
                                 "that is known");
        }

        if (msync_transfer_pause(ctx->http, pause, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        pause = pause * 2 < PREPARE_MAX ? pause * 2 : PREPARE_MAX;
    }

    msync_v5_site_clear(&ctx->site);

    return msync_v5_site(ctx->v5, &ctx->site, err);
}


static bool
site_is(const context_t *ctx, const char *status)
{
    return strcmp(ctx->site.initialisation_status, status) == 0;
}


/* the question takes long: a proxy in between gives up before central does */

static bool
lost_answer(const msync_err_t *err)
{
    return err->variant == MSYNC_ERR_CONNECTION_ERROR
           || err->variant == MSYNC_ERR_TIMEOUT
           || (err->variant == MSYNC_ERR_HTTP_ERROR
               && (err->http_status == 408 || err->http_status == 502
                   || err->http_status == 503 || err->http_status == 504));
}


/* MSYNC_AGAIN: central may not have heard the question */

static int
ask_prepare(context_t *ctx, msync_err_t *err)
{
    int64_t  length;

    /* only the mark tells the next run whose "completed" it will see */
    if (set_prepared(ctx, site_is(ctx, "completed") ? PREPARE_AGAIN
                                                    : PREPARE_ASKED, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (msync_v5_initialise(ctx->v5, &length, err) == MSYNC_OK) {
        return MSYNC_OK;
    }

    if (!lost_answer(err)) {
        return MSYNC_ERROR;
    }

    msync_log_err(err, "preparing the first sync, asking for its state");
    msync_err_clear(err);

    if (wait_prepared(ctx, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return ctx->prepared == PREPARE_ASKED && site_is(ctx, "completed")
           ? MSYNC_OK : MSYNC_AGAIN;
}


/*
 * Central builds this site's queue.  That may take long and lose its
 * connection; then it is asked whether it is ready.  It is asked to begin
 * again only when it has never begun, or when nobody can tell: a queue that
 * is built twice costs time, one that is not built costs the data.
 */

static int
prepare_queue(context_t *ctx, msync_err_t *err)
{
    int       rc;
    unsigned  tries;

    if (ctx->prepared == PREPARE_ASKED && site_is(ctx, "completed")) {
        return MSYNC_OK;
    }

    if (site_is(ctx, "started")) {
        if (wait_prepared(ctx, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        if (site_is(ctx, "completed")) {
            return MSYNC_OK;
        }
    }

    for (tries = 0; tries < PREPARE_TRIES; tries++) {
        rc = ask_prepare(ctx, err);

        if (rc != MSYNC_AGAIN) {
            return rc;
        }
    }

    return msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                         "mSupply central lost the connection %d times while "
                         "it was asked to prepare this site", PREPARE_TRIES);
}


static int
prepare(context_t *ctx, msync_err_t *err)
{
    if (msync_step_begin(&ctx->steps, MSYNC_STEP_PREPARE, err) != MSYNC_OK
        || prepare_queue(ctx, err) != MSYNC_OK
        || set_prepared(ctx, PREPARE_DONE, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return msync_step_end(&ctx->steps, MSYNC_STEP_PREPARE, err);
}


static int
push_v6(context_t *ctx, msync_err_t *err)
{
    return msync_step_push(&ctx->steps, MSYNC_STEP_PUSH_V6, &ctx->omsupply,
                           err);
}


static int
push(context_t *ctx, msync_err_t *err)
{
    return msync_step_push(&ctx->steps, MSYNC_STEP_PUSH, &ctx->remote, err);
}


static int
pull_central(context_t *ctx, msync_err_t *err)
{
    return msync_step_pull(&ctx->steps, MSYNC_STEP_PULL_CENTRAL,
                           &ctx->central, ctx->run->conf->central_pull, err);
}


static int
pull_remote(context_t *ctx, msync_err_t *err)
{
    return msync_step_pull(&ctx->steps, MSYNC_STEP_PULL_REMOTE, &ctx->remote,
                           ctx->run->conf->remote_pull, err);
}


static int
pull_v6(context_t *ctx, msync_err_t *err)
{
    return msync_step_pull(&ctx->steps, MSYNC_STEP_PULL_V6, &ctx->omsupply,
                           ctx->run->conf->central_pull, err);
}


static int
integrate(context_t *ctx, msync_err_t *err)
{
    return msync_step_integrate(&ctx->steps, err);
}


/* when a step is taken, a mask: all bits must hold */

#define WHEN_ALWAYS       0
#define WHEN_UNPREPARED   1
#define WHEN_INITIALISED  2
#define WHEN_V6           4

/*
 * A first sync has nothing to push.  Where an initialised site is prepared
 * anew, what waits goes out before central copies its state.
 */

static const struct {
    msync_step_e   step;
    unsigned       when;
    int          (*take)(context_t *ctx, msync_err_t *err);
} order[] = {
    { MSYNC_STEP_PUSH_V6,      WHEN_INITIALISED | WHEN_V6, push_v6 },
    { MSYNC_STEP_PUSH,         WHEN_INITIALISED,           push },
    { MSYNC_STEP_PREPARE,      WHEN_UNPREPARED,            prepare },
    { MSYNC_STEP_PULL_CENTRAL, WHEN_ALWAYS,                pull_central },
    { MSYNC_STEP_PULL_REMOTE,  WHEN_ALWAYS,                pull_remote },
    { MSYNC_STEP_PULL_V6,      WHEN_V6,                    pull_v6 },
    { MSYNC_STEP_INTEGRATE,    WHEN_ALWAYS,                integrate }
};


static int
take_steps(context_t *ctx, msync_err_t *err)
{
    size_t    i;
    unsigned  now;

    if (ask_site(ctx, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    now = (ctx->prepared != PREPARE_DONE ? WHEN_UNPREPARED : 0)
          | (ctx->steps.initialised ? WHEN_INITIALISED : 0)
          | (ctx->v6 != NULL ? WHEN_V6 : 0);

    for (i = 0; i < sizeof(order) / sizeof(*order); i++) {
        if ((order[i].when & now) != order[i].when) {
            continue;
        }

        if (order[i].take(ctx, err) != MSYNC_OK) {
            return msync_err_context(err,
                                     msync_step_title(order[i].step));
        }
    }

    return MSYNC_OK;
}


static int
during_step(void *data, msync_err_t *err)
{
    bool          changed;
    context_t    *ctx = data;
    msync_run_t  *run = ctx->run;

    changed = ctx->steps.changed;
    ctx->steps.changed = false;

    if (run->report != NULL) {
        run->report(run->report_data, ctx->entry, changed);
    }

    return run->hook ? run->hook(run->hook_data, err) : MSYNC_OK;
}


static int
open_context(context_t *ctx, msync_run_t *run, msync_log_entry_t *entry,
    msync_err_t *err)
{
    msync_log_entry_t  success;

    memset(ctx, 0, sizeof(context_t));
    ctx->run = run;
    ctx->entry = entry;

    /* the application may have altered tables while nobody looked */
    if (msync_store_renew(run->store, err) != MSYNC_OK
        || msync_store_log_last_success(run->store, &success, err) != MSYNC_OK
        || msync_store_get_int(run->store, MSYNC_KEY_PREPARED,
                               &ctx->prepared, err) != MSYNC_OK
        || msync_store_refused_requeue(run->store, false, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    ctx->http = msync_transfer_create(run->conf, run->hardware_id, run->fd,
                                  run->hook, run->hook_data, err);
    if (ctx->http == NULL) {
        return MSYNC_ERROR;
    }

    ctx->v5 = msync_v5_create(ctx->http, run->conf->url);
    msync_v5_central_peer(ctx->v5, &ctx->central);
    ctx->central.pull_max = MSYNC_KEY_PULL_CENTRAL_MAX;
    msync_v5_remote_peer(ctx->v5, &ctx->remote);

    ctx->steps.store = run->store;
    ctx->steps.catalogue = run->catalogue;
    ctx->steps.conf = run->conf;
    ctx->steps.http = ctx->http;
    ctx->steps.entry = entry;
    ctx->steps.initialised = success.id != 0;
    ctx->steps.hook = during_step;
    ctx->steps.data = ctx;

    /* on a first sync nobody works on the database yet; where everything
     * comes anew, one transaction would keep the application waiting */
    ctx->steps.whole = ctx->steps.initialised
                       && ctx->prepared == PREPARE_DONE;

    if (ctx->steps.whole) {
        return MSYNC_OK;
    }

    if (msync_store_bulk(run->store, true, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return ctx->steps.initialised ? MSYNC_OK
                                  : msync_store_loosen(run->store, err);
}


static void
close_context(context_t *ctx)
{
    msync_err_t  ignored;

    if (ctx->http != NULL) {
        msync_transfer_get_counters(ctx->http, &ctx->run->traffic);
    }

    ctx->run->counters = ctx->steps.counters;

    msync_v6_free(&ctx->v6);
    msync_v5_free(&ctx->v5);
    msync_transfer_free(&ctx->http);
    msync_v5_site_clear(&ctx->site);

    if (!ctx->steps.whole) {
        (void) msync_store_bulk(ctx->run->store, false, &ignored);
    }

    /* what a run needed is not kept for the hours between two */
    (void) malloc_trim(0);
}


/*
 * Whoever begins again must know that central was restored from a backup,
 * whatever the runs in between ended with.  All pulls of a run that ended
 * well were in order, unless it was for one patient.
 */

static void
note_restored(const msync_run_t *run, int rc, const msync_err_t *err)
{
    bool         restored;
    int64_t      noted = 0;
    msync_err_t  fault;

    restored = rc != MSYNC_OK && err->variant == MSYNC_ERR_CENTRAL_RESTORED;

    if (!restored && (rc != MSYNC_OK || run->patient != NULL)) {
        return;
    }

    if (msync_store_get_int(run->store, MSYNC_KEY_RESTORED, &noted, &fault)
        != MSYNC_OK
        || (noted != restored
            && msync_store_set_int(run->store, MSYNC_KEY_RESTORED, restored,
                                   &fault) != MSYNC_OK))
    {
        msync_log_err(&fault, "noting whether central was restored");
    }
}


/* the last words of a run; those of an error that came first count */

static int
finish(msync_run_t *run, msync_log_entry_t *entry, int rc, msync_err_t *err)
{
    msync_err_t  fault;

    /* the row stays open: whoever starts next sees that a run was cut short,
     * closes it and goes on */
    if (rc != MSYNC_OK && err->variant == MSYNC_ERR_HELPER_STOPPED) {
        return rc;
    }

    entry->finished = msync_clock_wall();

    if (rc != MSYNC_OK) {
        entry->variant = err->variant;
        msync_err_full(err, entry->text, sizeof(entry->text));
    }

    msync_err_clear(&fault);

    if (msync_store_log_update(run->store, entry, &fault) != MSYNC_OK
        || msync_store_log_trim(run->store, KEEP_RUNS, &fault) != MSYNC_OK)
    {
        msync_log_err(&fault, "writing the sync log");

        if (rc == MSYNC_OK) {
            *err = fault;
            entry->variant = err->variant;
            msync_err_full(err, entry->text, sizeof(entry->text));
            rc = MSYNC_ERROR;
        }
    }

    if (run->report != NULL) {
        run->report(run->report_data, entry, true);
    }

    return rc;
}


int
msync_run(msync_run_t *run, msync_log_entry_t *entry, msync_err_t *err)
{
    int        rc;
    context_t  ctx;

    msync_err_clear(err);

    if (msync_store_log_begin(run->store, entry, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    msync_log(MSYNC_LOG_NOTICE, "run %lld started", (long long) entry->id);

    if (run->report != NULL) {
        run->report(run->report_data, entry, true);
    }

    rc = open_context(&ctx, run, entry, err);

    if (rc == MSYNC_OK) {
        rc = take_steps(&ctx, err);
    }

    close_context(&ctx);
    note_restored(run, rc, err);
    rc = finish(run, entry, rc, err);

    if (rc != MSYNC_OK) {
        msync_log_err(err, "run failed");
    }

    msync_log(MSYNC_LOG_NOTICE, "run %lld ended%s%s: %llu pushed, %llu "
              "pulled, %llu integrated, %llu failed, %llu requests",
              (long long) entry->id, rc == MSYNC_OK ? "" : " with ",
              msync_err_variant(entry->variant),
              (unsigned long long) run->counters.pushed,
              (unsigned long long) run->counters.pulled,
              (unsigned long long) run->counters.integrated,
              (unsigned long long) run->counters.failed,
              (unsigned long long) run->traffic.requests);

    return rc;
}
