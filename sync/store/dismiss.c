/*
 * Dismissed records.
 *
 * Promises: a record that is dismissed stays where it is, with its reason,
 * and becomes a row if it ever can; what central or the application changes
 * of it is a new record, which is not dismissed.
 */

#include "store/store_private.h"

static int dismiss_in(msync_store_t *store, const char *sql,
    const msync_dismiss_t *which, int64_t *n, msync_err_t *err);


int
msync_store_dismiss(msync_store_t *store, const msync_dismiss_t *which,
    int64_t *n, msync_err_t *err)
{
    *n = 0;

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (dismiss_in(store,
            "UPDATE sync_buffer SET dismissed = 1 WHERE NOT dismissed AND "
            MSYNC_SQL_FAILED " AND (?1 IS NULL OR table_name = ?1) AND (?2 IS "
            "NULL OR record_id = ?2) AND (?3 IS NULL OR integration_error = "
            "?3)",
            which, n, err) != MSYNC_OK
        || dismiss_in(store,
            "UPDATE msync_refused SET dismissed = 1 WHERE NOT dismissed AND "
            "(?1 IS NULL OR table_name = ?1) AND (?2 IS NULL OR record_id = "
            "?2) AND (?3 IS NULL OR error = ?3)",
            which, n, err) != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}


static int
dismiss_in(msync_store_t *store, const char *sql,
    const msync_dismiss_t *which, int64_t *n, msync_err_t *err)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, sql, err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, which->table, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, which->record_id, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, which->error, -1, SQLITE_STATIC);

    rc = msync_store_run(store, stmt, "dismissing records", err);
    sqlite3_finalize(stmt);

    *n += sqlite3_changes(store->db);

    return rc;
}


int
msync_store_dismissed(msync_store_t *store, int64_t *n, msync_err_t *err)
{
    return msync_store_scalar(store,
        msync_store_stmt(store, MSYNC_STMT_DISMISSED,
                         "SELECT (SELECT count(*) FROM sync_buffer WHERE "
                         MSYNC_SQL_FAILED " AND dismissed) + (SELECT count(*) "
                         "FROM msync_refused WHERE dismissed)", err),
        n, "counting dismissed records", err);
}


int
msync_store_failures(msync_store_t *store, int64_t *n, msync_err_t *err)
{
    return msync_store_scalar(store,
        msync_store_stmt(store, MSYNC_STMT_FAILURES,
                         "SELECT (SELECT count(*) FROM sync_buffer WHERE "
                         MSYNC_SQL_FAILED " AND NOT dismissed) + (SELECT "
                         "count(*) FROM msync_refused WHERE NOT dismissed)",
                         err),
        n, "counting failed records", err);
}
