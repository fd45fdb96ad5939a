/*
 * Runs the steps in their order.
 *
 * Promises: the log entry of a run is ended, well or not, by whatever way it
 * ends short of a kill; an error keeps its first words; what was committed
 * stays, so the next run goes on from there.  A server that fails ends its
 * own steps and no others: the run has failed then, whatever they bring.
 */

#include <malloc.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/run_private.h"
#include "store/buffer.h"
#include "store/bulk.h"
#include "store/fill.h"
#include "store/kv.h"
#include "store/older.h"
#include "store/refused.h"
#include "store/tidy.h"

#define LOG_RUNS  1000             /* rows of sync_log */
#define TIDY_MAX   20              /* short transactions behind a run */

/* a step, and whose it is: MSYNC_LEGACY, MSYNC_OMSUPPLY, MSYNC_V7, 0:
 * nobody's */
typedef struct {
    msync_step_e   step;
    unsigned       side;
    int          (*take)(msync_run_context_t *ctx, msync_err_t *err);
} run_step_t;


static void run_tidy(const msync_run_t *run);
static int run_begin(msync_run_context_t *ctx, msync_err_t *err);
static int run_refuse(msync_run_context_t *ctx, msync_err_t *err);
static int run_open(msync_run_context_t *ctx, msync_err_t *err);
static int run_open_network(msync_run_context_t *ctx, msync_err_t *err);
static int run_fill(msync_run_context_t *ctx, msync_err_t *err);
static int run_hook(void *data, msync_err_t *err);
static int run_steps(msync_run_context_t *ctx, msync_err_t *err);
static bool run_takes(const msync_run_context_t *ctx,
    const run_step_t *step);
static void run_advise(msync_err_t *err);
static int run_take(msync_run_context_t *ctx, const run_step_t *step,
    msync_err_t *err);
static int run_integrate(msync_run_context_t *ctx, msync_err_t *err);
static void run_close(msync_run_context_t *ctx);
static int run_end(msync_run_context_t *ctx, int rc, msync_err_t *err);
static int run_write_end(msync_run_context_t *ctx, msync_event_e event,
    const msync_err_t *failure, msync_err_t *err);
static void run_set_error(const msync_run_context_t *ctx,
    const msync_err_t *err);
static void run_report(msync_run_context_t *ctx);
static void run_log_end(const msync_run_t *run,
    const msync_log_entry_t *entry);


/*
 * Pushing comes first, so that what was edited here is not overwritten by an
 * older copy; where an initialised site is prepared anew, what waits goes out
 * before central copies its state.
 */

static const run_step_t  run_order[] = {
    { MSYNC_STEP_PREPARE,      MSYNC_LEGACY,   msync_run_prepare_push },
    { MSYNC_STEP_PUSH_V6,      MSYNC_OMSUPPLY, msync_run_push_v6 },
    { MSYNC_STEP_PUSH,         MSYNC_LEGACY,   msync_run_push },
    { MSYNC_STEP_PREPARE,      MSYNC_LEGACY,   msync_run_prepare },
    { MSYNC_STEP_PULL_CENTRAL, MSYNC_LEGACY,   msync_run_pull_central },
    { MSYNC_STEP_PULL_REMOTE,  MSYNC_LEGACY,   msync_run_pull_remote },
    { MSYNC_STEP_PULL_V6,      MSYNC_OMSUPPLY, msync_run_pull_v6 },
    /* by v7; waiting for central belongs to the push */
    { MSYNC_STEP_PUSH,         MSYNC_V7,       msync_run_push_v7 },
    { MSYNC_STEP_PULL,         MSYNC_V7,       msync_run_pull_v7 },

    { MSYNC_STEP_INTEGRATE,    0,              run_integrate }
};


