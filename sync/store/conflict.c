/*
 * The conflicts of a row that is about to be written, as SQLite calls them:
 * with the UNIQUE constraints and indexes of its table, as conditions in SQL.
 *
 * Promises: whatever makes SQLite refuse or replace a row of another key is
 * among them, but for an index of expressions, which is told of.
 */

#include <ctype.h>
#include <string.h>

#include "store/conflict_private.h"


static const char *conflict_skip(const char *p);
static const char *conflict_where(const char *sql);
static void conflict_add(msync_conflicts_t *conflicts, sqlite3_str *sql);
static int conflict_read_where(msync_store_t *store, const char *index,
    sqlite3_str *sql, msync_err_t *err);
static int conflict_add_column(msync_store_t *store, sqlite3_str *sql,
    const msync_table_t *table, const char *name, const char *collation,
    msync_err_t *err);
static int conflict_read_index(msync_store_t *store, const msync_table_t *table,
    const char *index, bool partial, msync_conflicts_t *conflicts,
    msync_err_t *err);
static int conflict_read_rowid(msync_store_t *store, const msync_table_t *table,
    msync_conflicts_t *conflicts, msync_err_t *err);
static int conflict_read_references(msync_store_t *store,
    const msync_table_t *table, msync_conflicts_t *conflicts, msync_err_t *err);


/* a part of SQL that is skipped as a whole: a text, a name, a comment */

static const char *
conflict_skip(const char *p)
{
    char  end = *p == '[' ? ']' : *p;

    if (p[0] == '-' && p[1] == '-') {
        return p + strcspn(p, "\n");
    }

    if (p[0] == '/' && p[1] == '*') {
        p = strstr(p + 2, "*/");
        return p ? p + 2 : NULL;
    }

    if (*p != '\'' && *p != '"' && *p != '`' && *p != '[') {
        return p + 1;
    }

    p = strchr(p + 1, end);
    return p ? p + 1 : NULL;
}


/* what follows WHERE in the SQL of an index; NULL: nothing does */

static const char *
conflict_where(const char *sql)
{
    int          depth = 0;
    bool         columns = false;
    const char  *p = sql;

    while (p != NULL && *p != '\0') {
        if (*p == '(') {
            depth++;

        } else if (*p == ')') {
            depth--;
            columns = true;

        } else if (columns && depth == 0
                   && sqlite3_strnicmp(p, "WHERE", 5) == 0
                   && !isalnum((unsigned char) p[5]) && p[5] != '_')
        {
            return p + 5;
        }

        p = conflict_skip(p);
    }

    return NULL;
}


static void
conflict_add(msync_conflicts_t *conflicts, sqlite3_str *sql)
{
    char  *text = msync_store_need(sqlite3_str_finish(sql));

    if (conflicts->n == MSYNC_CONFLICTS_MAX) {
        conflicts->unseen = true;
        sqlite3_free(text);

    } else {
        conflicts->texts[conflicts->n++] = text;
    }
}


void
msync_store_conflicts_clear(msync_conflicts_t *conflicts)
{
    while (conflicts->n > 0) {
        sqlite3_free(conflicts->texts[--conflicts->n]);
    }
}


/* the condition of an index of a part of the rows */

static int
conflict_read_where(msync_store_t *store, const char *index, sqlite3_str *sql,
    msync_err_t *err)
{
    int            code;
    const char    *text, *where;
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_UNIQUE_SQL, "SELECT sql FROM "
                            "sqlite_master WHERE type = 'index' AND name = ?1",
                            err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, index, -1, SQLITE_STATIC);
    code = sqlite3_step(stmt);

    if (code == SQLITE_ROW) {
        text = (const char *) sqlite3_column_text(stmt, 0);
        where = text ? conflict_where(text) : NULL;

        /* it may end in a comment, which SQLite ends with the statement */
        if (where != NULL) {
            sqlite3_str_appendf(sql, " AND (%s\n/**/)", where);
        }

    } else if (code != SQLITE_DONE) {
        (void) msync_store_fault(store, index, err);
    }

    sqlite3_reset(stmt);
    return code == SQLITE_ROW || code == SQLITE_DONE ? MSYNC_OK : MSYNC_ERROR;
}


/* a column of NEW as it is compared: by REPLACE a NULL becomes the default of
 * a column that has to have a value.  A default that begins otherwise may be a
 * word, which is a text there and would be the name of a column here; one in
 * brackets may end in a comment, whose end of the line SQLite does not keep. */

static int
conflict_add_column(msync_store_t *store, sqlite3_str *sql,
    const msync_table_t *table, const char *name, const char *collation,
    msync_err_t *err)
{
    int            code;
    bool           literal;
    const char    *value;
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_UNIQUE_DEFAULT, "SELECT "
                            "iif(\"notnull\", dflt_value, NULL) FROM "
                            "pragma_table_info(?1) WHERE name = ?2", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table->sql, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
    code = sqlite3_step(stmt);

    value = code == SQLITE_ROW
            ? (const char *) sqlite3_column_text(stmt, 0) : NULL;
    literal = value != NULL && *value != '\0'
              && strchr("'0123456789+-", *value) != NULL;

    sqlite3_str_appendf(sql, "\"%w\".\"%w\" = %sNEW.\"%w\"%s%s%s "
                        "COLLATE \"%w\"", table->sql, name,
                        literal ? "ifnull(" : "", name,
                        literal ? ", (" : "", literal ? value : "",
                        literal ? "\n))" : "", collation);

    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        (void) msync_store_fault(store, table->sql, err);
    }

    sqlite3_reset(stmt);
    return code == SQLITE_ROW || code == SQLITE_DONE ? MSYNC_OK : MSYNC_ERROR;
}


