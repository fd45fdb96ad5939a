/*
 * The sync buffer: what was pulled and is not yet, or could not be, a row.
 *
 * Promises: the same record again replaces itself; a record that failed
 * keeps its reason, its first failure and its tries; a record leaves in the
 * transaction that makes it a row, or that learns that it is out of date.
 */

#include "store/store_private.h"
#include "base/clock.h"


#define DUE  MSYNC_SQL_DUE("")

/* a record that is there and comes again */
#define ANEW                                                                  \
    "DO UPDATE SET received_datetime = excluded.received_datetime, "          \
    "action = excluded.action, data = excluded.data, source_site_id = "       \
    "excluded.source_site_id, side = excluded.side, store_id = "              \
    "excluded.store_id, transfer_store_id = excluded.transfer_store_id, "     \
    "patient_id = excluded.patient_id, integration_datetime = NULL, "         \
    "integration_error = NULL, error_field = NULL, first_failed_datetime = "  \
    "NULL, last_tried = NULL, retry_at = NULL, missing_table = NULL, "        \
    "missing_id = NULL, tries = 0, dismissed = dismissed AND action = "       \
    "excluded.action AND data IS excluded.data"

static const char  *const action_names[] = { "UPSERT", "DELETE", "MERGE" };


static const char *buffer_action_name(msync_action_e action);
static int buffer_fail_table(msync_store_t *store, const char *table,
    msync_err_t *err);


static const char *
buffer_action_name(msync_action_e action)
{
    return (unsigned) action < sizeof(action_names) / sizeof(*action_names)
           ? action_names[action] : "UNKNOWN";
}


