/*
 * A run by sync v7: whether it is one, the token of this site, who the site
 * is, and the steps that differ.
 *
 * Promises: a token is in the database before it is used, and nowhere else but
 * in this process while the database cannot take it; a database that belongs to
 * one site never becomes another's; what is spoken is found out by a question
 * that has no effect over there.
 */

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "run/run_private.h"
#include "store/kv.h"
#include "store/stores.h"
#include "store/upgrade.h"


/* ms: before a token that could not be stored is stored once more, doubled
 * from time to time up to the last */
#define V7_TOKEN_PAUSE       1000
#define V7_TOKEN_PAUSE_LAST  8000


static int v7_open(msync_run_context_t *ctx, msync_err_t *err);
static int v7_asking(void *data, msync_err_t *err);
static int v7_given(void *data, const char *token,
    const msync_v7_site_t *site, msync_err_t *err);
static int v7_store_token(msync_run_context_t *ctx, const char *token,
    const msync_v7_site_t *site, msync_err_t *err);
static int v7_store_given(msync_run_context_t *ctx, msync_err_t *err);
static void v7_refused(void *data, msync_err_t *err);
static int v7_check(const msync_run_context_t *ctx,
    const msync_v7_site_t *site, msync_err_t *err);
static int v7_save(msync_run_context_t *ctx, const msync_v7_site_t *site,
    msync_err_t *err);
static int v7_save_all(msync_run_context_t *ctx, const msync_v7_site_t *site,
    msync_err_t *err);
static int v7_pull_patient(msync_run_context_t *ctx, msync_err_t *err);


