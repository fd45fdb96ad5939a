/*
 * Buffered records become rows: upserts with parents before children, then
 * deletes with children before parents, then merges in their order.
 */

#ifndef MSYNC_INTEGRATE_H
#define MSYNC_INTEGRATE_H

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

#endif /* MSYNC_INTEGRATE_H */