/* one UNIQUE; where the key is a part of it, a row in the way has the same,
 * letter by letter but for a key whose collation makes "a" equal to "A" */

static int
conflict_read_index(msync_store_t *store, const msync_table_t *table,
    const char *index, bool partial, msync_conflicts_t *conflicts,
    msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    bool           used = true;
    const char    *name, *collation, *between = "";
    sqlite3_str   *sql;
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_UNIQUE_COLUMNS, "SELECT name, "
                            "coll FROM pragma_index_xinfo(?1) WHERE key", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sql = sqlite3_str_new(store->db);
    sqlite3_bind_text(stmt, 1, index, -1, SQLITE_STATIC);

    while (rc == MSYNC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        name = (const char *) sqlite3_column_text(stmt, 0);
        collation = (const char *) sqlite3_column_text(stmt, 1);

        if (name == NULL) {
            conflicts->unseen = true;
            used = false;

        } else if (sqlite3_stricmp(name, table->fields[table->key].name)
                   == 0 && sqlite3_stricmp(collation, "BINARY") == 0)
        {
            used = false;

        } else {
            sqlite3_str_appendall(sql, between);
            rc = conflict_add_column(store, sql, table, name, collation, err);
            between = " AND ";
        }
    }

    if (rc == MSYNC_OK && code != SQLITE_DONE) {
        rc = msync_store_fault(store, table->sql, err);

    } else if (rc == MSYNC_OK && used && partial) {
        rc = conflict_read_where(store, index, sql, err);
    }

    sqlite3_reset(stmt);

    if (rc == MSYNC_OK && used) {
        conflict_add(conflicts, sql);

    } else {
        sqlite3_free(sqlite3_str_finish(sql));
    }

    return rc;
}


/* an INTEGER PRIMARY KEY that is not the key of the wire has no index */

static int
conflict_read_rowid(msync_store_t *store, const msync_table_t *table,
    msync_conflicts_t *conflicts, msync_err_t *err)
{
    int            code;
    const char    *name;
    sqlite3_str   *sql;
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_UNIQUE_ROWID, "SELECT max(name) "
               "FROM pragma_table_info(?1) WHERE pk > 0 HAVING count(*) = 1",
               err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table->sql, -1, SQLITE_STATIC);
    code = sqlite3_step(stmt);
    name = code == SQLITE_ROW
           ? (const char *) sqlite3_column_text(stmt, 0) : NULL;

    if (name != NULL
        && sqlite3_stricmp(name, table->fields[table->key].name) != 0)
    {
        sql = sqlite3_str_new(store->db);
        sqlite3_str_appendf(sql, "\"%w\".\"%w\" = NEW.\"%w\"", table->sql,
                            name, name);
        conflict_add(conflicts, sql);
    }

    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        (void) msync_store_fault(store, table->sql, err);
    }

    sqlite3_reset(stmt);
    return code == SQLITE_ROW || code == SQLITE_DONE ? MSYNC_OK : MSYNC_ERROR;
}


static int
conflict_read_references(msync_store_t *store, const msync_table_t *table,
    msync_conflicts_t *conflicts, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_UNIQUE_REFERENCES, "SELECT "
               "count(*) FROM pragma_foreign_key_list(?1) WHERE \"table\" = "
               "?1 COLLATE NOCASE AND on_delete = 'CASCADE'", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table->sql, -1, SQLITE_STATIC);

    return msync_store_found(store, stmt, &conflicts->to_itself, table->sql,
                             err);
}


int
msync_store_conflicts_read(msync_store_t *store, const msync_table_t *table,
    msync_conflicts_t *conflicts, msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    bool           key = false;    /* the primary key has an index */
    sqlite3_stmt  *stmt;

    memset(conflicts, 0, sizeof(msync_conflicts_t));

    stmt = msync_store_stmt(store, MSYNC_STMT_UNIQUE_LIST, "SELECT name, "
                            "partial, origin = 'pk' FROM "
                            "pragma_index_list(?1) WHERE \"unique\" ORDER BY "
                            "name", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table->sql, -1, SQLITE_STATIC);

    while (rc == MSYNC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        key = key || sqlite3_column_int(stmt, 2) != 0;
        rc = conflict_read_index(store, table,
                                 (const char *) sqlite3_column_text(stmt, 0),
                                 sqlite3_column_int(stmt, 1) != 0, conflicts,
                                 err);
    }

    if (rc == MSYNC_OK && code != SQLITE_DONE) {
        rc = msync_store_fault(store, table->sql, err);
    }

    sqlite3_reset(stmt);

    return rc == MSYNC_OK
           && (key || conflict_read_rowid(store, table, conflicts, err)
                      == MSYNC_OK)
           && conflict_read_references(store, table, conflicts, err) == MSYNC_OK
           ? MSYNC_OK : MSYNC_ERROR;
}
