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

typedef struct {
    msync_steps_t  *steps;         /* borrowed, as is the peer */
    msync_step_e    which;
    msync_peer_t   *peer;
    unsigned        limit;         /* records, the most of a batch */
    unsigned        size;          /* … of the next one */
    int64_t         cursor;        /* asked with next */
    int64_t         had;           /* the one that is kept */
} pulling_t;


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
    int64_t   kept = limit;
    unsigned  half;

    if (msync_store_get_int(steps->store, sizes[which], &kept, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *size = kept > 0 && kept < (int64_t) limit ? (unsigned) kept : limit;

    for (half = 0; half < steps->plan->smaller
                   && *size > MSYNC_STEP_BATCH_MIN; half++)
    {
        *size = *size / 2 > MSYNC_STEP_BATCH_MIN ? *size / 2
                                                 : MSYNC_STEP_BATCH_MIN;
    }

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
 * *max is -1 where it has not grown.
 */

static int
steps_check_restored(pulling_t *pull, const msync_batch_t *batch,
    int64_t *max, msync_err_t *err)
{
    int64_t        before = -1;
    msync_peer_t  *peer = pull->peer;

    *max = -1;

    if (batch->max < 0 || peer->pull_max == NULL) {
        return MSYNC_OK;
    }

    if (msync_store_get_int(pull->steps->store, peer->pull_max, &before, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (batch->max < before && batch->short_of) {
        return msync_err_set(err, MSYNC_ERR_CENTRAL_RESTORED,
                             "%s has records up to %lld only, it had %lld "
                             "before", peer->name, (long long) batch->max,
                             (long long) before);
    }

    *max = batch->max > before ? batch->max : -1;
    return MSYNC_OK;
}


/* "size" is kept for the next run, 0: it has not changed */

static int
steps_store_batch(pulling_t *pull, const msync_batch_t *batch, int64_t max,
    unsigned size, msync_err_t *err)
{
    msync_peer_t      *peer = pull->peer;
    msync_store_t     *store = pull->steps->store;
    msync_step_log_t  *step = &pull->steps->entry->steps[pull->which];

    msync_step_count(step, batch->remaining, batch->n);

    /* without an acknowledgement, what a power cut takes is pulled again */
    if ((peer->ack != NULL ? msync_store_begin(store, err)
                           : msync_store_begin_unsynced(store, err))
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (msync_store_buffer_put(store, batch, peer->side, err) != MSYNC_OK
        || (peer->pull_cursor != NULL && batch->had != pull->had
            && msync_store_set_int(store, peer->pull_cursor, batch->had, err)
               != MSYNC_OK)
        || (max >= 0
            && msync_store_set_int(store, peer->pull_max, max, err)
               != MSYNC_OK)
        || (size > 0
            && msync_step_keep_size(pull->steps, pull->which, size, err)
               != MSYNC_OK)
        || msync_store_log_update(store, pull->steps->entry, err) != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}


/* one batch; MSYNC_DONE after the last */

static int
steps_pull_batch(pulling_t *pull, msync_err_t *err)
{
    int            rc = MSYNC_ERROR;
    int64_t        max, began = msync_clock_monotonic();
    unsigned       asked = pull->size;
    msync_peer_t  *peer = pull->peer;
    msync_batch_t  batch = { 0 };

    if (peer->pull(peer, pull->cursor, pull->had, asked, &batch, err)
        != MSYNC_OK)
    {
        goto done;
    }

    pull->size = msync_step_next_size(asked, pull->limit, batch.n,
                                      msync_clock_monotonic() - began);

    if (steps_check_restored(pull, &batch, &max, err) != MSYNC_OK) {
        goto done;
    }

    if (batch.n > 0 || batch.had != pull->had || max >= 0) {
        if (steps_store_batch(pull, &batch, max,
                              pull->size != asked ? pull->size : 0, err)
            != MSYNC_OK)
        {
            goto done;
        }

        /* only what is committed here may be dropped over there */
        if (batch.n > 0 && peer->ack != NULL
            && (msync_store_check_file(pull->steps->store, err) != MSYNC_OK
                || peer->ack(peer, &batch, err) != MSYNC_OK))
        {
            goto done;
        }
    }

    pull->steps->counters.pulled += batch.n;
    pull->cursor = batch.next;
    pull->had = batch.had;
    rc = batch.last ? MSYNC_DONE : MSYNC_OK;

done:

    msync_batch_clear(&batch);
    return rc;
}


/* the cursor that was kept, made one of the present kind where it is not */

static int
steps_pull_cursor(pulling_t *pull, msync_err_t *err)
{
    int64_t         mark = 0;
    msync_peer_t   *peer = pull->peer;
    msync_store_t  *store = pull->steps->store;

    if (peer->pull_cursor == NULL) {
        return MSYNC_OK;
    }

    if (msync_store_get_int(store, peer->pull_cursor, &pull->had, err)
        != MSYNC_OK
        || (peer->adopt != NULL
            && msync_store_get_int(store, peer->pull_mark, &mark, err)
               != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    if (peer->adopt == NULL || mark != 0) {
        return MSYNC_OK;
    }

    if ((pull->had > 0 && peer->adopt(peer, &pull->had, err) != MSYNC_OK)
        || msync_store_begin(store, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (msync_store_set_int(store, peer->pull_cursor, pull->had, err)
        != MSYNC_OK
        || msync_store_set_int(store, peer->pull_mark, 1, err) != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}


int
msync_step_pull(msync_steps_t *steps, msync_step_e which,
    msync_peer_t *peer, unsigned limit, msync_err_t *err)
{
    int        rc;
    unsigned   losses = 0;
    pulling_t  pull = { 0 };

    pull.steps = steps;
    pull.which = which;
    pull.peer = peer;
    pull.limit = limit;

    if (msync_step_begin(steps, which, err) != MSYNC_OK
        || msync_step_first_size(steps, which, limit, &pull.size, err)
           != MSYNC_OK
        || steps_pull_cursor(&pull, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    pull.cursor = pull.had;

    do {
        rc = steps_pull_batch(&pull, err);

        if (rc == MSYNC_ERROR
            && msync_step_smaller(steps, which, &pull.size, &losses, err))
        {
            pull.limit = pull.size;
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
                           steps->plan->whole, while_integrating, steps,
                           result, err) != MSYNC_OK)
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
