/*
 * Push, pull, integrate.
 *
 * Promises: a push cursor moves only after the server's answer, a pull
 * cursor only together with its records, an acknowledgement goes out only
 * after the commit; so a kill at any point repeats at most one batch, and
 * repeating it changes nothing.
 */

#include "steps.h"

/* pauses between two questions whether central has integrated: an empty
 * run is answered at once, a long one is not asked all the time */
#define WAIT_FIRST   50            /* ms */
#define WAIT_MAX     5000
#define WAIT_LIMIT   600000        /* ms in all, then it is called an error */

/* servers and the proxies before them cap bodies, 2 MB have been seen */
#define PUSH_OCTETS  1000000

/* refused one after the other, before the whole step is called an error */
#define REFUSED_MAX  20

/* a batch should take this long: short enough to lose little when the line
 * breaks, long enough not to be all round trips */
#define BATCH_TIME   5000          /* ms */
#define BATCH_MIN    10            /* records */

typedef struct {
    msync_steps_t  *steps;         /* all borrowed */
    msync_step_e    which;
    msync_peer_t   *peer;
    msync_batch_t  *batch;
    int64_t         cursor;
    int64_t         remaining;     /* changes, 0: to be counted */
    unsigned        size;          /* records of the next batch */
    unsigned        limit;         /* its upper limit */
    unsigned        refused;       /* records since one was taken */
    bool            sent;          /* the server got something */
    int64_t         open;          /* … and was not told yet, perhaps by an
                                      earlier run, that this was the last */
} pushing_t;

static const char  *const titles[MSYNC_STEP_MAX] = {
    "prepare", "push v6", "push", "pull central", "pull remote", "pull v6",
    "integrate"
};


const char *
msync_step_title(msync_step_e step)
{
    return titles[step];
}


