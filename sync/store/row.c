/*
 * Rows of the catalogue's tables, as integration writes them.
 *
 * Promises: a row that the database refuses for what it holds is an error of
 * that record and undoes nothing else; a foreign key that is not met is
 * named by its field and the id that is missing.
 */

#include <stdio.h>
#include <string.h>

#include "store/store_private.h"

#define ROW_MASK_BITS  62        /* of an integer of SQLite's, without sign */

/* not INSERT ON CONFLICT DO UPDATE: with that SQLite lets no INSERT OR IGNORE
 * nor OR REPLACE of the application's triggers ignore or replace anything */
typedef enum {
    ROW_INSERT = 0,
    ROW_UPDATE
} row_write_e;


static bool row_is_wire_field(const msync_table_t *table, size_t i);
static void row_blame(msync_store_t *store, msync_err_t *err);
static int row_fault(msync_store_t *store, const char *what, msync_err_t *err);
static sqlite3_stmt *row_prepare(msync_store_t *store, char *sql,
    msync_err_t *err);
static int row_choose(msync_store_t *store, const msync_table_t *table,
    const char **or_abort, msync_err_t *err);
static void row_put_insert(sqlite3_str *sql, const msync_table_t *table,
    const char *or_abort);
static void row_put_changes(sqlite3_str *sql, const msync_table_t *table);
static sqlite3_stmt *row_statement(msync_store_t *store,
    const msync_table_t *table, row_write_e write, msync_err_t *err);
static int row_explain_foreign_key(msync_store_t *store,
    const msync_row_t *row, const msync_field_t **at, bool *missing,
    msync_err_t *err);
static void row_explain_column(const msync_table_t *table, int code,
    msync_err_t *err);
static int row_write(msync_store_t *store, const msync_row_t *row,
    row_write_e write, msync_err_t *err);
static void row_bind_masks(sqlite3_stmt *stmt, const msync_row_t *row);
static int row_put(msync_store_t *store, const msync_row_t *row,
    msync_err_t *err);
static int row_put_carefully(msync_store_t *store, const msync_row_t *row,
    bool look, const msync_field_t **at, msync_err_t *err);
static int row_has_key(msync_store_t *store, const msync_field_t *field,
    const msync_table_t *table, bool *has, msync_err_t *err);


static bool
row_is_wire_field(const msync_table_t *table, size_t i)
{
    return !table->fields[i].local_only;
}


/*
 * A constraint or a value is the record's fault, and so is what SQLite calls
 * an error in SQL, for ours is sound: the application's triggers or
 * constraints of that table name a function, table or column that is not
 * here, or fail.  The rest is ours.
 */

static void
row_blame(msync_store_t *store, msync_err_t *err)
{
    int  code = sqlite3_errcode(store->db) & 0xff;

    if (code == SQLITE_CONSTRAINT || code == SQLITE_MISMATCH
        || code == SQLITE_TOOBIG || code == SQLITE_ERROR)
    {
        msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR, "%s",
                      sqlite3_errmsg(store->db));
        err->scope = MSYNC_SCOPE_RECORD;

    } else {
        err->scope = MSYNC_SCOPE_RUN;
    }
}


static int
row_fault(msync_store_t *store, const char *what, msync_err_t *err)
{
    msync_store_fault(store, what, err);
    row_blame(store, err);

    return MSYNC_ERROR;
}


/* a statement that writes rows, of a text that it takes over */

static sqlite3_stmt *
row_prepare(msync_store_t *store, char *sql, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare_own(store, sql, err);

    if (stmt == NULL) {
        row_blame(store, err);
    }

    return stmt;
}


/*
 * Where the application has declared a UNIQUE ON CONFLICT REPLACE or IGNORE, a
 * row of central's would take the place of another one, or be left out, and
 * nobody would know: there, and only there, for it overrides the application's
 * triggers, too, the statement itself says what a conflict is.
 */

