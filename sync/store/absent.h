/*
 * Rows that central does not have any more: what a backup of this site that
 * was put back brought to life, or what a central that was set back lost.
 */

#ifndef MSYNC_STORE_ABSENT_H
#define MSYNC_STORE_ABSENT_H

#include "base/hook.h"
#include "store/store.h"

typedef struct {
    uint64_t  removed;
    uint64_t  listed;              /* `check` lists them */
} msync_absent_t;

/*
 * Before everything comes anew: lists the rows of all tables that central
 * sends, in transactions of its own.  A record that comes takes its row off
 * the list.
 */
int msync_store_absent_note(msync_store_t *store, msync_err_t *err);

/*
 * All of `sides` (MSYNC_LEGACY, MSYNC_OMSUPPLY) has come anew, and what came
 * was integrated: a row that is still on the list, has nothing to be sent and
 * was not changed here is removed where nothing refers to it; a copy of one
 * that this site sends stays in msync_absent.  Others stay, with a reason; of
 * these the ones that this site may send are counted as never sent.  In
 * transactions of its own, the hook is called between them.
 */
int msync_store_absent_end(msync_store_t *store, unsigned sides,
    msync_hook_pt hook, void *data, msync_absent_t *result,
    msync_err_t *err);

#endif /* MSYNC_STORE_ABSENT_H */
