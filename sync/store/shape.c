/*
 * Tables of msync's own that somebody has made otherwise: by a view, without
 * their key, with a constraint that refuses what msync writes.
 *
 * Promises: such a table is told of, and made again with what it has, as far as
 * that can be told; what is only beside it, a column that may be empty, an
 * index, a trigger, is left, and told of where it can refuse a row.
 */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "store/schema_private.h"
#include "store/store_private.h"
#include "base/log.h"

#define SHAPE_NEW   "msync_made_again"     /* while its rows are copied */

/* a column as it is declared */
typedef struct {
    char  name[64];
    bool  integer;
    bool  required;                /* NOT NULL, and no default */
    bool  not_null;
    int   key;                     /* its place in the key, 0: none */
} shape_column_t;

typedef struct {
    bool  tables[MSYNC_OWN_TABLES];    /* that are to be made again */
} shape_faults_t;


static const msync_object_t *shape_find(const msync_look_t *look,
    const char *type, const char *name);
static size_t shape_count_word(const char *sql, const char *word);
static size_t shape_count_words(const msync_own_table_t *table,
    const char *word);
static shape_column_t shape_expected(const msync_own_table_t *table,
    size_t i);
static int shape_place(const char *key, const char *name);
static const char *shape_text_fault(const msync_own_table_t *table,
    const char *sql);
static int shape_find_lists(msync_store_t *store,
    const msync_own_table_t *table, const char **fault, msync_err_t *err);
static void shape_column_fault(const msync_own_table_t *table,
    sqlite3_stmt *stmt, uint64_t *seen, const char **fault);
static const char *shape_missing_fault(const msync_own_table_t *table,
    uint64_t seen);
static int shape_find_columns(msync_store_t *store,
    const msync_own_table_t *table, const char **fault, msync_err_t *err);
static bool shape_is_guard(const char *name);
static void shape_note(void *data, const msync_lost_t *lost);
static bool shape_has(const msync_own_table_t *table, const char *column);
static int shape_put_copy(msync_store_t *store, const msync_own_table_t *table,
    sqlite3_str *sql, msync_err_t *err);
static int shape_make_again(msync_store_t *store,
    const msync_own_table_t *table, msync_err_t *err);


static const msync_object_t *
shape_find(const msync_look_t *look, const char *type, const char *name)
{
    size_t  i;

    for (i = 0; i < look->n; i++) {
        if (sqlite3_stricmp(look->objects[i].name, name) == 0
            && strcmp(look->objects[i].type, type) == 0)
        {
            return &look->objects[i];
        }
    }

    return NULL;
}


/* how often a word stands in SQL, whatever it means there */

static size_t
shape_count_word(const char *sql, const char *word)
{
    size_t       n = 0, length = strlen(word);
    const char  *p;

    for (p = sql; *p != '\0'; p++) {
        if (sqlite3_strnicmp(p, word, (int) length) == 0
            && !isalnum((unsigned char) p[length]) && p[length] != '_'
            && (p == sql
                || (!isalnum((unsigned char) p[-1]) && p[-1] != '_')))
        {
            n++;
        }
    }

    return n;
}


static size_t
shape_count_words(const msync_own_table_t *table, const char *word)
{
    size_t  i, n = 0;

    for (i = 0; table->columns[i] != NULL; i++) {
        n += shape_count_word(table->columns[i], word);
    }

    return n;
}


static shape_column_t
shape_expected(const msync_own_table_t *table, size_t i)
{
    const char      *definition = table->columns[i];
    shape_column_t   column = { 0 };

    msync_store_own_column(definition, column.name);
    column.integer = strstr(definition, " INTEGER PRIMARY KEY") != NULL;
    column.not_null = strstr(definition, "NOT NULL") != NULL;
    column.required = column.not_null
                      && strstr(definition, "DEFAULT") == NULL;
    column.key = table->key != NULL ? shape_place(table->key, column.name)
                 : strstr(definition, "PRIMARY KEY") != NULL;

    return column;
}


/* the place of a name in a list such as "a, b, c", from 1; 0: it has none */

static int
shape_place(const char *key, const char *name)
{
    int          place = 1;
    size_t       length;
    const char  *p = key;

    for ( ;; ) {
        length = strcspn(p, ",");

        if (strlen(name) == length && strncmp(p, name, length) == 0) {
            return place;
        }

        if (p[length] == '\0') {
            return 0;
        }

        p += length + strspn(p + length, ", ");
        place++;
    }
}


