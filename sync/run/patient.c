/*
 * What a run for one patient has to show.
 */

#include "run/run_private.h"
#include "store/stores.h"


int
msync_run_check_patient(const msync_run_context_t *ctx, msync_err_t *err)
{
    bool                has;
    const msync_run_t  *run = ctx->run;

    if (run->patient == NULL) {
        return MSYNC_OK;
    }

    if (msync_store_has_patient(run->store, run->patient, &has, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (has) {
        return MSYNC_OK;
    }

    (void) msync_err_set(err, MSYNC_ERR_RECORD_NOT_FOUND, "no patient \"%s\" "
                         "is here, and central has sent none", run->patient);
    err->advice = "Look for the patient at central, who may have been merged "
                  "with another one or deleted.";

    return MSYNC_ERROR;
}
