/*
 * Rows that central deletes, or has marked.
 *
 * Promises: a row that something of the application's still needs, or keeps,
 * stays, with the reason; nothing else of the transaction is undone.
 */

#include <string.h>

#include "store/store_private.h"
#include "base/clock.h"


static int row_delete_check_ignored(msync_store_t *store,
    const msync_table_t *table, const char *id, msync_err_t *err);


/* a statement about a row that is there has changed none */

static int
row_delete_check_ignored(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_err_t *err)
{
    bool  there;

    if (!store->triggered || sqlite3_changes(store->db) > 0) {
        return MSYNC_OK;
    }

    if (msync_store_row_exists(store, table, id, &there, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return there ? msync_store_fault_of_ignored(err) : MSYNC_OK;
}


int
msync_store_row_delete(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_err_t *err)
{
    int   rc;
    bool  violated, referred, along;

    if (msync_store_savepoint(store, &violated, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    msync_store_waiting_note(store, table);

    rc = msync_store_check_cascade(store, table, id, err);
    along = rc != MSYNC_OK;

    rc = along ? rc : msync_store_run_about(store,
             sqlite3_mprintf("DELETE FROM \"%w\" AS t WHERE "
                             MSYNC_SQL_IS_ROW, table->sql,
                             table->fields[table->key].name,
                             table->fields[table->key].name),
             id, NULL, err);

    if (rc == MSYNC_OK) {
        rc = row_delete_check_ignored(store, table, id, err);
    }

    referred = rc == MSYNC_OK || along
               || sqlite3_extended_errcode(store->db)
                  == SQLITE_CONSTRAINT_FOREIGNKEY;

    rc = msync_store_savepoint_end(store, violated, rc, err);

    if (rc != MSYNC_OK && err->scope == MSYNC_SCOPE_RECORD && referred) {
        msync_err_context(err, "other records still refer to it");
        err->note = true;
    }

    return rc;
}


int
msync_store_row_soft_delete(msync_store_t *store,
    const msync_table_t *table, const char *id, msync_err_t *err)
{
    int    rc;
    char   now[32];
    char  *value;

    msync_store_waiting_note(store, table);

    value = msync_store_need(
        table->soft_is_time
        ? sqlite3_mprintf("%Q", msync_clock_format(msync_clock_wall(), now))
        : sqlite3_mprintf("%d", table->soft_value));

    /* v6 datetimes carry no zone */
    if (table->soft_is_time && !table->soft_is_local) {
        value[strlen(value) - 2] = '\'';
        value[strlen(value) - 1] = '\0';
    }

    rc = msync_store_run_about(store,
             sqlite3_mprintf("UPDATE \"%w\" AS t SET \"%w\" = %z WHERE "
                             MSYNC_SQL_IS_ROW, table->sql,
                             table->soft_column, value,
                             table->fields[table->key].name,
                             table->fields[table->key].name),
             id, NULL, err);

    if (rc != MSYNC_OK
        || row_delete_check_ignored(store, table, id, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    /* absent rows of a table that is not pushed are marked and stay listed */
    return table->push != 0 ? msync_store_came(store, table, id, err)
                            : MSYNC_OK;
}
