/*
 * Rows that go without a DELETE.
 *
 * INSERT OR REPLACE, and what else resolves a conflict so, removes the rows
 * in its way, and SQLite runs no DELETE trigger for that unless
 * recursive_triggers is on.  A row of the same key goes to central as what it
 * has become; one that is in the way by another UNIQUE would stay there for
 * ever.  Nothing tells a REPLACE from other statements before it is done, so
 * the rows in the way are noted in msync_replaced before a row is written, and
 * those that are gone afterwards are deletes.  INSERT OR IGNORE leaves notes
 * of rows that stay, which the next one clears.
 *
 * Promises: such a row has one DELETE in the changelog, whatever
 * recursive_triggers says; a table without another UNIQUE has no such
 * triggers.  A UNIQUE of expressions is not looked at, which a check tells.
 */

#include <ctype.h>
#include <string.h>

#include "store/store_private.h"

typedef enum {
    REPLACE_BEFORE_INSERT = 0,
    REPLACE_AFTER_INSERT,
    REPLACE_BEFORE_UPDATE,
    REPLACE_AFTER_UPDATE,
    REPLACE_AFTER_DELETE,
    REPLACE_MAX
} replace_e;

static const struct {
    const char  *name;             /* after msync_TABLE_ */
    const char  *event;
    const char  *row;              /* whose id is not in its own way, or has
                                      its own DELETE in the changelog */
    bool         before;
} replace_triggers[REPLACE_MAX] = {
    { "BEFORE_INSERT", "BEFORE INSERT", "NEW", true },
    { "AFTER_INSERT",  "AFTER INSERT",  NULL,  false },
    { "BEFORE_UPDATE", "BEFORE UPDATE", "OLD", true },
    { "AFTER_UPDATE",  "AFTER UPDATE",  "OLD", false },
    { "AFTER_DELETE",  "AFTER DELETE",  "OLD", false }
};

#define REPLACE_WAYS_MAX  64

/* the conditions on a row that is in the way of NEW */
typedef struct {
    char    *texts[REPLACE_WAYS_MAX];      /* owned */
    size_t   n;
    bool     unseen;               /* there is one that is not looked at */
} replace_ways_t;


static const char *replace_skip(const char *p);
static const char *replace_where(const char *sql);
static void replace_add_way(replace_ways_t *ways, sqlite3_str *sql);
static void replace_clear(replace_ways_t *ways);
static int replace_read_where(msync_store_t *store, const char *index,
    sqlite3_str *sql, msync_err_t *err);
static void replace_add_column(sqlite3_str *sql, const msync_table_t *table,
    const char *name, const char *collation, const char *value);
static int replace_read_index(msync_store_t *store, const msync_table_t *table,
    const char *index, bool partial, replace_ways_t *ways, msync_err_t *err);
static int replace_read_rowid(msync_store_t *store, const msync_table_t *table,
    replace_ways_t *ways, msync_err_t *err);
static int replace_read(msync_store_t *store, const msync_table_t *table,
    replace_ways_t *ways, msync_err_t *err);
static void replace_add_notes(sqlite3_str *sql, const msync_table_t *table,
    const replace_ways_t *ways, const char *row);
static void replace_add_deletes(sqlite3_str *sql, const msync_table_t *table,
    const char *row, bool rest);
static char *replace_sql(const msync_table_t *table, const replace_ways_t *ways,
    replace_e which);
static void replace_check_trigger(const msync_look_t *look,
    const msync_table_t *table, const replace_ways_t *ways, replace_e which);
static int replace_mend(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err);


/* a part of SQL that is skipped as a whole: a text, a name, a comment */

static const char *
replace_skip(const char *p)
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
replace_where(const char *sql)
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

        p = replace_skip(p);
    }

    return NULL;
}


static void
replace_add_way(replace_ways_t *ways, sqlite3_str *sql)
{
    char  *text = sqlite3_str_finish(sql);

    if (text == NULL) {
        msync_out_of_memory();
    }

    if (ways->n == REPLACE_WAYS_MAX) {
        ways->unseen = true;
        sqlite3_free(text);

    } else {
        ways->texts[ways->n++] = text;
    }
}