static int
row_choose(msync_store_t *store, const msync_table_t *table,
    const char **or_abort, msync_err_t *err)
{
    bool  declared;

    if (msync_store_found_own(store,
            sqlite3_mprintf("SELECT 1 FROM sqlite_master WHERE type = 'table' "
                            "AND name = %Q COLLATE NOCASE AND sql LIKE "
                            "'%%ON%%CONFLICT%%'", table->sql), &declared, err)
        != MSYNC_OK)
    {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    *or_abort = declared ? " OR ABORT" : "";
    return MSYNC_OK;
}


/* SQL of an insert, with an argument for each field */

static void
row_put_insert(sqlite3_str *sql, const msync_table_t *table,
    const char *or_abort)
{
    size_t  i;

    sqlite3_str_appendf(sql, "INSERT%s INTO \"%w\" (", or_abort, table->sql);

    for (i = 0; i < table->n; i++) {
        if (row_is_wire_field(table, i)) {
            sqlite3_str_appendf(sql, "\"%w\", ", table->fields[i].name);
        }
    }

    sqlite3_str_appendall(sql, "msync_extra) VALUES (");

    for (i = 0; i < table->n; i++) {
        if (row_is_wire_field(table, i)) {
            sqlite3_str_appendf(sql, "?%d, ", (int) i + 1);
        }
    }

    sqlite3_str_appendf(sql, "?%d)", (int) table->n + 1);
}


/*
 * The assignments of an update: local fields of an existing row are left alone,
 * and so are those that did not come, whose bits are not set in the masks
 * behind the values.
 */

static void
row_put_changes(sqlite3_str *sql, const msync_table_t *table)
{
    size_t       i;
    const char  *name;

    for (i = 0; i < table->n; i++) {
        if (row_is_wire_field(table, i) && i != table->key) {
            name = table->fields[i].name;
            sqlite3_str_appendf(sql, "\"%w\" = iif(?%d & %lld, ?%d, "
                                "\"%w\".\"%w\"), ", name,
                                (int) (table->n + 2 + i / ROW_MASK_BITS),
                                1LL << i % ROW_MASK_BITS, (int) i + 1,
                                table->sql, name);
        }
    }

    /* central sends it again, so it lives again */
    if (table->soft_is_local) {
        sqlite3_str_appendf(sql, "\"%w\" = %s, ", table->soft_column,
                            table->soft_is_time ? "NULL" : "0");
    }

    sqlite3_str_appendf(sql, "msync_extra = ?%d", (int) table->n + 1);
}


static sqlite3_stmt *
row_statement(msync_store_t *store, const msync_table_t *table,
    row_write_e write, msync_err_t *err)
{
    const char           *or_abort, *key = table->fields[table->key].name;
    sqlite3_str          *sql;
    sqlite3_stmt        **stmt;
    msync_table_stmts_t  *stmts;

    stmts = &store->tables[table - store->catalogue->tables];
    stmt = write == ROW_INSERT ? &stmts->insert : &stmts->update;

    if (*stmt != NULL) {
        return *stmt;
    }

    if (row_choose(store, table, &or_abort, err) != MSYNC_OK) {
        return NULL;
    }

    sql = sqlite3_str_new(NULL);

    if (write == ROW_UPDATE) {
        sqlite3_str_appendf(sql, "UPDATE%s \"%w\" SET ", or_abort,
                            table->sql);
        row_put_changes(sql, table);
        sqlite3_str_appendf(sql, " WHERE \"%w\" = ?%d", key,
                            (int) table->key + 1);

    } else {
        row_put_insert(sql, table, or_abort);
    }

    *stmt = row_prepare(store, sqlite3_str_finish(sql), err);

    return *stmt;
}


void
msync_store_bind(sqlite3_stmt *stmt, int at, const msync_value_t *value)
{
    switch (value->kind) {

    case MSYNC_VALUE_INTEGER:
        sqlite3_bind_int64(stmt, at, value->integer);
        break;

    case MSYNC_VALUE_REAL:
        sqlite3_bind_double(stmt, at, value->real);
        break;

    case MSYNC_VALUE_TEXT:
        sqlite3_bind_text(stmt, at, value->text, (int) value->length,
                          SQLITE_STATIC);
        break;

    default:
        sqlite3_bind_null(stmt, at);
        break;
    }
}


int
msync_store_row_exists(msync_store_t *store, const msync_table_t *table,
    const char *id, bool *exists, msync_err_t *err)
{
    msync_table_stmts_t  *stmts;

    stmts = &store->tables[table - store->catalogue->tables];

    if (stmts->exists == NULL) {
        stmts->exists = msync_store_prepare_own(store,
            sqlite3_mprintf("SELECT 1 FROM \"%w\" AS t WHERE "
                            MSYNC_SQL_IS_ROW, table->sql,
                            table->fields[table->key].name,
                            table->fields[table->key].name), err);
    }

    if (stmts->exists == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmts->exists, 1, id, -1, SQLITE_STATIC);

    return msync_store_found(store, stmts->exists, exists, table->name, err);
}


/* whether the database insists on it: the application may have a foreign key
 * where the catalogue has none, and none where that has one */

static int
row_has_key(msync_store_t *store, const msync_field_t *field,
    const msync_table_t *table, bool *has, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_HAS_KEY, "SELECT 1 FROM "
                            "pragma_foreign_key_list(?1) WHERE \"from\" = "
                            "?2 COLLATE NOCASE", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table->sql, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, field->name, -1, SQLITE_STATIC);

    return msync_store_found(store, stmt, has, "looking for a foreign key",
                             err);
}


