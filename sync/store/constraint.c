/*
 * Constraints of tables that are there.
 *
 * SQLite cannot alter a constraint.  Copying a table costs its size, and takes
 * the views and triggers of the application along only with luck; so the SQL
 * that SQLite has stored of it is edited, as its documentation describes for
 * constraints.  No row is touched, and whoever has the database open reads the
 * schema anew, for its version grows.
 *
 * Promises: only text that msync itself wrote is edited; what then is not the
 * same table but for its constraints is an error, with which the transaction
 * is rolled back.
 */

#include <string.h>

#include "store/schema_private.h"
#include "store/store_private.h"

/* what schema versions up to 4 left out of tables that are msync's alone */
static const struct {
    const char  *table;
    const char  *from;
    const char  *to;
} not_null[] = {
    { "changelog", "cursor INTEGER PRIMARY KEY AUTOINCREMENT,",
      "cursor INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL," },
    { "sync_log", "id INTEGER PRIMARY KEY AUTOINCREMENT,",
      "id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL," },
    { "sync_buffer", "id INTEGER PRIMARY KEY,",
      "id INTEGER PRIMARY KEY NOT NULL," },
    { "msync_flag", "id INTEGER PRIMARY KEY CHECK",
      "id INTEGER PRIMARY KEY NOT NULL CHECK" }
};

#define NOT_NULLS  (sizeof(not_null) / sizeof(*not_null))

/* tables whose SQL was edited: to read a schema takes longer than all else, so
 * it is read once behind all edits */
typedef struct {
    struct {
        const char  *table;        /* borrowed */
        char        *columns;      /* owned, before the edit */
    }               *list;         /* owned */
    size_t           n;
} edits_t;


static int constraint_columns(msync_store_t *store, const char *table,
    char **columns, msync_err_t *err);
static int constraint_publish(msync_store_t *store, msync_err_t *err);
static int constraint_write(msync_store_t *store, const char *table,
    const char *sql, msync_err_t *err);
static int constraint_edit(msync_store_t *store, edits_t *edits,
    const char *table, const char *sql, msync_err_t *err);
static int constraint_compare(msync_store_t *store, const edits_t *edits,
    msync_err_t *err);
static int constraint_edit_all(msync_store_t *store, edits_t *edits,
    msync_err_t *err);
static int constraint_sql(msync_store_t *store, const char *table, char **sql,
    msync_err_t *err);
static bool constraint_cut(char *sql, const msync_field_t *field);
static void constraint_add_due(sqlite3_str *sql, const msync_table_t *table,
    const msync_field_t *field);
static int constraint_drop_references(msync_store_t *store, edits_t *edits,
    const msync_table_t *table, msync_err_t *err);
static int constraint_add_not_null(msync_store_t *store, edits_t *edits,
    size_t i, msync_err_t *err);
static int constraint_drop_indexes(msync_store_t *store,
    const msync_table_t *table, msync_err_t *err);


/* what has to stay the same of a table; owned by the caller */

static int
constraint_columns(msync_store_t *store, const char *table, char **columns,
    msync_err_t *err)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare_own(store,
               sqlite3_mprintf("SELECT group_concat(name || '|' || type || "
                               "'|' || ifnull(dflt_value, '') || '|' || pk "
                               "|| '|' || hidden) FROM pragma_table_xinfo(%Q)",
                               table), err);
    rc = msync_store_text(store, stmt, columns, table, err);
    sqlite3_finalize(stmt);

    return rc;
}


/* the schema's version grows by one, so that everybody reads it anew, this
 * connection too */

