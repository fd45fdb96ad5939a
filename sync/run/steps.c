/*
 * What all steps have: their line in the log entry and the size of their
 * batches; and the step that integrates.
 */

#include "run/steps_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/buffer.h"
#include "store/fill.h"
#include "store/kv.h"

/* a batch should take this long: short enough to lose little when the line
 * breaks, long enough not to be all round trips */
#define BATCH_TIME   5000          /* ms */

#define LOSSES       3             /* of batches that a line does not carry,
                                      in one step */

static const char  *const titles[MSYNC_STEP_MAX] = {
    "prepare", "push v6", "push", "wait", "pull central", "pull remote",
    "pull v6", "pull", "integrate"
};

/* key_value_store ids of the sizes that batches have come to */
static const char  *const sizes[MSYNC_STEP_MAX] = {
    [MSYNC_STEP_PUSH_V6] = MSYNC_KEY_BATCH_PUSH_V6,
    [MSYNC_STEP_PUSH] = MSYNC_KEY_BATCH_PUSH,
    [MSYNC_STEP_PULL_CENTRAL] = MSYNC_KEY_BATCH_PULL_CENTRAL,
    [MSYNC_STEP_PULL_REMOTE] = MSYNC_KEY_BATCH_PULL_REMOTE,
    [MSYNC_STEP_PULL_V6] = MSYNC_KEY_BATCH_PULL_V6,
    [MSYNC_STEP_PULL] = MSYNC_KEY_BATCH_PULL_V7
};


static bool steps_is_strange(const msync_err_t *err);
static int steps_while_integrating(void *data, msync_err_t *err);


const char *
msync_step_title(msync_step_e step)
{
    return titles[step];
}


