/*
 * All comes anew into a site that is in use.
 *
 * Promises: what was made here and not sent goes out before, unless somebody
 * has said that it does not; a row that central does not have any more is
 * gone, or listed, when all has come.
 */

#include "run/run_private.h"
#include "store/absent.h"
#include "store/forget.h"
#include "store/refused.h"


int
msync_run_end_anew(msync_run_context_t *ctx, msync_err_t *err)
{
    unsigned        sides;
    msync_absent_t  absent;

    sides = ctx->speaks_v7 ? MSYNC_V7
            : MSYNC_LEGACY | (ctx->v6 != NULL ? MSYNC_OMSUPPLY : 0);

    return msync_store_absent_end(ctx->run->store, sides, ctx->steps.hook,
                                  ctx->steps.data, &absent, err);
}


int
msync_run_reinitialise(msync_store_t *store, bool discard, msync_err_t *err)
{
    msync_site_t    site;
    msync_effect_t  effect;

    /* in a first sync there is nothing that a backup brought back */
    if (msync_store_site_get(store, &site, err) != MSYNC_OK
        || (msync_store_site_in_use(site.state)
            && msync_store_absent_note(store, err) != MSYNC_OK)
        || (!discard
            && msync_store_refused_requeue(store, true, err) != MSYNC_OK)
        || msync_store_begin(store, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (msync_store_site_get(store, &site, err) != MSYNC_OK) {
        goto failed;
    }

    msync_site_event(&site, MSYNC_EVENT_REINITIALISE, MSYNC_EVENT_DONE,
                     &effect);

    /* a central that was not restored has what the changelog says it has */
    if (msync_store_forget(store, discard, site.restored, err) != MSYNC_OK
        || msync_store_site_set(store, &effect.next, err) != MSYNC_OK)
    {
        goto failed;
    }

    return msync_store_commit(store, err);

failed:

    msync_store_rollback(store);
    return MSYNC_ERROR;
}
