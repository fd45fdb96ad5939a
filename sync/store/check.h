/*
 * Looks for damage.
 */

#ifndef MSYNC_STORE_CHECK_H
#define MSYNC_STORE_CHECK_H

#include "store/store.h"

/*
 * Looks at the file itself, foreign keys, triggers, cursors beyond what there
 * is.  Calls `each` with a sentence for each finding, which is valid during the
 * call.
 */
typedef void (*msync_finding_pt)(void *data, const char *text);

int msync_store_check(msync_store_t *store, msync_finding_pt each,
    void *data, msync_err_t *err);

#endif /* MSYNC_STORE_CHECK_H */
