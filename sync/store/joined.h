/*
 * Pending records of a parent and its children, an invoice and its lines, so
 * that they become rows in one transaction however many wait.
 */

#ifndef MSYNC_STORE_JOINED_H
#define MSYNC_STORE_JOINED_H

#include "store/buffer.h"

/* makes the table of joined records, before the other calls; not inside a
 * transaction */
int msync_store_joined_open(msync_store_t *store, msync_err_t *err);

/*
 * Looks whose the pending upserts of a table are: `via` is its field that
 * refers to the parent.  *any: there are some.
 */
int msync_store_joined_find(msync_store_t *store, const msync_table_t *child,
    const msync_field_t *via, bool *any, msync_err_t *err);

/*
 * Walks over those whose parents are pending upserts that stand behind `after`
 * up to `last`, as msync_store_buffer_walk.
 */
int msync_store_joined_walk(msync_store_t *store, const msync_table_t *child,
    const msync_table_t *parent, int64_t after, int64_t last,
    msync_pending_pt each, void *data, msync_err_t *err);

/* removes what msync_store_joined_walk() walked over from the buffer, but for
 * those that were marked as failed since the transaction began */
int msync_store_joined_done(msync_store_t *store, const msync_table_t *child,
    const msync_table_t *parent, int64_t after, int64_t last,
    msync_err_t *err);

#endif /* MSYNC_STORE_JOINED_H */
