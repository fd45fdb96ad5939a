/*
 * Tables of the catalogue that are in the database already: the application's
 * own, or those of an earlier catalogue.
 *
 * Promises: a table that cannot serve is refused before anything is altered;
 * one that can gets the columns that it lacks and loses nothing; a column that
 * was renamed comes back with its values.
 */

#include "catalogue/v7.h"
#include "store/schema_private.h"
#include "store/store_private.h"
#include "base/log.h"

#define ADVICE_TABLE                                                          \
    "Where it is mSupply's table, made anew without its key, give it one: "   \
    "CREATE UNIQUE INDEX name ON table (column). Where it is another table, " \
    "let msync's have another name, by [{\"table\": \"its name\", "           \
    "\"rename\": \"another name\"}] in the file of the directive \"tables\". " \
    "Nothing was changed."


static int tables_check_table(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err);
static void tables_switch_others(msync_store_t *store, int on);
static int tables_check(msync_store_t *store, msync_err_t *err);
static void tables_add_missing_columns(msync_store_t *store,
    const msync_table_t *table, bool strict, sqlite3_str *sql);
static int tables_find_renamed(msync_store_t *store, const msync_table_t *table,
    size_t i, char **name, msync_err_t *err);
static int tables_add_renamed_values(msync_store_t *store,
    const msync_table_t *table, sqlite3_str *sql, msync_err_t *err);
static void tables_add_v7_values(msync_store_t *store,
    const msync_table_t *table, sqlite3_str *sql);
static int tables_add_columns(msync_store_t *store, const msync_table_t *table,
    bool known, msync_err_t *err);
static int tables_take(msync_store_t *store, const msync_table_t *table,
    bool known, msync_err_t *err);


/* a generated column, a CHECK or an index may need one: Django's CHECKs a
 * REGEXP */

bool
msync_store_is_unknown(msync_store_t *store)
{
    size_t       i;
    const char  *text = sqlite3_errmsg(store->db);

    static const char *const  words[] = {
        "unknown function: *", "no such function: *",
        "no such collation sequence: *"
    };

    for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (sqlite3_strglob(words[i], text) == 0) {
            return true;
        }
    }

    return false;
}


/*
 * What stands under the name of a table has to serve as that: rows are
 * written by their key, and other tables refer to it.  SQLite decides that as
 * it will when a row comes.  Where it cannot be decided here, each row that
 * comes is refused with the reason: MSYNC_DONE.
 */

static int
tables_check_table(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err)
{
    int            rc = MSYNC_OK, primary = 1;
    size_t         i;
    const char    *key = table->fields[table->key].name, *collation;
    const char    *type = NULL, *why = NULL;
    sqlite3_str   *sql;
    sqlite3_stmt  *stmt;

    (void) sqlite3_table_column_metadata(store->db, "main", table->sql, key,
                                         &type, &collation, NULL, &primary,
                                         NULL);

    /* the rowid; ids are texts */
    if (primary && type != NULL && sqlite3_stricmp(type, "INTEGER") == 0) {
        why = "an INTEGER PRIMARY KEY takes numbers alone";
    }

    sql = sqlite3_str_new(store->db);
    sqlite3_str_appendf(sql, "INSERT INTO \"%w\" (\"%w\") VALUES (NULL) ON "
                        "CONFLICT (\"%w\"", table->sql, key, key);

    /* a reference needs an index that orders as the column does */
    if (!primary) {
        sqlite3_str_appendf(sql, " COLLATE \"%w\"", collation);
    }

    sqlite3_str_appendf(sql, ") DO UPDATE SET \"%w\" = NULL", key);

    for (i = 0; i < table->n; i++) {
        if (msync_store_has_column(store, table->sql,
                                   table->fields[i].name))
        {
            sqlite3_str_appendf(sql, ", \"%w\" = NULL",
                                table->fields[i].name);
        }
    }

    stmt = msync_store_prepare_own(store, sqlite3_str_finish(sql), err);

    if (stmt == NULL && msync_store_is_unknown(store)) {
        rc = MSYNC_DONE;

        msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "table \"%s\": a "
                      "generated column, a CHECK or an index of the "
                      "application's needs what only the application has "
                      "(%s); what central sends of this table is kept, and "
                      "becomes rows when that is gone", table->sql,
                      sqlite3_errmsg(store->db));

    } else if (stmt == NULL || why != NULL) {
        rc = MSYNC_ERROR;

        if (stmt != NULL || sqlite3_errcode(store->db) == SQLITE_ERROR) {
            msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "table \"%s\": what "
                          "the application made under this name cannot serve "
                          "as msync's: its column \"%s\" has to be the whole "
                          "PRIMARY KEY or UNIQUE and to take texts, and none "
                          "of msync's may be generated (%s)", table->sql, key,
                          stmt == NULL ? sqlite3_errmsg(store->db) : why);
            err->advice = ADVICE_TABLE;
        }
    }

    sqlite3_finalize(stmt);
    return rc;
}


/* a statement is made with what its table's triggers and references need, and
 * of that something may be missing that is about to be made */