/* one statement for each question: few records ask it */

int
msync_store_row_differs(msync_store_t *store, const msync_row_t *row,
    bool *differs, msync_err_t *err)
{
    int                   rc;
    size_t                i;
    int64_t               site = -1;
    sqlite3_str          *sql;
    sqlite3_stmt         *stmt;
    const msync_table_t  *table = row->table, *stores;

    *differs = false;
    stores = msync_catalogue_find(store->catalogue, "store");

    if (row->side != MSYNC_V7
        && (stores == NULL || table->store_field == NULL
            || table->store_via != NULL))
    {
        return MSYNC_OK;
    }

    sql = sqlite3_str_new(NULL);
    sqlite3_str_appendf(sql, "SELECT 1 FROM \"%w\" AS t WHERE t.\"%w\" = "
                        "?%d AND ", table->sql,
                        table->fields[table->key].name,
                        (int) table->key + 1);

    if (row->side != MSYNC_V7) {
        sqlite3_str_appendf(sql, "t.\"%w\" IN (SELECT s.\"%w\" FROM \"%w\" "
                            "AS s WHERE s.\"sync_id_remote_site\" = ?%d) "
                            "AND ", table->store_field->name,
                            stores->fields[stores->key].name, stores->sql,
                            (int) table->n + 1);
    }

    sqlite3_str_appendall(sql, "NOT (1");

    for (i = 0; i < table->n; i++) {
        if (row->present[i]) {
            sqlite3_str_appendf(sql, " AND t.\"%w\" IS ?%d",
                                table->fields[i].name, (int) i + 1);
        }
    }

    sqlite3_str_appendall(sql, ")");
    stmt = row_prepare(store, sqlite3_str_finish(sql), err);

    if (stmt == NULL
        || msync_store_get_int(store, MSYNC_KEY_SITE_ID, &site, err)
           != MSYNC_OK)
    {
        sqlite3_finalize(stmt);
        return MSYNC_ERROR;
    }

    for (i = 0; i < table->n; i++) {
        if (row->present[i]) {
            msync_store_bind(stmt, (int) i + 1, &row->values[i]);
        }
    }

    sqlite3_bind_int64(stmt, (int) table->n + 1, site);
    rc = msync_store_found(store, stmt, differs, table->name, err);
    sqlite3_finalize(stmt);

    return rc;
}


/* which parent is missing; SQLite itself does not tell */

