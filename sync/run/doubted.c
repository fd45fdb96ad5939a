/*
 * Rows of which nobody knows whether they were changed here, see store/send.h.
 *
 * Promises: they are sent behind what central has changed, which comes first
 * in whatever run; where a push breaks off, few have left the list.
 */

#include "base/log.h"
#include "run/run_private.h"
#include "store/send.h"

#define DOUBTED_QUEUED  500        /* before they are sent: what a line that
                                      breaks leaves in the changelog goes out
                                      before the next pull */


static void doubted_log(int64_t total);


int
msync_run_queue_doubted(msync_run_context_t *ctx, msync_err_t *err)
{
    int      rc;
    int64_t  n;

    rc = msync_store_send_doubted(ctx->run->store, INT64_MAX, ctx->steps.hook,
                                  ctx->steps.data, &n, err);
    doubted_log(n);

    return rc;
}


int
msync_run_push_doubted(msync_run_context_t *ctx, msync_err_t *err)
{
    int      rc;
    int64_t  n, total = 0;

    do {
        rc = msync_store_send_doubted(ctx->run->store, DOUBTED_QUEUED,
                                      ctx->steps.hook, ctx->steps.data, &n,
                                      err);
        total += n;

        if (rc == MSYNC_OK && n > 0) {
            rc = msync_run_take_all(ctx, MSYNC_STEPS_PUSH, err);
        }

    } while (rc == MSYNC_OK && n > 0);

    doubted_log(total);

    return rc;
}


/* once, also where the run ends early: a table may have very many rows */

static void
doubted_log(int64_t total)
{
    if (total > 0) {
        msync_log(MSYNC_LOG_NOTICE, "%lld row%s of tables whose triggers were "
                  "gone %s sent again", (long long) total,
                  total == 1 ? "" : "s", total == 1 ? "is" : "are");
    }
}