/* what only its SQL says */

static const char *
shape_text_fault(const msync_own_table_t *table, const char *sql)
{
    if (shape_count_word(sql, "VIRTUAL") > 0) {
        return "is a virtual table";
    }

    if (shape_count_word(sql, "CHECK") > shape_count_words(table, "CHECK")) {
        return "has another CHECK";
    }

    return shape_count_word(sql, "AUTOINCREMENT")
           < shape_count_words(table, "AUTOINCREMENT")
           ? "numbers its rows otherwise" : NULL;
}


/* constraints, and how its rows are stored */

static int
shape_find_lists(msync_store_t *store, const msync_own_table_t *table,
    const char **fault, msync_err_t *err)
{
    int            code;
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_SHAPE_LISTS, "SELECT (SELECT wr "
               "FROM pragma_table_list(?1) WHERE schema = 'main'), EXISTS "
               "(SELECT 1 FROM pragma_foreign_key_list(?1)), EXISTS (SELECT 1 "
               "FROM pragma_index_list(?1) WHERE origin = 'u')", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
    code = sqlite3_step(stmt);

    if (code == SQLITE_ROW) {
        *fault = sqlite3_column_int(stmt, 0) ? "is WITHOUT ROWID"
                 : sqlite3_column_int(stmt, 1) ? "has a foreign key"
                 : sqlite3_column_int(stmt, 2) ? "has another UNIQUE" : NULL;

    } else {
        (void) msync_store_fault(store, table->name, err);
    }

    sqlite3_reset(stmt);
    return code == SQLITE_ROW ? MSYNC_OK : MSYNC_ERROR;
}


/* the row of pragma_table_info that the statement is at */

static void
shape_column_fault(const msync_own_table_t *table, sqlite3_stmt *stmt,
    uint64_t *seen, const char **fault)
{
    int              key = sqlite3_column_int(stmt, 4);
    bool             not_null, fallback;
    size_t           i;
    const char      *name, *type;
    shape_column_t   expected;

    name = (const char *) sqlite3_column_text(stmt, 0);
    type = (const char *) sqlite3_column_text(stmt, 1);
    not_null = sqlite3_column_int(stmt, 2) != 0;
    fallback = sqlite3_column_type(stmt, 3) != SQLITE_NULL;

    for (i = 0; table->columns[i] != NULL; i++) {
        expected = shape_expected(table, i);

        if (sqlite3_stricmp(expected.name, name) != 0) {
            continue;
        }

        *seen |= (uint64_t) 1 << i;

        if (key != expected.key
            || (expected.integer && sqlite3_stricmp(type, "INTEGER") != 0))
        {
            *fault = "has another key";

        } else if (not_null && !expected.not_null && key == 0) {
            *fault = "has a NOT NULL that msync's has not";
        }

        return;
    }

    if (key != 0) {
        *fault = "has another key";

    } else if (not_null && !fallback) {
        *fault = "has a column that msync gives no value";
    }
}


/* a column that ALTER TABLE cannot add */

static const char *
shape_missing_fault(const msync_own_table_t *table, uint64_t seen)
{
    size_t          i;
    shape_column_t  expected;

    for (i = 0; table->columns[i] != NULL; i++) {
        expected = shape_expected(table, i);

        if (!(seen & (uint64_t) 1 << i)
            && (expected.required || expected.key != 0))
        {
            return "lacks a column";
        }
    }

    return NULL;
}


static int
shape_find_columns(msync_store_t *store, const msync_own_table_t *table,
    const char **fault, msync_err_t *err)
{
    int            code;
    uint64_t       seen = 0;
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_SHAPE_COLUMNS, "SELECT name, "
                            "type, \"notnull\", dflt_value, pk FROM "
                            "pragma_table_info(?1)", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        shape_column_fault(table, stmt, &seen, fault);
    }

    if (code != SQLITE_DONE) {
        (void) msync_store_fault(store, table->name, err);

    } else if (*fault == NULL) {
        *fault = shape_missing_fault(table, seen);
    }

    sqlite3_reset(stmt);
    return code == SQLITE_DONE ? MSYNC_OK : MSYNC_ERROR;
}