static void
replace_clear(replace_ways_t *ways)
{
    while (ways->n > 0) {
        sqlite3_free(ways->texts[--ways->n]);
    }
}


/* the condition of an index of a part of the rows */

static int
replace_read_where(msync_store_t *store, const char *index, sqlite3_str *sql,
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
        where = text ? replace_where(text) : NULL;

        if (where != NULL) {
            sqlite3_str_appendf(sql, " AND (%s)", where);
        }

    } else if (code != SQLITE_DONE) {
        (void) msync_store_fault(store, index, err);
    }

    sqlite3_reset(stmt);
    return code == SQLITE_ROW || code == SQLITE_DONE ? MSYNC_OK : MSYNC_ERROR;
}


/* a column of NEW as it is compared: by REPLACE a NULL becomes the default of
 * a column that has to have a value.  What begins so is no name of another. */

static void
replace_add_column(sqlite3_str *sql, const msync_table_t *table,
    const char *name, const char *collation, const char *value)
{
    bool  literal = value != NULL && *value != '\0'
                    && strchr("'0123456789+-", *value) != NULL;

    sqlite3_str_appendf(sql, "\"%w\".\"%w\" = %sNEW.\"%w\"%s%s%s "
                        "COLLATE \"%w\"", table->sql, name,
                        literal ? "ifnull(" : "", name,
                        literal ? ", (" : "", literal ? value : "",
                        literal ? "))" : "", collation);
}


/* one UNIQUE; where the key is a part of it, a row in the way has the same,
 * letter by letter but for a key whose collation makes "a" equal to "A" */

static int
replace_read_index(msync_store_t *store, const msync_table_t *table,
    const char *index, bool partial, replace_ways_t *ways, msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    bool           used = true;
    const char    *name, *collation, *between = "";
    sqlite3_str   *sql;
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_UNIQUE_COLUMNS, "SELECT i.name, "
                            "i.coll, iif(c.\"notnull\", c.dflt_value, NULL) "
                            "FROM pragma_index_xinfo(?1) AS i LEFT JOIN "
                            "pragma_table_info(?2) AS c ON c.cid = i.cid "
                            "WHERE i.key", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sql = sqlite3_str_new(store->db);
    sqlite3_bind_text(stmt, 1, index, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, table->sql, -1, SQLITE_STATIC);

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        name = (const char *) sqlite3_column_text(stmt, 0);
        collation = (const char *) sqlite3_column_text(stmt, 1);

        if (name == NULL) {
            ways->unseen = true;
            used = false;

        } else if (sqlite3_stricmp(name, table->fields[table->key].name)
                   == 0 && sqlite3_stricmp(collation, "BINARY") == 0)
        {
            used = false;

        } else {
            sqlite3_str_appendall(sql, between);
            replace_add_column(sql, table, name, collation,
                               (const char *) sqlite3_column_text(stmt, 2));
            between = " AND ";
        }
    }

    if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, table->sql, err);

    } else if (used && partial) {
        rc = replace_read_where(store, index, sql, err);
    }

    sqlite3_reset(stmt);

    if (rc == MSYNC_OK && used) {
        replace_add_way(ways, sql);

    } else {
        sqlite3_free(sqlite3_str_finish(sql));
    }

    return rc;
}


/* an INTEGER PRIMARY KEY that is not the key of the wire has no index */

static int
replace_read_rowid(msync_store_t *store, const msync_table_t *table,
    replace_ways_t *ways, msync_err_t *err)
{
    int            code;
    const char    *name;
    sqlite3_str   *sql;
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_UNIQUE_ROWID, "SELECT max(name) "
               "FROM pragma_table_info(?1) WHERE pk > 0 AND NOT EXISTS (SELECT "
               "1 FROM pragma_index_list(?1) WHERE origin = 'pk') HAVING "
               "count(*) = 1", err);
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
        replace_add_way(ways, sql);
    }

    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        (void) msync_store_fault(store, table->sql, err);
    }

    sqlite3_reset(stmt);
    return code == SQLITE_ROW || code == SQLITE_DONE ? MSYNC_OK : MSYNC_ERROR;
}


