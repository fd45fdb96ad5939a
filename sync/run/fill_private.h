/*
 * A first sync: pulled records on their way from the answer straight into
 * their tables (store/fill.h).
 *
 * Decoded rows are collected in memory, in less room than their JSON, until
 * there are enough for one transaction: in a transaction of many rows each
 * page of an index is written once for many keys.  What can be no row yet
 * (deletes, merges, what cannot be decoded) is collected as it came, and goes
 * into sync_buffer in the same transaction.
 */

#ifndef MSYNC_RUN_FILL_PRIVATE_H
#define MSYNC_RUN_FILL_PRIVATE_H

#include "store/store.h"

typedef struct msync_fill_s  msync_fill_t;

msync_fill_t *msync_fill_create(msync_store_t *store,
    const msync_catalogue_t *catalogue);
void msync_fill_free(msync_fill_t **fill);

/* takes the records of a batch out of it, but for their number */
void msync_fill_put(msync_fill_t *fill, msync_batch_t *batch, unsigned side);

/* whether nothing was taken; whether there is enough to write; whether so
 * little comes in a second that transactions of it would be small: such
 * records cost less by way of sync_buffer */
bool msync_fill_is_empty(const msync_fill_t *fill);
bool msync_fill_is_due(const msync_fill_t *fill);
bool msync_fill_is_slow(const msync_fill_t *fill);

/*
 * Begins a transaction and writes what was taken; the caller adds what belongs
 * to it and commits.  While another program writes, it becomes several short
 * ones, of which the last is the caller's; a row of the others may come again,
 * and is the same then.  `rows` is how many became rows.  What was taken is
 * forgotten whatever becomes of it, and has to come again where the
 * transaction is not committed.  MSYNC_AGAIN, with no transaction open: the
 * application's schema undoes it; the way by sync_buffer is open.
 */
int msync_fill_write(msync_fill_t *fill, uint64_t *rows, msync_err_t *err);

/* the transaction was committed: the next one is measured by it */
void msync_fill_written(msync_fill_t *fill);

#endif /* MSYNC_RUN_FILL_PRIVATE_H */
