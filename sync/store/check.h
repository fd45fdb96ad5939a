/*
 * Looks for damage, and begins anew where nothing else helps.
 */

#ifndef MSYNC_STORE_CHECK_H
#define MSYNC_STORE_CHECK_H

#include "store/store.h"

/*
 * Looks for damage: the file itself, foreign keys, triggers, cursors beyond
 * what there is.  Calls `each` with a sentence for each finding.
 */
typedef void (*msync_finding_pt)(void *data, const char *text);

int msync_store_check(msync_store_t *store, msync_finding_pt each,
    void *data, msync_err_t *err);

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

#endif /* MSYNC_STORE_CHECK_H */
