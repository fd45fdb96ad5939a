/*
 * What the files of the push share; nobody else includes this.
 */

#ifndef MSYNC_PUSH_PRIVATE_H
#define MSYNC_PUSH_PRIVATE_H

#include "run/steps_private.h"

typedef struct {
    msync_steps_t  *steps;         /* all borrowed */
    msync_step_e    which;
    msync_peer_t   *peer;
    msync_batch_t  *batch;
    int64_t         cursor;
    int64_t         saved_at;      /* ms, when the cursor was saved */
    bool            passed;        /* changes that this server does not take
                                      have been passed since */
    int64_t         remaining;     /* changes, 0: to be counted */
    unsigned        size;          /* records of the next batch */
    unsigned        saved_size;    /* `size` as key_value_store has it */
    unsigned        limit;         /* upper limit of `size` */
    unsigned        losses;        /* batches that the line did not carry */
    size_t          broke;         /* records of the latest of these */
    msync_batch_t   refused;       /* refused since a record was taken; their
                                      `data` says why */
    msync_batch_t   listed;        /* refused before one was taken: these go
                                      into msync_refused with the cursor */
    bool            looked;        /* central takes something, it was seen
                                      since this batch was begun */
    bool            content;       /* what proxies say of the way is about
                                      what is sent: so many runs ended there */
    bool            sent;          /* the server got something in this run */
    bool            given;         /* the server has taken records since the
                                      cursor was saved */
    bool            told;          /* the server was told that it has all */
    uint64_t        connects;      /* of the session when the server took its
                                      latest batch */
    int64_t         open;          /* what the server got, perhaps in an earlier
                                      run, may not be integrated over there */
} msync_push_t;

/*
 * The cursor, whether the push is open, and what the server refused.  While
 * it may refuse everything nothing is written: the next run begins with the
 * first record that it did not take.
 */
int msync_push_save(msync_push_t *push, msync_err_t *err);

/*
 * Sends records and halves what is refused until the one record is found.
 * `remaining` counts these and all that follow.
 */
int msync_push_records(msync_push_t *push, msync_record_t *records,
    size_t n, int64_t remaining, bool last, msync_err_t *err);

/* sends an empty batch */
int msync_push_nothing(msync_push_t *push, const msync_batch_t *nothing,
    msync_err_t *err);

/*
 * Asks something small.  Open mSupply central takes a batch of nothing that is
 * not the last; mSupply central would begin to integrate half of a push.
 */
int msync_push_ask(msync_push_t *push, msync_err_t *err);

/*
 * Whether `n` records that were refused, perhaps by what was said to an earlier
 * request, are sent once more by another connection: one alone, for more of
 * them are halved, which takes no more of the line.
 */
bool msync_push_doubts(msync_push_t *push, size_t n, msync_err_t *err);

/* the server has taken a batch, perhaps an empty one */
int msync_push_taken(msync_push_t *push, const msync_batch_t *batch,
    msync_err_t *err);

/* whether what did not pass the line is tried again in smaller batches */
bool msync_push_smaller(msync_push_t *push, msync_err_t *err);

#endif /* MSYNC_PUSH_PRIVATE_H */