int
msync_run(msync_run_t *run, msync_log_entry_t *entry, msync_err_t *err)
{
    int                  rc;
    msync_run_context_t  ctx;

    msync_err_clear(err);
    memset(&ctx, 0, sizeof(ctx));
    ctx.run = run;
    ctx.entry = entry;

    /* somebody may have altered the tables that this takes */
    if (run_begin(&ctx, err) != MSYNC_OK
        && (err->variant != MSYNC_ERR_DATABASE_ERROR
            || msync_store_renew(run->store, err) != MSYNC_OK
            || run_begin(&ctx, err) != MSYNC_OK))
    {
        return run_refuse(&ctx, err);
    }

    msync_log(MSYNC_LOG_NOTICE, "run %lld started", (long long) entry->id);
    run_report(&ctx);

    rc = run_open(&ctx, err);

    if (rc == MSYNC_OK) {
        rc = run_steps(&ctx, err);
    }

    msync_run_advise(&ctx, err);
    run_close(&ctx);
    rc = run_end(&ctx, rc, err);

    if (rc != MSYNC_OK) {
        msync_log_err(err, "run failed");
    }

    run_log_end(run, entry);

    if (rc == MSYNC_OK && ctx.plan.whole) {
        run_tidy(run);
    }

    return rc;
}


/* what is left is for the next runs, and for hours in which nobody works */

static void
run_tidy(const msync_run_t *run)
{
    int          i;
    bool         others = false, more = true;
    msync_err_t  err;

    msync_err_clear(&err);

    for (i = 0; i < TIDY_MAX && more; i++) {
        if (msync_store_others_write(run->store, &others, &err) != MSYNC_OK
            || (!others
                && (msync_store_yield(run->store, &err) != MSYNC_OK
                    || msync_store_tidy(run->store,
                                        run->conf->changelog_keep, &more,
                                        &err) != MSYNC_OK)))
        {
            msync_log_err(&err, "removing what is not needed any more");
            return;
        }

        if (others
            || (run->hook != NULL
                && run->hook(run->hook_data, &err) != MSYNC_OK))
        {
            return;
        }
    }
}


/* the row of a run that could not be written when it ended comes first */

