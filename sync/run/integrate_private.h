/*
 * Buffered records become rows: upserts with parents before children, then
 * deletes with children before parents, then merges in their order.
 */

#ifndef MSYNC_INTEGRATE_PRIVATE_H
#define MSYNC_INTEGRATE_PRIVATE_H

#include "store/buffer.h"
#include "store/store.h"

typedef struct {
    int64_t  integrated;
    int64_t  failed;
    int64_t  seen;               /* when the hook is called: records looked
                                    at, fewer than before where a
                                    transaction was undone */
} msync_integrated_t;

/*
 * Integrates all that is pending, in one transaction where that is short
 * enough for the application to wait for, which what an ordinary run brings
 * is.  Of more, and where the application's own triggers undo it again and
 * again, it makes several, but an invoice and its lines appear together.
 * `in_use`: an initialised site, whose own records central does not change.
 *
 * A record that cannot be integrated is marked with field and reason, and
 * is no error here, even where the application's schema lets it undo the
 * transaction: then that begins anew without it.  The hook is called after
 * each slice; it may read the store.  MSYNC_ERROR: the database
 * failed, or the hook refused; the open transaction was rolled back and nothing
 * is half done.
 */
int msync_integrate(msync_store_t *store, const msync_catalogue_t *catalogue,
    bool in_use, msync_hook_pt hook, void *data,
    msync_integrated_t *result, msync_err_t *err);

/*
 * While tables are being filled (store/fill.h): what is pending and can become
 * a row in any order, which makes room in the buffer.
 */
int msync_integrate_fill(msync_store_t *store,
    const msync_catalogue_t *catalogue, msync_hook_pt hook, void *data,
    msync_integrated_t *result, msync_err_t *err);


/* records that become rows in one transaction */
typedef struct {
    msync_store_t        *store;       /* borrowed */
    bool                  in_use;      /* an initialised site, whose own
                                          records central does not change */
    bool                  unsent;      /* this site has changes to send */
    bool                  refused;     /* it has changes that central refused */
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

/* A record of the buffer, whatever its action; errors and `field` are as of
 * msync_rows_put(). */
int msync_rows_put_pending(msync_rows_t *rows, const msync_table_t *table,
    msync_action_e action, const msync_pending_t *pending,
    const msync_field_t **field, msync_err_t *err);

#endif /* MSYNC_INTEGRATE_PRIVATE_H */