int
msync_step_begin(msync_steps_t *steps, msync_step_e which, msync_err_t *err)
{
    steps->entry->steps[which].started = msync_store_now();

    if (msync_store_log_update(steps->store, steps->entry, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return steps->progress(steps->data, true, err);
}


int
msync_step_end(msync_steps_t *steps, msync_step_e which, msync_err_t *err)
{
    msync_step_log_t  *step = &steps->entry->steps[which];

    step->finished = msync_store_now();

    /* nothing came, nothing was to do: that is known now */
    if (step->total < 0) {
        step->total = 0;
    }

    if (msync_store_log_update(steps->store, steps->entry, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return steps->progress(steps->data, true, err);
}


/* "remaining" records were left before "n" of them were dealt with */

static void
count(msync_step_log_t *step, int64_t remaining, int64_t n)
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


/* the size of the next batch, from the time that "n" records took */

static unsigned
next_size(unsigned size, unsigned limit, size_t n, int64_t took)
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

    if (wanted < BATCH_MIN) {
        wanted = BATCH_MIN;
    }

    return wanted < limit ? (unsigned) wanted : limit;
}


/* the cursor, and whether the server waits for the end of the push */

static int
save_push(pushing_t *push, msync_err_t *err)
{
    msync_store_t  *store = push->steps->store;

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_set_int(store, push->peer->push_cursor, push->cursor,
                            err) != MSYNC_OK
        || (!push->peer->push_end
            && msync_store_set_int(store, MSYNC_KEY_PUSH_V6_OPEN, push->open,
                                   err) != MSYNC_OK)
        || msync_store_log_update(store, push->steps->entry, err)
           != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}


/*
 * Waits until the server has integrated.  "Busy" is no fault: it is asked
 * again, less and less often.
 */

static int
wait_integrated(msync_steps_t *steps, msync_peer_t *peer, msync_err_t *err)
{
    bool  busy;
    long  pause = WAIT_FIRST, waited = 0;

    for ( ;; ) {
        if (peer->busy(peer, &busy, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        if (!busy) {
            return MSYNC_OK;
        }

        if (waited >= WAIT_LIMIT) {
            return msync_err_set(err, MSYNC_ERR_INTEGRATION_TIMEOUT_REACHED,
                                 "%s is still integrating what was sent",
                                 peer->name);
        }

        if (msync_http_pause(steps->http, pause, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        waited += pause;
        pause = pause * 2 < WAIT_MAX ? pause * 2 : WAIT_MAX;
    }
}


/*
 * Is it the content that central does not take?  Then a smaller batch may
 * pass, in the end all but the record at fault.
 */

static bool
is_refusal(const msync_err_t *err)
{
    return err->variant == MSYNC_ERR_CENTRAL_ERROR
           || (err->variant == MSYNC_ERR_HTTP_ERROR
               && (err->http_status == 400 || err->http_status == 413
                   || err->http_status == 422));
}


/*
 * Sends records and halves what is refused until the one record is found;
 * that one is set aside with central's answer.  "remaining" counts these and
 * all that follow.
 */

static int
push_records(pushing_t *push, msync_record_t *records, size_t n,
    int64_t remaining, bool last, msync_err_t *err)
{
    size_t         half = n / 2;
    msync_err_t    fault;
    msync_batch_t  batch = { 0 };

    batch.records = records;
    batch.n = n;
    batch.next = push->batch->next;
    batch.remaining = remaining;
    batch.last = last;

    if (push->peer->push(push->peer, &batch, err) == MSYNC_OK) {
        push->refused = 0;
        push->steps->counters.pushed += n;

        return msync_store_refused_clear(push->steps->store,
                                         push->peer->side, &batch, err);
    }

    if (n == 0 || !is_refusal(err)) {
        return MSYNC_ERROR;
    }

    if (n > 1) {
        msync_log_err(err, "central refused a batch, halving it");

        /* too large is too large for the next one, too */
        if (err->http_status == 413) {
            push->limit = half > BATCH_MIN ? half : BATCH_MIN;
            push->size = push->limit;
        }

        return push_records(push, records, half, remaining, false, err)
                   == MSYNC_OK
               ? push_records(push, records + half, n - half,
                              remaining - half, last, err)
               : MSYNC_ERROR;
    }

    /* a server that refuses everything is ill, not the records */
    if (++push->refused > REFUSED_MAX) {
        return MSYNC_ERROR;
    }

    fault = *err;
    msync_log(MSYNC_LOG_WARN, "%s refused %s \"%s\": %s", push->peer->name,
              records->table, records->id, fault.text);

    return msync_store_refused_put(push->steps->store, push->peer->side,
                                   records, fault.text, err);
}


/* one batch of changes; MSYNC_DONE when nothing waits */

static int
push_batch(pushing_t *push, msync_err_t *err)
{
    int                rc = MSYNC_ERROR;
    int64_t            processed, began;
    msync_peer_t      *peer = push->peer;
    msync_batch_t      batch = { 0 };
    msync_steps_t     *steps = push->steps;
    msync_step_log_t  *step = &steps->entry->steps[push->which];

    push->batch = &batch;

    /* counting costs as much as what waits: once, and again at the end for
     * what came meanwhile */
    if ((push->remaining <= 0
         && msync_store_queue(steps->store, peer->push_cursor,
                              &push->remaining, err) != MSYNC_OK)
        || msync_store_changes(steps->store, peer->side, push->cursor,
                               push->size, PUSH_OCTETS, &batch, &processed,
                               err) != MSYNC_OK)
    {
        goto done;
    }

    if (processed == 0) {
        rc = MSYNC_DONE;
        goto done;
    }

    if (push->remaining < processed) {
        push->remaining = processed;
    }

    if (step->total < 0) {
        count(step, push->remaining, 0);
    }

    batch.last = !peer->push_end && processed == push->remaining;
    began = msync_store_now();

    /* a batch without a record for this server needs no request, but the
     * last one does: it starts integration over there */
    if (batch.n > 0 || (batch.last && push->open)) {
        if (push_records(push, batch.records, batch.n, push->remaining,
                         batch.last, err) != MSYNC_OK)
        {
            goto done;
        }

        push->sent = true;
        push->open = !peer->push_end && !batch.last;
        push->size = next_size(push->size, push->limit, batch.n,
                               msync_store_now() - began);
    }

    count(step, push->remaining, processed);
    push->remaining -= processed;
    push->cursor = batch.next;
    rc = save_push(push, err);

done:

    msync_batch_clear(&batch);
    return rc;
}


/*
 * The empty batch that ends a push: always for a server that wants one, else
 * where an earlier run broke off before its last batch.
 */

static int
push_end(pushing_t *push, msync_err_t *err)
{
    msync_batch_t  end = { 0 };

    if (!push->peer->push_end && !push->open) {
        return MSYNC_OK;
    }

    end.next = push->cursor;
    end.last = true;

    if (push->peer->push(push->peer, &end, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    push->sent = true;

    if (push->open) {
        push->open = false;
        return save_push(push, err);
    }

    return MSYNC_OK;
}


static int
push_all(pushing_t *push, msync_err_t *err)
{
    int             rc;
    msync_steps_t  *steps = push->steps;

    if (msync_store_get_int(steps->store, push->peer->push_cursor,
                            &push->cursor, err) != MSYNC_OK
        || (!push->peer->push_end
            && msync_store_get_int(steps->store, MSYNC_KEY_PUSH_V6_OPEN,
                                   &push->open, err) != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    do {
        rc = push_batch(push, err);

        if (rc == MSYNC_OK) {
            rc = steps->progress(steps->data, false, err);
        }
    } while (rc == MSYNC_OK);

    return rc == MSYNC_DONE ? push_end(push, err) : MSYNC_ERROR;
}


int
msync_step_push(msync_steps_t *steps, msync_step_e which,
    msync_peer_t *peer, msync_err_t *err)
{
    pushing_t  push = { 0 };

    push.steps = steps;
    push.which = which;
    push.peer = peer;
    push.size = push.limit = steps->conf->push;

    if (msync_step_begin(steps, which, err) != MSYNC_OK
        || push_all(&push, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (push.sent && wait_integrated(steps, peer, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return msync_step_end(steps, which, err);
}


static int
store_batch(msync_steps_t *steps, msync_step_e which, msync_peer_t *peer,
    const msync_batch_t *batch, msync_err_t *err)
{
    msync_step_log_t  *step = &steps->entry->steps[which];

    count(step, batch->remaining, batch->n);

    if (msync_store_begin(steps->store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_buffer_put(steps->store, batch, peer->side, err)
        != MSYNC_OK
        || (peer->pull_cursor != NULL
            && msync_store_set_int(steps->store, peer->pull_cursor,
                                   batch->next, err) != MSYNC_OK)
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
    int64_t        began = msync_store_now();
    msync_batch_t  batch = { 0 };

    if (peer->pull(peer, *cursor, *size, &batch, err) != MSYNC_OK) {
        goto done;
    }

    *size = next_size(*size, limit, batch.n, msync_store_now() - began);

    if (batch.n > 0 || batch.next != *cursor) {
        if (store_batch(steps, which, peer, &batch, err) != MSYNC_OK) {
            goto done;
        }

        /* only what is committed here may be dropped over there */
        if (batch.n > 0 && peer->ack != NULL
            && peer->ack(peer, &batch, err) != MSYNC_OK)
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
    unsigned  size = limit;

    if (msync_step_begin(steps, which, err) != MSYNC_OK) {
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

        if (rc == MSYNC_OK) {
            rc = steps->progress(steps->data, false, err);
        }
    } while (rc == MSYNC_OK);

    if (rc != MSYNC_DONE) {
        return MSYNC_ERROR;
    }

    return msync_step_end(steps, which, err);
}


static int
integrated(void *data, int64_t done, msync_err_t *err)
{
    msync_steps_t     *steps = data;
    msync_step_log_t  *step = &steps->entry->steps[MSYNC_STEP_INTEGRATE];

    step->done = done < step->total ? done : step->total;

    return steps->progress(steps->data, false, err);
}


int
msync_step_integrate(msync_steps_t *steps, msync_err_t *err)
{
    msync_step_log_t   *step = &steps->entry->steps[MSYNC_STEP_INTEGRATE];
    msync_integrated_t  result;

    if (msync_store_buffer_pending(steps->store, &step->total, err)
        != MSYNC_OK
        || msync_step_begin(steps, MSYNC_STEP_INTEGRATE, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (step->total > 0
        && msync_integrate(steps->store, steps->catalogue,
                           steps->initialised, integrated, steps, &result,
                           err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (step->total > 0) {
        steps->counters.integrated += result.integrated;
        steps->counters.failed += result.failed;
        step->done = step->total;
    }

    return msync_step_end(steps, MSYNC_STEP_INTEGRATE, err);
}
