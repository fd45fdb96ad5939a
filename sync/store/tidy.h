/*
 * What nobody needs any more is removed, a little at a time.
 */

#ifndef MSYNC_STORE_TIDY_H
#define MSYNC_STORE_TIDY_H

#include "store/store.h"

/*
 * One short transaction at most, which removes changes that both servers took
 * more than `keep` seconds ago (a central server that is restored from a
 * backup needs them again), and records that an earlier version left in
 * sync_buffer when they had become rows.  *more: there is more to remove.  Not
 * inside a transaction.
 */
int msync_store_tidy(msync_store_t *store, long keep, bool *more,
    msync_err_t *err);

#endif /* MSYNC_STORE_TIDY_H */
