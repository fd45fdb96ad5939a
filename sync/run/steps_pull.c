/*
 * The pull step.
 *
 * Promises: a pull cursor moves only together with its records, an
 * acknowledgement goes out only after the commit; so a kill at any point
 * repeats at most one batch, and repeating it changes nothing.
 */

#include "run/steps_private.h"
#include "base/clock.h"
#include "store/buffer.h"
#include "store/disk.h"
#include "store/kv.h"
#include "store/lock.h"
#include "store/log.h"
#include "store/older.h"

#define LOCKS        20            /* times that a server locks this site out
                                      while it is pulled from */

#define BUFFERED_MAX  50000        /* records that a first sync leaves in the
                                      buffer until they become rows */

typedef struct {
    msync_steps_t     *steps;      /* borrowed, as is the peer */
    msync_step_e       which;
    msync_peer_t      *peer;
    unsigned           limit;      /* records, the most of a batch */
    unsigned           size;       /* records of the next batch */
    int64_t            cursor;     /* asked with next */
    int64_t            had;        /* the one that is saved, which the database
                                      has together with the records */
    int64_t            max;        /* the server's, to be saved; -1: it has not
                                      grown */
    bool               resized;    /* `size` is to be saved */
    msync_step_log_t   written;    /* the step, as it was saved last */
    int64_t            came;       /* records of the step, and those of them
                                      that are saved */
    int64_t            came_written;
    bool               distance;   /* the server tells no number of records */
} pulling_t;


static int pull_check_restored(pulling_t *pull, const msync_batch_t *batch,
    int64_t *max, msync_err_t *err);
static int pull_save_cursor(pulling_t *pull, int64_t had, msync_err_t *err);
static int pull_store_batch(pulling_t *pull, const msync_batch_t *batch,
    msync_err_t *err);
static int pull_empty_buffer(msync_steps_t *steps, msync_err_t *err);
static int pull_write_taken(pulling_t *pull, int64_t had, msync_err_t *err);
static void pull_count(pulling_t *pull, const msync_batch_t *batch);
static int pull_ask(pulling_t *pull, msync_batch_t *batch, int64_t *max,
    msync_err_t *err);
static int pull_take_batch(pulling_t *pull, msync_batch_t *batch,
    msync_err_t *err);
static int pull_batch(pulling_t *pull, msync_err_t *err);
static bool pull_wait_unlocked(pulling_t *pull, unsigned *locks,
    msync_err_t *err);
static int pull_cursor(pulling_t *pull, msync_err_t *err);


/*
 * The highest cursor of a server only grows, unless the server was set up
 * anew or from a backup.  Going on would miss what it gives old numbers now.
 * *max is -1 where it has not grown.
 */

static int
pull_check_restored(pulling_t *pull, const msync_batch_t *batch,
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

    /* earlier versions wrote down one too many of a server whose cursors have
     * two ways */
    if (batch->max < before - (peer->adopt != NULL) && batch->short_of) {
        return msync_err_set(err, MSYNC_ERR_CENTRAL_RESTORED,
                             "%s has records up to %lld only, it had %lld "
                             "before", peer->name, (long long) batch->max,
                             (long long) before);
    }

    *max = batch->max > before ? batch->max : -1;
    return MSYNC_OK;
}


/* what belongs into the transaction of the records that have come */

