/*
 * Dismissed records.
 *
 * Promises: a record that is dismissed stays where it is, with its reason,
 * and becomes a row if it ever can; what central or the application changes
 * of it is a new record, which is not dismissed.
 */

#include "store/store_private.h"

#define SLICE  1000                /* records of one transaction */

/* the rows of a table that are meant: `failed` says which have failed, `error`
 * is the column with the reason */
#define DISMISS_WHICH(failed, error)                                          \
    " WHERE NOT dismissed AND " failed " AND (?1 IS NULL OR table_name = ?1) "\
    "AND (?2 IS NULL OR record_id = ?2) AND (?3 IS NULL OR " error " = ?3) "  \
    "AND rowid > ?4 "

#define DISMISS_LAST(table, which)                                            \
    "SELECT ifnull(max(rowid), ?4) FROM (SELECT rowid FROM " table which      \
    "ORDER BY rowid LIMIT ?5)"

#define DISMISS(table, which)                                                 \
    "UPDATE " table " SET dismissed = 1" which "AND rowid <= ?5"

#define CAME     DISMISS_WHICH(MSYNC_SQL_FAILED, "integration_error")
#define REFUSED  DISMISS_WHICH("TRUE", "error")


typedef struct {
    const msync_dismiss_t  *which;
    msync_hook_pt           hook;
    void                   *data;
    int64_t                *n;
} dismiss_t;


static int dismiss_all(msync_store_t *store, const dismiss_t *what,
    const char *sql, const char *last_sql, msync_err_t *err);
static int dismiss_slice(msync_store_t *store, const dismiss_t *what,
    sqlite3_stmt *stmt, msync_err_t *err);
static sqlite3_stmt *dismiss_prepare(msync_store_t *store, const char *sql,
    const msync_dismiss_t *which, msync_err_t *err);


int
msync_store_dismiss(msync_store_t *store, const msync_dismiss_t *which,
    msync_hook_pt hook, void *data, int64_t *n, msync_err_t *err)
{
    const dismiss_t  what = { which, hook, data, n };

    *n = 0;

    return dismiss_all(store, &what, DISMISS("sync_buffer", CAME),
                       DISMISS_LAST("sync_buffer", CAME), err) == MSYNC_OK
           ? dismiss_all(store, &what, DISMISS("msync_refused", REFUSED),
                         DISMISS_LAST("msync_refused", REFUSED), err)
           : MSYNC_ERROR;
}


/* these may be many: the application has its turn between two slices */

static int
dismiss_all(msync_store_t *store, const dismiss_t *what, const char *sql,
    const char *last_sql, msync_err_t *err)
{
    int            rc;
    int64_t        after = 0, last;
    sqlite3_stmt  *look, *stmt;

    look = dismiss_prepare(store, last_sql, what->which, err);
    stmt = look ? dismiss_prepare(store, sql, what->which, err) : NULL;
    rc = stmt ? MSYNC_OK : MSYNC_ERROR;

    while (rc == MSYNC_OK) {
        sqlite3_bind_int64(look, 4, after);
        sqlite3_bind_int(look, 5, SLICE);
        rc = msync_store_scalar(store, look, &last, "dismissing records", err);

        if (rc != MSYNC_OK || last == after) {
            break;
        }

        sqlite3_bind_int64(stmt, 4, after);
        sqlite3_bind_int64(stmt, 5, last);
        rc = dismiss_slice(store, what, stmt, err);
        after = last;
    }

    sqlite3_finalize(look);
    sqlite3_finalize(stmt);

    return rc;
}


static int
dismiss_slice(msync_store_t *store, const dismiss_t *what, sqlite3_stmt *stmt,
    msync_err_t *err)
{
    int  n;

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_run(store, stmt, "dismissing records", err) != MSYNC_OK) {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    n = sqlite3_changes(store->db);

    if (msync_store_commit(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    *what->n += n;

    return msync_store_turn(store, what->hook, what->data, err);
}


static sqlite3_stmt *
dismiss_prepare(msync_store_t *store, const char *sql,
    const msync_dismiss_t *which, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, sql, err);

    if (stmt != NULL) {
        sqlite3_bind_text(stmt, 1, which->table, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, which->record_id, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 3, which->error, -1, SQLITE_STATIC);
    }

    return stmt;
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