int
msync_step_begin(msync_steps_t *steps, msync_step_e which, msync_err_t *err)
{
    msync_step_log_t  *step = &steps->entry->steps[which];

    /* a step of two parts began with the first */
    if (step->started == 0) {
        step->started = msync_clock_wall();
    }

    step->finished = 0;

    if (msync_store_log_update(steps->store, steps->entry, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    steps->changed = true;

    return steps->hook(steps->data, err);
}


/* written and told with the beginning of the next step, or the end of the run,
 * which follow at once: it would be half of what a run with nothing to do
 * writes */

void
msync_step_end(msync_steps_t *steps, msync_step_e which)
{
    msync_step_log_t  *step = &steps->entry->steps[which];

    step->finished = msync_clock_wall();

    /* nothing came, nothing was to do: that is known now */
    if (step->total < 0) {
        step->total = 0;
    }

    steps->changed = true;
}


void
msync_step_count(msync_step_log_t *step, int64_t remaining, int64_t n)
{
    int64_t  done = step->done + n;

    /* totals of servers are estimates (sparse cursors, new records): the
     * total follows what is seen, and what is done never goes back */
    if (step->total < 0 || step->done + remaining > step->total) {
        step->total = step->done + remaining;
    }

    if (step->total - (remaining - n) > done) {
        done = step->total - (remaining - n);
    }

    step->done = done < step->total ? done : step->total;
}


unsigned
msync_step_next_size(unsigned size, unsigned limit, size_t n, int64_t took)
{
    int64_t  wanted;

    if (n == 0 || (took < BATCH_TIME && n < size)) {
        return size;
    }

    wanted = (int64_t) n * BATCH_TIME / (took > 0 ? took : 1);

    /* never more than double: one lucky batch says little */
    if (wanted > (int64_t) size * 2) {
        wanted = (int64_t) size * 2;
    }

    if (wanted < MSYNC_STEP_BATCH_MIN) {
        wanted = MSYNC_STEP_BATCH_MIN;
    }

    return wanted < limit ? (unsigned) wanted : limit;
}


int
msync_step_first_size(msync_steps_t *steps, msync_step_e which,
    unsigned limit, unsigned *size, msync_err_t *err)
{
    int64_t   saved = limit;
    unsigned  half;

    if (msync_store_get_int(steps->store, sizes[which], &saved, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *size = saved > 0 && saved < (int64_t) limit ? (unsigned) saved : limit;

    for (half = 0; half < steps->plan->smaller
                   && *size > MSYNC_STEP_BATCH_MIN; half++)
    {
        *size = *size / 2 > MSYNC_STEP_BATCH_MIN ? *size / 2
                                                 : MSYNC_STEP_BATCH_MIN;
    }

    return MSYNC_OK;
}


int
msync_step_save_size(msync_steps_t *steps, msync_step_e which,
    unsigned size, msync_err_t *err)
{
    return msync_store_set_int(steps->store, sizes[which], size, err);
}


bool
msync_step_smaller(msync_steps_t *steps, msync_step_e which,
    unsigned *size, unsigned *losses, msync_err_t *err)
{
    bool  large, torn;

    large = err->variant == MSYNC_ERR_RESPONSE_TOO_LARGE
            || ((err->variant == MSYNC_ERR_CENTRAL_DATABASE_ERROR
                 || err->variant == MSYNC_ERR_HTTP_ERROR)
                && err->scope == MSYNC_SCOPE_RECORD);
    torn = (err->variant == MSYNC_ERR_TIMEOUT
            || err->variant == MSYNC_ERR_CONNECTION_ERROR)
           && err->scope == MSYNC_SCOPE_RECORD;

    if (torn && *size == 1) {
        (void) msync_err_context(err, "even the next record alone does not "
                                 "come");
        err->advice = "Where everything else passes, something on the way (a "
                      "proxy, a firewall) cuts what is larger than it allows, "
                      "or the server fails over that record: show this text "
                      "to their administrators. |Nothing is lost and it is "
                      "tried again by itself.";
    }

    if (*size == 1 || (!large && !(torn && ++*losses <= LOSSES))) {
        return false;
    }

    /* ten large records may be more than a line carries: down to one */

    *size = *size / 4 > 1 ? *size / 4 : 1;
    msync_log_err(err, "trying a smaller batch");
    msync_err_clear(err);

    return msync_step_save_size(steps, which, *size, err) == MSYNC_OK;
}


bool
msync_step_doubts(msync_steps_t *steps, bool grave, msync_err_t *err)
{
    if ((!grave && !steps_is_strange(err))
        || !msync_transfer_doubts(steps->http, grave))
    {
        return false;
    }

    msync_log_err(err, "asking again by another connection");
    msync_err_clear(err);

    return true;
}


/* a sign-in that is wanted, or a refusal that lasts, is not asked for twice,
 * and what passes by itself transfer/ has asked again */

static bool
steps_is_strange(const msync_err_t *err)
{
    return err->variant == MSYNC_ERR_INVALID_RESPONSE
           || (err->http_status >= 400 && err->http_status < 500
               && !msync_transfer_may_pass(err->http_status)
               && err->remedy != MSYNC_REMEDY_FINAL
               && (err->variant == MSYNC_ERR_HTTP_ERROR
                   || err->variant == MSYNC_ERR_NOT_A_CENTRAL_SERVER));
}


static int
steps_while_integrating(void *data, msync_err_t *err)
{
    int64_t            seen;
    msync_steps_t     *steps = data;
    msync_step_log_t  *step = &steps->entry->steps[MSYNC_STEP_INTEGRATE];

    seen = steps->integrating.seen;
    step->done = seen < step->total ? seen : step->total;

    return steps->hook(steps->data, err);
}


int
msync_step_integrate(msync_steps_t *steps, msync_err_t *err)
{
    bool                filling;
    msync_step_log_t   *step = &steps->entry->steps[MSYNC_STEP_INTEGRATE];
    msync_integrated_t *result = &steps->integrating;

    if (msync_store_buffer_pending(steps->store, &step->total, err)
        != MSYNC_OK
        || msync_store_fill_begun(steps->store, &filling, err) != MSYNC_OK
        || msync_step_begin(steps, MSYNC_STEP_INTEGRATE, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    /* a first sync may have left nothing in the buffer */
    if ((step->total > 0 || filling)
        && msync_integrate(steps->store, steps->catalogue,
                           steps->plan->whole, steps_while_integrating, steps,
                           result, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (step->total > 0 || filling) {
        steps->counters.integrated += (uint64_t) result->integrated;
        steps->counters.failed += (uint64_t) result->failed;
    }

    /* with the rows that came straight from an answer */
    step->total = (int64_t) (steps->counters.integrated
                             + steps->counters.failed);
    step->done = step->total;

    msync_step_end(steps, MSYNC_STEP_INTEGRATE);
    return MSYNC_OK;
}
