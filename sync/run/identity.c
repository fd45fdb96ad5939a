/*
 * Who this site is, and where Open mSupply central is.
 *
 * Promises: a database that belongs to one site never becomes another's;
 * credentials go only where mSupply central, at the address of the settings,
 * has said that Open mSupply central is.
 */

#include <stdio.h>
#include <string.h>

#include "run/run_private.h"
#include "store/changelog.h"
#include "store/kv.h"


static int identity_find(msync_run_context_t *ctx, msync_err_t *err);
static int identity_check(msync_run_context_t *ctx, msync_err_t *err);
static int identity_save(msync_run_context_t *ctx, msync_err_t *err);
static int identity_save_v6(msync_run_context_t *ctx, msync_err_t *err);
static void identity_open_v6(msync_run_context_t *ctx, const char *url);
static int identity_recall(msync_run_context_t *ctx, msync_err_t *err);


int
msync_run_identify(msync_run_context_t *ctx, msync_err_t *err)
{
    return identity_find(ctx, err) == MSYNC_OK
           ? msync_store_resend_due(ctx->run->store, err) : MSYNC_ERROR;
}


static int
identity_find(msync_run_context_t *ctx, msync_err_t *err)
{
    if (ctx->speaks_v7) {
        return msync_run_identify_v7(ctx, err);
    }

    if (msync_v5_site(ctx->v5, &ctx->identity, err) != MSYNC_OK) {

        if (msync_site_is_local(err) || msync_run_is_about_site(err)) {
            return MSYNC_ERROR;
        }

        return msync_run_find_out(ctx, err) == MSYNC_OK
               ? (ctx->speaks_v7 ? msync_run_identify_v7(ctx, err)
                                 : identity_recall(ctx, err))
               : MSYNC_ERROR;
    }

    if (identity_check(ctx, err) != MSYNC_OK
        || msync_run_check_upgraded(ctx, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (ctx->speaks_v7) {
        return msync_run_identify_v7(ctx, err);
    }

    if (identity_save(ctx, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (ctx->identity.is_v6_central) {
        return MSYNC_OK;
    }

    if (ctx->identity.v6_url == NULL || *ctx->identity.v6_url == '\0') {
        ctx->failed |= MSYNC_OMSUPPLY;

        (void) msync_err_set(&ctx->fault,
                             MSYNC_ERR_CENTRAL_V6_NOT_CONFIGURED,
                             "mSupply central names no Open mSupply central "
                             "server");
        return MSYNC_OK;
    }

    identity_open_v6(ctx, ctx->identity.v6_url);
    return MSYNC_OK;
}


static int
identity_check(msync_run_context_t *ctx, msync_err_t *err)
{
    int    rc = MSYNC_OK;
    char  *uuid;

    if (msync_store_get_string(ctx->run->store, MSYNC_KEY_SITE_UUID, &uuid,
                               err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (uuid != NULL && strcmp(uuid, ctx->identity.uuid) != 0) {
        rc = msync_err_set(err, MSYNC_ERR_SITE_UUID_IS_BEING_CHANGED,
                           "This database belongs to the site %s, central "
                           "says that \"%s\" is %s", uuid,
                           ctx->run->conf->username, ctx->identity.uuid);
    }

    msync_free(&uuid);
    return rc;
}


static int
identity_save(msync_run_context_t *ctx, msync_err_t *err)
{
    msync_store_t          *store = ctx->run->store;
    const msync_v5_site_t  *site = &ctx->identity;

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_set_string(store, MSYNC_KEY_SITE_UUID, site->uuid, err)
        != MSYNC_OK
        || msync_store_set_string(store, MSYNC_KEY_SITE_NAME, site->name,
                                  err) != MSYNC_OK
        || msync_store_set_int(store, MSYNC_KEY_SITE_ID, site->site_id, err)
           != MSYNC_OK
        || msync_store_set_int(store, MSYNC_KEY_CENTRAL_SITE_ID,
                               site->central_site_id, err) != MSYNC_OK
        || msync_store_set_string(store, MSYNC_KEY_VERSION, MSYNC_SYNC_V5_V6,
                                  err) != MSYNC_OK
        || identity_save_v6(ctx, err) != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}


/* the address that said so and the one that it said; no address has a blank */

static int
identity_save_v6(msync_run_context_t *ctx, msync_err_t *err)
{
    int          rc;
    char        *text;
    size_t       size;
    const char  *url = ctx->identity.v6_url;

    if (ctx->identity.is_v6_central || url == NULL || *url == '\0') {
        return msync_store_unset(ctx->run->store, MSYNC_KEY_V6_ADDRESS, err);
    }

    size = strlen(ctx->run->conf->url) + strlen(url) + 2;
    text = msync_alloc(size);
    snprintf(text, size, "%s %s", ctx->run->conf->url, url);
    rc = msync_store_set_string(ctx->run->store, MSYNC_KEY_V6_ADDRESS, text,
                                err);
    msync_free(&text);

    return rc;
}


static void
identity_open_v6(msync_run_context_t *ctx, const char *url)
{
    int64_t       mark = 0;
    msync_err_t   ignored;
    msync_run_t  *run = ctx->run;

    /* something was pulled from it */
    if (msync_store_get_int(run->store, MSYNC_KEY_PULL_V6_MARK, &mark,
                            &ignored) == MSYNC_OK && mark != 0)
    {
        msync_transfer_set_known(ctx->http, url);
    }

    ctx->v6 = msync_v6_create(ctx->http, url, run->conf, run->hardware_id,
                              ctx->plan.initialised, run->patient);
    msync_v6_peer(ctx->v6, &ctx->omsupply);
    ctx->omsupply.pull_max = run->patient ? NULL : MSYNC_KEY_PULL_V6_MAX;
    ctx->omsupply.pull_mark = MSYNC_KEY_PULL_V6_MARK;
}


/* MSYNC_ERROR: nobody knows where the other server is, nothing can go on */

static int
identity_recall(msync_run_context_t *ctx, msync_err_t *err)
{
    char         *text;
    size_t        n = strlen(ctx->run->conf->url);
    msync_err_t   fault = *err;

    if (msync_store_get_string(ctx->run->store, MSYNC_KEY_V6_ADDRESS, &text,
                               err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (text != NULL && strncmp(text, ctx->run->conf->url, n) == 0
        && text[n] == ' ')
    {
        ctx->failed |= MSYNC_LEGACY;
        ctx->fault = fault;
        identity_open_v6(ctx, text + n + 1);
    }

    msync_free(&text);

    return ctx->v6 != NULL ? MSYNC_OK : MSYNC_ERROR;
}
