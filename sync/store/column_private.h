/*
 * Values of the application's columns.
 */

#ifndef MSYNC_STORE_COLUMN_PRIVATE_H
#define MSYNC_STORE_COLUMN_PRIVATE_H

#include "store/store_private.h"

/* the value of a column, whose octets are the statement's */
void msync_store_read_column(msync_store_t *store, msync_value_t *value,
    sqlite3_stmt *stmt, int i);

/* the column msync_extra; NULL: it has nothing, or a text of no octets, as an
 * import of a file of commas leaves it */
const char *msync_store_read_extra(msync_store_t *store, sqlite3_stmt *stmt,
    int i);

/* whether a text has half of a character, of which SQLite would make another
 * one; to be asked before its text is */
bool msync_store_has_surrogate(msync_store_t *store, sqlite3_stmt *stmt,
    int i);

/* finds out whether the texts of the database are UTF-16 */
int msync_store_know_encoding(msync_store_t *store, msync_err_t *err);

#endif /* MSYNC_STORE_COLUMN_PRIVATE_H */
