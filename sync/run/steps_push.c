/*
 * The push step.
 *
 * Promises: the cursor moves only after the server's answer; what a server
 * was given counts as open until it was seen that it does not integrate any
 * more, so that a run after its death tells it once more that this was all.
 */

#include "run/push_private.h"
#include "base/clock.h"
#include "store/changelog.h"
#include "store/kv.h"
#include "store/older.h"
#include "store/refused.h"
#include "store/send.h"

/* servers and the proxies before them cap bodies, 2 MB have been seen */
#define PUSH_OCTETS  1000000

/* pauses between two questions whether central has integrated: an empty
 * run is answered at once, a long one is not asked all the time */
#define WAIT_FIRST   50            /* ms */
#define WAIT_MAX     5000
#define WAIT_LIMIT   600000        /* ms in all, then it is called an error */

/* changes that the server does not take are passed over as fast as they are
 * read: with a commit for each batch, an application that waits for the lock
 * would find it taken again and again */
#define SAVE_PAUSE   1000          /* ms */


static int push_put_refused(msync_push_t *push, msync_err_t *err);
static int push_count(msync_push_t *push, msync_err_t *err);
static int push_save_passed(msync_push_t *push, msync_err_t *err);
static int push_one_batch(msync_push_t *push, msync_err_t *err);
static int push_end(msync_push_t *push, msync_err_t *err);
static int push_all(msync_push_t *push, msync_err_t *err);
static int push_busy(msync_steps_t *steps, msync_peer_t *peer, bool *busy,
    msync_err_t *err);
static int push_wait(msync_steps_t *steps, msync_peer_t *peer,
    uint64_t *asked, msync_err_t *err);
static int push_close(msync_push_t *push, msync_err_t *err);
static int push_wait_apart(msync_push_t *push, msync_err_t *err);