static int
replace_read(msync_store_t *store, const msync_table_t *table,
    replace_ways_t *ways, msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    sqlite3_stmt  *stmt;

    memset(ways, 0, sizeof(replace_ways_t));

    stmt = msync_store_stmt(store, MSYNC_STMT_UNIQUE_LIST, "SELECT name, "
                            "partial FROM pragma_index_list(?1) WHERE "
                            "\"unique\" ORDER BY name", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table->sql, -1, SQLITE_STATIC);

    while (rc == MSYNC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        rc = replace_read_index(store, table,
                                (const char *) sqlite3_column_text(stmt, 0),
                                sqlite3_column_int(stmt, 1) != 0, ways, err);
    }

    if (rc == MSYNC_OK && code != SQLITE_DONE) {
        rc = msync_store_fault(store, table->sql, err);
    }

    sqlite3_reset(stmt);

    return rc == MSYNC_OK ? replace_read_rowid(store, table, ways, err) : rc;
}


/* notes the rows in the way of NEW */

static void
replace_add_notes(sqlite3_str *sql, const msync_table_t *table,
    const replace_ways_t *ways, const char *row)
{
    char        *own;
    size_t       i;
    const char  *key = table->fields[table->key].name;

    own = sqlite3_mprintf("\"%w\"", table->sql);

    if (own == NULL) {
        msync_out_of_memory();
    }

    for (i = 0; i < ways->n; i++) {
        sqlite3_str_appendall(sql, "  INSERT INTO msync_replaced ("
                              MSYNC_SQL_CHANGE ")\n  SELECT ");
        msync_store_put_change(sql, table, own, "DELETE");
        sqlite3_str_appendf(sql, " FROM %s\n  WHERE %s AND %s.\"%w\" IS NOT "
                            "NULL AND %s.\"%w\" IS NOT %s.\"%w\" COLLATE "
                            "BINARY", own, ways->texts[i], own, key, own, key,
                            row, key);

        if (table->push_field != NULL) {
            sqlite3_str_appendf(sql, " AND %s.\"%w\" = %Q", own,
                                table->push_field, table->push_value);
        }

        sqlite3_str_appendall(sql, ";\n");
    }

    sqlite3_free(own);
}


/*
 * Those that were noted and are gone.  One that a foreign key of the
 * application's takes along is deleted while others are still to be removed:
 * their notes stay.
 */

static void
replace_add_deletes(sqlite3_str *sql, const msync_table_t *table,
    const char *row, bool rest)
{
    const char  *key = table->fields[table->key].name;

    if (row != NULL) {
        sqlite3_str_appendf(sql, "  DELETE FROM msync_replaced WHERE "
                            "table_name = %Q AND record_id = %s.\"%w\";\n",
                            table->name, row, key);
    }

    sqlite3_str_appendf(sql, "  INSERT INTO changelog (" MSYNC_SQL_CHANGE ")\n"
                        "  SELECT DISTINCT " MSYNC_SQL_CHANGE " FROM "
                        "msync_replaced\n  WHERE table_name = %Q AND NOT "
                        "EXISTS (SELECT 1 FROM \"%w\" AS t WHERE t.\"%w\" = "
                        "msync_replaced.record_id COLLATE BINARY);\n"
                        "  DELETE FROM msync_replaced WHERE table_name = %Q",
                        table->name, table->sql, key, table->name);

    if (rest) {
        sqlite3_str_appendf(sql, " AND NOT EXISTS (SELECT 1 FROM \"%w\" AS t "
                            "WHERE t.\"%w\" = msync_replaced.record_id)",
                            table->sql, key);
    }

    sqlite3_str_appendall(sql, ";\n");
}


/* SQL that makes the trigger, as sqlite_master keeps it; the caller frees */

