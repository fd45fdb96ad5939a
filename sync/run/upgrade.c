/*
 * A site that speaks v5 and v6 becomes one of v7, as soon as mSupply central
 * says that it may.
 *
 * Promises: whatever mSupply central answers, a run that went well stays one;
 * the change is one transaction, and a process that dies before it goes on
 * with it; no record is lost between the protocols, and not all of them come
 * again; a database that is older than the change is not taken for one that
 * is just about to make it.
 */

#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "run/run_private.h"
#include "store/kv.h"
#include "store/upgrade.h"


static int upgrade_ask(msync_run_context_t *ctx, int64_t cursor, char **url,
    msync_err_t *err);
static bool upgrade_is_usable(const msync_run_context_t *ctx,
    const char *url, msync_err_t *err);
static int upgrade_commit(msync_run_context_t *ctx, const char *url,
    int64_t cursor, msync_err_t *err);


/*
 * The cursor from which v7 goes on is the end that Open mSupply central had
 * named before this run: what stands up to there came by v6 in this run at
 * the latest, and what mSupply central has passed on to it came by v5.
 */

void
msync_run_upgrade(msync_run_context_t *ctx)
{
    char         *url;
    msync_err_t   err;
    msync_run_t  *run = ctx->run;

    if (run->conf->protocol == MSYNC_PROTOCOL_V6 || ctx->speaks_v7
        || run->does != MSYNC_DOES_SYNC || !ctx->plan.initialised
        || ctx->identity.sync_version == NULL || ctx->v6_end <= 0)
    {
        return;
    }

    if (upgrade_ask(ctx, ctx->v6_end, &url, &err) != MSYNC_OK
        || upgrade_commit(ctx, url, ctx->v6_end, &err) != MSYNC_OK)
    {
        msync_log(MSYNC_LOG_INFO, "this site is not upgraded to sync v7 yet: "
                  "%s", err.text);
    }

    msync_free(&url);
}


/* writes down that mSupply central is asked, which has to outlive this process:
 * from the answer on the site is one of v7 over there */

static int
upgrade_ask(msync_run_context_t *ctx, int64_t cursor, char **url,
    msync_err_t *err)
{
    *url = NULL;

    if (msync_store_set_int(ctx->run->store, MSYNC_KEY_UPGRADE, cursor, err)
        != MSYNC_OK
        || msync_v5_upgrade(ctx->v5, url, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return upgrade_is_usable(ctx, *url, err) ? MSYNC_OK : MSYNC_ERROR;
}


static bool
upgrade_is_usable(const msync_run_context_t *ctx, const char *url,
    msync_err_t *err)
{
    const char           *why;
    msync_conf_origin_t   ours, theirs;

    why = strlen(url) > MSYNC_URL_MAX ? "is too long"
                                      : msync_conf_check_url(url, &theirs);

    if (why != NULL) {
        (void) msync_err_set(err, MSYNC_ERR_INVALID_URL, "the address that "
                             "mSupply central gives for sync v7 %s", why);
        return false;
    }

    if (msync_conf_origin(ctx->run->conf->url, &ours) == NULL && ours.tls
        && !theirs.tls)
    {
        msync_log(MSYNC_LOG_WARN, "the address that mSupply central gives "
                  "for sync v7 begins with http://: this site's data and "
                  "credentials go there without encryption");
    }

    return true;
}


static int
upgrade_commit(msync_run_context_t *ctx, const char *url, int64_t cursor,
    msync_err_t *err)
{
    msync_store_t *store = ctx->run->store;

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_upgrade(store, ctx->run->conf->url, url, cursor, err)
        != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    if (msync_store_commit(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    ctx->run->upgraded = true;
    msync_log(MSYNC_LOG_NOTICE, "this site speaks sync v7 from now on");

    return MSYNC_OK;
}


/*
 * mSupply central says of a site that speaks v5 and v6 here that it is one of
 * v7.  Either the answer to the question for it was lost, or nothing of this
 * site is here yet, or all of it is to come anew: then it becomes one now.
 * Else this database is an earlier one.
 */

int
msync_run_check_upgraded(msync_run_context_t *ctx, msync_err_t *err)
{
    char         *url;
    int64_t       cursor = -1;
    msync_err_t   fault;
    msync_run_t  *run = ctx->run;

    if (ctx->identity.sync_version == NULL
        || strcasecmp(ctx->identity.sync_version, "v7") != 0
        || run->conf->protocol == MSYNC_PROTOCOL_V6)
    {
        return MSYNC_OK;
    }

    if (msync_store_get_int(run->store, MSYNC_KEY_UPGRADE, &cursor, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (ctx->site.state == MSYNC_SITE_INITIALISED) {
        if (cursor < 0) {
            return msync_err_set(err, MSYNC_ERR_SITE_ALREADY_UPGRADED,
                                 "mSupply central says that this site speaks "
                                 "sync v7, of which this database knows "
                                 "nothing");
        }

    } else {
        cursor = 0;
    }

    /* a run for a patient or a retry goes on as before, for now */
    if (run->does != MSYNC_DOES_SYNC) {
        return MSYNC_OK;
    }

    if (upgrade_ask(ctx, cursor, &url, &fault) != MSYNC_OK
        || upgrade_commit(ctx, url, cursor, &fault) != MSYNC_OK)
    {
        msync_log(MSYNC_LOG_INFO, "this site is not upgraded to sync v7 yet: "
                  "%s", fault.text);
        msync_free(&url);
        return MSYNC_OK;
    }

    msync_free(&url);
    ctx->speaks_v7 = true;
    ctx->former = false;
    ctx->entry->v7 = true;
    msync_site_plan(&ctx->site, run->does, true, &ctx->plan);

    return MSYNC_OK;
}
