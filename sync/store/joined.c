/*
 * Children of pending parents.
 *
 * temp.msync_joined says which pending record of a child names which parent;
 * it is this connection's alone, in memory.  It is made outside of a
 * transaction: in one that has changed a schema, undoing a savepoint ends
 * every statement that reads.
 *
 * Promises: a record that is no pending upsert any more is not found.
 */

#include "store/joined.h"
#include "store/store_private.h"

#define JOINED_IDS                                                            \
    "SELECT b.id FROM sync_buffer AS p INDEXED BY msync_sync_buffer_pending " \
    "CROSS JOIN temp.msync_joined AS j ON j.child = ?1 AND j.owner = "        \
    "p.record_id CROSS JOIN sync_buffer AS b ON b.id = j.id WHERE "           \
    "p.table_name = ?2 AND p.action = 'UPSERT' AND p.integration_datetime "   \
    "IS NULL AND p.id > ?3 AND p.id <= ?4 AND b.action = 'UPSERT' AND "       \
    MSYNC_SQL_DUE("b.")

static sqlite3_stmt *joined_statement(msync_store_t *store,
    msync_stmt_e which, const char *sql, const msync_table_t *child,
    const msync_table_t *parent, int64_t after, int64_t last,
    msync_err_t *err);


int
msync_store_joined_open(msync_store_t *store, msync_err_t *err)
{
    return msync_store_exec(store, "CREATE TEMP TABLE IF NOT EXISTS "
                            "msync_joined (id INTEGER PRIMARY KEY, child "
                            "TEXT, owner TEXT); CREATE INDEX IF NOT EXISTS "
                            "temp.msync_joined_owner ON msync_joined (child, "
                            "owner); DELETE FROM temp.msync_joined", err);
}


int
msync_store_joined_find(msync_store_t *store, const msync_table_t *child,
    const msync_field_t *via, bool *any, msync_err_t *err)
{
    int            rc;
    char          *path;
    sqlite3_stmt  *stmt;

    *any = false;
    path = sqlite3_mprintf("$.\"%w\"", via->name);
    stmt = msync_store_prepare_own(store,
        sqlite3_mprintf("INSERT OR REPLACE INTO temp.msync_joined SELECT id, "
                        "table_name, json_extract(data, %Q) FROM sync_buffer "
                        "INDEXED BY msync_sync_buffer_pending WHERE "
                        "table_name = %Q AND action = 'UPSERT' AND "
                        "integration_datetime IS NULL AND json_valid(data)",
                        path, child->name),
        err);
    sqlite3_free(path);

    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    rc = msync_store_run(store, stmt, "looking for children", err);
    sqlite3_finalize(stmt);
    *any = rc == MSYNC_OK && sqlite3_changes(store->db) > 0;

    return rc;
}


static sqlite3_stmt *
joined_statement(msync_store_t *store, msync_stmt_e which, const char *sql,
    const msync_table_t *child, const msync_table_t *parent, int64_t after,
    int64_t last, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, which, sql, err);

    if (stmt != NULL) {
        sqlite3_bind_text(stmt, 1, child->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, parent->name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 3, after);
        sqlite3_bind_int64(stmt, 4, last);
        sqlite3_bind_int64(stmt, 7, store->batch_start);
    }

    return stmt;
}


int
msync_store_joined_walk(msync_store_t *store, const msync_table_t *child,
    const msync_table_t *parent, int64_t after, int64_t last,
    msync_pending_pt each, void *data, msync_err_t *err)
{
    int64_t        end;
    sqlite3_stmt  *stmt;

    stmt = joined_statement(store, MSYNC_STMT_JOINED_WALK,
        "SELECT " MSYNC_PENDING_COLUMNS " FROM sync_buffer WHERE id IN ("
        JOINED_IDS ") ORDER BY id", child, parent, after, last, err);

    return stmt != NULL
           ? msync_store_buffer_each(store, stmt, each, data, &end, err)
           : MSYNC_ERROR;
}


int
msync_store_joined_done(msync_store_t *store, const msync_table_t *child,
    const msync_table_t *parent, int64_t after, int64_t last,
    msync_err_t *err)
{
    return msync_store_run(store,
        joined_statement(store, MSYNC_STMT_JOINED_DONE,
                         "DELETE FROM sync_buffer WHERE id IN (" JOINED_IDS
                         ") AND last_tried IS NOT ?7", child, parent, after,
                         last, err),
        "removing integrated records", err);
}
