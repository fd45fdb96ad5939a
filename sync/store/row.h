/*
 * Rows of the catalogue's tables.
 */

#ifndef MSYNC_STORE_ROW_H
#define MSYNC_STORE_ROW_H

#include "store/store.h"

/*
 * Rows.  MSYNC_ERROR with scope RECORD means that this row alone is at
 * fault (a missing parent, a value that the database refuses): the
 * transaction goes on, unless a trigger or a constraint of the application
 * has ended it (msync_store_in_transaction); with scope RUN it does not.
 * `field` is set to the field at fault, `missing` when that field names a
 * row that is not here.  A row that is not deleted because others refer to it
 * is a note (err.h).  With `careful` an upsert meets the application's
 * deferred keys at once, as deletes and merges do.
 */
int msync_store_row_upsert(msync_store_t *store, const msync_row_t *row,
    bool careful, const msync_field_t **field, bool *missing,
    msync_err_t *err);
int msync_store_row_delete(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_err_t *err);
int msync_store_row_soft_delete(msync_store_t *store,
    const msync_table_t *table, const char *id, msync_err_t *err);
/* gives a row of v7 what other rows here say of it (msync_v7_complete) */
int msync_store_row_complete(msync_store_t *store, msync_row_t *row,
    msync_err_t *err);
/* whether the row is there, belongs to a store of this site, and is not what
 * `row` says of it; of a row of v7 the envelope says whose it is */
int msync_store_row_differs(msync_store_t *store, const msync_row_t *row,
    bool *differs, msync_err_t *err);
int msync_store_row_exists(msync_store_t *store, const msync_table_t *table,
    const char *id, bool *exists, msync_err_t *err);

#endif /* MSYNC_STORE_ROW_H */