int
msync_store_check_shape(const msync_look_t *look,
    const msync_own_table_t *table, bool *sound, msync_err_t *err)
{
    char                   text[256];
    const char            *fault = NULL;
    msync_lost_t           lost = { MSYNC_LOST_SHAPE, NULL, "table",
                                    table->name, true, text };
    const msync_object_t  *found;

    found = shape_find(look, "table", table->name);
    *sound = found != NULL;

    if (found != NULL) {
        /* rows are numbered by the name, letter by letter */
        fault = strcmp(found->name, table->name) != 0
                ? "has a name of other letters"
                : shape_text_fault(table, found->sql ? found->sql : "");

        if (fault == NULL
            && (shape_find_lists(look->store, table, &fault, err) != MSYNC_OK
                || (fault == NULL
                    && shape_find_columns(look->store, table, &fault, err)
                       != MSYNC_OK)))
        {
            return MSYNC_ERROR;
        }

    } else if (shape_find(look, "view", table->name) != NULL) {
        fault = "is a view";

    } else {
        msync_store_check_object(look, NULL, "table", table->name, NULL);
    }

    if (fault != NULL) {
        *sound = false;
        snprintf(text, sizeof(text), "table \"%s\" is not as msync makes it: "
                 "it %s; the helper makes it again when it starts",
                 table->name, fault);
        look->each(look->data, &lost);
    }

    return MSYNC_OK;
}


static bool
shape_is_guard(const char *name)
{
    size_t  i;

    for (i = 0; i < MSYNC_GUARD_MAX; i++) {
        if (sqlite3_stricmp(name, msync_store_guards[i]) == 0) {
            return true;
        }
    }

    return false;
}


/* triggers and unique indexes of the application's on such a table: they can
 * refuse what msync writes, and through it what the application does */

int
msync_store_check_strangers(const msync_look_t *look, msync_err_t *err)
{
    int            code;
    char           text[512];
    const char    *type, *name;
    sqlite3_str   *sql;
    sqlite3_stmt  *stmt;
    msync_lost_t   lost = { MSYNC_LOST_STRANGER, NULL, NULL, NULL, true,
                            text };

    const msync_own_table_t  *table;

    sql = sqlite3_str_new(look->store->db);
    sqlite3_str_appendall(sql, "SELECT type, name, tbl_name FROM "
                          "sqlite_master WHERE (type = 'trigger' OR (type = "
                          "'index' AND sql LIKE 'CREATE UNIQUE%')) AND "
                          "tbl_name COLLATE NOCASE IN (");

    for (table = msync_store_own_tables; table->name != NULL; table++) {
        sqlite3_str_appendf(sql, "%s%Q", table == msync_store_own_tables
                                         ? "" : ", ", table->name);
    }

    sqlite3_str_appendall(sql, ") ORDER BY name");
    stmt = msync_store_prepare_own(look->store, sqlite3_str_finish(sql), err);

    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        type = (const char *) sqlite3_column_text(stmt, 0);
        name = (const char *) sqlite3_column_text(stmt, 1);

        if (msync_store_is_own_index(name) || shape_is_guard(name)) {
            continue;
        }

        snprintf(text, sizeof(text), "the application's %s \"%.128s\" is on "
                 "\"%.128s\", a table of msync's own: what it refuses stops "
                 "the sync, and the application itself; drop it", type, name,
                 (const char *) sqlite3_column_text(stmt, 2));
        lost.type = type;
        lost.name = name;
        look->each(look->data, &lost);
    }

    if (code != SQLITE_DONE) {
        (void) msync_store_fault(look->store, "reading the schema", err);
    }

    sqlite3_finalize(stmt);
    return code == SQLITE_DONE ? MSYNC_OK : MSYNC_ERROR;
}


static void
shape_note(void *data, const msync_lost_t *lost)
{
    size_t           i;
    shape_faults_t  *faults = data;

    for (i = 0; lost->what == MSYNC_LOST_SHAPE
                && msync_store_own_tables[i].name != NULL; i++)
    {
        if (strcmp(msync_store_own_tables[i].name, lost->name) == 0) {
            faults->tables[i] = true;
        }
    }
}


static bool
shape_has(const msync_own_table_t *table, const char *column)
{
    char    name[64];
    size_t  i;

    for (i = 0; table->columns[i] != NULL; i++) {
        msync_store_own_column(table->columns[i], name);

        if (sqlite3_stricmp(name, column) == 0) {
            return true;
        }
    }

    return false;
}


