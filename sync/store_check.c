/*
 * Checking, and beginning again.
 *
 * Promises: a check changes nothing and tells everything it finds; beginning
 * again loses no change that central has not got, unless that was said.
 */

#include <stdio.h>
#include <string.h>

#include "store_sqlite.h"

#define FINDINGS_MAX  100          /* of one kind: more say nothing more */

typedef struct {
    msync_finding_pt  each;
    void             *data;
} report_t;


/* reports each row of a query whose first column is a sentence */

static int
report_rows(msync_store_t *store, const report_t *report, const char *sql,
    msync_err_t *err)
{
    int            code, n = 0, rc = MSYNC_OK;
    const char    *text;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, sql, err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW && n++ < FINDINGS_MAX) {
        text = (const char *) sqlite3_column_text(stmt, 0);
        report->each(report->data, text ? text : "");
    }

    if (code != SQLITE_DONE && code != SQLITE_ROW) {
        rc = msync_store_fault(store, "checking", err);
    }

    sqlite3_finalize(stmt);
    return rc;
}


/* tables and triggers of the catalogue that are not there */

static int
check_schema(msync_store_t *store, const report_t *report, msync_err_t *err)
{
    int                   rc;
    char                 *text;
    size_t                i, j;
    sqlite3_str          *sql;
    const msync_table_t  *table;

    static const char *const  events[] = { "INSERT", "UPDATE", "DELETE" };

    sql = sqlite3_str_new(store->db);
    sqlite3_str_appendall(sql, "SELECT kind || ' \"' || expected || '\" is "
                          "missing: start the helper, it makes it again' "
                          "FROM (SELECT NULL AS kind, NULL AS expected");

    for (i = 0; i < store->catalogue->n; i++) {
        table = &store->catalogue->tables[i];
        sqlite3_str_appendf(sql, " UNION ALL SELECT 'table', %Q",
                            table->sql);

        for (j = 0; table->push != 0 && j < 3; j++) {
            sqlite3_str_appendf(sql, " UNION ALL SELECT 'trigger', "
                                "'msync_%q_%s'", table->sql, events[j]);
        }
    }

    sqlite3_str_appendall(sql, ") WHERE kind IS NOT NULL AND NOT EXISTS "
                          "(SELECT 1 FROM sqlite_master WHERE type = kind "
                          "AND name = expected COLLATE NOCASE)");

    text = sqlite3_str_finish(sql);
    rc = text ? report_rows(store, report, text, err) : MSYNC_OK;
    sqlite3_free(text);

    return rc;
}


int
msync_store_check(msync_store_t *store, msync_finding_pt each, void *data,
    msync_err_t *err)
{
    size_t    i;
    report_t  report = { each, data };

    static const char *const  queries[] = {
        "SELECT 'file: ' || integrity_check FROM pragma_integrity_check "
        "WHERE integrity_check <> 'ok'",

        "SELECT 'foreign key: a row of \"' || \"table\" || '\" (rowid ' || "
        "ifnull(rowid, '?') || ') refers to a row of \"' || parent || '\" "
        "that is not there' FROM pragma_foreign_key_check",

        /* a cursor beyond the changelog would skip what comes next */
        "SELECT 'cursor: ' || id || ' is ' || value_int || ', beyond the "
        "end of the changelog' FROM key_value_store WHERE id IN "
        "('" MSYNC_KEY_PUSH_CURSOR "', '" MSYNC_KEY_PUSH_V6_CURSOR "') AND "
        "value_int > 1 + ifnull((SELECT seq FROM sqlite_sequence WHERE name "
        "= 'changelog'), 0)",

        "SELECT 'cursor: ' || id || ' is negative' FROM key_value_store "
        "WHERE id LIKE '%CURSOR%' AND value_int < 0",

        "SELECT 'changelog: silenced for every connection (msync_flag)' "
        "FROM msync_flag WHERE integrating",

        "SELECT 'buffer: ' || count(*) || ' records failed to integrate, "
        "see \"msync errors\"' FROM sync_buffer WHERE integration_datetime "
        "IS NULL AND integration_error IS NOT NULL HAVING count(*) > 0",

        "SELECT 'push: ' || count(*) || ' records were refused by central, "
        "see \"msync errors\"' FROM msync_refused HAVING count(*) > 0"
    };

    if (check_schema(store, &report, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    for (i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
        if (report_rows(store, &report, queries[i], err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


int
msync_store_reinitialise(msync_store_t *store, bool discard,
    msync_err_t *err)
{
    static const char  forget[] =
        "DELETE FROM sync_buffer;"
        "DELETE FROM key_value_store WHERE id IN ("
        "'" MSYNC_KEY_PULL_CENTRAL_CURSOR "', '" MSYNC_KEY_PULL_V6_CURSOR "',"
        "'" MSYNC_KEY_PULL_CENTRAL_MAX "', '" MSYNC_KEY_PULL_V6_MAX "',"
        "'" MSYNC_KEY_PREPARED "', '" MSYNC_KEY_SITE_UUID "');";

    static const char  discard_unsent[] =
        "DELETE FROM changelog; DELETE FROM msync_refused;";

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_exec(store, forget, err) != MSYNC_OK
        || (discard && msync_store_exec(store, discard_unsent, err)
                       != MSYNC_OK))
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}
