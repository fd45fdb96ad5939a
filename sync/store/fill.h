/*
 * A first sync fills tables that are empty, and nobody works with them yet.
 *
 * While tables are being filled, foreign keys are not enforced on this
 * connection and the indexes of references to and from tables that were empty
 * are away: an index made of what is there costs a sort, one that grows with
 * each row of random keys costs more than the row, and records may come in any
 * order.  msync_store_fill_end makes the indexes, looks at all references at
 * once, and puts the rows that refer to nothing back into sync_buffer.
 *
 * That a database is being filled is written in it (MSYNC_KEY_FILLING), so
 * whatever ends a run, the next one goes on and ends it in the same way.
 */

#ifndef MSYNC_STORE_FILL_H
#define MSYNC_STORE_FILL_H

#include "store/store.h"

/*
 * Begins to fill, or goes on with it.  A database that cannot be filled (one
 * where references lead nowhere already, or an application's table has no
 * rowid) is left as it is and gets its records by way of sync_buffer.
 */
int msync_store_fill_begin(msync_store_t *store, msync_err_t *err);

/* whether this connection fills; whether the database is being filled */
bool msync_store_is_filling(const msync_store_t *store);
int msync_store_fill_begun(msync_store_t *store, bool *begun,
    msync_err_t *err);

/*
 * Rows have come into a table: makes the indexes of those of its references
 * that none of them uses, and of one more where it has become large.  Nothing
 * where the connection does not fill.  Inside a transaction; *made: the schema
 * changed.
 */
int msync_store_fill_indexes(msync_store_t *store,
    const msync_table_t *table, bool *made, msync_err_t *err);

/*
 * Ends the filling, which may take long: the hook is called meanwhile and may
 * read the store.  `moved` is how many rows went back into sync_buffer.
 * Nothing where the database is not being filled.  Not inside a transaction.
 */
int msync_store_fill_end(msync_store_t *store, msync_hook_pt hook, void *data,
    int64_t *moved, msync_err_t *err);

#endif /* MSYNC_STORE_FILL_H */