static int
run_begin(msync_run_context_t *ctx, msync_err_t *err)
{
    msync_run_t     *run = ctx->run;
    msync_store_t   *store = run->store;
    msync_effect_t   effect;

    if (msync_store_begin_unsynced(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if ((run->before != NULL && run->before->id > 0
         && run->before->unwritten
         && msync_store_log_end(store, run->before, err) != MSYNC_OK)
        || msync_store_log_begin(store, ctx->entry, err) != MSYNC_OK
        || msync_store_site_get(store, &ctx->site, err) != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    if (run->does == MSYNC_DOES_SYNC) {
        msync_site_event(&ctx->site, MSYNC_EVENT_TRIGGER, MSYNC_EVENT_DONE,
                         &effect);
        ctx->site = effect.next;
    }

    msync_site_event(&ctx->site, MSYNC_EVENT_BEGUN, MSYNC_EVENT_DONE,
                     &effect);
    ctx->site = effect.next;

    if (msync_store_site_set(store, &ctx->site, err) != MSYNC_OK) {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}


/* a run that is not in the log: what it has to say once is said once */

static int
run_refuse(msync_run_context_t *ctx, msync_err_t *err)
{
    msync_log_entry_t        *entry = ctx->entry;
    const msync_log_entry_t  *before = ctx->run->before;

    memset(entry, 0, sizeof(msync_log_entry_t));
    entry->id = -1;
    entry->started = entry->finished = msync_clock_wall();
    run_set_error(ctx, err);

    if (before == NULL || before->id != -1
        || before->variant != entry->variant
        || strcmp(before->text, entry->text) != 0)
    {
        msync_log_err(err, "a run cannot begin");
    }

    run_report(ctx);
    return MSYNC_ERROR;
}


int
msync_run_event(msync_run_context_t *ctx, msync_event_e event,
    msync_err_t *err)
{
    msync_effect_t  effect;

    /* somebody may have paused it meanwhile */
    if (msync_store_site_get(ctx->run->store, &ctx->site, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    ctx->site.restored |= ctx->restored;
    msync_site_event(&ctx->site, event, event, &effect);
    ctx->site = effect.next;

    return msync_store_site_set(ctx->run->store, &ctx->site, err);
}


static int
run_open(msync_run_context_t *ctx, msync_err_t *err)
{
    int64_t       refused;
    bool          retry = ctx->run->does == MSYNC_DOES_RETRY;
    msync_run_t  *run = ctx->run;

    if (msync_store_check_older(&ctx->site, err) != MSYNC_OK
        || msync_run_choose(ctx, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    msync_site_plan(&ctx->site, run->does, ctx->speaks_v7, &ctx->plan);

    /* the application may have altered tables while nobody looked */
    if (msync_store_renew(run->store, err) != MSYNC_OK
        || (retry && msync_store_buffer_wake_all(run->store, err) != MSYNC_OK)
        || msync_store_refused_count(run->store, &refused, err) != MSYNC_OK
        || msync_store_refused_requeue(run->store, retry, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (retry && (refused == 0 || run->offline)) {
        ctx->plan.steps &= MSYNC_STEP_BIT(MSYNC_STEP_INTEGRATE);
    }

    ctx->steps.store = run->store;
    ctx->steps.catalogue = run->catalogue;
    ctx->steps.conf = run->conf;
    ctx->steps.entry = ctx->entry;
    ctx->steps.plan = &ctx->plan;
    ctx->steps.hook = run_hook;
    ctx->steps.data = ctx;

    if (ctx->plan.steps != MSYNC_STEP_BIT(MSYNC_STEP_INTEGRATE)
        && run_open_network(ctx, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (!ctx->plan.whole
        && msync_store_bulk(run->store, true, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return ctx->plan.first ? run_fill(ctx, err) : MSYNC_OK;
}


static int
run_fill(msync_run_context_t *ctx, msync_err_t *err)
{
    msync_run_t  *run = ctx->run;

    if (msync_store_fill_begin(run->store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_is_filling(run->store)) {
        ctx->steps.fill = msync_fill_create(run->store, run->catalogue);
    }

    return MSYNC_OK;
}


static int
run_open_network(msync_run_context_t *ctx, msync_err_t *err)
{
    int64_t       id = -1;
    msync_run_t  *run = ctx->run;

    if (msync_store_get_int(run->store, MSYNC_KEY_SITE_ID, &id, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    ctx->http = msync_transfer_create(run->conf, run->hardware_id, run->fd,
                                      run->hook, run->hook_data, err);
    if (ctx->http == NULL) {
        return MSYNC_ERROR;
    }

    /* at that address mSupply central has said who this site is */
    if (id >= 0) {
        msync_transfer_set_known(ctx->http, run->conf->url);
    }

    ctx->steps.http = ctx->http;

    if (ctx->speaks_v7) {
        return MSYNC_OK;
    }

    ctx->v5 = msync_v5_create(ctx->http, run->conf->url);
    msync_v5_central_peer(ctx->v5, &ctx->central);
    ctx->central.pull_max = MSYNC_KEY_PULL_CENTRAL_MAX;
    msync_v5_remote_peer(ctx->v5, &ctx->remote);

    return MSYNC_OK;
}


static int
run_hook(void *data, msync_err_t *err)
{
    bool                  changed;
    msync_run_t          *run;
    msync_run_context_t  *ctx = data;

    run = ctx->run;
    changed = ctx->steps.changed;
    ctx->steps.changed = false;

    if (run->report != NULL) {
        run->report(run->report_data, ctx->entry, changed);
    }

    return run->hook ? run->hook(run->hook_data, err) : MSYNC_OK;
}


static int
run_steps(msync_run_context_t *ctx, msync_err_t *err)
{
    if (ctx->http != NULL && msync_run_identify(ctx, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if ((!ctx->plan.initialised
         && msync_run_queue_doubted(ctx, err) != MSYNC_OK)
        || msync_run_take_all(ctx, ctx->plan.steps, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (ctx->run->does == MSYNC_DOES_SYNC
        && ctx->site.state == MSYNC_SITE_ANEW_PULLING)
    {
        return msync_run_end_anew(ctx, err);
    }

    if (ctx->run->does == MSYNC_DOES_SYNC
        && msync_run_push_doubted(ctx, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    msync_run_upgrade(ctx);

    return msync_run_check_patient(ctx, err);
}


int
msync_run_take_all(msync_run_context_t *ctx, unsigned steps, msync_err_t *err)
{
    size_t  i;

    for (i = 0; i < sizeof(run_order) / sizeof(*run_order); i++) {
        if ((steps & MSYNC_STEP_BIT(run_order[i].step))
            && run_takes(ctx, &run_order[i])
            && run_take(ctx, &run_order[i], err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    if (ctx->failed != 0) {
        *err = ctx->fault;
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


static bool
run_takes(const msync_run_context_t *ctx, const run_step_t *step)
{
    if (!(ctx->plan.steps & MSYNC_STEP_BIT(step->step))
        || (ctx->failed & step->side))
    {
        return false;
    }

    if (step->side == 0) {
        /* in a first sync nobody waits for a part, and without all of mSupply
         * central's much of it would only wait for its parents */
        return !ctx->plan.first
               || !(ctx->failed & (MSYNC_LEGACY | MSYNC_V7));
    }

    return step->side == MSYNC_V7 ? ctx->speaks_v7
           : !ctx->speaks_v7
             && (step->side == MSYNC_LEGACY || ctx->v6 != NULL);
}


/* the settings, of which the advice for these speaks, do not have the address
 * of Open mSupply central */

static void
run_advise(msync_err_t *err)
{
    if (err->advice == NULL
        && (err->variant == MSYNC_ERR_CONNECTION_ERROR
            || err->variant == MSYNC_ERR_HTTP_ERROR
            || err->variant == MSYNC_ERR_INVALID_RESPONSE))
    {
        err->advice = "Check that Open mSupply central and the proxies in "
                      "between are running and that no sign-in page of the "
                      "network stands before them; its address comes from "
                      "mSupply central and is corrected there. |It is tried "
                      "again by itself.";
    }
}


static int
run_take(msync_run_context_t *ctx, const run_step_t *step, msync_err_t *err)
{
    if (step->take(ctx, err) == MSYNC_OK) {
        return MSYNC_OK;
    }

    msync_err_context(err, msync_step_title(step->step));

    if (step->side == MSYNC_OMSUPPLY) {
        run_advise(err);
    }

    if (step->side == 0 || msync_site_is_local(err)
        || (step->side != MSYNC_OMSUPPLY && msync_run_is_about_site(err)))
    {
        return MSYNC_ERROR;
    }

    if (err->variant == MSYNC_ERR_CENTRAL_RESTORED) {
        ctx->restored |= step->side;
    }

    if (ctx->failed == 0) {
        ctx->fault = *err;

    } else {
        msync_log_err(err, "this server failed, too");
    }

    ctx->failed |= step->side;
    return MSYNC_OK;
}


/*
 * A server that was found restored is asked for nothing until all comes anew:
 * by the time that its cursor is where it was, what it gave old numbers since
 * would be missed.
 */

int
msync_run_pull(msync_run_context_t *ctx, msync_step_e step,
    msync_peer_t *peer, unsigned limit, msync_err_t *err)
{
    if ((ctx->site.restored | ctx->restored) & peer->side) {
        return msync_err_set(err, MSYNC_ERR_CENTRAL_RESTORED,
                             "%s was found set back to an earlier state",
                             peer->name);
    }

    return msync_step_pull(&ctx->steps, step, peer, limit, err);
}


static int
run_integrate(msync_run_context_t *ctx, msync_err_t *err)
{
    /* nothing comes any more, and making indexes takes as much memory */
    msync_fill_free(&ctx->steps.fill);

    return msync_step_integrate(&ctx->steps, err);
}


static void
run_close(msync_run_context_t *ctx)
{
    msync_err_t  ignored;

    if (ctx->http != NULL) {
        msync_transfer_get_counters(ctx->http, &ctx->run->traffic);
    }

    ctx->run->counters = ctx->steps.counters;

    msync_fill_free(&ctx->steps.fill);
    msync_v7_free(&ctx->v7);
    msync_v6_free(&ctx->v6);
    msync_v5_free(&ctx->v5);
    msync_transfer_free(&ctx->http);
    msync_v5_site_clear(&ctx->identity);
    msync_free(&ctx->v7_url);

    if (!ctx->plan.whole) {
        (void) msync_store_bulk(ctx->run->store, false, &ignored);
    }

    /* what a run needed is not kept for the hours between two */
    (void) malloc_trim(0);
}


/* the last words of a run; those of an error that came first count */

static int
run_end(msync_run_context_t *ctx, int rc, msync_err_t *err)
{
    msync_err_t         fault;
    msync_event_e       event;
    msync_log_entry_t  *entry = ctx->entry;

    event = rc != MSYNC_OK ? msync_site_failure(err)
            : ctx->run->does == MSYNC_DOES_SYNC ? MSYNC_EVENT_DONE
            : MSYNC_EVENT_DONE_IN_PART;

    /* its row stays open: whoever starts next sees that a run was cut short,
     * closes it and goes on */
    if (event != MSYNC_EVENT_STOPPED) {
        msync_store_log_finish(entry);
    }

    if (rc != MSYNC_OK && event != MSYNC_EVENT_STOPPED) {
        run_set_error(ctx, err);
    }

    msync_err_clear(&fault);

    if (run_write_end(ctx, event, rc != MSYNC_OK ? err : NULL, &fault)
        != MSYNC_OK)
    {
        msync_log_err(&fault, "writing the sync log");
        entry->unwritten = true;

        if (rc == MSYNC_OK) {
            *err = fault;
            run_set_error(ctx, err);
            rc = MSYNC_ERROR;
        }
    }

    if (event != MSYNC_EVENT_STOPPED) {
        run_report(ctx);
    }

    return rc;
}


static int
run_write_end(msync_run_context_t *ctx, msync_event_e event,
    const msync_err_t *failure, msync_err_t *err)
{
    msync_store_t  *store = ctx->run->store;

    if (msync_store_begin_unsynced(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_run_event(ctx, event, err) != MSYNC_OK
        || (event != MSYNC_EVENT_STOPPED
            && (msync_store_log_end(store, ctx->entry, err) != MSYNC_OK
                || msync_run_note_refusal(ctx, failure, err) != MSYNC_OK))
        || msync_store_log_trim(store, LOG_RUNS, err) != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}


/* what is said of runs that follow by themselves is not true of a patient */

static void
run_set_error(const msync_run_context_t *ctx, const msync_err_t *err)
{
    msync_log_entry_t  *entry = ctx->entry;

    entry->variant = err->variant;

    if (ctx->run->does == MSYNC_DOES_PATIENT) {
        msync_err_refusal(err, "The patient was not fetched: ask again then.",
                          entry->text, sizeof(entry->text));

    } else {
        msync_err_full(err, entry->text, sizeof(entry->text));
    }
}


static void
run_report(msync_run_context_t *ctx)
{
    if (ctx->run->report != NULL) {
        ctx->run->report(ctx->run->report_data, ctx->entry, true);
    }
}


static void
run_log_end(const msync_run_t *run, const msync_log_entry_t *entry)
{
    msync_log(MSYNC_LOG_NOTICE, "run %lld ended%s%s: %llu pushed, %llu "
              "pulled, %llu integrated, %llu failed, %llu requests",
              (long long) entry->id,
              entry->variant == MSYNC_ERR_NONE ? "" : " with ",
              msync_err_variant(entry->variant),
              (unsigned long long) run->counters.pushed,
              (unsigned long long) run->counters.pulled,
              (unsigned long long) run->counters.integrated,
              (unsigned long long) run->counters.failed,
              (unsigned long long) run->traffic.requests);
}