static int
constraint_publish(msync_store_t *store, msync_err_t *err)
{
    int64_t  version;

    if (msync_store_schema_version(store, &version, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return msync_store_exec_own(store,
               sqlite3_mprintf("PRAGMA schema_version = %lld;"
                               "PRAGMA writable_schema = RESET",
                               (long long) version + 1), err);
}


static int
constraint_write(msync_store_t *store, const char *table, const char *sql,
    msync_err_t *err)
{
    int            rc;
    sqlite3_stmt  *stmt;

    (void) sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);

    if (msync_store_exec(store, "PRAGMA writable_schema = ON", err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    stmt = msync_store_prepare(store, "UPDATE sqlite_master SET sql = ?1 "
                               "WHERE type = 'table' AND name = ?2 COLLATE "
                               "NOCASE", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, sql, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, table, -1, SQLITE_STATIC);
    rc = msync_store_run(store, stmt, table, err);
    sqlite3_finalize(stmt);

    return rc;
}


/* of a table that was not edited; nobody sees it before constraint_publish() */

static int
constraint_edit(msync_store_t *store, edits_t *edits, const char *table,
    const char *sql, msync_err_t *err)
{
    char  *columns;

    if (constraint_columns(store, table, &columns, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    edits->list[edits->n].table = table;
    edits->list[edits->n].columns = columns;
    edits->n++;

    return constraint_write(store, table, sql, err);
}


/* whether all are the tables that they were */

static int
constraint_compare(msync_store_t *store, const edits_t *edits,
    msync_err_t *err)
{
    int          rc = MSYNC_OK;
    char        *after;
    size_t       i;
    const char  *before, *table;

    for (i = 0; rc == MSYNC_OK && i < edits->n; i++) {
        table = edits->list[i].table;
        before = edits->list[i].columns;
        rc = constraint_columns(store, table, &after, err);

        if (rc == MSYNC_OK
            && (before == NULL || after == NULL || strcmp(before, after) != 0))
        {
            rc = msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "table \"%s\": "
                               "its constraints cannot be taken away", table);
        }

        msync_free(&after);
    }

    return rc;
}


/* the SQL of a table, NULL: there is none; owned by the caller */

static int
constraint_sql(msync_store_t *store, const char *table, char **sql,
    msync_err_t *err)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, "SELECT sql FROM sqlite_master WHERE "
                               "type = 'table' AND name = ?1 COLLATE NOCASE",
                               err);
    if (stmt == NULL) {
        *sql = NULL;
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    rc = msync_store_text(store, stmt, sql, table, err);
    sqlite3_finalize(stmt);

    return rc;
}


/* cuts what msync wrote of a reference out of the line of its column */

static bool
constraint_cut(char *sql, const msync_field_t *field)
{
    bool                  cut = false;
    char                 *line, *reference, *end, *column, *words;
    const msync_table_t  *target = field->target;

    column = msync_store_need(sqlite3_mprintf("\n  \"%w\" ", field->name));
    words = msync_store_need(
                sqlite3_mprintf(" REFERENCES \"%w\" (\"%w\")", target->sql,
                                target->fields[target->key].name));

    line = strstr(sql, column);

    if (line != NULL) {
        reference = strstr(line + 1, words);
        end = strchr(line + 1, '\n');

        if (reference != NULL && end != NULL && reference < end) {
            end = reference + strlen(words);
            cut = *end == ',' || *end == '\n';
        }
    }

    if (cut) {
        memmove(reference, end, strlen(end) + 1);
    }

    sqlite3_free(column);
    sqlite3_free(words);

    return cut;
}


/* what waited in the buffer for that row is due */

static void
constraint_add_due(sqlite3_str *sql, const msync_table_t *table,
    const msync_field_t *field)
{
    sqlite3_str_appendf(sql, "UPDATE sync_buffer SET retry_at = NULL, "
                        "missing_table = NULL, missing_id = NULL WHERE "
                        "missing_id IS NOT NULL AND table_name = %Q AND "
                        "error_field = %Q;\n", table->name, field->name);
}


static int
constraint_drop_references(msync_store_t *store, edits_t *edits,
    const msync_table_t *table, msync_err_t *err)
{
    int           rc = MSYNC_OK;
    bool          cut = false;
    char         *sql;
    size_t        i;
    sqlite3_str  *due;

    if (constraint_sql(store, table->sql, &sql, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    due = sqlite3_str_new(store->db);

    for (i = 0; sql != NULL && i < table->n; i++) {
        if (table->fields[i].target != NULL && !table->fields[i].fk
            && constraint_cut(sql, &table->fields[i]))
        {
            cut = true;
            constraint_add_due(due, table, &table->fields[i]);
        }
    }

    if (cut) {
        rc = constraint_edit(store, edits, table->sql, sql, err);
    }

    msync_free(&sql);

    if (rc != MSYNC_OK) {
        sqlite3_free(sqlite3_str_finish(due));
        return MSYNC_ERROR;
    }

    return msync_store_exec_str(store, due, err);
}


static int
constraint_add_not_null(msync_store_t *store, edits_t *edits, size_t i,
    msync_err_t *err)
{
    int    rc = MSYNC_OK;
    char  *sql, *at, *text;

    if (constraint_sql(store, not_null[i].table, &sql, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    at = sql ? strstr(sql, not_null[i].from) : NULL;

    if (at != NULL) {
        text = msync_store_need(
                   sqlite3_mprintf("%.*s%s%s", (int) (at - sql), sql,
                                   not_null[i].to,
                                   at + strlen(not_null[i].from)));
        rc = constraint_edit(store, edits, not_null[i].table, text, err);
        sqlite3_free(text);
    }

    msync_free(&sql);
    return rc;
}


/* the indexes of references that need none any more */

static int
constraint_drop_indexes(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err)
{
    size_t        i;
    sqlite3_str  *sql = sqlite3_str_new(store->db);

    for (i = 0; i < table->n; i++) {
        if (table->fields[i].target != NULL
            && !msync_store_has_index(table, i))
        {
            sqlite3_str_appendf(sql, "DROP INDEX IF EXISTS "
                                "\"msync_%w_%w\";\n", table->sql,
                                table->fields[i].name);
        }
    }

    return msync_store_exec_str(store, sql, err);
}


static int
constraint_edit_all(msync_store_t *store, edits_t *edits, msync_err_t *err)
{
    int     rc = MSYNC_OK;
    size_t  i;

    for (i = 0; rc == MSYNC_OK && i < NOT_NULLS; i++) {
        rc = constraint_add_not_null(store, edits, i, err);
    }

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        rc = constraint_drop_references(store, edits,
                                        &store->catalogue->tables[i], err);
    }

    return rc;
}


int
msync_store_drop_constraints(msync_store_t *store, msync_err_t *err)
{
    int          rc;
    size_t       i;
    edits_t      edits = { 0 };
    msync_err_t  ignored;

    edits.list = msync_calloc(NOT_NULLS + store->catalogue->n,
                              sizeof(*edits.list));
    rc = constraint_edit_all(store, &edits, err);

    if (rc == MSYNC_OK && edits.n > 0) {
        rc = constraint_publish(store, err) == MSYNC_OK
             ? constraint_compare(store, &edits, err) : MSYNC_ERROR;
    }

    if (rc != MSYNC_OK && edits.n > 0) {
        (void) msync_store_exec(store, "PRAGMA writable_schema = OFF",
                                &ignored);
    }

    for (i = 0; i < edits.n; i++) {
        msync_free(&edits.list[i].columns);
    }

    msync_free(&edits.list);

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        rc = constraint_drop_indexes(store, &store->catalogue->tables[i], err);
    }

    return rc;
}
