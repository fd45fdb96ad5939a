/*
 * Push, pull, integrate.
 *
 * Promises: a push cursor moves only after the server's answer, a pull
 * cursor only together with its records, an acknowledgement goes out only
 * after the commit; so a kill at any point repeats at most one batch, and
 * repeating it changes nothing.
 */

#include "run/steps_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/buffer.h"
#include "store/bulk.h"
#include "store/kv.h"
#include "store/lock.h"
#include "store/log.h"

/* a batch should take this long: short enough to lose little when the line
 * breaks, long enough not to be all round trips */
#define BATCH_TIME   5000          /* ms */

#define LOSSES       3             /* of batches that a line does not carry,
                                      in one step */

static const char  *const titles[MSYNC_STEP_MAX] = {
    "prepare", "push v6", "push", "pull central", "pull remote", "pull v6",
    "integrate"
};

/* key_value_store ids of the sizes that batches have come to */
static const char  *const sizes[MSYNC_STEP_MAX] = {
    [MSYNC_STEP_PUSH_V6] = "MSYNC_BATCH_PUSH_V6",
    [MSYNC_STEP_PUSH] = "MSYNC_BATCH_PUSH",
    [MSYNC_STEP_PULL_CENTRAL] = "MSYNC_BATCH_PULL_CENTRAL",
    [MSYNC_STEP_PULL_REMOTE] = "MSYNC_BATCH_PULL_REMOTE",
    [MSYNC_STEP_PULL_V6] = "MSYNC_BATCH_PULL_V6"
};


const char *
msync_step_title(msync_step_e step)
{
    return titles[step];
}