static void
tables_switch_others(msync_store_t *store, int on)
{
    (void) sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, on,
                             NULL);
    (void) sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_FKEY, on,
                             NULL);
}


static int
tables_check(msync_store_t *store, msync_err_t *err)
{
    int            rc = MSYNC_OK;
    bool           there;
    size_t         i;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, "SELECT 1 FROM sqlite_master WHERE type "
                               "IN ('table', 'view') AND name = ?1 COLLATE "
                               "NOCASE", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    tables_switch_others(store, 0);

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        sqlite3_bind_text(stmt, 1, store->catalogue->tables[i].sql, -1,
                          SQLITE_STATIC);
        rc = msync_store_found(store, stmt, &there, "reading the schema",
                               err);

        if (rc == MSYNC_OK && there) {
            rc = tables_check_table(store, &store->catalogue->tables[i], err);
        }

        if (rc == MSYNC_DONE) {
            msync_log(MSYNC_LOG_WARN, "%s", err->text);
            msync_err_clear(err);
            rc = MSYNC_OK;
        }
    }

    tables_switch_others(store, 1);
    sqlite3_finalize(stmt);

    return rc;
}


int
msync_store_check_tables(msync_store_t *store, msync_finding_pt each,
    void *data, msync_err_t *err)
{
    int     rc = MSYNC_OK;
    size_t  i;

    const msync_table_t  *table;

    tables_switch_others(store, 0);

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        table = &store->catalogue->tables[i];

        /* without its key or as a view it is told of already */
        if (!msync_store_has_column(store, table->sql,
                                    table->fields[table->key].name))
        {
            continue;
        }

        msync_store_check_affinity(store, table, each, data);
        rc = tables_check_table(store, table, err);

        if (rc == MSYNC_DONE
            || (rc == MSYNC_ERROR
                && (sqlite3_errcode(store->db) & 0xff) == SQLITE_ERROR))
        {
            each(data, err->text);
            msync_err_clear(err);
            rc = MSYNC_OK;
        }
    }

    tables_switch_others(store, 1);
    return rc;
}


/*
 * A table that exists with fewer columns (an older catalogue, or the
 * application's own) gets the missing ones.  SQLite adds no NOT NULL column
 * without a default, so such a one comes without the constraint.
 */

static void
tables_add_missing_columns(msync_store_t *store, const msync_table_t *table,
    bool strict, sqlite3_str *sql)
{
    size_t                i;
    const msync_field_t  *field;

    for (i = 0; i < table->n; i++) {
        field = &table->fields[i];

        if (!msync_store_has_column(store, table->sql, field->name)) {
            sqlite3_str_appendf(sql, "ALTER TABLE \"%w\" ADD COLUMN \"%w\" "
                                "%s;\n", table->sql, field->name,
                                msync_store_column_type(field, strict));
        }
    }

    if (table->soft_is_local
        && !msync_store_has_column(store, table->sql, table->soft_column))
    {
        sqlite3_str_appendf(sql, "ALTER TABLE \"%w\" ADD COLUMN \"%w\" "
                            "%s;\n", table->sql, table->soft_column,
                            msync_store_soft_type(table, strict));
    }

    if (!msync_store_has_column(store, table->sql, "msync_extra")) {
        sqlite3_str_appendf(sql, "ALTER TABLE \"%w\" ADD COLUMN msync_extra "
                            "TEXT;\n", table->sql);
    }
}


/*
 * ALTER TABLE RENAME COLUMN leaves a column at its place: where msync_extra,
 * the last column of a table that msync made, is at its own, what stands where
 * the field was and is no field has its values.  In a table of a msync that
 * knew no v7 it is behind the fields of v5 and v6.  NULL: nothing is to be
 * found; owned by the caller.
 */

static int
tables_find_renamed(msync_store_t *store, const msync_table_t *table, size_t i,
    char **name, msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    size_t         j, n;
    const char    *found;
    sqlite3_stmt  *stmt;

    *name = NULL;

    for (n = 0; n < table->n && !table->fields[n].v7_only; n++) {
        /* void */
    }

    stmt = msync_store_prepare(store, "SELECT name FROM pragma_table_info(?1) "
                               "WHERE cid = ?2 AND EXISTS (SELECT 1 FROM "
                               "pragma_table_info(?1) WHERE name = "
                               "'msync_extra' AND (cid = ?3 OR (cid = ?4 AND "
                               "?2 < ?5)))", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table->sql, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 2, (int) i);
    sqlite3_bind_int(stmt, 3, (int) (table->n + table->soft_is_local));
    sqlite3_bind_int(stmt, 4, (int) (n + (table->soft_is_local
                                          || (table->soft_field != NULL
                                              && table->soft_field->v7_only))));
    sqlite3_bind_int(stmt, 5, (int) n);
    code = sqlite3_step(stmt);

    if (code == SQLITE_ROW) {
        found = (const char *) sqlite3_column_text(stmt, 0);

        for (j = 0; j < table->n; j++) {
            if (sqlite3_stricmp(found, table->fields[j].name) == 0) {
                break;
            }
        }

        if (j == table->n
            && (table->soft_column == NULL
                || sqlite3_stricmp(found, table->soft_column) != 0))
        {
            *name = msync_strdup(found);
        }

    } else if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, table->sql, err);
    }

    sqlite3_finalize(stmt);
    return rc;
}


