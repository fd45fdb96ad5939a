/*
 * Values of the application's columns, as they go out.
 *
 * Promises: a text is what the application wrote.  Where SQLite keeps texts in
 * UTF-16 and is asked for UTF-8, it makes another character of one half alone,
 * together with what stands behind it; that is given as octets which are no
 * UTF-8 either.
 */

#include <string.h>

#include "store/column_private.h"


int
msync_store_know_encoding(msync_store_t *store, msync_err_t *err)
{
    return msync_store_number(store, "SELECT encoding <> 'UTF-8' FROM "
                              "pragma_encoding", &store->utf16, err);
}


/* SQLite keeps a text in the form that was last asked for */

bool
msync_store_has_surrogate(msync_store_t *store, sqlite3_stmt *stmt, int i)
{
    size_t           j, n;
    const uint16_t  *units;

    if (!store->utf16 || sqlite3_column_type(stmt, i) != SQLITE_TEXT) {
        return false;
    }

    units = sqlite3_column_text16(stmt, i);
    n = (size_t) sqlite3_column_bytes16(stmt, i) / sizeof(uint16_t);

    for (j = 0; j < n; j++) {
        if ((units[j] & 0xf800) != 0xd800) {
            continue;
        }

        /* a high one and a low one are a character */
        if ((units[j] & 0x0400) || j + 1 == n
            || (units[j + 1] & 0xfc00) != 0xdc00)
        {
            return true;
        }

        j++;
    }

    return false;
}


void
msync_store_read_column(msync_store_t *store, msync_value_t *value,
    sqlite3_stmt *stmt, int i)
{
    switch (sqlite3_column_type(stmt, i)) {

    case SQLITE_INTEGER:
        value->kind = MSYNC_VALUE_INTEGER;
        value->integer = sqlite3_column_int64(stmt, i);
        break;

    case SQLITE_FLOAT:
        value->kind = MSYNC_VALUE_REAL;
        value->real = sqlite3_column_double(stmt, i);
        break;

    case SQLITE_NULL:
        value->kind = MSYNC_VALUE_NULL;
        break;

    case SQLITE_BLOB:
        value->kind = MSYNC_VALUE_BLOB;
        value->text = sqlite3_column_blob(stmt, i);
        value->length = sqlite3_column_bytes(stmt, i);

        /* of no octets there are none */
        value->text = value->text ? value->text : "";
        break;

    default:
        value->kind = MSYNC_VALUE_TEXT;

        if (msync_store_has_surrogate(store, stmt, i)) {
            value->text = MSYNC_VALUE_SURROGATE;
            value->length = strlen(MSYNC_VALUE_SURROGATE);
            break;
        }

        value->text = (const char *) sqlite3_column_text(stmt, i);
        value->length = sqlite3_column_bytes(stmt, i);
        break;
    }
}


const char *
msync_store_read_extra(msync_store_t *store, sqlite3_stmt *stmt, int i)
{
    const char  *extra;

    if (msync_store_has_surrogate(store, stmt, i)) {
        return MSYNC_VALUE_SURROGATE;
    }

    extra = (const char *) sqlite3_column_text(stmt, i);

    return extra != NULL && *extra != '\0' ? extra : NULL;
}
