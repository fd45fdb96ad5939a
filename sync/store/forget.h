/*
 * Begins anew where nothing else helps.
 */

#ifndef MSYNC_STORE_FORGET_H
#define MSYNC_STORE_FORGET_H

#include "store/store.h"

/*
 * Forgets what was pulled and where, and which records were merged, so that
 * everything can come anew; rows stay until it has (absent.h).  With `discard`
 * unsent changes are forgotten as well, else all that the changelog has is
 * unsent where any server was found `restored` (MSYNC_LEGACY, …): the other
 * one may be unnoticed.  What that takes only once is not sent to it again.
 * Inside a transaction: msync_run_reinitialise has it.
 */
int msync_store_forget(msync_store_t *store, bool discard, unsigned restored,
    msync_err_t *err);

/* notes that Open mSupply central has, up to the push cursor of v6, what it
 * takes only once; what was noted before stays.  Inside a transaction. */
int msync_store_keep_taken(msync_store_t *store, msync_err_t *err);

#endif /* MSYNC_STORE_FORGET_H */
