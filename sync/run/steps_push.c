/*
 * The push step.
 *
 * Promises: the cursor moves only after the server's answer; a record that
 * the server refuses is found by halving and set aside, the others go.  It is
 * set aside, and passed by the cursor, only when the server has taken
 * something after it: one that refuses whatever comes is ill, not the
 * records.
 */

#include <stdlib.h>
#include <string.h>

#include "run/steps_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/buffer.h"
#include "store/changelog.h"
#include "store/kv.h"
#include "store/refused.h"
#include "store/send.h"

/* pauses between two questions whether central has integrated: an empty
 * run is answered at once, a long one is not asked all the time */
#define WAIT_FIRST   50            /* ms */
#define WAIT_MAX     5000
#define WAIT_LIMIT   600000        /* ms in all, then it is called an error */

/* servers and the proxies before them cap bodies, 2 MB have been seen */
#define PUSH_OCTETS  1000000

/* refused one after the other, before the step ends with central's error */
#define REFUSED_MAX  20

typedef struct {
    msync_steps_t  *steps;         /* all borrowed */
    msync_step_e    which;
    msync_peer_t   *peer;
    msync_batch_t  *batch;
    int64_t         cursor;
    int64_t         remaining;     /* changes, 0: to be counted */
    unsigned        size;          /* records of the next batch */
    unsigned        kept;          /* the size that is written down */
    unsigned        limit;         /* its upper limit */
    unsigned        losses;
    msync_batch_t   refused;       /* since one was taken, "data" says why */
    msync_batch_t   aside;         /* refused before one was taken */
    bool            sent;          /* the server got something */
    int64_t         open;          /* … and was not told yet, perhaps by an
                                      earlier run, that this was the last */
} pushing_t;


