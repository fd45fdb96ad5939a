/*
 * Statements: how they are prepared, run and read.
 *
 * Promises: a statement that was run or read is reset, whatever came of it;
 * SQL of SQLite's own memory is freed.
 */

#include <errno.h>

#include "store/store_private.h"


sqlite3_stmt *
msync_store_prepare(msync_store_t *store, const char *sql, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                           &stmt, NULL)
        != SQLITE_OK)
    {
        msync_store_fault(store, "preparing a statement", err);
        return NULL;
    }

    return stmt;
}


sqlite3_stmt *
msync_store_prepare_own(msync_store_t *store, char *sql, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, msync_store_need(sql), err);
    sqlite3_free(sql);

    return stmt;
}


sqlite3_stmt *
msync_store_stmt(msync_store_t *store, msync_stmt_e which, const char *sql,
    msync_err_t *err)
{
    if (store->stmts[which] == NULL) {
        store->stmts[which] = msync_store_prepare(store, sql, err);
    }

    return store->stmts[which];
}


int
msync_store_run(msync_store_t *store, sqlite3_stmt *stmt, const char *what,
    msync_err_t *err)
{
    int  rc = MSYNC_OK;

    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    errno = 0;

    if (sqlite3_step(stmt) != SQLITE_DONE) {
        rc = msync_store_fault(store, what, err);
    }

    sqlite3_reset(stmt);
    return rc;
}


int
msync_store_exec(msync_store_t *store, const char *sql, msync_err_t *err)
{
    errno = 0;

    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return msync_store_fault(store, "database", err);
    }

    return MSYNC_OK;
}


int
msync_store_exec_own(msync_store_t *store, char *sql, msync_err_t *err)
{
    int  rc;

    rc = msync_store_exec(store, msync_store_need(sql), err);
    sqlite3_free(sql);

    return rc;
}


int
msync_store_exec_str(msync_store_t *store, sqlite3_str *sql,
    msync_err_t *err)
{
    bool   empty = sqlite3_str_errcode(sql) == SQLITE_OK
                   && sqlite3_str_length(sql) == 0;
    char  *text = sqlite3_str_finish(sql);

    return empty ? MSYNC_OK : msync_store_exec_own(store, text, err);
}


int
msync_store_scalar(msync_store_t *store, sqlite3_stmt *stmt, int64_t *value,
    const char *what, msync_err_t *err)
{
    int  code;

    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    *value = 0;
    code = sqlite3_step(stmt);

    if (code == SQLITE_ROW) {
        *value = sqlite3_column_int64(stmt, 0);

    } else if (code != SQLITE_DONE) {
        msync_store_fault(store, what, err);
        sqlite3_reset(stmt);
        return MSYNC_ERROR;
    }

    sqlite3_reset(stmt);
    return MSYNC_OK;
}


bool
msync_store_has_column(msync_store_t *store, const char *table,
    const char *column)
{
    return sqlite3_table_column_metadata(store->db, "main", table, column,
                                         NULL, NULL, NULL, NULL, NULL)
           == SQLITE_OK;
}


int
msync_store_number(msync_store_t *store, const char *sql, int64_t *value,
    msync_err_t *err)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, sql, err);
    rc = msync_store_scalar(store, stmt, value, "database", err);
    sqlite3_finalize(stmt);

    return rc;
}


int
msync_store_number_own(msync_store_t *store, char *sql, int64_t *value,
    msync_err_t *err)
{
    int  rc;

    rc = msync_store_number(store, msync_store_need(sql), value, err);
    sqlite3_free(sql);

    return rc;
}


int
msync_store_found_own(msync_store_t *store, char *sql, bool *found,
    msync_err_t *err)
{
    int64_t  value = 0;

    if (msync_store_number_own(store, sql, &value, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    *found = value != 0;
    return MSYNC_OK;
}


int
msync_store_text(msync_store_t *store, sqlite3_stmt *stmt, char **text,
    const char *what, msync_err_t *err)
{
    int  code, rc = MSYNC_OK;

    *text = NULL;

    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    code = sqlite3_step(stmt);

    if (code == SQLITE_ROW) {
        *text = msync_strdup((const char *) sqlite3_column_text(stmt, 0));

    } else if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, what, err);
    }

    sqlite3_reset(stmt);
    return rc;
}


int
msync_store_found(msync_store_t *store, sqlite3_stmt *stmt, bool *found,
    const char *what, msync_err_t *err)
{
    int64_t  value;

    if (msync_store_scalar(store, stmt, &value, what, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    *found = value != 0;
    return MSYNC_OK;
}