static int
push_put_refused(msync_push_t *push, msync_err_t *err)
{
    size_t           i;
    msync_record_t  *record;

    for (i = 0; i < push->listed.n; i++) {
        record = &push->listed.records[i];

        if (msync_store_refused_put(push->steps->store, push->peer->side,
                                    record, record->data, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


int
msync_push_save(msync_push_t *push, msync_err_t *err)
{
    msync_store_t  *store = push->steps->store;

    if (push->refused.n > 0) {
        return MSYNC_OK;
    }

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (push_put_refused(push, err) != MSYNC_OK
        || msync_store_passed(store, push->peer->push_cursor, push->cursor,
                              err) != MSYNC_OK
        || msync_store_set_int(store, push->peer->push_cursor, push->cursor,
                               err) != MSYNC_OK
        || (push->peer->push_open != NULL
            && msync_store_set_int(store, push->peer->push_open, push->open,
                                   err) != MSYNC_OK)
        || (push->size != push->saved_size
            && msync_step_save_size(push->steps, push->which, push->size,
                                    err) != MSYNC_OK)
        || (push->given && msync_store_count_moved(store, err) != MSYNC_OK)
        || msync_store_log_update(store, push->steps->entry, err)
           != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    if (msync_store_commit(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    push->saved_size = push->size;
    push->saved_at = msync_clock_monotonic();
    push->passed = false;
    push->given = false;
    msync_batch_clear(&push->listed);

    return MSYNC_OK;
}


static int
push_save_passed(msync_push_t *push, msync_err_t *err)
{
    return push->passed ? msync_push_save(push, err) : MSYNC_OK;
}


/* by the cursor in the database */

static int
push_count(msync_push_t *push, msync_err_t *err)
{
    return push_save_passed(push, err) == MSYNC_OK
           ? msync_store_queue(push->steps->store, push->peer->push_cursor,
                               &push->remaining, err)
           : MSYNC_ERROR;
}


/* one batch of changes; MSYNC_DONE when nothing waits */

static int
push_one_batch(msync_push_t *push, msync_err_t *err)
{
    int                rc = MSYNC_ERROR;
    bool               save = true;
    int64_t            processed, began;
    msync_peer_t      *peer = push->peer;
    msync_batch_t      batch = { 0 };
    msync_steps_t     *steps = push->steps;
    msync_step_log_t  *step = &steps->entry->steps[push->which];

    push->batch = &batch;
    push->looked = false;

    /* counting costs as much as what waits: once, and again at the end for
     * what came meanwhile */
    if ((push->remaining <= 0 && push_count(push, err) != MSYNC_OK)
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

    /* how much there is to send is said before a slow line has taken any */
    if (step->total < 0) {
        msync_step_count(step, push->remaining, 0);

        if (steps->hook(steps->data, err) != MSYNC_OK) {
            goto done;
        }
    }

    batch.last = !peer->push_end && processed == push->remaining;
    began = msync_clock_monotonic();

    /* a batch without a record for this server needs no request, but the
     * last one does: it starts integration over there */
    if (batch.n > 0 || (batch.last && push->open)) {
        if (msync_push_records(push, batch.records, batch.n, push->remaining,
                               batch.last, err) != MSYNC_OK)
        {
            goto done;
        }

        push->sent = true;
        push->size = msync_step_next_size(push->size, push->limit, batch.n,
                                          msync_clock_monotonic() - began);

    } else {
        push->passed = true;
        save = began - push->saved_at >= SAVE_PAUSE;
    }

    msync_step_count(step, push->remaining, processed);
    push->remaining -= processed;
    push->cursor = batch.next;

    rc = save ? msync_push_save(push, err) : MSYNC_OK;

done:

    push->batch = NULL;
    msync_batch_clear(&batch);
    return rc;
}


/*
 * The empty batch that ends a push: always for a server that wants one, else
 * where what it was given, perhaps by an earlier run, may not be integrated
 * over there and no batch of this run was the last, or where it has taken
 * nothing yet since it refused.  Before all comes anew nobody relies on what
 * earlier runs have seen: a server that died and was back at once, behind a
 * proxy, would send what is still to be integrated as it was, and the rows here
 * would be undone.
 */

static int
push_end(msync_push_t *push, msync_err_t *err)
{
    bool           needed;
    msync_batch_t  end = { 0 };

    needed = push->open || push->peer->push_always
             || !push->steps->plan->initialised;

    if (!push->peer->push_end && push->refused.n == 0
        && (push->told || !needed))
    {
        return MSYNC_OK;
    }

    end.next = push->cursor;
    end.last = true;

    if (msync_push_nothing(push, &end, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    push->sent = true;

    if (push->open || push->refused.n > 0) {
        return msync_push_taken(push, &end, err) == MSYNC_OK
               ? msync_push_save(push, err) : MSYNC_ERROR;
    }

    return MSYNC_OK;
}


int
msync_push_nothing(msync_push_t *push, const msync_batch_t *nothing,
    msync_err_t *err)
{
    int  rc;

    do {
        rc = push->peer->push(push->peer, nothing, err);
    } while (rc != MSYNC_OK && msync_step_doubts(push->steps, false, err));

    return rc;
}


int
msync_push_ask(msync_push_t *push, msync_err_t *err)
{
    bool           busy;
    msync_batch_t  nothing = { 0 };

    nothing.next = push->cursor;

    return push->peer->push_end
           ? push_busy(push->steps, push->peer, &busy, err)
           : msync_push_nothing(push, &nothing, err);
}


bool
msync_push_doubts(msync_push_t *push, size_t n, msync_err_t *err)
{
    /* nobody else than a server, or a proxy before it, says so */
    if (err->http_status == 413) {
        return false;
    }

    if (n == 1) {
        return msync_step_doubts(push->steps, true, err);
    }

    (void) msync_transfer_doubts(push->steps->http, false);
    return false;
}


static int
push_all(msync_push_t *push, msync_err_t *err)
{
    int             rc;
    msync_steps_t  *steps = push->steps;

    if (msync_store_get_int(steps->store, push->peer->push_cursor,
                            &push->cursor, err) != MSYNC_OK
        || (push->peer->push_open != NULL
            && msync_store_get_int(steps->store, push->peer->push_open,
                                   &push->open, err) != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    do {
        rc = push_one_batch(push, err);

        if (rc == MSYNC_ERROR && msync_push_smaller(push, err)) {
            rc = MSYNC_OK;
        }

        if (rc == MSYNC_OK) {
            rc = steps->hook(steps->data, err);
        }
    } while (rc == MSYNC_OK);

    return rc == MSYNC_DONE && push_save_passed(push, err) == MSYNC_OK
           ? push_end(push, err) : MSYNC_ERROR;
}


static int
push_busy(msync_steps_t *steps, msync_peer_t *peer, bool *busy,
    msync_err_t *err)
{
    int  rc;

    do {
        rc = peer->busy(peer, busy, err);
    } while (rc != MSYNC_OK && msync_step_doubts(steps, false, err));

    return rc;
}


int
msync_push_wait(msync_steps_t *steps, msync_peer_t *peer, msync_err_t *err)
{
    uint64_t  asked;

    return push_wait(steps, peer, &asked, err);
}


/* "busy" is no fault: it is asked again, less and less often.  *asked: how
 * often, which takes as many requests unless one goes wrong */

static int
push_wait(msync_steps_t *steps, msync_peer_t *peer, uint64_t *asked,
    msync_err_t *err)
{
    bool  busy;
    long  pause = WAIT_FIRST, waited = 0;

    for (*asked = 1; ; (*asked)++) {
        if (push_busy(steps, peer, &busy, err) != MSYNC_OK) {
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
 * Only when the server was seen at rest after the last batch is it known that
 * what it was given does not wait for another.  A connection that had to be
 * made anew meanwhile may be to a server that has died and was started again,
 * and so may one that was kept, to a proxy, where a question had to be sent
 * again: then it is told once more.
 */

static int
push_close(msync_push_t *push, msync_err_t *err)
{
    uint64_t                    asked;
    msync_batch_t               end = { 0 };
    msync_steps_t              *steps = push->steps;
    msync_peer_t               *peer = push->peer;
    msync_transfer_counters_t   before, now;

    /* an empty batch alone leaves nothing to wait for */
    if (!push->sent || (peer->push_always && !push->open)) {
        return MSYNC_OK;
    }

    msync_transfer_get_counters(steps->http, &before);

    if (push_wait(steps, peer, &asked, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (!push->open) {
        return MSYNC_OK;
    }

    msync_transfer_get_counters(steps->http, &now);
    end.next = push->cursor;
    end.last = true;

    /* before all comes anew, too: what it has not integrated it would send as
     * it was, and the rows here with it */
    if ((now.connects != push->connects
         || now.requests - before.requests != asked
         || !steps->plan->initialised)
        && (msync_push_nothing(push, &end, err) != MSYNC_OK
            || msync_push_wait(steps, peer, err) != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    return msync_store_set_int(steps->store, peer->push_open, 0, err);
}


static int
push_wait_apart(msync_push_t *push, msync_err_t *err)
{
    if (msync_step_begin(push->steps, MSYNC_STEP_WAIT, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (push_close(push, err) != MSYNC_OK) {
        return msync_err_context(err, "waiting for the integration");
    }

    msync_step_end(push->steps, MSYNC_STEP_WAIT);
    return MSYNC_OK;
}


int
msync_step_push(msync_steps_t *steps, msync_step_e which,
    msync_peer_t *peer, msync_err_t *err)
{
    int           rc;
    msync_push_t  push = { 0 };

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

    push.saved_size = push.size;
    rc = push_all(&push, err);

    /* they are sent again, for it has taken nothing behind them */
    steps->entry->steps[which].done -= push.refused.n;
    msync_batch_clear(&push.refused);
    msync_batch_clear(&push.listed);

    if (rc != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (!peer->push_always && push_close(&push, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    msync_step_end(steps, which);

    return peer->push_always ? push_wait_apart(&push, err) : MSYNC_OK;
}