/*
 * Copies what there is.  ALTER TABLE RENAME COLUMN leaves a column at its
 * place: one that is missing is the one that stands there and is not msync's.
 */

static int
shape_put_copy(msync_store_t *store, const msync_own_table_t *table,
    sqlite3_str *sql, msync_err_t *err)
{
    int            rc;
    char          *from, name[64];
    size_t         i;
    sqlite3_str   *to = sqlite3_str_new(NULL), *of = sqlite3_str_new(NULL);
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, "SELECT name FROM pragma_table_info(?1) "
                               "WHERE name = ?2 COLLATE NOCASE OR cid = ?3 "
                               "ORDER BY name <> ?2 COLLATE NOCASE LIMIT 1",
                               err);
    rc = stmt != NULL ? MSYNC_OK : MSYNC_ERROR;

    for (i = 0; rc == MSYNC_OK && table->columns[i] != NULL; i++) {
        msync_store_own_column(table->columns[i], name);
        sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
        sqlite3_bind_int(stmt, 3, (int) i);
        rc = msync_store_text(store, stmt, &from, table->name, err);

        if (rc == MSYNC_OK && from != NULL
            && (sqlite3_stricmp(from, name) == 0 || !shape_has(table, from)))
        {
            sqlite3_str_appendf(to, "%s%s", sqlite3_str_length(to) ? ", " : "",
                                name);
            sqlite3_str_appendf(of, "%s\"%w\"",
                                sqlite3_str_length(of) ? ", " : "", from);
        }

        msync_free(&from);
    }

    if (rc == MSYNC_OK && sqlite3_str_length(to) > 0) {
        sqlite3_str_appendf(sql, "INSERT OR IGNORE INTO " SHAPE_NEW " (%s) "
                            "SELECT %s FROM %s;\n", sqlite3_str_value(to),
                            sqlite3_str_value(of), table->name);
    }

    sqlite3_finalize(stmt);
    sqlite3_free(sqlite3_str_finish(to));
    sqlite3_free(sqlite3_str_finish(of));

    return rc;
}


static int
shape_make_again(msync_store_t *store, const msync_own_table_t *table,
    msync_err_t *err)
{
    int           rc;
    bool          view;
    sqlite3_str  *sql;
    msync_err_t   fault;

    sql = sqlite3_str_new(store->db);
    sqlite3_str_appendall(sql, "DROP TABLE IF EXISTS " SHAPE_NEW ";\n");
    msync_store_put_own_table(sql, table, SHAPE_NEW);

    if (msync_store_exec_str(store, sql, err) != MSYNC_OK
        || msync_store_found_own(store,
               sqlite3_mprintf("SELECT 1 FROM sqlite_master WHERE type = "
                               "'view' AND name = %Q COLLATE NOCASE",
                               table->name), &view, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    sql = sqlite3_str_new(store->db);

    rc = shape_put_copy(store, table, sql, &fault);

    if (rc == MSYNC_OK) {
        rc = msync_store_exec_str(store, sql, &fault);

    } else {
        sqlite3_free(sqlite3_str_finish(sql));
    }

    if (rc != MSYNC_OK) {

        /* a view of what is not there, for one; not a full disk */
        if ((sqlite3_errcode(store->db) & 0xff) != SQLITE_ERROR) {
            *err = fault;
            return MSYNC_ERROR;
        }

        msync_log_err(&fault, "what the table had is lost");
    }

    sql = sqlite3_str_new(store->db);
    sqlite3_str_appendf(sql, "DROP %s %s;\nALTER TABLE " SHAPE_NEW " RENAME TO "
                        "%s;\n", view ? "VIEW" : "TABLE", table->name,
                        table->name);

    /* triggers name it, which is not there for a moment */
    (void) sqlite3_db_config(store->db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 1,
                             NULL);
    rc = msync_store_exec_str(store, sql, err);
    (void) sqlite3_db_config(store->db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 0,
                             NULL);

    return rc;
}


int
msync_store_mend_shapes(msync_store_t *store, msync_err_t *err)
{
    size_t          i;
    shape_faults_t  faults = { 0 };

    if (msync_store_check_schema(store, false, shape_note, &faults, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    for (i = 0; msync_store_own_tables[i].name != NULL; i++) {
        if (faults.tables[i]
            && shape_make_again(store, &msync_store_own_tables[i], err)
               != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}
