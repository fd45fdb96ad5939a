/*
 * Tables that a tables file gives another name.
 *
 * The name that a table of the wire has in the database is kept in
 * key_value_store, so that the next name finds its rows.
 *
 * Promises: a table keeps its rows whatever it is called, and what refers to
 * it follows; a table with rows is never dropped, nor is one that is not
 * ours.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/schema_private.h"
#include "store/store_private.h"


/* copying into the second would leave the foreign keys with the first */
#define ADVICE_ROWS                                                           \
    "Copy what only the second table has into the first one, then drop the "  \
    "second: the first one gets its name at the next start. Nothing was "     \
    "changed."
#define ADVICE_NAME                                                           \
    "Choose another name in the tables file. Nothing was changed."


static bool rename_is_ours(msync_store_t *store, const char *table);
static bool rename_table_exists(msync_store_t *store, const char *table);
static int rename_has_rows(msync_store_t *store, const char *table, bool *rows,
    msync_err_t *err);
static int rename_find_moved(msync_store_t *store, const msync_table_t *table,
    char **name, msync_err_t *err);
static int rename_drop_objects(msync_store_t *store, const char *type,
    const char *table, msync_err_t *err);
static int rename_take_name(msync_store_t *store, const msync_table_t *table,
    const char *interim, const char *before, msync_err_t *err);
static int rename_move_tables(msync_store_t *store, char **moved,
    msync_err_t *err);


/* every table of ours has that column, and hardly one of an application */

static bool
rename_is_ours(msync_store_t *store, const char *table)
{
    return msync_store_has_column(store, table, "msync_extra");
}


static bool
rename_table_exists(msync_store_t *store, const char *table)
{
    return msync_store_has_column(store, table, NULL);
}


static int
rename_has_rows(msync_store_t *store, const char *table, bool *rows,
    msync_err_t *err)
{
    return msync_store_found_own(store,
               sqlite3_mprintf("SELECT EXISTS (SELECT 1 FROM \"%w\")", table),
               rows, err);
}


/*
 * What the table is called in the database, NULL where that is its name now
 * or it is not there.  Nothing was written down for a table that always had
 * its own name; another one may have it by now.
 */

static int
rename_find_moved(msync_store_t *store, const msync_table_t *table, char **name,
    msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    const char    *now;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store,
               "SELECT ifnull((SELECT value_string FROM key_value_store WHERE "
               "id = '" MSYNC_KEY_TABLE "' || ?1), (SELECT ?1 WHERE NOT EXISTS "
               "(SELECT 1 FROM key_value_store WHERE substr(id, 1, 12) = "
               "'" MSYNC_KEY_TABLE "' AND value_string = ?1 COLLATE "
               "NOCASE)))", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
    code = sqlite3_step(stmt);
    now = code == SQLITE_ROW ? (const char *) sqlite3_column_text(stmt, 0)
                             : NULL;

    if (now != NULL && strcasecmp(now, table->sql) != 0
        && rename_is_ours(store, now))
    {
        *name = msync_strdup(now);
    }

    if (code != SQLITE_ROW) {
        rc = msync_store_fault(store, "table names", err);
    }

    sqlite3_finalize(stmt);
    return rc;
}


/* triggers that name other tables would not survive a moment without them,
 * indexes would keep the old name; the schema makes both anew */

static int
rename_drop_objects(msync_store_t *store, const char *type, const char *table,
    msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    sqlite3_str   *sql;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, "SELECT name FROM sqlite_master WHERE "
                               "type = ?1 AND name LIKE 'msync\\_%' ESCAPE "
                               "'\\' AND (?2 IS NULL OR tbl_name = ?2 COLLATE "
                               "NOCASE)", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, type, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, table, -1, SQLITE_STATIC);
    sql = sqlite3_str_new(store->db);

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        sqlite3_str_appendf(sql, "DROP %s \"%w\";", type,
                            (const char *) sqlite3_column_text(stmt, 0));
    }

    if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, "table names", err);
    }

    sqlite3_finalize(stmt);

    if (rc != MSYNC_OK) {
        sqlite3_free(sqlite3_str_finish(sql));
        return MSYNC_ERROR;
    }

    return msync_store_exec_str(store, sql, err);
}


/*
 * From its interim name to its new one.  Where a table of ours has that
 * already, one of the two has to be empty; which of them others refer to is
 * not known, so both names lead to what is left.
 */