static int
set_aside(pushing_t *push, msync_err_t *err)
{
    size_t           i;
    msync_record_t  *record;

    for (i = 0; i < push->aside.n; i++) {
        record = &push->aside.records[i];

        if (msync_store_refused_put(push->steps->store, push->peer->side,
                                    record, record->data, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


/*
 * The cursor, whether the server waits for the end of the push, and what it
 * refused.  While it may refuse everything, nothing is written: the next run
 * begins with the first record that it did not take.
 */

static int
save_push(pushing_t *push, msync_err_t *err)
{
    msync_store_t  *store = push->steps->store;

    if (push->refused.n > 0) {
        return MSYNC_OK;
    }

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (set_aside(push, err) != MSYNC_OK
        || msync_store_set_int(store, push->peer->push_cursor, push->cursor,
                               err) != MSYNC_OK
        || (!push->peer->push_end
            && msync_store_set_int(store, MSYNC_KEY_PUSH_V6_OPEN, push->open,
                                   err) != MSYNC_OK)
        || (push->size != push->kept
            && msync_step_keep_size(push->steps, push->which, push->size,
                                    err) != MSYNC_OK)
        || msync_store_log_update(store, push->steps->entry, err)
           != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    if (msync_store_commit(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    push->kept = push->size;
    msync_batch_clear(&push->aside);

    return MSYNC_OK;
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

        if (msync_transfer_pause(steps->http, pause, err) != MSYNC_OK) {
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
    return (err->variant == MSYNC_ERR_CENTRAL_ERROR
            && err->scope != MSYNC_SCOPE_RUN
            && err->http_status != 408 && err->http_status != 429
            && err->http_status <= 500)
           || (err->variant == MSYNC_ERR_HTTP_ERROR
               && (err->http_status == 400 || err->http_status == 413
                   || err->http_status == 422));
}


/* the server takes records: those that it refused before are at fault */

static int
taken(pushing_t *push, const msync_batch_t *batch, msync_err_t *err)
{
    size_t  i;

    for (i = 0; i < push->refused.n; i++) {
        *msync_batch_add(&push->aside) = push->refused.records[i];
    }

    free(push->refused.records);
    memset(&push->refused, 0, sizeof(msync_batch_t));
    push->steps->counters.pushed += batch->n;

    if (batch->last) {
        push->open = false;

    } else if (!push->peer->push_end) {
        push->open = true;
    }

    if (msync_store_buffer_supersede(push->steps->store, batch, err)
        != MSYNC_OK
        || msync_store_sent(push->steps->store, batch, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return msync_store_refused_clear(push->steps->store, push->peer->side,
                                     batch, err);
}


/*
 * So many in a row: central is asked whether it takes anything at all.  If it
 * does, these are set aside; the step ends with its error all the same, and
 * the next run goes on behind them.
 */

static int
refused_all(pushing_t *push, const msync_record_t *record, msync_err_t *err)
{
    msync_err_t    fault;
    msync_batch_t  end = { 0 };

    end.next = push->cursor;
    end.last = true;

    if (push->peer->push(push->peer, &end, &fault) == MSYNC_OK) {
        push->cursor = record->cursor + 1;
        fault = *err;

        if (taken(push, &end, err) == MSYNC_OK
            && save_push(push, err) == MSYNC_OK)
        {
            *err = fault;
        }
    }

    return MSYNC_ERROR;
}


static int
refuse_record(pushing_t *push, const msync_record_t *record,
    msync_err_t *err)
{
    msync_record_t  *refused;

    msync_log(MSYNC_LOG_WARN, "%s refused %s \"%s\": %s", push->peer->name,
              record->table, record->id, err->text);

    refused = msync_batch_add(&push->refused);
    refused->table = msync_strdup(record->table);
    refused->id = msync_strdup(record->id);
    refused->action = record->action;
    refused->data = msync_strdup(err->text);

    if (push->refused.n > REFUSED_MAX) {
        return refused_all(push, record, err);
    }

    msync_err_clear(err);
    return MSYNC_OK;
}


/*
 * Sends records and halves what is refused until the one record is found.
 * "remaining" counts these and all that follow.
 */

static int
push_records(pushing_t *push, msync_record_t *records, size_t n,
    int64_t remaining, bool last, msync_err_t *err)
{
    size_t         half = n / 2;
    msync_batch_t  batch = { 0 };

    batch.records = records;
    batch.n = n;
    batch.next = push->batch->next;
    batch.remaining = remaining;
    batch.last = last;

    if (push->peer->push(push->peer, &batch, err) == MSYNC_OK) {
        return taken(push, &batch, err);
    }

    if (n == 0 || !is_refusal(err)) {
        return MSYNC_ERROR;
    }

    if (n == 1) {
        return refuse_record(push, records, err);
    }

    msync_log_err(err, "central refused a batch, halving it");

    /* too large is too large for the next one, too */
    if (err->http_status == 413) {
        push->limit = half > MSYNC_STEP_BATCH_MIN
                      ? half : MSYNC_STEP_BATCH_MIN;
        push->size = push->limit;
    }

    return push_records(push, records, half, remaining, false, err)
               == MSYNC_OK
           ? push_records(push, records + half, n - half, remaining - half,
                          last, err)
           : MSYNC_ERROR;
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
        msync_step_count(step, push->remaining, 0);
    }

    batch.last = !peer->push_end && processed == push->remaining;
    began = msync_clock_monotonic();

    /* a batch without a record for this server needs no request, but the
     * last one does: it starts integration over there */
    if (batch.n > 0 || (batch.last && push->open)) {
        if (push_records(push, batch.records, batch.n, push->remaining,
                         batch.last, err) != MSYNC_OK)
        {
            goto done;
        }

        push->sent = true;
        push->size = msync_step_next_size(push->size, push->limit, batch.n,
                               msync_clock_monotonic() - began);
    }

    msync_step_count(step, push->remaining, processed);
    push->remaining -= processed;
    push->cursor = batch.next;
    rc = save_push(push, err);

done:

    push->batch = NULL;
    msync_batch_clear(&batch);
    return rc;
}


/*
 * The empty batch that ends a push: always for a server that wants one, else
 * where nothing told it that the batch before was the last, or where it has
 * taken nothing yet since it refused.
 */

static int
push_end(pushing_t *push, msync_err_t *err)
{
    msync_batch_t  end = { 0 };

    if (!push->peer->push_end && !push->open && push->refused.n == 0) {
        return MSYNC_OK;
    }

    end.next = push->cursor;
    end.last = true;

    if (push->peer->push(push->peer, &end, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    push->sent = true;

    if (push->open || push->refused.n > 0) {
        return taken(push, &end, err) == MSYNC_OK ? save_push(push, err)
                                                  : MSYNC_ERROR;
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

        if (rc == MSYNC_ERROR
            && msync_step_smaller(steps, push->which, &push->size,
                                  &push->losses, err))
        {
            push->limit = push->kept = push->size;
            rc = MSYNC_OK;
        }

        if (rc == MSYNC_OK) {
            rc = steps->hook(steps->data, err);
        }
    } while (rc == MSYNC_OK);

    return rc == MSYNC_DONE ? push_end(push, err) : MSYNC_ERROR;
}


int
msync_step_push(msync_steps_t *steps, msync_step_e which,
    msync_peer_t *peer, msync_err_t *err)
{
    int        rc;
    pushing_t  push = { 0 };

    push.steps = steps;
    push.which = which;
    push.peer = peer;
    push.limit = steps->conf->push;

    if (msync_step_begin(steps, which, err) != MSYNC_OK
        || msync_step_first_size(steps, which, push.limit, &push.size, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    push.kept = push.size;
    rc = push_all(&push, err);

    msync_batch_clear(&push.refused);
    msync_batch_clear(&push.aside);

    if (rc != MSYNC_OK
        || (push.sent && wait_integrated(steps, peer, err) != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    return msync_step_end(steps, which, err);
}