static int
pull_save_cursor(pulling_t *pull, int64_t had, msync_err_t *err)
{
    msync_peer_t   *peer = pull->peer;
    msync_store_t  *store = pull->steps->store;

    if ((peer->pull_cursor != NULL
         && msync_store_set_int(store, peer->pull_cursor, had, err)
            != MSYNC_OK)
        || (pull->max >= 0
            && msync_store_set_int(store, peer->pull_max, pull->max, err)
               != MSYNC_OK)
        || (pull->resized
            && msync_step_save_size(pull->steps, pull->which, pull->size, err)
               != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    return msync_store_log_update(store, pull->steps->entry, err);
}


static int
pull_store_batch(pulling_t *pull, const msync_batch_t *batch,
    msync_err_t *err)
{
    msync_store_t  *store = pull->steps->store;

    /* without an acknowledgement, what a power cut takes is pulled again */
    if ((pull->peer->ack != NULL ? msync_store_begin(store, err)
                                 : msync_store_begin_unsynced(store, err))
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (msync_store_buffer_put(store, batch, pull->peer->side, err)
        != MSYNC_OK
        || (pull->peer->ack != NULL && batch->n > 0
            && msync_store_count_moved(store, err) != MSYNC_OK)
        || pull_save_cursor(pull, batch->had, err) != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    if (msync_store_commit(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    pull->steps->buffered += batch->n;

    return MSYNC_OK;
}


/* a first sync does not keep all that it brings in the buffer */

static int
pull_empty_buffer(msync_steps_t *steps, msync_err_t *err)
{
    msync_integrated_t  filled;

    if (steps->fill == NULL || steps->buffered < BUFFERED_MAX) {
        return MSYNC_OK;
    }

    steps->buffered = 0;

    if (msync_integrate_fill(steps->store, steps->catalogue, steps->hook,
                             steps->data, &filled, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    steps->counters.integrated += filled.integrated;
    return MSYNC_OK;
}


/*
 * Writes what a first sync has taken, with the cursor behind it.  MSYNC_AGAIN:
 * it has to be pulled once more, from the cursor that is saved.
 */

static int
pull_write_taken(pulling_t *pull, int64_t had, msync_err_t *err)
{
    int             rc;
    uint64_t        rows;
    msync_steps_t  *steps = pull->steps;

    if (steps->fill == NULL || msync_fill_is_empty(steps->fill)) {
        return MSYNC_OK;
    }

    rc = msync_fill_write(steps->fill, &rows, err);

    if (rc != MSYNC_OK) {
        steps->entry->steps[pull->which] = pull->written;
        pull->came = pull->came_written;
        return rc;
    }

    if (pull_save_cursor(pull, had, err) != MSYNC_OK) {
        msync_store_rollback(steps->store);
        return MSYNC_ERROR;
    }

    if (msync_store_commit(steps->store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    msync_fill_written(steps->fill);
    steps->counters.integrated += rows;
    pull->written = steps->entry->steps[pull->which];
    pull->came_written = pull->came;

    return MSYNC_OK;
}


static void
pull_count(pulling_t *pull, const msync_batch_t *batch)
{
    pull->came += (int64_t) batch->n;
    pull->distance |= batch->passed > 0;
    msync_step_count(&pull->steps->entry->steps[pull->which],
                     batch->remaining, batch->passed > 0 ? batch->passed
                                       : (int64_t) batch->n);
}


/* in a first sync what comes fast goes straight into its tables; what is
 * acknowledged batch by batch would make small transactions */

static int
pull_take_batch(pulling_t *pull, msync_batch_t *batch, msync_err_t *err)
{
    int             rc;
    msync_steps_t  *steps = pull->steps;

    if (steps->fill == NULL || pull->peer->ack != NULL
        || msync_fill_is_slow(steps->fill))
    {
        rc = pull_write_taken(pull, pull->had, err);

        if (rc == MSYNC_OK) {
            pull_count(pull, batch);
            rc = pull_store_batch(pull, batch, err);
        }

        return rc;
    }

    pull_count(pull, batch);
    msync_fill_put(steps->fill, batch, pull->peer->side);

    if (!msync_fill_is_due(steps->fill) && !batch->last) {
        return MSYNC_OK;
    }

    /* a batch that brought nothing has only a cursor */
    return msync_fill_is_empty(steps->fill)
           ? pull_store_batch(pull, batch, err)
           : pull_write_taken(pull, batch->had, err);
}


/*
 * A server that is found restored is asked for nothing any more until somebody
 * begins anew, so no single answer makes it that.
 */

static int
pull_ask(pulling_t *pull, msync_batch_t *batch, int64_t *max,
    msync_err_t *err)
{
    bool           restored;
    unsigned       asked;
    msync_peer_t  *peer = pull->peer;

    for (asked = 1; ; asked++) {
        if (peer->pull(peer, pull->cursor, pull->had, pull->size, batch, err)
            == MSYNC_OK
            && pull_check_restored(pull, batch, max, err) == MSYNC_OK)
        {
            return MSYNC_OK;
        }

        restored = err->variant == MSYNC_ERR_CENTRAL_RESTORED;

        if (!msync_step_doubts(pull->steps, restored, err)
            && (!restored || asked > 1))
        {
            return MSYNC_ERROR;
        }

        msync_err_clear(err);
        msync_batch_clear(batch);
    }
}


/* one batch; MSYNC_DONE after the last, MSYNC_AGAIN: all since the cursor that
 * is saved has to come once more */

static int
pull_batch(pulling_t *pull, msync_err_t *err)
{
    int            rc;
    int64_t        max, began = msync_clock_monotonic();
    unsigned       asked = pull->size;
    msync_peer_t  *peer = pull->peer;
    msync_batch_t  batch = { 0 };

    rc = pull_ask(pull, &batch, &max, err);

    if (rc != MSYNC_OK) {
        goto done;
    }

    pull->size = msync_step_next_size(asked, pull->limit, batch.n,
                                      msync_clock_monotonic() - began);
    pull->resized |= pull->size != asked;

    if (max >= 0) {
        pull->max = max;
    }

    if (batch.n > 0 || batch.had != pull->had || max >= 0) {
        rc = pull_take_batch(pull, &batch, err);
        if (rc != MSYNC_OK) {
            goto done;
        }

        rc = MSYNC_ERROR;

        /* only what is committed here may be dropped over there */
        if (batch.n > 0 && peer->ack != NULL
            && (msync_store_check_file(pull->steps->store, err) != MSYNC_OK
                || msync_store_watch_disk(pull->steps->store, err) != MSYNC_OK
                || peer->ack(peer, &batch, err) != MSYNC_OK))
        {
            goto done;
        }

        if (pull_empty_buffer(pull->steps, err) != MSYNC_OK) {
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


/* the cursor that was saved, made one of the present kind where it is not */

static int
pull_cursor(pulling_t *pull, msync_err_t *err)
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


/* a server that integrates what this site has sent lets it in afterwards */

static bool
pull_wait_unlocked(pulling_t *pull, unsigned *locks, msync_err_t *err)
{
    if (err->variant != MSYNC_ERR_SITE_LOCK_ERROR || ++*locks > LOCKS
        || pull->peer->busy == NULL)
    {
        return false;
    }

    msync_err_clear(err);

    return msync_push_wait(pull->steps, pull->peer, err) == MSYNC_OK;
}


int
msync_step_pull(msync_steps_t *steps, msync_step_e which,
    msync_peer_t *peer, unsigned limit, msync_err_t *err)
{
    int          rc;
    unsigned     losses = 0, locks = 0;
    pulling_t    pull = { 0 };
    msync_err_t  fault;

    pull.steps = steps;
    pull.which = which;
    pull.peer = peer;
    pull.limit = limit;

    if (msync_step_begin(steps, which, err) != MSYNC_OK
        || msync_step_first_size(steps, which, limit, &pull.size, err)
           != MSYNC_OK
        || pull_cursor(&pull, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    pull.cursor = pull.had;
    pull.max = -1;
    pull.written = steps->entry->steps[which];

    do {
        rc = pull_batch(&pull, err);

        if (rc == MSYNC_AGAIN) {
            pull.had = 0;
            rc = pull_cursor(&pull, err);
            pull.cursor = pull.had;
        }

        if (rc == MSYNC_ERROR
            && msync_step_smaller(steps, which, &pull.size, &losses, err))
        {
            pull.limit = pull.size;
            rc = MSYNC_OK;
        }

        if (rc == MSYNC_ERROR && pull_wait_unlocked(&pull, &locks, err)) {
            rc = MSYNC_OK;
        }

        if (rc == MSYNC_OK) {
            rc = steps->hook(steps->data, err);
        }
    } while (rc == MSYNC_OK);

    /* what has come before an error does not have to come again */
    if (rc != MSYNC_DONE) {
        msync_err_clear(&fault);
        (void) pull_write_taken(&pull, pull.had, &fault);
        return MSYNC_ERROR;
    }

    if (pull.distance) {
        steps->entry->steps[which].total = pull.came;
        steps->entry->steps[which].done = pull.came;
    }

    msync_step_end(steps, which);
    return MSYNC_OK;
}