static int
row_explain_foreign_key(msync_store_t *store, const msync_row_t *row,
    const msync_field_t **at, bool *missing, msync_err_t *err)
{
    bool                  exists, insists;
    size_t                i;
    const msync_field_t  *field;

    for (i = 0; i < row->table->n; i++) {
        field = &row->table->fields[i];

        if (field->target == NULL
            || row->values[i].kind != MSYNC_VALUE_TEXT)
        {
            continue;
        }

        if (msync_store_row_exists(store, field->target, row->values[i].text,
                                   &exists, err) != MSYNC_OK
            || (!exists && row_has_key(store, field, row->table, &insists,
                                       err) != MSYNC_OK))
        {
            return MSYNC_ERROR;
        }

        if (!exists && insists) {
            *at = field;
            *missing = true;
            msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                          "field \"%s\": there is no %s \"%.64s\" yet",
                          field->name, field->target->name,
                          row->values[i].text);
            err->scope = MSYNC_SCOPE_RECORD;
            return MSYNC_ERROR;
        }
    }

    msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                  "a foreign key is not met");
    err->scope = MSYNC_SCOPE_RECORD;

    return MSYNC_ERROR;
}


/* a constraint on a column that only the application has, which central's
 * records leave as it is by default: "NOT NULL constraint failed: t.column" */

static void
row_explain_column(const msync_table_t *table, int code, msync_err_t *err)
{
    size_t       i;
    char         said[256];
    const char  *column = strrchr(err->text, '.');

    if ((code != SQLITE_CONSTRAINT_NOTNULL && code != SQLITE_CONSTRAINT_UNIQUE)
        || column == NULL || strchr(err->text, ',') != NULL)
    {
        return;
    }

    for (i = 0; i < table->n; i++) {
        if (sqlite3_stricmp(table->fields[i].name, column + 1) == 0) {
            return;
        }
    }

    snprintf(said, sizeof(said), "%.200s", err->text);
    (void) msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR, "%s; the "
                         "application alone has that column, and central no "
                         "value for it: %s, or let msync's table have another "
                         "name (\"rename\" in the file of the directive "
                         "\"tables\")", said,
                         code == SQLITE_CONSTRAINT_NOTNULL
                         ? "give it a default" : "let it be NULL");
    err->scope = MSYNC_SCOPE_RECORD;
}


/* SQLITE_DONE, or SQLite's extended code with the fault in err */

static int
row_write(msync_store_t *store, const msync_row_t *row, row_write_e write,
    msync_err_t *err)
{
    int            code;
    size_t         i;
    sqlite3_stmt  *stmt;

    stmt = row_statement(store, row->table, write, err);
    if (stmt == NULL) {
        return SQLITE_ERROR;
    }

    for (i = 0; i < row->table->n; i++) {
        if (row_is_wire_field(row->table, i)) {
            msync_store_bind(stmt, i + 1, &row->values[i]);
        }
    }

    sqlite3_bind_text(stmt, row->table->n + 1, row->extra, -1,
                      SQLITE_STATIC);

    if (write != ROW_INSERT) {
        row_bind_masks(stmt, row);
    }

    code = sqlite3_step(stmt);

    if (code != SQLITE_DONE) {
        code = sqlite3_extended_errcode(store->db);
        row_fault(store, row->table->name, err);
        row_explain_column(row->table, code, err);

    } else if (msync_store_ignored(store, err) != MSYNC_OK) {
        code = SQLITE_CONSTRAINT_TRIGGER;
    }

    sqlite3_reset(stmt);
    return code;
}


/* the masks behind the values: a bit for each field that came */

static void
row_bind_masks(sqlite3_stmt *stmt, const msync_row_t *row)
{
    size_t   i;
    int64_t  mask = 0;

    for (i = 0; i < row->table->n; i++) {
        if (row->present[i]) {
            mask |= INT64_C(1) << i % ROW_MASK_BITS;
        }

        if (i + 1 == row->table->n || (i + 1) % ROW_MASK_BITS == 0) {
            sqlite3_bind_int64(stmt,
                               (int) (row->table->n + 2 + i / ROW_MASK_BITS),
                               mask);
            mask = 0;
        }
    }
}


