/*
 * The steps by v5 and v6: those of mSupply central and of Open mSupply central.
 */

#include "run/run_private.h"


int
msync_run_push_v6(msync_run_context_t *ctx, msync_err_t *err)
{
    return msync_step_push(&ctx->steps, MSYNC_STEP_PUSH_V6, &ctx->omsupply,
                           err);
}


int
msync_run_push(msync_run_context_t *ctx, msync_err_t *err)
{
    return msync_step_push(&ctx->steps, MSYNC_STEP_PUSH, &ctx->remote, err)
           == MSYNC_OK ? MSYNC_OK : msync_run_explain_push(ctx, err);
}


int
msync_run_pull_central(msync_run_context_t *ctx, msync_err_t *err)
{
    return msync_run_pull(ctx, MSYNC_STEP_PULL_CENTRAL, &ctx->central,
                          ctx->run->conf->central_pull, err);
}


int
msync_run_pull_remote(msync_run_context_t *ctx, msync_err_t *err)
{
    return msync_run_pull(ctx, MSYNC_STEP_PULL_REMOTE, &ctx->remote,
                          ctx->run->conf->remote_pull, err);
}


int
msync_run_pull_v6(msync_run_context_t *ctx, msync_err_t *err)
{
    return msync_run_pull(ctx, MSYNC_STEP_PULL_V6, &ctx->omsupply,
                          ctx->run->conf->central_pull, err);
}