int
msync_run_choose(msync_run_context_t *ctx, msync_err_t *err)
{
    bool            v7, stood;
    msync_run_t    *run = ctx->run;
    msync_speaks_e  speaks;

    if (msync_store_speaks(run->store, &speaks, err) != MSYNC_OK
        || msync_store_get_int(run->store, MSYNC_KEY_PULL_V6_MAX,
                               &ctx->v6_end, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    /* before there was v7 nobody wrote down that it is not spoken; a site that
     * lost its key_value_store does not know it any more */
    stood = msync_store_site_in_use(ctx->site.state);
    ctx->known = speaks != MSYNC_SPEAKS_UNKNOWN
                 || ctx->site.state == MSYNC_SITE_INITIALISED;
    v7 = speaks == MSYNC_SPEAKS_V7;
    ctx->former = (speaks != MSYNC_SPEAKS_UNKNOWN || stood) && !v7;

    if (run->conf->protocol == MSYNC_PROTOCOL_V6 && v7 && stood) {
        return msync_err_set(err, MSYNC_ERR_SITE_ALREADY_UPGRADED,
                             "this site speaks sync v7 and does not go back; "
                             "\"protocol v6\" is to be taken out of the "
                             "configuration");
    }

    ctx->speaks_v7 = run->conf->protocol == MSYNC_PROTOCOL_V7
                     || (run->conf->protocol == MSYNC_PROTOCOL_AUTO && v7);
    ctx->entry->v7 = ctx->speaks_v7;

    return MSYNC_OK;
}


/*
 * `err` is what came of the question to mSupply central, and stays, where it
 * is not v7 that is spoken.
 */

int
msync_run_find_out(msync_run_context_t *ctx, msync_err_t *err)
{
    msync_err_t   fault;
    msync_run_t  *run = ctx->run;

    if (ctx->known || run->conf->protocol != MSYNC_PROTOCOL_AUTO
        || !msync_v7_may_be_spoken(err))
    {
        return MSYNC_OK;
    }

    if (msync_v7_is_spoken(ctx->http, run->conf->url, &ctx->speaks_v7,
                           &fault) != MSYNC_OK)
    {
        if (msync_site_is_local(&fault)) {
            *err = fault;
            return MSYNC_ERROR;
        }

        return MSYNC_OK;
    }

    if (ctx->speaks_v7) {
        msync_log(MSYNC_LOG_NOTICE, "the server at the address of the "
                  "settings speaks sync v7, and so does this site");
        msync_site_plan(&ctx->site, run->does, true, &ctx->plan);
        ctx->entry->v7 = true;
    }

    return MSYNC_OK;
}


int
msync_run_identify_v7(msync_run_context_t *ctx, msync_err_t *err)
{
    const msync_v7_site_t  *site;

    /* central may still be at work on what the latest run has sent */
    if (v7_open(ctx, err) != MSYNC_OK
        || msync_push_wait(&ctx->steps, &ctx->central_v7, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    site = msync_v7_site(ctx->v7);

    return v7_check(ctx, site, err) == MSYNC_OK ? v7_save(ctx, site, err)
                                                : MSYNC_ERROR;
}


static int
v7_open(msync_run_context_t *ctx, msync_err_t *err)
{
    char              *token;
    int64_t            asked = 0;
    msync_run_t       *run = ctx->run;
    msync_v7_setup_t   setup;

    if (v7_store_given(ctx, err) != MSYNC_OK
        || msync_store_get_string(run->store, MSYNC_KEY_TOKEN, &token, err)
           != MSYNC_OK
        || msync_store_get_int(run->store, MSYNC_KEY_TOKEN_ASKED, &asked, err)
           != MSYNC_OK
        || msync_store_v7_address(run->store, run->conf->url, &ctx->v7_url,
                                  err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    ctx->asked = asked != 0;

    memset(&setup, 0, sizeof(setup));
    setup.http = ctx->http;
    setup.url = ctx->v7_url != NULL ? ctx->v7_url : run->conf->url;
    setup.conf = run->conf;
    setup.catalogue = run->catalogue;
    setup.hardware_id = run->hardware_id;
    setup.token = token;
    setup.initialised = ctx->plan.initialised;
    setup.callbacks.data = ctx;
    setup.callbacks.asking = v7_asking;
    setup.callbacks.given = v7_given;
    setup.callbacks.refused = v7_refused;

    ctx->v7 = msync_v7_create(&setup);
    msync_v7_peer(ctx->v7, &ctx->central_v7);
    ctx->central_v7.pull_max = MSYNC_KEY_PULL_V7_MAX;

    if (token != NULL) {
        explicit_bzero(token, strlen(token));
    }

    msync_free(&token);
    return MSYNC_OK;
}


/* central gives it once: that it was asked has to outlive this process */

static int
v7_asking(void *data, msync_err_t *err)
{
    msync_run_context_t  *ctx = data;

    return msync_store_set_int(ctx->run->store, MSYNC_KEY_TOKEN_ASKED, 1,
                               err);
}


/*
 * A token that is not stored is lost with this process, and then only an
 * administrator of central can help.  A database that is locked, a disk that is
 * full may be so for a moment only; if it is for longer, the next run tries.
 */

static int
v7_given(void *data, const char *token, const msync_v7_site_t *site,
    msync_err_t *err)
{
    long                  pause;
    msync_err_t           stopped;
    msync_run_given_t    *given;
    msync_run_context_t  *ctx = data;

    given = ctx->run->given;

    for (pause = V7_TOKEN_PAUSE;
         v7_store_token(ctx, token, site, err) != MSYNC_OK;
         pause *= 2)
    {
        if (!msync_site_is_local(err)) {
            return MSYNC_ERROR;
        }

        if (pause > V7_TOKEN_PAUSE_LAST
            || msync_transfer_pause(ctx->http, pause, &stopped) != MSYNC_OK)
        {
            if (given != NULL) {
                snprintf(given->token, sizeof(given->token), "%s", token);
                given->site = *site;
            }

            return MSYNC_ERROR;
        }

        msync_log_err(err, "storing the token of this site");
        msync_err_clear(err);
    }

    return MSYNC_OK;
}


static int
v7_store_token(msync_run_context_t *ctx, const char *token,
    const msync_v7_site_t *site, msync_err_t *err)
{
    msync_store_t  *store = ctx->run->store;

    if (v7_check(ctx, site, err) != MSYNC_OK
        || msync_store_begin(store, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (msync_store_set_string(store, MSYNC_KEY_TOKEN, token, err) != MSYNC_OK
        || msync_store_unset(store, MSYNC_KEY_TOKEN_ASKED, err) != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}


/* only the database that has asked for it waits for it */

static int
v7_store_given(msync_run_context_t *ctx, msync_err_t *err)
{
    int                 rc;
    int64_t             asked = 0;
    msync_run_given_t  *given = ctx->run->given;

    if (given == NULL || given->token[0] == '\0') {
        return MSYNC_OK;
    }

    rc = msync_store_get_int(ctx->run->store, MSYNC_KEY_TOKEN_ASKED, &asked,
                             err);

    if (rc == MSYNC_OK && asked != 0) {
        rc = v7_store_token(ctx, given->token, &given->site, err);
    }

    if (rc == MSYNC_OK || !msync_site_is_local(err)) {
        explicit_bzero(given, sizeof(*given));
    }

    return rc;
}


static void
v7_refused(void *data, msync_err_t *err)
{
    msync_err_t           fault = *err;
    msync_run_context_t  *ctx = data;

    if (err->variant == MSYNC_ERR_TOKEN_ALREADY_ALLOCATED) {
        (void) msync_err_set(err, fault.variant, "%s, %s", fault.text,
                             ctx->asked
                             ? "in an answer that was lost on its way here"
                             : "to another machine or to an earlier database "
                               "of it, or a proxy in between has asked "
                               "twice");
        err->http_status = fault.http_status;

        if (ctx->asked) {
            return;
        }
    }

    if (msync_store_unset(ctx->run->store, MSYNC_KEY_TOKEN_ASKED, &fault)
        != MSYNC_OK)
    {
        msync_log_err(&fault, "noting an answer of central");
    }
}


static int
v7_check(const msync_run_context_t *ctx, const msync_v7_site_t *site,
    msync_err_t *err)
{
    int64_t  id = -1;

    if (msync_store_get_int(ctx->run->store, MSYNC_KEY_SITE_ID, &id, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (id >= 0 && site->site_id >= 0 && id != site->site_id) {
        return msync_err_set(err, MSYNC_ERR_SITE_UUID_IS_BEING_CHANGED,
                             "This database belongs to the site %lld, central "
                             "says that \"%s\" is %lld", (long long) id,
                             ctx->run->conf->username,
                             (long long) site->site_id);
    }

    return MSYNC_OK;
}


static int
v7_save(msync_run_context_t *ctx, const msync_v7_site_t *site,
    msync_err_t *err)
{
    msync_store_t  *store = ctx->run->store;

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (v7_save_all(ctx, site, err) != MSYNC_OK) {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}


/* central has nothing to prepare: it has said who this site is */

static int
v7_save_all(msync_run_context_t *ctx, const msync_v7_site_t *site,
    msync_err_t *err)
{
    msync_store_t  *store = ctx->run->store;

    /* a site of v5 and v6 to which somebody gave this address */
    if (ctx->former
        && msync_store_upgrade(store, NULL, NULL, ctx->v6_end, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (msync_store_set_int(store, MSYNC_KEY_SITE_ID, site->site_id, err)
        != MSYNC_OK
        || (site->central_site_id >= 0
            && msync_store_set_int(store, MSYNC_KEY_CENTRAL_SITE_ID,
                                   site->central_site_id, err) != MSYNC_OK)
        || msync_store_set_string(store, MSYNC_KEY_SITE_NAME,
                                  ctx->run->conf->username, err) != MSYNC_OK
        || msync_store_set_string(store, MSYNC_KEY_VERSION, MSYNC_SYNC_V7,
                                  err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return ctx->run->does == MSYNC_DOES_SYNC
           ? msync_run_event(ctx, MSYNC_EVENT_PREPARED, err) : MSYNC_OK;
}


int
msync_run_push_v7(msync_run_context_t *ctx, msync_err_t *err)
{
    return msync_step_push(&ctx->steps, MSYNC_STEP_PUSH, &ctx->central_v7,
                           err);
}


/* what comes anew is not begun for the sake of one patient */

int
msync_run_pull_v7(msync_run_context_t *ctx, msync_err_t *err)
{
    if (ctx->run->patient != NULL) {
        if (v7_pull_patient(ctx, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        if (ctx->site.state != MSYNC_SITE_INITIALISED) {
            return MSYNC_OK;
        }
    }

    return msync_run_pull(ctx, MSYNC_STEP_PULL, &ctx->central_v7,
                          ctx->run->conf->central_pull, err);
}


/* central joins the patient to a store of this site, which comes with what is
 * pulled next */

static int
v7_pull_patient(msync_run_context_t *ctx, msync_err_t *err)
{
    int                  rc;
    msync_run_t         *run = ctx->run;
    msync_peer_t         peer;
    msync_v7_patient_t   patient = { ctx->v7, run->patient, NULL, NULL };
    msync_store_join_t   join;

    if (msync_store_patient_join(run->store, run->patient, &join, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    patient.store = join.store;
    patient.join = join.id;
    msync_v7_patient_peer(&patient, &peer);
    rc = msync_run_pull(ctx, MSYNC_STEP_PULL, &peer, run->conf->central_pull,
                        err);
    msync_store_join_clear(&join);

    return rc == MSYNC_OK
           ? MSYNC_OK : msync_err_context(err, "fetching a patient");
}
