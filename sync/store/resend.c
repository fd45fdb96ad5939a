/*
 * Sending again: rows of which nobody knows whether central has them as they
 * are, for the triggers of their table were lost, or the changelog was.
 *
 * Promises: what this site may send is sent again; rows that have lost a value
 * with its column, rows from before msync, what central takes only once and
 * has, and what by v7 it takes from others alone are not.  Where the triggers
 * were lost, which few rows were changed without, what central has changed
 * meanwhile comes first, and its rows are not sent (send.h); where the
 * changelog was, changes waited in it, and they go out before.
 */

#include "store/schema_private.h"
#include "store/store_private.h"
#include "base/log.h"


static int resend_site(msync_store_t *store, int64_t *id, bool *in_use,
    msync_err_t *err);
static int resend_put_empty(msync_store_t *store, const msync_table_t *table,
    sqlite3_str *sql, msync_err_t *err);
static int resend_lost(msync_store_t *store, const msync_table_t *table,
    char **empty, msync_err_t *err);
static int resend_take_back(msync_store_t *store, const msync_table_t *table,
    char *rows, char *row, int64_t *n, msync_err_t *err);
static int resend_doubt(msync_store_t *store, const msync_table_t *table,
    int64_t site, const char *empty, int64_t *n, msync_err_t *err);
static int resend_queue(msync_store_t *store, const msync_table_t *table,
    int64_t site, int64_t *n, msync_err_t *err);
static int resend_run(msync_store_t *store, const msync_table_t *table,
    sqlite3_str *sql, int64_t site, int64_t *n, msync_err_t *err);


/* `in_use`: a site that has not come to its first success has nothing to send
 * yet; `id` is that of the site, -1: central has not said it */

