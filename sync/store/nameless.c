/*
 * Ids by which central can know no record: of nothing, or of other octets
 * than text, as drivers write that keep a UUID in 16 of them.
 *
 * Promises: neither such a row nor its DELETE is sent, for central has
 * nothing of it; it is listed by a text, its octets as SQL writes them, as
 * long as it is there.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/column_private.h"
#include "store/nameless_private.h"


static char *nameless_text(const unsigned char *octets, size_t length);
static char *nameless_octets(const char *text, size_t *length);


/* X'00FF', owned by the caller */

static char *
nameless_text(const unsigned char *octets, size_t length)
{
    char    *text = msync_alloc(2 * length + sizeof("X''"));
    size_t   i;

    text[0] = 'X';
    text[1] = '\'';

    for (i = 0; i < length; i++) {
        (void) snprintf(text + 2 + 2 * i, 3, "%02X", octets[i]);
    }

    memcpy(text + 2 + 2 * length, "'", 2);

    return text;
}


/* what nameless_text() was made of, NULL: of nothing; owned by the caller */

static char *
nameless_octets(const char *text, size_t *length)
{
    char    *octets, pair[3] = "";
    size_t   i, digits;

    if (strncmp(text, "X'", 2) != 0) {
        return NULL;
    }

    text += 2;
    digits = strspn(text, "0123456789ABCDEF");

    if (digits % 2 != 0 || strcmp(text + digits, "'") != 0) {
        return NULL;
    }

    *length = digits / 2;
    octets = msync_alloc(*length + 1);

    for (i = 0; i < *length; i++) {
        memcpy(pair, text + 2 * i, 2);
        octets[i] = (char) strtoul(pair, NULL, 16);
    }

    return octets;
}


char *
msync_store_nameless(msync_store_t *store, sqlite3_stmt *stmt, int column)
{
    size_t       length;
    const char  *id;

    bool  octets = sqlite3_column_type(stmt, column) != SQLITE_TEXT;

    if (msync_store_has_surrogate(store, stmt, column)) {
        id = sqlite3_column_text16(stmt, column);
        length = (size_t) sqlite3_column_bytes16(stmt, column);

        return nameless_text((const unsigned char *) id, length);
    }

    id = octets ? sqlite3_column_blob(stmt, column)
                : (const char *) sqlite3_column_text(stmt, column);
    length = (size_t) sqlite3_column_bytes(stmt, column);

    if (length == 0) {
        return msync_strdup(octets ? "X''" : "");
    }

    return octets || memchr(id, '\0', length) != NULL
           || !msync_utf8_is_valid(id, length)
           ? nameless_text((const unsigned char *) id, length) : NULL;
}


int
msync_store_nameless_exists(msync_store_t *store, const msync_table_t *table,
    const char *id, bool *exists, msync_err_t *err)
{
    int            rc;
    char          *octets;
    size_t         length = 0;
    sqlite3_stmt  *stmt;

    *exists = false;
    octets = *id == '\0' ? msync_strdup("") : nameless_octets(id, &length);

    if (octets == NULL) {
        return MSYNC_OK;
    }

    stmt = msync_store_prepare_own(store,
               sqlite3_mprintf("SELECT 1 FROM \"%w\" AS t WHERE t.\"%w\" IN "
                               "(?1, ?2, ?3)", table->sql,
                               table->fields[table->key].name), err);

    if (stmt != NULL) {
        sqlite3_bind_text(stmt, 1, octets, (int) length, SQLITE_STATIC);

        if (*id != '\0') {
            sqlite3_bind_blob(stmt, 2, octets, (int) length, SQLITE_STATIC);
        }

        if (store->utf16) {
            sqlite3_bind_text16(stmt, 3, octets, (int) length, SQLITE_STATIC);
        }
    }

    rc = msync_store_found(store, stmt, exists, table->name, err);
    sqlite3_finalize(stmt);
    msync_free(&octets);

    return rc;
}