/* SQL that fills the columns which are about to be added */

static int
tables_add_renamed_values(msync_store_t *store, const msync_table_t *table,
    sqlite3_str *sql, msync_err_t *err)
{
    int     rc = MSYNC_OK;
    char   *name;
    size_t  i;

    for (i = 0; rc == MSYNC_OK && i < table->n; i++) {
        if (msync_store_has_column(store, table->sql, table->fields[i].name))
        {
            continue;
        }

        rc = tables_find_renamed(store, table, i, &name, err);

        if (name != NULL) {
            msync_log(MSYNC_LOG_WARN, "table \"%s\": the column \"%s\" was "
                      "renamed to \"%s\", which is the application's own now; "
                      "\"%s\" is made again, with its values", table->sql,
                      table->fields[i].name, name, table->fields[i].name);
            sqlite3_str_appendf(sql, "UPDATE \"%w\" SET \"%w\" = \"%w\";\n",
                                table->sql, table->fields[i].name, name);
        }

        msync_free(&name);
    }

    return rc;
}


/* SQL that fills them with what came by v7 while there was no such column; as
 * an empty one it would be a change, and go to central */

static void
tables_add_v7_values(msync_store_t *store, const msync_table_t *table,
    sqlite3_str *sql)
{
    size_t                i;
    const char           *member;
    const msync_field_t  *field;

    static const char *const  json_types[] = {
        [MSYNC_TYPE_STRING] = "'text'",
        [MSYNC_TYPE_NUMBER] = "'integer', 'real'",
        [MSYNC_TYPE_INTEGER] = "'integer'",
        [MSYNC_TYPE_BOOLEAN] = "'true', 'false'",
        [MSYNC_TYPE_DATE] = "'text'",
        [MSYNC_TYPE_DATETIME] = "'text'",
        [MSYNC_TYPE_TIME] = "'text'",
        [MSYNC_TYPE_OBJECT] = "'object', 'array'"
    };

    if (!msync_store_has_column(store, table->sql, "msync_extra")) {
        return;
    }

    for (i = 0; i < table->n; i++) {
        field = &table->fields[i];
        member = msync_v7_member(table, field);

        if (member != NULL
            && !msync_store_has_column(store, table->sql, field->name))
        {
            sqlite3_str_appendf(sql, "UPDATE \"%w\" SET \"%w\" = json_extract("
                                "msync_extra, '$.v7.%q') WHERE json_valid("
                                "msync_extra) AND json_type(msync_extra, "
                                "'$.v7.%q') IN (%s);\n", table->sql,
                                field->name, member, member,
                                json_types[field->type]);
        }
    }
}


static int
tables_add_columns(msync_store_t *store, const msync_table_t *table, bool known,
    msync_err_t *err)
{
    int           rc = MSYNC_OK;
    bool          strict;
    sqlite3_str  *sql, *values;

    /* such a table takes but SQLite's own names of types */
    if (msync_store_found_own(store,
            sqlite3_mprintf("SELECT strict FROM pragma_table_list(%Q) WHERE "
                            "schema = 'main'", table->sql), &strict, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    sql = sqlite3_str_new(store->db);
    values = sqlite3_str_new(store->db);
    tables_add_missing_columns(store, table, strict, sql);
    tables_add_v7_values(store, table, values);

    if (known) {
        rc = tables_add_renamed_values(store, table, values, err);
    }

    if (rc != MSYNC_OK) {
        sqlite3_free(sqlite3_str_finish(sql));
        sqlite3_free(sqlite3_str_finish(values));
        return MSYNC_ERROR;
    }

    rc = msync_store_exec_str(store, sql, err);

    /* nobody has changed a row */
    tables_switch_others(store, 0);

    if (rc == MSYNC_OK) {
        rc = msync_store_exec_str(store, values, err);

    } else {
        sqlite3_free(sqlite3_str_finish(values));
    }

    tables_switch_others(store, 1);
    return rc;
}


static int
tables_take(msync_store_t *store, const msync_table_t *table, bool known,
    msync_err_t *err)
{
    bool  listed = known || table->push == 0
                   || msync_store_has_column(store, table->sql,
                                             "msync_extra");

    if (tables_add_columns(store, table, known, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return listed ? MSYNC_OK
                  : msync_store_note_never_sent(store, table, NULL, err);
}


int
msync_store_take_tables(msync_store_t *store, bool known, msync_err_t *err)
{
    int     rc;
    size_t  i;

    rc = tables_check(store, err);

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        if (msync_store_has_column(store, store->catalogue->tables[i].sql,
                                   NULL))
        {
            rc = tables_take(store, &store->catalogue->tables[i], known, err);
        }
    }

    return rc;
}
