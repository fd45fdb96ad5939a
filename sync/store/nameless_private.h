/*
 * Ids by which central can know no record.
 */

#ifndef MSYNC_STORE_NAMELESS_PRIVATE_H
#define MSYNC_STORE_NAMELESS_PRIVATE_H

#include "store/store_private.h"

/*
 * Such an id as a text that the caller owns, NULL: central can know it.
 * Whether a row with the id of that text is there, false for any other text.
 */
char *msync_store_nameless(msync_store_t *store, sqlite3_stmt *stmt,
    int column);
int msync_store_nameless_exists(msync_store_t *store,
    const msync_table_t *table, const char *id, bool *exists,
    msync_err_t *err);

#endif /* MSYNC_STORE_NAMELESS_PRIVATE_H */
