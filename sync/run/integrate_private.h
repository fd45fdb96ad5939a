/*
 * What the files of integration share; nobody else includes this.
 */

#ifndef MSYNC_INTEGRATE_PRIVATE_H
#define MSYNC_INTEGRATE_PRIVATE_H

#include "run/integrate.h"
#include "store/buffer.h"

/* records that become rows in one transaction */
typedef struct {
    msync_store_t        *store;       /* borrowed */
    bool                  in_use;      /* an initialised site, whose own
                                          records central does not change */
    bool                  unsent;      /* this site has changes to send */
    bool                  refused;     /* … and such that central did not
                                          take */
    bool                  merged;      /* records were merged before */
    bool                  careful;     /* each row has to meet its deferred
                                          keys at once */
    const msync_table_t  *missing;     /* what the last one waits for */
    char                 *missing_id;  /* owned, as long as `missing` is set */
} msync_rows_t;

/* begins a transaction and looks what this site has to send by now, for the
 * application may have written before it; `unsynced`: see store.h */
int msync_rows_begin(msync_rows_t *rows, bool unsynced, msync_err_t *err);
/* commits the open transaction, lets others have their turn, and begins the
 * next one in the same way */
int msync_rows_begin_next(msync_rows_t *rows, msync_err_t *err);

/*
 * An upsert of central, and what the envelope of `from` says of it.  Errors are
 * those of msync_store_row_upsert; `field` is set to the one at fault.
 */
int msync_rows_put(msync_rows_t *rows, msync_row_t *row,
    const msync_pending_t *from, const msync_field_t **field,
    msync_err_t *err);

/* the same of a record of the buffer, whatever its action */
int msync_rows_put_pending(msync_rows_t *rows, const msync_table_t *table,
    msync_action_e action, const msync_pending_t *pending,
    const msync_field_t **field, msync_err_t *err);

#endif /* MSYNC_INTEGRATE_PRIVATE_H */