static int
resend_site(msync_store_t *store, int64_t *id, bool *in_use, msync_err_t *err)
{
    msync_site_t  site;

    *id = -1;

    if (msync_store_site_get(store, &site, err) != MSYNC_OK
        || msync_store_get_int(store, MSYNC_KEY_SITE_ID, id, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *in_use = msync_store_site_in_use(site.state);

    return MSYNC_OK;
}


int
msync_store_resend(msync_store_t *store, const bool *triggers,
    msync_err_t *err)
{
    int                   rc;
    bool                  in_use;
    char                 *empty;
    size_t                i;
    int64_t               id, n;
    const msync_table_t  *table;

    if (resend_site(store, &id, &in_use, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    for (i = 0; in_use && i < store->catalogue->n; i++) {
        table = &store->catalogue->tables[i];

        if (!triggers[i]) {
            continue;
        }

        if (resend_lost(store, table, &empty, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        rc = resend_doubt(store, table, id, empty, &n, err);

        if (rc == MSYNC_OK && empty != NULL) {
            msync_log(MSYNC_LOG_WARN, "table \"%s\": a column of it was gone, "
                      "and its triggers. Those of its rows that have a value "
                      "in it now, %lld, are sent again; the other rows are not "
                      "sent again, for central may have more in it, and what "
                      "was changed of them meanwhile stays here. \"msync "
                      "reinitialise\" fetches what central has", table->sql,
                      (long long) n);
        }

        if (rc != MSYNC_OK || empty != NULL) {
            sqlite3_free(empty);

            if (rc != MSYNC_OK) {
                return MSYNC_ERROR;
            }

            continue;
        }

        msync_log(MSYNC_LOG_WARN, "table \"%s\": its triggers were gone or "
                  "changed, so nobody knows what was changed meanwhile. All "
                  "its rows that this site may send, %lld, are sent again by "
                  "the next sync, but for those that central has changed since "
                  "the last one; rows that were deleted meanwhile stay at "
                  "central", table->sql, (long long) n);
    }

    return MSYNC_OK;
}


/* a column that was made anew has its default, or nothing, in each row */

static int
resend_put_empty(msync_store_t *store, const msync_table_t *table,
    sqlite3_str *sql, msync_err_t *err)
{
    int            rc;
    char          *value, *id, *name;
    size_t         i;
    int64_t        lost;
    sqlite3_stmt  *stmt;

    for (i = 0; i < table->n; i++) {
        lost = 0;
        name = table->fields[i].name;
        id = msync_store_need(sqlite3_mprintf(MSYNC_KEY_LOST_FIELD "%s.%s",
                                              table->name, name));
        rc = msync_store_get_int(store, id, &lost, err);
        sqlite3_free(id);

        if (rc != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        if (lost == 0) {
            continue;
        }

        stmt = msync_store_prepare_own(store,
                   sqlite3_mprintf("SELECT dflt_value FROM pragma_table_info("
                                   "%Q) WHERE name = %Q COLLATE NOCASE",
                                   table->sql, name), err);
        rc = msync_store_text(store, stmt, &value, table->name, err);
        sqlite3_finalize(stmt);

        if (rc != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        /* it may end in a comment, whose end of line SQLite does not keep */
        sqlite3_str_appendf(sql, "%st.\"%w\" IS NULL OR t.\"%w\" IS (%s\n)",
                            sqlite3_str_length(sql) ? " OR " : "", name, name,
                            value ? value : "NULL");
        msync_free(&value);
    }

    return MSYNC_OK;
}


/* the condition of rows `t` that have lost a value since a field of theirs was
 * seen without its column (migrate.c); NULL: none was.  For sqlite3_free() */

static int
resend_lost(msync_store_t *store, const msync_table_t *table, char **empty,
    msync_err_t *err)
{
    int           rc;
    sqlite3_str  *sql = sqlite3_str_new(store->db);

    rc = resend_put_empty(store, table, sql, err);
    *empty = sqlite3_str_finish(sql);

    if (rc != MSYNC_OK) {
        sqlite3_free(*empty);
        *empty = NULL;
    }

    return rc;
}


int
msync_store_resend_all(msync_store_t *store, msync_err_t *err)
{
    bool                  in_use;
    size_t                i;
    int64_t               id, n, all = 0;
    const msync_table_t  *table;

    if (resend_site(store, &id, &in_use, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    /* whose rows are this site's */
    if (id == -1) {
        return in_use ? msync_store_set_int(store, MSYNC_KEY_RESEND, 1, err)
                      : MSYNC_OK;
    }

    for (i = 0; in_use && i < store->catalogue->n; i++) {
        table = &store->catalogue->tables[i];

        /* central would refuse a second time what it takes only once */
        if (table->push == 0 || msync_table_is_once(table)) {
            continue;
        }

        if (resend_queue(store, table, id, &n, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        all += n;
    }

    if (in_use) {
        msync_log(MSYNC_LOG_WARN, "the changelog was dropped, and with it "
                  "which rows wait to be sent: all that this site may send, "
                  "%lld, are sent again; deletes that were not sent are lost",
                  (long long) all);
    }

    return msync_store_unset(store, MSYNC_KEY_RESEND, err);
}


int
msync_store_resend_due(msync_store_t *store, msync_err_t *err)
{
    int64_t  due = 0;

    if (msync_store_get_int(store, MSYNC_KEY_RESEND, &due, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (due == 0) {
        return MSYNC_OK;
    }

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_resend_all(store, err) != MSYNC_OK) {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}


/* lists the rows of a table as doubted, but for those that are `empty`; `n` is
 * how many */

static int
resend_doubt(msync_store_t *store, const msync_table_t *table, int64_t site,
    const char *empty, int64_t *n, msync_err_t *err)
{
    sqlite3_str  *sql = sqlite3_str_new(store->db);

    msync_store_put_doubt(sql, table, store->changes_filter);

    if (empty != NULL) {
        sqlite3_str_appendf(sql, " AND record_id NOT IN (SELECT t.\"%w\" FROM "
                            "\"%w\" AS t WHERE t.\"%w\" IS NOT NULL AND "
                            "(%s))", table->fields[table->key].name, table->sql,
                            table->fields[table->key].name, empty);
    }

    /* what the changelog knows was sent, or waits */
    if (msync_table_is_once(table)) {
        sqlite3_str_appendf(sql, " AND record_id NOT IN (SELECT record_id "
                            "FROM changelog WHERE table_name = %Q)",
                            table->name);
    }

    /* what is on the list as never sent stays so, and is not counted */
    sqlite3_str_appendall(sql, " ON CONFLICT (table_name, record_id) DO UPDATE "
                          "SET doubted = 1 WHERE doubted");

    return resend_run(store, table, sql, site, n, err) == MSYNC_OK
           ? resend_take_back(store, table,
                 sqlite3_mprintf("SELECT record_id, record_id FROM "
                                 "msync_never_sent WHERE table_name = %Q AND "
                                 "doubted", table->name),
                 sqlite3_mprintf("DELETE FROM msync_never_sent WHERE "
                                 "table_name = %Q AND record_id = ?1",
                                 table->name), n, err)
           : MSYNC_ERROR;
}


/* puts the rows of a table into the changelog */

static int
resend_queue(msync_store_t *store, const msync_table_t *table, int64_t site,
    int64_t *n, msync_err_t *err)
{
    int64_t       after;
    sqlite3_str  *sql;

    if (msync_store_changelog_end(store, &after, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    sql = sqlite3_str_new(store->db);
    msync_store_put_queue(sql, table, store->changes_filter);
    sqlite3_str_appendf(sql, " AND record_id NOT IN (SELECT record_id FROM "
                        "msync_never_sent WHERE table_name = %Q AND NOT "
                        "doubted)", table->name);

    return resend_run(store, table, sql, site, n, err) == MSYNC_OK
           ? resend_take_back(store, table,
                 sqlite3_mprintf("SELECT cursor, record_id FROM changelog "
                                 "WHERE cursor > %lld ORDER BY cursor",
                                 (long long) after),
                 sqlite3_mprintf("DELETE FROM changelog WHERE cursor = ?1"),
                 n, err)
           : MSYNC_ERROR;
}


static int
resend_run(msync_store_t *store, const msync_table_t *table, sqlite3_str *sql,
    int64_t site, int64_t *n, msync_err_t *err)
{
    int            rc;
    sqlite3_stmt  *stmt;

    *n = 0;
    stmt = msync_store_prepare_own(store, sqlite3_str_finish(sql), err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int64(stmt, 1, site);
    rc = msync_store_run(store, stmt, table->name, err);
    *n = rc == MSYNC_OK ? sqlite3_changes(store->db) : 0;
    sqlite3_finalize(stmt);

    return rc;
}


/*
 * Takes back what by v7 is a row of others, as central's own messages to all
 * sites: that these stay here is no fault.  A row that cannot be read is told
 * when it is to be sent.  `rows`: SQL that finds of each row what `row`, SQL
 * that takes it back, knows it by, and its id; both for sqlite3_free().
 */

static int
resend_take_back(msync_store_t *store, const msync_table_t *table, char *rows,
    char *row, int64_t *n, msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    bool           others;
    unsigned       sides;
    msync_err_t    fault;
    sqlite3_stmt  *each, *back;

    each = msync_store_prepare_own(store, rows, err);
    back = msync_store_prepare_own(store, row, err);

    if (each == NULL || back == NULL
        || msync_store_sides(store, &sides, err) != MSYNC_OK
        || msync_store_silence(store, true, err) != MSYNC_OK)
    {
        rc = MSYNC_ERROR;
        goto done;
    }

    code = SQLITE_DONE;

    while ((sides & table->push & MSYNC_V7)
           && (code = sqlite3_step(each)) == SQLITE_ROW)
    {
        if (msync_store_row_is_others(store, table,
                (const char *) sqlite3_column_text(each, 1), &others, &fault)
            != MSYNC_OK || !others)
        {
            continue;
        }

        sqlite3_bind_value(back, 1, sqlite3_column_value(each, 0));
        rc = msync_store_run(store, back, table->name, err);
        if (rc != MSYNC_OK) {
            goto done;
        }

        (*n)--;
    }

    rc = code == SQLITE_DONE ? msync_store_silence(store, false, err)
                             : msync_store_fault(store, table->name, err);

done:

    sqlite3_finalize(each);
    sqlite3_finalize(back);

    return rc;
}
