/*
 * Records that central refused when they were pushed.
 *
 * Promises: such a record is kept with central's answer until it was taken,
 * and what central sends of it does not overwrite it meanwhile; a new change
 * of it goes out like any other; on request, and by itself with a growing
 * pause unless somebody has dismissed it, it is put into the changelog again,
 * as what it is by then.  One that was dismissed stays so where central says
 * the same of the same.
 */

#include "store/store_private.h"
#include "base/clock.h"

static int refused_requeue(msync_store_t *store, bool all, msync_err_t *err);


int
msync_store_refused_put(msync_store_t *store, unsigned side,
    const msync_record_t *record, const char *reason, msync_err_t *err)
{
    char           now[32];
    int64_t        ms = msync_clock_wall();
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_REFUSED_PUT,
        "INSERT INTO msync_refused (table_name, record_id, side, row_action, "
        "error, first_failed_datetime, last_tried, tries) VALUES (?1, ?2, "
        "?3, ?4, ?5, ?6, ?7, 1) ON CONFLICT (table_name, record_id, side) DO "
        "UPDATE SET row_action = excluded.row_action, error = "
        "excluded.error, last_tried = excluded.last_tried, tries = tries + "
        "1, waits = 1, dismissed = dismissed AND NOT waits AND error = "
        "excluded.error", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, record->table, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, record->id, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 3, side);
    sqlite3_bind_text(stmt, 4, record->action == MSYNC_ACTION_DELETE
                      ? "DELETE" : "UPSERT", -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 5, reason, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 6, msync_clock_format(ms, now), -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 7, ms);

    return msync_store_run(store, stmt, "recording a refused record", err);
}


/* the usual case is that none was refused; then this costs one look */

int
msync_store_refused_clear(msync_store_t *store, unsigned side,
    const msync_batch_t *batch, msync_err_t *err)
{
    size_t         i;
    int64_t        n;
    sqlite3_stmt  *stmt;

    if (msync_store_refused_count(store, &n, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    stmt = msync_store_stmt(store, MSYNC_STMT_REFUSED_CLEAR,
        "DELETE FROM msync_refused WHERE table_name = ?1 AND record_id = ?2 "
        "AND side = ?3", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    for (i = 0; n > 0 && i < batch->n; i++) {
        sqlite3_bind_text(stmt, 1, batch->records[i].table, -1,
                          SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, batch->records[i].id, -1, SQLITE_STATIC);
        sqlite3_bind_int(stmt, 3, side);

        if (msync_store_run(store, stmt, "a record that was refused", err)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


int
msync_store_refused_count(msync_store_t *store, int64_t *n, msync_err_t *err)
{
    return msync_store_scalar(store,
        msync_store_stmt(store, MSYNC_STMT_REFUSED_COUNT,
                         "SELECT count(*) FROM msync_refused", err),
        n, "counting refused records", err);
}


int
msync_store_refused_has(msync_store_t *store, const msync_table_t *table,
    const char *id, bool *found, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_REFUSED_HAS,
                            "SELECT 1 FROM msync_refused WHERE table_name = "
                            "?1 AND record_id = ?2", err);
    if (stmt != NULL) {
        sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, id, -1, SQLITE_STATIC);
    }

    return msync_store_found(store, stmt, found,
                             "looking for a refused record", err);
}


/*
 * The record may have been deleted, or made again, since it was refused: its
 * latest change is what goes out.  One that is gone and whose deletes central
 * does not take has nothing left to send.
 */

static int
refused_requeue(msync_store_t *store, bool all, msync_err_t *err)
{
    int            rc;
    char          *due, *sql;
    int64_t        site = -1;
    sqlite3_stmt  *stmt;

    long long  now = msync_clock_wall();

    static const char  latest[] = "changelog WHERE record_id = "
        "msync_refused.record_id AND table_name = msync_refused.table_name";

    /* a wrong clock may have begun the pause in the future */
    due = msync_store_need(
              sqlite3_mprintf("waits AND (%d OR NOT dismissed AND (last_tried "
                              "+ " MSYNC_SQL_RETRY_PAUSE " <= %lld OR "
                              "last_tried > %lld))", all, now, now));

    /* the record's own store does not matter any more: it was chosen for
     * sending once */
    rc = msync_store_exec_own(store, sqlite3_mprintf(
             "INSERT INTO changelog (table_name, record_id, row_action) "
             "SELECT DISTINCT table_name, record_id, ifnull((SELECT "
             "row_action FROM %s ORDER BY cursor DESC LIMIT 1), row_action) "
             "FROM msync_refused WHERE %s; UPDATE msync_refused SET waits = 0 "
             "WHERE %s", latest, due, due), err);
    sqlite3_free(due);

    if (rc != MSYNC_OK
        || msync_store_get_int(store, MSYNC_KEY_SITE_ID, &site, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    /* the pause of one that is gone has nothing to wait for */
    sql = sqlite3_mprintf("DELETE FROM msync_refused WHERE (NOT waits OR "
                          "'DELETE' = (SELECT row_action FROM %s ORDER BY "
                          "cursor DESC LIMIT 1)) AND NOT EXISTS (SELECT 1 "
                          "FROM changelog WHERE cursor = (SELECT max(cursor) "
                          "FROM %s) AND %s)", latest, latest,
                          store->changes_filter);
    stmt = msync_store_prepare_own(store, sql, err);

    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int64(stmt, 1, site);
    rc = msync_store_run(store, stmt, "refused records", err);
    sqlite3_finalize(stmt);

    return rc;
}


int
msync_store_refused_requeue(msync_store_t *store, bool all, msync_err_t *err)
{
    int64_t  n;

    if (msync_store_refused_count(store, &n, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (n == 0) {
        return MSYNC_OK;
    }

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (refused_requeue(store, all, err) != MSYNC_OK) {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}
