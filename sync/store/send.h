/*
 * Rows that the application had before msync came, or changed in a store that
 * was not active on this site then: central never got them, nobody knows
 * whether it deleted them, so they are sent on request only.
 * And rows that were sent, but may have been changed while their table had no
 * triggers: they are doubted, and sent when all has come that central has
 * changed, but for those that came with it.
 */

#ifndef MSYNC_STORE_SEND_H
#define MSYNC_STORE_SEND_H

#include "catalogue/record.h"
#include "store/store.h"

/*
 * The rows of tables that are pushed, and of stores that are active on this
 * site, which neither came from central nor were ever queued for it.  0 until
 * the first sync is over, for central may send them yet.  Costs nothing where
 * there are none, and a look-up each where there are.
 */
int msync_store_never_sent(msync_store_t *store, int64_t *n,
    msync_err_t *err);

/*
 * Puts the rows that were never sent of these tables, named as on the wire or
 * in the database, n = 0: of all, into the changelog: *queued is their number
 * so far, 0 until the first sync is over.  In transactions of its own, so that
 * the application may write between them, where the hook is called, too; what
 * was queued before an error stays queued.  A name that is no table which this
 * site pushes is an error before anything is queued: *unknown, otherwise NULL,
 * points at it in `tables`.
 */
int msync_store_send(msync_store_t *store, const char *const *tables,
    size_t n, msync_hook_pt hook, void *data, int64_t *queued,
    const char **unknown, msync_err_t *err);

/* the push cursor of this key moves to `cursor`: rows whose change lies before
 * that, and whose store is not active on this site, were never sent.  Inside
 * the transaction that moves it */
int msync_store_passed(msync_store_t *store, const char *cursor_id,
    int64_t cursor, msync_err_t *err);

/*
 * How many rows are doubted.  One that was changed since is also among the
 * changes that wait (msync_store_queue), until it is sent.
 */
int msync_store_doubted(msync_store_t *store, int64_t *n, msync_err_t *err);

/*
 * Puts them into the changelog, as msync_store_send does, until `limit` are or
 * a few more, *queued; 0: none is left, or the first sync is not over.  Those
 * of which a record of central's waits in the buffer to become the row are
 * central's, and are not sent.  To be called when what central had was pulled
 * and integrated; or before all comes anew, which would go over them.
 */
int msync_store_send_doubted(msync_store_t *store, int64_t limit,
    msync_hook_pt hook, void *data, int64_t *queued, msync_err_t *err);

/* central took these records: they were never sent no more, nor are they
 * doubted.  Inside the transaction that moves the push cursor */
int msync_store_sent(msync_store_t *store, const msync_batch_t *batch,
    msync_err_t *err);

#endif /* MSYNC_STORE_SEND_H */
