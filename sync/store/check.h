/*
 * Looks for damage, and begins anew where nothing else helps.
 */

#ifndef MSYNC_STORE_CHECK_H
#define MSYNC_STORE_CHECK_H

#include "store/store.h"

/*
 * Looks for damage: the file itself, foreign keys, triggers, cursors beyond
 * what there is.  Calls "each" with a sentence for each finding.
 */
typedef void (*msync_finding_pt)(void *data, const char *text);

int msync_store_check(msync_store_t *store, msync_finding_pt each,
    void *data, msync_err_t *err);

/*
 * Forgets what was pulled and where: the next run sends what waits and then
 * pulls everything anew.  Rows stay until central's arrive.  With "discard"
 * unsent changes are forgotten instead of sent.  While MSYNC_KEY_RESTORED is
 * not 0, whatever the changelog has is unsent.
 */
int msync_store_reinitialise(msync_store_t *store, bool discard,
    msync_err_t *err);

#endif /* MSYNC_STORE_CHECK_H */
