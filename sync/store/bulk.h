/*
 * What a first sync does differently, while nobody works on the database
 * yet.
 */

#ifndef MSYNC_STORE_BULK_H
#define MSYNC_STORE_BULK_H

#include "store/store.h"

/* larger transactions and caches while nobody works on the database yet */
int msync_store_bulk(msync_store_t *store, bool on, msync_err_t *err);

/*
 * A first sync fills an empty sync_buffer without the indexes that it does
 * not need, and marks upserts before they are rows.  Integration brings the
 * indexes back in these steps: before it reads the buffer, before rows are
 * written, when a table has some of its rows, before rows are deleted or
 * merged, which needs a commit between.  All but settle_empty do nothing on a
 * database that has its indexes.
 */
int msync_store_loosen(msync_store_t *store, msync_err_t *err);
int msync_store_settle_buffer(msync_store_t *store, msync_err_t *err);
int msync_store_settle_large(msync_store_t *store, msync_err_t *err);
int msync_store_settle_empty(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err);
int msync_store_settle_references(msync_store_t *store, msync_err_t *err);
/* ends a first sync that has not come to its end: what it pulled waits as
 * that of any sync does.  Inside a transaction, with the buffer settled */
int msync_store_end_early(msync_store_t *store, msync_err_t *err);
bool msync_store_is_loose(const msync_store_t *store);

#endif /* MSYNC_STORE_BULK_H */
