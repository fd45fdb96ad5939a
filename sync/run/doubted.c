/*
 * Rows of which nobody knows whether they were changed here, see store/send.h.
 *
 * Promises: they are sent behind what central has changed, which comes first
 * in whatever run; where a push breaks off, few have left the list.
 */

#include "run/run_private.h"
#include "store/send.h"

#define DOUBTED_QUEUED  500        /* before they are sent: what a line that
                                      breaks leaves in the changelog goes out
                                      before the next pull */


int
msync_run_queue_doubted(msync_run_context_t *ctx, msync_err_t *err)
{
    int64_t  n;

    return msync_store_send_doubted(ctx->run->store, INT64_MAX,
                                    ctx->steps.hook, ctx->steps.data, &n, err);
}


int
msync_run_push_doubted(msync_run_context_t *ctx, msync_err_t *err)
{
    int64_t  n;

    do {
        if (msync_store_send_doubted(ctx->run->store, DOUBTED_QUEUED,
                                     ctx->steps.hook, ctx->steps.data, &n, err)
            != MSYNC_OK
            || (n > 0
                && msync_run_take_all(ctx, MSYNC_STEPS_PUSH, err) != MSYNC_OK))
        {
            return MSYNC_ERROR;
        }
    } while (n > 0);

    return MSYNC_OK;
}
