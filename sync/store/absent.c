/*
 * The list of rows that central may not have any more.
 *
 * msync_absent lists the rows that were here when everything was to come
 * anew.  One leaves the list when central sends it or takes it; what becomes
 * of the others is decided in absent_end.c.
 */

#include "store/schema_private.h"
#include "store/store_private.h"

#define IDS  10000                 /* rows that are listed at once */

static int absent_next(msync_store_t *store, sqlite3_stmt *stmt,
    const char *after, char **last, msync_err_t *err);
static char *absent_list_sql(const msync_table_t *table);
static int absent_list(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err);


int
msync_store_absent_note(msync_store_t *store, msync_err_t *err)
{
    int     rc;
    size_t  i;

    rc = msync_store_exec(store, "DELETE FROM msync_absent WHERE data IS "
                          "NULL", err);

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        if (store->catalogue->tables[i].pull != 0) {
            rc = absent_list(store, &store->catalogue->tables[i], err);
        }
    }

    return rc;
}


/* the last id of the next rows behind `after`, NULL: there is none; owned */

static int
absent_next(msync_store_t *store, sqlite3_stmt *stmt, const char *after,
    char **last, msync_err_t *err)
{
    sqlite3_bind_text(stmt, 1, after, -1, SQLITE_STATIC);

    return msync_store_text(store, stmt, last, "listing rows", err);
}


/* what central had deleted and is only marked here is not missed */

static char *
absent_list_sql(const msync_table_t *table)
{
    const char   *key = table->fields[table->key].name;
    sqlite3_str  *sql = sqlite3_str_new(NULL);

    sqlite3_str_appendf(sql, "INSERT OR REPLACE INTO msync_absent "
                        "(table_name, record_id, changed) SELECT %Q, t.\"%w\""
                        ", EXISTS (SELECT 1 FROM changelog AS c WHERE "
                        "c.record_id = t.\"%w\" AND c.table_name = %Q) FROM "
                        "\"%w\" AS t WHERE t.\"%w\" > ?1 AND t.\"%w\" <= ?2 "
                        "AND typeof(t.\"%w\") = 'text'", table->name, key,
                        key, table->name, table->sql, key, key, key);

    sqlite3_str_appendall(sql, " AND NOT ");
    msync_store_put_is_marked(sql, table, "t");

    return sqlite3_str_finish(sql);
}


static int
absent_list(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err)
{
    int            rc = MSYNC_OK;
    char          *after = msync_strdup(""), *last;
    const char    *key = table->fields[table->key].name;
    sqlite3_stmt  *list, *next;

    list = msync_store_prepare_own(store, absent_list_sql(table), err);
    next = msync_store_prepare_own(store,
               sqlite3_mprintf("SELECT max(k) FROM (SELECT t.\"%w\" AS k "
                               "FROM \"%w\" AS t WHERE t.\"%w\" > ?1 AND "
                               "typeof(t.\"%w\") = 'text' ORDER BY t.\"%w\" "
                               "LIMIT %d)", key, table->sql, key, key, key,
                               IDS), err);

    while (rc == MSYNC_OK) {
        if (list == NULL || next == NULL
            || absent_next(store, next, after, &last, err) != MSYNC_OK)
        {
            rc = MSYNC_ERROR;
            break;
        }

        if (last == NULL) {
            break;
        }

        sqlite3_bind_text(list, 1, after, -1, SQLITE_STATIC);
        sqlite3_bind_text(list, 2, last, -1, SQLITE_STATIC);
        rc = msync_store_run(store, list, "listing rows", err);

        msync_free(&after);
        after = last;
    }

    msync_free(&after);
    sqlite3_finalize(list);
    sqlite3_finalize(next);

    return rc;
}


int
msync_store_absent_came(msync_store_t *store, const char *table,
    const char *id, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_ABSENT_CLEAR,
                            "DELETE FROM msync_absent WHERE table_name = ?1 "
                            "AND record_id = ?2", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, id, -1, SQLITE_STATIC);

    return msync_store_run(store, stmt, "absent rows", err);
}


int
msync_store_absent_arrived(msync_store_t *store, const msync_batch_t *batch,
    msync_err_t *err)
{
    int     rc;
    bool    any;
    size_t  i;

    rc = msync_store_found(store,
             msync_store_stmt(store, MSYNC_STMT_ABSENT_ANY,
                              "SELECT 1 FROM msync_absent LIMIT 1", err),
             &any, "looking for absent rows", err);

    for (i = 0; rc == MSYNC_OK && any && i < batch->n; i++) {
        rc = msync_store_absent_came(store, batch->records[i].table,
                                     batch->records[i].id, err);
    }

    return rc;
}