int
msync_step_begin(msync_steps_t *steps, msync_step_e which, msync_err_t *err)
{
    steps->entry->steps[which].started = msync_clock_wall();

    if (msync_store_log_update(steps->store, steps->entry, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    steps->changed = true;

    return steps->hook(steps->data, err);
}


int
msync_step_end(msync_steps_t *steps, msync_step_e which, msync_err_t *err)
{
    msync_step_log_t  *step = &steps->entry->steps[which];

    step->finished = msync_clock_wall();

    /* nothing came, nothing was to do: that is known now */
    if (step->total < 0) {
        step->total = 0;
    }

    if (msync_store_log_update(steps->store, steps->entry, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    steps->changed = true;

    return steps->hook(steps->data, err);
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
    int64_t  kept = limit;

    if (msync_store_get_int(steps->store, sizes[which], &kept, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *size = kept > 0 && kept < (int64_t) limit ? (unsigned) kept : limit;
    return MSYNC_OK;
}


int
msync_step_keep_size(msync_steps_t *steps, msync_step_e which,
    unsigned size, msync_err_t *err)
{
    return msync_store_set_int(steps->store, sizes[which], size, err);
}


bool
msync_step_smaller(msync_steps_t *steps, msync_step_e which,
    unsigned *size, unsigned *tries, msync_err_t *err)
{
    unsigned  least;

    if (err->variant == MSYNC_ERR_RESPONSE_TOO_LARGE) {
        least = 1;

    } else if ((err->variant == MSYNC_ERR_TIMEOUT
                || err->variant == MSYNC_ERR_CONNECTION_ERROR)
               && err->scope == MSYNC_SCOPE_RECORD && ++*tries <= LOSSES)
    {
        least = MSYNC_STEP_BATCH_MIN;

    } else {
        return false;
    }

    if (*size <= least) {
        return false;
    }

    *size = *size / 4 > least ? *size / 4 : least;
    msync_log_err(err, "trying a smaller batch");
    msync_err_clear(err);

    return msync_step_keep_size(steps, which, *size, err) == MSYNC_OK;
}


/*
 * The highest cursor of a server only grows, unless the server was set up
 * anew or from a backup.  Going on would miss what it gives old numbers now.
 */

static int
check_restored(msync_steps_t *steps, msync_peer_t *peer, int64_t cursor,
    const msync_batch_t *batch, int64_t *max, msync_err_t *err)
{
    *max = -1;

    if (batch->max < 0 || peer->pull_max == NULL) {
        return MSYNC_OK;
    }

    if (msync_store_get_int(steps->store, peer->pull_max, max, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (batch->max < *max && batch->max < cursor) {
        return msync_err_set(err, MSYNC_ERR_CENTRAL_RESTORED,
                             "%s has records up to %lld only, it had %lld "
                             "before", peer->name, (long long) batch->max,
                             (long long) *max);
    }

    if (batch->max > *max) {
        *max = batch->max;
    }

    return MSYNC_OK;
}


static int
store_batch(msync_steps_t *steps, msync_step_e which, msync_peer_t *peer,
    const msync_batch_t *batch, int64_t max, unsigned size, msync_err_t *err)
{
    msync_step_log_t  *step = &steps->entry->steps[which];

    msync_step_count(step, batch->remaining, batch->n);

    /* without an acknowledgement, what a power cut takes is pulled again */
    if ((peer->ack != NULL ? msync_store_begin(steps->store, err)
                           : msync_store_begin_unsynced(steps->store, err))
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (msync_store_buffer_put(steps->store, batch, peer->side, err)
        != MSYNC_OK
        || (peer->pull_cursor != NULL
            && msync_store_set_int(steps->store, peer->pull_cursor,
                                   batch->next, err) != MSYNC_OK)
        || (max >= 0
            && msync_store_set_int(steps->store, peer->pull_max, max, err)
               != MSYNC_OK)
        || (size > 0
            && msync_step_keep_size(steps, which, size, err) != MSYNC_OK)
        || msync_store_log_update(steps->store, steps->entry, err)
           != MSYNC_OK)
    {
        msync_store_rollback(steps->store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(steps->store, err);
}


/* one batch; MSYNC_DONE after the last */

static int
pull_batch(msync_steps_t *steps, msync_step_e which, msync_peer_t *peer,
    unsigned limit, unsigned *size, int64_t *cursor, msync_err_t *err)
{
    int            rc = MSYNC_ERROR;
    int64_t        max, began = msync_clock_monotonic();
    unsigned       asked = *size;
    msync_batch_t  batch = { 0 };

    if (peer->pull(peer, *cursor, asked, &batch, err) != MSYNC_OK) {
        goto done;
    }

    *size = msync_step_next_size(asked, limit, batch.n,
                                 msync_clock_monotonic() - began);

    if (check_restored(steps, peer, *cursor, &batch, &max, err)
        != MSYNC_OK)
    {
        goto done;
    }

    if (batch.n > 0 || batch.next != *cursor) {
        if (store_batch(steps, which, peer, &batch, max,
                        *size != asked ? *size : 0, err) != MSYNC_OK)
        {
            goto done;
        }

        /* only what is committed here may be dropped over there */
        if (batch.n > 0 && peer->ack != NULL
            && (msync_store_check_file(steps->store, err) != MSYNC_OK
                || peer->ack(peer, &batch, err) != MSYNC_OK))
        {
            goto done;
        }
    }

    steps->counters.pulled += batch.n;
    *cursor = batch.next;
    rc = batch.last ? MSYNC_DONE : MSYNC_OK;

done:

    msync_batch_clear(&batch);
    return rc;
}


int
msync_step_pull(msync_steps_t *steps, msync_step_e which,
    msync_peer_t *peer, unsigned limit, msync_err_t *err)
{
    int       rc;
    int64_t   cursor = 0;
    unsigned  size, tries = 0;

    if (msync_step_begin(steps, which, err) != MSYNC_OK
        || msync_step_first_size(steps, which, limit, &size, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (peer->pull_cursor != NULL
        && msync_store_get_int(steps->store, peer->pull_cursor, &cursor, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    do {
        rc = pull_batch(steps, which, peer, limit, &size, &cursor, err);

        if (rc == MSYNC_ERROR
            && msync_step_smaller(steps, which, &size, &tries, err))
        {
            limit = size;
            rc = MSYNC_OK;
        }

        if (rc == MSYNC_OK) {
            rc = steps->hook(steps->data, err);
        }
    } while (rc == MSYNC_OK);

    if (rc != MSYNC_DONE) {
        return MSYNC_ERROR;
    }

    return msync_step_end(steps, which, err);
}


static int
while_integrating(void *data, msync_err_t *err)
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
    msync_step_log_t   *step = &steps->entry->steps[MSYNC_STEP_INTEGRATE];
    msync_integrated_t *result = &steps->integrating;

    if (msync_store_buffer_pending(steps->store, &step->total, err)
        != MSYNC_OK
        || msync_step_begin(steps, MSYNC_STEP_INTEGRATE, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    /* a first sync that ended just before its indexes were back has no more
     * records */
    if ((step->total > 0 || msync_store_is_loose(steps->store))
        && msync_integrate(steps->store, steps->catalogue,
                           steps->whole, while_integrating, steps, result, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (step->total > 0) {
        steps->counters.integrated += result->integrated;
        steps->counters.failed += result->failed;
        step->done = step->total;
    }

    return msync_step_end(steps, MSYNC_STEP_INTEGRATE, err);
}