static char *
replace_sql(const msync_table_t *table, const replace_ways_t *ways,
    replace_e which)
{
    char         *text;
    const char   *row = replace_triggers[which].row;
    sqlite3_str  *sql = sqlite3_str_new(NULL);

    sqlite3_str_appendf(sql, "CREATE TRIGGER \"msync_%w_%s\" %s ON \"%w\"\n"
                        "WHEN %s\nBEGIN\n", table->sql,
                        replace_triggers[which].name,
                        replace_triggers[which].event, table->sql,
                        replace_triggers[which].before
                        ? MSYNC_SQL_SPEAKING
                        : "EXISTS (SELECT 1 FROM msync_replaced)");

    if (replace_triggers[which].before) {
        replace_add_notes(sql, table, ways, row);

    } else {
        replace_add_deletes(sql, table, row, which == REPLACE_AFTER_DELETE);
    }

    sqlite3_str_appendall(sql, "END");
    text = sqlite3_str_finish(sql);

    if (text == NULL) {
        msync_out_of_memory();
    }

    return text;
}


static void
replace_check_trigger(const msync_look_t *look, const msync_table_t *table,
    const replace_ways_t *ways, replace_e which)
{
    char  *name, *sql = NULL;

    name = sqlite3_mprintf("msync_%s_%s", table->sql,
                           replace_triggers[which].name);
    if (name == NULL) {
        msync_out_of_memory();
    }

    if (ways->n > 0) {
        sql = replace_sql(table, ways, which);
    }

    msync_store_check_object(look, NULL, "trigger", name, sql ? sql : "");
    sqlite3_free(name);
    sqlite3_free(sql);
}


int
msync_store_check_replace(const msync_look_t *look,
    const msync_table_t *table, msync_err_t *err)
{
    int             rc = MSYNC_OK;
    unsigned        which;
    replace_ways_t  ways = { 0 };

    if (msync_store_has_column(look->store, table->sql, NULL)) {
        rc = replace_read(look->store, table, &ways, err);
    }

    for (which = 0; rc == MSYNC_OK && which < REPLACE_MAX; which++) {
        replace_check_trigger(look, table, &ways, which);
    }

    replace_clear(&ways);
    return rc;
}


static int
replace_mend(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err)
{
    char            *text;
    unsigned         which;
    sqlite3_str     *sql;
    replace_ways_t   ways;

    if (replace_read(store, table, &ways, err) != MSYNC_OK) {
        replace_clear(&ways);
        return MSYNC_ERROR;
    }

    sql = sqlite3_str_new(store->db);

    for (which = 0; which < REPLACE_MAX; which++) {
        sqlite3_str_appendf(sql, "DROP TRIGGER IF EXISTS \"msync_%w_%s\";\n",
                            table->sql, replace_triggers[which].name);

        if (ways.n > 0) {
            text = replace_sql(table, &ways, which);
            sqlite3_str_appendf(sql, "%s;\n", text);
            sqlite3_free(text);
        }
    }

    replace_clear(&ways);
    return msync_store_exec_str(store, sql, err);
}


int
msync_store_mend_replace(msync_store_t *store, msync_err_t *err)
{
    int     rc = MSYNC_OK;
    size_t  i;

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        if (store->catalogue->tables[i].push != 0) {
            rc = replace_mend(store, &store->catalogue->tables[i], err);
        }
    }

    return rc;
}


int
msync_store_check_expressions(msync_store_t *store, msync_finding_pt each,
    void *data, msync_err_t *err)
{
    int              rc = MSYNC_OK;
    char            *text;
    size_t           i;
    replace_ways_t   ways;

    const msync_table_t  *table;

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        table = &store->catalogue->tables[i];

        if (table->push == 0) {
            continue;
        }

        rc = replace_read(store, table, &ways, err);

        if (rc == MSYNC_OK && ways.unseen) {
            text = sqlite3_mprintf("table \"%s\": it has a UNIQUE index of an "
                                   "expression; a row that INSERT OR REPLACE "
                                   "removes by that is not deleted at "
                                   "central", table->sql);
            each(data, text ? text : table->sql);
            sqlite3_free(text);
        }

        replace_clear(&ways);
    }

    return rc;
}