/* on a first sync a row is hardly ever there, and an insert alone is
 * cheaper */

static int
row_put(msync_store_t *store, const msync_row_t *row, msync_err_t *err)
{
    int          code = SQLITE_DONE;
    bool         exists;
    const char  *id = row->values[row->table->key].text;

    if (store->filling && row->lacking == NULL) {
        code = row_write(store, row, ROW_INSERT, err);

        if ((code != SQLITE_CONSTRAINT_PRIMARYKEY
             && code != SQLITE_CONSTRAINT_UNIQUE)
            || !msync_store_in_transaction(store))
        {
            return code;
        }
    }

    if (msync_store_row_exists(store, row->table, id, &exists, err)
        != MSYNC_OK)
    {
        err->scope = MSYNC_SCOPE_RUN;
        return SQLITE_ERROR;
    }

    if (exists) {
        msync_err_clear(err);
        return row_write(store, row, ROW_UPDATE, err);
    }

    /* the record lacks a field that may not be null: it can change a row, not
     * make one */

    if (row->lacking != NULL) {
        msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                      "field \"%s\" is missing", row->lacking->name);
        err->scope = MSYNC_SCOPE_RECORD;

        return SQLITE_CONSTRAINT_NOTNULL;
    }

    return code == SQLITE_DONE ? row_write(store, row, ROW_INSERT, err) : code;
}


/* `look`: whether what is there then is what came */

static int
row_put_carefully(msync_store_t *store, const msync_row_t *row, bool look,
    const msync_field_t **at, msync_err_t *err)
{
    int   rc, code;
    bool  violated;

    if (msync_store_savepoint(store, &violated, err) != MSYNC_OK) {
        return SQLITE_ERROR;
    }

    code = row_put(store, row, err);

    if (code == SQLITE_DONE && look
        && msync_store_is_kept(store, row, at, err) != MSYNC_OK)
    {
        code = SQLITE_MISMATCH;
    }

    rc = code == SQLITE_DONE ? MSYNC_OK : MSYNC_ERROR;

    if (msync_store_savepoint_end(store, violated, rc, err) != MSYNC_OK
        && code == SQLITE_DONE)
    {
        code = err->scope == MSYNC_SCOPE_RECORD ? SQLITE_CONSTRAINT_FOREIGNKEY
                                                : SQLITE_ERROR;
    }

    return code;
}


int
msync_store_row_upsert(msync_store_t *store, const msync_row_t *row,
    bool careful, const msync_field_t **at, bool *missing, msync_err_t *err)
{
    int                   code;
    bool                  look;
    const msync_value_t  *id = &row->values[row->table->key];

    *at = NULL;
    *missing = false;
    msync_store_waiting_note(store, row->table);

    if (msync_store_may_alter(store, row->table, &look, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    code = careful || look ? row_put_carefully(store, row, look, at, err)
                           : row_put(store, row, err);

    if (code == SQLITE_DONE) {
        return id->kind == MSYNC_VALUE_TEXT
               ? msync_store_came(store, row->table, id->text, err) : MSYNC_OK;
    }

    if (code == SQLITE_CONSTRAINT_NOTNULL) {
        *at = row->lacking;
    }

    return code == SQLITE_CONSTRAINT_FOREIGNKEY
           ? row_explain_foreign_key(store, row, at, missing, err)
           : MSYNC_ERROR;
}


int
msync_store_run_about(msync_store_t *store, char *sql, const char *id,
    const char *other, msync_err_t *err)
{
    int            rc = MSYNC_OK;
    sqlite3_stmt  *stmt;

    stmt = row_prepare(store, sql, err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);

    if (other != NULL) {
        sqlite3_bind_text(stmt, 2, other, -1, SQLITE_STATIC);
    }

    if (sqlite3_step(stmt) != SQLITE_DONE) {
        rc = row_fault(store, "row", err);
    }

    sqlite3_finalize(stmt);
    return rc;
}