static int
rename_take_name(msync_store_t *store, const msync_table_t *table,
    const char *interim, const char *before, msync_err_t *err)
{
    bool         rows, others;
    const char  *name = table->sql;

    if (!rename_table_exists(store, name)) {
        return msync_store_exec_own(store,
                   sqlite3_mprintf("ALTER TABLE \"%w\" RENAME TO \"%w\"",
                                   interim, name), err);
    }

    if (!rename_is_ours(store, name)) {
        msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "table \"%s\" cannot be "
                      "called \"%s\": the database has a table of that name "
                      "that msync did not make", table->name, name);
        err->advice = ADVICE_NAME;
        return MSYNC_ERROR;
    }

    if (rename_has_rows(store, interim, &rows, err) != MSYNC_OK
        || rename_has_rows(store, name, &others, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (rows && others) {
        msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "table \"%s\" is to be "
                      "called \"%s\", but both \"%s\" and \"%s\" have rows",
                      table->name, name, before, name);
        err->advice = ADVICE_ROWS;
        return MSYNC_ERROR;
    }

    if (!others) {
        return msync_store_exec_own(store,
                   sqlite3_mprintf("DROP TABLE \"%w\";"
                                   "ALTER TABLE \"%w\" RENAME TO \"%w\"",
                                   name, interim, name), err);
    }

    return msync_store_exec_own(store,
               sqlite3_mprintf("DROP TABLE \"%w\";"
                               "ALTER TABLE \"%w\" RENAME TO \"%w\";"
                               "ALTER TABLE \"%w\" RENAME TO \"%w\"",
                               interim, name, interim, interim, name), err);
}


/* two tables may change their names with each other: all get interim names,
 * under the number that they have in the catalogue */

static int
rename_move_tables(msync_store_t *store, char **moved, msync_err_t *err)
{
    char    interim[32];
    size_t  i;

    for (i = 0; i < store->catalogue->n; i++) {
        sqlite3_snprintf(sizeof(interim), interim, "msync_interim_%d", (int) i);

        if (moved[i] != NULL
            && (rename_drop_objects(store, "index", moved[i], err) != MSYNC_OK
                || msync_store_exec_own(store,
                       sqlite3_mprintf("ALTER TABLE \"%w\" RENAME TO \"%w\"",
                                       moved[i], interim), err) != MSYNC_OK))
        {
            return MSYNC_ERROR;
        }
    }

    for (i = 0; i < store->catalogue->n; i++) {
        sqlite3_snprintf(sizeof(interim), interim, "msync_interim_%d", (int) i);

        if (moved[i] != NULL
            && rename_take_name(store, &store->catalogue->tables[i], interim,
                                moved[i], err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


int
msync_store_rename_tables(msync_store_t *store, msync_err_t *err)
{
    int      rc = MSYNC_OK;
    bool     any = false;
    char   **moved;
    size_t   i;

    moved = msync_calloc(store->catalogue->n, sizeof(char *));

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        rc = rename_find_moved(store, &store->catalogue->tables[i], &moved[i],
                               err);
        any = any || moved[i] != NULL;
    }

    if (rc == MSYNC_OK && any) {
        rc = rename_drop_objects(store, "trigger", NULL, err);
    }

    if (rc == MSYNC_OK && any) {
        rc = rename_move_tables(store, moved, err);
    }

    for (i = 0; i < store->catalogue->n; i++) {
        free(moved[i]);
    }

    msync_free(&moved);
    return rc;
}


int
msync_store_note_names(msync_store_t *store, msync_err_t *err)
{
    int                   rc = MSYNC_OK;
    size_t                i;
    sqlite3_stmt         *stmt;
    const msync_table_t  *table;

    stmt = msync_store_prepare(store, "INSERT INTO key_value_store (id, "
               "value_string) SELECT '" MSYNC_KEY_TABLE "' || ?1, ?2 WHERE "
               "?1 <> ?2 OR EXISTS (SELECT 1 FROM key_value_store WHERE id = "
               "'" MSYNC_KEY_TABLE "' || ?1) ON CONFLICT (id) DO UPDATE SET "
               "value_string = excluded.value_string", err);

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        table = &store->catalogue->tables[i];

        if (stmt != NULL) {
            sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
            sqlite3_bind_text(stmt, 2, table->sql, -1, SQLITE_STATIC);
        }

        rc = msync_store_run(store, stmt, "table names", err);
    }

    sqlite3_finalize(stmt);
    return rc;
}
