/*
 * The step that has central prepare this site.
 *
 * Central builds the site's queue.  That may take long and lose its
 * connection; then it is asked whether it is ready.  It is asked to begin
 * again only when it has never begun, or when nobody can tell: a queue that
 * is built twice costs time, one that is not built costs the data.
 *
 * A central that was set back to before this site's first time takes nothing
 * from it, not even the end of a push of nothing, and its queue has what is
 * older than what waits here: there it is built before the push, to be let in,
 * and again behind it.
 */

#include <string.h>

#include "base/log.h"
#include "run/run_private.h"

/* pauses between two questions whether central has prepared the first sync;
 * asked as long as central says that it is preparing */
#define PREPARE_FIRST  500         /* ms */
#define PREPARE_MAX    15000
#define PREPARE_ATTEMPTS  3
#define PREPARE_ODD    40          /* answers with a state that is not known */


static int prepare_queue(msync_run_context_t *ctx, msync_err_t *err);
static bool prepare_is_unknown(const msync_run_context_t *ctx);
static int prepare_attempt(msync_run_context_t *ctx, bool before_push,
    msync_err_t *err);
static int prepare_ask(msync_run_context_t *ctx, bool before_push,
    msync_err_t *err);
static int prepare_wait(msync_run_context_t *ctx, msync_err_t *err);
static bool prepare_is_lost(const msync_err_t *err);
static bool prepare_was_asked(const msync_run_context_t *ctx);
static bool prepare_is(const msync_run_context_t *ctx, const char *status);


int
msync_run_prepare(msync_run_context_t *ctx, msync_err_t *err)
{
    if (msync_step_begin(&ctx->steps, MSYNC_STEP_PREPARE, err) != MSYNC_OK
        || prepare_queue(ctx, err) != MSYNC_OK
        || msync_run_event(ctx, MSYNC_EVENT_PREPARED, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    msync_step_end(&ctx->steps, MSYNC_STEP_PREPARE);
    return MSYNC_OK;
}


static int
prepare_queue(msync_run_context_t *ctx, msync_err_t *err)
{
    if (prepare_was_asked(ctx) && prepare_is(ctx, "completed")) {
        return MSYNC_OK;
    }

    if (prepare_is(ctx, "started")) {
        if (prepare_wait(ctx, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        if (prepare_is(ctx, "completed")) {
            return MSYNC_OK;
        }
    }

    return prepare_attempt(ctx, false, err);
}


static bool
prepare_is_unknown(const msync_run_context_t *ctx)
{
    return !prepare_is(ctx, "completed") && !prepare_is(ctx, "started");
}


int
msync_run_explain_push(const msync_run_context_t *ctx, msync_err_t *err)
{
    return msync_site_is_local(err) || !prepare_is_unknown(ctx) ? MSYNC_ERROR
           : msync_err_set(err, MSYNC_ERR_CENTRAL_RESTORED, "mSupply central "
                           "takes nothing from this site and says that it "
                           "never set it up; it was set back to an earlier "
                           "state");
}


int
msync_run_prepare_push(msync_run_context_t *ctx, msync_err_t *err)
{
    if (!(ctx->plan.steps & MSYNC_STEP_BIT(MSYNC_STEP_PUSH))
        || !prepare_is_unknown(ctx))
    {
        return MSYNC_OK;
    }

    return msync_step_begin(&ctx->steps, MSYNC_STEP_PREPARE, err) == MSYNC_OK
           ? prepare_attempt(ctx, true, err) : MSYNC_ERROR;
}


static int
prepare_attempt(msync_run_context_t *ctx, bool before_push, msync_err_t *err)
{
    int       rc;
    unsigned  tries;

    for (tries = 0; tries < PREPARE_ATTEMPTS; tries++) {
        rc = prepare_ask(ctx, before_push, err);

        if (rc != MSYNC_AGAIN) {
            return rc;
        }
    }

    return msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                         "mSupply central lost the connection %d times while "
                         "it was asked to prepare this site", PREPARE_ATTEMPTS);
}


/*
 * MSYNC_AGAIN: central may not have heard the question.  Of a site that it
 * had prepared before, "completed" does not tell whether it has.
 */

static int
prepare_ask(msync_run_context_t *ctx, bool before_push, msync_err_t *err)
{
    int64_t  length;

    /* only the state tells the next run whose "completed" it will see; that of
     * before a push is not the one that it will look for */
    if (!before_push && !prepare_is(ctx, "completed")
        && msync_run_event(ctx, MSYNC_EVENT_ASKED, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (msync_v5_initialise(ctx->v5, &length, err) == MSYNC_OK) {
        return before_push ? prepare_wait(ctx, err) : MSYNC_OK;
    }

    if (!prepare_is_lost(err)) {
        return MSYNC_ERROR;
    }

    msync_log_err(err, "preparing the first sync, asking for its state");
    msync_err_clear(err);

    if (prepare_wait(ctx, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return (before_push || prepare_was_asked(ctx))
           && prepare_is(ctx, "completed") ? MSYNC_OK : MSYNC_AGAIN;
}


/* as long as central is at work, then what it says of the site */

static int
prepare_wait(msync_run_context_t *ctx, msync_err_t *err)
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

    msync_v5_site_clear(&ctx->identity);

    return msync_v5_site(ctx->v5, &ctx->identity, err);
}


/* the question takes long: a proxy in between gives up before central does */

static bool
prepare_is_lost(const msync_err_t *err)
{
    /* what a proxy refuses it refuses again */
    if (err->remedy == MSYNC_REMEDY_FINAL) {
        return false;
    }

    return err->variant == MSYNC_ERR_CONNECTION_ERROR
           || err->variant == MSYNC_ERR_TIMEOUT
           || (err->variant == MSYNC_ERR_HTTP_ERROR
               && (err->http_status == 408 || err->http_status == 502
                   || err->http_status == 503 || err->http_status == 504
                   || (err->http_status >= 520 && err->http_status <= 530)));
}


static bool
prepare_was_asked(const msync_run_context_t *ctx)
{
    return ctx->site.state == MSYNC_SITE_PREPARING
           || ctx->site.state == MSYNC_SITE_ANEW_PREPARING;
}


static bool
prepare_is(const msync_run_context_t *ctx, const char *status)
{
    return strcmp(ctx->identity.initialisation_status, status) == 0;
}
