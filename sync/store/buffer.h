/*
 * sync_buffer: what was pulled and is not a row, and nothing else.
 */

#ifndef MSYNC_STORE_BUFFER_H
#define MSYNC_STORE_BUFFER_H

#include "store/store.h"

/*
 * Puts pulled records into sync_buffer; the same record again replaces what
 * is there, so storing twice equals storing once.  `side`: MSYNC_LEGACY,
 * MSYNC_OMSUPPLY or MSYNC_V7, who sent them.
 */
int msync_store_buffer_put(msync_store_t *store, const msync_batch_t *batch,
    unsigned side, msync_err_t *err);

/* records that are due for integration: new ones, and failed ones whose
 * pause is over or whose missing parent has come */
int msync_store_buffer_pending(msync_store_t *store, int64_t *n,
    msync_err_t *err);

/* records that failed to integrate */
int msync_store_buffer_failed(msync_store_t *store, int64_t *n,
    msync_err_t *err);

/* one pending record, texts valid until the next one is asked for */
typedef struct {
    int64_t         rowid;
    const char     *record_id;
    const char     *data;          /* NULL: none */
    unsigned        side;
    /* of the envelope of v7, NULL: none */
    const char     *store;
    const char     *transfer_store;
    const char     *patient;
} msync_pending_t;

/*
 * Walks over the pending records of one table and action, in the order of
 * their arrival, beginning behind rowid `after`.  `each` returns MSYNC_OK,
 * or MSYNC_ERROR which ends the walk.  At most `limit` of them; *last is the
 * last rowid seen, `after` where there is none.  Inside a transaction, as all
 * that marks or removes what was walked over: its begin says what is due.
 */
typedef int (*msync_pending_pt)(void *data, const msync_pending_t *pending,
    msync_err_t *err);

int msync_store_buffer_walk(msync_store_t *store, const char *table,
    msync_action_e action, int64_t after, unsigned limit, int64_t *last,
    msync_pending_pt each, void *data, msync_err_t *err);

/*
 * Marks as failed, with the reason.  It stays in the buffer and is due again
 * after a pause that doubles with every try, or as soon as the row that it
 * refers to (`missing_id` of `missing`, NULL: none) is integrated.
 */
int msync_store_buffer_fail(msync_store_t *store, int64_t rowid,
    const char *field, const char *reason, const msync_table_t *missing,
    const char *missing_id, msync_err_t *err);

/* marks a failed record as one that needs nobody: it is listed with those that
 * were dismissed, and not counted (dismiss.h) */
int msync_store_buffer_note(msync_store_t *store, int64_t rowid,
    msync_err_t *err);

/* a record waits, without a reason, until msync_store_buffer_wake_all */
int msync_store_buffer_postpone(msync_store_t *store, int64_t rowid,
    msync_err_t *err);

/* a row has come: records that failed for want of it are due */
int msync_store_buffer_wake(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_err_t *err);

/* whether there is anything at all */
int msync_store_buffer_any(msync_store_t *store, bool *any,
    msync_err_t *err);

/* takes out what the buffer has of a record but for its merges: something newer
 * of it has become the row */
int msync_store_buffer_remove(msync_store_t *store, const char *table,
    const char *id, msync_err_t *err);

/*
 * Central took these records of ours: what it had sent of them before, and
 * what is not a row yet, is older and is removed.
 */
int msync_store_buffer_supersede(msync_store_t *store,
    const msync_batch_t *batch, msync_err_t *err);

/* all records that wait are due */
int msync_store_buffer_wake_all(msync_store_t *store, msync_err_t *err);

/* removes what is due and stands behind `after` up to `last`, but for the
 * records that were marked as failed since the transaction began */
int msync_store_buffer_done(msync_store_t *store, const char *table,
    msync_action_e action, int64_t after, int64_t last, msync_err_t *err);

/* marks as failed all pending records whose table the catalogue does not
 * have, or whose action is none that we know; those of tables that only later
 * servers have need nobody */
int msync_store_buffer_fail_unknown(msync_store_t *store, msync_err_t *err);

/* calls each with the first `limit` records that failed in either direction
 * and were dismissed, or were not: those that central refused (action
 * "PUSH"), which are this site's own work and few, before those that did not
 * become rows, oldest first; texts are valid during the call */
typedef struct {
    const char  *table;
    const char  *record_id;
    const char  *action;
    const char  *field;            /* NULL: none named */
    const char  *error;
    const char  *since;            /* RFC 3339 */
    int64_t      tries;
    bool         dismissed;
} msync_failed_t;

typedef void (*msync_failed_pt)(void *data, const msync_failed_t *failed);

int msync_store_buffer_errors(msync_store_t *store, bool dismissed,
    unsigned limit, msync_failed_pt each, void *data, msync_err_t *err);

#endif /* MSYNC_STORE_BUFFER_H */