int
msync_store_buffer_put(msync_store_t *store, const msync_batch_t *batch,
    unsigned side, msync_err_t *err)
{
    char                   now[32];
    size_t                 i;
    int64_t                site = 0;
    sqlite3_stmt          *stmt;
    const msync_record_t  *record;

    stmt = msync_store_stmt(store, MSYNC_STMT_BUFFER_PUT,
        "INSERT INTO sync_buffer (record_id, received_datetime, table_name, "
        "action, data, source_site_id, side, store_id, transfer_store_id, "
        "patient_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) "
        "ON CONFLICT (record_id, table_name) WHERE action <> 'MERGE' " ANEW
        " ON CONFLICT (record_id, table_name, data) WHERE action = 'MERGE' "
        ANEW, err);
    if (stmt == NULL
        || msync_store_get_int(store, MSYNC_KEY_CENTRAL_SITE_ID, &site, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    msync_clock_format(msync_clock_wall(), now);
    sqlite3_bind_text(stmt, 2, now, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 7, side);

    /* records of v6 carry no source site */
    if (side == MSYNC_LEGACY && site != 0) {
        sqlite3_bind_int64(stmt, 6, site);
    } else {
        sqlite3_bind_null(stmt, 6);
    }

    for (i = 0; i < batch->n; i++) {
        record = &batch->records[i];

        sqlite3_bind_text(stmt, 1, record->id, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 3, record->table, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 4, buffer_action_name(record->action), -1,
                          SQLITE_STATIC);

        /* in an index a NULL is equal to no other */
        sqlite3_bind_text(stmt, 5,
                          record->data == NULL
                          && record->action == MSYNC_ACTION_MERGE
                          ? "" : record->data,
                          (int) record->data_length, SQLITE_STATIC);

        sqlite3_bind_text(stmt, 8, record->store, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 9, record->transfer_store, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 10, record->patient, -1, SQLITE_STATIC);

        if (msync_store_run(store, stmt, "storing a pulled record", err)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    sqlite3_clear_bindings(stmt);
    return msync_store_absent_arrived(store, batch, err);
}


int
msync_store_buffer_pending(msync_store_t *store, int64_t *n,
    msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_BUFFER_PENDING,
                            "SELECT count(*) FROM sync_buffer INDEXED BY "
                            "msync_sync_buffer_pending WHERE " DUE, err);
    if (stmt != NULL) {
        sqlite3_bind_int64(stmt, 7, msync_clock_wall());
    }

    return msync_store_scalar(store, stmt, n, "counting the buffer", err);
}


int
msync_store_buffer_failed(msync_store_t *store, int64_t *n,
    msync_err_t *err)
{
    return msync_store_scalar(store,
        msync_store_stmt(store, MSYNC_STMT_BUFFER_FAILED,
                         "SELECT count(*) FROM sync_buffer WHERE "
                         MSYNC_SQL_FAILED, err),
        n, "counting failed records", err);
}


int
msync_store_buffer_walk(msync_store_t *store, const char *table,
    msync_action_e action, int64_t after, unsigned limit, int64_t *last,
    msync_pending_pt each, void *data, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    *last = after;

    stmt = msync_store_stmt(store, MSYNC_STMT_BUFFER_WALK,
        "SELECT " MSYNC_PENDING_COLUMNS " FROM sync_buffer "
        "INDEXED BY msync_sync_buffer_pending WHERE table_name = ?1 AND "
        "action = ?2 AND " DUE " AND id > ?3 ORDER BY id LIMIT ?4", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, buffer_action_name(action), -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, after);
    sqlite3_bind_int(stmt, 4, limit);
    sqlite3_bind_int64(stmt, 7, store->batch_start);

    return msync_store_buffer_each(store, stmt, each, data, last, err);
}


int
msync_store_buffer_each(msync_store_t *store, sqlite3_stmt *stmt,
    msync_pending_pt each, void *data, int64_t *last, msync_err_t *err)
{
    int              code, rc = MSYNC_OK;
    msync_pending_t  pending;

    while (rc == MSYNC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        pending.rowid = sqlite3_column_int64(stmt, 0);
        pending.record_id = (const char *) sqlite3_column_text(stmt, 1);
        pending.data = (const char *) sqlite3_column_text(stmt, 2);
        pending.side = sqlite3_column_int(stmt, 3);
        pending.store = (const char *) sqlite3_column_text(stmt, 4);
        pending.transfer_store = (const char *) sqlite3_column_text(stmt, 5);
        pending.patient = (const char *) sqlite3_column_text(stmt, 6);

        rc = each(data, &pending, err);
        *last = pending.rowid;
    }

    if (rc == MSYNC_OK && code != SQLITE_DONE) {
        rc = msync_store_fault(store, "reading the buffer", err);
    }

    sqlite3_reset(stmt);
    return rc;
}


int
msync_store_buffer_fail(msync_store_t *store, int64_t rowid,
    const char *field, const char *reason, const msync_table_t *missing,
    const char *missing_id, msync_err_t *err)
{
    char           now[32];
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_BUFFER_FAIL,
        "UPDATE sync_buffer SET integration_error = ?2, error_field = ?3, "
        "first_failed_datetime = ifnull(first_failed_datetime, ?4), "
        "last_tried = ?5, missing_table = ?6, missing_id = ?7, retry_at = "
        "?5 + " MSYNC_SQL_RETRY_PAUSE ", tries = tries + 1 WHERE id = ?1", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int64(stmt, 1, rowid);
    sqlite3_bind_text(stmt, 2, reason, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, field, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 4, msync_clock_format(store->batch_start, now), -1,
                      SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 5, store->batch_start);
    sqlite3_bind_text(stmt, 6, missing ? missing->name : NULL, -1,
                      SQLITE_STATIC);
    sqlite3_bind_text(stmt, 7, missing ? missing_id : NULL, -1,
                      SQLITE_STATIC);

    return msync_store_run(store, stmt, "marking a failed record", err);
}


int
msync_store_buffer_note(msync_store_t *store, int64_t rowid,
    msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_BUFFER_NOTE,
                            "UPDATE sync_buffer SET dismissed = 1 WHERE id = "
                            "?1", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int64(stmt, 1, rowid);

    return msync_store_run(store, stmt, "noting a record", err);
}


int
msync_store_buffer_postpone(msync_store_t *store, int64_t rowid,
    msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_BUFFER_POSTPONE,
        "UPDATE sync_buffer SET last_tried = ?2, retry_at = "
        "9223372036854775807 WHERE id = ?1", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int64(stmt, 1, rowid);
    sqlite3_bind_int64(stmt, 2, store->batch_start);

    return msync_store_run(store, stmt, "postponing a record", err);
}


int
msync_store_buffer_wake(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_BUFFER_WAKE,
        "UPDATE sync_buffer SET retry_at = NULL, missing_id = NULL WHERE "
        "missing_id = ?1 AND missing_table = ?2", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, table->name, -1, SQLITE_STATIC);

    return msync_store_run(store, stmt, "waking failed records", err);
}


int
msync_store_buffer_any(msync_store_t *store, bool *any, msync_err_t *err)
{
    return msync_store_found(store,
        msync_store_stmt(store, MSYNC_STMT_BUFFER_ANY,
                         "SELECT EXISTS (SELECT 1 FROM sync_buffer)", err),
        any, "looking into the buffer", err);
}


int
msync_store_buffer_remove(msync_store_t *store, const char *table,
    const char *id, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_BUFFER_REMOVE,
        "DELETE FROM sync_buffer WHERE record_id = ?1 AND table_name = ?2 "
        "AND action <> 'MERGE'", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, table, -1, SQLITE_STATIC);

    return msync_store_run(store, stmt, "removing a pulled record", err);
}


int
msync_store_buffer_supersede(msync_store_t *store,
    const msync_batch_t *batch, msync_err_t *err)
{
    bool    any;
    size_t  i;

    if (msync_store_buffer_any(store, &any, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    for (i = 0; any && i < batch->n; i++) {
        if (msync_store_buffer_remove(store, batch->records[i].table,
                                      batch->records[i].id, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


int
msync_store_buffer_wake_all(msync_store_t *store, msync_err_t *err)
{
    return msync_store_exec(store, "UPDATE sync_buffer SET retry_at = NULL "
                            "WHERE integration_datetime IS NULL AND "
                            "retry_at IS NOT NULL", err);
}


int
msync_store_buffer_wake_altered(msync_store_t *store, int64_t schema,
    msync_err_t *err)
{
    bool     any;
    int64_t  last = 0;

    if (msync_store_get_int(store, MSYNC_KEY_SCHEMA_TRIED, &last, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (last == schema) {
        return MSYNC_OK;
    }

    if (msync_store_found_own(store,
            sqlite3_mprintf("SELECT EXISTS (SELECT 1 FROM sync_buffer WHERE "
                            MSYNC_SQL_FAILED " AND retry_at IS NOT NULL)"),
            &any, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (!any) {
        return MSYNC_OK;
    }

    return msync_store_buffer_wake_all(store, err) == MSYNC_OK
           ? msync_store_set_int(store, MSYNC_KEY_SCHEMA_TRIED, schema, err)
           : MSYNC_ERROR;
}


int
msync_store_buffer_done(msync_store_t *store, const char *table,
    msync_action_e action, int64_t after, int64_t last, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_BUFFER_DONE,
        "DELETE FROM sync_buffer INDEXED BY msync_sync_buffer_pending WHERE "
        "table_name = ?1 AND action = ?2 AND " DUE " AND id > ?3 AND "
        "id <= ?4 AND last_tried IS NOT ?7", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, buffer_action_name(action), -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, after);
    sqlite3_bind_int64(stmt, 4, last);
    sqlite3_bind_int64(stmt, 7, store->batch_start);

    return msync_store_run(store, stmt, "removing integrated records", err);
}


static int
buffer_fail_table(msync_store_t *store, const char *table, msync_err_t *err)
{
    char           now[32];
    sqlite3_stmt  *stmt;

    bool  known = msync_catalogue_find(store->catalogue, table) != NULL;
    bool  later = !known && msync_catalogue_is_later(table);

    stmt = msync_store_prepare(store,
        "UPDATE sync_buffer SET integration_error = "
        "CASE WHEN ?6 OR side & ?8 THEN ?9 ELSE ?2 END, "
        "first_failed_datetime = ifnull(first_failed_datetime, ?3), "
        "last_tried = ?7, retry_at = ?7 + " MSYNC_SQL_RETRY_PAUSE ", "
        "tries = tries + 1, "
        "dismissed = max(dismissed, ?6 OR ifnull(side & ?8, 0) <> 0 "
        "OR (?5 AND action = 'DELETE' AND table_name <> '')) "
        "WHERE table_name = ?1 AND " DUE " "
        "AND (?5 OR action NOT IN ('UPSERT', 'DELETE', 'MERGE'))", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(stmt, 2, known ? "the action is none that is known"
                               : "the catalogue does not know this table",
                      -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, msync_clock_format(store->batch_start, now), -1,
                      SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 7, store->batch_start);
    sqlite3_bind_int(stmt, 5, !known);
    sqlite3_bind_int(stmt, 6, later);

    /* Open mSupply sends what its own translations name: what is unknown here
     * was added to them since.  What anybody deletes there is not here */

    if (!known && *table) {
        sqlite3_bind_int(stmt, 8, MSYNC_OMSUPPLY | MSYNC_V7);
    }

    sqlite3_bind_text(stmt, 9, "only servers of a later version have this "
                      "table", -1, SQLITE_STATIC);

    if (msync_store_run(store, stmt, "marking unknown tables", err)
        != MSYNC_OK)
    {
        sqlite3_finalize(stmt);
        return MSYNC_ERROR;
    }

    sqlite3_finalize(stmt);
    return MSYNC_OK;
}


int
msync_store_buffer_fail_unknown(msync_store_t *store, msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, "SELECT DISTINCT table_name FROM "
                               "sync_buffer INDEXED BY "
                               "msync_sync_buffer_pending WHERE "
                               "integration_datetime IS NULL", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    while (rc == MSYNC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        rc = buffer_fail_table(store,
                               (const char *) sqlite3_column_text(stmt, 0),
                               err);
    }

    if (rc == MSYNC_OK && code != SQLITE_DONE) {
        rc = msync_store_fault(store, "reading the buffer", err);
    }

    sqlite3_finalize(stmt);
    return rc;
}


int
msync_store_buffer_errors(msync_store_t *store, bool dismissed,
    unsigned limit, msync_failed_pt each, void *data, msync_err_t *err)
{
    int             code, rc = MSYNC_OK;
    sqlite3_stmt   *stmt;
    msync_failed_t  failed;

    stmt = msync_store_prepare(store,
        "SELECT table_name, record_id, 'PUSH', NULL, error, "
        "first_failed_datetime, tries FROM msync_refused WHERE dismissed = ?2 "
        "UNION ALL SELECT * FROM (SELECT table_name, record_id, action, "
        "error_field, integration_error, first_failed_datetime, tries FROM "
        "sync_buffer WHERE " MSYNC_SQL_FAILED " AND dismissed = ?2 ORDER BY "
        "id LIMIT ?1) LIMIT ?1", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int(stmt, 1, limit);
    sqlite3_bind_int(stmt, 2, dismissed);
    failed.dismissed = dismissed;

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        failed.table = (const char *) sqlite3_column_text(stmt, 0);
        failed.record_id = (const char *) sqlite3_column_text(stmt, 1);
        failed.action = (const char *) sqlite3_column_text(stmt, 2);
        failed.field = (const char *) sqlite3_column_text(stmt, 3);
        failed.error = (const char *) sqlite3_column_text(stmt, 4);
        failed.since = (const char *) sqlite3_column_text(stmt, 5);
        failed.tries = sqlite3_column_int64(stmt, 6);
        each(data, &failed);
    }

    if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, "reading failed records", err);
    }

    sqlite3_finalize(stmt);
    return rc;
}
